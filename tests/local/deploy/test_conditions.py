import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.deploy import TemplateError
from pipeline.local.deploy.conditions import apply_conditions, evaluate_conditions
from pipeline.local.deploy.intrinsics import Scope

SCOPE = Scope(values={"Stage": "prod", "Days": 7})
EXPRESSIONS = st.recursive(
    st.booleans().map(lambda truth: ({"Fn::Equals": ["a", "a" if truth else "b"]}, truth)),
    lambda inner: (
        inner.map(lambda pair: ({"Fn::Not": [pair[0]]}, not pair[1]))
        | st.lists(inner, min_size=2, max_size=10).map(
            lambda pairs: ({"Fn::And": [node for node, _ in pairs]}, all(truth for _, truth in pairs))
        )
        | st.lists(inner, min_size=2, max_size=10).map(
            lambda pairs: ({"Fn::Or": [node for node, _ in pairs]}, any(truth for _, truth in pairs))
        )
    ),
    max_leaves=12,
)


@given(EXPRESSIONS)
def test_a_condition_is_a_boolean_expression(pair):
    node, truth = pair
    assert evaluate_conditions({"C": node}, SCOPE) == {"C": truth}


def test_a_condition_reads_parameters_and_other_conditions():
    declared = {"IsQuick": {"Fn::Not": [{"Condition": "IsProd"}]}, "IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}}
    assert evaluate_conditions(declared, SCOPE) == {"IsProd": True, "IsQuick": False}


def test_a_number_equals_its_text():
    assert evaluate_conditions({"Week": {"Fn::Equals": [{"Ref": "Days"}, "7"]}}, SCOPE) == {"Week": True}


def test_conditions_in_a_circle_are_refused():
    declared = {"A": {"Fn::Not": [{"Condition": "B"}]}, "B": {"Fn::Not": [{"Condition": "A"}]}}
    with pytest.raises(TemplateError, match="A depends on B depends on A"):
        evaluate_conditions(declared, SCOPE)


@pytest.mark.parametrize("node", [{"Fn::Xor": []}, True, {"Fn::And": [{"Condition": "A"}]}])
def test_another_function_is_no_condition(node):
    with pytest.raises(TemplateError, match=r"Conditions\.C: expected"):
        evaluate_conditions({"C": node}, SCOPE)


def test_a_resource_whose_condition_is_false_is_not_there():
    template = {"Resources": {"A": {"Type": "T", "Condition": "Yes"}, "B": {"Type": "T", "Condition": "No"}}}
    assert apply_conditions(template, {"Yes": True, "No": False})["Resources"] == {"A": {"Type": "T"}}


def test_an_if_becomes_the_branch_that_counts():
    template = {"Resources": {"A": {"Properties": {"Deep": [{"Fn::If": ["No", 1, {"Fn::If": ["Yes", 2, 3]}]}]}}}}
    applied = apply_conditions(template, {"Yes": True, "No": False})
    assert applied["Resources"]["A"]["Properties"] == {"Deep": [2]}


def test_the_condition_of_a_policy_is_no_condition_of_the_template():
    statement = {"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    template = {"Resources": {"A": {"Properties": {"Statement": [statement]}}}}
    assert apply_conditions(template, {})["Resources"]["A"]["Properties"]["Statement"] == [statement]


@pytest.mark.parametrize("node", [{"Fn::If": ["Maybe", 1, 2]}, {"Fn::If": ["Yes", 1]}])
def test_an_if_that_cannot_be_decided_is_refused_with_its_place(node):
    with pytest.raises(TemplateError, match=r"Resources\.A\.Properties"):
        apply_conditions({"Resources": {"A": {"Properties": node}}}, {"Yes": True})
