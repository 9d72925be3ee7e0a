"""A whole definition: JSON text to a compiled state machine, or every reason why not.

Source: Amazon States Language, "Structure of a State Machine"; Developer Guide, "State machine structure".
"""

import json
from typing import Any

from pipeline.local.states.definition.fields import SCHEMA, Fields
from pipeline.local.states.definition.graph import check_transitions
from pipeline.local.states.definition.model import Branch, State, StateMachine
from pipeline.local.states.definition.states import compile_state
from pipeline.local.states.documents import finite
from pipeline.local.states.errors import DefinitionError, Problem
from pipeline.local.states.scope import Json

INVALID_JSON = "INVALID_JSON_DESCRIPTION"
DUPLICATE_STATE = "DUPLICATE_STATE_NAME"
MAX_NAME_CHARACTERS = 80


def parse(definition: str | dict[str, Json]) -> StateMachine:
    """Compile a definition, given as JSON text or as the object that the text holds.

    Raises DefinitionError with every problem found, each at its path.
    """
    document = _load(definition) if isinstance(definition, str) else definition
    problems: list[Problem] = []
    try:
        machine = _Compiler(problems).machine(Fields(document, "", problems))
    except RecursionError:
        raise DefinitionError([Problem("", SCHEMA, "the definition is nested too deeply")]) from None
    if problems:
        raise DefinitionError(problems)
    return machine


def _load(text: str) -> dict[str, Json]:
    try:
        document = json.loads(text, object_pairs_hook=_unique_members, parse_constant=finite, parse_float=finite)
    except (ValueError, RecursionError) as error:
        raise DefinitionError([Problem("", INVALID_JSON, f"the definition is not JSON: {error}")]) from None
    if not isinstance(document, dict):
        raise DefinitionError([Problem("", SCHEMA, "the definition must be an object")])
    return document


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the member '{twice}' is given twice in one object")
    return members


class _Compiler:
    """Compiles one definition; state names are unique in all of it, branches and item processors included."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        self.names: set[str] = set()

    def machine(self, fields: Fields) -> StateMachine:
        fields.query_language()
        start_at, states = self._graph(fields)
        machine = StateMachine(
            start_at=start_at,
            states=states,
            comment=fields.text("Comment"),
            version=fields.option("Version", ("1.0",), "1.0"),
            timeout_seconds=fields.integer("TimeoutSeconds", 1),
        )
        fields.close()
        return machine

    def branch(self, fields: Fields) -> Branch:
        start_at, states = self._graph(fields)
        return Branch(start_at, states, fields.text("Comment"))

    def _graph(self, fields: Fields) -> tuple[str, dict[str, State]]:
        noted = len(self.problems)
        start_at = fields.required_text("StartAt")
        fields.required("States")
        container = fields.child("States")
        states = self._states(container) if container else {}
        if container and not container.document:
            fields.problem("States", "States must have at least one state")
        if len(self.problems) == noted:  # otherwise it is not known where every state leads
            check_transitions(fields, start_at, states)
        return start_at, states

    def _states(self, container: Fields) -> dict[str, State]:
        compiled = {name: self._state(name, container.child(name)) for name in container.document}
        return {name: state for name, state in compiled.items() if state is not None}

    def _state(self, name: str, fields: Fields | None) -> State | None:
        if fields is None:
            return None
        if not 1 <= len(name) <= MAX_NAME_CHARACTERS:
            fields.problem("", f"a state's name must be 1 to {MAX_NAME_CHARACTERS} characters long, got {len(name)}")
        if name in self.names:
            fields.problem("", f"the state name '{name}' is used twice in this definition", DUPLICATE_STATE)
        self.names.add(name)
        return compile_state(name, fields, self.branch)
