"""AWS's Query protocol: a form in, XML out, both as botocore's model of the service describes them.

`QueryService` is to it what `JsonService` is to JSON (pipeline/local/protocol.py): one method an operation, plain
dictionaries, `ServiceError`. Source: smithy.io, "AWS Query protocol".
"""

import datetime
import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from botocore.model import ListShape, MapShape, Shape, StructureShape

from pipeline.local.http_messages import Request, Response
from pipeline.local.protocol import JsonService, ServiceError

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NOT_PLAIN = re.compile(r'[&<>"\r]')
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # XML 1.0, "Characters"


class QueryService(JsonService):
    """A service that speaks the Query protocol. Subclasses give one method an operation, in snake case."""

    def serve(self, request: Request) -> Response:
        """Answer an HTTP request."""
        form = dict(parse_qsl(request.body.readall().decode("utf-8", "replace") or request.query, True))
        try:
            operation = form.get("Action", "")
            shape = self._operation_model(operation).input_shape
            answer = self.handle(operation, {} if shape is None else _structure(shape, form, ""))
        except ServiceError as error:
            return self._refuse(error)
        output = self._operation_model(operation).output_shape
        result = ""
        if isinstance(output, StructureShape):
            content = _content(output, answer)
            wrapper = output.serialization.get("resultWrapper")
            result = f"<{wrapper}>{content}</{wrapper}>" if wrapper else content
        return self._answer(200, f"{operation}Response", f"{result}{_metadata()}")

    def _refuse(self, error: ServiceError) -> Response:
        status = error.status or self._error_status(error.code)
        kind = "Sender" if status < 500 else "Receiver"
        told = _elements([("Type", kind), ("Code", error.code), ("Message", error.message)])
        return self._answer(status, "ErrorResponse", f"<Error>{told}</Error>{_elements([('RequestId', _id())])}")

    def _answer(self, status: int, root: str, content: str) -> Response:
        namespace = self.model.metadata.get("xmlNamespace", "")
        document = f'{_HEAD}<{root} xmlns="{namespace}">{content}</{root}>'
        return Response(status, [("Content-Type", "text/xml")], document.encode())


def _structure(shape: StructureShape, form: Mapping[str, str], prefix: str) -> dict[str, Any]:
    """Those members that the form has; what the shape does not know is passed over, as AWS does."""
    values = {
        name: _value(member, form, f"{prefix}{member.serialization.get('name', name)}")
        for name, member in shape.members.items()
    }
    return {name: value for name, value in values.items() if value is not None}


def _value(shape: Shape, form: Mapping[str, str], name: str) -> Any:
    if isinstance(shape, StructureShape):
        return _structure(shape, form, f"{name}.") or None
    if isinstance(shape, ListShape):
        inner = name if shape.serialization.get("flattened") else f"{name}.member"
        found = [_value(shape.member, form, f"{inner}.{number}") for number in _numbers(form, inner)]
        return found or ([] if name in form else None)
    if isinstance(shape, MapShape):
        entry = name if shape.serialization.get("flattened") else f"{name}.entry"
        pairs = [
            (form.get(f"{entry}.{n}.key"), _value(shape.value, form, f"{entry}.{n}.value"))
            for n in _numbers(form, entry)
        ]
        return {key: value for key, value in pairs if key is not None} or None
    text = form.get(name)
    return None if text is None else _scalar(shape, text)


def _numbers(form: Mapping[str, str], name: str) -> list[int]:
    """The positions of a list's elements, which begin at 1."""
    pattern = re.compile(re.escape(name) + r"\.(\d+)(\..*)?")
    return sorted({int(match[1]) for key in form if (match := pattern.fullmatch(key))})


def _scalar(shape: Shape, text: str) -> Any:
    """Text in the type of its shape; text that has not that type is left, for the shape to refuse."""
    try:
        if shape.type_name in ("integer", "long"):
            return int(text)
        if shape.type_name in ("float", "double"):
            return float(text)
        if shape.type_name == "boolean":
            return {"true": True, "false": False}[text.lower()]
    except (KeyError, ValueError):
        pass
    return text


def _content(shape: StructureShape, value: Mapping[str, Any]) -> str:
    """The elements of a structure, in the model's order. Members that are None are left out."""
    return "".join(
        _element(member, member.serialization.get("name", name), value[name])
        for name, member in shape.members.items()
        if value.get(name) is not None
    )


def _element(shape: Shape, name: str, value: Any) -> str:
    if isinstance(shape, StructureShape):
        return f"<{name}>{_content(shape, value)}</{name}>"
    if isinstance(shape, ListShape):
        if shape.serialization.get("flattened"):
            return "".join(_element(shape.member, name, element) for element in value)
        member = shape.member.serialization.get("name", "member")
        return f"<{name}>{''.join(_element(shape.member, member, element) for element in value)}</{name}>"
    if isinstance(shape, MapShape):
        entries = (
            f"<entry>{_element(shape.key, 'key', key)}{_element(shape.value, 'value', element)}</entry>"
            for key, element in value.items()
        )
        return f"<{name}>{''.join(entries)}</{name}>"
    return _elements([(name, _text(value))])


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
    return str(value)


def _elements(pairs: Iterable[tuple[str, str]]) -> str:
    """Elements that hold text. What XML cannot carry becomes a question mark."""
    return "".join(f"<{tag}>{_escape(text)}</{tag}>" for tag, text in pairs)


def _escape(text: str) -> str:
    return _NOT_PLAIN.sub(lambda match: f"&#{ord(match[0])};", _FORBIDDEN.sub("?", text))


def _metadata() -> str:
    return f"<ResponseMetadata>{_elements([('RequestId', _id())])}</ResponseMetadata>"


def _id() -> str:
    return str(uuid.uuid4())
