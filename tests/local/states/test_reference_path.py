"""Reference paths: writing a value into a document."""

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.states.errors import ExpressionSyntaxError, StateError
from pipeline.local.states.jsonpath import PathNotFound, ReferencePath

NAMES = st.sampled_from(["a", "b", "c"])
DOCUMENTS = st.recursive(
    st.none() | st.integers(-3, 3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=15,
)
PATHS = st.lists(
    NAMES.map(lambda name: f".{name}") | st.integers(0, 2).map(lambda index: f"[{index}]"), max_size=4
).map(lambda steps: "$" + "".join(steps))


@given(DOCUMENTS, PATHS, DOCUMENTS)
def test_what_is_written_is_read_again_and_the_original_is_untouched(document: Any, text: str, value: Any) -> None:
    path, before = ReferencePath.compile(text), copy.deepcopy(document)
    with contextlib.suppress(StateError):
        assert path.read(path.write(document, value)) == value
    assert document == before


@given(DOCUMENTS, PATHS)
def test_writing_what_is_there_already_changes_nothing(document: Any, text: str) -> None:
    path = ReferencePath.compile(text)
    try:
        value = path.read(document)
    except PathNotFound:
        return
    assert path.write(document, value) == document


@given(st.dictionaries(NAMES, DOCUMENTS, max_size=3), NAMES, DOCUMENTS)
def test_everything_beside_the_path_stays(document: dict[str, Any], name: str, value: Any) -> None:
    written = ReferencePath.compile(f"$.{name}").write(document, value)
    assert {key: member for key, member in written.items() if key != name} == {
        key: member for key, member in document.items() if key != name
    }


def test_missing_objects_are_made_on_the_way() -> None:
    assert ReferencePath.compile("$.a.b['c d']").write({"x": 1}, 2) == {"x": 1, "a": {"b": {"c d": 2}}}


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ("$.a", [1]),
        ("$.a", "text"),
        ("$.a", None),
        ("$.a.b", {"a": 1}),
        ("$.a[1]", {"a": [0]}),
        ("$[0]", {}),
        ("$.a[0]", {}),
    ],
)
def test_a_document_that_does_not_fit_is_a_result_path_match_failure(text: str, document: Any) -> None:
    with pytest.raises(StateError, match=r"States\.ResultPathMatchFailure"):
        ReferencePath.compile(text).write(document, 0)


@pytest.mark.parametrize("text", ["$.a[*]", "$..a", "$.a[0:1]", "$.a[?(@.b)]", "$['a','b']", "$.a[-1]", "$$.a"])
def test_a_path_that_may_name_several_places_is_no_reference_path(text: str) -> None:
    with pytest.raises(ExpressionSyntaxError):
        ReferencePath.compile(text)
