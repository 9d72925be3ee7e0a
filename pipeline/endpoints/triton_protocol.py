"""The binary protocol of Triton Inference Server: a JSON header, and behind it the elements of tensors.

    {"inputs":[{"name":..., "shape":[1,3,224,224], "datatype":"FP32", "parameters":{"binary_data_size":602112}}],
     "outputs":[{"name":..., "parameters":{"binary_data":true}}]}<602112 bytes>

The length of the header stands in the content type, for SageMaker passes no header of Triton's own on:
`application/vnd.sagemaker-triton.binary+json;json-header-size=N`. Sources: KServe, "Open Inference Protocol (V2)" and
its "Binary tensor data extension"; Triton, "Classification extension", and its SageMaker front end
(triton-inference-server/server, src/sagemaker_server.cc).

Bytes are those that NVIDIA's tritonclient makes, which is the oracle of the tests.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

MEDIA_TYPE = "application/vnd.sagemaker-triton.binary+json"

Array = npt.NDArray[Any]

_NUMPY: Mapping[str, str] = {
    "BOOL": "?",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "FP16": "<f2",
    "BF16": "<u2",  # numpy has no such type: the upper half of a float32
    "FP32": "<f4",
    "FP64": "<f8",
}
DATATYPES = (*_NUMPY, "BYTES")
_HEADER_SIZE = re.compile(r";\s*json-header-size\s*=\s*(\d{1,10})\s*(?:;|$)", re.IGNORECASE)
_MOST_SIDES, _LONGEST_SIDE = 32, 2**31
"""Of a shape: numpy takes hardly more, and no answer about an image has nearly as many."""
_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\u([0-9a-f]{4})")


class MalformedTensorsError(ValueError):
    """A body that is no answer of Triton's. The text says what is wrong with it."""


class TritonError(Exception):
    """The text of Triton's own error, which stands in the body in place of outputs."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of a request. `data` has numpy's type of `datatype`: float32 for BF16, bytes objects for BYTES."""

    name: str
    datatype: str
    data: Array


def content_type(header_size: int) -> str:
    """The content type of a body whose JSON takes `header_size` bytes."""
    return f"{MEDIA_TYPE};json-header-size={header_size}"


def header_size(of: str) -> int | None:
    """The length of the JSON that a content type tells, in bytes; None where all of the body is JSON."""
    found = _HEADER_SIZE.search(of)
    return int(found[1]) if found else None


def encode(inputs: Sequence[Tensor], outputs: Sequence[str]) -> tuple[bytes, int]:
    """The body of a request for `outputs`, all of them binary, and the length of its JSON in bytes.

    Raises ValueError where a tensor's data is not of its datatype.
    """
    contents = [_to_bytes(tensor) for tensor in inputs]
    header = {
        "inputs": [
            {
                "name": tensor.name,
                "shape": list(tensor.data.shape),
                "datatype": tensor.datatype,
                "parameters": {"binary_data_size": len(content)},
            }
            for tensor, content in zip(inputs, contents, strict=True)
        ],
        "outputs": [{"name": name, "parameters": {"binary_data": True}} for name in outputs],
    }
    head = _ESCAPE.sub(_as_rapidjson, json.dumps(header, separators=(",", ":"))).encode("ascii")
    return b"".join([head, *contents]), len(head)


def decode(body: bytes, size: int | None) -> dict[str, Array]:
    """The outputs in an answer by name, as numpy has them; BF16 as float32, BYTES as bytes objects.

    `size` is the length of the answer's JSON, None where there is nothing behind it. Raises TritonError where the body
    holds an error, and MalformedTensorsError where it holds neither an error nor tensors.
    """
    if size is not None and size > len(body):
        raise MalformedTensorsError(f"its JSON is said to take {size} bytes, and the body has {len(body)}")
    try:
        document: Any = json.loads(body[:size])
    except (ValueError, RecursionError) as error:
        raise MalformedTensorsError(f"its first {size or len(body)} bytes are no JSON: {error}") from error
    return outputs(document, memoryview(body)[len(body) if size is None else size :])


def outputs(document: Any, content: memoryview) -> dict[str, Array]:
    """The outputs that a parsed header describes, with `content` behind it. Raises what `decode` does."""
    match document:
        case {"error": str(text)}:
            raise TritonError(text)
        case {"outputs": [*described]}:
            pass
        case _:
            raise MalformedTensorsError('its JSON has neither "outputs" nor an "error"')
    arrays: dict[str, Array] = {}
    for each in described:
        output = _Output.parse(each)
        if output.size is None:
            arrays[output.name] = output.from_json(each.get("data"))
            continue
        if output.size > len(content):
            raise MalformedTensorsError(
                f"output {output.name!r:.80} is said to take {output.size} bytes, and {len(content)} are left"
            )
        arrays[output.name] = output.from_bytes(content[: output.size])
        content = content[output.size :]
    if content:
        raise MalformedTensorsError(f"{len(content)} bytes are left behind its outputs")
    return arrays


@dataclass(frozen=True, slots=True)
class _Output:
    """What the header says of an output; `size` is its bytes behind the header, None where its data is JSON."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    size: int | None

    @classmethod
    def parse(cls, document: Any) -> "_Output":
        match document:
            case {"name": str(name), "datatype": str(datatype), "shape": [*shape]}:
                match document.get("parameters"):
                    case {"binary_data_size": size}:
                        pass
                    case _:
                        size = None
                if (
                    datatype in DATATYPES
                    and len(shape) <= _MOST_SIDES
                    and all(type(side) is int and 0 <= side <= _LONGEST_SIDE for side in shape)
                    and (size is None or (type(size) is int and size >= 0))
                ):
                    return cls(name, datatype, tuple(shape), size)
        raise MalformedTensorsError(f"{json.dumps(document)[:200]} describes no output")

    def from_bytes(self, content: memoryview) -> Array:
        if self.datatype == "BYTES":
            return self._shaped(_texts(content, self.name))
        dtype = np.dtype(_NUMPY[self.datatype])
        if len(content) != math.prod(self.shape) * dtype.itemsize:
            raise self._mismatch(f"{len(content)} bytes")
        numbers = np.frombuffer(content, dtype).reshape(self.shape)
        if self.datatype == "BF16":
            return (numbers.astype(np.uint32) << 16).view(np.float32)
        return numbers

    def from_json(self, data: Any) -> Array:
        """JSON has the elements in a flat list, or nested as the shape is."""
        if not isinstance(data, list):
            raise MalformedTensorsError(f"output {self.name!r:.80} has no data")
        if self.datatype == "BYTES":
            return self._shaped([self._text(text) for text in _leaves(data)])
        try:
            array = np.array(data, np.float32 if self.datatype == "BF16" else np.dtype(_NUMPY[self.datatype]))
        except (ValueError, TypeError, OverflowError) as error:
            raise MalformedTensorsError(
                f"the data of output {self.name!r:.80} is no {self.datatype}: {error}"
            ) from error
        if array.size != math.prod(self.shape):
            raise self._mismatch(f"{array.size} elements")
        return array.reshape(self.shape)

    def _text(self, element: Any) -> bytes:
        try:
            if isinstance(element, str):
                return element.encode()
        except UnicodeEncodeError:
            pass
        raise MalformedTensorsError(f"the data of output {self.name!r:.80} has {element!a:.80}, which is no text")

    def _shaped(self, texts: Sequence[bytes]) -> Array:
        if len(texts) != math.prod(self.shape):
            raise self._mismatch(f"{len(texts)} elements")
        array = np.empty(len(texts), object)
        array[:] = texts
        return array.reshape(self.shape)

    def _mismatch(self, found: str) -> MalformedTensorsError:
        return MalformedTensorsError(
            f"output {self.name!r:.80} is {self.datatype} {list(self.shape)}, and its data has {found}"
        )


def _as_rapidjson(escape: re.Match[str]) -> str:
    """tritonclient's JSON writer has capital letters in its escapes, and leaves DEL as it is."""
    return escape[1] + ("\x7f" if escape[2] == "007f" else f"\\u{escape[2].upper()}")


def _to_bytes(tensor: Tensor) -> bytes:
    if tensor.datatype == "BYTES":
        return b"".join(len(text).to_bytes(4, "little") + text for text in tensor.data.ravel().tolist())
    expected = np.dtype(np.float32 if tensor.datatype == "BF16" else _NUMPY[tensor.datatype])
    if tensor.data.dtype != expected:
        raise ValueError(f"{tensor.name!r} is {tensor.data.dtype}; {tensor.datatype} is {expected}")
    if tensor.datatype == "BF16":
        return _to_bfloat16(tensor.data).tobytes()
    return tensor.data.astype(_NUMPY[tensor.datatype], copy=False).tobytes()


def _to_bfloat16(numbers: npt.NDArray[np.float32]) -> Array:
    """The upper halves, rounded to the nearest, halves to the even one; NaN stays NaN."""
    bits = np.ascontiguousarray(numbers).reshape(-1).view(np.uint32)
    rounded = (bits + (0x7FFF + ((bits >> 16) & 1))) >> 16
    quiet = (bits >> 16 & 0x8000) | 0x7FC0
    return np.where(np.isnan(numbers).reshape(-1), quiet, rounded).astype("<u2")


def _leaves(nested: list[Any]) -> list[Any]:
    """What stands in lists, however deep."""
    leaves: list[Any] = []
    rest: list[Any] = [nested]
    while rest:
        each = rest.pop()
        if isinstance(each, list):
            rest.extend(reversed(each))
        else:
            leaves.append(each)
    return leaves


def _texts(content: memoryview, name: str) -> list[bytes]:
    """Elements of BYTES: four bytes of length, little-endian, and as many bytes."""
    texts = []
    while content:
        length = int.from_bytes(content[:4], "little")
        if len(content) < 4 + length:
            raise MalformedTensorsError(f"an element of output {name!r:.80} ends early")
        texts.append(bytes(content[4 : 4 + length]))
        content = content[4 + length :]
    return texts
