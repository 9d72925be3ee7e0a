"""ValidateImage: the verdict on the one image that an event is about."""

import os
from typing import Any

from pipeline import aws
from pipeline.images import decoders
from pipeline.single import flow, messages
from pipeline.single.package import read_package
from pipeline.single.settings import ValidationSettings
from pipeline.telemetry.functions import logged

decoders.install(os.environ.get("DECODERS", ""))
SETTINGS = ValidationSettings.from_env()
aws.prepare("s3")


@logged
def handler(event: Any, context: object) -> dict[str, Any]:
    """An event -> `{"verdict": "accepted", "image"}`, `{"verdict": "rejected", "message", "result"}`, or "ignored"."""
    s3 = aws.client("s3")
    content = flow.take_up(event, SETTINGS, read_package(s3, SETTINGS.results_bucket, SETTINGS.model), s3)
    if content is None:
        return {"verdict": "ignored"}
    if content.rejection:
        message = messages.rejected(content.image, content.rejection.reason, content.rejection.detail)
        return {"verdict": "rejected", **flow.told(message)}
    return {"verdict": "accepted", "image": content.image.to_json()}
