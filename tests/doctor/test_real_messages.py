"""Messages as the installed libraries raise them today: a wording that changes with a new version is noticed here."""

import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ParamValidationError
from onnx import TensorProto, helper
from PIL import Image

from pipeline.doctor import diagnose, lines_in_text


def recognised(error: BaseException) -> list[str]:
    text = f"{type(error).__name__}: {error}"
    return [finding.ailment.name for finding in diagnose(lines_in_text(text)).findings]


@pytest.fixture(scope="module")
def session() -> onnxruntime.InferenceSession:
    """A model of images float32 [2, 3, 8, 8] that answers what it is fed."""
    shape = [2, 3, 8, 8]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["image"], ["answer"])],
        "graph",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(
    ("dtype", "shape", "name"),
    [
        (np.uint8, (2, 3, 8, 8), "wrong_data_type"),
        (np.float64, (2, 3, 8, 8), "wrong_data_type"),
        (np.float32, (3, 8, 8), "missing_batch_dimension"),
        (np.float32, (2, 2, 3, 8, 8), "wrong_rank"),
        (np.float32, (5, 3, 8, 8), "fixed_batch"),
        (np.float32, (2, 8, 8, 3), "channels_in_another_place"),
        (np.float32, (2, 1, 8, 8), "wrong_channel_count"),
        (np.float32, (2, 4, 8, 8), "wrong_channel_count"),
        (np.float32, (2, 3, 16, 16), "wrong_shape"),
    ],
)
def test_what_onnx_runtime_says_of_a_wrong_tensor_is_recognised(
    session: onnxruntime.InferenceSession, dtype: Any, shape: tuple[int, ...], name: str
) -> None:
    with pytest.raises(Exception) as raised:  # noqa: PT011 - whatever it is, its words count
        session.run(["answer"], {"image": np.zeros(shape, dtype)})
    assert recognised(raised.value)[0] == name


def test_what_onnx_runtime_says_of_a_wrong_name_is_recognised(session: onnxruntime.InferenceSession) -> None:
    with pytest.raises(ValueError, match="missing") as raised:
        session.run(["answer"], {"picture": np.zeros((2, 3, 8, 8), np.float32)})
    assert recognised(raised.value)[0] == "wrong_tensor_name"


@pytest.mark.parametrize("data", [b"no model at all", b""], ids=["text", "nothing"])
def test_what_onnx_runtime_says_of_a_broken_file_is_recognised(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    with pytest.raises(Exception) as raised:  # noqa: PT011
        onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert recognised(raised.value)[0] == "model_does_not_load"


def test_what_onnx_runtime_says_of_a_missing_file_is_recognised(tmp_path: Path) -> None:
    with pytest.raises(Exception) as raised:  # noqa: PT011
        onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    assert recognised(raised.value)[0] == "model_file_missing"


def test_what_onnx_runtime_says_of_a_model_from_the_future_is_recognised() -> None:
    graph = helper.make_graph([], "graph", [], [])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    model.ir_version = 999
    with pytest.raises(Exception) as raised:  # noqa: PT011
        onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert recognised(raised.value)[0] == "model_does_not_load"


def photo() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(file, "JPEG")
    return file.getvalue()


def test_what_pillow_says_of_a_truncated_photo_is_recognised() -> None:
    with pytest.raises(OSError, match="truncated") as raised:
        Image.open(io.BytesIO(photo()[:-500])).load()
    assert recognised(raised.value) == ["truncated_image"]


def test_what_pillow_says_of_a_text_is_recognised() -> None:
    with pytest.raises(Image.UnidentifiedImageError) as raised:
        Image.open(io.BytesIO(b"<html>404</html>"))
    assert recognised(raised.value) == ["not_an_image"]


def test_what_pillow_says_of_a_bomb_is_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(Image.DecompressionBombError) as raised:
        Image.open(io.BytesIO(photo()))
    assert recognised(raised.value) == ["decompression_bomb"]


def test_what_tarfile_says_of_a_zip_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "model.tar.gz"
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(tarfile.ReadError) as raised, tarfile.open(path, "r:gz"):
        pass
    assert recognised(raised.value) == ["model_archive_broken"]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("AccessDenied", "access_denied"),
        ("NoSuchKey", "no_such_object"),
        ("SlowDown", "throttling"),
        ("ThrottlingException", "throttling"),
        ("ResourceLimitExceeded", "quota"),
        ("ResourceInUse", "name_taken"),
        ("ValidationException", "request_refused"),
        ("ExpiredToken", "credentials"),
    ],
)
def test_what_botocore_says_of_an_error_code_is_recognised(code: str, name: str) -> None:
    error = ClientError({"Error": {"Code": code, "Message": "something"}}, "CreateProcessingJob")
    assert recognised(error) == [name]


def test_what_botocore_says_without_credentials_is_recognised() -> None:
    assert recognised(NoCredentialsError()) == ["credentials"]


def test_what_botocore_says_of_a_wrong_parameter_is_recognised() -> None:
    assert recognised(ParamValidationError(report='Unknown parameter in input: "Inputs"')) == ["request_refused"]
