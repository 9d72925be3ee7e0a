"""How a model is run, where the machine and not the model decides: read from the environment of the job.

IMAGEBATCH_DEVICE        auto, cpu, cuda or tensorrt
IMAGEBATCH_PRECISION     float32, bfloat16 or float16, instead of the contract's
IMAGEBATCH_BATCH_SIZE    images in a forward pass
IMAGEBATCH_THREADS       threads that compute one forward pass on a CPU
IMAGEBATCH_COMPILE       auto, always or never: torch.compile
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self, TypeVar

from pipeline.contract import Precision
from pipeline.errors import InvalidSetting

E = TypeVar("E", bound=StrEnum)


class Device(StrEnum):
    """Where a model computes. `auto` is CUDA where the runtime finds a GPU, and the CPU otherwise.

    TensorRT, which runs ONNX models, is never chosen unasked: it builds its engine for minutes before the first image.
    """

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    TENSORRT = "tensorrt"


class Compile(StrEnum):
    """When torch compiles a model. `auto` is on a GPU: on a CPU it takes a C++ compiler, and gains little."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class RuntimeSettings:
    """What the machine decides. What is None is the contract's to say, or the runtime's."""

    device: Device = Device.AUTO
    precision: Precision | None = None
    batch_size: int | None = None
    threads: int = 1
    """One process a core beats several threads in one process; a server of one process sets this to its cores."""
    compile: Compile = Compile.AUTO

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Raises InvalidSetting where a variable says something that is none of its values."""
        return cls(
            device=_choice(environment, "IMAGEBATCH_DEVICE", Device) or cls().device,
            precision=_choice(environment, "IMAGEBATCH_PRECISION", Precision),
            batch_size=_positive(environment, "IMAGEBATCH_BATCH_SIZE"),
            threads=_positive(environment, "IMAGEBATCH_THREADS") or cls().threads,
            compile=_choice(environment, "IMAGEBATCH_COMPILE", Compile) or cls().compile,
        )


def _choice(environment: Mapping[str, str], name: str, values: type[E]) -> E | None:
    text = environment.get(name, "")
    try:
        return values(text) if text else None
    except ValueError as error:
        raise InvalidSetting(
            f"The environment variable {name} must be one of {', '.join(values)}, not {text!r}."
        ) from error


def _positive(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and int(text) >= 1):
        raise InvalidSetting(f"The environment variable {name} must be a whole number of at least 1, not {text!r}.")
    return int(text)
