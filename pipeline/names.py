"""Names: readable where people read them, hashed where they must be unique, short enough for the service they go to.

    run id         2026-11-20T0200-incoming-7f3a9c              sorts by time; the hash is of what triggered the run
    batch id       9f86d081884c7d659a2f                         a hash of what the batch holds
    shard id       9f86d081884c7d659a2f-0                       its batch, and a counter
    partition id   p0000
    job name       imagebatch-2026-11-20T0200-incoming-7f3a9c-p0000
                   imagebatch-daisy-9f86d081884c            of a job for one image

SageMaker takes job names of `[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}`, unique per account and region for ever
(CreateProcessingJob, `ProcessingJobName`). The state machine appends `-<redrive>-<wait>-<retry>`, and
the names of partitions' jobs leave room.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime

LONGEST_JOB_NAME = 63
"""Characters that SageMaker admits in the name of a job."""

LONGEST_RETRY_SUFFIX = len("-99-9-99")
LONGEST_SLUG = 24
RUN_HASH_LENGTH = 6


def fingerprint(*parts: str, length: int = 20) -> str:
    """The first `length` hexadecimal digits of a SHA-256 over `parts`.

    The parts are hashed as a JSON list, so that ("ab", "c") and ("a", "bc") differ.
    """
    canonical = json.dumps(parts, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:length]


def slug(text: str, longest: int = LONGEST_SLUG) -> str:
    """`text` as lower-case ASCII letters, digits and single inner hyphens; "" where nothing of it is left."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_text).strip("-")[:longest].rstrip("-")


def run_id(started_at: datetime, subject: str, identity: str, hash_length: int = RUN_HASH_LENGTH) -> str:
    """A name for a run: UTC minute, a slug of `subject` (its first prefix, say), a hash of `identity`.

    `identity` is what makes two triggers the same trigger. Where two identities meet in one run id, lengthen
    `hash_length`. `started_at` must know its time zone; ValueError otherwise.
    """
    if started_at.tzinfo is None:
        raise ValueError(f"started_at has no time zone: {started_at.isoformat()}. Give it one, for example UTC.")
    minute = started_at.astimezone(UTC).strftime("%Y-%m-%dT%H%M")
    return "-".join(part for part in (minute, slug(subject), fingerprint(identity, length=hash_length)) if part)


def batch_id(bucket: str, images: Iterable[tuple[str, str]], contract: str) -> str:
    """A name for a batch of `(key, etag)` pairs of `bucket`, validated for the contract with digest `contract`.

    It depends on what the batch holds and on nothing else, so a retried step overwrites its own output only. The order
    of the pairs does not count.
    """
    return fingerprint(bucket, contract, *(fingerprint(key, etag) for key, etag in sorted(images)))


def shard_id(batch: str, number: int) -> str:
    """The name of the `number`-th shard of a batch."""
    return f"{batch}-{number}"


def partition_id(number: int, resumed: int = 0) -> str:
    """The name of the `number`-th partition of a plan; partitions sort by number up to 9,999.

    `resumed` is how often the run was taken over: names of jobs, and folders, are used up.
    """
    return f"r{resumed}p{number:04d}" if resumed else f"p{number:04d}"


def partition_resumed(id: str) -> int:
    """How often the run had been taken over when a partition was planned."""
    resumed, _, _ = id.removeprefix("r").partition("p")
    return int(resumed or 0)


def job_name(prefix: str, run: str, partition: str) -> str:
    """A SageMaker job name for a partition, with room for the state machine's `-<redrive>-<wait>-<retry>`.

    A name that would be too long keeps its start and its partition, and gets a hash in between.
    """
    room = LONGEST_JOB_NAME - LONGEST_RETRY_SUFFIX
    stem = re.sub(r"[^a-zA-Z0-9]+", "-", f"{prefix}-{run}").strip("-")
    name = f"{stem}-{partition}"
    if len(name) <= room:
        return name
    tail = f"-{fingerprint(prefix, run, length=8)}-{partition}"
    return stem[: room - len(tail)].rstrip("-") + tail


def image_job_name(prefix: str, key: str, identity: str) -> str:
    """A SageMaker job name for one image: the file's name, and a hash of `identity`, which is what makes it unique."""
    file = key.rpartition("/")[2]
    stem = re.sub(r"[^a-zA-Z0-9]+", "-", prefix).strip("-")
    tail = f"-{fingerprint(identity, length=12)}"
    readable = slug(file.rpartition(".")[0] or file, LONGEST_JOB_NAME)
    return f"{stem}-{readable}"[: LONGEST_JOB_NAME - len(tail)].strip("-") + tail
