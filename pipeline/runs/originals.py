"""Photos that are sent as they are, to a container that is not ours: which of them a transform job may be given.

One object that is too large for its container, or whose answer has no key that it could be stored under, makes a whole
job Failed. So it is left out of the job's manifest beforehand, and is `failed` with this reason; the rule looks at
nothing but the photo and its run, so that whoever asks later hears the same.
"""

from dataclasses import dataclass

from pipeline.contract import ImagePayload
from pipeline.runs import keys
from pipeline.shards import Row

LONGEST_KEY = 1024
"""Bytes of UTF-8 (S3 User Guide, "Naming Amazon S3 objects")."""

_ANY_PARTITION = "p0000"  # all are as long


@dataclass(frozen=True, slots=True)
class NotSent:
    """Why a photo is not sent: a name for tables, and a sentence."""

    error: str
    detail: str


def why_not_sent(row: Row, payload: ImagePayload, run_id: str) -> NotSent | None:
    """None for a photo that a job may be given."""
    if row.size > payload.max_bytes:
        return NotSent(
            "TooLargeForContainer",
            f"{row.size:,} bytes; the contract says that the container takes {payload.max_payload_mb} MB"
            f" ({payload.max_bytes:,} bytes) at most. If it takes more, set payload.max_payload_mb.",
        )
    answer = keys.answer_key(run_id, _ANY_PARTITION, row.key)
    if (length := len(answer.encode())) > LONGEST_KEY:
        return NotSent(
            "KeyTooLong",
            f"the key of its answer would have {length:,} bytes, and S3 takes {LONGEST_KEY:,}. Shorten the photo's key"
            f" by {length - LONGEST_KEY:,}.",
        )
    return None
