"""Rules of a template, before anything of it is made."""

import pytest

from pipeline.local.deploy import ParameterError, TemplateError, deploy
from pipeline.local.deploy.intrinsics import Scope
from pipeline.local.deploy.rules import check_rules

YES = {"Fn::Equals": ["a", "a"]}
NO = {"Fn::Equals": ["a", "b"]}
SCOPE = Scope(values={"Empty": [], "Letters": ["a", "b"], "Blank": [""], "Text": "a", "Number": 7})


def letters(*members):
    return {"Fn::EachMemberIn": [{"Ref": "Letters"}, list(members)]}


@pytest.mark.parametrize(
    ("assertion", "holds"),
    [
        (YES, True),
        (NO, False),
        ({"Fn::Equals": [{"Ref": "Number"}, "7"]}, True),
        ({"Fn::Not": [NO]}, True),
        ({"Fn::And": [YES, NO]}, False),
        ({"Fn::Or": [YES, NO]}, True),
        ({"Fn::Contains": [["a", "b"], {"Ref": "Text"}]}, True),
        ({"Fn::Contains": [["b"], {"Ref": "Text"}]}, False),
        ({"Fn::EachMemberEquals": [{"Ref": "Blank"}, ""]}, True),
        ({"Fn::EachMemberEquals": [{"Ref": "Empty"}, ""]}, True),
        ({"Fn::EachMemberEquals": [{"Ref": "Letters"}, "a"]}, False),
        (letters("a", "b", "c"), True),
        (letters("a"), False),
    ],
)
def test_an_assertion_is_evaluated(assertion, holds):
    rules = {"Rule": {"Assertions": [{"Assert": assertion, "AssertDescription": "say why"}]}}
    if holds:
        check_rules(rules, SCOPE)
    else:
        with pytest.raises(ParameterError, match="say why"):
            check_rules(rules, SCOPE)


def test_a_rule_holds_under_its_condition_only():
    check_rules({"Rule": {"RuleCondition": NO, "Assertions": [{"Assert": NO}]}}, SCOPE)
    with pytest.raises(ParameterError, match=r"Rules.Rule.Assertions\[0\] does not hold"):
        check_rules({"Rule": {"RuleCondition": YES, "Assertions": [{"Assert": NO}]}}, SCOPE)


def test_every_broken_assertion_is_told():
    assertions = [{"Assert": NO, "AssertDescription": text} for text in ("one", "two")]
    with pytest.raises(ParameterError) as error:
        check_rules({"Rule": {"Assertions": assertions}}, SCOPE)
    assert error.value.problems == ("one", "two")


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"Assertions": []},
        {"Assertions": [{"AssertDescription": "of nothing"}]},
        {"Assertions": [{"Assert": YES, "Other": 1}]},
        {"Assertions": [{"Assert": {"Fn::RefAll": "AWS::EC2::VPC::Id"}}]},
        {"Assertions": [{"Assert": {"Fn::EachMemberEquals": [{"Ref": "Text"}, "a"]}}]},
        {"Assertions": [{"Assert": YES}], "Condition": "IsProd"},
    ],
)
def test_a_rule_that_is_not_understood_is_refused(rule):
    with pytest.raises(TemplateError, match=r"Rules\.Rule"):
        check_rules({"Rule": rule}, SCOPE)


def test_a_stack_whose_parameters_break_a_rule_is_not_made(cloud, template):
    path = template("""
        Parameters: {Address: {Type: String, Default: ""}}
        Rules:
          NeedsAddress:
            Assertions:
              - Assert: !Not [!Equals [!Ref Address, ""]]
                AssertDescription: give Address
        Resources:
          Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: ruled}}
    """)
    with pytest.raises(ParameterError, match="give Address"):
        deploy(cloud, path, {}, "ruled")
    assert not any("ruled" in topic["TopicArn"] for topic in cloud.client("sns").list_topics()["Topics"])
    deploy(cloud, path, {"Address": "a"}, "ruled")
