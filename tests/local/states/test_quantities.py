"""Numbers by path."""

from typing import Any

import pytest

from pipeline.local.states import quantities
from pipeline.local.states.errors import StatesRuntimeError
from pipeline.local.states.scope import Expression, Scope

WHOLE = Expression("$", lambda scope: scope.input)


@pytest.mark.parametrize("value", [7, 7.0, "7"])
def test_a_number_and_the_text_that_spells_it_are_the_same(value: Any) -> None:
    assert quantities.integer("MaxConcurrency", None, WHOLE, Scope(value)) == 7


@pytest.mark.parametrize("value", [True, None, [], "", "seven", "7.5", "nan", "1e999", 10**400])
def test_anything_else_ends_the_execution(value: Any) -> None:
    with pytest.raises(StatesRuntimeError, match="not a valid integer"):
        quantities.integer("MaxConcurrency", None, WHOLE, Scope(value))
