"""What S3 says of objects, held against recorded events."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest
from botocore.exceptions import ClientError

from pipeline.local.buckets import FolderBucket
from pipeline.local.cloud import LocalCloud

RECORDED = Path(__file__).parents[2] / "data" / "events"
KEY = "incoming/früh ling/a+b %1.jpg"
PART = b"x" * (5 << 20)


@pytest.fixture
def s3(cloud: LocalCloud) -> Any:
    client = cloud.client("s3")
    client.create_bucket(Bucket="photos")
    return client


@pytest.fixture
def told(cloud: LocalCloud, s3: Any, queue: Any) -> Any:
    """The queue, which gets whatever S3 tells EventBridge of the bucket."""
    s3.put_bucket_notification_configuration(
        Bucket="photos", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    events = cloud.client("events")
    events.put_rule(Name="s3", EventPattern=json.dumps({"source": ["aws.s3"]}))
    events.put_targets(Rule="s3", Targets=[{"Id": "1", "Arn": queue.arn}])
    return queue


def shape(value: Any) -> Any:
    """The names in a document, without what a bucket that has versions would add."""
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items() if name not in ("version-id", "versionId")}
    return [shape(element) for element in value[:1]] if isinstance(value, list) else type(value).__name__


def test_an_object_that_arrives_is_told_of_as_aws_does(s3: Any, told: Any) -> None:
    etag = s3.put_object(Bucket="photos", Key=KEY, Body=b"hello")["ETag"]
    (event,) = told.documents()
    assert shape(event) == shape(json.loads((RECORDED / "object_created.json").read_text()))
    assert event["resources"] == ["arn:aws:s3:::photos"]
    assert event["detail"]["reason"] == "PutObject"
    about = event["detail"]["object"]
    assert (about["key"], about["size"], about["etag"]) == (KEY, 5, etag.strip('"'))


def test_each_way_of_making_an_object_is_told_of_once_with_its_reason(s3: Any, told: Any) -> None:
    s3.put_object(Bucket="photos", Key="a", Body=b"hello", Tagging="kind=cat")
    s3.copy_object(Bucket="photos", Key="b", CopySource="photos/a")
    upload = s3.create_multipart_upload(Bucket="photos", Key="c")["UploadId"]
    about = {"Bucket": "photos", "Key": "c", "UploadId": upload}
    parts = [{"PartNumber": n, "ETag": s3.upload_part(**about, PartNumber=n, Body=PART)["ETag"]} for n in (1, 2)]
    s3.complete_multipart_upload(**about, MultipartUpload={"Parts": parts})
    s3.put_object(Bucket="photos", Key="end", Body=b"")
    reasons = {
        (event["detail"]["object"]["key"], event["detail-type"], event["detail"]["reason"])
        for event in told.documents(4)
    }
    assert reasons == {
        ("a", "Object Created", "PutObject"),
        ("b", "Object Created", "CopyObject"),
        ("c", "Object Created", "CompleteMultipartUpload"),
        ("end", "Object Created", "PutObject"),
    }


def test_tags_and_deletions_are_told_of(s3: Any, told: Any) -> None:
    s3.put_object(Bucket="photos", Key="a", Body=b"hello")
    s3.put_object_tagging(Bucket="photos", Key="a", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
    s3.delete_object_tagging(Bucket="photos", Key="a")
    s3.delete_objects(Bucket="photos", Delete={"Objects": [{"Key": "a"}, {"Key": "never-was"}]})
    s3.put_object(Bucket="photos", Key="end", Body=b"")
    by_type = {(e["detail-type"], e["detail"]["object"]["key"]): e for e in told.documents(5)}
    assert set(by_type) == {
        ("Object Created", "a"),
        ("Object Tags Added", "a"),
        ("Object Tags Deleted", "a"),
        ("Object Deleted", "a"),
        ("Object Created", "end"),
    }
    deleted = by_type["Object Deleted", "a"]["detail"]
    assert (deleted["reason"], deleted["deletion-type"]) == ("DeleteObject", "Permanently Deleted")


def test_of_two_events_of_a_key_the_later_has_the_greater_sequencer(s3: Any, told: Any) -> None:
    etags = [s3.put_object(Bucket="photos", Key="a", Body=str(n).encode())["ETag"].strip('"') for n in range(5)]
    found = sorted(told.documents(5), key=lambda event: str(event["detail"]["object"]["sequencer"]))
    assert [event["detail"]["object"]["etag"] for event in found] == etags


def test_a_write_that_is_refused_is_not_told_of(s3: Any, told: Any) -> None:
    s3.put_object(Bucket="photos", Key="a", Body=b"1")
    with pytest.raises(ClientError):
        s3.put_object(Bucket="photos", Key="a", Body=b"2", IfNoneMatch="*")
    s3.put_object(Bucket="photos", Key="end", Body=b"")
    assert {event["detail"]["object"]["key"] for event in told.documents(2)} == {"a", "end"}


def test_a_bucket_that_is_not_configured_tells_nothing(s3: Any, told: Any) -> None:
    s3.create_bucket(Bucket="silent")
    s3.put_object(Bucket="silent", Key="a", Body=b"1")
    s3.put_object(Bucket="photos", Key="end", Body=b"")
    assert told.documents()[0]["detail"]["bucket"]["name"] == "photos"


def test_a_mounted_folder_tells_nothing_and_is_configured_all_the_same(cloud: LocalCloud, tmp_path: Path) -> None:
    cloud.mount("folder", FolderBucket(tmp_path))
    s3 = cloud.client("s3")
    s3.put_bucket_notification_configuration(
        Bucket="folder", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    assert s3.get_bucket_notification_configuration(Bucket="folder")["EventBridgeConfiguration"] == {}


def test_a_queue_of_the_bucket_gets_a_record_as_aws_writes_it(s3: Any, queue: Any) -> None:
    filters = {"Key": {"FilterRules": [{"Name": "Prefix", "Value": "incoming/"}, {"Name": "suffix", "Value": ".jpg"}]}}
    configuration = {
        "Id": "mine",
        "QueueArn": queue.arn,
        "Events": ["s3:ObjectCreated:*"],
        "Filter": filters,
    }
    s3.put_bucket_notification_configuration(
        Bucket="photos", NotificationConfiguration={"QueueConfigurations": [configuration]}
    )
    for key in ("elsewhere/a.jpg", "incoming/a.png", KEY):
        s3.put_object(Bucket="photos", Key=key, Body=b"hello")
    tried, document = sorted(queue.documents(2), key=lambda each: "Records" in each)
    assert shape(tried) == shape(json.loads((RECORDED / "s3_test_event.json").read_text()))
    assert shape(document) == shape(json.loads((RECORDED / "s3_notification.json").read_text()))
    record = document["Records"][0]
    assert record["eventName"] == "ObjectCreated:Put"
    assert record["s3"]["configurationId"] == "mine"
    assert record["s3"]["object"]["key"] == "incoming/fr%C3%BCh+ling/a%2Bb+%251.jpg"
    assert unquote_plus(record["s3"]["object"]["key"]) == KEY


def test_a_function_of_the_bucket_is_invoked(s3: Any, create_function: Any, tmp_path: Path, wait_for: Any) -> None:
    source = f"""
import pathlib
def handler(event, context):
    pathlib.Path({str(tmp_path)!r}, event["Records"][0]["s3"]["object"]["key"]).touch()
"""
    arn = create_function("sees", source)["FunctionArn"]
    configuration = {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:Put"]}
    s3.put_bucket_notification_configuration(
        Bucket="photos", NotificationConfiguration={"LambdaFunctionConfigurations": [configuration]}
    )
    s3.put_object(Bucket="photos", Key="a.jpg", Body=b"")
    assert wait_for((tmp_path / "a.jpg").exists)


def test_a_configuration_is_told_as_it_was_given_and_survives_a_restart(tmp_path: Path) -> None:
    arn = "arn:aws:sqs:us-east-1:123456789012:q"
    given = {
        "EventBridgeConfiguration": {},
        "QueueConfigurations": [
            {
                "Id": "1",
                "QueueArn": arn,
                "Events": ["s3:ObjectRemoved:*"],
                "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "a&b/"}]}},
            }
        ],
    }
    with LocalCloud(tmp_path) as cloud:
        cloud.client("s3").create_bucket(Bucket="photos")
        cloud.client("s3").put_bucket_notification_configuration(Bucket="photos", NotificationConfiguration=given)
    with LocalCloud(tmp_path) as cloud:
        kept = cloud.client("s3").get_bucket_notification_configuration(Bucket="photos")
        del kept["ResponseMetadata"]
        assert kept == given


@pytest.mark.parametrize("type", ["s3:Replication:*", "nonsense"])
def test_an_event_type_that_is_not_served_is_refused(s3: Any, type: str) -> None:
    configuration = {"QueueArn": "arn:aws:sqs:us-east-1:123456789012:q", "Events": [type]}
    with pytest.raises(ClientError, match="is not served for notifications"):
        s3.put_bucket_notification_configuration(
            Bucket="photos", NotificationConfiguration={"QueueConfigurations": [configuration]}
        )
