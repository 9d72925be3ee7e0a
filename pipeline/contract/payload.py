"""Containers that are not ours: what a contract says of them, in place of a tensor, its pixels and its numbers.

    "payload": {"kind": "image", "content_type": "application/x-image", "max_payload_mb": 6}
    "output": {"format": "json_object", "field": "predictions.0.scores", "activation": "none"}

A built-in algorithm of SageMaker's, or a model of the marketplace, takes the original photo, one a request, and knows
nothing of shards. What it answers for a photo, Batch Transform stores as it came: `Answer` says how that reads.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pipeline.contract.reader import Fields, choice, one_of, text, whole

MOST_MEGABYTES = 100
"""Of one request, and of all that are under way together (CreateTransformJob, `MaxPayloadInMB`)."""

MOST_TRANSFORMS = 16
"""As many at once as payloads of the default size may be. CreateTransformJob takes up to 100, of 1 MB each."""

DEFAULT_MEGABYTES = 6
"""CreateTransformJob's own default."""


class AnswerFormat(StrEnum):
    """How a container writes its answer for one photo."""

    JSON_ARRAY = "json_array"
    JSON_OBJECT = "json_object"
    CSV = "csv"

    @property
    def media_type(self) -> str:
        return "text/csv" if self is AnswerFormat.CSV else "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """Where the numbers stand in an answer. `field` leads to them in a JSON object: `predictions.0.scores`."""

    format: AnswerFormat
    field: str = ""

    @property
    def path(self) -> tuple[str, ...]:
        """Names, and positions in lists."""
        return tuple(self.field.split(".")) if self.field else ()

    def to_json(self) -> dict[str, Any]:
        return {"format": self.format, **({"field": self.field} if self.field else {})}


@dataclass(frozen=True, slots=True)
class ImagePayload:
    """The original photo, as it lies in S3, declared to be of `content_type`.

    `max_payload_mb` is what the container takes at most, in MB; `max_concurrent_transforms` how many photos it is sent
    at once, where 0 leaves that to what the container says of itself (`GET /execution-parameters`), or else to one.
    """

    content_type: str
    max_payload_mb: int = DEFAULT_MEGABYTES
    max_concurrent_transforms: int = 0

    @property
    def max_bytes(self) -> int:
        """Of a photo that is sent. AWS does not say which megabyte it means: the smaller one is safe."""
        return self.max_payload_mb * 1_000_000

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": "image",
            "content_type": self.content_type,
            "max_payload_mb": self.max_payload_mb,
            "max_concurrent_transforms": self.max_concurrent_transforms,
        }


def parse_payload(contract: Fields) -> ImagePayload | None:
    """The field `payload` of a contract; None for a shard, which is what a model of ours takes."""
    fields = contract.fields_unless("payload", "shard")
    if fields is None:
        return None
    fields.take("kind", one_of(["image"]))
    megabytes = fields.take("max_payload_mb", whole(1, MOST_MEGABYTES), DEFAULT_MEGABYTES)
    most = min(MOST_TRANSFORMS, MOST_MEGABYTES // megabytes)
    together = f"payloads of {megabytes} MB may be {MOST_MEGABYTES} MB together"
    payload = ImagePayload(
        content_type=fields.take("content_type", text),
        max_payload_mb=megabytes,
        max_concurrent_transforms=fields.take("max_concurrent_transforms", whole(0, most, because=together), 0),
    )
    fields.close()
    return payload


def parse_answer(output: Fields) -> Answer:
    """What `output` says of a container's answer."""
    format = output.take("format", choice(AnswerFormat))
    if format is AnswerFormat.JSON_OBJECT:
        return Answer(format, output.take("field", text))
    output.refuse("field", because=f"format is {format}: the numbers are all there is")
    return Answer(format)
