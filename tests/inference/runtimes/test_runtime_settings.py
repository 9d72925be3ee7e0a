"""How a model is run, as the environment says it."""

import pytest

from pipeline.contract import Precision
from pipeline.errors import InvalidSetting
from pipeline.inference.runtimes.settings import Compile, Device, RuntimeSettings


def test_an_environment_that_says_nothing_leaves_everything_to_the_runtime() -> None:
    assert RuntimeSettings.from_env({}) == RuntimeSettings()


def test_every_variable_is_read() -> None:
    environment = {
        "IMAGEBATCH_DEVICE": "cuda",
        "IMAGEBATCH_PRECISION": "bfloat16",
        "IMAGEBATCH_BATCH_SIZE": "160",
        "IMAGEBATCH_THREADS": "4",
        "IMAGEBATCH_COMPILE": "never",
    }
    assert RuntimeSettings.from_env(environment) == RuntimeSettings(
        Device.CUDA, Precision.BFLOAT16, 160, 4, Compile.NEVER
    )


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("IMAGEBATCH_DEVICE", "gpu", "must be one of auto, cpu, cuda, tensorrt, not 'gpu'"),
        ("IMAGEBATCH_PRECISION", "bf16", "must be one of float32, bfloat16, float16, not 'bf16'"),
        ("IMAGEBATCH_BATCH_SIZE", "0", "must be a whole number of at least 1, not '0'"),
        ("IMAGEBATCH_THREADS", "²", "must be a whole number of at least 1"),
        ("IMAGEBATCH_COMPILE", "yes", "must be one of auto, always, never"),
    ],
)
def test_a_value_that_means_nothing_is_refused(name: str, value: str, words: str) -> None:
    with pytest.raises(InvalidSetting, match=f"{name} {words}"):
        RuntimeSettings.from_env({name: value})
