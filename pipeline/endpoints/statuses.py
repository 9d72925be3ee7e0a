"""What an HTTP status of an endpoint means for who asked it."""

import json
from typing import Any

from pipeline.errors import (
    EndpointFailed,
    EndpointNotFound,
    EndpointRefused,
    EndpointTimeout,
    EndpointUnavailable,
    ImageBatchError,
    ImageTooLarge,
)

_EXCERPT = 300


def error_for(status: int, endpoint: str, said: bytes | str) -> ImageBatchError:
    """The error that a status other than success is. `endpoint` is what the message calls it."""
    text = f"{endpoint} answered {status}: {excerpt(said)}"
    if status in (408, 504):
        return EndpointTimeout(text)
    if status in (429, 503):
        return EndpointUnavailable(text)
    if status == 404:
        return EndpointNotFound(text)
    if status == 413:
        return ImageTooLarge(text)
    return EndpointFailed(text) if status >= 500 else EndpointRefused(text)


def excerpt(said: bytes | str) -> str:
    """The words of an error's body: those of our server, else the beginning as it is, on one line."""
    try:
        document: Any = json.loads(said)
    except (ValueError, RecursionError):
        document = None
    match document:
        case {"reason": str(reason), "detail": str(detail)}:
            return f"{reason}: {detail}"[:_EXCERPT]
        case {"error": str(text)} | {"message": str(text)}:
            return ascii(text)[1:-1][:_EXCERPT]
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return ascii(text[:_EXCERPT])
