"""One request about the objects of a bucket, as its handler sees it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from pipeline.local.buckets.base import Bucket, BucketError
from pipeline.local.http_messages import Request

B = TypeVar("B", bound=Bucket)


@dataclass(frozen=True, slots=True)
class Call(Generic[B]):
    """A request for `key` ("" where it is about the bucket) in `bucket`, which is called `bucket_name`.

    `find_bucket` is where copies find the bucket that they read from.
    """

    bucket: B
    bucket_name: str
    key: str
    request: Request
    query: Mapping[str, str]
    find_bucket: Callable[[str], Bucket | None]

    @property
    def headers(self) -> Mapping[str, str]:
        return self.request.headers

    def number(self, parameter: str, default: int, highest: int) -> int:
        """A query parameter that is a number from 0 on; what is above `highest` counts as `highest`."""
        text = self.query.get(parameter, "")
        if not text:
            return default
        if not text.isdecimal():
            raise BucketError(400, "InvalidArgument", f"{parameter} has to be a number from 0 on, not {text!r}")
        return min(int(text), highest)
