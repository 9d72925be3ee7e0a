"""The function behind a URL: a POST of an image, answered with JSON.

    200   {"outcome": "predicted", "labels": [...], "certain": true, ...}
    400   the request has no image, 405 it is no POST
    413   the image is larger than the endpoint takes
    422   {"outcome": "rejected", "reason": "truncated", "detail": "..."}: the image is no good
    502   the endpoint failed, refused, or said something else; 503 it is busy; 504 it took too long

An error is `{"error": "<name>", "message": "..."}`. Source of the answer's form: Lambda Developer Guide, "Invoking
Lambda function URLs", response payload.
"""

import json
import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from pipeline.errors import (
    EndpointError,
    EndpointTimeout,
    EndpointUnavailable,
    ImageBatchError,
    ImageTooLarge,
    InvalidEvent,
    RejectedImage,
)
from pipeline.single.events import method_of, posted_image

logger = logging.getLogger(__name__)

_STATUSES: tuple[tuple[type[ImageBatchError], HTTPStatus], ...] = (
    (InvalidEvent, HTTPStatus.BAD_REQUEST),
    (ImageTooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (RejectedImage, HTTPStatus.UNPROCESSABLE_ENTITY),
    (EndpointTimeout, HTTPStatus.GATEWAY_TIMEOUT),
    (EndpointUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (EndpointError, HTTPStatus.BAD_GATEWAY),
    (ImageBatchError, HTTPStatus.INTERNAL_SERVER_ERROR),
)


def respond(event: Mapping[str, Any], predict: Callable[[bytes], Mapping[str, Any]]) -> dict[str, Any]:
    """The HTTP answer to a request; `predict` makes a document of an image's bytes."""
    try:
        if method_of(event) != "POST":
            told = {"error": "MethodNotAllowed", "message": "POST the bytes of an image."}
            return _answer(HTTPStatus.METHOD_NOT_ALLOWED, told, {"allow": "POST"})
        document = predict(posted_image(event))
    except ImageBatchError as error:
        status = next(status for kind, status in _STATUSES if isinstance(error, kind))
        logger.error("%s: %s", type(error).__name__, error)  # noqa: TRY400 - the sentence says it all
        retry = {"retry-after": "1"} if error.worth_a_retry else {}
        return _answer(status, {"error": type(error).__name__, "message": str(error)}, retry)
    rejected = document["outcome"] == "rejected"
    return _answer(HTTPStatus.UNPROCESSABLE_ENTITY if rejected else HTTPStatus.OK, document, {})


def _answer(status: HTTPStatus, document: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    body = json.dumps(document, allow_nan=False) + "\n"
    return {"statusCode": int(status), "headers": {"content-type": "application/json", **headers}, "body": body}
