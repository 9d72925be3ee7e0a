"""Validate one batch of listed objects: a verdict for each image, and the accepted ones packed into shards.

    listed items ──► read ahead on threads ──► decoded, one at a time ──► rows of a shard ──► shards ──► S3
                                                        └──► rejected ──► quarantine ──► verdicts ──► S3
                                                                 └──► previews of some, for the report ──► S3
          └──► predicted before and unchanged: skipped, and not read ─────────────────────┘

Reading overlaps decoding. In memory are at most the objects read ahead (64 MB, or one larger object), one decoded
image, and one shard being filled, however many images a batch lists. For a container that is not ours, which takes
photos as they are, nothing is packed (pipeline/validation/packers.py).

What is judged is what S3 holds at the time of reading. Where that is no longer what was listed, the new bytes are
taken, the verdict has their ETag, and says so: predictions are of the image that is there, and an upload never fails a
run.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pipeline import names, objects
from pipeline.images import claims
from pipeline.images.decode import Decoded, Reason, decode
from pipeline.images.signatures import recognise
from pipeline.ledger import Entry
from pipeline.limits import Limits
from pipeline.read_ahead import read_ahead
from pipeline.results import causes
from pipeline.runs import keys
from pipeline.runs.control_files import is_image
from pipeline.runs.listings import ListedImage, read_items
from pipeline.runs.run import Run
from pipeline.shards import Row
from pipeline.validation import quarantine, unchanged, verdicts
from pipeline.validation.batches import Batch, Counts, beginning
from pipeline.validation.packers import Packer, open_packer
from pipeline.validation.previews import Previews
from pipeline.validation.unchanged import Known
from pipeline.validation.unreadable import why_unreadable
from pipeline.validation.verdicts import CHANGED_SINCE_LISTING, Accepted, Rejected, Skipped, Verdict

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = logging.getLogger(__name__)

# S3 answers after 20 ms and more: four threads would keep a core waiting for photos half of the time. They stay for the
# batches that the process is given later.
_READERS = ThreadPoolExecutor(16, "read-ahead")
_BYTES_AHEAD = 64_000_000
# What an image weighs whose listing does not tell: a photo of a large camera, so that eight are read ahead.
_SIZE_UNTOLD = 8_000_000


@dataclass(frozen=True)
class _Object:
    """One object as it was read."""

    data: bytes
    etag: str
    content_type: str | None

    def notes(self, item: ListedImage, format: str | None) -> tuple[str, ...]:
        """What is odd about the object, whose bytes are of `format`, and decides nothing."""
        changed = () if item.etag in (None, self.etag) else (CHANGED_SINCE_LISTING,)
        return (*claims.false_claims(item.key, self.content_type, format), *changed)


def validate_batch(
    run: Run,
    bucket: str,
    items: Sequence[Mapping[str, Any]],
    s3: "S3Client",
    condemned: Mapping[str, str] | None = None,
    dynamodb: Any = None,
) -> dict[str, Any]:
    """Validate objects of `bucket`, write their shards and verdicts, and answer with the batch result.

    `items` are as Step Functions lists them: `{"Key", "Etag", "Size"}`. With `condemned`, the error `{"Error",
    "Cause"}` that ended the function over these items, nothing is opened: each image is rejected, for crashing its
    decoder or for keeping it too long. `dynamodb` is the client for a run that has a ledger.
    """
    listed = read_items(items)
    images = [item for item in listed if is_image(item.key, run.marker)]
    batch = names.batch_id(bucket, ((item.key, item.etag or "") for item in listed), run.contract.digest)
    if condemned is not None:
        # The function that was given up on may still be running: what it writes late must not replace this verdict.
        batch = names.fingerprint(batch, "condemned")
    # Who is condemned was asked for before.
    known = unchanged.ask(run, bucket, images, dynamodb) if condemned is None else unchanged.NOTHING
    batch = known.batch_id(batch)
    packer, previews = open_packer(run, bucket, batch, len(images), s3), Previews(run)
    if condemned is None:
        found = _judge(run, bucket, images, known, packer, previews, s3)
    else:
        reason, detail = _sentence(condemned)
        found = [Rejected(bucket, item.key, item.etag or "", item.size or 0, reason, detail) for item in images]
    packer.close()
    previews.store(batch, s3)
    found = quarantine.set_apart(run, found, s3)
    accepted = sum(isinstance(verdict, Accepted) for verdict in found)
    rejected = sum(isinstance(verdict, Rejected) for verdict in found)
    skipped = len(found) - accepted - rejected
    objects.put_bytes(
        s3,
        run.bucket,
        keys.verdicts_key(run.run_id, batch),
        objects.dump_lines(map(verdicts.to_json, found)),
        "application/x-ndjson",
        {"accepted": str(accepted), "rejected": str(rejected), "skipped": str(skipped)},
    )
    logger.info("batch %s: %d accepted, %d rejected, %d skipped", batch, accepted, rejected, skipped)
    counts = Counts(len(images), len(listed) - len(images), accepted, rejected, skipped)
    first = beginning(listed[0].key) if listed else ""
    return Batch(batch, counts, tuple(packer.shards), first=first).to_json(run.run_id)


def _judge(
    run: Run,
    bucket: str,
    images: Sequence[ListedImage],
    known: Known,
    packer: Packer,
    previews: Previews,
    s3: "S3Client",
) -> list[Verdict]:
    """A verdict for each image, in order; the accepted ones are in the packer."""
    skipped = [known.skipped(bucket, item) for item in images]
    opened = [item for item, verdict in zip(images, skipped, strict=True) if verdict is None]
    judged = _open(run, bucket, opened, known, packer, previews, s3)
    return [verdict or known.noted(next(judged)) for verdict in skipped]


def _open(
    run: Run,
    bucket: str,
    images: Iterable[ListedImage],
    known: Known,
    packer: Packer,
    previews: Previews,
    s3: "S3Client",
) -> Iterator[Verdict]:
    """A verdict for each image that is to be read."""
    limits = run.limits

    def read(item: ListedImage) -> _Object | Rejected | Skipped:
        return _read(s3, bucket, item, limits, known.entry_of_untold(item))

    def weight(item: ListedImage) -> int:
        return min(_SIZE_UNTOLD if item.size is None else item.size, limits.max_bytes)

    for item, content in read_ahead(read, images, threads=_READERS, budget=_BYTES_AHEAD, weight=weight):
        if not isinstance(content, _Object):
            yield content
            continue
        decoded = decode(content.data, run.contract, limits, packer.next_row())
        if isinstance(decoded, Decoded):
            row = Row(bucket, item.key, content.etag, len(content.data), decoded.width, decoded.height)
            notes = content.notes(item, decoded.format)
            yield Accepted(row, decoded.format, decoded.conversions, notes, packer.take(row, decoded.picture))
        else:
            notes = content.notes(item, recognise(content.data))
            size = len(content.data)
            rejected = Rejected(bucket, item.key, content.etag, size, decoded.reason, decoded.detail, notes)
            previews.look(rejected, content.data)
            yield rejected


def _read(
    s3: "S3Client", bucket: str, item: ListedImage, limits: Limits, known: Entry | None
) -> _Object | Rejected | Skipped:
    """The object's bytes, unless it is too large to read, S3 refuses it for good, or it still is what `known` says."""
    unless: Any = {} if known is None else {"IfNoneMatch": f'"{known.etag}"'}

    def too_large(etag: str, size: int) -> Rejected:
        detail = f"{size:,} bytes; at most {limits.max_bytes:,} are read"
        notes = () if item.etag in (None, etag) else (CHANGED_SINCE_LISTING,)
        return Rejected(bucket, item.key, etag, size, Reason.TOO_MANY_BYTES, detail, notes)

    def read() -> _Object | Rejected:
        response = s3.get_object(Bucket=bucket, Key=item.key, **unless)
        etag = response["ETag"].strip('"')
        # Entered itself, a body gives out the bare stream, which checks neither its length nor its checksum.
        with closing(response["Body"]) as body:
            # An object that grew since it was listed is as dangerous as one that was listed large.
            if response["ContentLength"] > limits.max_bytes:
                return too_large(etag, response["ContentLength"])
            return _Object(body.read(), etag, response.get("ContentType"))

    if item.size is not None and item.size > limits.max_bytes:
        return too_large(item.etag or "", item.size)
    try:
        return objects.unbroken(read)
    except ClientError as error:
        if known is not None and objects.error_code(error) in {"304", "NotModified"}:
            return Skipped(bucket, item.key, known.etag, known.run_id)
        why = why_unreadable(error)
        if why is None:
            raise
        return Rejected(bucket, item.key, item.etag or "", item.size or 0, Reason.UNREADABLE, why)


def _sentence(condemned: Mapping[str, str]) -> tuple[Reason, str]:
    """Why the function died over an image: Lambda reports its time limit as `Task timed out after N seconds`."""
    error, cause = condemned.get("Error", ""), condemned.get("Cause", "")
    timed_out = error in {"States.Timeout", "Sandbox.Timedout"} or "timed out" in cause
    return (Reason.DECODE_TIMEOUT if timed_out else Reason.CRASHES_DECODER), f"{error}: {causes.readable(cause)}"
