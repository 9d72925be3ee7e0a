"""Triton's binary protocol, byte for byte as NVIDIA's own client speaks it."""

import json
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import tritonclient.http as triton
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tritonclient.utils import triton_to_np_dtype

from pipeline.endpoints import triton_protocol
from pipeline.endpoints.triton_protocol import DATATYPES, MalformedTensorsError, Tensor, TritonError

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
SHAPES = arrays.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4)


@st.composite
def tensors(draw: st.DrawFn) -> tuple[str, Any]:
    """A datatype, and an array of it as tritonclient takes it."""
    datatype = draw(st.sampled_from(DATATYPES))
    shape = draw(SHAPES)
    if datatype == "BYTES":
        texts = draw(st.lists(st.binary(max_size=20), min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
        array = np.empty(len(texts), object)
        array[:] = texts
        return datatype, array.reshape(shape)
    if datatype == "BF16":
        numbers = draw(arrays.arrays(np.float32, shape))
        with np.errstate(over="ignore", invalid="ignore"):
            return datatype, numbers.astype(ml_dtypes.bfloat16)
    return datatype, draw(arrays.arrays(triton_to_np_dtype(datatype), shape))


def ours(array: Any, datatype: str) -> Any:
    """An array as we take it."""
    return array.astype(np.float32) if datatype == "BF16" else array


def request_of_tritonclient(name: str, datatype: str, array: Any, outputs: list[str]) -> tuple[bytes, int]:
    given = triton.InferInput(name, list(array.shape), datatype)
    given.set_data_from_numpy(array)
    wanted = [triton.InferRequestedOutput(output) for output in outputs]
    body, size = triton.InferenceServerClient.generate_request_body([given], outputs=wanted)
    return bytes(body), int(size)


def answer_of(name: str, datatype: str, array: Any) -> tuple[bytes, int]:
    """An answer with one output: tritonclient's request, whose input is called an output."""
    body, size = request_of_tritonclient(name, datatype, array, ["unused"])
    header = json.loads(body[:size])
    head = json.dumps({"model_name": "m", "model_version": "1", "outputs": header["inputs"]}).encode()
    return head + body[size:], len(head)


@given(tensor=tensors(), name=NAMES, output=NAMES)
@example(tensor=("FP32", np.zeros((1, 3), np.float32)), name='\\u00e9"\\', output="\u00e9\U0001f600\x1f\x7f/")
def test_a_request_is_that_of_tritonclient(tensor: tuple[str, Any], name: str, output: str) -> None:
    datatype, array = tensor
    made = triton_protocol.encode([Tensor(name, datatype, ours(array, datatype))], [output])
    assert made == request_of_tritonclient(name, datatype, array, [output])


@given(arrays.arrays(np.float32, st.integers(1, 50)))
@example(np.array([np.nan, -np.nan, np.inf, -np.inf, 3.4e38, 1.00390625, 1.01171875, 1e-45], np.float32))
def test_float32_becomes_bfloat16_as_ml_dtypes_rounds_it(numbers: Any) -> None:
    body, size = triton_protocol.encode([Tensor("x", "BF16", numbers)], ["y"])
    with np.errstate(over="ignore", invalid="ignore"):
        assert body[size:] == numbers.astype(ml_dtypes.bfloat16).tobytes()


@given(tensor=tensors(), name=NAMES)
def test_an_answer_reads_as_tritonclient_reads_it(tensor: tuple[str, Any], name: str) -> None:
    datatype, array = tensor
    body, size = answer_of(name, datatype, array)
    theirs = triton.InferResult.from_response_body(body, header_length=size).as_numpy(name)
    (found,) = triton_protocol.decode(body, size).values()
    np.testing.assert_array_equal(found, ours(theirs, datatype))
    assert found.shape == array.shape


@pytest.mark.parametrize("datatype", DATATYPES)
def test_an_output_in_json_reads_as_tritonclient_reads_it(datatype: str) -> None:
    data: list[Any] = ["a", "b"] if datatype == "BYTES" else [0, 1]
    body = json.dumps({"outputs": [{"name": "y", "datatype": datatype, "shape": [1, 2], "data": data}]}).encode()
    (found,) = triton_protocol.decode(body, None).values()
    theirs = triton.InferResult.from_response_body(body).as_numpy("y")
    if datatype == "BYTES":
        assert [text.decode() for text in found.ravel()] == theirs.ravel().tolist()
    else:
        np.testing.assert_array_equal(found, ours(theirs, datatype))
    assert found.shape == (1, 2)


def test_outputs_follow_one_another_in_the_order_of_the_header() -> None:
    outputs = [
        {"name": name, "datatype": "UINT8", "shape": [1], "parameters": {"binary_data_size": 1}} for name in "ab"
    ]
    head = json.dumps({"outputs": outputs}).encode()
    found = triton_protocol.decode(head + b"\x07\x09", len(head))
    assert {name: array.tolist() for name, array in found.items()} == {"a": [7], "b": [9]}


def test_the_length_of_the_header_is_read_from_the_content_type() -> None:
    assert triton_protocol.header_size(triton_protocol.content_type(187)) == 187
    assert triton_protocol.header_size("application/vnd.sagemaker-triton.binary+json; JSON-header-size=12 ; a=b") == 12
    assert triton_protocol.header_size("application/json") is None


def test_an_error_in_the_body_is_raised_in_its_words() -> None:
    with pytest.raises(TritonError, match="unexpected shape for input"):
        triton_protocol.decode(b'{"error": "unexpected shape for input"}', None)


def described(**changes: Any) -> dict[str, Any]:
    return {"name": "y", "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": 8}, **changes}


@pytest.mark.parametrize(
    ("document", "content", "told"),
    [
        ({"outputs": [described()]}, b"1234", "said to take 8 bytes, and 4 are left"),
        ({"outputs": [described()]}, b"123456789", "1 bytes are left behind"),
        ({"outputs": [described(shape=[3])]}, b"12345678", "FP32 [3], and its data has 8 bytes"),
        ({"outputs": [described(shape=[-1])]}, b"12345678", "describes no output"),
        ({"outputs": [described(datatype="FP8")]}, b"12345678", "describes no output"),
        ({"outputs": [described(parameters={"binary_data_size": -8})]}, b"", "describes no output"),
        ({"outputs": [described(parameters={})]}, b"", "has no data"),
        ({"outputs": [described(parameters={}, data=[1])]}, b"", "has 1 elements"),
        ({"outputs": [described(parameters={}, data=["a", "b"])]}, b"", "is no FP32"),
        ({"outputs": [described(datatype="BYTES", shape=[1])]}, b"\x09\0\0\0abcd", "ends early"),
        ({"outputs": [described(datatype="BYTES", shape=[2])]}, b"\x04\0\0\0abcd", "has 1 elements"),
        (
            {"outputs": [described(parameters={}, datatype="BYTES", data=["a", None])]},
            b"",
            "has None, which is no text",
        ),
        ({"outputs": [described(parameters={}, datatype="BYTES", data=["a", "\ud800"])]}, b"", "which is no text"),
        ({"outputs": [described(parameters={}, datatype="BYTES", data=[["a"], ["b", "c"]])]}, b"", "has 3 elements"),
        ({"outputs": [described(parameters="none", data=[1])]}, b"", "has 1 elements"),
        ({"outputs": [described(shape=[0, 10**30], parameters={}, data=[])]}, b"", "describes no output"),
        ({"outputs": [described(shape=[1] * 100, parameters={}, data=[1])]}, b"", "describes no output"),
        ({"outputs": ["y"]}, b"", "describes no output"),
        ({}, b"", "neither"),
        ([], b"", "neither"),
    ],
)
def test_a_body_that_contradicts_itself_is_refused(document: Any, content: bytes, told: str) -> None:
    head = json.dumps(document).encode()
    with pytest.raises(MalformedTensorsError) as refused:
        triton_protocol.decode(head + content, len(head))
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("body", "size"), [(b"", None), (b"<html>", None), (b"{}", 3), (b"{}", 1), (b"[" * 10**5, None)]
)
def test_a_body_without_a_header_is_refused(body: bytes, size: int | None) -> None:
    with pytest.raises(MalformedTensorsError):
        triton_protocol.decode(body, size)


@given(st.binary(max_size=200), st.none() | st.integers(0, 250))
def test_no_bytes_make_it_raise_anything_else(body: bytes, size: int | None) -> None:
    try:
        triton_protocol.decode(body, size)
    except (MalformedTensorsError, TritonError):
        pass


def test_data_of_another_type_than_is_said_is_refused() -> None:
    with pytest.raises(ValueError, match="'x' is float64; FP32 is float32"):
        triton_protocol.encode([Tensor("x", "FP32", np.zeros(1))], ["y"])
