"""Examples are those of the EventBridge User Guide, "Amazon EventBridge input transformation"."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.events.inputs import input_of

EVENT = {
    "version": "0",
    "id": "7bf73129-1428-4cd3-a780-95db273d1602",
    "detail-type": "EC2 Instance State-change Notification",
    "source": "aws.ec2",
    "account": "123456789012",
    "time": "2015-11-11T21:29:54Z",
    "region": "us-east-1",
    "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"],
    "detail": {"instance-id": "i-0123456789", "state": "RUNNING", "many": [1, {"a": "b"}], "quoted": 'say "no"'},
}
RULE = "arn:aws:events:us-east-1:123456789012:rule/example"
CAME = "2015-11-11T21:30:00Z"


def made(**target: Any) -> str:
    return input_of({"Id": "1", "Arn": "x", **target}, "example", RULE)(EVENT, CAME)


def transformed(template: str, **paths: str) -> str:
    return made(InputTransformer={"InputPathsMap": paths, "InputTemplate": template})


def test_a_target_gets_the_event() -> None:
    assert json.loads(made()) == EVENT


def test_a_constant_input_is_handed_on_as_it_is() -> None:
    assert made(Input='{"a":  1}') == '{"a":  1}'


def test_an_input_path_chooses_a_part() -> None:
    assert json.loads(made(InputPath="$.detail")) == EVENT["detail"]


def test_a_variable_outside_quotes_becomes_json() -> None:
    text = transformed('{"instance": <i>, "many": <m>}', i="$.detail.instance-id", m="$.detail.many")
    assert json.loads(text) == {"instance": "i-0123456789", "many": [1, {"a": "b"}]}


def test_a_variable_inside_quotes_becomes_its_text() -> None:
    text = transformed('"instance <i> is in <s>"', i="$.detail.instance-id", s="$.detail.state")
    assert text == '"instance i-0123456789 is in RUNNING"'


def test_quotes_in_a_value_stay_inside_the_quotes() -> None:
    assert json.loads(transformed('{"said": "<q>"}', q="$.detail.quoted")) == {"said": 'say "no"'}


def test_each_line_of_a_template_may_be_a_string() -> None:
    text = transformed('"<i> is in <s>"\n"look at it"', i="$.detail.instance-id", s="$.detail.state")
    assert text == '"i-0123456789 is in RUNNING"\n"look at it"'


def test_a_path_that_leads_nowhere_is_null() -> None:
    assert json.loads(transformed('{"a": <x>, "b": "<x>"}', x="$.detail.nothing")) == {"a": None, "b": ""}


def test_the_predefined_variables() -> None:
    text = transformed(
        '{"rule": <aws.events.rule-arn>, "name": "<aws.events.rule-name>", "event": <aws.events.event.json>,'
        ' "came": <aws.events.event.ingestion-time>, "head": <aws.events.event>}'
    )
    head = {name: value for name, value in EVENT.items() if name != "detail"}
    assert json.loads(text) == {"rule": RULE, "name": "example", "event": EVENT, "came": CAME, "head": head}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", EVENT),
        ("$.resources[0]", EVENT["resources"][0]),
        ("$.detail.many[1].a", "b"),
        ("$.detail.many[*]", [1, {"a": "b"}]),
        ("$.detail['instance-id']", "i-0123456789"),
    ],
)
def test_paths(path: str, value: Any) -> None:
    assert json.loads(made(InputPath=path)) == value


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ({"Input": "{}", "InputPath": "$"}, "Only one of Input, InputPath, or InputTransformer"),
        ({"Input": "nonsense"}, "JSON syntax error in input for target 1"),
        ({"InputPath": "detail"}, "is no JSON path"),
        ({"InputPath": "$..detail"}, "is not understood"),
        ({"InputTransformer": {"InputTemplate": "<x>"}}, "placeholder x is not in InputPathsMap"),
        ({"InputTransformer": {"InputTemplate": "plain text"}}, "neither JSON nor a string in quotes"),
        ({"InputTransformer": {"InputPathsMap": {"aws.x": "$"}, "InputTemplate": "1"}}, "reserved"),
    ],
)
def test_an_input_that_makes_no_sense_is_refused(target: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        made(**target)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_whatever_a_variable_holds_the_template_stays_json(value: Any) -> None:
    target = {"Id": "1", "InputTransformer": {"InputPathsMap": {"v": "$.v"}, "InputTemplate": '{"a": <v>, "b": "<v>"}'}}
    document = json.loads(input_of(target, "example", RULE)({"v": value}, CAME))
    assert document["a"] == value
    assert document["b"] == (
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    )
