"""The two ways in which the States Language can go wrong.

    DefinitionError   a definition is refused before anything runs (CreateStateMachine: InvalidDefinition)
    StateError        something happened inside a running state; Retry and Catch see it
        IntrinsicError      States.IntrinsicFailure: an intrinsic function was called with arguments it does not take
        StatesRuntimeError  States.Runtime: a path, number or timestamp that the running state cannot use

and, while a definition is compiled, the two errors that become its problems:

    ExpressionSyntaxError  a text that is not a path or a call of an intrinsic function
    MemberError            a member of a template or choice rule that cannot be compiled, and where it stands

Source: "Handling errors in Step Functions workflows", section "Error names".
"""

from collections.abc import Iterable
from dataclasses import dataclass

ALL = "States.ALL"
TASK_FAILED = "States.TaskFailed"
TIMEOUT = "States.Timeout"
HEARTBEAT_TIMEOUT = "States.HeartbeatTimeout"
RUNTIME = "States.Runtime"
DATA_LIMIT_EXCEEDED = "States.DataLimitExceeded"

# The two wildcards, and what each of them leaves out. The Developer Guide says that States.ALL leaves out
# States.DataLimitExceeded too; executions recorded on AWS catch the one of a task's result by it.
_NOT_COVERED = {
    ALL: frozenset({RUNTIME}),
    TASK_FAILED: frozenset({RUNTIME, DATA_LIMIT_EXCEEDED, TIMEOUT, HEARTBEAT_TIMEOUT}),
}


class StateError(Exception):
    """An error inside a state: `error` is the name that ErrorEquals is compared with, `cause` the text for people.

    A `terminal` one ends the execution whatever Retry and Catch say.
    """

    def __init__(self, error: str, cause: str | None = None, *, terminal: bool = False) -> None:
        super().__init__(f"{error}: {cause}" if cause else error)
        self.error = error
        self.cause = cause
        self.terminal = terminal

    def matches(self, error_equals: Iterable[str]) -> bool:
        """Whether a retrier or catcher with this ErrorEquals handles the error."""
        if self.terminal:
            return False
        return any(
            name == self.error
            or (name in _NOT_COVERED and self.error not in _NOT_COVERED[name])
            or (name == TIMEOUT and self.error == HEARTBEAT_TIMEOUT)
            for name in error_equals
        )


class StatesRuntimeError(StateError):
    """States.Runtime. AWS documents it as never retried and always ending the execution, hence terminal."""

    def __init__(self, cause: str) -> None:
        super().__init__(RUNTIME, cause, terminal=True)


class IntrinsicError(StateError):
    """States.IntrinsicFailure: an intrinsic function refused its arguments."""

    def __init__(self, cause: str) -> None:
        super().__init__("States.IntrinsicFailure", cause)


class ExpressionSyntaxError(ValueError):
    """A text that is not a path or a call of an intrinsic function; `position` counts characters from 0."""

    def __init__(self, text: str, position: int, problem: str) -> None:
        super().__init__(f"'{text}' cannot be read: {problem} (at character {position + 1})")
        self.text = text
        self.position = position


class MemberError(ValueError):
    """A member that cannot be compiled; `path` leads to it from where compiling began, as in `/list[0]/name.$`."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(problem)
        self.path = path
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason to refuse a definition: where (`/States/Wait/Next`), which rule, and what to do about it."""

    path: str
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.code}: {self.message} at {self.path or '/'}"


class DefinitionError(Exception):
    """A definition that CreateStateMachine answers with InvalidDefinition; it lists every problem found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__(", ".join(map(str, self.problems)))
