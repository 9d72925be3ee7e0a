"""How a value that is refused stands in the error."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.given import shown

VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        ({"arn": "ä", "time": None}, '{"arn": "ä", "time": null}'),
        ("incoming/", "'incoming/'"),
        ("\ud800", "'\\ud800'"),
        (["\ud800"], '["\\ud800"]'),
    ],
)
def test_a_value_is_shown_as_whoever_gave_it_wrote_it(value: Any, text: str) -> None:
    assert shown(value) == text


@given(VALUES, st.integers(10, 60))
def test_what_is_shown_can_be_written_and_is_no_longer_than_asked(value: Any, longest: int) -> None:
    assert len(shown(value, longest).encode().decode()) <= longest


def test_what_is_too_long_keeps_its_beginning() -> None:
    assert shown(["a" * 300]) == json.dumps(["a" * 300])[:197] + "..."
