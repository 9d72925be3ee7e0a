"""The object whose upload starts a run: its bytes are its identity, whatever S3 says of them."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidRunInput
from pipeline.runs import uploads
from pipeline.runs.sources import Prefix
from pipeline.runs.uploads import Manifest, Marker, Upload

IMAGES = "example-images"
KEY = "incoming/_READY"
PARTS = st.text()


class Refusing:
    """An S3 that refuses every read, or those of a version."""

    def __init__(self, code: str) -> None:
        self._code = code

    def get_object(self, **request: Any) -> Any:
        raise ClientError({"Error": {"Code": self._code, "Message": "no"}}, "GetObject")


def put(s3: Any, body: bytes) -> str | None:
    """Writes the marker; its version, in a bucket that has versions."""
    version = s3.put_object(Bucket=IMAGES, Key=KEY, Body=body).get("VersionId")
    return None if version is None else str(version)


@pytest.fixture
def versions(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket=IMAGES, VersioningConfiguration={"Status": "Enabled"})


@given(one=st.tuples(PARTS, PARTS, PARTS), other=st.tuples(PARTS, PARTS, PARTS))
def test_two_uploads_have_one_identity_only_where_they_are_one(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    same = Upload(*one[:2]).identity(one[2]) == Upload(*other[:2]).identity(other[2])

    assert same == (one == other)


@pytest.mark.parametrize("key", ["_READY", "a/_READY", "a/_READY/_READY", "a//_READY"])
def test_a_marker_stands_for_its_folder(key: str) -> None:
    assert Marker(IMAGES, key).folder == Prefix(IMAGES, key.removesuffix("_READY"))


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("spring.manifest.json", "spring"),
        ("in/week 47.manifest.json", "week 47"),
        ("in/week/.manifest.json", "week"),
        (".manifest.json", "example-images"),
    ],
)
def test_a_manifest_is_called_after_its_file_or_else_its_folder(key: str, name: str) -> None:
    assert Manifest(IMAGES, key).name == name


def test_the_same_bytes_in_two_versions_are_one_upload(s3: Any, versions: None) -> None:
    first, second = (Marker(IMAGES, KEY, put(s3, b"ready")) for _ in range(2))

    assert first.version != second.version
    assert uploads.marker_identity(s3, first) == uploads.marker_identity(s3, second)


def test_an_upload_that_was_replaced_since_is_read_as_it_was(s3: Any, versions: None) -> None:
    first, second = (Marker(IMAGES, KEY, put(s3, body)) for body in (b"one", b"two"))

    assert [uploads.read(s3, each, 100)[0] for each in (first, second)] == [b"one", b"two"]


@pytest.mark.usefixtures("versions")
def test_where_its_version_is_gone_what_is_there_now_counts(s3: Any) -> None:
    first, second = (Marker(IMAGES, KEY, put(s3, body)) for body in (b"one", b"two"))
    s3.delete_object(Bucket=IMAGES, Key=KEY, VersionId=first.version)

    assert uploads.marker_identity(s3, first) == uploads.marker_identity(s3, second)


def test_in_a_bucket_without_versions_what_is_there_now_counts(s3: Any) -> None:
    put(s3, b"two")

    assert uploads.read(s3, Marker(IMAGES, KEY), 100)[0] == b"two"


@pytest.mark.parametrize("code", ["NoSuchKey", "NoSuchVersion", "AccessDenied"])
@pytest.mark.parametrize("version", [None, "3sL4kqtJlcpXroDTDmJ"])
def test_a_marker_that_is_out_of_reach_has_no_identity_of_its_own(code: str, version: str | None) -> None:
    assert uploads.marker_identity(Refusing(code), Marker(IMAGES, KEY, version)) is None  # type: ignore[arg-type]


def test_a_fault_of_s3_is_none_of_the_marker(s3: Any) -> None:
    with pytest.raises(ClientError, match="InternalError"):
        uploads.marker_identity(Refusing("InternalError"), Marker(IMAGES, KEY))  # type: ignore[arg-type]


def test_a_marker_that_is_an_image_by_mistake_is_refused_by_its_size(s3: Any) -> None:
    put(s3, b"\0" * (uploads.LARGEST_MARKER + 1))

    with pytest.raises(InvalidRunInput, match=r"s3://example-images/incoming/_READY has 1,000,001 bytes, and at most"):
        uploads.marker_identity(s3, Marker(IMAGES, KEY))
