"""Payload templates and single expressions.

A template is JSON in which a member whose name ends in `.$` is computed: its value is a path or a call of an intrinsic
function, and the member appears without the suffix. Everything else is literal, including text that looks like a path.

Source: Amazon States Language, "Payload Template".
"""

from collections.abc import Callable

from pipeline.local.states import intrinsics
from pipeline.local.states.errors import ExpressionSyntaxError, MemberError
from pipeline.local.states.references import Complaint, compile_reference, invalid_path, not_found_for
from pipeline.local.states.scope import Expression, Json, Scope, Template

SUFFIX = ".$"
_NOT_COMPUTABLE = "The value for the field '{}' must be a valid JSONPath or a valid intrinsic function call"


def compile_expression(text: str, complain: Complaint = invalid_path) -> Expression:
    """Compile a path or a call of an intrinsic function.

    Raises ExpressionSyntaxError. `complain` words the States.Runtime of a path that finds nothing.
    """
    if text.startswith("States."):
        return intrinsics.compile(text, complain)
    return compile_reference(text).expression(complain)


def compile_template(payload: Json) -> Template:
    """Compile a payload template; raises MemberError. Literal parts are shared by every value it gives."""
    return _compile(payload, "") or (lambda scope: payload)


def _compile(payload: Json, path: str) -> Callable[[Scope], Json] | None:
    """The template's function, or None where nothing in it is computed."""
    if isinstance(payload, dict):
        return _compile_object(payload, path)
    if isinstance(payload, list):
        return _compile_array(payload, path)
    return None


def _compile_object(payload: dict[str, Json], path: str) -> Callable[[Scope], Json] | None:
    literals: dict[str, Json] = {}
    computed: list[tuple[str, Callable[[Scope], Json]]] = []
    for name, value in payload.items():
        here, key = f"{path}/{name}", name.removesuffix(SUFFIX)
        evaluate = _compile(value, here) if key == name else _compile_member(name, value, here)
        if key in literals:
            raise MemberError(here, f"'{key}' is given twice, once with and once without '{SUFFIX}'")
        literals[key] = value
        if evaluate is not None:
            computed.append((key, evaluate))
    if not computed:
        return None

    def fill(scope: Scope) -> Json:
        filled = literals.copy()
        for key, evaluate in computed:
            filled[key] = evaluate(scope)
        return filled

    return fill


def _compile_array(payload: list[Json], path: str) -> Callable[[Scope], Json] | None:
    computed = [_compile(value, f"{path}[{index}]") for index, value in enumerate(payload)]
    if not any(computed):
        return None
    items = list(zip(payload, computed, strict=True))
    return lambda scope: [value if evaluate is None else evaluate(scope) for value, evaluate in items]


def _compile_member(name: str, value: Json, path: str) -> Callable[[Scope], Json]:
    if not isinstance(value, str):
        raise MemberError(path, _NOT_COMPUTABLE.format(name) + ", as text")
    try:
        return compile_expression(value, not_found_for(name)).evaluate
    except ExpressionSyntaxError as error:
        raise MemberError(path, f"{_NOT_COMPUTABLE.format(name)}: {error}") from None
