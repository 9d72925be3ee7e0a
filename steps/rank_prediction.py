"""RankPrediction: the best labels of an answer, as a message with a link to the image."""

from typing import Any

from pipeline.single import flow
from pipeline.single.images import Image
from pipeline.single.settings import MessageSettings
from pipeline.telemetry.functions import logged

SETTINGS = MessageSettings.from_env()


@logged
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`{"image", "answer"}` -> `{"message": {"subject", "body", "outcome", "id"}, "result"}`."""
    return flow.told(flow.tell(Image.from_json(event["image"]), event["answer"], SETTINGS))
