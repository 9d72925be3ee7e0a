"""Which GPUs a job may compute on."""

from pathlib import Path

import pytest

from pipeline.contract.model_files import ModelFile
from pipeline.inference import gpus
from pipeline.inference.gpus import usable_gpus, visible_gpus
from pipeline.inference.runtimes import Device, RuntimeSettings


@pytest.fixture
def devices(tmp_path: Path) -> Path:
    """/dev of a machine with three GPUs."""
    for name in ("nvidia0", "nvidia10", "nvidia2", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    return tmp_path


def test_without_a_list_every_gpu_of_the_driver_is_visible(devices: Path) -> None:
    assert visible_gpus({}, devices) == ("0", "2", "10")


def test_a_machine_without_the_driver_has_none(tmp_path: Path) -> None:
    assert visible_gpus({}, tmp_path) == ()


@pytest.mark.parametrize(
    ("listed", "visible"),
    [
        ("1", ("1",)),
        ("2, 0", ("2", "0")),
        ("", ()),
        ("-1", ()),
        ("0,-1,1", ("0",)),
        ("GPU-8e2,MIG-1", ("GPU-8e2", "MIG-1")),
    ],
)
def test_a_list_says_which_are_visible(devices: Path, listed: str, visible: tuple[str, ...]) -> None:
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": listed}, devices) == visible


def test_a_job_that_is_to_run_on_the_cpu_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "visible_gpus", lambda: ("0",))
    assert usable_gpus(ModelFile.ONNX, RuntimeSettings(device=Device.CPU)) == ()


@pytest.mark.parametrize(
    ("providers", "usable"),
    [(["CUDAExecutionProvider", "CPUExecutionProvider"], ("0",)), (["CPUExecutionProvider"], ())],
)
def test_a_gpu_counts_where_the_runtime_was_built_for_it(
    monkeypatch: pytest.MonkeyPatch, providers: list[str], usable: tuple[str, ...]
) -> None:
    monkeypatch.setattr(gpus, "visible_gpus", lambda: ("0",))
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: providers)
    assert usable_gpus(ModelFile.ONNX, RuntimeSettings()) == usable
