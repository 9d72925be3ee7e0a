"""The signature of a model.onnx, read from the few KB of the file that hold it.

An ONNX file is one protocol buffer (onnx/onnx.proto), of which this walks no more than it has to:

    ModelProto  .graph 7 ──► GraphProto  .initializer 5   weights: stepped over, but for their name and where they lie
                                         .input 11, .output 12 ──► ValueInfoProto ──► TypeProto ──► name, type, shape

A field says how long it is, so a weight of 500 MB costs the read of its first bytes and a jump. That way StartRun looks
into a model of 2 GB in S3 by ranged reads, with neither onnx nor a runtime in its Lambda.

A file is not trusted: every length is held to what encloses it, and reads and fields are counted.
"""

import posixpath
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from pipeline.contract.model_files import ModelFile
from pipeline.contract.signature import Dimension, Signature, TensorType
from pipeline.errors import InvalidModelPackage

ReadAt = Callable[[int, int], bytes]
"""Reads `length` bytes at `offset`: read_at(offset, length). Fewer where the file ends."""

# Behind a large weight lies the next one, of which a few bytes tell enough; nodes and small weights follow one another.
# The run waits for each read in turn: of the example model of 5 MB these sizes make 11.
_SHORTEST_READ, _LONGEST_READ = 64 * 1024, 1024 * 1024
_NEAR = 256 * 1024
# StartRun has a minute, and a read from S3 takes some 20 ms. The largest vision models have some 500 large weights.
_MOST_READS = 2_000
_MOST_FIELDS = 1_000_000
_LONGEST_NAME = 4_096

_ELEMENT_TYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    8: "string",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    14: "complex64",
    15: "complex128",
    16: "bfloat16",
}
"""TensorProto.DataType, without the floats of 8 bits and what is smaller than a byte, which no image is fed in."""

_TYPES_WITHOUT_SHAPE = {4: "sequence", 5: "map", 7: "opaque", 8: "sparse_tensor", 9: "optional"}


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """What a model.onnx says of itself. `external_data` are the files that hold weights of its, relative to it."""

    signature: Signature
    external_data: frozenset[str]

    def check_data(self, files: Collection[str], folder: str) -> None:
        """Raises InvalidModelPackage where a file with weights is not among `files`, those of the model's folder."""
        for name in sorted(self.external_data):
            if posixpath.normpath(name) not in files:
                raise InvalidModelPackage(
                    f"{folder} has no {name!r:.200}, which holds weights of {ModelFile.ONNX}. Put it beside the model,"
                    " or save the model as one file (onnx.save with save_as_external_data=False)."
                )


def read_model(read_at: ReadAt, size: int, source: str = ModelFile.ONNX) -> OnnxModel:
    """What is known of a model without running it, from a file of `size` bytes.

    Shapes are those that the file declares: a negative size and an empty name say nothing (None), as in ONNX Runtime.
    Inputs that are weights too (as every weight was before version 4 of the format) need not be fed, and are left out.

    Raises InvalidModelPackage, naming `source`, where the bytes are no ONNX file, and says what they are instead where
    that is known.
    """
    try:
        return _read(_Wire(read_at, size))
    except _MalformedError as problem:
        found = _recognise(read_at(0, min(size, 512)), size)
        what = found or f"is not a whole ONNX file: {problem}. Export the model again, or upload it again"
        raise InvalidModelPackage(f"{source} {what}.") from None


class _MalformedError(Exception):
    """The bytes are not what they should be, in words."""


class _Type(IntEnum):
    """Wire types (protobuf.dev, "Encoding"). Groups, 3 and 4, are older than ONNX."""

    VARINT = 0
    EIGHT_BYTES = 1
    LENGTH_DELIMITED = 2
    FOUR_BYTES = 5


class _Field(NamedTuple):
    """A field: its number, and its value or the bytes [start, end) that it lies in."""

    number: int
    type: int
    value: int
    start: int
    end: int


class _Wire:
    """A protocol buffer in a file, read through a window."""

    def __init__(self, read_at: ReadAt, size: int) -> None:
        self.size = size
        self._read_at = read_at
        self._window = b""
        self._start = 0
        self._reads = 0
        self._fields = 0

    def fields(self, start: int, end: int) -> Iterator[_Field]:
        """The fields of the message in [start, end), one after the other. What they hold is not looked at."""
        offset = start
        while offset < end:
            self._fields += 1
            if self._fields > _MOST_FIELDS:
                raise _MalformedError(f"it has more than {_MOST_FIELDS:,} fields")
            key, offset = self._varint(offset, end)
            number, type, value, length = key >> 3, key & 7, 0, 0
            if type == _Type.VARINT:
                value, offset = self._varint(offset, end)
            elif type == _Type.LENGTH_DELIMITED:
                length, offset = self._varint(offset, end)
            elif type in (_Type.FOUR_BYTES, _Type.EIGHT_BYTES):
                length = 4 if type == _Type.FOUR_BYTES else 8
            else:
                number = 0
            if not number:
                raise _MalformedError(f"no field ends its tag at byte {offset:,}")
            if length > end - offset:
                raise _MalformedError(
                    f"a field at byte {offset:,} is {length:,} bytes long, and there are {end - offset:,}"
                )
            yield _Field(number, type, value, offset, offset + length)
            offset += length

    def messages(self, start: int, end: int, *numbers: int) -> Iterator[_Field]:
        """Those of the fields that have these numbers and hold bytes."""
        wanted = (each for each in self.fields(start, end) if each.number in numbers)
        return (each for each in wanted if each.type == _Type.LENGTH_DELIMITED)

    def text(self, span: _Field) -> str:
        """A text field; a longer one than any name is as good as none."""
        length = span.end - span.start
        if length > _LONGEST_NAME:
            raise _MalformedError(f"the name at byte {span.start:,} is {length:,} bytes long")
        return self._bytes(span.start, length).decode("utf-8", "backslashreplace")

    def _varint(self, offset: int, end: int) -> tuple[int, int]:
        """A number of at most 64 bits, in groups of 7, and the offset behind it."""
        value = 0
        for index in range(10):
            if offset + index >= end:
                raise _MalformedError(f"it breaks off at byte {end:,}")
            byte = self._byte(offset + index)
            value |= (byte & 0x7F) << 7 * index
            if byte < 0x80:
                return value & 0xFFFF_FFFF_FFFF_FFFF, offset + index + 1
        raise _MalformedError(f"the number at byte {offset:,} does not end")

    def _byte(self, offset: int) -> int:
        index = offset - self._start
        if not 0 <= index < len(self._window):
            self._load(offset)
            index = 0
        return self._window[index]

    def _bytes(self, offset: int, length: int) -> bytes:
        index = offset - self._start
        if not 0 <= index <= len(self._window) - length:
            self._load(offset)
            index = 0
        if len(self._window) < length:
            raise _MalformedError(f"it breaks off at byte {self._start + len(self._window):,}")
        return self._window[index : index + length]

    def _load(self, offset: int) -> None:
        self._reads += 1
        if self._reads > _MOST_READS:
            raise _MalformedError(f"its inputs and outputs are not found within {_MOST_READS:,} reads")
        near = 0 <= offset - self._start - len(self._window) <= _NEAR
        length = min(max(2 * len(self._window), _SHORTEST_READ), _LONGEST_READ) if near else _SHORTEST_READ
        self._window = self._read_at(offset, min(length, self.size - offset))
        self._start = offset
        if not self._window:
            raise _MalformedError(f"it breaks off at byte {offset:,}")


@dataclass(slots=True)
class _Graph:
    inputs: list[TensorType] = field(default_factory=list)
    outputs: list[TensorType] = field(default_factory=list)
    weights: set[str] = field(default_factory=set)
    external_data: set[str] = field(default_factory=set)


def _read(wire: _Wire) -> OnnxModel:
    """ModelProto."""
    graphs = list(wire.messages(0, wire.size, 7))
    if not graphs:
        raise _MalformedError("it holds no graph")
    graph = _Graph()
    for span in graphs:
        _read_graph(wire, span, graph)
    return OnnxModel(
        signature=Signature(
            inputs=tuple(each for each in graph.inputs if each.name not in graph.weights),
            outputs=tuple(graph.outputs),
        ),
        external_data=frozenset(graph.external_data),
    )


def _read_graph(wire: _Wire, span: _Field, graph: _Graph) -> None:
    """GraphProto."""
    for part in wire.messages(span.start, span.end, 5, 11, 12):
        if part.number == 5:
            _read_weight(wire, part, graph)
        else:
            tensors = graph.inputs if part.number == 11 else graph.outputs
            tensors.append(_tensor_type(wire, part))


def _read_weight(wire: _Wire, span: _Field, graph: _Graph) -> None:
    """TensorProto: its name, and the file of its data where it lies in one."""
    for part in wire.messages(span.start, span.end, 8, 13):
        if part.number == 8:
            graph.weights.add(wire.text(part))
            continue
        # StringStringEntryProto: "location", "offset", "length" and their values.
        entry = {each.number: wire.text(each) for each in wire.messages(part.start, part.end, 1, 2)}
        if entry.get(1) == "location":
            graph.external_data.add(entry.get(2, ""))


def _tensor_type(wire: _Wire, span: _Field) -> TensorType:
    """ValueInfoProto."""
    name, dtype, shape = "", "undefined", None
    for part in wire.messages(span.start, span.end, 1, 2):
        if part.number == 1:
            name = wire.text(part)
        else:
            dtype, shape = _type(wire, part)
    return TensorType(name, dtype, shape)


def _type(wire: _Wire, span: _Field) -> tuple[str, tuple[Dimension, ...] | None]:
    """TypeProto: a tensor's element type and shape, or what it is instead of a tensor."""
    dtype, shape = "undefined", None
    for part in wire.messages(span.start, span.end, 1, *_TYPES_WITHOUT_SHAPE):
        if part.number != 1:
            dtype, shape = _TYPES_WITHOUT_SHAPE[part.number], None
            continue
        for member in wire.fields(part.start, part.end):
            if member.number == 1:
                dtype = _ELEMENT_TYPES.get(member.value, f"type {member.value}")
            elif member.number == 2 and member.type == _Type.LENGTH_DELIMITED:
                dimensions = wire.messages(member.start, member.end, 1)
                shape = tuple(_dimension(wire, each) for each in dimensions)
    return dtype, shape


def _dimension(wire: _Wire, span: _Field) -> Dimension:
    """TensorShapeProto.Dimension: a size, or a name."""
    size: Dimension = None
    for part in wire.fields(span.start, span.end):
        if part.number == 1 and part.type == _Type.VARINT:
            size = part.value if part.value < 1 << 63 else None
        elif part.number == 2 and part.type == _Type.LENGTH_DELIMITED:
            size = wire.text(part) or None
    return size


_FOREIGN = (
    (b"version https://git-lfs", "is a Git LFS pointer and not the model that it stands for: run `git lfs pull`"),
    (b"PK\x03\x04", "is a zip archive, as torch.save and Keras write: export the model to ONNX"),
    (b"\x80", "is a pickle, as older versions of torch.save write: export the model to ONNX"),
    (b"\x89HDF", "is an HDF5 file, as Keras writes: export the model to ONNX"),
    (b"\x1f\x8b", "is compressed (gzip): unpack it"),
    (b"<", "is a web page or XML: download the file itself, not the page that shows it"),
    (b"{", "is JSON text: export the model to ONNX"),
)


def _recognise(head: bytes, size: int) -> str | None:
    """What a file that is no ONNX file is instead."""
    if not size:
        return "is empty: export the model again, or upload it again"
    if head[4:8] == b"TFL3":
        return "is a TensorFlow Lite model: export the model to ONNX"
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < size:
        return "is a safetensors file, weights without a graph: export the model to ONNX"
    return next((what for magic, what in _FOREIGN if head.lstrip().startswith(magic)), None)
