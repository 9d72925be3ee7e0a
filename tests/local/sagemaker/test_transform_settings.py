"""Who decides how requests are sent."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.sagemaker.transform_settings import (
    ExecutionParameters,
    ExecutionParametersError,
    TransformSettings,
)

NOTHING = ExecutionParameters()


def test_without_a_word_from_anyone_the_defaults_hold() -> None:
    assert TransformSettings.settle({}, NOTHING) == TransformSettings(1, 6, "MULTI_RECORD", 600, 3)


def test_the_request_wins_over_the_container() -> None:
    request = {
        "MaxConcurrentTransforms": 4,
        "MaxPayloadInMB": 24,
        "BatchStrategy": "SingleRecord",
        "ModelClientConfig": {"InvocationsTimeoutInSeconds": 60, "InvocationsMaxRetries": 0},
    }
    settings = TransformSettings.settle(request, ExecutionParameters(9, 9, "MULTI_RECORD"))
    assert settings == TransformSettings(4, 24, "SINGLE_RECORD", 60, 0)


def test_no_concurrent_transforms_asks_the_container_and_no_megabytes_are_a_limit() -> None:
    settings = TransformSettings.settle({"MaxConcurrentTransforms": 0, "MaxPayloadInMB": 0}, ExecutionParameters(9, 9))
    assert (settings.max_concurrent_transforms, settings.max_payload_mb) == (9, 0)


@pytest.mark.parametrize(
    ("megabytes", "size", "allowed"), [(1, 1 << 20, True), (1, (1 << 20) + 1, False), (0, 1 << 40, True)]
)
def test_a_payload_limit_is_in_binary_megabytes(megabytes: int, size: int, allowed: bool) -> None:
    assert TransformSettings.settle({"MaxPayloadInMB": megabytes}, NOTHING).allows(size) is allowed


no_objects = (st.none() | st.integers() | st.text() | st.lists(st.text())).map(json.dumps).map(str.encode)
no_json = st.binary().filter(lambda body: not body.strip().startswith(b"{"))


@given(no_json | no_objects)
def test_an_answer_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(ExecutionParametersError, match="answers no JSON"):
        ExecutionParameters.of_answer(body)


@pytest.mark.parametrize(
    "member",
    [
        {"MaxConcurrentTransforms": 0},
        {"MaxConcurrentTransforms": 101},
        {"MaxConcurrentTransforms": True},
        {"MaxPayloadInMB": -1},
        {"MaxPayloadInMB": 1.5},
        {"BatchStrategy": "SingleRecord"},
    ],
)
def test_an_answer_that_breaks_the_rules_is_refused_by_member(member: dict[str, Any]) -> None:
    with pytest.raises(ExecutionParametersError, match=f"answers {next(iter(member))} "):
        ExecutionParameters.of_answer(json.dumps(member).encode())
