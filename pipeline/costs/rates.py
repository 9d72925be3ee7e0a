"""How fast a run goes, and where that is known from.

The defaults were measured (docs/performance.md), on another machine than AWS's and with the example model. A run writes
down how fast it really was, and the next run of the same stack, model and instance type goes by that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from pipeline.costs import prices

MS_PER_IMAGE = 4.5
MS_PER_MB = 10.0
"""Of a function with one core: at least what reading and judging photos of 0.04, 0.2 and 1.6 MB took (1.8, 6.6 and
18.5 ms of a core), and what waiting for S3 adds where each object is 40 ms away (2.9 ms, 16 at a time)."""

MS_PER_INVOCATION = 40.0
"""Reading run.json, before the first image."""
MS_COLD_START = 400.0
"""A function that is still importing."""

IMAGES_PER_VCPU = 430.0
"""A second, EfficientNet-Lite0 (int8) over packed shards: 877 on two cores, with the server around it."""
ORIGINALS_PER_VCPU = 210.0
"""The same, with a JPEG a request: 425 on two cores."""

JOB_START_SECONDS = 450.0
"""Until a job does anything: a script of 30 seconds took a Processing job 8 minutes (sagemaker-python-sdk #4358). How
much of that is billed AWS does not say: all of it is counted."""


@dataclass(frozen=True)
class Measured:
    """What a run found out. `job_images_per_second` is of one instance; None where a job was too short to tell."""

    run_id: str
    measured_at: str
    """ISO 8601."""
    instance_type: str | None
    validation_ms_per_image: float | None
    image_mb: float
    """The mean, for which that holds."""
    job_images_per_second: float | None
    job_start_seconds: float | None
    """Billed seconds of a job that are not predicting."""

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Raises KeyError, TypeError or ValueError for what this code did not write."""
        numbers = ("validation_ms_per_image", "image_mb", "job_images_per_second", "job_start_seconds")
        found = {name: document[name] for name in cls.__dataclass_fields__}
        for name in numbers:
            if found[name] is not None and not 0 <= float(found[name]) < 1e9:
                raise ValueError(f"{name} is {found[name]!r}")
        return cls(**found)


@dataclass(frozen=True)
class Rates:
    """Validation in milliseconds of a function, for an image and for a megabyte; inference in images a second."""

    ms_per_image: float = MS_PER_IMAGE
    ms_per_mb: float = MS_PER_MB
    job_start_seconds: float = JOB_START_SECONDS
    images_per_second: Mapping[str, float] | None = None
    """Of an instance, by type, where it was measured."""
    validation_basis: str = "validation: measured on one core of another machine (docs/performance.md)"
    inference_basis: Mapping[str, str] | None = None
    """By type, where it was measured."""

    def learnt(self, measured: Measured) -> "Rates":
        """These rates, as far as `measured` knows no better."""
        rates = self
        if measured.validation_ms_per_image is not None:
            per_mb = min(self.ms_per_mb, measured.validation_ms_per_image / max(measured.image_mb, 0.001))
            rates = replace(
                rates,
                ms_per_mb=per_mb,
                ms_per_image=max(measured.validation_ms_per_image - per_mb * measured.image_mb, 0.0),
                validation_basis=f"validation: measured by the run {measured.run_id}",
            )
        if measured.job_images_per_second and measured.instance_type:
            told = f"{measured.instance_type}: measured by the run {measured.run_id}"
            rates = replace(
                rates,
                images_per_second={
                    **(rates.images_per_second or {}),
                    measured.instance_type: measured.job_images_per_second,
                },
                inference_basis={**(rates.inference_basis or {}), measured.instance_type: told},
            )
            if measured.job_start_seconds is not None:
                rates = replace(rates, job_start_seconds=measured.job_start_seconds)
        return rates

    def of_instance(self, instance_type: str, *, originals: bool = False) -> tuple[float | None, str]:
        """Images a second of one instance, and where that is known from; None for a type of which nothing is known."""
        if found := (self.images_per_second or {}).get(instance_type):
            return found, (self.inference_basis or {})[instance_type]
        cores = prices.vcpus(instance_type)
        if cores is None:
            return None, f"{instance_type}: its speed is not known, and no run has measured it"
        per_core = ORIGINALS_PER_VCPU if originals else IMAGES_PER_VCPU
        return cores * per_core, (
            f"{instance_type}: {cores} vCPUs at {per_core:.0f} images a second, as the example model was measured on"
            " another machine; a GPU is not counted, and another model is as much slower as it is larger"
        )
