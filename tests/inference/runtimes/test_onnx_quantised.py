"""Quantised models that take pixels, against the same models in ONNX Runtime as they are."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from pipeline.contract import Colour, Layout, ModelContract, Numbers, parse_contract
from pipeline.contract.packages import ModelPackage, load_package
from pipeline.inference.runtimes.onnx import OnnxRuntime
from pipeline.inference.runtimes.onnx_quantised import taking_pixels
from pipeline.inference.runtimes.settings import Device, RuntimeSettings
from pipeline.inference.tensors import TensorMaker

ON_CPU = RuntimeSettings(device=Device.CPU, batch_size=64)
EXAMPLE = Path(__file__).parents[3] / "examples/models/efficientnet-lite0"
SIDE = 16
"""16 x 16 pixels are the 256 values that one can have."""


def contract_of(numbers: dict[str, Any], layout: str = "NCHW", colour: str = "RGB") -> ModelContract:
    return parse_contract(
        {
            "version": 1,
            "name": "quantised",
            "task": "classification",
            "input": {
                "name": "input",
                "dtype": "float32",
                "layout": layout,
                "height": SIDE,
                "width": SIDE,
                "channels": 3,
                "colour": colour,
            },
            "pixels": {"resize": {"method": "squash", "interpolation": "bicubic"}},
            "numbers": numbers,
            "output": {"name": "logits", "activation": "none", "top_k": 1},
        }
    )


ONE_SCALE = contract_of({"scale": 1, "mean": [127, 127, 127], "std": [128, 128, 128]})
OF_IMAGENET = contract_of({"scale": 1 / 255, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]})


def every_value() -> np.ndarray:
    """uint8 [2, 16, 16, 3]: each channel has each value, in an order of its own."""
    values = np.arange(256, dtype=np.uint8).reshape(SIDE, SIDE)
    image = np.stack([values, values[::-1], values.T], axis=-1)
    return np.stack([image, 255 - image])


def photos() -> np.ndarray:
    """uint8 [64, 16, 16, 3]: of the network, 131,072 numbers."""
    return np.random.default_rng(2).integers(0, 256, (64, SIDE, SIDE, 3), np.uint8)


class Photos(CalibrationDataReader):
    """What calibration looks at: numbers of every value of a pixel."""

    def __init__(self, contract: ModelContract) -> None:
        self._waiting = iter([TensorMaker(contract, 2)(every_value())])

    def get_next(self) -> dict[str, np.ndarray] | None:
        tensor = next(self._waiting, None)
        return None if tensor is None else {"input": tensor}


def network() -> onnx.ModelProto:
    """Two convolutions, and every number that they answer."""
    random = np.random.default_rng(1)

    def weights(name: str, *shape: int) -> TensorProto:
        return numpy_helper.from_array(random.normal(size=shape).astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["input", "first"], ["convolved"], pads=[3, 3, 3, 3]),
        helper.make_node("Relu", ["convolved"], ["active"]),
        helper.make_node("Conv", ["active", "second"], ["answers"], pads=[1, 1, 1, 1]),
        helper.make_node("Flatten", ["answers"], ["logits"]),
    ]
    kernels = [weights("first", 8, 3, 7, 7), weights("second", 8, 8, 3, 3)]
    return model_of(nodes, kernels, ["N", 8 * SIDE * SIDE])


def model_of(
    nodes: list[onnx.NodeProto],
    weights: list[TensorProto],
    answer: list[int | str],
    given: tuple[int | str, ...] = ("N", 3, SIDE, SIDE),
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, list(given))],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, answer)],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def quantising(
    scale: float, zero_point: int, given: tuple[int | str, ...] = ("N", 3, SIDE, SIDE), **attributes: int
) -> onnx.ModelProto:
    """A model that quantises its input, and answers what came of it."""
    nodes = [
        helper.make_node("QuantizeLinear", ["input", "scale", "zero_point"], ["quantised"], **attributes),
        helper.make_node("Cast", ["quantised"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["floats"], ["logits"]),
    ]
    weights = [
        numpy_helper.from_array(np.array(scale, np.float32), "scale"),
        numpy_helper.from_array(np.array(zero_point, np.uint8), "zero_point"),
    ]
    return model_of(nodes, weights, ["N", 3 * SIDE * SIDE], given)


Packaged = Callable[[onnx.ModelProto, ModelContract], ModelPackage]


@pytest.fixture
def packaged(tmp_path: Path) -> Packaged:
    def package(model: onnx.ModelProto, contract: ModelContract) -> ModelPackage:
        onnx.save(model, tmp_path / "model.onnx")
        return ModelPackage(tmp_path, contract, ())

    return package


def takes_pixels(package: ModelPackage) -> bool:
    return taking_pixels(package.model_path, package.contract) is not None


def as_it_is(package: ModelPackage, images: np.ndarray) -> np.ndarray:
    """What ONNX Runtime answers for the tensor of images."""
    session = onnxruntime.InferenceSession(package.model_path, providers=["CPUExecutionProvider"])
    (outputs,) = session.run(None, {"input": TensorMaker(package.contract, len(images))(images)})
    return np.asarray(outputs)


def test_the_example_model_takes_pixels() -> None:
    assert takes_pixels(load_package(EXAMPLE))


def test_the_example_model_answers_the_same_of_pixels() -> None:
    package = load_package(EXAMPLE)
    images = np.random.default_rng(3).integers(0, 256, (4, 224, 224, 3), np.uint8)
    assert np.array_equal(OnnxRuntime(package, ON_CPU).predict(images), as_it_is(package, images))


@pytest.mark.parametrize("form", [QuantFormat.QDQ, QuantFormat.QOperator], ids=["QDQ", "QOperator"])
@pytest.mark.parametrize("type_", [QuantType.QUInt8, QuantType.QInt8], ids=["uint8", "int8"])
@pytest.mark.parametrize("contract", [ONE_SCALE, OF_IMAGENET], ids=["one scale", "a scale for each channel"])
def test_what_onnx_runtime_has_quantised_answers_the_same(
    packaged: Packaged, tmp_path: Path, form: QuantFormat, type_: QuantType, contract: ModelContract
) -> None:
    onnx.save(network(), tmp_path / "floats.onnx")
    quantize_static(
        tmp_path / "floats.onnx", tmp_path / "model.onnx", Photos(contract), quant_format=form, activation_type=type_
    )
    package = packaged(onnx.load(tmp_path / "model.onnx"), contract)
    assert takes_pixels(package) == (contract is ONE_SCALE and type_ is QuantType.QUInt8)
    assert np.array_equal(OnnxRuntime(package, ON_CPU).predict(photos()), as_it_is(package, photos()))


@settings(max_examples=40, deadline=None)
@given(mean=st.integers(0, 255), std=st.sampled_from([1.0, 127.5, 128.0, 255.0]) | st.floats(0.5, 512, width=32))
def test_a_model_that_undoes_its_contracts_numbers_takes_pixels(
    tmp_path_factory: pytest.TempPathFactory, mean: int, std: float
) -> None:
    package = quantising_package(tmp_path_factory.mktemp("model"), float(mean), std, 1 / std, mean)
    assert takes_pixels(package)
    assert np.array_equal(OnnxRuntime(package, ON_CPU).predict(every_value()), as_it_is(package, every_value()))


@settings(max_examples=40, deadline=None)
@given(
    mean=st.floats(0, 255),
    std=st.floats(0.5, 512, width=32),
    off=st.sampled_from([1, 1 + 2**-12, 1 + 1 / 512, 1 - 1 / 512]) | st.floats(0.9, 1.1),
    zero_point=st.integers(-1, 1),
)
def test_whatever_a_model_quantises_by_it_answers_the_same(
    tmp_path_factory: pytest.TempPathFactory, mean: float, std: float, off: float, zero_point: int
) -> None:
    folder = tmp_path_factory.mktemp("model")
    package = quantising_package(folder, mean, std, off / std, min(max(round(mean) + zero_point, 0), 255))
    assert np.array_equal(OnnxRuntime(package, ON_CPU).predict(every_value()), as_it_is(package, every_value()))


def quantising_package(folder: Path, mean: float, std: float, scale: float, zero_point: int) -> ModelPackage:
    onnx.save(quantising(scale, zero_point), folder / "model.onnx")
    numbers = Numbers(scale=1, mean=(mean,) * 3, std=(std,) * 3)
    return ModelPackage(folder, replace(ONE_SCALE, numbers=numbers), ())


def test_a_model_channels_last_answers_the_same(packaged: Packaged) -> None:
    contract = replace(ONE_SCALE, input=replace(ONE_SCALE.input, layout=Layout.NHWC))
    package = packaged(quantising(1 / 128, 127, given=("N", SIDE, SIDE, 3)), contract)
    assert takes_pixels(package)
    assert np.array_equal(OnnxRuntime(package, ON_CPU).predict(every_value()), as_it_is(package, every_value()))


def test_a_model_for_exactly_four_images_gets_four(packaged: Packaged) -> None:
    package = packaged(quantising(1 / 128, 127, given=(4, 3, SIDE, SIDE)), ONE_SCALE)
    runtime = OnnxRuntime(package, ON_CPU)
    filled = np.concatenate([every_value(), np.zeros_like(every_value())])
    assert takes_pixels(package)
    assert runtime.batch_size == 4
    assert np.array_equal(runtime.predict(every_value()), as_it_is(package, filled)[:2])


def test_somebody_elses_tensors_are_taken_too(packaged: Packaged) -> None:
    package = packaged(quantising(1 / 128, 127), ONE_SCALE)
    runtime = OnnxRuntime(package, ON_CPU)
    tensor = TensorMaker(ONE_SCALE, 2)(every_value())
    assert np.array_equal(runtime.run(tensor), runtime.predict(every_value()))


def bgr() -> ModelContract:
    return replace(ONE_SCALE, input=replace(ONE_SCALE.input, colour=Colour.BGR))


def read_twice() -> onnx.ModelProto:
    model = quantising(1 / 128, 127)
    model.graph.node.insert(0, helper.make_node("Neg", ["input"], ["negative"]))
    return model


def without_zero_point() -> onnx.ModelProto:
    model = quantising(1 / 128, 127)
    del model.graph.node[0].input[2]
    return model


def for_each_channel() -> onnx.ModelProto:
    model = quantising(1 / 128, 127)
    for weights in model.graph.initializer:
        weights.CopyFrom(numpy_helper.from_array(np.repeat(numpy_helper.to_array(weights), 3), weights.name))
    return model


def of_another_attribute() -> onnx.ModelProto:
    """From operator set 21 on, where a step may say its type."""
    model = quantising(1 / 128, 127, output_dtype=TensorProto.UINT8)
    model.opset_import[0].version = 21
    return model


@pytest.mark.parametrize(
    ("model", "contract"),
    [
        (quantising(1 / 128, 127), bgr()),
        (quantising(1 / 100, 127), ONE_SCALE),
        (quantising(1 / 128, 126), ONE_SCALE),
        (network(), ONE_SCALE),
        (read_twice(), ONE_SCALE),
        (without_zero_point(), ONE_SCALE),
        (for_each_channel(), ONE_SCALE),
        (of_another_attribute(), ONE_SCALE),
    ],
    ids=["BGR", "scale", "zero point", "floats", "read twice", "no zero point", "for each channel", "attribute"],
)
def test_a_model_that_makes_other_numbers_is_left_as_it_is(
    packaged: Packaged, model: onnx.ModelProto, contract: ModelContract
) -> None:
    package = packaged(model, contract)
    assert not takes_pixels(package)
    assert np.array_equal(OnnxRuntime(package, ON_CPU).predict(every_value()), as_it_is(package, every_value()))


def test_weights_in_a_file_of_their_own_are_the_models_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given as bytes, ONNX Runtime would look for them in the working directory."""
    onnx.save(network(), tmp_path / "floats.onnx")
    quantize_static(
        tmp_path / "floats.onnx", tmp_path / "one.onnx", Photos(ONE_SCALE), activation_type=QuantType.QUInt8
    )
    (tmp_path / "elsewhere").mkdir()
    for folder, off in ((tmp_path, 0), (tmp_path / "elsewhere", 1)):
        model = onnx.load(tmp_path / "one.onnx")
        for kernel in model.graph.initializer:
            if kernel.name == "first_quantized":
                kernel.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(kernel) ^ off, kernel.name))
        onnx.save(model, folder / "model.onnx", save_as_external_data=True, location="weights", size_threshold=100)
    monkeypatch.chdir(tmp_path / "elsewhere")
    package = ModelPackage(tmp_path, ONE_SCALE, ())
    assert not takes_pixels(package)
    assert np.array_equal(OnnxRuntime(package, ON_CPU).predict(photos()), as_it_is(package, photos()))


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.99])
def test_a_file_that_is_cut_off_is_left_to_onnx_runtime(tmp_path: Path, part: float) -> None:
    whole = quantising(1 / 128, 127).SerializeToString()
    (tmp_path / "model.onnx").write_bytes(whole[: int(len(whole) * part)])
    assert taking_pixels(tmp_path / "model.onnx", ONE_SCALE) is None
