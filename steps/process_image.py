"""Copy and process: a Processing job for one uploaded image (docs/single_image.md says why batches beat it)."""

from typing import Any

from pipeline import aws
from pipeline.single.events import read_event
from pipeline.single.process import ProcessSettings, process_image

SETTINGS = ProcessSettings.from_env()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """An event about uploads -> `{"jobs": [...], "ignored": [...]}`: a job for each image, as process_image answers."""
    request = read_event(event, SETTINGS.images_bucket)
    meant = [image for image in request.images if request.takes(image)]
    s3, sagemaker = aws.client("s3"), aws.client("sagemaker")
    return {
        "jobs": [process_image(image, SETTINGS, s3, sagemaker) for image in meant],
        "ignored": [image.uri for image in request.images if image not in meant],
    }
