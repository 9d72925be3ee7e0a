"""What is told of objects as they come, change and go, to whoever listens to a bucket.

A sequencer orders the changes of a key: of two events the one with the greater sequencer is the later, and texts of the
same length compare as S3 says (S3 User Guide, "Event message structure").
"""

import time
from dataclasses import dataclass

from pipeline.local.buckets.base import ObjectInfo

CREATED, DELETED = ("PutObject", "CopyObject", "CompleteMultipartUpload"), ("DeleteObject",)
TAGGED, UNTAGGED = ("PutObjectTagging",), ("DeleteObjectTagging",)


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to an object, by which of S3's operations. `info` is of the object as it is now, or was last."""

    operation: str
    info: ObjectInfo
    sequencer: str


class Sequencers:
    """Numbers the changes of one bucket, inside its transactions; later processes go on above the earlier ones."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> str:
        self._last = max(self._last + 1, time.time_ns())
        seconds, nanoseconds = divmod(self._last, 10**9)
        return f"{seconds:010X}{nanoseconds:08X}"
