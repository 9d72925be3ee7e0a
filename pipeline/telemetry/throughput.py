"""How fast images are validated and predicted: told by whoever does it, a batch or a job at a time.

A batch that is validated twice is measured twice: these are speeds, and are not added up.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.telemetry.metrics import emit


def measure_batch(run_id: str, validate: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The batch result of `validate`, and how long that took for the images that it read."""
    started = time.monotonic()
    result = validate()
    seconds = time.monotonic() - started
    read = result["accepted"] + result["rejected"]
    values = {"BatchSeconds": seconds}
    if read:
        values["ValidationImagesPerSecond"] = _rate(read, seconds)
        values["ValidationMillisecondsPerImage"] = seconds * 1000 / read
    emit(values, {"run_id": run_id, "batch": result["batch"]})
    return result


def tell_job(images: int, seconds: float, about: Mapping[str, str]) -> None:
    """A job has predicted `images` in `seconds`; where it predicted none, that is no speed."""
    if images:
        emit({"JobSeconds": seconds, "JobImagesPerSecond": _rate(images, seconds)}, about)


def _rate(images: int, seconds: float) -> float:
    return images / max(seconds, 0.001)
