"""InvokeEndpoint: what an endpoint says of the image that was validated."""

import os
from typing import Any

from pipeline import aws
from pipeline.images import decoders
from pipeline.single import flow
from pipeline.single.images import Image, read_image
from pipeline.single.package import read_package
from pipeline.single.settings import EndpointSettings, ValidationSettings
from pipeline.telemetry.functions import logged

decoders.install(os.environ.get("DECODERS", ""))
SETTINGS, ENDPOINT = ValidationSettings.from_env(), EndpointSettings.from_env()
aws.prepare("s3")


@logged
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`{"image"}` -> `{"image", "answer"}` (pipeline/single/flow.py)."""
    s3 = aws.client("s3")
    package = read_package(s3, SETTINGS.results_bucket, SETTINGS.model)
    content = read_image(s3, Image.from_json(event["image"]), SETTINGS.limits)
    return {"image": event["image"], "answer": flow.ask(content, package, ENDPOINT, SETTINGS.limits)}
