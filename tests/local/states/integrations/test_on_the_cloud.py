"""State machines and the services of the local cloud together."""

import json
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest

from pipeline.local.cloud import LocalCloud
from pipeline.local.states.integrations import sagemaker

ACCOUNT = "123456789012"
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function"

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(cloud: LocalCloud, role: str) -> Run:
    """Runs a state machine to its end through the API, and describes the execution."""
    client = cloud.client("stepfunctions")
    pause = Event()

    def run(
        definition: dict[str, Any], input: Any = None, *, answer: Callable[[], bool] | None = None
    ) -> dict[str, Any]:
        arn = client.create_state_machine(name="machine", definition=json.dumps(definition), roleArn=role)
        execution = client.start_execution(stateMachineArn=arn["stateMachineArn"], input=json.dumps(input or {}))
        while True:
            described: dict[str, Any] = client.describe_execution(executionArn=execution["executionArn"])
            if described["status"] != "RUNNING":
                return described
            if answer is not None and answer():
                answer = None
            pause.wait(0.02)

    return run


def one(resource: str, parameters: Any = None, **fields: Any) -> dict[str, Any]:
    """A state machine of one task."""
    task = {"Type": "Task", "Resource": resource, "End": True, **fields}
    if parameters is not None:
        task["Parameters"] = parameters
    return {"StartAt": "Do", "States": {"Do": task}}


def output(described: dict[str, Any]) -> Any:
    assert described["status"] == "SUCCEEDED", described
    return json.loads(described["output"])


def test_a_function_that_fails_at_first_is_tried_again(run: Run, create_function: Callable[..., Any]) -> None:
    create_function(
        "flaky",
        "def handler(event, context):\n"
        "    if event['tried'] < 1:\n"
        "        raise ConnectionError('not yet')\n"
        "    return event\n",
    )
    retry = [{"ErrorEquals": ["ConnectionError"], "IntervalSeconds": 1}]
    definition = one(f"{FUNCTION}:flaky", {"tried.$": "$$.State.RetryCount"}, Retry=retry)
    assert output(run(definition)) == {"tried": 1}


def test_the_children_of_a_map_over_a_listing_call_functions(
    run: Run, cloud: LocalCloud, create_function: Callable[..., Any]
) -> None:
    keys = [f"in/{n:03} +é%2F.txt" for n in range(25)]
    cloud.client("s3").create_bucket(Bucket="photos")
    for key in keys:
        cloud.client("s3").put_object(Bucket="photos", Key=key, Body=b"x")
    create_function("keys", "def handler(event, context):\n    return [item['Key'] for item in event['Items']]\n")
    invoke = one("arn:aws:states:::lambda:invoke", {"FunctionName": "keys", "Payload.$": "$"}, OutputPath="$.Payload")
    each = {
        "Type": "Map",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:listObjectsV2",
            "Parameters": {"Bucket": "photos", "Prefix": "in/"},
        },
        "ItemBatcher": {"MaxItemsPerBatch": 10},
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **invoke},
        "ResultWriter": {"WriterConfig": {"Transformation": "FLATTEN", "OutputType": "JSON"}},
        "End": True,
    }
    assert output(run({"StartAt": "Each", "States": {"Each": each}})) == keys


def test_a_function_over_its_task_s_time_limit_is_timed_out(run: Run, create_function: Callable[..., Any]) -> None:
    create_function("slow", "import time\ndef handler(event, context):\n    time.sleep(60)\n", Timeout=60)
    described = run(one(f"{FUNCTION}:slow", TimeoutSeconds=1))
    assert (described["status"], described["error"]) == ("FAILED", "States.Timeout")


def test_a_message_on_a_queue_carries_the_token_that_answers_the_task(run: Run, cloud: LocalCloud) -> None:
    queue = cloud.client("sqs").create_queue(QueueName="work")["QueueUrl"]

    def answer() -> bool:
        messages = cloud.client("sqs").receive_message(QueueUrl=queue).get("Messages", [])
        for message in messages:
            token = json.loads(message["Body"])["token"]
            cloud.client("stepfunctions").send_task_success(taskToken=token, output='"done"')
        return bool(messages)

    parameters = {"QueueUrl": queue, "MessageBody": {"token.$": "$$.Task.Token"}}
    definition = one("arn:aws:states:::sqs:sendMessage.waitForTaskToken", parameters)
    assert output(run(definition, answer=answer)) == "done"


def test_a_message_is_published_to_the_subscribers_of_a_topic(run: Run, cloud: LocalCloud) -> None:
    sqs, sns = cloud.client("sqs"), cloud.client("sns")
    queue = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    topic = sns.create_topic(Name="news")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:{ACCOUNT}:inbox")
    output(run(one("arn:aws:states:::sns:publish", {"TopicArn": topic, "Message": {"n.$": "$.n"}}), {"n": 1}))
    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    assert json.loads(message["Body"])["Message"] == '{"n":1}'


def test_a_conditional_write_that_loses_can_be_caught(run: Run, cloud: LocalCloud) -> None:
    cloud.client("dynamodb").create_table(
        TableName="claims",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    put = {"TableName": "claims", "Item": {"id": {"S": "a"}}, "ConditionExpression": "attribute_not_exists(id)"}
    definition = one("arn:aws:states:::dynamodb:putItem", put, ResultPath=None)
    assert output(run(definition)) == {}
    assert run(definition)["error"] == "DynamoDB.ConditionalCheckFailedException"


@pytest.fixture
def job_of_a_script(role: str) -> dict[str, Any]:
    """A state machine that runs `$.script` as the Processing job `$.name`."""
    parameters = {
        "ProcessingJobName.$": "$.name",
        "RoleArn": role,
        "AppSpecification": {
            "ImageUri": "image",
            "ContainerEntrypoint": ["python3", "-c"],
            "ContainerArguments.$": "States.Array($.script)",
        },
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.c5.xlarge", "VolumeSizeInGB": 10}
        },
    }
    return one("arn:aws:states:::sagemaker:createProcessingJob.sync", parameters)


def test_a_processing_job_runs_to_its_end(run: Run, job_of_a_script: dict[str, Any]) -> None:
    good = output(run(job_of_a_script, {"name": "good", "script": "print('ok')"}))
    bad = run(job_of_a_script, {"name": "bad", "script": "raise SystemExit(3)"})
    assert good["ProcessingJobStatus"] == "Completed"
    assert bad["error"] == "States.TaskFailed"
    assert "AlgorithmError" in json.loads(bad["cause"])["FailureReason"]


def test_a_task_is_told_by_sagemaker_that_its_job_has_ended(
    run: Run, job_of_a_script: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sagemaker, "_FIRST_POLL", 3600)
    assert output(run(job_of_a_script, {"name": "job", "script": ""}))["ProcessingJobStatus"] == "Completed"


def test_any_api_of_any_service_can_be_called(run: Run, cloud: LocalCloud) -> None:
    cloud.client("s3").create_bucket(Bucket="store")
    put = {"Bucket": "store", "Key": "greeting", "Body": {"hello": "world"}}
    output(run(one("arn:aws:states:::aws-sdk:s3:putObject", put)))
    body = cloud.client("s3").get_object(Bucket="store", Key="greeting")["Body"].read()
    assert json.loads(body) == {"hello": "world"}
