"""Reference paths: the paths that name one place in a document, and can therefore be written.

Source: Amazon States Language, section "Reference Paths" (no `@ .. , : ? *`); Developer Guide, "ResultPath".
"""

from dataclasses import dataclass
from typing import Self

from pipeline.local.states.documents import dump
from pipeline.local.states.errors import ExpressionSyntaxError, StateError
from pipeline.local.states.jsonpath.parser import compile
from pipeline.local.states.jsonpath.path import Path
from pipeline.local.states.jsonpath.segments import Index, Name
from pipeline.local.states.scope import Json


@dataclass(frozen=True, slots=True)
class ReferencePath:
    """A path of names and indexes."""

    text: str
    steps: tuple[str | int, ...]
    path: Path

    @classmethod
    def compile(cls, text: str) -> Self:
        """Compile a reference path; raises ExpressionSyntaxError, also for a path that could select several nodes."""
        path = compile(text)
        steps: list[str | int] = []
        for segment in path.segments:
            if isinstance(segment, Name):
                steps.append(segment.name)
            elif isinstance(segment, Index) and segment.index >= 0:
                steps.append(segment.index)
            else:
                raise ExpressionSyntaxError(text, 0, f"a reference path names one place, {segment} does not")
        return cls(text, tuple(steps), path)

    def read(self, document: Json) -> Json:
        """The value at this place; raises PathNotFound."""
        return self.path.read(document)

    def write(self, document: Json, value: Json) -> Json:
        """A copy of `document` with `value` at this place; what lies beside it is shared, not copied.

        Missing objects are created on the way. Raises StateError States.ResultPathMatchFailure where something
        that is not an object stands in the way, or an index is not in its array.
        """
        if not self.steps:
            return value
        root = child = _copy(document)
        for depth, step in enumerate(self.steps):
            container, last = child, depth == len(self.steps) - 1
            if isinstance(step, str) and isinstance(container, dict):
                child = value if last else _copy(container.get(step, {}))
                container[step] = child
            elif isinstance(step, int) and isinstance(container, list) and step < len(container):
                child = value if last else _copy(container[step])
                container[step] = child
            else:
                raise StateError(
                    "States.ResultPathMatchFailure",
                    f"Unable to apply ReferencePath {self.text} to input {dump(document)}",
                )
        return root


def _copy(node: Json) -> Json:
    return node.copy() if isinstance(node, dict | list) else node
