"""Numbers that a definition gives either literally or by a path (`MaxConcurrency`, `MaxConcurrencyPath`).

Text that spells a number counts as one, as on AWS, since variables are often strings.
"""

from pipeline.local.states.documents import dump
from pipeline.local.states.errors import StatesRuntimeError
from pipeline.local.states.scope import Expression, Json, Scope


def integer(name: str, literal: int | None, path: Expression | None, scope: Scope) -> int | None:
    """The field `name` as an integer; None when it is not set. Raises StateError: States.Runtime."""
    if path is None:
        return literal
    value = path(scope)
    try:
        number = _number(value)
        if number.is_integer():
            return int(number)
    except ValueError:
        pass
    raise _invalid(name, value, "integer", path)


def real(name: str, literal: float | None, path: Expression | None, scope: Scope) -> float | None:
    """The field `name` as a float; None when it is not set. Raises StateError: States.Runtime."""
    if path is None:
        return literal
    value = path(scope)
    try:
        return _number(value)
    except ValueError:
        raise _invalid(name, value, "float", path) from None


def _number(value: Json) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("not a number")  # noqa: TRY004  (callers treat every kind of unfit value alike)
    try:
        return float(value)
    except OverflowError:
        raise ValueError("a number that no float can hold") from None


def _invalid(name: str, value: Json, kind: str, path: Expression) -> StatesRuntimeError:
    shown = value if isinstance(value, str) else dump(value)
    return StatesRuntimeError(
        f'The {name}Path field refers to value "{shown}" which is not a valid {kind}: {path.text}'
    )
