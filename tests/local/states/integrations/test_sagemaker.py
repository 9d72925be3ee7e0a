"""`.sync` of SageMaker jobs."""

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from pipeline.local.states.api import StatesService
from pipeline.local.states.integrations import sagemaker as looks

ROLE = "arn:aws:iam::123456789012:role/states"
STOPPED = datetime(2026, 1, 2, tzinfo=UTC)
TASK = {
    "Type": "Task",
    "Resource": "arn:aws:states:::sagemaker:createProcessingJob.sync",
    "Parameters": {
        "ProcessingJobName.$": "$.name",
        "RoleArn": "arn:aws:iam::123456789012:role/SageMakerRole",
        "AppSpecification": {"ImageUri": "image"},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.c5.xlarge", "VolumeSizeInGB": 10}
        },
    },
    "End": True,
}


class SageMaker:
    """A SageMaker whose jobs take the given statuses, one a look."""

    def __init__(self) -> None:
        self.meta = boto3.client("sagemaker", region_name="us-east-1").meta
        self.statuses = ["InProgress", "Completed"]
        self.created: list[dict[str, Any]] = []
        self.stopped: list[str] = []
        self.was_stopped = threading.Event()
        self.is_asked = threading.Event()
        self.is_looked_at = threading.Event()
        self.may_answer = threading.Event()
        self.may_answer.set()

    def create_processing_job(self, **request: Any) -> dict[str, Any]:
        self.created.append(request)
        self.is_asked.set()
        self.may_answer.wait(10)
        return {"ProcessingJobArn": f"arn:job/{request['ProcessingJobName']}"}

    def describe_processing_job(self, **request: str) -> dict[str, Any]:
        status = self.statuses[0] if len(self.statuses) == 1 else self.statuses.pop(0)
        self.is_looked_at.set()
        answer = {**request, "ProcessingJobStatus": status, "ProcessingEndTime": STOPPED}
        return answer | ({"FailureReason": "AlgorithmError: no GPU"} if status == "Failed" else {})

    def stop_processing_job(self, **request: str) -> dict[str, Any]:
        self.stopped.append(request["ProcessingJobName"])
        self.was_stopped.set()
        return {}


@pytest.fixture
def sagemaker() -> SageMaker:
    return SageMaker()


@pytest.fixture
def clients(sagemaker: SageMaker) -> Callable[[str, str], Any]:
    return lambda service, _: {"sagemaker": sagemaker}[service]


def start(machines: Any, **fields: Any) -> str:
    arn: str = machines.start({"StartAt": "Job", "States": {"Job": {**TASK, **fields}}}, {"name": "job-1"})
    return arn


def test_the_result_is_the_description_of_the_completed_job(machines: Any) -> None:
    outcome = machines.finish(start(machines))
    assert outcome.output == {
        "ProcessingJobName": "job-1",
        "ProcessingJobStatus": "Completed",
        "ProcessingEndTime": 1767312000000,
    }
    assert outcome.types[2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]


def test_a_task_goes_on_as_soon_as_the_end_of_its_job_is_told(
    machines: Any, sagemaker: SageMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "_FIRST_POLL", 3600)
    sagemaker.statuses = ["InProgress"]
    arn = start(machines)
    assert sagemaker.is_looked_at.wait(10)
    sagemaker.statuses = ["Completed"]
    machines.service.job_ended("arn:job/another")
    machines.service.job_ended("arn:job/job-1")
    assert machines.finish(arn).status == "SUCCEEDED"


def test_a_job_that_ends_after_its_state_machines_are_gone_is_told_to_nobody(
    clients: Callable[[str, str], Any],
) -> None:
    service = StatesService(clients)
    service.close()
    service.job_ended("arn:job/job-1")


def test_a_job_is_tagged_as_started_by_step_functions(machines: Any, sagemaker: SageMaker) -> None:
    machines.finish(start(machines))
    assert sagemaker.created[0]["Tags"] == [{"Key": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"}]


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_job_that_does_not_complete_fails_the_task(machines: Any, sagemaker: SageMaker, status: str) -> None:
    sagemaker.statuses = ["InProgress", status]
    outcome = machines.finish(start(machines))
    assert outcome.error == "States.TaskFailed"
    assert json.loads(outcome.cause)["ProcessingJobStatus"] == status


def test_the_failure_reason_stands_in_the_cause(machines: Any, sagemaker: SageMaker) -> None:
    sagemaker.statuses = ["Failed"]
    cause = json.loads(machines.finish(start(machines)).cause)
    assert cause["FailureReason"] == "AlgorithmError: no GPU"


def test_a_task_that_times_out_leaves_it_to_its_definition_to_stop_the_job(machines: Any, sagemaker: SageMaker) -> None:
    sagemaker.statuses = ["InProgress"]
    stop = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sagemaker:stopProcessingJob",
        "Parameters": {"ProcessingJobName.$": "$.name"},
        "End": True,
    }
    caught = [{"ErrorEquals": ["States.Timeout"], "ResultPath": "$.error", "Next": "Stop"}]
    job = {name: value for name, value in TASK.items() if name != "End"}
    states = {"Job": {**job, "TimeoutSeconds": 1, "Catch": caught, "Next": "Stop"}, "Stop": stop}
    outcome = machines.run({"StartAt": "Job", "States": states}, {"name": "job-1"})
    assert outcome.status == "SUCCEEDED"
    assert sagemaker.stopped == ["job-1"]


def test_a_task_that_is_aborted_because_another_iteration_fails_stops_its_job(
    machines: Any, sagemaker: SageMaker
) -> None:
    sagemaker.statuses = ["InProgress"]
    fails = {"Type": "Fail"}
    choose = {"Type": "Choice", "Choices": [{"Variable": "$.name", "IsPresent": True, "Next": "Job"}], "Default": "No"}
    processor = {"StartAt": "Choose", "States": {"Choose": choose, "Job": TASK, "No": fails}}
    outcome = machines.run(
        {"StartAt": "Map", "States": {"Map": {"Type": "Map", "ItemProcessor": processor, "End": True}}},
        [{"name": "job-1"}, {}],
    )
    assert outcome.status == "FAILED"
    assert sagemaker.was_stopped.wait(10)


def test_a_stopped_execution_stops_its_job(machines: Any, sagemaker: SageMaker) -> None:
    sagemaker.statuses = ["InProgress"]
    arn = start(machines)
    machines.await_events(arn, "TaskSubmitted")
    machines.service.handle("StopExecution", {"executionArn": arn})
    assert machines.finish(arn).types[-2:] == ["TaskStateAborted", "ExecutionAborted"]
    assert sagemaker.was_stopped.wait(10)


def test_a_job_that_is_being_created_when_its_execution_stops_is_stopped(machines: Any, sagemaker: SageMaker) -> None:
    sagemaker.may_answer.clear()
    arn = start(machines)
    assert sagemaker.is_asked.wait(10)
    machines.service.handle("StopExecution", {"executionArn": arn})
    sagemaker.may_answer.set()
    assert sagemaker.was_stopped.wait(10)


def test_closing_while_a_job_is_being_created_is_quiet(
    clients: Callable[[str, str], Any], sagemaker: SageMaker, caplog: pytest.LogCaptureFixture
) -> None:
    service = StatesService(clients)
    machine = {"StartAt": "Job", "States": {"Job": TASK}}
    arn = service.handle("CreateStateMachine", {"name": "m", "definition": json.dumps(machine), "roleArn": ROLE})
    sagemaker.may_answer.clear()
    service.handle("StartExecution", {"stateMachineArn": arn["stateMachineArn"], "input": '{"name": "job-1"}'})
    assert sagemaker.is_asked.wait(10)
    service.close()
    sagemaker.may_answer.set()
    assert caplog.messages == []


def test_a_name_that_sagemaker_would_refuse_is_its_validation_error(machines: Any) -> None:
    outcome = machines.run({"StartAt": "Job", "States": {"Job": TASK}}, {"name": "under_score"})
    assert outcome.error == "SageMaker.AmazonSageMakerException"
    assert outcome.types[-2:] == ["TaskSubmitFailed", "ExecutionFailed"]
    assert "processingJobName" in outcome.cause
