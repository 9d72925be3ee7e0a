"""What the environment says of the server."""

from pathlib import Path

import pytest

from pipeline.errors import InvalidSetting
from pipeline.serving.settings import MEBIBYTE, ServingSettings
from pipeline.shards import MAX_PIXEL_BYTES


def test_without_variables_the_server_is_what_sagemaker_expects() -> None:
    settings = ServingSettings.from_env({})
    assert (settings.model, settings.host, settings.port) == (Path("/opt/ml/model"), "0.0.0.0", 8080)
    assert (settings.run_id, settings.contract, settings.top_k) == ("", None, None)


def test_the_largest_body_is_more_than_the_pixels_of_a_shard() -> None:
    assert ServingSettings.from_env({}).max_payload > MAX_PIXEL_BYTES


def test_outside_a_container_only_this_machine_is_served() -> None:
    settings = ServingSettings.from_env({"IMAGEBATCH_ROOT": "/somewhere"})
    assert (settings.model, settings.host) == (Path("/somewhere/opt/ml/model"), "127.0.0.1")


@pytest.mark.parametrize(("said", "megabytes"), [("6", 6), ("100", 100), ("0", 100), ("", 25)])
def test_a_body_may_be_as_large_as_the_transform_job_says(said: str, megabytes: int) -> None:
    settings = ServingSettings.from_env({"SAGEMAKER_MAX_PAYLOAD_IN_MB": said})
    assert settings.max_payload == megabytes * MEBIBYTE


def test_a_transform_job_says_which_run_is_predicted() -> None:
    run = {"IMAGEBATCH_RUN_ID": "a-run", "IMAGEBATCH_CONTRACT": "0123456789abcdef", "IMAGEBATCH_TOP_K": "3"}
    settings = ServingSettings.from_env(run)
    assert (settings.run_id, settings.contract, settings.top_k) == ("a-run", "0123456789abcdef", 3)


@pytest.mark.parametrize("text", ["many", "-1", "65536", "1.5", "²", "1" * 5000])
def test_a_port_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidSetting, match="SAGEMAKER_BIND_TO_PORT must be a whole number from 0 to 65535"):
        ServingSettings.from_env({"SAGEMAKER_BIND_TO_PORT": text})


def test_a_top_k_of_zero_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="IMAGEBATCH_TOP_K"):
        ServingSettings.from_env({"IMAGEBATCH_TOP_K": "0"})
