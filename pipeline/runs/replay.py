"""A replay: a run over those images of an earlier run that were rejected, and have been fixed since.

    rejected.csv ──► of the reasons asked for ──► each object asked what it is now ──► those that changed ──► a listing
    for a new run

An image is fixed where S3 holds another object under its key than the one that was judged: its ETag is another. An
`unreadable` one was never judged; it is fixed where it can be read. Whether the new object is any good, the run says.

The same for a run on this machine (laptop/replay_local.py) and of a stack (deployed/replay.py), which differ in
where a run's rejected.csv lies, and in who starts the new one.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from io import StringIO
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pipeline import names, objects
from pipeline.errors import InvalidReplay
from pipeline.images.decode import Reason
from pipeline.read_ahead import read_ahead
from pipeline.runs import keys
from pipeline.runs.listings import ListedImage, write_listing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_COLUMNS = ("bucket", "key", "etag", "reason")
_THREADS = 32
_WAITING = 4 * _THREADS
_TOLD_EVERY = 100
_LISTING_HASH = 12

Looked = Callable[[int, int], None]
"""Told every now and then how many rejected images have been looked at, and of how many."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A line of rejected.csv: an object, and the state of it that was rejected."""

    bucket: str
    key: str
    etag: str
    reason: str


@dataclass(frozen=True)
class Comparison:
    """What became of rejected objects since. Counts are of images."""

    fixed: Sequence[tuple[str, ListedImage]]
    """Bucket and object, as it is now."""
    same: int
    gone: int
    refused: int
    """Objects that S3 does not show to whoever asks."""

    def to_json(self) -> dict[str, int]:
        return {"fixed": len(self.fixed), "same": self.same, "gone": self.gone, "refused": self.refused}


def read_rejections(table: bytes, where: str) -> list[Rejection]:
    """The rows of a rejected.csv. Raises InvalidReplay for a file that is none."""
    try:
        rows = csv.DictReader(StringIO(table.decode("utf-8"), newline=""), strict=True)
        if not set(_COLUMNS) <= set(rows.fieldnames or ()):
            columns = ", ".join(rows.fieldnames or ()) or "none"
            raise InvalidReplay(
                f"{where} is no rejected.csv of a run: expected the columns {', '.join(_COLUMNS)}, got {columns:.200}."
            )
        found = [Rejection(row["bucket"], row["key"], row["etag"], row["reason"]) for row in rows]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidReplay(f"{where} is no rejected.csv of a run: {error}.") from error
    if any(None in (rejection.bucket, rejection.key, rejection.etag, rejection.reason) for rejection in found):
        raise InvalidReplay(f"{where} is no rejected.csv of a run: a row has too few columns.")
    return found


def choose(rejections: Iterable[Rejection], reasons: Collection[str]) -> list[Rejection]:
    """Those that were rejected for one of `reasons`, or all where none is given; InvalidReplay names an unknown one."""
    unknown = sorted(set(reasons) - set(Reason))
    if unknown:
        raise InvalidReplay(f"There is no reason {unknown[0]!r}; images are rejected as {', '.join(Reason)}.")
    return [rejection for rejection in rejections if not reasons or rejection.reason in reasons]


def compare(rejections: Sequence[Rejection], s3: "S3Client", looked: Looked = lambda done, total: None) -> Comparison:
    """Ask S3 what each object is now, many at a time; the order stays."""
    fixed: list[tuple[str, ListedImage]] = []
    others: Counter[str] = Counter()
    answers = read_ahead(partial(_look, s3), rejections, threads=_THREADS, budget=_WAITING)
    for done, (_, now) in enumerate(answers):
        if done % _TOLD_EVERY == 0:
            looked(done, len(rejections))
        if isinstance(now, str):
            others[now] += 1
        else:
            fixed.append(now)
    looked(len(rejections), len(rejections))
    return Comparison(fixed, others["same"], others["gone"], others["refused"])


def _look(s3: "S3Client", rejection: Rejection) -> tuple[str, ListedImage] | str:
    """The object where it is fixed, else what it is instead. Raises ClientError for a fault of the service."""
    try:
        head = s3.head_object(Bucket=rejection.bucket, Key=rejection.key)
    except ClientError as error:
        if objects.is_missing(error):
            return "gone"
        # The answer to a HEAD has no body, so that its status is all there is.
        if _status(error) in {400, 403}:
            return "refused"
        raise
    now = ListedImage(rejection.key, head["ETag"].strip('"'), head["ContentLength"])
    fixed = _is_readable(s3, rejection) if rejection.reason == Reason.UNREADABLE else now.etag != rejection.etag
    return (rejection.bucket, now) if fixed else "same"


def _is_readable(s3: "S3Client", rejection: Rejection) -> bool:
    """Whether S3 gives the object's first byte, or says that it has none (416)."""
    try:
        s3.get_object(Bucket=rejection.bucket, Key=rejection.key, Range="bytes=0-0")["Body"].close()
    except ClientError as error:
        if _status(error) in {400, 403, 404, 405}:
            return False
        if _status(error) != 416:
            raise
    return True


def _status(error: ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def told(run_id: str, rejections: Iterable[Rejection], comparison: Comparison) -> str:
    """What a run rejected, and what became of the images that were looked at."""
    reasons = Counter(rejection.reason for rejection in rejections)
    if not reasons:
        return f"The run {run_id} rejected no image: there is nothing to replay."
    each = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common())
    counts = comparison.to_json()
    if not any(counts.values()):
        return f"The run {run_id} rejected {reasons.total():,}: {each}. None has a reason asked for: nothing to replay."
    now = f"{counts['fixed']:,} fixed since, {counts['same']:,} still the same, {counts['gone']:,} gone"
    if comparison.refused:
        now += f", {comparison.refused:,} that S3 does not show you"
    return f"The run {run_id} rejected {reasons.total():,}: {each}. Of {sum(counts.values()):,} looked at, {now}." + (
        "" if comparison.fixed else " There is nothing to replay."
    )


def list_for_replay(run_id: str, comparison: Comparison, s3: "S3Client", results_bucket: str) -> dict[str, Any]:
    """Write what is fixed as listings, one for each bucket, and answer with the fields of an input that takes them.

    A listing is called after what it holds: the same replay, started twice, is the same input.
    """
    by_bucket: defaultdict[str, list[ListedImage]] = defaultdict(list)
    for bucket, image in comparison.fixed:
        by_bucket[bucket].append(image)
    images = []
    for bucket, chosen in by_bucket.items():
        digest = names.fingerprint(bucket, *(f"{image.etag} {image.key}" for image in chosen), length=_LISTING_HASH)
        key = keys.replay_key(run_id, digest)
        write_listing(s3, results_bucket, key, chosen)
        images.append({"listing": objects.s3_uri(results_bucket, key), "bucket": bucket})
    return {"name": _name(run_id), "images": images, "replays": run_id}


def _name(run_id: str) -> str:
    """`replay-photos` for a replay of 2026-11-20T0627-photos-83a28e, and for a replay of that one."""
    subject = run_id.split("-")[3:-1]
    return "-".join(["replay", *(subject[1:] if subject[:1] == ["replay"] else subject)])
