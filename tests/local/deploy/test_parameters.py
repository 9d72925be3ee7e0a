import pytest

from pipeline.local.deploy import TemplateError
from pipeline.local.deploy.parameters import resolve_parameters


def value(declaration, given=None):
    return resolve_parameters({"P": declaration}, {} if given is None else {"P": given})["P"]


def test_a_given_value_wins_over_the_default():
    assert value({"Type": "String", "Default": "a"}, "b") == "b"


def test_the_default_stands_in_for_a_value_that_is_not_given():
    assert value({"Type": "String", "Default": ""}) == ""


def test_a_number_is_a_number():
    assert [value({"Type": "Number"}, "7"), value({"Type": "Number"}, "0.5")] == [7, 0.5]


def test_a_list_is_split_at_its_commas():
    assert value({"Type": "CommaDelimitedList"}, "a, b,c") == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("declaration", "given", "said"),
    [
        ({"Type": "String"}, None, "no default"),
        ({"Type": "String", "AllowedValues": ["a", "b"]}, "c", "'c' is not one of a, b"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "a1", "'a1' does not match"),
        ({"Type": "String", "AllowedPattern": "a", "ConstraintDescription": "say a"}, "b", "say a"),
        ({"Type": "String", "MaxLength": 2}, "abc", "MaxLength"),
        ({"Type": "Number", "MinValue": 1}, "0", "MinValue"),
        ({"Type": "Number"}, "seven", "'seven' is not a number"),
        ({"Type": "Number", "Default": {}}, None, "{} is not a number"),
        ({"Type": "String", "AllowedPattern": "("}, "a", "unterminated subpattern"),
        ({"Type": "AWS::EC2::VPC::Id"}, "vpc-1", "AWS::EC2::VPC::Id is not understood"),
        ({"Type": "String", "Defualt": "a"}, "b", "Defualt is not understood"),
    ],
)
def test_a_value_against_its_declaration_is_refused(declaration, given, said):
    with pytest.raises(TemplateError, match="parameter P: ") as refusal:
        value(declaration, given)
    assert said in str(refusal.value)


def test_a_parameter_that_the_template_does_not_have_is_refused():
    with pytest.raises(TemplateError, match="no parameter Bukcet; the parameters are Bucket"):
        resolve_parameters({"Bucket": {"Type": "String", "Default": "b"}}, {"Bukcet": "b"})


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(TemplateError) as refusal:
        resolve_parameters({"A": {"Type": "String"}, "B": {"Type": "String"}}, {"C": "c"})
    assert len(refusal.value.problems) == 3
