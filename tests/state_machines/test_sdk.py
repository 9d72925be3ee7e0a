"""The fields that state_machines/sdk.py adds to the SDK, and what must go on working beside them."""

import logging
import subprocess
import sys

import pytest

from state_machines.sdk import Catch, Chain, Fail, Graph, Map, Pass, Retry, Task


def test_a_distributed_map_renders_every_field_that_it_is_given():
    rendered = Map(
        "Every",
        processor=Pass("One"),
        execution_type="EXPRESS",
        label="Every",
        max_concurrency_path="$.width",
        item_reader={"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": "b"}},
        item_selector={"key.$": "$$.Map.Item.Value.Key"},
        item_batcher={"MaxItemsPerBatch": 10},
        result_writer={"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"}},
        result_selector={"arn.$": "$.MapRunArn"},
        tolerated_failure_percentage=5,
        tolerated_failure_count=3,
        assign={"seen": True},
    ).to_dict()
    assert rendered == {
        "Type": "Map",
        "Label": "Every",
        "MaxConcurrencyPath": "$.width",
        "ItemReader": {"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": "b"}},
        "ItemSelector": {"key.$": "$$.Map.Item.Value.Key"},
        "ItemBatcher": {"MaxItemsPerBatch": 10},
        "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"}},
        "ResultSelector": {"arn.$": "$.MapRunArn"},
        "ToleratedFailurePercentage": 5,
        "ToleratedFailureCount": 3,
        "Assign": {"seen": True},
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
            "StartAt": "One",
            "States": {"One": {"Type": "Pass", "End": True}},
        },
        "End": True,
    }


def test_a_map_without_an_execution_type_is_inline():
    assert Map("Every", processor=Pass("One")).to_dict()["ItemProcessor"]["ProcessorConfig"] == {"Mode": "INLINE"}


def test_a_retry_has_jitter_and_a_cap():
    rendered = Retry(error_equals=["Busy"], max_delay_seconds=60, jitter_strategy="FULL").to_dict()
    assert rendered == {"ErrorEquals": ["Busy"], "MaxDelaySeconds": 60, "JitterStrategy": "FULL"}


def test_a_fail_state_reads_its_error_from_the_state():
    rendered = Fail("Failed", error_path="$.error.Error", cause_path="$.error.Cause").to_dict()
    assert rendered == {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"}


def test_a_catch_assigns_variables():
    catch = Catch(error_equals=["States.ALL"], assign={"error.$": "$"}, next_step=Fail("Failed"))
    assert catch.to_dict() == {"ErrorEquals": ["States.ALL"], "Assign": {"error.$": "$"}, "Next": "Failed"}


@pytest.mark.parametrize("name", ["item_selector", "item_reader", "item_batcher", "result_writer", "result_selector"])
def test_placeholders_become_paths_in_the_added_fields(name):
    before = Pass("Before")
    rendered = Map("Every", processor=Pass("One"), **{name: {"deep": {"bucket": before.output()["run"]["bucket"]}}})
    field = "".join(word.title() for word in name.split("_"))
    assert rendered.to_dict()[field] == {"deep": {"bucket.$": "$['run']['bucket']"}}


def test_placeholders_become_paths_in_the_parameters_of_a_task():
    before = Pass("Before")
    task = Task("Work", resource="arn", parameters={"key": before.output()["key"]})
    assert task.to_dict()["Parameters"] == {"key.$": "$['key']"}


def test_states_chain_as_the_sdk_s_own_do():
    graph = Graph(Chain([Pass("First"), Map("Every", processor=Chain([Pass("One"), Pass("Two")])), Pass("Last")]))
    states = graph.to_dict()["States"]
    assert [states["First"]["Next"], states["Every"]["Next"], states["Last"]["End"]] == ["Every", "Last", True]
    assert states["Every"]["ItemProcessor"]["States"]["One"]["Next"] == "Two"


def test_what_a_catch_leads_to_becomes_part_of_the_machine():
    task = Task("Work", resource="arn")
    task.add_catch(Catch(error_equals=["States.ALL"], next_step=Fail("Failed")))
    assert set(Graph(task).to_dict()["States"]) == {"Work", "Failed"}


def test_a_misspelt_field_is_refused():
    with pytest.raises(TypeError, match="item_bather"):
        Map("Every", processor=Pass("One"), item_bather={})


def test_importing_the_sdk_leaves_the_host_as_it_was():
    program = "import logging, state_machines.sdk; print(logging.getLogger().level, logging.root.manager.disable)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (f"{logging.WARNING} {logging.NOTSET}\n", "")
