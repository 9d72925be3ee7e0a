"""What S3 says of objects: events for EventBridge, and records for the queues, topics and functions of a bucket.

Sources: S3 User Guide, "EventBridge event message structure" and "Event message structure". Buckets here have no
versions, so events name none. EventBridge gets a key as it is; a record has it encoded like a form.
"""

import json
import uuid
from typing import Any
from urllib.parse import quote_plus

from pipeline.local.buckets.changes import CREATED, DELETED, TAGGED, UNTAGGED, Change
from pipeline.local.buckets.index import now
from pipeline.local.buckets.notifications import Configuration, Destination
from pipeline.local.buckets.s3api import xml
from pipeline.local.delivery import Deliveries, Delivery
from pipeline.local.events.bus import Bus

_SOURCE_IP = "127.0.0.1"
_DETAIL_TYPES = {
    **dict.fromkeys(CREATED, "Object Created"),
    **dict.fromkeys(DELETED, "Object Deleted"),
    **dict.fromkeys(TAGGED, "Object Tags Added"),
    **dict.fromkeys(UNTAGGED, "Object Tags Deleted"),
}
_RECORD_NAMES = {
    "PutObject": "ObjectCreated:Put",
    "CopyObject": "ObjectCreated:Copy",
    "CompleteMultipartUpload": "ObjectCreated:CompleteMultipartUpload",
    "DeleteObject": "ObjectRemoved:Delete",
    "PutObjectTagging": "ObjectTagging:Put",
    "DeleteObjectTagging": "ObjectTagging:Delete",
}


class ObjectEvents:
    """Tells whom a bucket's configuration names of what happens to its objects."""

    def __init__(self, bus: Bus, deliveries: Deliveries, account_id: str, region: str) -> None:
        self._bus = bus
        self._deliveries = deliveries
        self._account_id = account_id
        self._region = region

    def configured(self, bucket: str, configuration: Configuration) -> None:
        """Send queues and topics the message by which S3 tries them."""
        test = {
            "Service": "Amazon S3",
            "Event": "s3:TestEvent",
            "Time": xml.timestamp(now()),
            "Bucket": bucket,
            "RequestId": uuid.uuid4().hex[:16].upper(),
            "HostId": uuid.uuid4().hex,
        }
        for destination in configuration.destinations:
            if ":lambda:" not in destination.arn:
                self._notify(bucket, destination, test)

    def changed(self, bucket: str, configuration: Configuration, change: Change) -> None:
        request_id = uuid.uuid4().hex[:16].upper()
        if configuration.event_bridge:
            detail = self._detail(bucket, change, request_id)
            kind = _DETAIL_TYPES[change.operation]
            self._bus.publish(self._bus.event("aws.s3", kind, detail, [f"arn:aws:s3:::{bucket}"]))
        name = _RECORD_NAMES[change.operation]
        for destination in configuration.destinations:
            if destination.wants(f"s3:{name}", change.info.key):
                record = self._record(bucket, change, name, destination.id, request_id)
                self._notify(bucket, destination, {"Records": [record]})

    def _detail(self, bucket: str, change: Change, request_id: str) -> dict[str, Any]:
        info = change.info
        about = {"key": info.key, "size": info.size, "etag": info.etag.strip('"'), "sequencer": change.sequencer}
        detail = {
            "version": "0",
            "bucket": {"name": bucket},
            "object": about,
            "request-id": request_id,
            "requester": self._account_id,
            "source-ip-address": _SOURCE_IP,
        }
        if change.operation in CREATED:
            return {**detail, "reason": change.operation}
        del about["size"]
        if change.operation in DELETED:
            return {**detail, "reason": change.operation, "deletion-type": "Permanently Deleted"}
        del about["sequencer"]
        return detail

    def _record(self, bucket: str, change: Change, name: str, configuration: str, request_id: str) -> dict[str, Any]:
        info = change.info
        about: dict[str, Any] = {"key": quote_plus(info.key, safe="/*-._")}
        if change.operation in CREATED:
            about |= {"size": info.size, "eTag": info.etag.strip('"')}
        return {
            "eventVersion": "2.3" if name.startswith("ObjectTagging") else "2.1",
            "eventSource": "aws:s3",
            "awsRegion": self._region,
            "eventTime": xml.timestamp(now()),
            "eventName": name,
            "userIdentity": {"principalId": f"AWS:{self._account_id}"},
            "requestParameters": {"sourceIPAddress": _SOURCE_IP},
            "responseElements": {"x-amz-request-id": request_id, "x-amz-id-2": request_id},
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": configuration,
                "bucket": {
                    "name": bucket,
                    "ownerIdentity": {"principalId": self._account_id},
                    "arn": f"arn:aws:s3:::{bucket}",
                },
                "object": {**about, "sequencer": change.sequencer},
            },
        }

    def _notify(self, bucket: str, destination: Destination, document: dict[str, Any]) -> None:
        self._deliveries.send(
            Delivery(
                source=f"arn:aws:s3:::{bucket}",
                target=destination.arn,
                payload=json.dumps(document),
                name=str(uuid.uuid4()),
                created=now().timestamp(),
            )
        )
