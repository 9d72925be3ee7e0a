"""What CreateStateMachine refuses, each fault at its path."""

import contextlib
import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.states.definition import parse
from pipeline.local.states.errors import DefinitionError, Problem

SNS = "arn:aws:states:::sns:publish"
END = {"Type": "Pass", "End": True}
DISTRIBUTED = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}


def problems(definition: Any) -> list[Problem]:
    with pytest.raises(DefinitionError) as caught:
        parse(definition)
    return caught.value.problems


def places(definition: Any) -> list[str]:
    return [problem.path for problem in problems(definition)]


def machine(**state: Any) -> dict[str, Any]:
    """A machine of one state, S, and one to go to, T, where something goes there."""
    states = {"S": state}
    if '"T"' in json.dumps(state):
        states["T"] = {"Type": "Succeed"}
    return {"StartAt": "S", "States": states}


def task(**fields: Any) -> dict[str, Any]:
    return machine(Type="Task", Resource=SNS, End=True, **fields)


def a_map(config: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    processor: dict[str, Any] = {"StartAt": "I", "States": {"I": END}}
    if config is not None:
        processor["ProcessorConfig"] = config
    return machine(Type="Map", ItemProcessor=processor, End=True, **fields)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "must be an object"),
        ('{"StartAt": NaN}', "NaN is not a number that JSON can hold"),
        ('{"StartAt": 1e999}', "1e999 is not a number that JSON can hold"),
        ('{"StartAt": "A", "StartAt": "B"}', "'StartAt' is given twice"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_text_that_is_no_json_object_is_refused(text: str, words: str) -> None:
    assert words in problems(text)[0].message


@pytest.mark.parametrize(
    ("definition", "place"),
    [
        ({"States": {"S": END}}, ""),
        ({"StartAt": "S"}, ""),
        ({"StartAt": "S", "States": {}}, "/States"),
        ({"StartAt": "S", "States": {"S": END}, "Extra": 1}, "/Extra"),
        ({"StartAt": "S", "States": {"S": END}, "Version": "2.0"}, "/Version"),
        ({"StartAt": "S", "States": {"S": END}, "TimeoutSeconds": 0}, "/TimeoutSeconds"),
        ({"StartAt": "S", "States": {"S": END}, "TimeoutSeconds": True}, "/TimeoutSeconds"),
        ({"StartAt": "S", "States": {"S": END}, "Comment": None}, "/Comment"),
        ({"StartAt": "S", "States": {"S": []}}, "/States/S"),
        ({"StartAt": "N" * 81, "States": {"N" * 81: END}}, "/States/" + "N" * 81),
        (machine(End=True), "/States/S"),
        (machine(Type="Passs", End=True), "/States/S/Type"),
        (machine(Type="Pass", End=True, Retry=[]), "/States/S/Retry"),
        (machine(Type="Pass", End=True, Parameters="$"), "/States/S/Parameters"),
        (machine(Type="Pass", End=True, Parameters={"a": [{"b.$": "c"}]}), "/States/S/Parameters/a[0]/b.$"),
        (machine(Type="Pass", End=True, InputPath="x"), "/States/S/InputPath"),
        (machine(Type="Pass", End=True, OutputPath=1), "/States/S/OutputPath"),
        (machine(Type="Pass", End=True, ResultPath="$.a[*]"), "/States/S/ResultPath"),
        (machine(Type="Pass", End=True, ResultPath="$$.a"), "/States/S/ResultPath"),
        (machine(Type="Pass", End=True, Assign={"1x": 1}), "/States/S/Assign/1x"),
        (machine(Type="Pass", End=True, Assign={"x-y.$": "$"}), "/States/S/Assign/x-y.$"),
        (machine(Type="Pass", End=True, Assign={"states": 1}), "/States/S/Assign/states"),
        (machine(Type="Pass"), "/States/S"),
        (machine(Type="Pass", End=False), "/States/S/End"),
        (machine(Type="Pass", End=True, Next="T"), "/States/S/End"),
        (machine(Type="Succeed", End=True), "/States/S/End"),
        (machine(Type="Fail", InputPath="$"), "/States/S/InputPath"),
        (machine(Type="Fail", Error="E", ErrorPath="$.e"), "/States/S/ErrorPath"),
        (machine(Type="Fail", CausePath="States.Nope()"), "/States/S/CausePath"),
        (machine(Type="Wait", End=True), "/States/S"),
        (machine(Type="Wait", End=True, Seconds=1, SecondsPath="$.s"), "/States/S/SecondsPath"),
        (machine(Type="Wait", End=True, Seconds=-1), "/States/S/Seconds"),
        (machine(Type="Wait", End=True, Seconds=1.5), "/States/S/Seconds"),
        (machine(Type="Wait", End=True, Timestamp="2016-08-18T17:33:00"), "/States/S/Timestamp"),
        (machine(Type="Task", End=True), "/States/S"),
        (machine(Type="Task", Resource="lambda", End=True), "/States/S/Resource"),
        (task(TimeoutSeconds=1, TimeoutSecondsPath="$.t"), "/States/S/TimeoutSecondsPath"),
        (task(TimeoutSeconds=5, HeartbeatSeconds=5), "/States/S/HeartbeatSeconds"),
        (task(Retry=[{}]), "/States/S/Retry[0]"),
        (task(Retry=[{"ErrorEquals": []}]), "/States/S/Retry[0]/ErrorEquals"),
        (task(Retry=[{"ErrorEquals": ["States.ALL", "A"]}]), "/States/S/Retry[0]/ErrorEquals"),
        (task(Retry=[{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["A"]}]), "/States/S/Retry[0]/ErrorEquals"),
        (task(Retry=[{"ErrorEquals": ["A"], "IntervalSeconds": 0}]), "/States/S/Retry[0]/IntervalSeconds"),
        (task(Retry=[{"ErrorEquals": ["A"], "BackoffRate": 0.9}]), "/States/S/Retry[0]/BackoffRate"),
        (task(Retry=[{"ErrorEquals": ["A"], "MaxAttempts": -1}]), "/States/S/Retry[0]/MaxAttempts"),
        (task(Retry=[{"ErrorEquals": ["A"], "JitterStrategy": "HALF"}]), "/States/S/Retry[0]/JitterStrategy"),
        (task(Retry=[{"ErrorEquals": ["A"], "Next": "T"}]), "/States/S/Retry[0]/Next"),
        (task(Catch=[{"ErrorEquals": ["A"]}]), "/States/S/Catch[0]"),
        (task(Catch=["A"]), "/States/S/Catch[0]"),
        (machine(Type="Choice", Choices=[]), "/States/S/Choices"),
        (machine(Type="Choice", Choices=[{"Variable": "$", "IsNull": 1, "Next": "T"}]), "/States/S/Choices[0]/IsNull"),
        (machine(Type="Choice", Choices=[{"Variable": "$", "Next": "T"}]), "/States/S/Choices[0]"),
        (
            machine(Type="Choice", Choices=[{"Not": {"Variable": "x", "IsNull": True}, "Next": "T"}]),
            "/States/S/Choices[0]/Not/Variable",
        ),
        (
            machine(Type="Choice", Default="T", End=True, Choices=[{"Variable": "$", "IsNull": True, "Next": "T"}]),
            "/States/S/End",
        ),
        (machine(Type="Parallel", End=True, Branches=[]), "/States/S/Branches"),
        (
            machine(Type="Parallel", End=True, Branches=[{"StartAt": "B", "States": {"B": END}, "TimeoutSeconds": 1}]),
            "/States/S/Branches[0]/TimeoutSeconds",
        ),
        (machine(Type="Map", End=True), "/States/S"),
        (a_map(Iterator={"StartAt": "J", "States": {"J": END}}), "/States/S/Iterator"),
        (a_map(ItemsPath=None), "/States/S/ItemsPath"),
        (a_map(ItemSelector={}, Parameters={}), "/States/S/Parameters"),
        (a_map(MaxConcurrency=-1), "/States/S/MaxConcurrency"),
        (a_map(Label="x"), "/States/S/Label"),
        (a_map({"Mode": "DISTRIBUTED"}), "/States/S/ItemProcessor/ProcessorConfig"),
        (a_map({"Mode": "SPREAD"}), "/States/S/ItemProcessor/ProcessorConfig/Mode"),
        (a_map(DISTRIBUTED, Label="x" * 41), "/States/S/Label"),
        (a_map(DISTRIBUTED, ToleratedFailurePercentage=101), "/States/S/ToleratedFailurePercentage"),
        (a_map(DISTRIBUTED, ItemBatcher={}), "/States/S/ItemBatcher"),
        (a_map(DISTRIBUTED, ItemBatcher={"MaxItemsPerBatch": -1}), "/States/S/ItemBatcher/MaxItemsPerBatch"),
        (a_map(MaxConcurrencyPath="$$.Execution.Input.n"), "/States/S/MaxConcurrencyPath"),
        (a_map(MaxConcurrency=1, MaxConcurrencyPath="$.n"), "/States/S/MaxConcurrencyPath"),
        (a_map(DISTRIBUTED, ResultWriter={}), "/States/S/ResultWriter"),
        (a_map(DISTRIBUTED, ItemReader={"Resource": SNS, "Parameters": {}}), "/States/S/ItemReader/Resource"),
        (
            a_map(DISTRIBUTED, ItemReader={"Resource": "arn:aws:states:::s3:getObject", "Parameters": {}}),
            "/States/S/ItemReader/ReaderConfig",
        ),
    ],
)
def test_a_fault_is_refused_at_its_path(definition: Any, place: str) -> None:
    assert places(definition) == [place]


def test_what_is_nested_too_deeply_is_refused() -> None:
    path = "$[?(" + "(" * 5_000 + "@.a" + ")" * 5_000 + ")]"
    (problem,) = problems(machine(Type="Pass", End=True, InputPath=path))
    assert problem.message == "the definition is nested too deeply"


@pytest.mark.parametrize("character", [*' \n?*<>{}[]:;,\\|^~$#%&`"', "\x00", "\x1f", "\x7f", "\x9f"])
def test_a_label_is_refused_for_one_bad_character(character: str) -> None:
    assert places(a_map(DISTRIBUTED, Label=f"label_{character}")) == ["/States/S/Label"]


@pytest.mark.parametrize(
    ("definition", "place"),
    [
        ({"StartAt": "X", "States": {"S": END}}, "/StartAt"),
        ({"StartAt": "S", "States": {"S": {"Type": "Pass", "Next": "X"}, "T": END}}, "/States/S/Next"),
        (task(Catch=[{"ErrorEquals": ["A"], "Next": "X"}]), "/States/S/Catch[0]/Next"),
        ({"StartAt": "S", "States": {"S": END, "Alone": END}}, "/States/Alone"),
    ],
)
def test_a_transition_to_nowhere_and_a_state_from_nowhere_are_refused(definition: Any, place: str) -> None:
    assert (place, "MISSING_TRANSITION_TARGET") in [(problem.path, problem.code) for problem in problems(definition)]


def test_a_machine_that_cannot_end_is_refused() -> None:
    states = {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}
    assert [problem.code for problem in problems({"StartAt": "A", "States": states})] == ["MISSING_END_STATE"]


def test_a_terminal_state_that_is_not_reached_is_reported_as_unreachable_only() -> None:
    states = {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}, "C": END}
    (problem,) = problems({"StartAt": "A", "States": states})
    assert str(problem) == 'MISSING_TRANSITION_TARGET: State "C" is not reachable. at /States/C'


def test_a_branch_cannot_leave_itself() -> None:
    branch = {"StartAt": "B", "States": {"B": {"Type": "Pass", "Next": "T"}}}
    definition = machine(Type="Parallel", Branches=[branch], Next="T")
    assert "/States/S/Branches[0]/States/B/Next" in places(definition)


def test_a_state_name_is_used_once_in_the_whole_definition() -> None:
    branch = {"StartAt": "S", "States": {"S": END}}
    (problem,) = problems(machine(Type="Parallel", Branches=[branch], End=True))
    assert (problem.path, problem.code) == ("/States/S/Branches[0]/States/S", "DUPLICATE_STATE_NAME")


@pytest.mark.parametrize(
    ("definition", "place"),
    [
        ({"QueryLanguage": "JSONata", "StartAt": "S", "States": {"S": END}}, "/QueryLanguage"),
        (machine(Type="Pass", QueryLanguage="JSONata", End=True), "/States/S/QueryLanguage"),
        (machine(Type="Pass", Output="{% $states.input %}", End=True), "/States/S/Output"),
        (task(Arguments={}), "/States/S/Arguments"),
    ],
)
def test_jsonata_is_refused_by_name(definition: Any, place: str) -> None:
    (problem,) = problems(definition)
    assert problem.path == place
    assert "JSONata is not supported here yet: use JSONPath" in problem.message


def test_every_problem_of_a_definition_is_reported_at_once() -> None:
    states = {"S": {"Type": "Wait", "Seconds": "1", "Next": 5, "Extra": 1}, "T": {"Type": "Nope"}}
    assert sorted(places({"StartAt": "S", "States": states})) == [
        "/States/S/Extra",
        "/States/S/Next",
        "/States/S/Seconds",
        "/States/T/Type",
    ]


Fault = Callable[[dict[str, Any]], str]
"""Breaks one thing about a state, and says which field is then wrong."""


def set_field(name: str, value: Any) -> Fault:
    def apply(state: dict[str, Any]) -> str:
        state[name] = value
        return f"/{name}"

    return apply


FAULTS = st.sampled_from(
    [
        set_field("Unknown", 1),
        set_field("Type", "Nope"),
        set_field("InputPath", "$."),
        set_field("OutputPath", "nope"),
        set_field("Comment", 5),
        set_field("QueryLanguage", "SQL"),
        set_field("Next", ""),
        set_field("Assign", {"not a name": 1}),
    ]
)
NAMES = st.text("ab é/'", min_size=1, max_size=4)


@st.composite
def chains(draw: st.DrawFn) -> tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]:
    """A valid machine of Pass and Wait states in a row, nested in Parallels, and its states by path."""
    numbers = itertools.count()
    inner: list[tuple[str, dict[str, Any]]] = []

    def build(depth: int, path: str) -> dict[str, Any]:
        chain = [f"{draw(NAMES)}{next(numbers)}" for _ in range(draw(st.integers(1, 3)))]
        states: dict[str, Any] = {}
        for name, following in zip(chain, [*chain[1:], None], strict=True):
            state: dict[str, Any] = draw(
                st.sampled_from([{"Type": "Pass", "Result": 1}, {"Type": "Wait", "Seconds": 1}])
            ).copy()
            if depth < 2 and draw(st.booleans()):
                state = {"Type": "Parallel", "Branches": [build(depth + 1, f"{path}/States/{name}/Branches[0]")]}
            states[name] = {**state, "Next": following} if following else {**state, "End": True}
            inner.append((f"{path}/States/{name}", states[name]))
        return {"StartAt": chain[0], "States": states}

    return build(0, ""), inner


@given(chains())
def test_a_random_machine_without_a_fault_is_accepted(
    drawn: tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]],
) -> None:
    definition, _ = drawn
    assert parse(json.dumps(definition)).start_at == definition["StartAt"]


@given(chains(), FAULTS, st.data())
def test_one_fault_in_a_random_machine_is_refused_at_its_path(
    drawn: tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]], fault: Fault, data: st.DataObject
) -> None:
    definition, states = drawn
    path, state = data.draw(st.sampled_from(states))
    field = fault(state)
    assert any(problem.path.startswith(path + field) for problem in problems(definition))


RICH: dict[str, Any] = {
    "StartAt": "Choose",
    "States": {
        "Choose": {
            "Type": "Choice",
            "Choices": [{"And": [{"Variable": "$.n", "NumericLessThan": 3}], "Assign": {"x.$": "$.n"}, "Next": "Work"}],
            "Default": "Spread",
        },
        "Work": {
            "Type": "Task",
            "Resource": SNS,
            "Parameters": {"Message.$": "States.Format('{}', $.n)", "List": [{"a.$": "$x"}]},
            "Retry": [{"ErrorEquals": ["A"], "BackoffRate": 1.5}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Stop"}],
            "Next": "Stop",
        },
        "Spread": {
            "Type": "Map",
            "ItemReader": {"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": "b"}},
            "ItemBatcher": {"MaxItemsPerBatchPath": "$.n"},
            "ResultWriter": {"WriterConfig": {"OutputType": "JSONL"}},
            "ItemProcessor": {
                "ProcessorConfig": DISTRIBUTED,
                "StartAt": "Pause",
                "States": {"Pause": {"Type": "Wait", "SecondsPath": "$.n", "End": True}},
            },
            "End": True,
        },
        "Stop": {"Type": "Fail", "ErrorPath": "$.error.Error", "Cause": "c"},
    },
}
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["", "$", "$.", "$.n", "$$", "$x", "States.UUID()", "S"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "a.$", "Next"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(st.data())
def test_junk_anywhere_in_a_definition_is_accepted_or_refused_and_never_crashes(data: st.DataObject) -> None:
    def spoil(node: Any) -> Any:
        children = list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
        if not children or data.draw(st.integers(0, 3)) == 0:
            return data.draw(JUNK)
        spoiled, chosen = node.copy(), data.draw(st.sampled_from(children))
        spoiled[chosen] = spoil(node[chosen])
        return spoiled

    definition = json.dumps(spoil(RICH))
    with contextlib.suppress(DefinitionError):
        parse(definition)


def test_the_definition_that_is_spoilt_is_a_good_one() -> None:
    assert parse(RICH).states.keys() == RICH["States"].keys()
