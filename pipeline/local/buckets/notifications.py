"""The notification configurations of buckets: who is told when objects come and go.

Source: S3 API reference, PutBucketNotificationConfiguration; S3 User Guide, "Event notification types and
destinations".
They lie in one file beside the buckets' folders.
"""

import json
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element

from pipeline.local.buckets.base import BucketError
from pipeline.local.buckets.s3api import xml

_DESTINATIONS = {
    "QueueConfiguration": "Queue",
    "TopicConfiguration": "Topic",
    "CloudFunctionConfiguration": "CloudFunction",
}
_TYPES = {
    "s3:ObjectCreated:*",
    "s3:ObjectCreated:Put",
    "s3:ObjectCreated:Post",
    "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:CompleteMultipartUpload",
    "s3:ObjectRemoved:*",
    "s3:ObjectRemoved:Delete",
    "s3:ObjectTagging:*",
    "s3:ObjectTagging:Put",
    "s3:ObjectTagging:Delete",
}


@dataclass(frozen=True)
class Destination:
    """A queue, topic or function that is told of some types of events about some keys."""

    id: str
    arn: str
    types: tuple[str, ...]
    prefix: str = ""
    suffix: str = ""

    def wants(self, type: str, key: str) -> bool:
        """Whether an event such as `s3:ObjectCreated:Put` about a key is for this destination."""
        family = f"{type.rpartition(':')[0]}:*"
        named = type in self.types or family in self.types
        return named and key.startswith(self.prefix) and key.endswith(self.suffix)


@dataclass(frozen=True)
class Configuration:
    """What a bucket is configured to tell, and whom. `document` is the inside of the document that said so."""

    event_bridge: bool = False
    destinations: tuple[Destination, ...] = ()
    document: str = ""

    @property
    def silent(self) -> bool:
        return not self.event_bridge and not self.destinations


@dataclass
class Notifications:
    """The configurations by bucket, those of an earlier process among them."""

    path: Path
    _by_bucket: dict[str, Configuration] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        if self.path.exists():
            for bucket, kept in json.loads(self.path.read_text(encoding="utf-8")).items():
                destinations = tuple(
                    Destination(**{**each, "types": tuple(each["types"])}) for each in kept.pop("destinations")
                )
                self._by_bucket[bucket] = Configuration(**kept, destinations=destinations)

    def of(self, bucket: str) -> Configuration:
        return self._by_bucket.get(bucket, Configuration())

    def save(self, bucket: str, configuration: Configuration) -> None:
        """Let a bucket have this configuration; none, where it is silent."""
        with self._lock:
            self._by_bucket.pop(bucket, None)
            if not configuration.silent:
                self._by_bucket[bucket] = configuration
            kept = {name: asdict(each) for name, each in self._by_bucket.items()}
            self.path.parent.mkdir(parents=True, exist_ok=True)
            written = self.path.with_suffix(".new")
            written.write_text(json.dumps(kept), encoding="utf-8")
            written.replace(self.path)


def parse(body: bytes) -> Configuration:
    """The configuration that a request's document holds.

    Raises:
        BucketError: MalformedXML; InvalidArgument for events and destinations that are not served.
    """
    root = xml.parse(body, "NotificationConfiguration")
    unknown = next((child.tag for child in root if child.tag not in (*_DESTINATIONS, "EventBridgeConfiguration")), None)
    if unknown is not None:
        raise xml.malformed(f"<{unknown}> is not understood")
    destinations = tuple(
        _destination(element, _DESTINATIONS[element.tag], number)
        for number, element in enumerate(child for child in root if child.tag in _DESTINATIONS)
    )
    document = "".join(map(_written, root))
    return Configuration(root.find("EventBridgeConfiguration") is not None, destinations, document)


def _destination(element: Element, tag: str, number: int) -> Destination:
    types = tuple(event.text or "" for event in element.findall("Event"))
    unknown = next((type for type in types if type not in _TYPES), None)
    if unknown is not None or not types:
        raise BucketError(400, "InvalidArgument", f"The event {unknown!r} is not served for notifications here")
    rules = {
        rule.findtext("Name", "").lower(): rule.findtext("Value", "")
        for rule in element.iterfind("Filter/S3Key/FilterRule")
    }
    if not rules.keys() <= {"prefix", "suffix"}:
        raise BucketError(400, "InvalidArgument", "filter rule name must be either prefix or suffix")
    arn = element.findtext(tag, "")
    if not arn:
        raise xml.malformed(f"<{tag}> is missing")
    return Destination(element.findtext("Id", f"configuration-{number}"), arn, types, **rules)


def _written(element: Element) -> str:
    """An element as text again, without its namespace."""
    children: Iterable[Element] = element
    inside = "".join(map(_written, children)) or xml.escape((element.text or "").strip())
    return f"<{element.tag}>{inside}</{element.tag}>"
