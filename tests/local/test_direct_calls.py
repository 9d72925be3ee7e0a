"""Calls without a connection, against the same over HTTP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from pipeline.local.cloud import LocalCloud
from pipeline.local.direct_calls import answer_directly, bring
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


@pytest.fixture
def over_http(cloud: LocalCloud) -> Any:
    return cloud._session.client("s3", endpoint_url=cloud.endpoint_url)


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
def test_a_direct_answer_is_that_of_the_endpoint(direct: Any, over_http: Any, request_: dict[str, str]) -> None:
    assert outcome(direct, **request_) == outcome(over_http, **request_)


def test_a_direct_head_is_that_of_the_endpoint(direct: Any, over_http: Any) -> None:
    told = [s3.head_object(Bucket="data", Key=KEY) for s3 in (direct, over_http)]

    assert [head.pop("ResponseMetadata")["HTTPStatusCode"] for head in told] == [200, 200]
    assert told[0] == told[1]


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
def test_a_file_is_sent_as_a_text_is(direct: Any, over_http: Any, tmp_path: Path, size: int) -> None:
    (tmp_path / "file").write_bytes(b"x" * size)

    with (tmp_path / "file").open("rb") as file:
        direct.put_object(Bucket="data", Key="sent", Body=file)

    assert over_http.get_object(Bucket="data", Key="sent")["Body"].read() == b"x" * size


def test_a_file_of_many_parts_is_sent_and_received(cloud: LocalCloud, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(range(256)) * 40_000)

    cloud.client("s3").upload_file(str(tmp_path / "file"), "data", "parts")
    cloud.client("s3").download_file("data", "parts", str(tmp_path / "received"))

    assert (tmp_path / "received").read_bytes() == (tmp_path / "file").read_bytes()


def test_moto_knows_where_it_is_asked(cloud: LocalCloud) -> None:
    """The URLs of queues are made of the host that the request names."""
    url = cloud.client("sqs").create_queue(QueueName="queue")["QueueUrl"]

    assert url.startswith(f"{cloud.endpoint_url}/")


def test_nothing_goes_over_the_endpoint(direct: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct._endpoint.http_session, "send", None)

    assert direct.get_object(Bucket="data", Key=KEY)["Body"].read() == b"0123456789"


def test_what_is_brought_is_the_file_of_the_bucket(direct: Any, tmp_path: Path) -> None:
    for name in ("one", "another"):
        bring(direct.get_object(Bucket="data", Key=KEY), tmp_path / name)

    assert (tmp_path / "one").read_bytes() == b"0123456789"
    assert (tmp_path / "one").samefile(tmp_path / "another")


def test_what_is_brought_over_http_is_a_copy(over_http: Any, tmp_path: Path) -> None:
    for name in ("one", "another"):
        bring(over_http.get_object(Bucket="data", Key=KEY), tmp_path / name)

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
    answer_directly(s3, broken)

    with pytest.raises(ConnectionClosedError):
        s3.get_object(Bucket="data", Key=KEY)
    assert len(asked) > 1


def test_a_service_that_fails_answers_as_the_endpoint_does(cloud: LocalCloud) -> None:
    def failing(request: Request) -> Response:
        raise ValueError("there is a mistake")

    s3 = cloud._session.client("s3", endpoint_url=cloud.endpoint_url, config=Config(retries={"total_max_attempts": 1}))
    answer_directly(s3, failing)

    with pytest.raises(ClientError) as caught:
        s3.list_buckets()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
