"""What makes a single image be predicted, and which images each of these events is about.

    EventBridge        an "Object Created" event of S3: one object, its key as it is
    S3 notification    ObjectCreated records: objects whose keys are URL-encoded, a space as "+"
    direct             {"image_path": "s3://bucket/key"}, or {"key": "..."} with or without "bucket"
    function URL       a POST whose body is the image

Sources: S3 User Guide, "EventBridge event message structure" and "Event message structure" (the key, and the test event
that S3 sends when notifications are set up); Lambda Developer Guide, "Invoking Lambda function URLs", payload 2.0.
"""

import base64
import binascii
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import unquote_plus

from pipeline.errors import InvalidEvent
from pipeline.given import shown
from pipeline.objects import parse_s3_uri, s3_uri

logger = logging.getLogger(__name__)

LONGEST_KEY = 1024
"""Bytes of a key (S3 User Guide, "Naming Amazon S3 objects")."""

NAME_ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
"""Which uploads are taken up, in any case. What somebody asks for by name is not held to them: its bytes decide."""


class Source(StrEnum):
    """Who said that there is an image."""

    EVENTBRIDGE = "eventbridge"
    NOTIFICATION = "notification"
    DIRECT = "direct"


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image in S3; `sequencer` tells two uploads of one key apart, where the event says it."""

    bucket: str
    key: str
    sequencer: str = ""

    @property
    def uri(self) -> str:
        return s3_uri(self.bucket, self.key)

    @property
    def is_named_as_image(self) -> bool:
        return self.key.lower().endswith(NAME_ENDINGS)


@dataclass(frozen=True, slots=True)
class Request:
    """The images that an event is about: none for S3's test event, several only for a notification."""

    source: Source
    images: tuple[StoredImage, ...]

    def takes(self, image: StoredImage) -> bool:
        """Whether an image is meant to be predicted: what was merely uploaded has to be called like one."""
        return self.source is Source.DIRECT or image.is_named_as_image

    def only_image(self) -> StoredImage:
        """Raises InvalidEvent unless there is exactly one."""
        if len(self.images) != 1:
            raise InvalidEvent(f"Records: expected one image, got {len(self.images)}. Send each image by itself.")
        return self.images[0]


def is_http(event: Any) -> bool:
    """Whether the event came through a function URL."""
    return isinstance(event, Mapping) and "requestContext" in event


def is_from_a_service(event: Any) -> bool:
    """Whether S3 or EventBridge sent the event, which hand it over and do not wait for an answer."""
    return isinstance(event, Mapping) and not event.keys().isdisjoint({"Records", "detail-type", "detail", "Event"})


def separate(event: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Events with one record each, where an S3 notification has several: each image has a fate of its own."""
    records = event.get("Records")
    return [{"Records": [record]} for record in records] if isinstance(records, list) and records else [event]


def read_event(event: Any, images_bucket: str) -> Request:
    """The request in an event that is no HTTP request; `images_bucket` is meant where none is named.

    Raises InvalidEvent, whose text begins with the field that is wrong.
    """
    if not isinstance(event, Mapping):
        raise InvalidEvent(f"The event is no JSON object but {shown(event)}. {_EXPECTED}")
    if event.get("Event") == "s3:TestEvent":
        return Request(Source.NOTIFICATION, ())
    if "Records" in event:
        return Request(Source.NOTIFICATION, _notified(event["Records"]))
    if "detail-type" in event or "detail" in event:
        return Request(Source.EVENTBRIDGE, (_created(event),))
    return Request(Source.DIRECT, (_named(event, images_bucket),))


def meant_image(event: Any, images_bucket: str) -> StoredImage | None:
    """The one image that an event is about; None where nobody meant its object to be predicted. Raises InvalidEvent."""
    request = read_event(event, images_bucket)
    if not request.images:
        return None
    image = request.only_image()
    if request.takes(image):
        return image
    logger.info("passed over: %a", image.uri)
    return None


def method_of(event: Mapping[str, Any]) -> str:
    """The method of an HTTP request through a function URL. Raises InvalidEvent where the event is none."""
    return _field(event, "requestContext.http.method")


def posted_image(event: Mapping[str, Any]) -> bytes:
    """The body of an HTTP request through a function URL. Raises InvalidEvent where it has none."""
    body = event.get("body") or ""
    if not isinstance(body, str) or not body:
        raise InvalidEvent("body: the request has none. Send the bytes of an image (curl --data-binary @photo.jpg).")
    if not event.get("isBase64Encoded"):
        # Lambda passes text on as it is. No image is text, but what it is instead is for the decoder to say.
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidEvent(f"body: isBase64Encoded is true, but the text is no base64: {error}.") from error


def _created(event: Mapping[str, Any]) -> StoredImage:
    if event.get("source") != "aws.s3" or event.get("detail-type") != "Object Created":
        told = f"{shown(event.get('detail-type'))} of {shown(event.get('source'))}"
        raise InvalidEvent(
            f'detail-type: expected "Object Created" of "aws.s3", got {told}. Correct the rule\'s pattern.'
        )
    return StoredImage(
        _field(event, "detail.bucket.name"),
        _checked_key("detail.object.key", _field(event, "detail.object.key")),
        str(event["detail"]["object"].get("sequencer", "")),
    )


def _notified(records: Any) -> tuple[StoredImage, ...]:
    if not isinstance(records, Sequence) or isinstance(records, str) or not records:
        raise InvalidEvent(f"Records: expected the records of an S3 notification, got {shown(records)}.")
    return tuple(_record(record, f"Records[{place}]") for place, record in enumerate(records))


def _record(record: Any, path: str) -> StoredImage:
    source = _field(record, "eventSource", path)
    if source != "aws:s3":
        raise InvalidEvent(f"{path}.eventSource: expected aws:s3, got {shown(source)}.")
    name = _field(record, "eventName", path)
    if not name.removeprefix("s3:").startswith("ObjectCreated:"):
        raise InvalidEvent(f"{path}.eventName: expected ObjectCreated:..., got {shown(name)}.")
    encoded = _field(record, "s3.object.key", path)
    try:
        key = unquote_plus(encoded, errors="strict")
    except UnicodeDecodeError as error:
        raise InvalidEvent(f"{path}.s3.object.key: {shown(encoded)} is no URL-encoded UTF-8: {error}.") from error
    return StoredImage(
        _field(record, "s3.bucket.name", path),
        _checked_key(f"{path}.s3.object.key", key),
        str(record["s3"]["object"].get("sequencer", "")),
    )


def _named(event: Mapping[str, Any], images_bucket: str) -> StoredImage:
    unknown = sorted(set(event) - {"image_path", "key", "bucket"}, key=str)
    if unknown:
        raise InvalidEvent(f"{shown(unknown[0])} is no field of such an event. {_EXPECTED}")
    if "image_path" in event and "key" in event:
        raise InvalidEvent(f"image_path and key: one of them says which image. {_EXPECTED}")
    if "image_path" not in event:
        bucket = _field(event, "bucket") if "bucket" in event else images_bucket
        return StoredImage(bucket, _checked_key("key", _field(event, "key")))
    try:
        bucket, key = parse_s3_uri(_field(event, "image_path"))
    except ValueError as error:
        raise InvalidEvent(f"image_path: {error}".replace("prefix", "key")) from error
    return StoredImage(bucket, _checked_key("image_path", key))


_EXPECTED = (
    'Expected {"image_path": "s3://bucket/key"}, {"key": "single/photo.jpg"}, an "Object Created" event of EventBridge,'
    " or an S3 notification."
)


def _field(document: Any, path: str, prefix: str = "") -> str:
    """The text at a path of names. Raises InvalidEvent, which names how far the path leads."""
    value, walked = document, prefix
    for name in path.split("."):
        if not isinstance(value, Mapping):
            raise InvalidEvent(f"{walked}: expected a JSON object, got {shown(value)}.")
        walked = f"{walked}.{name}" if walked else name
        if name not in value:
            raise InvalidEvent(f"{walked}: the event has no such field. {_EXPECTED}")
        value = value[name]
    if not isinstance(value, str) or not value:
        raise InvalidEvent(f"{walked}: expected text, got {shown(value)}.")
    return value


def _checked_key(path: str, key: str) -> str:
    if not key:
        raise InvalidEvent(f"{path}: the key of an object is missing.")
    try:
        size = len(key.encode())
    except UnicodeEncodeError as error:
        raise InvalidEvent(f"{path}: {shown(key)} is no text that UTF-8 can write.") from error
    if size > LONGEST_KEY:
        raise InvalidEvent(f"{path}: a key has at most {LONGEST_KEY} bytes; this one has {size}.")
    return key
