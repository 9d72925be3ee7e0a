"""Multipart uploads through boto3, and through the transfers of boto3's own."""

import base64
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from pipeline.local.buckets.checksums import checksum_of
from pipeline.local.cloud import LocalCloud

LARGE, SMALL = bytes(5 << 20), b"the end"


@pytest.fixture(scope="module")
def shared() -> Iterator[LocalCloud]:
    with LocalCloud() as cloud:
        cloud.client("s3").create_bucket(Bucket="results")
        yield cloud


@pytest.fixture
def s3(shared: LocalCloud) -> Any:
    return shared.client("s3")


def begin(s3: Any, key: str = "key", **arguments: Any) -> dict[str, Any]:
    begun = s3.create_multipart_upload(Bucket="results", Key=key, **arguments)
    return {"Bucket": "results", "Key": key, "UploadId": begun["UploadId"]}


def upload(s3: Any, place: dict[str, Any], *bodies: bytes, **checksum: str) -> list[dict[str, Any]]:
    return [
        {"PartNumber": number, "ETag": s3.upload_part(PartNumber=number, Body=body, **place, **checksum)["ETag"]}
        for number, body in enumerate(bodies, start=1)
    ]


def refused(code: str) -> Any:
    return pytest.raises(ClientError, match=code)


def files(cloud: LocalCloud) -> int:
    return len(list((cloud.state_dir / "s3" / "results" / "bodies").iterdir()))


def test_boto3s_own_transfers_go_up_across_and_down(s3: Any, tmp_path: Path) -> None:
    data = bytes(range(256)) * 50_000
    parted = TransferConfig(multipart_threshold=6 << 20, multipart_chunksize=5 << 20)
    s3.upload_fileobj(io.BytesIO(data), "results", "up", Config=parted, ExtraArgs={"ContentType": "text/plain"})
    s3.copy({"Bucket": "results", "Key": "up"}, "results", "across", Config=parted)
    s3.download_file("results", "across", str(tmp_path / "down"), Config=parted)
    assert (tmp_path / "down").read_bytes() == data
    assert s3.head_object(Bucket="results", Key="across")["ETag"].endswith('-3"')


def test_parts_have_to_be_named_in_order(s3: Any) -> None:
    place = begin(s3)
    first, second = upload(s3, place, LARGE, SMALL)
    with refused("InvalidPartOrder"):
        s3.complete_multipart_upload(MultipartUpload={"Parts": [second, first]}, **place)


@pytest.mark.parametrize("parts", [[], [{"PartNumber": 1}], [{"ETag": "x"}]])
def test_parts_have_to_be_named_wholly(s3: Any, parts: list[dict[str, Any]]) -> None:
    place = begin(s3)
    with refused("MalformedXML"):
        s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **place)


def test_a_part_is_replaced_by_a_later_one(s3: Any) -> None:
    place = begin(s3)
    (old,) = upload(s3, place, b"old")
    (new,) = upload(s3, place, b"new")
    with refused("InvalidPart"):
        s3.complete_multipart_upload(MultipartUpload={"Parts": [old]}, **place)
    s3.complete_multipart_upload(MultipartUpload={"Parts": [new]}, **place)
    assert s3.get_object(Bucket="results", Key="key")["Body"].read() == b"new"


@pytest.mark.parametrize("number", [0, 10_001])
def test_a_part_has_a_number_up_to_ten_thousand(s3: Any, number: int) -> None:
    place = begin(s3)
    with refused("InvalidArgument"):
        s3.upload_part(PartNumber=number, Body=b"", **place)


def test_an_upload_that_is_over_is_no_upload(s3: Any, shared: LocalCloud) -> None:
    place, before = begin(s3, "aborted"), files(shared)
    upload(s3, place, SMALL, SMALL)
    s3.abort_multipart_upload(**place)
    assert files(shared) == before
    for call in (s3.abort_multipart_upload, s3.list_parts, s3.complete_multipart_upload):
        with refused("NoSuchUpload"):
            call(**place)
    with refused("NoSuchUpload"):
        s3.upload_part(PartNumber=1, Body=b"", **place)
    with refused("404"):
        s3.head_object(Bucket="results", Key="aborted")


def test_a_completed_upload_leaves_one_file(s3: Any, shared: LocalCloud) -> None:
    place, before = begin(s3, "one"), files(shared)
    parts = upload(s3, place, LARGE, SMALL, b"not named")
    s3.complete_multipart_upload(MultipartUpload={"Parts": parts[:2]}, **place)
    assert files(shared) == before + 1


def test_an_upload_id_belongs_to_its_key(s3: Any) -> None:
    place = begin(s3)
    with refused("NoSuchUpload"):
        s3.upload_part(PartNumber=1, Body=b"", **(place | {"Key": "other"}))


def test_parts_and_uploads_are_listed_by_pages(s3: Any) -> None:
    places = [begin(s3, key) for key in ("l/b", "l/a", "l/b", "m")]
    upload(s3, places[0], b"1", b"22", b"333")
    pages = s3.get_paginator("list_parts").paginate(**places[0], PaginationConfig={"PageSize": 2})
    assert [[part["Size"] for part in page["Parts"]] for page in pages] == [[1, 2], [3]]
    paginator = s3.get_paginator("list_multipart_uploads")
    listed = list(paginator.paginate(Bucket="results", Prefix="l/", PaginationConfig={"PageSize": 2}))
    ids = [[item["UploadId"] for item in page["Uploads"]] for page in listed]
    assert ids == [[places[1]["UploadId"], places[0]["UploadId"]], [places[2]["UploadId"]]]
    for place in places:
        s3.abort_multipart_upload(**place)


def test_an_upload_may_be_completed_where_nothing_is_only(s3: Any) -> None:
    s3.put_object(Bucket="results", Key="there", Body=b"old")
    place = begin(s3, "there")
    parts = upload(s3, place, SMALL)
    with refused("PreconditionFailed"):
        s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, IfNoneMatch="*", **place)
    s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **place)


def test_the_checksum_of_a_whole_is_that_of_its_bytes(s3: Any) -> None:
    expected = base64.b64encode(zlib.crc32(LARGE + SMALL).to_bytes(4, "big")).decode()
    place = begin(s3, "whole", ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    parts = upload(s3, place, LARGE, SMALL)
    with refused("BadDigest"):
        s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, ChecksumCRC32="AAAAAA==", **place)
    s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, ChecksumCRC32=expected, **place)
    head = s3.head_object(Bucket="results", Key="whole", ChecksumMode="ENABLED")
    assert (head["ChecksumCRC32"], head["ChecksumType"]) == (expected, "FULL_OBJECT")


def test_the_checksum_of_parts_is_that_of_their_checksums(s3: Any) -> None:
    each = b"".join(zlib.crc32(body).to_bytes(4, "big") for body in (LARGE, SMALL))
    expected = base64.b64encode(zlib.crc32(each).to_bytes(4, "big")).decode() + "-2"
    place = begin(s3, "parts", ChecksumAlgorithm="CRC32")
    parts = upload(s3, place, LARGE, SMALL)
    s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **place)
    head = s3.head_object(Bucket="results", Key="parts", ChecksumMode="ENABLED")
    assert (head["ChecksumCRC32"], head["ChecksumType"]) == (expected, "COMPOSITE")


def test_crc64nvme_is_that_of_the_whole_and_of_nothing_else(s3: Any) -> None:
    place = begin(s3, "crc64", ChecksumAlgorithm="CRC64NVME")
    parts = upload(s3, place, LARGE, SMALL, ChecksumAlgorithm="CRC64NVME")
    s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **place)
    head = s3.head_object(Bucket="results", Key="crc64", ChecksumMode="ENABLED")
    assert (head["ChecksumCRC64NVME"], head["ChecksumType"]) == (
        checksum_of("CRC64NVME", LARGE + SMALL).value,
        "FULL_OBJECT",
    )
    with refused("InvalidRequest"):
        begin(s3, "crc64", ChecksumAlgorithm="CRC64NVME", ChecksumType="COMPOSITE")


def test_a_part_with_another_checksum_than_its_upload_is_refused(s3: Any) -> None:
    place = begin(s3, ChecksumAlgorithm="SHA256")
    with refused("InvalidRequest"):
        s3.upload_part(PartNumber=1, Body=b"", ChecksumAlgorithm="SHA1", **place)
