"""What an expression can see, and the expression itself.

`$` reads the state's effective input, `$$` the context object and `$name` a workflow variable. Everything that a
definition can compute is compiled once into an `Expression`, a plain function of the `Scope`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Json: TypeAlias = Any
"""A JSON document as `json.loads` gives it. Documents are shared between states and never changed in place."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The documents that `$`, `$$` and `$name` read from."""

    input: Json
    context: Json = field(default_factory=dict)
    variables: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled path or intrinsic function call: `expression(scope)` is its value, `text` what the author wrote.

    Calling it raises StateError: States.Runtime for a path that finds nothing, States.IntrinsicFailure for a
    function that refuses its arguments.
    """

    text: str
    evaluate: Callable[[Scope], Json]

    def __call__(self, scope: Scope) -> Json:
        return self.evaluate(scope)


Template: TypeAlias = Callable[[Scope], Json]
"""A compiled payload template."""
