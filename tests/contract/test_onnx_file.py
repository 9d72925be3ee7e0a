"""The signature that we read from a file's bytes is the one that ONNX Runtime has of the model, and hostile bytes cost
nothing but a sentence."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from pipeline.contract.onnx_file import OnnxModel, read_model
from pipeline.contract.signature import Signature, TensorType
from pipeline.errors import InvalidModelPackage
from pipeline.inference.runtimes.onnx import session_signature

EXAMPLE = Path(__file__).parents[2] / "examples/models/efficientnet-lite0/model.onnx"
ELEMENT_TYPES = [
    *(TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16, TensorProto.BOOL),
    *(TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64, TensorProto.STRING),
    *(TensorProto.UINT8, TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64),
]

names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
sizes = st.integers(1, 1 << 40) | names | st.none()
shapes = st.lists(sizes, max_size=5)


class File:
    """Bytes that count how much of them is read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.reads: list[int] = []

    def read_at(self, offset: int, length: int) -> bytes:
        found = self.data[offset : offset + length]
        self.reads.append(len(found))
        return found

    def read(self) -> OnnxModel:
        return read_model(self.read_at, len(self.data))


def identities(
    *tensors: tuple[str, int, list[int | str | None]], weights: tuple[str, ...] = (), version: int = 8
) -> Any:
    """A model that answers each of its inputs, some of which are weights too."""
    inputs = [helper.make_tensor_value_info(*tensor) for tensor in tensors]
    outputs = [helper.make_tensor_value_info(f"{name} again", kind, shape) for name, kind, shape in tensors]
    nodes = [helper.make_node("Identity", [name], [f"{name} again"]) for name, _, _ in tensors]
    initializers = [numpy_helper.from_array(np.zeros(1, np.float32), name) for name in weights]
    graph = helper.make_graph(nodes, "graph", inputs, outputs, initializers)
    return helper.make_model(graph, ir_version=version, opset_imports=[helper.make_opsetid("", 13)])


def by_the_runtime(data: bytes) -> Signature:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return session_signature(onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"]))


def without_scalars(signature: Signature) -> Signature:
    """The runtime does not tell a scalar from a tensor of unknown shape."""

    def known(tensors: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return tuple(TensorType(each.name, each.dtype, each.shape or None) for each in tensors)

    return Signature(known(signature.inputs), known(signature.outputs))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(names, st.sampled_from(ELEMENT_TYPES), shapes), min_size=1, max_size=4, unique_by=lambda t: t[0])
)
def test_types_and_shapes_are_those_that_the_runtime_reads(tensors: list[Any]) -> None:
    data = identities(*tensors).SerializeToString()
    assert without_scalars(File(data).read().signature) == by_the_runtime(data)


@pytest.mark.parametrize("version", [3, 8])
def test_an_input_that_is_a_weight_too_need_not_be_fed(version: int) -> None:
    tensors = [("image", TensorProto.FLOAT, ["n", 3]), ("weight", TensorProto.FLOAT, [1])]
    data = identities(*tensors, weights=("weight",), version=version).SerializeToString()
    assert [each.name for each in File(data).read().signature.inputs] == ["image"]
    assert File(data).read().signature == by_the_runtime(data)


@pytest.mark.parametrize("size", [None, -1], ids=["no value", "negative"])
def test_a_dimension_of_which_nothing_is_said_is_none(size: int | None) -> None:
    data = identities(("image", TensorProto.FLOAT, [size, 0])).SerializeToString()
    assert File(data).read().signature.inputs[0].shape == (None, 0)
    assert File(data).read().signature == by_the_runtime(data)


@pytest.mark.parametrize(("shape", "expected"), [([], ()), (None, None)], ids=["scalar", "unknown rank"])
def test_a_scalar_is_told_from_a_tensor_of_unknown_rank(shape: Any, expected: Any) -> None:
    data = identities(("x", TensorProto.FLOAT, shape)).SerializeToString()
    assert File(data).read().signature.inputs[0].shape == expected


def test_what_is_no_tensor_is_named() -> None:
    model = identities(("x", TensorProto.FLOAT, [1]))
    model.graph.output[0].CopyFrom(helper.make_tensor_sequence_value_info("many", TensorProto.FLOAT, [1]))
    assert File(model.SerializeToString()).read().signature.outputs == (TensorType("many", "sequence", None),)


def test_the_example_model_is_read_as_the_runtime_reads_it() -> None:
    data = EXAMPLE.read_bytes()
    assert File(data).read().signature == by_the_runtime(data)


def model_with_weights(*arrays: np.ndarray[Any, Any]) -> Any:
    model = identities(("x", TensorProto.FLOAT, ["n", 3]))
    model.graph.initializer.extend(numpy_helper.from_array(each, f"w{index}") for index, each in enumerate(arrays))
    return model


def test_large_weights_are_stepped_over() -> None:
    file = File(model_with_weights(*np.ones((20, 1 << 18), np.float32)).SerializeToString())
    assert file.read().signature.inputs[0].shape == ("n", 3)
    assert len(file.data) > 20_000_000
    assert sum(file.reads) < 2_000_000


def test_small_weights_are_read_many_at_once() -> None:
    file = File(model_with_weights(*np.ones((2_000, 100), np.float32)).SerializeToString())
    file.read()
    assert len(file.reads) < 15


def test_what_lies_between_large_weights_takes_few_reads() -> None:
    file = File(EXAMPLE.read_bytes())
    file.read()
    assert len(file.reads) < 15


def test_files_that_hold_weights_are_named(tmp_path: Path) -> None:
    model = model_with_weights(np.ones(1 << 12, np.float32))
    onnx.save(model, tmp_path / "model.onnx", save_as_external_data=True, location="model.onnx_data")
    described = File((tmp_path / "model.onnx").read_bytes()).read()
    assert described.external_data == {"model.onnx_data"}
    described.check_data({"model.onnx", "model.onnx_data"}, "s3://bucket/models/big/")


@pytest.mark.parametrize("location", ["model.onnx_data", "../elsewhere", "/etc/passwd", ""])
def test_weights_that_are_not_in_the_package_are_missed(location: str) -> None:
    described = OnnxModel(Signature((), ()), frozenset({location}))
    with pytest.raises(InvalidModelPackage, match=r"folder/ has no .* which holds weights of model\.onnx"):
        described.check_data({"model.onnx"}, "folder/")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 18698336\n", "is a Git LFS pointer"),
        (b"\n<!DOCTYPE html><html><body>Not Found</body></html>", "is a web page"),
        (b"PK\x03\x04" + bytes(60), "is a zip archive, as torch.save"),
        (b"\x80\x02}q\x00X\x05\x00\x00\x00", "is a pickle"),
        (b"\x89HDF\r\n\x1a\n" + bytes(60), "is an HDF5 file"),
        (b"\x1f\x8b\x08\x00" + bytes(60), "is compressed"),
        (b"\x1c\x00\x00\x00TFL3" + bytes(60), "is a TensorFlow Lite model"),
        (b'\x0a\x00\x00\x00\x00\x00\x00\x00{"a": {}}\n' + bytes(60), "is a safetensors file"),
        (b'{"error": "not found"}', "is JSON text"),
        (b"tench\ngoldfish\n", "is not a whole ONNX file"),
        (b"\x08\x08", "it holds no graph"),
        (b"\xff" * 40, "does not end"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_is_something_else_is_named(data: bytes, words: str) -> None:
    with pytest.raises(InvalidModelPackage, match=f"^model.onnx .*{words}"):
        File(data).read()


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_an_upload_that_broke_off_is_told(kept: float) -> None:
    data = EXAMPLE.read_bytes()
    with pytest.raises(InvalidModelPackage, match=r"is not a whole ONNX file: a field at byte .* upload it again"):
        File(data[: int(len(data) * kept)]).read()


def test_a_file_that_is_shorter_than_was_said_is_told() -> None:
    data = identities(("x", TensorProto.FLOAT, [1])).SerializeToString()
    with pytest.raises(InvalidModelPackage, match="breaks off"):
        read_model(File(data[:40]).read_at, len(data))


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    survives(data)


@given(st.data())
def test_no_damage_to_a_model_raises_anything_else(data: st.DataObject) -> None:
    model = bytearray(identities(("x", TensorProto.FLOAT, ["n", 3, None]), weights=("x",)).SerializeToString())
    for position, byte in data.draw(
        st.lists(st.tuples(st.integers(0, len(model) - 1), st.integers(0, 255)), max_size=4)
    ):
        model[position] = byte
    survives(bytes(model))


def survives(data: bytes) -> None:
    with suppress(InvalidModelPackage):
        File(data).read()


SMALL = b"\x08\x01"
LARGE_WEIGHT = b"\x2a\x84\x80\x08" + b"\x4a\x80\x80\x08" + bytes(1 << 17)


@pytest.mark.parametrize(
    ("unit", "words"),
    [(SMALL, "more than 1,000,000 fields"), (LARGE_WEIGHT, "within 2,000 reads")],
    ids=["fields", "weights"],
)
def test_a_file_almost_without_end_costs_a_bounded_amount_of_work(unit: bytes, words: str) -> None:
    graph_of_a_terabyte = b"\x3a\x80\x80\x80\x80\x80\x20"

    def read_at(offset: int, length: int) -> bytes:
        start = max(offset - len(graph_of_a_terabyte), 0) % len(unit)
        body = (unit * (2 + length // len(unit)))[start:]
        return (graph_of_a_terabyte[offset:] + body)[:length]

    with pytest.raises(InvalidModelPackage, match=words):
        read_model(read_at, len(graph_of_a_terabyte) + (1 << 40))
