"""Which errors ErrorEquals stands for."""

import pytest

from pipeline.local.states.errors import DefinitionError, Problem, StateError, StatesRuntimeError


@pytest.mark.parametrize(
    ("error", "error_equals", "expected"),
    [
        ("Mine", ["Mine"], True),
        ("Mine", ["Yours", "Mine"], True),
        ("Mine", ["Yours"], False),
        ("Mine", ["States.ALL"], True),
        ("Mine", ["States.TaskFailed"], True),
        ("States.Timeout", ["States.TaskFailed"], False),
        ("States.Timeout", ["States.ALL"], True),
        ("States.HeartbeatTimeout", ["States.Timeout"], True),
        ("States.IntrinsicFailure", ["States.ALL"], True),
        ("States.DataLimitExceeded", ["States.ALL"], True),
        ("States.DataLimitExceeded", ["States.TaskFailed"], False),
        ("States.DataLimitExceeded", ["States.DataLimitExceeded"], True),
    ],
)
def test_error_equals(error: str, error_equals: list[str], expected: bool) -> None:
    assert StateError(error).matches(error_equals) is expected


@pytest.mark.parametrize("name", ["States.ALL", "States.Runtime", "States.TaskFailed"])
def test_a_runtime_error_is_handled_by_nobody(name: str) -> None:
    assert StatesRuntimeError("a bad path").matches([name]) is False


def test_a_definition_error_lists_every_problem_with_its_place() -> None:
    problems = [
        Problem("/States/A/Next", "MISSING_TRANSITION_TARGET", "Missing 'Next' target: B"),
        Problem("", "X", "y"),
    ]
    assert str(DefinitionError(problems)) == (
        "MISSING_TRANSITION_TARGET: Missing 'Next' target: B at /States/A/Next, X: y at /"
    )
