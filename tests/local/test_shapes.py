"""Values against botocore's shapes. The oracle for what passes is botocore's own validator, where it has the rule."""

import base64
import datetime
from contextlib import suppress

import pytest
from botocore.model import DenormalizedStructureBuilder, ServiceModel, Shape
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.shapes import WrongTypeError, decode, violations


def structure(**members: object) -> Shape:
    return DenormalizedStructureBuilder().with_members(members).build_model()


def only_violation(shape: Shape, value: object) -> str:
    (violation,) = violations(shape, value)
    return violation


SHAPE = structure(
    Name={"type": "string", "min": 1, "max": 5, "pattern": "[a-z]+"},
    Count={"type": "integer", "min": 1, "max": 9},
    Colour={"type": "string", "enum": ["red", "green"]},
    Tags={"type": "list", "member": {"type": "string", "max": 3}},
    Data={"type": "blob"},
    When={"type": "timestamp"},
    Flag={"type": "boolean"},
)


def test_a_value_that_keeps_every_rule_has_no_violations() -> None:
    value = {"Name": "abc", "Count": 3, "Colour": "red", "Tags": ["a", "b"]}
    assert not list(violations(SHAPE, decode(SHAPE, value)))


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ({"Name": "ABC"}, "Value 'ABC' at 'name' failed to satisfy constraint: Member must satisfy regular expression"),
        ({"Name": "abcdef"}, "Member must have length less than or equal to 5"),
        ({"Count": 0}, "Member must have value greater than or equal to 1"),
        ({"Count": 10}, "Member must have value less than or equal to 9"),
        ({"Colour": "blue"}, "Member must satisfy enum value set: [red, green]"),
        ({"Tags": ["ok", "long"]}, "Value 'long' at 'tags.2.member'"),
        ({"Nmae": "abc"}, "Unknown parameter 'Nmae'"),
    ],
)
def test_each_broken_rule_is_told_with_its_path(value: dict[str, object], rule: str) -> None:
    assert rule in only_violation(SHAPE, value)


def test_a_pattern_has_to_match_the_whole_value() -> None:
    assert "regular expression" in only_violation(SHAPE, {"Name": "ab1"})


def test_a_unicode_category_in_a_pattern_is_understood() -> None:
    shape = structure(Key={"type": "string", "pattern": r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)"})
    assert not list(violations(shape, {"Key": "grün 日本 ٣"}))
    assert list(violations(shape, {"Key": "a*b"}))


def test_a_sensitive_value_is_not_repeated_in_the_message() -> None:
    shape = structure(Secret={"type": "string", "max": 3, "sensitive": True})
    assert "hunter2" not in only_violation(shape, {"Secret": "hunter2"})


def test_a_missing_member_is_named() -> None:
    model = ServiceModel(
        {
            "metadata": {"protocol": "json"},
            "shapes": {
                "Text": {"type": "string"},
                "Input": {"type": "structure", "required": ["JobName"], "members": {"JobName": {"shape": "Text"}}},
            },
        }
    )
    violation = only_violation(model.shape_for("Input"), {})
    assert violation == "Value null at 'jobName' failed to satisfy constraint: Member must not be null"


@pytest.mark.parametrize(
    "value",
    [
        {"Name": 3},
        {"Count": "3"},
        {"Count": True},
        {"Tags": "a"},
        {"Data": "no base64!"},
        {"When": "soon"},
        {"Flag": 1},
    ],
)
def test_a_value_of_the_wrong_type_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(WrongTypeError):
        decode(SHAPE, value)


def test_null_is_as_if_the_member_were_not_there() -> None:
    assert decode(SHAPE, {"Name": None, "Count": 1}) == {"Count": 1}


@given(st.binary())
def test_blobs_come_back_from_base64(data: bytes) -> None:
    assert decode(SHAPE, {"Data": base64.b64encode(data).decode()}) == {"Data": data}


@given(st.integers(0, 4_000_000_000))
def test_timestamps_come_back_from_epoch_seconds(seconds: int) -> None:
    assert decode(SHAPE, {"When": seconds}) == {"When": datetime.datetime.fromtimestamp(seconds, datetime.UTC)}


@given(
    st.dictionaries(
        st.sampled_from(["Name", "Count", "Colour", "Tags", "Flag"]),
        st.one_of(st.text(), st.integers(), st.booleans(), st.lists(st.text())),
    )
)
def test_what_botocore_refuses_is_refused_here(value: dict[str, object]) -> None:
    if not ParamValidator().validate(value, SHAPE).has_errors():
        return
    try:
        decoded = decode(SHAPE, value)
    except WrongTypeError:
        return
    assert list(violations(SHAPE, decoded))


@given(st.floats())
def test_a_number_is_a_moment_or_is_refused(seconds: float) -> None:
    with suppress(WrongTypeError):
        assert isinstance(decode(SHAPE, {"When": seconds})["When"], datetime.datetime)
