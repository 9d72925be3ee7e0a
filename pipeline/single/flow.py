"""What becomes of one image, step by step. The state machine makes the steps, and so does the function, all by itself.

    take up  the object that an event is about
    judge    its format, or the rejection that a batch would give it
    ask      the endpoint's best labels
    tell     the message about them

Between states travel `image` (pipeline/single/images.py) and `answer`:
`{"endpoint": "photos", "model": "efficientnet-lite0", "labels": [{"label", "index", "score"}, ...], "resized": false}`,
the ten best labels, whatever number of scores the endpoint gave: a state holds 256 KB.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from pipeline import aws
from pipeline.endpoints import CODECS, SageMakerEndpoint, predict
from pipeline.endpoints import Image as EndpointImage
from pipeline.images.decode import Decoded, decode
from pipeline.inference.predictions import Ranked
from pipeline.limits import Limits
from pipeline.single import messages
from pipeline.single.events import meant_image
from pipeline.single.images import Content, Image, read_image
from pipeline.single.messages import MOST_LABELS, Message
from pipeline.single.package import Package
from pipeline.single.settings import EndpointSettings, MessageSettings, ValidationSettings
from pipeline.single.signing import sign
from pipeline.telemetry.metrics import emit

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def take_up(event: Any, settings: ValidationSettings, package: Package, s3: "S3Client") -> Content | None:
    """The one image that an event is about, judged; None where nobody meant it to be predicted.

    Raises InvalidEvent, UnreadableImage, and faults of S3.
    """
    image = meant_image(event, settings.images_bucket)
    if image is None:
        return None
    return judge(read_image(s3, Image(image.bucket, image.key), settings.limits), package, settings.limits)


def judge(content: Content, package: Package, limits: Limits) -> Content:
    """The image with its format, if it decodes within the limits; otherwise with the rejection of a batch."""
    rejection = content.rejection
    if rejection is None:
        found = decode(content.data, package.contract, limits)
        if isinstance(found, Decoded):
            return replace(content, image=replace(content.image, format=found.format))
        rejection = found
    emit({"SingleImagesRejected": 1}, {"reason": rejection.reason})
    return replace(content, rejection=rejection)


def ask(content: Content, package: Package, settings: EndpointSettings, limits: Limits) -> dict[str, Any]:
    """The endpoint's answer. Raises EndpointError, or ImageTooLarge; either names the image and the endpoint."""
    image = content.image
    endpoint = SageMakerEndpoint(aws.endpoint_client(settings.timeout), settings.name)
    sent = EndpointImage.of(content.data, image.key, image.uri if image.bucket else None, limits)
    began = time.monotonic()
    prediction = predict(
        endpoint, CODECS[settings.codec], sent, package.contract, package.labels, MOST_LABELS, fit=settings.fit
    )
    emit({"SingleImagesPredicted": 1, "EndpointSeconds": time.monotonic() - began}, {"endpoint": settings.name})
    return {
        "endpoint": settings.name,
        "model": package.contract.name,
        "labels": [asdict(each) for each in _best_of_each_label(prediction.top)[:MOST_LABELS]],
        "resized": prediction.resized,
    }


def _best_of_each_label(top: Sequence[Ranked]) -> list[Ranked]:
    """A detector finds several of a kind, best first: a message names the kind once."""
    best: dict[str, Ranked] = {}
    for each in top:
        best.setdefault(each.label, each)
    return list(best.values())


def tell(image: Image, answer: Mapping[str, Any], settings: MessageSettings) -> Message:
    """The message about an answer, with a link to the image."""
    top = [Ranked(**each) for each in answer["labels"][: settings.top_k]]
    link = sign(image, settings.url_seconds, settings.url_role)
    facts = {name: answer[name] for name in ("endpoint", "model", "resized")}
    return messages.predicted(image, top, settings.threshold, link, facts)


def told(message: Message) -> dict[str, Any]:
    """What a state answers that has a message."""
    return {"message": message.to_json(), "result": dict(message.document)}
