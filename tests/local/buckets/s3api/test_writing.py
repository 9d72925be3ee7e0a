"""Objects that are written through boto3, and what is refused. What moto has too is held against it elsewhere."""

import hashlib
import http.client
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from pipeline.local.buckets import FolderBucket
from pipeline.local.cloud import LocalCloud


@pytest.fixture(scope="module")
def shared() -> Iterator[LocalCloud]:
    with LocalCloud() as cloud:
        cloud.client("s3").create_bucket(Bucket="results")
        yield cloud


@pytest.fixture
def s3(shared: LocalCloud) -> Iterator[Any]:
    """A client; the bucket `results` is empty."""
    client = shared.client("s3")
    yield client
    for item in client.list_objects_v2(Bucket="results").get("Contents", ()):
        client.delete_object(Bucket="results", Key=item["Key"])


def content(s3: Any, key: str, bucket: str = "results") -> bytes:
    return bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def code(call: Callable[..., Any], **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(Bucket="results", **arguments)
    return str(caught.value.response["Error"]["Code"])


def send(cloud: LocalCloud, method: str, target: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection(urlsplit(cloud.endpoint_url).netloc, timeout=30)) as connection:
        connection.request(method, target, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_a_key_of_1024_bytes_is_the_longest(s3: Any) -> None:
    s3.put_object(Bucket="results", Key="é" * 512, Body=b"content")
    assert content(s3, "é" * 512) == b"content"
    assert code(s3.put_object, Key="é" * 512 + "x", Body=b"") == "KeyTooLongError"


def test_a_key_that_is_not_utf8_is_refused(shared: LocalCloud) -> None:
    status, body = send(shared, "PUT", "/results/%ff", b"content")
    assert (status, b"InvalidURI" in body) == (400, True)


@pytest.mark.parametrize("key", ["../../outside", "/", "//", "a//b", ".", "a\nb", "a\\b", "\x7f", "%2e%2e/%00"])
def test_keys_are_never_paths(s3: Any, key: str) -> None:
    s3.put_object(Bucket="results", Key=key, Body=key.encode())
    assert content(s3, key) == key.encode()
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="results")["Contents"]] == [key]


def test_a_large_metadata_is_refused(s3: Any) -> None:
    assert code(s3.put_object, Key="k", Metadata={"a": "x" * 2048}) == "MetadataTooLarge"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"ACL": "public-read"}, "AccessControlListNotSupported"),
        ({"GrantRead": "id=1"}, "AccessControlListNotSupported"),
        ({"ObjectLockMode": "GOVERNANCE"}, "NotImplemented"),
        ({"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "0" * 32}, "NotImplemented"),
        ({"IfNoneMatch": '"etag"'}, "NotImplemented"),
        ({"Tagging": "k=%3C"}, "InvalidTag"),
        ({"Tagging": "k=a&k=b"}, "InvalidTag"),
        ({"Tagging": "&".join(f"k{number}=v" for number in range(11))}, "BadRequest"),
        ({"ContentMD5": "AAAAAAAAAAAAAAAAAAAAAA=="}, "BadDigest"),
        ({"ChecksumSHA256": "A" * 43 + "="}, "BadDigest"),
    ],
)
def test_a_put_that_cannot_be_done_is_refused_and_leaves_nothing(
    s3: Any, arguments: dict[str, Any], expected: str
) -> None:
    assert code(s3.put_object, Key="k", Body=b"content", **arguments) == expected
    assert code(s3.get_object, Key="k") == "NoSuchKey"


@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
def test_an_archived_object_is_listed_and_not_read(s3: Any, storage_class: str) -> None:
    s3.put_object(Bucket="results", Key="k", Body=b"content", StorageClass=storage_class)

    assert s3.head_object(Bucket="results", Key="k")["StorageClass"] == storage_class
    assert code(s3.get_object, Key="k") == "InvalidObjectState"
    assert code(s3.copy_object, Key="copy", CopySource="results/k") == "ObjectNotInActiveTierError"
    with pytest.raises(s3.exceptions.InvalidObjectState) as refused:
        s3.get_object(Bucket="results", Key="k")
    assert refused.value.response["StorageClass"] == storage_class


@pytest.mark.parametrize("asked", [{"IfNoneMatch": "*"}, {"IfMatch": '"0"'}, {"Range": "bytes=90-"}])
def test_an_archived_object_is_archived_whatever_else_is_asked_of_it(s3: Any, asked: dict[str, str]) -> None:
    s3.put_object(Bucket="results", Key="k", Body=b"content", StorageClass="GLACIER")
    assert code(s3.get_object, Key="k", **asked) == "InvalidObjectState"


def test_a_put_of_the_owners_acl_is_a_put(s3: Any) -> None:
    s3.put_object(Bucket="results", Key="k", Body=b"content", ACL="bucket-owner-full-control")
    assert content(s3, "k") == b"content"


def test_encryption_is_told_as_it_was_asked_for(s3: Any) -> None:
    asked = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "key"}
    for answer in (
        s3.put_object(Bucket="results", Key="k", **asked),
        s3.head_object(Bucket="results", Key="k"),
    ):
        assert {name: answer[name] for name in asked} == asked


def test_several_are_deleted_quietly(s3: Any) -> None:
    s3.put_object(Bucket="results", Key="a")
    answer = s3.delete_objects(Bucket="results", Delete={"Objects": [{"Key": "a"}, {"Key": "b"}], "Quiet": True})
    assert "Deleted" not in answer
    assert code(s3.head_object, Key="a") == "404"


def test_what_cannot_be_deleted_does_not_keep_the_others(s3: Any) -> None:
    s3.put_object(Bucket="results", Key="a")
    objects = [{"Key": "a", "ETag": '"0"'}, {"Key": "b"}, {"Key": "c", "VersionId": "1"}]
    answer = s3.delete_objects(Bucket="results", Delete={"Objects": objects})
    assert [(item["Key"], item["Code"]) for item in answer["Errors"]] == [
        ("a", "PreconditionFailed"),
        ("c", "NoSuchVersion"),
    ]
    assert [item["Key"] for item in answer["Deleted"]] == ["b"]


@pytest.mark.parametrize("body", [b"", b"<Delete>", b"<Other/>", b"<Delete/>"])
def test_a_document_that_does_not_read_is_malformed(shared: LocalCloud, body: bytes) -> None:
    status, answer = send(shared, "POST", "/results?delete", body)
    assert (status, b"MalformedXML" in answer) == (400, True)


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("get_object_acl", {"Key": "k"}),
        ("put_object_legal_hold", {"Key": "k"}),
        ("restore_object", {"Key": "k"}),
        ("get_object", {"Key": "k", "VersionId": "1"}),
        ("get_object", {"Key": "k", "PartNumber": 1}),
    ],
)
def test_what_is_not_served_is_refused_by_name(s3: Any, operation: str, arguments: dict[str, Any]) -> None:
    s3.put_object(Bucket="results", Key="k")
    assert code(getattr(s3, operation), **arguments) == "NotImplemented"


def test_a_form_is_not_taken_by_anybody_else(shared: LocalCloud) -> None:
    status, body = send(shared, "POST", "/results", b"form", Content_Type="multipart/form-data")
    assert (status, b"PostObject is not served" in body) == (501, True)


def test_a_put_that_breaks_off_leaves_the_object_as_it_was(shared: LocalCloud, s3: Any) -> None:
    s3.put_object(Bucket="results", Key="k", Body=b"old")
    with closing(http.client.HTTPConnection(urlsplit(shared.endpoint_url).netloc, timeout=30)) as connection:
        connection.putrequest("PUT", "/results/k")
        connection.putheader("Content-Length", "1000")
        connection.endheaders(b"new")
    assert content(s3, "k") == b"old"


def test_attributes_are_those_that_are_asked_for(s3: Any) -> None:
    put = s3.put_object(Bucket="results", Key="k", Body=b"content", ChecksumAlgorithm="SHA256")
    wanted = ["ETag", "ObjectSize", "StorageClass", "Checksum"]
    answer = s3.get_object_attributes(Bucket="results", Key="k", ObjectAttributes=wanted)
    assert answer["ETag"] == put["ETag"].strip('"')
    assert answer["Checksum"]["ChecksumSHA256"] == put["ChecksumSHA256"]
    assert (answer["ObjectSize"], answer["StorageClass"]) == (7, "STANDARD")


def test_a_copy_is_made_of_what_the_request_wants_only(s3: Any) -> None:
    etag = s3.put_object(Bucket="results", Key="a", Body=b"content")["ETag"]
    source = {"Bucket": "results", "Key": "a"}
    assert code(s3.copy_object, Key="b", CopySource=source, CopySourceIfMatch='"0"') == "PreconditionFailed"
    assert code(s3.copy_object, Key="b", CopySource=source, CopySourceIfNoneMatch=etag) == "PreconditionFailed"
    s3.copy_object(Bucket="results", Key="b", CopySource=source, CopySourceIfMatch=etag)
    assert code(s3.copy_object, Key="b", CopySource=source, IfNoneMatch="*") == "PreconditionFailed"


def test_a_copy_from_a_bucket_that_is_not_there_says_so(s3: Any) -> None:
    assert code(s3.copy_object, Key="b", CopySource={"Bucket": "nowhere", "Key": "a"}) == "NoSuchBucket"


def test_a_copy_has_the_tags_that_its_directive_says(s3: Any) -> None:
    s3.put_object(Bucket="results", Key="a", Tagging="k=v")
    source = {"Bucket": "results", "Key": "a"}
    s3.copy_object(Bucket="results", Key="same", CopySource=source)
    s3.copy_object(Bucket="results", Key="other", CopySource=source, TaggingDirective="REPLACE", Tagging="l=w")
    tags = [s3.get_object_tagging(Bucket="results", Key=key)["TagSet"] for key in ("same", "other")]
    assert tags == [[{"Key": "k", "Value": "v"}], [{"Key": "l", "Value": "w"}]]


def test_a_mounted_folder_is_copied_from_and_not_into(shared: LocalCloud, s3: Any, tmp_path: Any) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"jpeg")
    shared.mount("photos", FolderBucket(tmp_path))
    source = {"Bucket": "photos", "Key": "photo.jpg"}
    s3.copy_object(Bucket="results", Key="copy", CopySource=source)
    assert content(s3, "copy") == b"jpeg"
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.copy_object(Bucket="photos", Key="copy", CopySource=source)


def test_no_tags_of_nothing(s3: Any) -> None:
    assert code(s3.delete_object_tagging, Key="nix") == "NoSuchKey"
    assert code(s3.put_object_tagging, Key="nix", Tagging={"TagSet": []}) == "NoSuchKey"


KMS = {
    "ServerSideEncryption": "aws:kms",
    "SSEKMSKeyId": "arn:aws:kms:us-east-1:123456789012:key/1",
    "BucketKeyEnabled": True,
}


@pytest.fixture
def encrypted(s3: Any) -> Any:
    """The client of a bucket `results` that encrypts with a key of KMS."""
    default = {"SSEAlgorithm": KMS["ServerSideEncryption"], "KMSMasterKeyID": KMS["SSEKMSKeyId"]}
    rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}
    s3.put_bucket_encryption(Bucket="results", ServerSideEncryptionConfiguration={"Rules": [rule]})
    return s3


def test_what_a_bucket_encrypts_by_default_says_with_which_key(encrypted: Any) -> None:
    written = encrypted.put_object(Bucket="results", Key="k", Body=b"content")
    read = encrypted.head_object(Bucket="results", Key="k")
    assert {name: written[name] for name in KMS} == {name: read[name] for name in KMS} == KMS


def test_the_etag_of_what_kms_encrypts_is_no_md5_of_it(encrypted: Any) -> None:
    answer = encrypted.put_object(Bucket="results", Key="k", Body=b"content")
    assert answer["ETag"] != f'"{hashlib.md5(b"content").hexdigest()}"'
    assert encrypted.get_object(Bucket="results", Key="k", IfMatch=answer["ETag"])["Body"].read() == b"content"


def test_a_content_md5_is_checked_of_what_kms_encrypts_too(encrypted: Any) -> None:
    assert code(encrypted.put_object, Key="k", Body=b"content", ContentMD5="A" * 22 + "==") == "BadDigest"


def test_what_is_encrypted_otherwise_than_by_default_says_so(encrypted: Any) -> None:
    encrypted.put_object(Bucket="results", Key="k", Body=b"content", ServerSideEncryption="AES256")
    read = encrypted.head_object(Bucket="results", Key="k")
    assert read["ServerSideEncryption"] == "AES256"
    assert "SSEKMSKeyId" not in read


def test_a_bucket_that_no_longer_encrypts_with_a_key_tells_the_md5_again(encrypted: Any) -> None:
    encrypted.delete_bucket_encryption(Bucket="results")
    answer = encrypted.put_object(Bucket="results", Key="k", Body=b"content")
    assert answer["ETag"] == f'"{hashlib.md5(b"content").hexdigest()}"'
