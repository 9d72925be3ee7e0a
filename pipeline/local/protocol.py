"""AWS's JSON protocols, so that a service is a class with one method an operation.

    class Clock(JsonService):
        service = "stepfunctions"       # whose botocore model the requests are held to
        signing_name = "states"         # how the credential scope of a signed request names it

        def list_activities(self, parameters: dict[str, Any]) -> dict[str, Any]:
            return {"activities": []}

`handle("ListActivities", {...})` decodes and validates the parameters by the model's shapes and calls the method;
`serve(request)` does the same for HTTP, in the protocol of the model: JSON 1.0 and 1.1 (`X-Amz-Target`) by
`JsonService`, REST-JSON (routes, headers and query strings) by `RestJsonService`. Answers are plain dictionaries:
datetimes travel as epoch seconds, bytes as base64, members that are None are left out. Errors are raised as
`ServiceError`.
"""

import base64
import datetime
import json
import re
import uuid
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote

from botocore import xform_name
from botocore.model import ListShape, OperationModel, ServiceModel, Shape

from pipeline.local.http_messages import Request, Response
from pipeline.local.models import service_model
from pipeline.local.shapes import WrongTypeError, decode, violations


class ServiceError(Exception):
    """An error that a service answers with, as boto3's `ClientError` shows it.

    Args:
        code: the error's name in the service's model, such as `ResourceInUse`, or a common one (`ValidationException`).
        message: which thing, what was expected, what to do next.
        status: the HTTP status; by default what the model says for the code, else 400.
        members: further members of the modelled error, such as `Type` of Lambda's.
    """

    def __init__(self, code: str, message: str, *, status: int | None = None, **members: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.members = members


class JsonService:
    """A service that speaks AWS's JSON 1.0 or 1.1 protocol. Subclasses give one method an operation, in snake case."""

    service: ClassVar[str]
    signing_name: ClassVar[str]

    @cached_property
    def model(self) -> ServiceModel:
        """botocore's model of the service; loading it takes some 10 to 50 ms, so the first request does it."""
        return service_model(self.service)

    @cached_property
    def target_prefix(self) -> str:
        """What stands before the dot in `X-Amz-Target`."""
        return str(self.model.metadata.get("targetPrefix", ""))

    def handle(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Run one operation, given as in the API reference ("CreateProcessingJob") with parameters as on the wire.

        Raises:
            ServiceError: what the service answers; `UnsupportedOperation` for an operation that is not served,
                `ValidationException` when the parameters break the model's rules.
        """
        shape = self._operation_model(operation).input_shape
        method = self._method(operation)
        return method({} if shape is None else self._decoded(shape, parameters))

    def serve(self, request: Request) -> Response:
        """Answer an HTTP request."""
        try:
            operation = request.headers.get("x-amz-target", "").rpartition(".")[2]
            return self._respond(200, self.handle(operation, _parse_json(request.body.readall())))
        except ServiceError as error:
            return self._respond_error(error)

    @staticmethod
    def _decoded(shape: Shape, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters that break none of the rules of their shape."""
        try:
            decoded: dict[str, Any] = decode(shape, parameters)
        except WrongTypeError as error:
            raise ServiceError("SerializationException", str(error)) from error
        broken = list(violations(shape, decoded))
        if broken:
            noun = "error" if len(broken) == 1 else "errors"
            raise ServiceError("ValidationException", f"{len(broken)} validation {noun} detected: {'; '.join(broken)}")
        return decoded

    def _operation_model(self, operation: str) -> OperationModel:
        if operation not in self.model.operation_names:
            raise ServiceError("UnknownOperationException", f"{self.service} has no operation {operation!r}")
        return self.model.operation_model(operation)

    def _method(self, operation: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
        method: Callable[[dict[str, Any]], dict[str, Any]] | None = getattr(self, xform_name(operation), None)
        if method is None:
            raise ServiceError(
                "UnsupportedOperation", f"the local cloud does not serve {self.service} {operation}", status=501
            )
        return method

    def _respond(self, status: int, answer: Mapping[str, Any]) -> Response:
        version = self.model.metadata.get("jsonVersion", "1.1")
        headers = [("Content-Type", f"application/x-amz-json-{version}"), ("x-amzn-RequestId", str(uuid.uuid4()))]
        return Response(status, headers, to_json(answer))

    def _respond_error(self, error: ServiceError) -> Response:
        status = error.status or self._error_status(error.code)
        response = self._respond(status, {"__type": error.code, "message": error.message, **error.members})
        response.headers.append(("x-amzn-ErrorType", error.code))
        return response

    def _error_status(self, code: str) -> int:
        if code not in self.model.shape_names:
            return 400
        error = self.model.shape_for(code).metadata.get("error", {})
        return int(error.get("httpStatusCode", 400))


class RestJsonService(JsonService):
    """A service that speaks REST-JSON: the model's `http` entries say where each member travels."""

    def serve(self, request: Request) -> Response:
        try:
            operation, labels = self._route(request)
            answer = self.handle(operation.name, self._parameters(operation, labels, request))
            return self._rest_response(operation, answer)
        except ServiceError as error:
            return self._respond_error(error)

    @cached_property
    def _routes(self) -> list[tuple[str, re.Pattern[str], OperationModel]]:
        models = [self.model.operation_model(name) for name in self.model.operation_names]
        # Paths with fewer labels first: a literal segment wins over a label that would take it.
        models.sort(key=lambda model: model.http["requestUri"].count("{"))
        return [(model.http["method"], _uri_pattern(model.http["requestUri"]), model) for model in models]

    def _route(self, request: Request) -> tuple[OperationModel, dict[str, str]]:
        for method, pattern, model in self._routes:
            if method == request.method and (match := pattern.fullmatch(request.path)):
                return model, {name: unquote(value) for name, value in match.groupdict().items()}
        raise ServiceError(
            "UnknownOperationException", f"{self.service} has no {request.method} {request.path}", status=404
        )

    @staticmethod
    def _parameters(operation: OperationModel, labels: Mapping[str, str], request: Request) -> dict[str, Any]:
        shape = operation.input_shape
        if shape is None:
            return {}
        pairs = parse_qsl(request.query, keep_blank_values=True)
        query = dict(pairs)
        payload = shape.serialization.get("payload")
        body = request.body.readall()
        given = {} if payload else _parse_json(body)
        for name, member in shape.members.items():
            location = member.serialization.get("location")
            wire_name = member.serialization.get("name", name)
            if location is not None:
                source = {"uri": labels, "querystring": query, "header": request.headers}[location]
                given.pop(name, None)
                value = source.get(wire_name.lower() if location == "header" else wire_name)
                if location == "querystring" and isinstance(member, ListShape):
                    given |= {name: [text for key, text in pairs if key == wire_name]} if value is not None else {}
                    continue
                if value is not None:
                    given[name] = _from_text(member, value)
            elif name == payload and body:
                given[name] = body if member.type_name == "blob" else _parse_json(body)
        return given

    def _rest_response(self, operation: OperationModel, answer: dict[str, Any]) -> Response:
        status = operation.http.get("responseCode", 200)
        shape = operation.output_shape
        headers: list[tuple[str, str]] = []
        content: Any = dict(answer)
        if shape is not None:
            payload = shape.serialization.get("payload")
            for name, member in shape.members.items():
                location = member.serialization.get("location")
                value = content.pop(name, None) if location else None
                if location == "statusCode" and value is not None:
                    status = value
                elif location == "header" and value is not None:
                    headers.append((member.serialization.get("name", name), str(value)))
            if payload:
                content = content.get(payload, b"")
        response = self._respond(status, {})
        if not any(name == "Content-Type" for name, _ in headers):
            headers.insert(0, ("Content-Type", "application/json"))
        response.headers = [response.headers[1], *headers]
        response.body = content if isinstance(content, bytes) else to_json(content) if content or shape else b""
        return response


def to_json(value: Any) -> bytes:
    """An answer as JSON: datetimes as epoch seconds, bytes as base64, members that are None left out."""
    text = json.dumps(_without_none(value), default=_jsonable, ensure_ascii=False, separators=(",", ":"))
    # Half a surrogate pair, which a client can send as "\ud800", is written the same way: that is JSON's own escape.
    return text.encode("utf-8", "backslashreplace")


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_none(member) for key, member in value.items() if member is not None}
    if isinstance(value, (list, tuple)):
        return [_without_none(element) for element in value]
    return value


def _jsonable(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return round(value.timestamp(), 3)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} has no form in AWS's JSON protocol")


def _parse_json(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body or b"{}")
    except ValueError as error:
        raise ServiceError("SerializationException", f"the request's body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ServiceError("SerializationException", "the request's body is not a JSON object")
    return value


def _from_text(shape: Shape, text: str) -> Any:
    """A member that travelled in a header, a path or a query string."""
    try:
        if shape.type_name in ("integer", "long"):
            return int(text)
        if shape.type_name == "boolean":
            return {"true": True, "false": False}[text.lower()]
        if isinstance(shape, ListShape):
            return text.split(",")
    except (KeyError, ValueError):
        pass
    return text


def _uri_pattern(uri: str) -> re.Pattern[str]:
    pattern = ""
    for part in re.split(r"(\{[^}]+\})", uri.partition("?")[0].rstrip("/")):
        if not part.startswith("{"):
            pattern += re.escape(part)
        elif part.endswith("+}"):
            pattern += f"(?P<{part[1:-2]}>.+)"
        else:
            pattern += f"(?P<{part[1:-1]}>[^/]+)"
    return re.compile(f"{pattern}/?")
