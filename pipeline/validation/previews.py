"""Small pictures of rejected images, for the report: the first few of each reason of a batch.

    runs/<run_id>/previews/<batch>.jsonl    {"bucket", "key", "reason", "picture": <base64>} a line; none where no
                                            rejected image of the batch can be seen

They are tagged as shards are, and are deleted with them.
"""

import base64
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline import objects
from pipeline.images.preview import MAY_SHOW, preview
from pipeline.runs import keys
from pipeline.runs.run import Run
from pipeline.validation.verdicts import Rejected

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MOST_OF_A_REASON = 4
"""Of a batch: an upload that broke off spoils hundreds, and each costs decoding it once more."""


@dataclass(frozen=True, slots=True)
class Preview:
    bucket: str
    key: str
    reason: str
    picture: bytes


class Previews:
    """The pictures of one batch, while it is being validated."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._looked_at: Counter[str] = Counter()
        self._found: list[Preview] = []

    def look(self, image: Rejected, data: bytes) -> None:
        """Keep a picture of a rejected image, if it can be seen and there are not enough of its reason."""
        if image.reason not in MAY_SHOW or self._looked_at[image.reason] >= MOST_OF_A_REASON:
            return
        self._looked_at[image.reason] += 1
        picture = preview(data, self._run.limits)
        if picture is not None:
            self._found.append(Preview(image.bucket, image.key, image.reason, picture))

    def store(self, batch: str, s3: "S3Client") -> None:
        if self._found:
            key = keys.previews_key(self._run.run_id, batch)
            objects.put_bytes(s3, self._run.bucket, key, dump(self._found), _TYPE, tags=keys.SHARD_TAGS)


_TYPE = "application/x-ndjson"


def dump(previews: Iterable[Preview]) -> bytes:
    """The lines of an object."""
    return objects.dump_lines(
        {
            "bucket": each.bucket,
            "key": each.key,
            "reason": each.reason,
            "picture": base64.b64encode(each.picture).decode(),
        }
        for each in previews
    )


def parse(lines: Iterable[Any]) -> Iterator[Preview]:
    """The previews of an object's lines."""
    for line in lines:
        yield Preview(line["bucket"], line["key"], line["reason"], base64.b64decode(line["picture"]))
