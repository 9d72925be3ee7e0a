"""Payload templates."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.states.errors import MemberError, StatesRuntimeError
from pipeline.local.states.scope import Scope
from pipeline.local.states.templates import compile_expression, compile_template

NAMES = st.text("ab.$", max_size=4).filter(lambda name: not name.endswith(".$"))
PAYLOADS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["$.a", "$$", "States.UUID()", "text"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=15,
)
SCOPE = Scope({"a": {"b": [1, 2]}, "none": None}, {"Execution": {"Name": "run"}}, {"kept": {"x": "y"}})


@given(PAYLOADS)
def test_a_template_that_computes_nothing_is_itself(payload: Any) -> None:
    assert compile_template(payload)(SCOPE) == payload


@given(PAYLOADS)
def test_every_computed_member_is_found_wherever_it_stands(payload: Any) -> None:
    def marked(node: Any, member: str, value: Any) -> Any:
        if isinstance(node, dict):
            return {**{name: marked(child, member, value) for name, child in node.items()}, member: value}
        return [marked(child, member, value) for child in node] if isinstance(node, list) else node

    assert compile_template(marked(payload, "new.$", "$.a.b"))(SCOPE) == marked(payload, "new", [1, 2])


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"x.$": "$.a.b[0]"}, {"x": 1}),
        ({"x.$": "$"}, {"x": SCOPE.input}),
        ({"x.$": "$.none"}, {"x": None}),
        ({"x.$": "$$.Execution.Name"}, {"x": "run"}),
        ({"x.$": "$kept.x"}, {"x": "y"}),
        ({"x.$": "States.ArrayLength($.a.b)"}, {"x": 2}),
        (
            {"deep": [{"list": [0, {"x.$": "$.a.b"}]}], "rest": "$.a"},
            {"deep": [{"list": [0, {"x": [1, 2]}]}], "rest": "$.a"},
        ),
        ({".$": "$.a.b"}, {"": [1, 2]}),
    ],
)
def test_a_template_gives(payload: Any, expected: Any) -> None:
    assert compile_template(payload)(SCOPE) == expected


def test_members_keep_their_order() -> None:
    filled = compile_template({"z.$": "$.a", "a": 1, "m.$": "$.none"})(SCOPE)
    assert list(filled) == ["z", "a", "m"]


def test_filling_a_template_changes_neither_the_template_nor_the_scope() -> None:
    payload, scope = {"x.$": "$.a", "y": {"z": [1]}}, copy.deepcopy(SCOPE)
    compile_template(payload)(scope)
    assert (payload, scope) == ({"x.$": "$.a", "y": {"z": [1]}}, SCOPE)


def test_a_missing_value_names_the_field_the_path_and_the_input() -> None:
    with pytest.raises(StatesRuntimeError) as caught:
        compile_template({"deep": {"value.$": "$.no"}})(Scope({"n": 0}))
    assert caught.value.cause == (
        """The JSONPath '$.no' specified for the field 'value.$' could not be found in the input '{"n":0}'"""
    )


def test_a_variable_without_a_value_is_a_runtime_error() -> None:
    with pytest.raises(StatesRuntimeError, match=r"\$unset"):
        compile_template({"x.$": "$unset.y"})(SCOPE)


def test_a_path_on_its_own_says_why_it_stopped() -> None:
    with pytest.raises(StatesRuntimeError) as caught:
        compile_expression("$.no.way")(SCOPE)
    assert caught.value.cause == "Invalid path '$.no.way' : Missing property in path $['no']"


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        ({"x.$": "text"}, "/x.$"),
        ({"x.$": 1}, "/x.$"),
        ({"a": [{"x.$": "$.["}]}, "/a[0]/x.$"),
        ({"x.$": "States.Nope()"}, "/x.$"),
        ({"x.$": ""}, "/x.$"),
        ({"x": 1, "x.$": "$"}, "/x.$"),
    ],
)
def test_a_member_that_cannot_be_compiled_is_refused_at_its_path(payload: Any, path: str) -> None:
    with pytest.raises(MemberError) as caught:
        compile_template(payload)
    assert caught.value.path == path
