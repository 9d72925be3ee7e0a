"""What has to hold in the batch state machine, whatever its states are."""

import inspect
import json
import re

import botocore.exceptions
import botocore.session
import pytest

from pipeline import errors
from pipeline.local.states.definition import parse
from pipeline.runs.partitions import MAX_RUNTIME_SECONDS

AWS_ERROR = re.compile(r"(States|Lambda|Runtime|Sandbox|SageMaker|SNS|EventBridge)\.[A-Za-z]+")
# By the client itself, and by name for what a service answers.
RAISED_BY_BOTO3 = {name for name, _ in inspect.getmembers(botocore.exceptions, inspect.isclass)} | {
    "ThrottlingException"
}


def targets(state):
    yield from (state[field] for field in ("Next", "Default") if field in state)
    yield from (entry["Next"] for field in ("Choices", "Catch") for entry in state.get(field, []))


def test_the_interpreter_accepts_the_definition(asl):
    assert set(parse(asl).states) == set(asl["States"])


def test_every_transition_leads_to_a_state_beside_it(places):
    assert [
        (place.name, target) for place in places for target in targets(place.state) if target not in place.siblings
    ] == []


def test_every_state_can_be_reached(asl, places):
    branches = [asl, *(place.state["ItemProcessor"] for place in places if place.state["Type"] == "Map")]
    for branch in branches:
        reached, ahead = set(), [branch["StartAt"]]
        while ahead:
            name = ahead.pop()
            if name not in reached:
                reached.add(name)
                ahead.extend(targets(branch["States"][name]))
        assert reached == set(branch["States"])


def test_state_names_are_unique_at_every_depth(places):
    names = [place.name for place in places]
    assert len(names) == len(set(names))


def test_every_task_has_a_timeout(places):
    fields = {"TimeoutSeconds", "TimeoutSecondsPath"}
    assert [place.name for place in places if place.state["Type"] == "Task" and not fields & set(place.state)] == []


def test_a_failure_stays_in_the_state_that_failed_where_a_redrive_finds_it(asl):
    """What a Catch leads elsewhere has left its state. An input that is wrong stays so while its execution lives."""
    caught = {name: state["Catch"] for name, state in asl["States"].items() if "Catch" in state}
    assert {name: [catch["ErrorEquals"] for catch in catches] for name, catches in caught.items()} == {
        "StartRun": [["InvalidRunInput"]],
        "WriteReport": [["States.ALL"]],  # a report that cannot be made fails no run
    }
    assert [name for name, state in asl["States"].items() if state["Type"] == "Fail"] == ["InputRefused"]


def test_every_task_is_tried_again_when_its_service_is_busy(places):
    def waits(state):
        return any(retry.get("JitterStrategy") == "FULL" and "MaxDelaySeconds" in retry for retry in state["Retry"])

    assert [place.name for place in places if place.state["Type"] == "Task" and not waits(place.state)] == []


def test_nothing_is_retried_on_any_error(places):
    retried = [retry for place in places for retry in place.state.get("Retry", [])]
    assert [retry for retry in retried if {"States.ALL", "States.TaskFailed"} & set(retry["ErrorEquals"])] == []


def test_no_error_of_ours_is_retried(places):
    ours = {name for name, _ in inspect.getmembers(errors, inspect.isclass)}
    assert [
        place.name for place in places for retry in place.state.get("Retry", []) if ours & set(retry["ErrorEquals"])
    ] == []


def test_every_error_name_is_one_that_something_raises(places):
    ours = {name for name, _ in inspect.getmembers(errors, inspect.isclass)}
    named = {
        error
        for place in places
        for field in ("Retry", "Catch")
        for entry in place.state.get(field, [])
        for error in entry["ErrorEquals"]
    }
    assert {name for name in named if not AWS_ERROR.fullmatch(name)} <= ours | RAISED_BY_BOTO3


@pytest.mark.parametrize("engine", ["Processing", "Transform"])
def test_a_failed_partition_does_not_fail_the_run(state, engine):
    states = state(f"Run{engine}Jobs")["ItemProcessor"]["States"].values()
    handled = [{name for catch in task["Catch"] for name in catch["ErrorEquals"]} for task in states if "Catch" in task]
    assert all("States.ALL" in names for names in handled)
    assert len(handled) == len([state for state in states if state["Type"] in ("Task", "Map")])
    assert "Fail" not in {inner["Type"] for inner in states}


@pytest.mark.parametrize("engine", ["Processing", "Transform"])
def test_a_retried_job_gets_another_name(state, engine):
    assert "$$.State.RetryCount" in state(f"Run{engine}Job")["Parameters"][f"{engine}JobName.$"]


@pytest.mark.parametrize("engine", ["Processing", "Transform"])
def test_a_job_that_waited_for_capacity_gets_another_name(state, engine):
    assert "$.waited" in state(f"Run{engine}Job")["Parameters"][f"{engine}JobName.$"]


@pytest.mark.parametrize(("engine", "kind"), [("Processing", ""), ("Transform", "Transform")])
def test_what_leads_back_to_a_job_gives_it_all_that_it_was_entered_with(state, engine, kind):
    def fields(parameters):
        return {name.removesuffix(".$") for name in parameters}

    entered_with = fields(state(f"Run{engine}Jobs")["ItemSelector"])
    for name in (f"Next{kind}Instance", f"Draw{kind}Wait"):
        assert entered_with <= fields(state(name)["Parameters"])


@pytest.mark.parametrize(("engine", "kind"), [("Processing", ""), ("Transform", "Transform")])
def test_a_job_whose_task_times_out_is_stopped(state, engine, kind):
    timed_out, _ = state(f"Run{engine}Job")["Catch"]
    assert (timed_out["ErrorEquals"], timed_out["Next"]) == (["States.Timeout"], f"FindTimedOut{kind}Job")
    assert state(f"FindTimedOut{kind}Job")["Next"] == f"StopTimedOut{kind}Jobs"
    assert state(f"StopTimedOut{kind}Job")["Resource"] == f"arn:aws:states:::aws-sdk:sagemaker:stop{engine}Job"


def test_sagemaker_ends_a_processing_job_before_its_task_times_out(state):
    assert state("RunProcessingJob")["TimeoutSeconds"] > MAX_RUNTIME_SECONDS


@pytest.mark.parametrize("engine", ["Processing", "Transform"])
def test_a_redriven_job_gets_another_name_although_its_count_of_retries_begins_anew(state, engine):
    assert "$$.Execution.RedriveCount" in state(f"Run{engine}Job")["Parameters"][f"{engine}JobName.$"]


def test_a_transform_job_leaves_nothing_to_defaults_that_documents_disagree_about(state):
    assert set(state("RunTransformJob")["Parameters"]["ModelClientConfig"]) == {
        "InvocationsTimeoutInSeconds",
        "InvocationsMaxRetries",
    }


@pytest.mark.parametrize("engine", ["Processing", "Transform"])
def test_as_many_jobs_run_at_once_as_the_plan_says(state, engine):
    assert state(f"Run{engine}Jobs")["MaxConcurrencyPath"] == "$.plan.max_concurrency"


def test_a_batch_leaves_half_of_the_state_for_what_comes_after_it(state):
    batcher = state("ValidateImages")["ItemBatcher"]
    assert batcher["MaxInputBytesPerBatch"] <= 262_144 / 2


def test_the_walk_is_over_the_same_function_as_the_batch(state):
    functions = {
        state(name)["Parameters"]["FunctionName"] for name in ("ValidateBatch", "ValidateImage", "CondemnImage")
    }
    assert functions == {"${ValidateImagesFunctionArn}"}


def test_what_makes_a_batch_walk_is_what_condemns_an_image(state):
    assert state("ValidateBatch")["Catch"][0]["ErrorEquals"] == state("ValidateImage")["Catch"][0]["ErrorEquals"]


@pytest.mark.parametrize("name", ["ValidateImages", "ValidateListedImages"])
def test_a_label_is_the_name_of_its_map(state, name):
    assert state(name)["Label"] == name


def test_a_listing_is_validated_as_a_prefix_is(state):
    """All that differs is the reader, and the word that tells the states apart."""
    prefix, listing = ({**state(name), "ItemReader": None} for name in ("ValidateImages", "ValidateListedImages"))
    assert json.loads(json.dumps(listing).replace("Listed", "")) == prefix


@pytest.mark.parametrize("name", ["ValidateImages", "ValidateListedImages"])
def test_what_a_reader_asks_for_is_what_s3_takes(state, name):
    reader = state(name)["ItemReader"]
    operation = {"listObjectsV2": "ListObjectsV2", "getObject": "GetObject"}[reader["Resource"].rpartition(":")[2]]
    shape = botocore.session.get_session().get_service_model("s3").operation_model(operation).input_shape
    given = {parameter.removesuffix(".$") for parameter in reader["Parameters"]}
    assert set(shape.required_members) <= given <= set(shape.members)
