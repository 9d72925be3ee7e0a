"""How data flows through a state: from its raw input to its output.

    raw input -> InputPath -> Parameters -> (the state's work) -> ResultSelector -> Assign
              -> ResultPath into the raw input -> OutputPath -> output

Paths in every field but Assign and ResultSelector read the effective input; those two read the result.
Variables that a state assigns become visible when it is left, so its own OutputPath still reads the old ones.
Source: Developer Guide, "Processing input and output", "Passing data between states with variables".
"""

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pipeline.local.states.context import Context
from pipeline.local.states.definition import Catcher, State, Work
from pipeline.local.states.documents import Document, check_size
from pipeline.local.states.errors import StateError
from pipeline.local.states.jsonpath import ReferencePath
from pipeline.local.states.redrive import Resumption
from pipeline.local.states.scope import Json, Scope, Template

S_co = TypeVar("S_co", bound=State, covariant=True)


@dataclass(frozen=True, slots=True)
class Exit:
    """How a state is left: its output, the next state (None: the branch ends) and what it assigned."""

    next: str | None
    output: Document
    assigned: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry(Generic[S_co]):
    """A state as it was entered: its raw input and what its expressions read."""

    state: S_co
    raw: Document
    context: Context
    variables: dict[str, Json]
    taken_up: Resumption | None = None
    """How far the state had come, where a redriven execution goes on with it."""

    def scope(self, document: Json) -> Scope:
        return Scope(document, self.context, self.variables)

    def effective_input(self) -> Json:
        """The raw input behind InputPath and, where the state's type has them, Parameters."""
        value = self.state.input_path(self.scope(self.raw.value))
        parameters: Template | None = getattr(self.state, "parameters", None)
        return parameters(self.scope(value)) if parameters is not None else value

    def leave(self, result: Json, result_path: ReferencePath | None) -> Exit:
        """Leave towards `Next` with a result placed at `result_path` of the raw input (None: discarded)."""
        assigned = evaluate_assign(self.state.assign, self.scope(result))
        return Exit(self.state.next, self.filter_output(self.place(result, result_path)), assigned)

    def leave_with_result(self: "Entry[Work]", result: Json) -> Exit:
        """Leave a Task, Parallel or Map towards `Next` with what its work gave."""
        if self.state.result_selector is not None:
            result = self.state.result_selector(self.scope(result))
        return self.leave(result, self.state.result_path)

    def leave_by(self, catcher: Catcher, error: StateError) -> Exit:
        """Leave towards a catcher's `Next`; OutputPath does not apply to an error."""
        output = error_output(error)
        assigned = evaluate_assign(catcher.assign, self.scope(output))
        return Exit(catcher.next, self._document(self.place(output, catcher.result_path)), assigned)

    def place(self, result: Json, path: ReferencePath | None) -> Json:
        return self.raw.value if path is None else path.write(self.raw.value, result)

    def filter_output(self, value: Json) -> Document:
        """`value` behind OutputPath. Raises StateError: States.DataLimitExceeded."""
        return self._document(self.state.output_path(self.scope(value)))

    def _document(self, value: Json) -> Document:
        if value is self.raw.value:
            return self.raw
        document = Document.of(value)
        check_size(document.text, self.state.name)
        return document


def evaluate_assign(assign: Template | None, scope: Scope) -> dict[str, Json]:
    if assign is None:
        return {}
    assigned: dict[str, Json] = assign(scope)
    return assigned


def error_output(error: StateError) -> dict[str, Any]:
    """What a catcher hands on."""
    return {"Error": error.error, "Cause": error.cause or ""}
