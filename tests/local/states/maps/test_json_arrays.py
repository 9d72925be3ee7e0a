"""Arrays read element by element."""

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.states.maps.json_arrays import NotAnArrayError, iterate_array

ELEMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


class Dripping:
    """Text that comes in pieces of the given sizes, whatever is asked for."""

    def __init__(self, text: str, sizes: Iterator[int]) -> None:
        self._text = StringIO(text)
        self._sizes = sizes

    def read(self, size: int, /) -> str:
        return self._text.read(next(self._sizes))


@given(st.lists(ELEMENTS), st.sampled_from([None, 1, "\t"]), st.data())
def test_the_elements_are_those_that_json_reads(elements: list[Any], indent: Any, data: st.DataObject) -> None:
    text = json.dumps(elements, indent=indent)
    sizes = iter(lambda: data.draw(st.integers(1, 5)), None)
    assert list(iterate_array(Dripping(text, sizes))) == elements


def test_elements_come_before_the_rest_has_been_read() -> None:
    source = StringIO("[1, 2" + ", 3" * 100_000)
    elements = iterate_array(source)
    assert [next(elements), next(elements)] == [1, 2]
    assert source.tell() < 200_000


@pytest.mark.parametrize("text", ['{"a": 1}', '"text"', "1", "", "   "])
def test_anything_but_an_array_is_told_apart(text: str) -> None:
    with pytest.raises(NotAnArrayError):
        list(iterate_array(StringIO(text)))


@pytest.mark.parametrize("text", ["[1, 2", "[1 2]", "[1,]", "[tru]", "["])
def test_a_broken_array_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"[Ee]xpect"):
        list(iterate_array(StringIO(text)))


@pytest.mark.parametrize("text", ["[1, NaN]", "[-1e999]"])
def test_a_number_that_json_cannot_hold_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="not a number that JSON can hold"):
        list(iterate_array(StringIO(text)))
