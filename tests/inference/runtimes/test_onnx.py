"""model.onnx in ONNX Runtime: what it refuses, and that the numbers made on a device are those made on a CPU."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contract import Colour, DataType, Layout, ModelContract, Numbers, Precision, parse_contract
from pipeline.contract.packages import ModelPackage, load_package
from pipeline.errors import ContractMismatch, InvalidModelPackage, InvalidPrediction, InvalidSetting
from pipeline.inference.runtimes.onnx import DeviceNumbers, OnnxRuntime
from pipeline.inference.runtimes.onnx_numbers import PIXELS, TENSOR, numbers_model
from pipeline.inference.runtimes.settings import Device, RuntimeSettings
from pipeline.inference.tensors import TensorMaker

EXAMPLE = Path(__file__).parents[3] / "examples/models/efficientnet-lite0"


@pytest.fixture(scope="module")
def example() -> ModelPackage:
    return load_package(EXAMPLE)


def with_input(example: ModelPackage, **fields: object) -> ModelPackage:
    contract = replace(example.contract, input=replace(example.contract.input, **fields))
    return replace(example, contract=contract)


def photos(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, 224, 224, 3), np.uint8)


def test_the_example_model_fits_its_contract(example: ModelPackage) -> None:
    OnnxRuntime(example)


def test_a_model_that_does_not_fit_its_contract_is_refused_in_a_sentence(example: ModelPackage) -> None:
    with pytest.raises(ContractMismatch, match=r"as float32; the contract says float16\. Set input\.dtype"):
        OnnxRuntime(with_input(example, dtype=DataType.FLOAT16))


def test_an_output_that_the_model_does_not_have_is_refused(example: ModelPackage) -> None:
    output = replace(example.contract.output, name="scores")
    with pytest.raises(ContractMismatch, match=r"answers 'logits'; the contract says 'scores'. Set output.name"):
        OnnxRuntime(replace(example, contract=replace(example.contract, output=output)))


def test_a_file_that_is_no_model_is_refused(example: ModelPackage, tmp_path: Path) -> None:
    shutil.copy(EXAMPLE / "labels.txt", tmp_path / "model.onnx")
    with pytest.raises(InvalidModelPackage, match="does not load in ONNX Runtime"):
        OnnxRuntime(replace(example, folder=tmp_path))


def test_a_model_that_answers_several_rows_for_an_image_is_refused(example: ModelPackage, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(flattening_model([3, 224, 224]))
    with pytest.raises(InvalidPrediction, match=re.escape("2 images went into the model, and an output of shape [6, ")):
        OnnxRuntime(replace(example, folder=tmp_path, labels=())).run(np.zeros((2, 3, 224, 224), np.float32))


def test_a_model_for_exactly_four_images_gets_four(example: ModelPackage, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(flattening_model([4, 3, 224, 224], axis=1))
    runtime = OnnxRuntime(replace(example, folder=tmp_path, labels=()))
    images = np.random.default_rng(0).random((3, 3, 224, 224), np.float32)
    assert runtime.batch_size == 4
    assert np.array_equal(runtime.run(images), images.reshape(3, -1))


def flattening_model(shape: list[int], axis: int = 2) -> bytes:
    """A model.onnx of one Flatten, which turns [N, C, H, W] into [N * C, H * W], or for axis 1 into [N, C * H * W].

    Three numbers in `shape` leave N free. Written out as the protocol buffer that onnx.proto describes.
    """

    def field(number: int, value: int | str | bytes) -> bytes:
        if isinstance(value, int):
            return varint(number << 3) + varint(value)
        data = value.encode() if isinstance(value, str) else value
        return varint(number << 3 | 2) + varint(len(data)) + data

    def varint(value: int) -> bytes:
        return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)

    def tensor(name: str, dimensions: list[int | str]) -> bytes:
        sizes = (field(1, each) if isinstance(each, int) else field(2, each) for each in dimensions)
        floats = field(1, 1) + field(2, b"".join(field(1, size) for size in sizes))
        return field(1, name) + field(2, field(1, floats))

    attribute = field(1, "axis") + field(20, 2) + field(3, axis)
    node = field(1, "input") + field(2, "logits") + field(4, "Flatten") + field(5, attribute)
    free: list[int | str] = ["n"] if len(shape) == 3 else []
    given, answer = tensor("input", [*free, *shape]), tensor("logits", ["rows", "columns"])
    graph = field(1, node) + field(2, "graph") + field(11, given) + field(12, answer)
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))


def test_a_cpu_gets_four_images_at_once_unless_a_setting_says_otherwise(example: ModelPackage) -> None:
    assert OnnxRuntime(example).batch_size == 4
    assert OnnxRuntime(example, RuntimeSettings(batch_size=7)).batch_size == 7


def test_a_device_that_this_machine_does_not_have_is_refused(example: ModelPackage) -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has a GPU")
    with pytest.raises(InvalidSetting, match=r"has no CUDAExecutionProvider; it has .*CPUExecutionProvider"):
        OnnxRuntime(example, RuntimeSettings(device=Device.CUDA))


def test_labels_for_another_number_of_classes_are_refused_before_anything_is_predicted(example: ModelPackage) -> None:
    with pytest.raises(ContractMismatch, match="3 labels; the model answers 1000 classes"):
        OnnxRuntime(replace(example, labels=("a", "b", "c")))


def test_numbers_made_beside_the_model_give_the_same_answers(example: ModelPackage) -> None:
    runtime = OnnxRuntime(example)
    session = onnxruntime.InferenceSession(str(example.model_path), providers=["CPUExecutionProvider"])
    beside = DeviceNumbers(example.contract, session, RuntimeSettings())
    np.testing.assert_allclose(beside.run(photos(4)), runtime.predict(photos(4)), atol=1e-4)


numbers = st.builds(
    Numbers,
    st.floats(0.001, 2),
    st.tuples(*(st.floats(-300, 300) for _ in range(3))),
    st.tuples(*(st.floats(0.1, 300) for _ in range(3))),
)


@given(
    numbers,
    st.sampled_from([DataType.FLOAT32, DataType.FLOAT16]),
    st.sampled_from(Layout),
    st.sampled_from([Colour.RGB, Colour.BGR]),
)
def test_the_numbers_as_a_model_make_the_tensor_that_the_cpu_makes(
    numbers: Numbers, dtype: DataType, layout: Layout, colour: Colour
) -> None:
    tensor = replace(TINY.input, dtype=dtype, layout=layout, colour=colour)
    assert_same_tensor(replace(TINY, input=tensor, numbers=numbers))


@pytest.mark.parametrize("layout", Layout)
def test_a_model_of_uint8_is_fed_the_pixels(layout: Layout) -> None:
    assert_same_tensor(replace(TINY, input=replace(TINY.input, dtype=DataType.UINT8, layout=layout), numbers=None))


TINY = parse_contract(
    {
        "version": 1,
        "name": "tiny",
        "task": "raw",
        "input": {"name": "x", "dtype": "float32", "layout": "NCHW", "height": 3, "width": 5, "colour": "RGB"},
        "pixels": {"resize": {"method": "squash", "interpolation": "bilinear"}},
        "numbers": {"mean": 0, "std": 1},
        "output": {"name": "y", "activation": "none"},
    }
)


def assert_same_tensor(contract: ModelContract) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 5, 3), np.uint8)
    session = onnxruntime.InferenceSession(numbers_model(contract), providers=["CPUExecutionProvider"])
    (made,) = session.run([TENSOR], {PIXELS: images})
    expected = TensorMaker(contract, 2)(images)
    assert made.dtype == expected.dtype
    np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-3)


def test_a_precision_that_has_no_effect_is_said(example: ModelPackage, caplog: pytest.LogCaptureFixture) -> None:
    OnnxRuntime(example, RuntimeSettings(device=Device.CPU, precision=Precision.BFLOAT16))
    assert "precision bfloat16 has no effect on cpu" in caplog.text


def test_a_precision_of_the_contract_is_for_gpus_and_not_a_word_on_a_cpu(
    example: ModelPackage, caplog: pytest.LogCaptureFixture
) -> None:
    contract = replace(example.contract, precision=Precision.BFLOAT16)
    OnnxRuntime(replace(example, contract=contract), RuntimeSettings(device=Device.CPU))
    assert not caplog.text
