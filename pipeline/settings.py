"""What each function is told by its environment: read once, at cold start, where a missing or malformed one is named.

    StartRunSettings            IMAGES_BUCKET, RESULTS_BUCKET, DEFAULT_MODEL, DEFAULT_PREFIX, MARKER, TRANSFORM_MODEL,
                                SAGEMAKER_MODEL, LEDGER_TABLE;
                                ALLOWED_FORMATS, MAX_BYTES, MAX_PIXELS, MIN_SIDE, ANIMATED, QUARANTINE
    PlanInferenceSettings       DEFAULT_INSTANCE_TYPE, JOB_NAME_PREFIX, IMAGES_PER_JOB, MAX_CONCURRENT_JOBS,
                                MAX_COST_USD;
                                TRANSFORM_INSTANCE_TYPE, IMAGES_PER_INSTANCE;
                                JOB_SUBNET_IDS, JOB_SECURITY_GROUP_IDS
    PlanRetrySettings           JOB_NAME_PREFIX
    ReportFailureSettings       RESULTS_BUCKET, TOPIC_ARN, STACK_NAME

The other functions need none: the run pointer in their event says which bucket and which run.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from pipeline.errors import InvalidSetting, MissingSetting
from pipeline.limits import DEFAULT_LIMITS, Limits, Quarantine, from_text
from pipeline.runs.control_files import DEFAULT_MARKER
from pipeline.runs.job_network import NO_VPC, JobNetwork

JOB_NAME_PREFIX = "imagebatch"
_LIMITS = {
    "ALLOWED_FORMATS": "formats",
    "MAX_BYTES": "max_bytes",
    "MAX_PIXELS": "max_pixels",
    "MIN_SIDE": "min_side",
    "ANIMATED": "animated",
}


@dataclass(frozen=True)
class StartRunSettings:
    images_bucket: str
    results_bucket: str
    default_model: str
    default_prefix: str
    """What a run predicts when its input names nothing; empty for the whole images bucket. May hold dates
    (pipeline/runs/date_templates.py)."""
    limits: Limits = DEFAULT_LIMITS
    """What a run accepts unless its input says otherwise."""
    quarantine: Quarantine = Quarantine.LEAVE
    marker: str = DEFAULT_MARKER
    """The name of the object that says of its folder that it is complete."""
    transform_model: str | None = None
    """The package that the stack's SageMaker model was made of, without which no transform job runs."""
    sagemaker_model: str | None = None
    """What that model is called: CloudFormation makes one of another name where its files are others."""
    ledger: str | None = None
    """The table that knows what was predicted (pipeline/ledger); None where nobody keeps one."""

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Self:
        return cls(
            images_bucket=required(environment, "IMAGES_BUCKET"),
            results_bucket=required(environment, "RESULTS_BUCKET"),
            default_model=required(environment, "DEFAULT_MODEL"),
            default_prefix=environment.get("DEFAULT_PREFIX", ""),
            limits=limits_of(environment),
            quarantine=_quarantine(environment),
            marker=environment.get("MARKER") or cls.marker,
            transform_model=environment.get("TRANSFORM_MODEL") or None,
            sagemaker_model=environment.get("SAGEMAKER_MODEL") or None,
            ledger=environment.get("LEDGER_TABLE") or None,
        )


@dataclass(frozen=True)
class PlanInferenceSettings:
    default_instance_type: str
    """Of a Processing job."""
    job_name_prefix: str = JOB_NAME_PREFIX
    images_per_job: int = 20_000
    transform_instance_type: str = "ml.g4dn.xlarge"
    images_per_instance: int = 500_000
    """Of a transform job. An instance takes minutes to start, and should then have more than minutes of work."""
    max_concurrent_jobs: int = 40
    """Of a run, where no quota says less: as many iterations of an inline Map run at once at most."""
    job_key_arn: str = ""
    """The KMS key of a job's volumes; "" for AWS's own."""
    max_cost_usd: float | None = None
    """What a run may cost at most, whatever its own limit; None for no limit."""
    network: JobNetwork = NO_VPC
    """Of a Processing job."""

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Self:
        return cls(
            default_instance_type=required(environment, "DEFAULT_INSTANCE_TYPE"),
            job_name_prefix=environment.get("JOB_NAME_PREFIX", cls.job_name_prefix),
            images_per_job=positive(environment, "IMAGES_PER_JOB", cls.images_per_job),
            transform_instance_type=environment.get("TRANSFORM_INSTANCE_TYPE") or cls.transform_instance_type,
            images_per_instance=positive(environment, "IMAGES_PER_INSTANCE", cls.images_per_instance),
            max_concurrent_jobs=positive(environment, "MAX_CONCURRENT_JOBS", cls.max_concurrent_jobs),
            max_cost_usd=_amount(environment, "MAX_COST_USD"),
            job_key_arn=environment.get("JOB_KEY_ARN", ""),
            network=JobNetwork.from_env(environment),
        )


@dataclass(frozen=True)
class PlanRetrySettings:
    job_name_prefix: str = JOB_NAME_PREFIX

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Self:
        return cls(job_name_prefix=environment.get("JOB_NAME_PREFIX", cls.job_name_prefix))


@dataclass(frozen=True)
class ReportFailureSettings:
    results_bucket: str
    topic_arn: str
    stack: str
    """What a message calls the stack, in the command that goes on with a run."""

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Self:
        return cls(
            results_bucket=required(environment, "RESULTS_BUCKET"),
            topic_arn=required(environment, "TOPIC_ARN"),
            stack=required(environment, "STACK_NAME"),
        )


@dataclass(frozen=True)
class WriteReportSettings:
    certainty_threshold: float = 0.8
    """The score from which on an answer counts as certain."""

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Self:
        return cls(fraction(environment, "CERTAINTY_THRESHOLD", cls.certainty_threshold))


def required(environment: Mapping[str, str], name: str) -> str:
    """A variable that has to be set. Raises MissingSetting."""
    value = environment.get(name, "")
    if not value:
        raise MissingSetting(
            f"The environment variable {name} is not set; infra/template.yaml sets it for this function."
        )
    return value


def limits_of(environment: Mapping[str, str]) -> Limits:
    """The limits that the environment sets, and the defaults of the others. Raises InvalidSetting."""
    limits = DEFAULT_LIMITS
    for variable, field in _LIMITS.items():
        if text := environment.get(variable, ""):
            try:
                limits = limits.changed(from_text({field: text}))
            except ValueError as error:
                raise InvalidSetting(f"The environment variable {variable} sets no limit: {error}.") from error
    return limits


def _quarantine(environment: Mapping[str, str]) -> Quarantine:
    text = environment.get("QUARANTINE", "") or Quarantine.LEAVE
    try:
        return Quarantine(text)
    except ValueError as error:
        raise InvalidSetting(
            f"The environment variable QUARANTINE must be one of {', '.join(Quarantine)}, not {text!r}."
        ) from error


def _amount(environment: Mapping[str, str], name: str) -> float | None:
    """An amount of US dollars; None where it is not set, or 0. Raises InvalidSetting."""
    text = environment.get(name, "")
    try:
        amount = float(text or "0")
    except ValueError:
        amount = -1.0
    if not 0 <= amount < math.inf:
        raise InvalidSetting(f"The environment variable {name} must be an amount of US dollars, not {text!r}.")
    return amount or None


def positive(environment: Mapping[str, str], name: str, default: int) -> int:
    """A whole number of at least 1. Raises InvalidSetting."""
    text = environment.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise InvalidSetting(f"The environment variable {name} must be a whole number of at least 1, not {text!r}.")
    return int(text)


def fraction(environment: Mapping[str, str], name: str, default: float) -> float:
    """A number from 0 to 1, the default where nothing is set. Raises InvalidSetting."""
    text = environment.get(name, "")
    try:
        number = float(text) if text else default
    except ValueError:
        number = float("nan")
    if not 0 <= number <= 1:
        raise InvalidSetting(f"The environment variable {name} must be a number from 0 to 1, not {text!r}.")
    return number
