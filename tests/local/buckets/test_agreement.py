"""The same operations on a bucket on disk and on one of moto's own S3 are answered alike."""

from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.exceptions import ClientError
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from pipeline.local.buckets import FolderBucket
from pipeline.local.cloud import LocalCloud

KEYS = st.sampled_from(["a", "a/b", "a/b/", "a b+%é🙂", "A", "b/c", "..", "x" * 50])
BODIES = st.binary(min_size=1, max_size=40)
METADATA = st.dictionaries(st.sampled_from(["one", "two_three"]), st.sampled_from(["", "v", "a,b"]))
TAGS = st.dictionaries(st.sampled_from(["k", "l m"]), st.sampled_from(["v", "ä/+=@"]), min_size=1)
PROPERTIES = st.fixed_dictionaries(
    {},
    optional={
        "ContentType": st.sampled_from(["text/plain", "image/jpeg"]),
        "CacheControl": st.just("no-cache"),
        "ContentDisposition": st.just('attachment; filename="x"'),
        "ContentEncoding": st.just("gzip"),
        "ContentLanguage": st.just("de"),
        "Metadata": METADATA,
        "Tagging": TAGS.map(urlencode),
        "StorageClass": st.sampled_from(["STANDARD", "STANDARD_IA", "GLACIER", "NIX"]),
        "ChecksumAlgorithm": st.sampled_from(["CRC32", "SHA1", "SHA256"]),
    },
)
PREFIXES = st.sampled_from(["", "a", "a/", "a/b", "z", "b"])
RANGES = st.sampled_from(["bytes=0-0", "bytes=2-5", "bytes=5-", "bytes=-3", "bytes=30-100"])
# Times, ids and names differ; the types of checksums and the number of tags are told by S3 and not by moto.
NOT_COMPARED = {
    "LastModified",
    "Name",
    "Bucket",
    "Location",
    "UploadId",
    "VersionId",
    "NextContinuationToken",
    "ChecksumType",
    "TagCount",
}
numbers = count()


def outcome(client: Any, operation: str, bucket: str, **arguments: Any) -> Any:
    """What a call answers, as far as two S3s should agree; of an error its code and status."""
    if "CopySource" in arguments:
        arguments["CopySource"] = {"Bucket": bucket, "Key": arguments["CopySource"]}
    try:
        answer = getattr(client, operation)(Bucket=bucket, **arguments)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    if "Body" in answer:
        answer["Body"] = answer["Body"].read()
    answer["ResponseMetadata"] = answer["ResponseMetadata"]["HTTPStatusCode"]
    return comparable(answer)


def comparable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: comparable(item) for name, item in value.items() if name not in NOT_COMPARED}
    return [comparable(item) for item in value] if isinstance(value, list) else value


class TwoBuckets(RuleBasedStateMachine):
    """One bucket on disk, and one of moto's, that are treated alike."""

    clients: tuple[Any, Any]

    def __init__(self) -> None:
        super().__init__()
        number = next(numbers)
        self.sides = list(zip(self.clients, (f"ours-{number}", f"motos-{number}"), strict=True))
        for client, bucket in self.sides:
            client.create_bucket(Bucket=bucket)

    def teardown(self) -> None:
        for client, bucket in self.sides:
            for item in client.list_objects_v2(Bucket=bucket).get("Contents", ()):
                client.delete_object(Bucket=bucket, Key=item["Key"])
            client.delete_bucket(Bucket=bucket)

    def agree(self, operation: str, **arguments: Any) -> Any:
        ours, motos = (outcome(client, operation, bucket, **arguments) for client, bucket in self.sides)
        assert ours == motos
        return ours

    def etag(self, key: str) -> str:
        found = self.agree("head_object", Key=key)
        return str(found["ETag"]) if isinstance(found, dict) else '"0"'

    def is_archived(self, key: str) -> bool:
        found = self.agree("head_object", Key=key)
        return isinstance(found, dict) and found.get("StorageClass") == "GLACIER"

    def untag_target(self, source: str, key: str) -> None:
        """A copy without tags leaves moto's object those that the key had before."""
        if key != source:
            self.untag(key=key)

    @rule(key=KEYS, body=BODIES, properties=PROPERTIES)
    def put(self, key: str, body: bytes, properties: dict[str, Any]) -> None:
        self.agree("put_object", Key=key, Body=body, **properties)

    @rule(key=KEYS, body=BODIES)
    def put_where_nothing_is(self, key: str, body: bytes) -> None:
        self.agree("put_object", Key=key, Body=body, IfNoneMatch="*")

    @rule(key=KEYS, other=KEYS, body=BODIES)
    def put_over_an_etag(self, key: str, other: str, body: bytes) -> None:
        self.agree("put_object", Key=key, Body=body, IfMatch=self.etag(other))

    @rule(key=KEYS)
    def get(self, key: str) -> None:
        self.agree("get_object", Key=key)

    @rule(key=KEYS)
    def head(self, key: str) -> None:
        self.agree("head_object", Key=key, ChecksumMode="ENABLED")

    @rule(key=KEYS, wanted=RANGES)
    def head_a_range(self, key: str, wanted: str) -> None:
        self.agree("head_object", Key=key, Range=wanted)

    @rule(key=KEYS, other=KEYS, condition=st.sampled_from(["IfMatch", "IfNoneMatch"]))
    def get_on_condition(self, key: str, other: str, condition: str) -> None:
        self.agree("get_object", Key=key, **{condition: self.etag(other)})

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        self.agree("delete_object", Key=key)

    @rule(keys=st.lists(KEYS, min_size=1, max_size=3, unique=True))
    def delete_several(self, keys: list[str]) -> None:
        self.agree("delete_objects", Delete={"Objects": [{"Key": key} for key in keys]})

    @rule(source=KEYS, key=KEYS)
    def copy(self, source: str, key: str) -> None:
        self.untag_target(source, key)
        self.agree("copy_object", CopySource=source, Key=key)

    @rule(source=KEYS, key=KEYS, metadata=METADATA)
    def copy_with_other_metadata(self, source: str, key: str, metadata: dict[str, str]) -> None:
        self.untag_target(source, key)
        replaced = {"Metadata": metadata, "ContentType": "text/html", "MetadataDirective": "REPLACE"}
        self.agree("copy_object", CopySource=source, Key=key, **replaced)

    @rule(key=KEYS, tags=TAGS)
    def tag(self, key: str, tags: dict[str, str]) -> None:
        tagging = {"TagSet": [{"Key": name, "Value": value} for name, value in tags.items()]}
        self.agree("put_object_tagging", Key=key, Tagging=tagging)

    @rule(key=KEYS)
    def get_tags(self, key: str) -> None:
        if not self.is_archived(key):  # whose tags S3 tells and moto refuses to
            self.agree("get_object_tagging", Key=key)

    @rule(key=KEYS)
    def untag(self, key: str) -> None:
        if self.etag(key) != '"0"':  # moto breaks down where there is nothing
            self.agree("delete_object_tagging", Key=key)

    @rule(prefix=PREFIXES, delimiter=st.sampled_from(["/", "b", ""]), size=st.integers(1, 4), after=PREFIXES)
    def list_objects(self, prefix: str, delimiter: str, size: int, after: str) -> None:
        given = {"Prefix": prefix, "Delimiter": delimiter, "StartAfter": after}
        self.agree("list_objects_v2", MaxKeys=size, **{name: value for name, value in given.items() if value})


def test_a_bucket_on_disk_answers_as_motos(shared_cloud: LocalCloud, moto_s3: Any) -> None:
    class Machine(TwoBuckets):
        clients = (shared_cloud.client("s3"), moto_s3)

    # Two servers are asked at each step: to shrink a failure would take minutes.
    run_state_machine_as_test(
        Machine,
        settings=settings(phases=[Phase.reuse, Phase.generate], max_examples=20, stateful_step_count=25, deadline=None),
    )


@pytest.mark.parametrize(
    "wanted", ["bytes=0-0", "bytes=2-5", "bytes=5-", "bytes=-3", "bytes=0-", "bytes=8-100", "bytes=-100", "bytes=9-9"]
)
def test_ranges_of_a_mounted_folder_are_motos(
    shared_cloud: LocalCloud, moto_s3: Any, tmp_path: Path, wanted: str
) -> None:
    (tmp_path / "key").write_bytes(b"0123456789")
    shared_cloud.mount("mounted", FolderBucket(tmp_path))
    moto_s3.create_bucket(Bucket="uploaded")
    moto_s3.put_object(Bucket="uploaded", Key="key", Body=b"0123456789")
    sides = ((shared_cloud.client("s3"), "mounted"), (moto_s3, "uploaded"))
    answers = [client.get_object(Bucket=bucket, Key="key", Range=wanted) for client, bucket in sides]
    ours, motos = ((a["ResponseMetadata"]["HTTPStatusCode"], a["ContentRange"], a["Body"].read()) for a in answers)
    assert ours == motos


PARTS = [bytes([number]) * (5 << 20) for number in range(2)] + [b"the end"]


@pytest.mark.parametrize(
    ("bodies", "named"),
    [
        pytest.param(PARTS, [1, 2, 3], id="whole"),
        pytest.param(PARTS, [1, 3], id="a part left out"),
        pytest.param(PARTS[2:], [1], id="one small part"),
        pytest.param([b"small", *PARTS[1:]], [1, 2, 3], id="a small part in the middle"),
        pytest.param(PARTS[:1], [1, 2], id="a part that never came"),
    ],
)
def test_a_multipart_upload_ends_as_motos(
    shared_cloud: LocalCloud, moto_s3: Any, bodies: list[bytes], named: list[int]
) -> None:
    results, number = [], next(numbers)
    for client, bucket in ((shared_cloud.client("s3"), f"ours-{number}"), (moto_s3, f"motos-{number}")):
        client.create_bucket(Bucket=bucket)
        begun = client.create_multipart_upload(Bucket=bucket, Key="k", ContentType="text/plain", Metadata={"a": "b"})
        upload = {"Key": "k", "UploadId": begun["UploadId"]}
        etags = {
            number: client.upload_part(Bucket=bucket, PartNumber=number, Body=body, **upload)["ETag"]
            for number, body in enumerate(bodies, start=1)
        }
        parts = [{"PartNumber": number, "ETag": etags.get(number, '"0"')} for number in named]
        completed = outcome(client, "complete_multipart_upload", bucket, MultipartUpload={"Parts": parts}, **upload)
        results.append((completed, outcome(client, "get_object", bucket, Key="k")))
    for answers in results:
        for answer in answers:
            if isinstance(answer, dict):
                answer.pop("ChecksumCRC32", None)  # of parts without checksums, moto's is that of nothing
    assert results[0] == results[1]
