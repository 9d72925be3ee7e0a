"""Which GPUs a job may compute on, found before any worker starts.

A GPU is asked for twice: the driver has to show it, and the library that runs the model has to have been built for it.
The second question loads the library, so it is only asked where the first is answered.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from pipeline.contract.model_files import ModelFile
from pipeline.inference.runtimes import Device, RuntimeSettings

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""CUDA's own variable: the GPUs that a process sees, by number or by id."""

PROCESSES_PER_GPU = 2
"""One reads a shard, or writes its answers, while another's is on the GPU."""


def usable_gpus(model: ModelFile, settings: RuntimeSettings) -> tuple[str, ...]:
    """The GPUs for this model, as `VISIBLE` names them; none where it is to run on a CPU."""
    if settings.device is Device.CPU:
        return ()
    gpus = visible_gpus()
    return gpus if gpus and _is_built_for_gpus(model) else ()


def visible_gpus(environment: Mapping[str, str] = os.environ, devices: Path = Path("/dev")) -> tuple[str, ...]:
    """The GPUs that this process may see: those that `VISIBLE` lists, or else every one that NVIDIA's driver shows."""
    listed = environment.get(VISIBLE)
    if listed is None:
        numbers = (re.fullmatch(r"nvidia(\d+)", path.name) for path in devices.glob("nvidia*"))
        return tuple(map(str, sorted(int(number[1]) for number in numbers if number)))
    gpus = [gpu.strip() for gpu in listed.split(",")]
    # CUDA ignores an entry that names no GPU, and all that follow it.
    end = next((place for place, gpu in enumerate(gpus) if gpu in ("", "-1")), len(gpus))
    return tuple(gpus[:end])


def _is_built_for_gpus(model: ModelFile) -> bool:
    """Whether the library that runs the model computes on GPUs. One that is missing is missed when the model opens."""
    try:
        if model is ModelFile.ONNX:
            import onnxruntime

            return "CUDAExecutionProvider" in onnxruntime.get_available_providers()
        import torch  # type: ignore[import-not-found, unused-ignore]

        return bool(torch.cuda.is_available())
    except ImportError:
        return False
