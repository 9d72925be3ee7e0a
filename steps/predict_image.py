"""PredictImage: an image from event to message in one function, for who wants no state machine."""

import os
from typing import Any

from pipeline.images import decoders
from pipeline.single.events import is_http
from pipeline.single.function import PredictImage
from pipeline.single.http import respond
from pipeline.telemetry.functions import logged

decoders.install(os.environ.get("DECODERS", ""))
FUNCTION = PredictImage.from_env()


@logged
def handler(event: Any, context: object) -> dict[str, Any]:
    """An S3 notification, an EventBridge event, `{"image_path"}`, `{"key"}`, or a POST through the function's URL."""
    if is_http(event):
        return respond(event, FUNCTION.answer_posted)
    return FUNCTION.answer(event)
