"""Torch models, against the same network in ONNX Runtime: three exports of one model have to give one answer."""

import io
import json
import pickle
import shutil
import warnings
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test-extras")

from pipeline.contract import Colour, DataType, Layout, ModelContract, Numbers, Precision  # noqa: E402
from pipeline.contract.model_files import ModelFile  # noqa: E402
from pipeline.contract.packages import ModelPackage, load_package  # noqa: E402
from pipeline.errors import ContractMismatch, InvalidModelPackage, InvalidPrediction, InvalidSetting  # noqa: E402
from pipeline.inference.predictor import open_predictor  # noqa: E402
from pipeline.inference.runtimes.onnx import OnnxRuntime  # noqa: E402
from pipeline.inference.runtimes.settings import Compile, Device, RuntimeSettings  # noqa: E402
from pipeline.inference.runtimes.torch import TorchRuntime  # noqa: E402
from pipeline.shards import Row, Shard  # noqa: E402

ON_CPU = RuntimeSettings(device=Device.CPU)
TORCH_FILES = [ModelFile.EXPORTED, ModelFile.TORCHSCRIPT]
CONV = np.random.default_rng(1).normal(size=(6, 3, 3, 3)).astype(np.float32)
DENSE = np.random.default_rng(2).normal(size=(6, 4)).astype(np.float32)

Answer = Callable[[Any], Any]


class Network(torch.nn.Module):
    """A convolution, the mean of each of its channels, and four classes; `answer` says in what they are handed over."""

    def __init__(
        self, answer: Answer = lambda logits: logits, is_nchw: bool = True, dtype: Any = torch.float32
    ) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 6, 3, stride=2, bias=False)
        self.conv.weight.data = torch.from_numpy(CONV)
        self.dense = torch.nn.Parameter(torch.from_numpy(DENSE))
        self.to(dtype)
        self._answer = answer
        self._is_nchw = is_nchw

    def forward(self, images: Any) -> Any:
        images = images if self._is_nchw else images.permute(0, 3, 1, 2)
        return self._answer(torch.relu(self.conv(images.to(self.dense.dtype))).mean((2, 3)) @ self.dense)


def onnx_network() -> bytes:
    """The same, written with onnx alone."""
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("Conv", ["input", "conv"], ["found"], strides=[2, 2]),
        helper.make_node("Relu", ["found"], ["positive"]),
        helper.make_node("ReduceMean", ["positive"], ["means"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["means", "dense"], ["logits"]),
    ]
    weights = [onnx.numpy_helper.from_array(CONV, "conv"), onnx.numpy_helper.from_array(DENSE, "dense")]
    given = helper.make_tensor_value_info("input", floats, ("n", 3, 8, 8))
    answer = helper.make_tensor_value_info("logits", floats, ("n", 4))
    graph = helper.make_graph(nodes, "network", [given], [answer], weights)
    return bytes(
        helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)]).SerializeToString()
    )


def save(network: Any, path: Path, example: Any = None, free: tuple[int, int | None] | None = (1, None)) -> None:
    """Exports a network as what the path's name says, for a number of images in `free` or for the example's."""
    example = torch.zeros(2, 3, 8, 8) if example is None else example
    network.eval()
    if path.name == ModelFile.EXPORTED:
        batch = None if free is None else {0: torch.export.Dim("batch", min=free[0], max=free[1])}
        torch.export.save(torch.export.export(network, (example,), dynamic_shapes=batch and (batch,)), path)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.trace(network, example, strict=False).save(str(path))


@pytest.fixture
def package(tmp_path: Path, contract: ModelContract) -> Callable[..., ModelPackage]:
    """Writes a package of one model: `package(ModelFile.EXPORTED, network, input={"layout": Layout.NHWC})`."""

    def make(
        file: ModelFile,
        network: Any = None,
        example: Any = None,
        free: tuple[int, int | None] | None = (1, None),
        input: dict[str, Any] | None = None,
        output: str = "logits",
        **fields: Any,
    ) -> ModelPackage:
        folder = tmp_path / file.replace(".", "_")
        folder.mkdir()
        numbers = Numbers(1 / 255, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
        changed = replace(
            contract,
            **{"numbers": numbers, **fields},
            input=replace(contract.input, **(input or {})),
            output=replace(contract.output, labels=None, name=output),
        )
        (folder / "contract.json").write_text(json.dumps(changed.to_json()))
        if file is ModelFile.ONNX:
            (folder / file).write_bytes(onnx_network())
        else:
            save(network or Network(), folder / file, example, free)
        return load_package(folder)

    return make


Make = Callable[..., ModelPackage]


def images(count: int = 3) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, 8, 8, 3), np.uint8)


@pytest.mark.parametrize("colour", [Colour.RGB, Colour.BGR])
@pytest.mark.parametrize("file", TORCH_FILES)
def test_a_torch_model_answers_as_the_same_model_in_onnx_does(package: Make, file: ModelFile, colour: Colour) -> None:
    expected = OnnxRuntime(package(ModelFile.ONNX, input={"colour": colour}), ON_CPU).predict(images())
    answered = TorchRuntime(package(file, input={"colour": colour}), ON_CPU).predict(images())
    np.testing.assert_allclose(answered, expected, atol=1e-5)


@pytest.mark.parametrize("file", TORCH_FILES)
def test_a_model_whose_channels_come_last_is_fed_so(package: Make, file: ModelFile) -> None:
    expected = OnnxRuntime(package(ModelFile.ONNX), ON_CPU).predict(images())
    network, example = Network(is_nchw=False), torch.zeros(2, 8, 8, 3)
    runtime = TorchRuntime(package(file, network, example, input={"layout": Layout.NHWC}), ON_CPU)
    np.testing.assert_allclose(runtime.predict(images()), expected, atol=1e-5)


@pytest.mark.parametrize("file", TORCH_FILES)
def test_a_model_of_uint8_is_fed_the_pixels(package: Make, file: ModelFile) -> None:
    example = torch.zeros((2, 3, 8, 8), dtype=torch.uint8)
    made = package(file, Network(), example, input={"dtype": DataType.UINT8}, numbers=None)
    with torch.no_grad():
        expected = Network()(torch.from_numpy(images().transpose(0, 3, 1, 2))).numpy()
    np.testing.assert_allclose(TorchRuntime(made, ON_CPU).predict(images()), expected, rtol=1e-5)


@pytest.mark.parametrize("file", TORCH_FILES)
def test_a_tensor_that_somebody_else_made_gives_the_same_answers(package: Make, file: ModelFile) -> None:
    runtime = TorchRuntime(package(file, numbers=Numbers(1.0, (0.0,) * 3, (1.0,) * 3)), ON_CPU)
    tensor = np.ascontiguousarray(images().transpose(0, 3, 1, 2), np.float32)
    np.testing.assert_allclose(runtime.run(tensor), runtime.predict(images()), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_batch_that_is_not_full_changes_no_answer(package: Make, count: int) -> None:
    runtime = TorchRuntime(package(ModelFile.EXPORTED, free=None, example=torch.zeros(4, 3, 8, 8)), ON_CPU)
    assert runtime.batch_size == 4
    np.testing.assert_allclose(runtime.predict(images(3)[:count]), runtime.predict(images(3))[:count], atol=1e-6)


def test_a_model_exported_for_two_images_and_more_predicts_one(package: Make) -> None:
    runtime = TorchRuntime(package(ModelFile.EXPORTED, free=(2, 3)), ON_CPU)
    assert runtime.batch_size == 3
    assert runtime.predict(images(1)).shape == (1, 4)


def test_a_setting_says_how_many_images_go_together(package: Make) -> None:
    assert TorchRuntime(package(ModelFile.EXPORTED), replace(ON_CPU, batch_size=7)).batch_size == 7


@pytest.mark.parametrize("precision", [Precision.BFLOAT16, Precision.FLOAT16])
@pytest.mark.parametrize("file", TORCH_FILES)
def test_half_the_precision_gives_nearly_the_same_answers(package: Make, file: ModelFile, precision: Precision) -> None:
    made = package(file)
    exact = TorchRuntime(made, ON_CPU).predict(images())
    rough = TorchRuntime(made, replace(ON_CPU, precision=precision)).predict(images())
    assert rough.dtype in (np.float32, np.float16)
    assert not np.array_equal(rough, exact)
    np.testing.assert_allclose(rough, exact, rtol=0.05, atol=0.1)


def test_the_contracts_precision_is_for_a_gpu(package: Make) -> None:
    exact = TorchRuntime(package(ModelFile.EXPORTED), ON_CPU).predict(images())
    declared = TorchRuntime(package(ModelFile.TORCHSCRIPT, precision=Precision.BFLOAT16), ON_CPU).predict(images())
    np.testing.assert_allclose(declared, exact, atol=1e-5)


@pytest.mark.parametrize("file", TORCH_FILES)
@pytest.mark.parametrize(
    ("answer", "output"),
    [
        (lambda logits: {"aux": logits * 0, "logits": logits}, "logits"),
        (lambda logits: (logits * 0, logits), "1"),
        (lambda logits: (logits,), "whatever"),
    ],
    ids=["dictionary", "position", "tuple of one"],
)
def test_of_several_answers_the_contract_names_one(package: Make, file: ModelFile, answer: Answer, output: str) -> None:
    expected = OnnxRuntime(package(ModelFile.ONNX), ON_CPU).predict(images())
    runtime = TorchRuntime(package(file, Network(answer), output=output), ON_CPU)
    np.testing.assert_allclose(runtime.predict(images()), expected, atol=1e-5)


@pytest.mark.parametrize("file", TORCH_FILES)
def test_an_answer_that_the_model_does_not_have_is_refused(package: Make, file: ModelFile) -> None:
    made = package(file, Network(lambda logits: {"aux": logits, "scores": logits}))
    with pytest.raises(ContractMismatch, match="answers 'aux', 'scores'; the contract says 'logits'"):
        TorchRuntime(made, ON_CPU)


@pytest.mark.parametrize("file", TORCH_FILES)
def test_labels_for_another_number_of_classes_are_refused(package: Make, file: ModelFile) -> None:
    with pytest.raises(ContractMismatch, match="has 3 labels; the model answers 4 classes"):
        TorchRuntime(replace(package(file), labels=("a", "b", "c")), ON_CPU)


def test_an_export_of_another_size_is_refused_by_what_it_says_of_itself(package: Make) -> None:
    made = package(ModelFile.EXPORTED, example=torch.zeros(2, 3, 16, 16))
    with pytest.raises(
        ContractMismatch, match=r"model\.pt2 takes 'input' of shape .*Set input\.height and input\.width"
    ):
        TorchRuntime(made, ON_CPU)


def test_torchscript_of_another_layout_is_refused_by_its_first_batch(package: Make) -> None:
    made = package(ModelFile.TORCHSCRIPT, input={"layout": Layout.NHWC})
    with pytest.raises(ContractMismatch, match=r"model\.pt and the contract do not fit: .*shape"):
        TorchRuntime(made, ON_CPU)


def test_a_graph_made_for_contiguous_memory_runs_all_the_same(package: Make, caplog: pytest.LogCaptureFixture) -> None:
    class Views(Network):
        def forward(self, images: Any) -> Any:
            return images.view(images.shape[0], -1)[:, :4]

    answered = TorchRuntime(package(ModelFile.EXPORTED, Views()), ON_CPU).predict(images(2))
    assert "without channels-last memory" in caplog.text
    expected = (images(2)[:, 0, :4, 0] / 255 - 0.5) / 0.2
    np.testing.assert_allclose(answered, expected, atol=1e-5)


@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler on a CPU: install g++")
def test_a_compiled_model_answers_as_it_does_uncompiled(package: Make, caplog: pytest.LogCaptureFixture) -> None:
    made = package(ModelFile.EXPORTED)
    with warnings.catch_warnings():
        # Of torch's own modules, while it compiles.
        warnings.simplefilter("ignore")
        compiled = TorchRuntime(made, replace(ON_CPU, compile=Compile.ALWAYS))
        answered = compiled.predict(images())
    assert "without torch.compile" not in caplog.text
    np.testing.assert_allclose(answered, TorchRuntime(made, ON_CPU).predict(images()), atol=1e-5)


@pytest.mark.parametrize("file", TORCH_FILES)
def test_threads_that_predict_at_a_time_do_not_disturb_each_other(package: Make, file: ModelFile) -> None:
    runtime = TorchRuntime(package(file), ON_CPU)
    batches = [images(count)[: count % 4 + 1] for count in range(4, 44)]
    expected = [runtime.predict(batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        answered = list(pool.map(runtime.predict, batches))
    assert all(np.array_equal(one, other) for one, other in zip(answered, expected, strict=True))


def test_a_batch_of_another_shape_is_no_prediction(package: Make) -> None:
    runtime = TorchRuntime(package(ModelFile.EXPORTED), ON_CPU)
    with pytest.raises(InvalidPrediction, match=r"does not run on a batch of shape \[2, 5, 8, 8\]"):
        runtime.run(np.zeros((2, 5, 8, 8), np.float32))


@pytest.mark.parametrize("file", TORCH_FILES)
def test_a_predictor_takes_the_runtime_of_its_model(package: Make, file: ModelFile) -> None:
    made = package(file)
    shard = Shard(images(6), tuple(Row("bucket", f"{n}.jpg", "etag", 1, 8, 8) for n in range(6)), made.contract.digest)
    predictions = list(open_predictor(made, "run", 2, ON_CPU).predict(shard, "s-0"))
    best = TorchRuntime(made, replace(ON_CPU, batch_size=6)).predict(images(6)).argmax(axis=1)
    assert [each.top[0].index for each in predictions] == best.tolist()


def test_a_device_that_is_not_there_is_refused(package: Make) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(InvalidSetting, match="torch finds no GPU"):
        TorchRuntime(package(ModelFile.EXPORTED), RuntimeSettings(device=Device.CUDA))


def test_tensorrt_is_for_onnx(package: Make) -> None:
    with pytest.raises(InvalidSetting, match="tensorrt, which runs ONNX models"):
        TorchRuntime(package(ModelFile.EXPORTED), RuntimeSettings(device=Device.TENSORRT))


class Touches:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self._path,)


def test_sample_inputs_that_are_a_pickle_with_code_are_not_unpickled(package: Make, tmp_path: Path) -> None:
    made = package(ModelFile.EXPORTED)
    pickled = io.BytesIO()
    torch.save(Touches(tmp_path / "touched"), pickled)
    rewrite(made.model_path, "data/sample_inputs/", pickled.getvalue())
    with pytest.raises(InvalidModelPackage, match="does not load in torch"):
        TorchRuntime(made, ON_CPU)
    assert not (tmp_path / "touched").exists()


def test_a_module_that_torch_save_pickled_is_not_unpickled(package: Make, tmp_path: Path) -> None:
    made = package(ModelFile.TORCHSCRIPT)
    made.model_path.write_bytes(pickle.dumps(Touches(tmp_path / "touched")))
    with pytest.raises(InvalidModelPackage, match="no torch model"):
        TorchRuntime(made, ON_CPU)
    torch.save(Touches(tmp_path / "touched"), made.model_path)
    with pytest.raises(InvalidModelPackage, match=r"written by torch\.save"):
        TorchRuntime(made, ON_CPU)
    assert not (tmp_path / "touched").exists()


def test_a_file_that_torch_cannot_read_is_refused(package: Make) -> None:
    made = package(ModelFile.EXPORTED)
    rewrite(made.model_path, "data/weights/model_weights_config", b"{}")
    with pytest.raises(InvalidModelPackage, match=r"model\.pt2 does not load in torch"):
        TorchRuntime(made, ON_CPU)


def rewrite(path: Path, part: str, data: bytes) -> None:
    """Puts other bytes into a file of an archive, the first whose name has `part`."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    (name, *_) = (name for name in files if part in name)
    with zipfile.ZipFile(path, "w") as archive:
        for each, content in {**files, name: data}.items():
            archive.writestr(each, content)
