"""What functions are told by their environment: what is missing or cannot be is named at cold start."""

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.errors import InvalidSetting, MissingSetting
from pipeline.single.process import ProcessSettings
from pipeline.single.settings import DeliverySettings, EndpointSettings, MessageSettings, ValidationSettings

COMPLETE = {
    "IMAGES_BUCKET": "images",
    "RESULTS_BUCKET": "results",
    "SINGLE_MODEL": "tiny",
    "ENDPOINT_NAME": "photos",
    "TOPIC_ARN": "arn:topic",
    "DEAD_LETTER_QUEUE_URL": "https://queue",
    "PROCESSING_BUCKET": "processing",
    "CONTAINER_IMAGE_URI": "image",
    "JOB_ROLE_ARN": "arn:role",
    "MODEL_URI": "s3://results/models/tiny/",
    "INSTANCE_TYPE": "ml.c7i.large",
}
Reader = Callable[[dict[str, str]], Any]


@pytest.mark.parametrize(
    ("read", "names"),
    [
        (ValidationSettings.from_env, ["IMAGES_BUCKET", "RESULTS_BUCKET", "SINGLE_MODEL"]),
        (EndpointSettings.from_env, ["ENDPOINT_NAME"]),
        (DeliverySettings.from_env, ["TOPIC_ARN", "DEAD_LETTER_QUEUE_URL"]),
        (
            ProcessSettings.from_env,
            ["DEAD_LETTER_QUEUE_URL", "PROCESSING_BUCKET", "CONTAINER_IMAGE_URI", "JOB_ROLE_ARN", "MODEL_URI"],
        ),
    ],
)
def test_a_variable_that_is_missing_is_named(read: Reader, names: list[str]) -> None:
    for name in names:
        with pytest.raises(MissingSetting, match=f"{name} is not set"):
            read({**COMPLETE, name: ""})


@pytest.mark.parametrize(
    ("read", "name", "value"),
    [
        (ValidationSettings.from_env, "MAX_BYTES", "none"),
        (EndpointSettings.from_env, "ENDPOINT_CODEC", "telepathy"),
        (EndpointSettings.from_env, "ENDPOINT_TIMEOUT", "0"),
        (EndpointSettings.from_env, "FIT_LARGE_IMAGES", "maybe"),
        (MessageSettings.from_env, "CERTAINTY_THRESHOLD", "1.1"),
        (MessageSettings.from_env, "CERTAINTY_THRESHOLD", "nan"),
        (MessageSettings.from_env, "CERTAINTY_THRESHOLD", "high"),
        (MessageSettings.from_env, "SINGLE_TOP_K", "11"),
        (MessageSettings.from_env, "SIGNED_URL_SECONDS", "604801"),
        (ProcessSettings.from_env, "CONTAINER_ENTRYPOINT", "python3 'unclosed"),
        (ProcessSettings.from_env, "JOB_ENVIRONMENT", "[]"),
        (ProcessSettings.from_env, "JOB_ENVIRONMENT", '{"A": 1}'),
        (ProcessSettings.from_env, "JOB_ENVIRONMENT", "A=1"),
    ],
)
def test_a_variable_that_cannot_be_is_named_with_its_value(read: Reader, name: str, value: str) -> None:
    with pytest.raises(InvalidSetting, match=rf"^The environment variable {name} ") as refused:
        read({**COMPLETE, name: value})
    assert value in str(refused.value)


def test_what_is_not_said_has_defaults() -> None:
    assert EndpointSettings.from_env(COMPLETE) == EndpointSettings("photos", "image", 30, True)
    assert MessageSettings.from_env(COMPLETE) == MessageSettings(0.8, 2, 3600, "")


def test_a_command_is_split_as_a_shell_would() -> None:
    settings = ProcessSettings.from_env({**COMPLETE, "CONTAINER_ENTRYPOINT": "python3 -m mine 'a b'"})
    assert settings.entrypoint == ("python3", "-m", "mine", "a b")
