"""Examples are those of the EventBridge User Guide; properties are held against Python's own comparisons."""

import fnmatch
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.events.matchers import PatternError
from pipeline.local.events.patterns import Pattern

EVENT = {
    "version": "0",
    "detail-type": "EC2 Instance State-change Notification",
    "source": "aws.ec2",
    "account": "111122223333",
    "time": "2017-12-22T18:43:48Z",
    "region": "us-west-1",
    "resources": ["arn:aws:ec2:us-west-1:123456789012:instance/i-1234567890abcdef0"],
    "detail": {
        "instance-id": "i-1234567890abcdef0",
        "state": "terminated",
        "c-count": 5,
        "x-limit": 301.8,
        "source-ip": "10.0.0.33",
        "empty": "",
        "nothing": None,
        "flag": True,
    },
}


def matches(pattern: Any, event: Any = EVENT) -> bool:
    return Pattern(json.dumps(pattern)).matches(event)


def value(matcher: Any, given: Any) -> bool:
    return matches({"detail": {"value": [matcher]}}, {"detail": {"value": given}})


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": ["aws.ec2"]},
        {"source": ["aws.s3", "aws.ec2"], "detail": {"state": ["terminated"]}},
        {"resources": [{"suffix": "abcdef0"}]},
        {"detail": {"empty": [""], "nothing": [None], "flag": [True]}},
        {"time": [{"prefix": "2017-12-22"}]},
        {"source": [{"prefix": {"equals-ignore-case": "AWS."}}]},
        {"source": [{"suffix": {"equals-ignore-case": "EC2"}}]},
        {"source": [{"equals-ignore-case": "AWS.EC2"}]},
        {"detail": {"state": [{"anything-but": "initializing"}]}},
        {"detail": {"x-limit": [{"anything-but": [100, 200, 300]}]}},
        {"region": [{"anything-but": {"prefix": "eu-"}}]},
        {"region": [{"anything-but": {"suffix": ["-2", "-3"]}}]},
        {"detail": {"state": [{"anything-but": {"equals-ignore-case": ["INITIALIZING", "RUNNING"]}}]}},
        {"resources": [{"anything-but": {"wildcard": "*/lib/*"}}]},
        {"detail": {"c-count": [{"numeric": [">", 0, "<=", 5]}], "x-limit": [{"numeric": ["=", 3.018e2]}]}},
        {"detail": {"source-ip": [{"cidr": "10.0.0.0/24"}]}},
        {"detail": {"c-count": [{"exists": True}], "d-count": [{"exists": False}]}},
        {"other": {"inside": [{"exists": False}]}},
        {"detail": {"d-count": ["x", {"exists": False}]}},
        {"detail": {"$or": [{"c-count": [{"numeric": [">", 10]}]}, {"x-limit": [{"numeric": [">", 300]}]}]}},
        {"$or": [{"source": ["nobody"]}, {"detail": {"state": ["terminated"]}}], "region": ["us-west-1"]},
    ],
    ids=json.dumps,
)
def test_a_pattern_fits(pattern: Any) -> None:
    assert matches(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": ["AWS.EC2"]},
        {"source": ["aws.ec2"], "detail": {"state": ["running"]}},
        {"detail": {"state": [{"anything-but": ["terminated", "running"]}]}},
        {"region": [{"anything-but": {"prefix": "us-"}}]},
        {"detail": {"c-count": ["5"]}},
        {"detail": {"flag": [1]}},
        {"detail": {"c-count": [{"prefix": "5"}]}},
        {"detail": {"state": [{"numeric": [">", 0]}]}},
        {"detail": {"source-ip": [{"cidr": "10.0.1.0/24"}], "state": ["terminated"]}},
        {"detail": {"missing": [{"anything-but": "x"}]}},
        {"detail": {"missing": [{"exists": True}]}},
        {"detail": {"c-count": [{"exists": False}]}},
        {"source": {"inner": ["aws.ec2"]}},
        {"$or": [{"source": ["nobody"]}, {"region": ["nowhere"]}]},
    ],
    ids=json.dumps,
)
def test_a_pattern_does_not_fit(pattern: Any) -> None:
    assert not matches(pattern)


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("nonsense", "Filter is not valid JSON"),
        ("[]", "Filter is not an object"),
        ("{}", "Empty objects are not allowed"),
        ('{"source": "aws.s3"}', '"source" must be an object or an array at $.source'),
        ('{"source": []}', "Empty arrays are not allowed at $.source"),
        ('{"source": [[1]]}', "Match value must be String, number, true, false, or null"),
        ('{"source": [{"sufix": "x"}]}', "Unrecognized match type sufix at $.source"),
        ('{"source": [{}]}', "Match expression name not found"),
        ('{"source": [{"prefix": "a", "suffix": "b"}]}', "Only one key allowed in match expression"),
        ('{"source": [{"prefix": 1}]}', "prefix match pattern must be a string"),
        ('{"source": [{"wildcard": "a**b"}]}', "Consecutive wildcard characters at pos 1"),
        ('{"source": [{"wildcard": "a\\\\b"}]}', "Invalid escape character at pos 1"),
        ('{"source": [{"exists": "yes"}]}', "exists match pattern must be either true or false"),
        ('{"source": [{"anything-but": [1, "a"]}]}', "mixed type is not supported"),
        ('{"source": [{"anything-but": {"cidr": "10.0.0.0/8"}}]}', "Unsupported anything-but pattern: cidr"),
        ('{"source": [{"anything-but": {"prefix": ""}}]}', "Null prefix/suffix not allowed"),
        ('{"source": [{"numeric": ["~", 1]}]}', "Unrecognized numeric range operator: ~"),
        ('{"source": [{"numeric": [">", "1"]}]}', "Value of > must be numeric"),
        ('{"source": [{"numeric": [">", 5, "<", 1]}]}', "Bottom must be less than top"),
        ('{"source": [{"numeric": [">", 1e10]}]}', "inclusive"),
        ('{"source": [{"cidr": "10.0.0.0"}]}', "Malformed CIDR, one '/' required"),
        ('{"$or": [{"source": ["a"]}]}', "There must have at least 2 Objects in $or"),
        ('{"$or": {"source": ["a"]}}', "It must be an Array followed with $or"),
        ('{"$or": [{"prefix": ["a"]}, {"source": ["a"]}]}', "prefix is a reserved field name"),
    ],
)
def test_a_pattern_that_makes_no_sense_is_refused_with_its_place(pattern: str, problem: str) -> None:
    with pytest.raises(PatternError) as raised:
        Pattern(pattern)
    assert problem in str(raised.value)


def test_inside_an_array_of_objects_one_of_them_fits_as_a_whole() -> None:
    pattern = {"detail": {"items": {"kind": ["cat"], "size": [{"numeric": [">", 5]}]}}}
    assert matches(pattern, {"detail": {"items": [{"kind": "dog", "size": 1}, {"kind": "cat", "size": 9}]}})
    assert not matches(pattern, {"detail": {"items": [{"kind": "cat", "size": 1}, {"kind": "dog", "size": 9}]}})


def test_prefix_and_suffix_on_one_key_are_alternatives() -> None:
    pattern = {"detail": {"key": [{"prefix": "inbox/"}, {"suffix": ".jpg"}]}}
    assert matches(pattern, {"detail": {"key": "elsewhere/a.jpg"}})


@given(st.text("ab*/?[", max_size=8), st.text("ab/?[", max_size=12))
def test_a_wildcard_agrees_with_the_shells(pattern: str, text: str) -> None:
    pattern = re.sub(r"\*+", "*", pattern)
    oracle = re.compile(fnmatch.translate(pattern.replace("[", "[[]").replace("?", "[?]")))
    assert value({"wildcard": pattern}, text) == bool(oracle.match(text))


@given(st.text(), st.text())
def test_an_escaped_asterisk_is_an_asterisk(before: str, after: str) -> None:
    literal = f"{before}*{after}"
    escaped = literal.replace("\\", "\\\\").replace("*", "\\*")
    assert value({"wildcard": escaped}, literal)


@given(st.one_of(st.text(), st.integers(), st.booleans(), st.none()), st.one_of(st.text(), st.integers()))
def test_anything_but_is_the_opposite_of_equal(given_value: Any, other: Any) -> None:
    assert value({"anything-but": other}, given_value) != value(other, given_value)
