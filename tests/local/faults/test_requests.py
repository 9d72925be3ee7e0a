"""Requests that go wrong, as boto3 sees them: its own names for the errors, and its own retries."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError, IncompleteReadError

from pipeline.local.cloud import LocalCloud
from pipeline.local.faults import Faults

Client = Callable[..., Any]
GoWrong = Callable[..., None]
BODY = b"pixels" * 50_000


def on(service: str, operation: str, fault: str, **more: Any) -> dict[str, Any]:
    return {"on": "request", "service": service, "operation": operation, "fault": fault, **more}


@pytest.fixture(scope="module")
def bucket(cloud: LocalCloud) -> str:
    cloud.client("s3").create_bucket(Bucket="photos")
    cloud.client("s3").put_object(Bucket="photos", Key="a/b.jpg", Body=BODY)
    return "photos"


@pytest.fixture(scope="module")
def topic(cloud: LocalCloud) -> str:
    return str(cloud.client("sns").create_topic(Name="people")["TopicArn"])


@pytest.fixture(scope="module")
def table(cloud: LocalCloud) -> str:
    cloud.client("dynamodb").create_table(
        TableName="ledger",
        KeySchema=[{"AttributeName": "uri", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "uri", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return "ledger"


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [("internal_error", 500, "InternalError"), ("unavailable", 503, "SlowDown"), ("throttled", 503, "SlowDown")],
)
def test_s3_refuses_as_s3_does(
    client: Client, bucket: str, go_wrong: GoWrong, fault: str, status: int, code: str
) -> None:
    go_wrong(on("s3", "GetObject", fault))
    with pytest.raises(ClientError) as refused:
        client("s3").get_object(Bucket=bucket, Key="a/b.jpg")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert refused.value.response["Error"]["Code"] == code


@pytest.mark.parametrize("fault", ["internal_error", "unavailable", "throttled", "reset", "answer_lost", "slow"])
@pytest.mark.parametrize("operation", ["PutObject", "ListObjectsV2", "HeadObject"])
def test_boto3_gets_over_what_happens_once(
    client: Client, bucket: str, go_wrong: GoWrong, faults: Faults, operation: str, fault: str
) -> None:
    before = len(faults.injected)
    go_wrong(on("s3", operation, fault, seconds=0.01))
    s3 = client("s3", tries=3)
    match operation:
        case "PutObject":
            s3.put_object(Bucket=bucket, Key=f"{fault}.jpg", Body=BODY)
            assert s3.get_object(Bucket=bucket, Key=f"{fault}.jpg")["Body"].read() == BODY
        case "ListObjectsV2":
            assert s3.list_objects_v2(Bucket=bucket, Prefix="a/")["KeyCount"] == 1
        case "HeadObject":
            assert s3.head_object(Bucket=bucket, Key="a/b.jpg")["ContentLength"] == len(BODY)
    assert [each.fault for each in faults.injected[before:]] == [fault]


def test_a_read_that_is_cut_off_is_seen_to_be_short(client: Client, bucket: str, go_wrong: GoWrong) -> None:
    go_wrong(on("s3", "GetObject", "reset"))
    body = client("s3").get_object(Bucket=bucket, Key="a/b.jpg")["Body"]
    with pytest.raises((IncompleteReadError, BotoCoreError)):
        body.read()


def test_a_write_that_is_cut_off_is_not_carried_out(client: Client, bucket: str, go_wrong: GoWrong) -> None:
    go_wrong(on("s3", "PutObject", "reset"))
    with pytest.raises(BotoCoreError):
        client("s3").put_object(Bucket=bucket, Key="half.jpg", Body=BODY)
    assert client("s3").list_objects_v2(Bucket=bucket, Prefix="half")["KeyCount"] == 0


def test_a_write_whose_answer_is_lost_is_carried_out(client: Client, bucket: str, go_wrong: GoWrong) -> None:
    go_wrong(on("s3", "PutObject", "answer_lost"))
    with pytest.raises(ConnectionClosedError):
        client("s3").put_object(Bucket=bucket, Key="whole.jpg", Body=BODY)
    assert client("s3").get_object(Bucket=bucket, Key="whole.jpg")["Body"].read() == BODY


def test_a_read_may_give_what_was(client: Client, bucket: str, go_wrong: GoWrong) -> None:
    s3 = client("s3")
    s3.put_object(Bucket=bucket, Key="twice.jpg", Body=b"first")
    go_wrong(on("s3", "GetObject", "old_version", name="photos/twice.jpg"))
    s3.put_object(Bucket=bucket, Key="twice.jpg", Body=b"second")
    assert s3.get_object(Bucket=bucket, Key="twice.jpg")["Body"].read() == b"first"
    assert s3.get_object(Bucket=bucket, Key="twice.jpg")["Body"].read() == b"second"


def test_what_was_before_the_first_write_is_nothing(client: Client, bucket: str, go_wrong: GoWrong) -> None:
    go_wrong(on("s3", "GetObject", "old_version", name="photos/new.jpg"))
    client("s3").put_object(Bucket=bucket, Key="new.jpg", Body=b"new")
    with pytest.raises(ClientError, match="NoSuchKey"):
        client("s3").get_object(Bucket=bucket, Key="new.jpg")


def test_an_object_that_was_not_written_meanwhile_has_no_old_version(
    client: Client, bucket: str, go_wrong: GoWrong, faults: Faults
) -> None:
    before = len(faults.injected)
    go_wrong(on("s3", "GetObject", "old_version"))
    assert client("s3").get_object(Bucket=bucket, Key="a/b.jpg")["Body"].read() == BODY
    assert len(faults.injected) == before


@pytest.mark.parametrize(("fault", "code"), [("throttled", "Throttled"), ("internal_error", "InternalError")])
def test_sns_refuses_as_sns_does(client: Client, topic: str, go_wrong: GoWrong, fault: str, code: str) -> None:
    go_wrong(on("sns", "Publish", fault, name="people"))
    with pytest.raises(ClientError) as refused:
        client("sns").publish(TopicArn=topic, Message="hello")
    assert refused.value.response["Error"]["Code"] == code


def test_sns_publishes_when_it_is_not_struck(client: Client, topic: str, go_wrong: GoWrong) -> None:
    go_wrong(on("sns", "Publish", "throttled", name="others"))
    assert client("sns").publish(TopicArn=topic, Message="hello")["MessageId"]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("throttled", "ProvisionedThroughputExceededException"),
        ("internal_error", "InternalServerError"),
        ("unavailable", "ServiceUnavailable"),
    ],
)
def test_dynamodb_refuses_as_dynamodb_does(
    client: Client, table: str, go_wrong: GoWrong, fault: str, error: str
) -> None:
    go_wrong(on("dynamodb", "*", fault))
    with pytest.raises(ClientError) as refused:
        client("dynamodb").get_item(TableName=table, Key={"uri": {"S": "s3://photos/a"}})
    assert refused.value.response["Error"]["Code"] == error


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("throttled", "ThrottlingException"),
        ("limit_exceeded", "ResourceLimitExceeded"),
        ("internal_error", "InternalFailure"),
    ],
)
def test_sagemaker_refuses_as_sagemaker_does(client: Client, go_wrong: GoWrong, fault: str, code: str) -> None:
    go_wrong(on("sagemaker", "List*", fault))
    with pytest.raises(ClientError) as refused:
        client("sagemaker").list_processing_jobs()
    assert refused.value.response["Error"]["Code"] == code


def test_who_only_watches_is_spared(cloud: LocalCloud, bucket: str, go_wrong: GoWrong) -> None:
    go_wrong(on("*", "*", "internal_error", probability=1))
    assert cloud.client("s3").get_object(Bucket=bucket, Key="a/b.jpg")["Body"].read() == BODY


def test_the_journal_tells_what_was_struck(client: Client, bucket: str, go_wrong: GoWrong, faults: Faults) -> None:
    go_wrong(on("s3", "GetObject", "internal_error", name="photos/a/*"))
    with pytest.raises(ClientError):
        client("s3").get_object(Bucket=bucket, Key="a/b.jpg")
    last = faults.injected[-1]
    assert (last.on, last.operation, last.name, last.fault) == (
        "request",
        "s3:GetObject",
        "photos/a/b.jpg",
        "internal_error",
    )
