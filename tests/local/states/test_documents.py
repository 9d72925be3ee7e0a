"""JSON text as Step Functions writes it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.states.documents import LIMIT_BYTES, Document, byte_length, check_size, dump
from pipeline.local.states.errors import StateError

DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(DOCUMENTS)
def test_what_is_dumped_parses_to_the_same_value(value: Any) -> None:
    assert Document.parse(dump(value)) == (value, dump(value))


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_becomes_utf8(text: str) -> None:
    """Also lone surrogates, which JSON can escape and UTF-8 cannot hold."""
    dumped = dump(text)
    assert json.loads(dumped) == text
    assert byte_length(dumped) == len(dumped.encode())


@pytest.mark.parametrize("text", ["{", "", "NaN", '{"a": Infinity}', '{"a": -1e999}', "[" * 100_000])
def test_text_that_is_no_json_or_could_not_be_written_again_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a number that JSON can hold|nested too deeply|Expecting"):
        Document.parse(text)


@pytest.mark.parametrize(("text", "fits"), [("é" * (LIMIT_BYTES // 2), True), ("é" * (LIMIT_BYTES // 2) + "x", False)])
def test_the_limit_counts_bytes_of_utf8(text: str, fits: bool) -> None:
    if fits:
        check_size(text, "State")
    else:
        with pytest.raises(StateError, match=r"States.DataLimitExceeded.*'State'"):
            check_size(text, "State")
