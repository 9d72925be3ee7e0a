"""A bucket of the real S3, read through the user's own client, so that a local run can take its images there."""

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.local.buckets.base import (
    BucketError,
    Conditions,
    Description,
    ObjectInfo,
    Reading,
    ReadOnlyBucket,
    select,
)

_CHUNK = 1 << 18


class RemoteBucket(ReadOnlyBucket):
    """The bucket `name` as `client`, a boto3 S3 client, sees it. Nothing is kept: every read goes to S3."""

    def __init__(self, client: Any, name: str) -> None:
        super().__init__()
        self._client = client
        self._name = name

    @property
    def refusal(self) -> str:
        return f"s3://{self._name} is read through, and never written; write results to the results bucket."

    def walk(self, prefix: str = "", start: str = "") -> Iterator[ObjectInfo]:
        arguments = {"Bucket": self._name, "Prefix": prefix}
        bound = _bound_below(start)
        if bound:
            arguments["StartAfter"] = bound
        try:
            for page in self._client.get_paginator("list_objects_v2").paginate(**arguments):
                for item in page.get("Contents", ()):
                    if item["Key"] >= start:
                        yield _info(item["Key"], item["Size"], item)
        except (ClientError, BotoCoreError) as error:
            raise _translate(error) from error

    def head(self, key: str) -> ObjectInfo:
        try:
            answer = self._client.head_object(Bucket=self._name, Key=key)
        except (ClientError, BotoCoreError) as error:
            raise _translate(error) from error
        return _info(key, answer["ContentLength"], answer)

    def read(self, key: str, conditions: Conditions) -> Reading:
        wanted = {
            "Range": conditions.range,
            "IfMatch": conditions.if_match,
            "IfNoneMatch": conditions.if_none_match,
            "IfModifiedSince": conditions.if_modified_since,
            "IfUnmodifiedSince": conditions.if_unmodified_since,
        }
        try:
            answer = self._client.get_object(
                Bucket=self._name, Key=key, **{name: value for name, value in wanted.items() if value is not None}
            )
        except (ClientError, BotoCoreError) as error:
            raise _translate(error) from error
        size = int(answer.get("ContentRange", "").rpartition("/")[2] or answer["ContentLength"])
        info = _info(key, size, answer)
        return Reading(info, select(info, Conditions(range=conditions.range)), answer["Body"].iter_chunks(_CHUNK))


def _info(key: str, size: int, answer: Mapping[str, Any]) -> ObjectInfo:
    modified = answer["LastModified"].astimezone(datetime.UTC)
    description = Description(answer.get("ContentType", "binary/octet-stream"))
    return ObjectInfo(key, size, modified, answer["ETag"], description)


def _bound_below(start: str) -> str:
    """A key before `start`, near it: S3 lists what comes after a key, and a walk begins at one."""
    if not start or start.endswith("\0"):
        return start[:-1]
    before = chr(ord(start[-1]) - 1)
    return start[:-1] + ("\ud7ff" if "\ud800" <= before <= "\udfff" else before)


def _translate(error: ClientError | BotoCoreError) -> BucketError:
    if isinstance(error, ClientError):
        answer = error.response
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        code = answer.get("Error", {}).get("Code", "InternalError")
        code = {"404": "NoSuchKey", "403": "AccessDenied", "304": "NotModified", "412": "PreconditionFailed"}.get(
            code, code
        )
        return BucketError(status, code, answer.get("Error", {}).get("Message", str(error)))
    return BucketError(503, "ServiceUnavailable", f"The real S3 cannot be reached: {error}")
