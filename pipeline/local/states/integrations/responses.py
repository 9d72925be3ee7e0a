"""Bring a service's response into the form in which a state machine sees it.

Names in Pascal case; bodies and bytes as text. Times are ISO 8601 for `aws-sdk` integrations and milliseconds since
1970 for optimised ones, which also add the HTTP metadata of the call.
"""

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from pipeline.local.states.scope import Json

_JAVA_NAMES = {"BOOL": "Bool", "BS": "Bs", "NS": "Ns", "SS": "Ss", "NULL": "Nul"}
"""DynamoDB's attribute types as the AWS SDK for Java 2 spells them."""


def optimised(response: Mapping[str, Any], shape: Shape | None) -> dict[str, Any]:
    """A response of the API with the output `shape` as optimised integrations give it."""
    return {**_document(response, shape, _milliseconds, pascal_case), **metadata(response)}


def aws_sdk(response: Mapping[str, Any], shape: Shape | None) -> dict[str, Any]:
    """A response of the API with the output `shape` as `aws-sdk` integrations give it."""
    return _document(response, shape, _iso_time, lambda name: _JAVA_NAMES.get(name, pascal_case(name)))


def metadata(response: Mapping[str, Any]) -> dict[str, Any]:
    """What optimised integrations tell of the HTTP call."""
    call = response.get("ResponseMetadata", {})
    headers = call.get("HTTPHeaders", {})
    return {
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": dict(headers),
            "HttpStatusCode": call.get("HTTPStatusCode", 200),
        },
        "SdkResponseMetadata": {"RequestId": call.get("RequestId", "")},
    }


def pascal_case(name: str) -> str:
    return f"{name[:1].upper()}{name[1:]}"


def _document(
    response: Mapping[str, Any], shape: Shape | None, time: Callable[[datetime], Json], spell: Callable[[str], str]
) -> dict[str, Any]:
    def convert(value: Any, shape: Shape | None) -> Json:
        if isinstance(shape, StructureShape):
            members = shape.members
            return {spell(name): convert(inner, members.get(name)) for name, inner in value.items()}
        if isinstance(shape, MapShape):
            return {name: convert(inner, shape.value) for name, inner in value.items()}
        if isinstance(shape, ListShape):
            return [convert(inner, shape.member) for inner in value]
        if isinstance(value, datetime):
            return time(value)
        if hasattr(value, "read"):
            value = value.read()
        return _text(value) if isinstance(value, (bytes, bytearray)) else value

    if shape is None:
        return {}
    content = {name: value for name, value in response.items() if name != "ResponseMetadata"}
    document: dict[str, Any] = convert(content, shape)
    return document


def _text(data: bytes | bytearray) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return base64.b64encode(data).decode()


def _iso_time(time: datetime) -> str:
    text = time.astimezone(UTC).isoformat(timespec="milliseconds" if time.microsecond else "seconds")
    return f"{text.removesuffix('+00:00')}Z"


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)
