"""What a definition compiles to."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.local.states.definition import (
    Choice,
    Fail,
    ItemBatcher,
    Map,
    Parallel,
    Pass,
    Retrier,
    State,
    Succeed,
    Task,
    Wait,
    WriterConfig,
    parse,
)
from pipeline.local.states.scope import Scope

PROCESSOR = {"StartAt": "Item", "States": {"Item": {"Type": "Pass", "End": True}}}
DISTRIBUTED = {**PROCESSOR, "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}}
SCOPE = Scope({"n": 5, "nested": {"list": [1, 2]}}, {"State": {"Name": "S"}}, {"kept": "value"})


def compiled(**fields: Any) -> Any:
    """The one state with these fields, compiled; it ends the machine unless its type or fields say otherwise."""
    terminal = fields["Type"] in ("Succeed", "Fail", "Choice") or "Next" in fields
    state = fields if terminal else {**fields, "End": True}
    targets = {"Done": {"Type": "Succeed"}} if "Done" in json.dumps(fields) else {}
    return parse({"StartAt": "S", "States": {"S": state, **targets}}).states["S"]


def test_a_machine_keeps_what_it_says_about_itself() -> None:
    machine = parse(
        '{"Comment": "c", "Version": "1.0", "TimeoutSeconds": 9, "QueryLanguage": "JSONPath",'
        ' "StartAt": "S", "States": {"S": {"Type": "Succeed", "Comment": "s"}}}'
    )
    assert (machine.comment, machine.version, machine.timeout_seconds, machine.start_at) == ("c", "1.0", 9, "S")
    assert machine.states["S"].comment == "s"


def test_a_pass_without_fields_hands_its_input_on() -> None:
    state = compiled(Type="Pass")
    assert isinstance(state, Pass)
    assert state.end
    assert (state.parameters, state.has_result, state.assign, state.next) == (None, False, None, None)
    assert state.input_path(SCOPE) is SCOPE.input
    assert state.output_path(SCOPE) is SCOPE.input
    assert state.result_path is not None
    assert state.result_path.write(SCOPE.input, 1) == 1


def test_null_paths_mean_nothing_to_read_and_nowhere_to_write() -> None:
    state = compiled(Type="Pass", InputPath=None, OutputPath=None, ResultPath=None)
    assert state.input_path(SCOPE) == {}
    assert state.output_path(SCOPE) == {}
    assert state.result_path is None


def test_the_result_of_a_pass_is_literal_and_may_be_null() -> None:
    assert compiled(Type="Pass", Result={"x.$": "$.n"}).result == {"x.$": "$.n"}
    assert compiled(Type="Pass", Result=None).has_result


def test_a_task_compiles_all_of_its_fields() -> None:
    task = compiled(
        Type="Task",
        Resource="arn:aws:states:::lambda:invoke.waitForTaskToken",
        InputPath="$.nested",
        Parameters={"first.$": "$.nested.list[0]"},
        ResultSelector={"m.$": "$.n"},
        ResultPath="$.out",
        OutputPath="$kept",
        TimeoutSecondsPath="$.n",
        HeartbeatSeconds=3,
        Credentials={"RoleArn.$": "$$.State.Name"},
        Assign={"last.$": "$.nested.list[-1]"},
        Next="Done",
    )
    assert isinstance(task, Task)
    assert task.resource.endswith("waitForTaskToken")
    assert (task.timeout_seconds, task.heartbeat_seconds, task.next, task.end) == (None, 3, "Done", False)
    assert task.input_path(SCOPE) == {"list": [1, 2]}
    assert task.output_path(SCOPE) == "value"
    members = (task.parameters, task.result_selector, task.credentials, task.assign, task.timeout_seconds_path)
    values = [member(SCOPE) for member in members if member is not None]
    assert values == [{"first": 1}, {"m": 5}, {"RoleArn": "S"}, {"last": 2}, 5]


def test_a_retrier_has_the_documented_defaults() -> None:
    task = compiled(Type="Task", Resource="arn:aws:states:::sns:publish", Retry=[{"ErrorEquals": ["States.ALL"]}])
    assert task.retry == (Retrier(("States.ALL",), 1, 3, 2.0, None, full_jitter=False),)


def test_a_retrier_keeps_its_fields() -> None:
    retry = {
        "ErrorEquals": ["A", "B"],
        "IntervalSeconds": 2,
        "MaxAttempts": 0,
        "BackoffRate": 1,
        "MaxDelaySeconds": 9,
        "JitterStrategy": "FULL",
        "Comment": "why",
    }
    task = compiled(Type="Task", Resource="arn:aws:states:::sns:publish", Retry=[retry])
    assert task.retry == (Retrier(("A", "B"), 2, 0, 1, 9, full_jitter=True),)


def test_a_catcher_keeps_its_fields() -> None:
    catch = {"ErrorEquals": ["A"], "Next": "Done", "ResultPath": None, "Assign": {"e.$": "$.n"}, "Comment": "why"}
    (catcher,) = compiled(Type="Task", Resource="arn:aws:states:::sns:publish", Catch=[catch]).catch
    assert (catcher.errors, catcher.next, catcher.result_path) == (("A",), "Done", None)
    assert catcher.assign is not None
    assert catcher.assign(SCOPE) == {"e": 5}


def test_a_choice_keeps_its_rules_in_order() -> None:
    rules = [
        {"Variable": "$.n", "NumericEquals": 4, "Next": "Done", "Comment": "no"},
        {"Variable": "$.n", "NumericEquals": 5, "Next": "Done", "Assign": {"x": 1}},
    ]
    choice = compiled(Type="Choice", Choices=rules, Default="Done", Assign={"y": 2})
    assert isinstance(choice, Choice)
    assert [rule.test(SCOPE) for rule in choice.rules] == [False, True]
    assert choice.rules[1].assign is not None
    assert choice.rules[1].assign(SCOPE) == {"x": 1}
    assert choice.default == "Done"


@pytest.mark.parametrize(
    ("fields", "member", "expected"),
    [
        ({"Seconds": 0}, "seconds", 0),
        ({"Timestamp": "2016-08-18T17:33:00Z"}, "timestamp", datetime(2016, 8, 18, 17, 33, tzinfo=UTC)),
    ],
)
def test_a_wait_keeps_what_it_waits_for(fields: dict[str, Any], member: str, expected: Any) -> None:
    wait = compiled(Type="Wait", **fields)
    assert isinstance(wait, Wait)
    assert getattr(wait, member) == expected


def test_the_ends_of_a_machine_are_compiled() -> None:
    assert isinstance(compiled(Type="Succeed", OutputPath="$.n"), Succeed)
    fail = compiled(Type="Fail", Error="E", CausePath="States.Format('{}!', $.n)")
    assert isinstance(fail, Fail)
    assert (fail.error, fail.error_path, fail.cause) == ("E", None, None)
    assert fail.cause_path is not None
    assert fail.cause_path(SCOPE) == "5!"


def test_a_parallel_compiles_its_branches() -> None:
    branches = [PROCESSOR, {"StartAt": "Other", "States": {"Other": {"Type": "Succeed"}}, "Comment": "c"}]
    parallel = compiled(Type="Parallel", Branches=branches, Parameters={"x.$": "$.n"})
    assert isinstance(parallel, Parallel)
    assert [branch.start_at for branch in parallel.branches] == ["Item", "Other"]
    assert isinstance(parallel.branches[1].states["Other"], Succeed)


def test_a_map_is_inline_unless_it_says_otherwise() -> None:
    state = compiled(Type="Map", ItemProcessor=PROCESSOR)
    assert isinstance(state, Map)
    assert (state.mode, state.execution_type, state.max_concurrency) == ("INLINE", None, 0)
    assert state.items_path(SCOPE) is SCOPE.input


def test_the_legacy_fields_of_a_map_mean_the_modern_ones() -> None:
    legacy = compiled(Type="Map", Iterator=PROCESSOR, Parameters={"x.$": "$.n"})
    modern = compiled(Type="Map", ItemProcessor=PROCESSOR, ItemSelector={"x.$": "$.n"})
    assert legacy.processor.states.keys() == modern.processor.states.keys()
    assert legacy.item_selector(SCOPE) == modern.item_selector(SCOPE) == {"x": 5}


def test_a_distributed_map_compiles_its_reader_batcher_and_writer() -> None:
    state = compiled(
        Type="Map",
        ItemProcessor=DISTRIBUTED,
        Label="validate/1",
        MaxConcurrencyPath="$.n",
        ToleratedFailurePercentage=2.5,
        ItemReader={
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a", "b"], "MaxItems": 0},
            "Parameters": {"Bucket": "b", "Key.$": "$kept"},
        },
        ItemBatcher={"MaxItemsPerBatch": 10, "BatchInput": {"x.$": "$.n"}},
        ResultWriter={
            "Resource": "arn:aws:states:::s3:putObject",
            "Parameters": {"Bucket": "b", "Prefix": "p"},
            "WriterConfig": {"OutputType": "JSONL", "Transformation": "FLATTEN"},
        },
    )
    assert isinstance(state, Map)
    assert (state.mode, state.execution_type, state.label) == ("DISTRIBUTED", "EXPRESS", "validate/1")
    assert state.tolerated_failure_percentage == 2.5
    assert state.item_reader is not None
    assert state.item_reader.config.csv_headers == ("a", "b")
    assert state.item_reader.config.max_items == 0
    assert state.item_reader.parameters is not None
    assert state.item_reader.parameters(SCOPE) == {"Bucket": "b", "Key": "value"}
    assert isinstance(state.item_batcher, ItemBatcher)
    assert state.item_batcher.max_items_per_batch == 10
    assert state.result_writer is not None
    assert state.result_writer.config == WriterConfig("FLATTEN", "JSONL")


def test_the_items_of_a_listing_need_no_reader_config() -> None:
    reader = {"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": "b"}}
    assert compiled(Type="Map", ItemProcessor=DISTRIBUTED, ItemReader=reader).item_reader.config.input_type is None


def test_text_and_object_compile_to_the_same_states() -> None:
    definition = {"StartAt": "S", "States": {"S": {"Type": "Pass", "Next": "T"}, "T": {"Type": "Succeed"}}}
    by_text, by_object = parse(json.dumps(definition)), parse(definition)
    assert {name: type(state) for name, state in by_text.states.items()} == {"S": Pass, "T": Succeed}
    assert by_text.states.keys() == by_object.states.keys()
    assert all(isinstance(state, State) for state in by_object.states.values())
