"""Copy and process: a Processing job for one uploaded image (docs/single_image.md says why batches beat it)."""

from typing import Any

from pipeline import aws
from pipeline.single.delivery import deliver
from pipeline.single.process import ProcessSettings, process_image
from pipeline.telemetry.functions import logged

SETTINGS = ProcessSettings.from_env()
aws.prepare("s3", "sagemaker")


@logged
def handler(event: Any, context: object) -> dict[str, Any]:
    """An S3 notification, an EventBridge event, `{"image_path"}` or `{"key"}` -> the job, as process_image answers."""
    s3, sagemaker = aws.client("s3"), aws.client("sagemaker")
    return deliver(event, lambda part: process_image(part, SETTINGS, s3, sagemaker), SETTINGS.dead_letters)
