"""The stack deleted: what it leaves, and the data where that is asked for.

A template retains what holds data (DeletionPolicy: Retain), so it stays when the stack goes. Deleting it is a step of
its own, in order: the stack first, so that nothing writes any more.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.deploying import change_sets
from pipeline.deploying.errors import DeployError

_BUCKET, _TABLE, _KEY = "AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::KMS::Key"


@dataclass(frozen=True)
class Kept:
    """Something that outlives its stack."""

    type: str
    name: str

    def __str__(self) -> str:
        return {_BUCKET: "bucket", _TABLE: "table", _KEY: "key"}[self.type] + f" {self.name}"


def kept_by(cloudformation: Any, stack: str) -> list[Kept]:
    """What of a stack holds data. Raises DeployError where there is no such stack."""
    if change_sets.find_stack(cloudformation, stack) is None:
        raise DeployError(f"There is no stack {stack} to destroy. --stack names another; --region says where to look.")
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    return [
        Kept(entry["ResourceType"], entry["PhysicalResourceId"])
        for page in pages
        for entry in page["StackResourceSummaries"]
        if entry["ResourceType"] in (_BUCKET, _TABLE, _KEY)
    ]


def is_deleted_with_data(kept: Kept) -> bool:
    """Whether `delete_data` deletes it: a key stays, since what it encrypts may lie elsewhere, too."""
    return kept.type != _KEY


def delete_stack(cloudformation: Any, stack: str, say: Callable[[str], None], pause: float) -> None:
    """Delete a stack, and wait until it is gone. Raises DeployError with what failed."""
    found = change_sets.find_stack(cloudformation, stack)
    if found is None:
        return
    token = uuid.uuid4().hex
    cloudformation.delete_stack(StackName=stack, ClientRequestToken=token)
    # A stack that is gone is known by its id alone.
    change_sets.wait(cloudformation, found["StackId"], token, say, pause)


def delete_data(client: Callable[[str], Any], kept: Sequence[Kept], say: Callable[[str], None]) -> list[Kept]:
    """Delete buckets with all versions of their objects, and tables; what is left, which is the key."""
    left = []
    for each in kept:
        if each.type == _BUCKET:
            say(f"Deleting {each} and every version of its objects")
            _delete_bucket(client("s3"), each.name)
        elif each.type == _TABLE:
            say(f"Deleting {each}")
            client("dynamodb").delete_table(TableName=each.name)
        else:
            left.append(each)
    return left


def _delete_bucket(s3: Any, bucket: str) -> None:
    for objects in _versions(s3, bucket):
        if objects:
            failed = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True}).get("Errors", ())
            for error in failed:
                raise DeployError(f"s3://{bucket}/{error['Key']} cannot be deleted: {error.get('Message')}")
    for upload in _uploads(s3, bucket):
        s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    s3.delete_bucket(Bucket=bucket)


def _versions(s3: Any, bucket: str) -> Iterator[list[dict[str, str]]]:
    """Every version of every object, and every marker of a deletion, a page at a time."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        entries = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        yield [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries]


def _uploads(s3: Any, bucket: str) -> Iterator[Mapping[str, str]]:
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        yield from page.get("Uploads", ())
