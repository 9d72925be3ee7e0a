"""First convolutions over pixels side by side, against the same models in ONNX Runtime as they are."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from pipeline.contract import Layout, ModelContract, parse_contract
from pipeline.contract.packages import ModelPackage, load_package
from pipeline.inference.runtimes.onnx import _open
from pipeline.inference.runtimes.onnx_quantised import INPUT, taking_pixels
from pipeline.inference.runtimes.onnx_stem import sums_are_exact
from pipeline.inference.runtimes.settings import Device, RuntimeSettings
from pipeline.inference.tensors import TensorMaker

EXAMPLE = Path(__file__).parents[3] / "examples/models/efficientnet-lite0"
SIDE = 16


def contract_of(height: int = SIDE, width: int = SIDE, channels: int = 3) -> ModelContract:
    return parse_contract(
        {
            "version": 1,
            "name": "quantised",
            "task": "classification",
            "input": {
                "name": "input",
                "dtype": "float32",
                "layout": "NCHW",
                "height": height,
                "width": width,
                "channels": channels,
                "colour": "RGB" if channels == 3 else "GREY",
            },
            "pixels": {"resize": {"method": "squash", "interpolation": "bicubic"}},
            "numbers": {"scale": 1, "mean": [127] * channels, "std": [128] * channels},
            "output": {"name": "logits", "activation": "none", "top_k": 1},
        }
    )


class Convolution(NamedTuple):
    """A first convolution, and what is about it. Where it is as it begins, it goes over four pixels."""

    kernel: tuple[int, int] = (3, 3)
    strides: tuple[int, int] = (2, 2)
    pads: tuple[int, int, int, int] = (0, 0, 1, 1)
    outputs: int = 8
    weights: type[np.generic] = np.int8
    zero_point: int = 0
    by_channel: bool = True
    axis: int = 0
    bias: bool = True
    attributes: dict[str, Any] = {}  # noqa: RUF012 - nothing changes it
    between: str = ""
    """An operator that stands before the numbers are quantised again."""
    read_twice: bool = False
    answer_type: type[np.generic] = np.uint8
    answer_scale: float = 1.7
    bias_scale: float = 1
    """Times what that of the products is."""


def model_of(convolution: Convolution, contract: ModelContract) -> onnx.ModelProto:
    """Weights are such that two of their products with pixels add up in 16 bits, on whatever processor."""
    random = np.random.default_rng(4)
    height, width, channels = contract.input.pixel_shape
    count = convolution.outputs
    shape = (count, channels // convolution.attributes.get("group", 1), *convolution.kernel)
    low, high = (-60, 61) if convolution.weights is np.int8 else (0, 61)
    constants = {
        "scale": np.float32(1 / 128),
        "zero_point": np.uint8(127),
        "kernel": random.integers(low, high, shape).astype(convolution.weights),
        "bias": random.integers(-5000, 5000, count).astype(np.int32),
        "answer_scale": np.float32(convolution.answer_scale),
        "answer_zero_point": convolution.answer_type(101),
    }
    scales = random.uniform(0.005, 0.02, count).astype(np.float32) if convolution.by_channel else np.float32(0.01)
    constants["kernel_scale"] = np.asarray(scales)
    constants["kernel_zero_point"] = np.full(np.shape(scales), convolution.zero_point, convolution.weights)
    constants["bias_scale"] = np.asarray(scales * np.float32(convolution.bias_scale / 128), np.float32)
    constants["bias_zero_point"] = np.zeros(np.shape(scales), np.int32)
    axis = {"axis": convolution.axis} if convolution.by_channel else {}
    shaping = {"kernel_shape": convolution.kernel, "strides": convolution.strides, "pads": convolution.pads}
    shaping = {name: each for name, each in {**shaping, **convolution.attributes}.items() if each is not None}
    of_kernel = ["kernel", "kernel_scale", "kernel_zero_point"]
    of_bias = ["bias", "bias_scale", "bias_zero_point"]
    last = "answers" if convolution.between else "sums"
    nodes = [
        helper.make_node("QuantizeLinear", ["input", "scale", "zero_point"], ["pixels"]),
        helper.make_node("DequantizeLinear", ["pixels", "scale", "zero_point"], ["numbers"]),
        helper.make_node("DequantizeLinear", of_kernel, ["weights"], **axis),
        helper.make_node("DequantizeLinear", of_bias, ["added"], **({"axis": 0} if axis else {})),
        helper.make_node("Conv", ["numbers", "weights", *(["added"] if convolution.bias else [])], ["sums"], **shaping),
        helper.make_node("QuantizeLinear", [last, "answer_scale", "answer_zero_point"], ["quantised"]),
        helper.make_node("DequantizeLinear", ["quantised", "answer_scale", "answer_zero_point"], ["floats"]),
        helper.make_node("Flatten", ["floats"], ["logits"]),
    ]
    if convolution.between:
        nodes.append(helper.make_node(convolution.between, ["sums"], ["answers"]))
    if convolution.read_twice:
        nodes.append(helper.make_node("Neg", ["sums"], ["negative"]))
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", channels, height, width])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", None])],
        [numpy_helper.from_array(np.asarray(each), name) for name, each in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def rewritten(model: onnx.ModelProto, contract: ModelContract, folder: Path) -> onnx.ModelProto:
    onnx.save(model, folder / "model.onnx")
    taking = taking_pixels(folder / "model.onnx", contract, sums_are_exact=True)
    assert taking is not None
    return onnx.load_from_string(taking[0])


def kernel_of(model: onnx.ModelProto) -> list[int] | None:
    """The shape of the weights of a first convolution over several pixels; None where there is none."""
    shapes = [list(each.dims) for each in model.graph.initializer if each.name == "imagebatch/stem/kernel/0"]
    return shapes[0] if shapes else None


def answers(model: onnx.ModelProto, name: str, given: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (outputs,) = session.run(None, {name: given})
    return np.asarray(outputs)


def are_the_same(convolution: Convolution, contract: ModelContract, folder: Path) -> onnx.ModelProto:
    """Whether a model answers the same when it is rewritten, on images of any pixels; the rewritten one."""
    model = model_of(convolution, contract)
    made = rewritten(model, contract, folder)
    images = np.random.default_rng(5).integers(0, 256, (3, *contract.input.pixel_shape), np.uint8)
    expected = answers(model, "input", TensorMaker(contract, len(images))(images))
    assert np.array_equal(answers(made, INPUT, images), expected)
    return made


def test_the_first_convolution_of_the_example_goes_over_four_pixels(tmp_path: Path) -> None:
    package = load_package(EXAMPLE)
    made = rewritten(onnx.load(package.model_path), package.contract, tmp_path)
    assert kernel_of(made) == [2 * 32, 4 * 3, 3, 2]


def test_the_example_answers_the_same(tmp_path: Path) -> None:
    package = load_package(EXAMPLE)
    if not sums_are_exact():
        pytest.skip("its weights are such that sums are cut off without VNNI, and this processor has none")
    images = np.random.default_rng(3).integers(0, 256, (4, 224, 224, 3), np.uint8)
    model = onnx.load(package.model_path)
    expected = answers(model, "input", TensorMaker(package.contract, 4)(images))
    assert np.array_equal(answers(rewritten(model, package.contract, tmp_path), INPUT, images), expected)


PADS = st.integers(0, 4)


@settings(max_examples=150, deadline=None)
@given(
    kernel=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    strides=st.tuples(st.integers(1, 4), st.sampled_from([1, 2, 3, 4])),
    pads=st.tuples(PADS, PADS, PADS, PADS),
    outputs=st.integers(1, 9),
    by_channel=st.booleans(),
    bias=st.booleans(),
    width=st.integers(10, 24),
    channels=st.sampled_from([1, 3]),
)
def test_however_a_convolution_goes_it_answers_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    kernel: tuple[int, int],
    strides: tuple[int, int],
    pads: tuple[int, int, int, int],
    outputs: int,
    by_channel: bool,
    bias: bool,
    width: int,
    channels: int,
) -> None:
    convolution = Convolution(kernel, strides, pads, outputs, by_channel=by_channel, bias=bias)
    are_the_same(convolution, contract_of(12, width, channels), tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize(
    ("convolution", "kernel"),
    [
        (Convolution(), [2 * 8, 12, 3, 2]),
        (Convolution(pads=(1, 1, 1, 1)), [2 * 8, 12, 3, 2]),
        (Convolution((7, 7), pads=(3, 3, 3, 3)), [2 * 8, 12, 7, 3]),
        (Convolution((4, 4), (4, 4), (0, 0, 0, 0)), [8, 12, 4, 1]),
        (Convolution((8, 8), (8, 8), (0, 0, 0, 0)), [8, 24, 8, 1]),
        (Convolution((2, 3), (1, 2)), [2 * 8, 12, 2, 2]),
        (Convolution(bias=False, by_channel=False), [2 * 8, 12, 3, 2]),
        (Convolution(attributes={"auto_pad": "NOTSET", "dilations": [1, 1], "group": 1}), [2 * 8, 12, 3, 2]),
        (Convolution((1, 1), (2, 2), (0, 0, 0, 0), attributes={"pads": None}), None),
    ],
    ids=["MobileNet", "padded", "ResNet", "ConvNeXt", "patches", "rows one by one", "one scale", "said", "one by one"],
)
def test_these_go_over_several_pixels(tmp_path: Path, convolution: Convolution, kernel: list[int] | None) -> None:
    assert kernel_of(are_the_same(convolution, contract_of(), tmp_path)) == kernel


@pytest.mark.parametrize(
    "convolution",
    [
        Convolution(strides=(1, 1), pads=(1, 1, 1, 1)),
        Convolution(pads=(0, 0, 1, 0)),
        Convolution(attributes={"dilations": [1, 2]}),
        Convolution(attributes={"auto_pad": "SAME_UPPER", "pads": None}),
        Convolution(outputs=9, attributes={"group": 3}),
        Convolution(weights=np.uint8, by_channel=False, zero_point=30),
        Convolution(by_channel=False, zero_point=2),
        Convolution(outputs=3, axis=1),
        Convolution(between="Relu"),
        Convolution(read_twice=True),
        Convolution(answer_type=np.int8, answer_scale=256 * 0.01 / 128, by_channel=False, outputs=64),
        Convolution(bias_scale=1.25),
    ],
    ids=[
        *("too much work", "an output less", "dilated", "padded by name", "of groups", "uint8", "not symmetric"),
        *("a scale for each channel", "active", "read twice", "answers of int8", "a bias of another scale"),
    ],
)
def test_these_are_left_as_they_are(tmp_path: Path, convolution: Convolution) -> None:
    assert kernel_of(are_the_same(convolution, contract_of(), tmp_path)) is None


def test_a_row_that_is_no_number_of_groups_is_left_as_it_is(tmp_path: Path) -> None:
    assert kernel_of(are_the_same(Convolution(), contract_of(width=18), tmp_path)) is None


def attribute(model: onnx.ModelProto, name: str) -> Any:
    return next(each for each in model.graph.node[4].attribute if each.name == name)


def zero_point(model: onnx.ModelProto) -> TensorProto:
    found: TensorProto = next(each for each in model.graph.initializer if each.name == "zero_point")
    found.ClearField("raw_data")
    return found


DAMAGED: dict[str, Callable[[onnx.ModelProto], object]] = {
    "no stride": lambda model: attribute(model, "strides").ints.__setitem__(1, 0),
    "a negative stride": lambda model: attribute(model, "strides").ints.__setitem__(1, -2),
    "negative pads": lambda model: attribute(model, "pads").ints.__setitem__(1, -1),
    "negative pads above": lambda model: attribute(model, "pads").ints.__setitem__(0, -1),
    "a number too large": lambda model: zero_point(model).int32_data.append(-1),
    "a kernel without end": lambda model: (
        attribute(model, "kernel_shape").ints.__setitem__(1, 2**40),
        attribute(model, "pads").ints.__setitem__(1, 2**40),
    ),
    "no kernel": lambda model: attribute(model, "kernel_shape").ClearField("ints"),
    "no inputs": lambda model: model.graph.node[4].ClearField("input"),
    "no output": lambda model: model.graph.node[4].ClearField("output"),
    "no weights": lambda model: model.graph.initializer.pop(2),
    "too few weights": lambda model: model.graph.initializer[2].ClearField("raw_data"),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_convolution_that_is_none_is_left_to_onnx_runtime(tmp_path: Path, damage: str) -> None:
    model = model_of(Convolution(), contract_of())
    DAMAGED[damage](model)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    taking = taking_pixels(tmp_path / "model.onnx", contract_of(), sums_are_exact=True)
    assert taking is None or kernel_of(onnx.load_from_string(taking[0])) is None


def test_an_axis_that_is_not_written_is_the_first(tmp_path: Path) -> None:
    """As exporters have it that leave out what is 0."""
    model = model_of(Convolution(), contract_of())
    for node in model.graph.node[2:4]:
        node.attribute[0].ClearField("i")
    assert kernel_of(rewritten(model, contract_of(), tmp_path)) == [2 * 8, 12, 3, 2]


def test_nodes_that_nobody_reads_any_more_are_gone(tmp_path: Path) -> None:
    made = rewritten(model_of(Convolution(), contract_of()), contract_of(), tmp_path)
    read = {name for node in made.graph.node for name in node.input} | {output.name for output in made.graph.output}
    assert all(set(node.output) & read for node in made.graph.node)


def test_a_model_of_which_a_branch_reads_what_is_replaced_still_takes_pixels(tmp_path: Path) -> None:
    model = model_of(Convolution(), contract_of())
    branches = {
        name: helper.make_graph(
            [helper.make_node("ReduceSum", ["sums"], [f"{name}/sum"], keepdims=0)],
            name,
            [],
            [helper.make_tensor_value_info(f"{name}/sum", TensorProto.FLOAT, [])],
        )
        for name in ("then_branch", "else_branch")
    }
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "condition"))
    model.graph.node.append(helper.make_node("If", ["condition"], ["sum"], **branches))
    model.graph.output.append(helper.make_tensor_value_info("sum", TensorProto.FLOAT, []))
    onnx.save(model, tmp_path / "model.onnx")
    session, inputs = _open(ModelPackage(tmp_path, contract_of(), ()), RuntimeSettings(device=Device.CPU))
    assert inputs is not None
    assert [each.name for each in session.get_inputs()] == [INPUT]


def test_sums_that_are_not_exact_are_left_as_they_are(tmp_path: Path) -> None:
    onnx.save(model_of(Convolution(), contract_of()), tmp_path / "model.onnx")
    taking = taking_pixels(tmp_path / "model.onnx", contract_of(), sums_are_exact=False)
    assert taking is not None
    assert kernel_of(onnx.load_from_string(taking[0])) is None


def test_a_model_channels_last_is_left_as_it_is(tmp_path: Path) -> None:
    contract = contract_of()
    contract = replace(contract, input=replace(contract.input, layout=Layout.NHWC))
    onnx.save(model_of(Convolution(), contract_of()), tmp_path / "model.onnx")
    taking = taking_pixels(tmp_path / "model.onnx", contract, sums_are_exact=True)
    assert taking is None or kernel_of(onnx.load_from_string(taking[0])) is None


@pytest.mark.parametrize(
    ("told", "exact"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx2 avx512_vnni\n", True),
        ("flags\t\t: fpu avx_vnni\n", True),
        ("flags\t\t: fpu avx2 avx512f\n", False),
        ("processor\t: 0\nFeatures\t: fp asimd asimddp\n", False),
        ("", False),
    ],
    ids=["AVX-512", "AVX", "neither", "Arm", "nothing"],
)
def test_what_linux_tells_of_the_processor_says_whether_sums_are_exact(tmp_path: Path, told: str, exact: bool) -> None:
    (tmp_path / "cpuinfo").write_text(told, encoding="utf-8")
    assert sums_are_exact(tmp_path / "cpuinfo") == exact


def test_where_nothing_is_told_sums_may_not_be_exact(tmp_path: Path) -> None:
    assert not sums_are_exact(tmp_path / "cpuinfo")
