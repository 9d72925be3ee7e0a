"""Settings: what is missing or malformed in the environment is named."""

import pytest

from pipeline.errors import InvalidSetting, MissingSetting
from pipeline.limits import DEFAULT_LIMITS, Animation, Limits, Quarantine
from pipeline.settings import PlanInferenceSettings, PlanRetrySettings, StartRunSettings

START_RUN = {"IMAGES_BUCKET": "images", "RESULTS_BUCKET": "results", "DEFAULT_MODEL": "tiny", "DEFAULT_PREFIX": "in/"}


def test_settings_are_read_from_the_environment() -> None:
    assert StartRunSettings.from_env(START_RUN) == StartRunSettings("images", "results", "tiny", "in/")


@pytest.mark.parametrize(("text", "marker"), [("", "_READY"), ("done", "done")])
def test_a_stack_may_call_its_markers_otherwise(text: str, marker: str) -> None:
    assert StartRunSettings.from_env({**START_RUN, "MARKER": text}).marker == marker


@pytest.mark.parametrize(("text", "model"), [("", None), ("tiny", "tiny")])
def test_a_stack_may_have_no_sagemaker_model(text: str, model: str | None) -> None:
    assert StartRunSettings.from_env({**START_RUN, "TRANSFORM_MODEL": text}).transform_model == model


def test_a_retry_is_named_as_the_plan_names_jobs() -> None:
    plan = PlanInferenceSettings.from_env({"DEFAULT_INSTANCE_TYPE": "ml.c7i.xlarge"})

    assert PlanRetrySettings.from_env({}).job_name_prefix == plan.job_name_prefix
    assert PlanRetrySettings.from_env({"JOB_NAME_PREFIX": "mine"}).job_name_prefix == "mine"


@pytest.mark.parametrize("name", ["IMAGES_BUCKET", "RESULTS_BUCKET", "DEFAULT_MODEL"])
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(MissingSetting, match=f"{name} is not set"):
        StartRunSettings.from_env({**START_RUN, name: ""})


def test_no_default_prefix_means_the_whole_bucket() -> None:
    environment = {name: value for name, value in START_RUN.items() if name != "DEFAULT_PREFIX"}

    assert StartRunSettings.from_env(environment).default_prefix == ""


def test_what_the_environment_leaves_out_is_limited_by_default_and_left_in_place() -> None:
    settings = StartRunSettings.from_env({**START_RUN, "MAX_PIXELS": "", "QUARANTINE": ""})

    assert (settings.limits, settings.quarantine) == (DEFAULT_LIMITS, Quarantine.LEAVE)


def test_limits_and_quarantine_are_read_from_the_environment() -> None:
    limits = {"ALLOWED_FORMATS": "jpg, png", "MAX_PIXELS": "9", "MAX_BYTES": "8", "MIN_SIDE": "7", "ANIMATED": "reject"}
    settings = StartRunSettings.from_env({**START_RUN, **limits, "QUARANTINE": "copy"})

    assert settings.limits == Limits(frozenset({"JPEG", "PNG"}), 8, 9, 7, Animation.REJECT)
    assert settings.quarantine == Quarantine.COPY


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ALLOWED_FORMATS", "JPEG,PDF"),
        ("MAX_PIXELS", "many"),
        ("MAX_BYTES", "-1"),
        ("MIN_SIDE", "0"),
        ("ANIMATED", "yes"),
        ("QUARANTINE", "burn"),
    ],
)
def test_a_limit_that_is_none_is_named(name: str, text: str) -> None:
    with pytest.raises(InvalidSetting, match=rf"The environment variable {name} .*{text.split(',')[-1]}"):
        StartRunSettings.from_env({**START_RUN, name: text})


def test_planning_has_defaults_for_all_but_the_instance_type() -> None:
    settings = PlanInferenceSettings.from_env({"DEFAULT_INSTANCE_TYPE": "ml.c7i.xlarge"})

    assert (settings.job_name_prefix, settings.images_per_job) == ("imagebatch", 20_000)


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5"])
def test_a_number_that_is_none_is_named_and_shown(text: str) -> None:
    with pytest.raises(InvalidSetting, match=f"IMAGES_PER_JOB must be a whole number of at least 1, not '{text}'"):
        PlanInferenceSettings.from_env({"DEFAULT_INSTANCE_TYPE": "ml.c7i.xlarge", "IMAGES_PER_JOB": text})
