"""GetObject without a connection, against the same over HTTP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from pipeline.local.cloud import LocalCloud
from pipeline.local.direct_reads import bring, read_directly
from pipeline.local.http_messages import Request, Response

KEY = "a folder/ä+?%#.bin"


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud() as cloud:
        s3 = cloud.client("s3")
        s3.create_bucket(Bucket="data")
        s3.put_object(Bucket="data", Key=KEY, Body=b"0123456789", Metadata={"of": "ours"}, ContentType="text/plain")
        s3.put_object(Bucket="data", Key="empty", Body=b"")
        yield cloud


@pytest.fixture
def direct(cloud: LocalCloud) -> Any:
    """A client of a role, of which IAM knows nothing that would be forbidden."""
    return cloud._role_client("s3", "arn:aws:iam::123456789012:role/any")


def outcome(s3: Any, **request: str) -> Any:
    try:
        answer = s3.get_object(Bucket="data", **request)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    told = {name: value for name, value in answer.items() if name not in ("Body", "ResponseMetadata")}
    return told, answer["Body"].read()


@pytest.mark.parametrize(
    "request_",
    [
        {"Key": KEY},
        {"Key": "empty"},
        {"Key": KEY, "Range": "bytes=2-4"},
        {"Key": KEY, "Range": "bytes=-3"},
        {"Key": KEY, "Range": "bytes=90-"},
        {"Key": KEY, "IfMatch": '"another"'},
        {"Key": "missing"},
    ],
)
def test_a_direct_answer_is_that_of_the_endpoint(cloud: LocalCloud, direct: Any, request_: dict[str, str]) -> None:
    assert outcome(direct, **request_) == outcome(cloud.client("s3"), **request_)


def test_nothing_goes_over_the_endpoint(direct: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct._endpoint.http_session, "send", None)

    assert direct.get_object(Bucket="data", Key=KEY)["Body"].read() == b"0123456789"


def test_what_is_brought_is_the_file_of_the_bucket(direct: Any, tmp_path: Path) -> None:
    for name in ("one", "another"):
        bring(direct.get_object(Bucket="data", Key=KEY), tmp_path / name)

    assert (tmp_path / "one").read_bytes() == b"0123456789"
    assert (tmp_path / "one").samefile(tmp_path / "another")


def test_what_is_brought_over_http_is_a_copy(cloud: LocalCloud, tmp_path: Path) -> None:
    for name in ("one", "another"):
        bring(cloud.client("s3").get_object(Bucket="data", Key=KEY), tmp_path / name)

    assert (tmp_path / "one").read_bytes() == b"0123456789"
    assert not (tmp_path / "one").samefile(tmp_path / "another")


def test_a_part_of_an_object_is_brought_as_a_part(direct: Any, tmp_path: Path) -> None:
    bring(direct.get_object(Bucket="data", Key=KEY, Range="bytes=0-1"), tmp_path / "part")

    assert (tmp_path / "part").read_bytes() == b"01"


def test_what_was_brought_outlives_its_object(cloud: LocalCloud, direct: Any, tmp_path: Path) -> None:
    cloud.client("s3").put_object(Bucket="data", Key="replaced", Body=b"before")
    bring(direct.get_object(Bucket="data", Key="replaced"), tmp_path / "brought")

    cloud.client("s3").put_object(Bucket="data", Key="replaced", Body=b"since")

    assert (tmp_path / "brought").read_bytes() == b"before"


def test_an_object_that_is_replaced_while_it_is_brought_is_brought_as_it_was(
    cloud: LocalCloud, direct: Any, tmp_path: Path
) -> None:
    cloud.client("s3").put_object(Bucket="data", Key="replaced", Body=b"before")
    answered = direct.get_object(Bucket="data", Key="replaced")

    cloud.client("s3").put_object(Bucket="data", Key="replaced", Body=b"since")
    bring(answered, tmp_path / "brought")

    assert (tmp_path / "brought").read_bytes() == b"before"


def test_bringing_in_the_place_of_a_link_leaves_its_object_alone(
    cloud: LocalCloud, direct: Any, tmp_path: Path
) -> None:
    bring(direct.get_object(Bucket="data", Key=KEY), tmp_path / "target")

    bring(cloud.client("s3").get_object(Bucket="data", Key="empty"), tmp_path / "target")

    assert direct.get_object(Bucket="data", Key=KEY)["Body"].read() == b"0123456789"


def test_a_body_is_not_to_be_written_to(direct: Any, tmp_path: Path) -> None:
    bring(direct.get_object(Bucket="data", Key=KEY), tmp_path / "brought")

    assert not (tmp_path / "brought").stat().st_mode & 0o222


def test_a_connection_that_breaks_is_tried_again_by_the_client(cloud: LocalCloud) -> None:
    asked = []

    def broken(request: Request) -> Response:
        asked.append(request)
        raise ConnectionResetError("the connection breaks on purpose")

    s3 = cloud._session.client("s3", endpoint_url=cloud.endpoint_url)
    read_directly(s3, broken)

    with pytest.raises(ConnectionClosedError):
        s3.get_object(Bucket="data", Key=KEY)
    assert len(asked) > 1
