"""What a function URL makes of an HTTP request, and of what its function returns: payload format 2.0.

Source: AWS Lambda Developer Guide, "Invoking Lambda function URLs" (request and response payload formats).
"""

import base64
import binascii
import datetime
import json
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from pipeline.local.http_messages import Request, Response

# What is handed over as it is; a body of any other type is base64, an image for instance.
_TEXT_TYPES = ("application/json", "application/javascript", "application/xml", "application/x-www-form-urlencoded")


class UnreadableAnswerError(ValueError):
    """What a function returned is no HTTP response."""


def event_of(request: Request, path: str, body: bytes, *, url_id: str, domain: str, caller: Any) -> dict[str, Any]:
    """The event for a function.

    Args:
        path: what the request asked for below the function's URL, still percent-encoded.
        caller: the entry `authorizer` of the context; None where nobody signed.
    """
    headers = dict(request.headers)
    now = datetime.datetime.now(datetime.UTC)
    cookies = headers.pop("cookie", "")
    context = {
        "accountId": caller["iam"]["accountId"] if caller else "anonymous",
        "apiId": url_id,
        "domainName": domain,
        "domainPrefix": url_id,
        "http": {
            "method": request.method,
            "path": unquote(path),
            "protocol": "HTTP/1.1",
            "sourceIp": "127.0.0.1",
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": str(uuid.uuid4()),
        "routeKey": "$default",
        "stage": "$default",
        "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(now.timestamp() * 1000),
    }
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": unquote(path),
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {**context, "authorizer": caller} if caller else context,
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = [cookie.strip() for cookie in cookies.split(";")]
    if request.query:
        event["queryStringParameters"] = _query(request.query)
    if body:
        text = _text(body, headers.get("content-type", ""))
        event["body"] = base64.b64encode(body).decode() if text is None else text
        event["isBase64Encoded"] = text is None
    return event


def response_of(payload: bytes) -> Response:
    """The HTTP response that a function's answer describes; JSON that describes none is the body of one.

    Raises:
        UnreadableAnswerError: it describes a response that there cannot be.
    """
    answer = json.loads(payload)
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return Response(200, [("Content-Type", "application/json")], payload)
    headers = {str(name).lower(): _value(value) for name, value in (answer.get("headers") or {}).items()}
    headers.setdefault("content-type", "application/json")
    headers.pop("content-length", None)
    cookies = [("Set-Cookie", str(cookie)) for cookie in answer.get("cookies") or ()]
    return Response(_status(answer["statusCode"]), [*headers.items(), *cookies], _body(answer))


def _query(query: str) -> dict[str, str]:
    """The values of each parameter, joined by commas."""
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        values.setdefault(name, []).append(value)
    return {name: ",".join(given) for name, given in values.items()}


def _text(body: bytes, content_type: str) -> str | None:
    kind = content_type.partition(";")[0].strip().lower()
    if not (kind.startswith("text/") or kind in _TEXT_TYPES or kind.endswith(("+json", "+xml"))):
        return None
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _value(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if "\r" in text or "\n" in text:
        raise UnreadableAnswerError("a header has a line break")
    return text


def _status(code: Any) -> int:
    try:
        status = int(code)
    except (TypeError, ValueError):
        status = 0
    if not 200 <= status <= 599:
        raise UnreadableAnswerError(f"expected a statusCode from 200 to 599, got {code!r}")
    return status


def _body(answer: Mapping[str, Any]) -> bytes:
    body = answer.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        return json.dumps(body).encode()
    if not answer.get("isBase64Encoded"):
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise UnreadableAnswerError("isBase64Encoded is true, and body is not base64") from error
