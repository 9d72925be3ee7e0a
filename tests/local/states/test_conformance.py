"""Our interpreter against results that were recorded on AWS.

Every record of `cases.jsonl`, in the folder that the variable ASL_CASES names, is one test: its state machine runs on
the local cloud, with the resources that it needs, and has to end as it ended on AWS, with the same events in the same
order. Waiting is most of what some of them do, so all of them are under way at once; each test awaits its own.
"""

import importlib.util
import json
import os
import re
import zipfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from threading import Event
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.cloud import LocalCloud

FOLDER = os.environ.get("ASL_CASES")
ROLE = "arn:aws:iam::123456789012:role/conformance"
SHAPES = {"execution", "sync_execution", "create_error"}

HOW_TO_GET_THEM = "set ASL_CASES to the folder that holds cases.jsonl (.ci/run does)"

# Records that say nothing about the language, or about a cloud of one account. Everything else has to agree.
OUT_OF_SCOPE = {
    "local_mocking/": "what mocked services answered, not what a state machine did",
    "credentials/test_credentials_base.py::test_cross_account": "needs a second AWS account and a role in it",
}

# Records whose cause is not compared, because nobody can know it.
OTHER_CAUSES = {
    "error_handling/test_task_service_sqs.py::test_send_message_no_such_queue_no_catch": "the recorder's random name",
    "services/test_sns_task_service.py::test_publish_base_error_topic_arn": "moto words a missing topic otherwise",
}

LAMBDAS = {
    "echo": "return event",
    "sleeps 60 s, then echoes": "import time; time.sleep(60); return event",
    'returns the letter "a" 257 * 1024 times, one string': "return 'a' * (257 * 1024)",
    'raises Exception("Some exception was raised.")': 'raise Exception("Some exception was raised.")',
    'returns f"input-event-{event}"': "return f'input-event-{event}'",
    "returns b'\"HelloWorld!\"'": "return 'HelloWorld!'",
    'returns {"Return": "HelloWorld"}': "return {'Return': 'HelloWorld'}",
    'raises CustomException, a class without arguments whose message attribute is "CustomException message" (str() is '
    "empty)": "raise CustomException()",
}
CUSTOM_EXCEPTION = "\n\nclass CustomException(Exception):\n    message = 'CustomException message'\n"

LONGEST_SECONDS, LOOKS_A_SECOND = 90, 20

# The recorder left out what tells that a Parallel state has succeeded, and the end of nested ones.
NOT_RECORDED = {"ParallelStateSucceeded", "ParallelStateExited"}


def load_records() -> list[dict[str, Any]]:
    if FOLDER is None:
        return []
    with (Path(FOLDER) / "cases.jsonl").open() as lines:
        records = [json.loads(line) for line in lines]
    return [
        record
        for record in records
        if record["kind"] in SHAPES and not any(record["id"].startswith(prefix) for prefix in OUT_OF_SCOPE)
    ]


RECORDS = load_records()


def of(kinds: set[str], *, jsonpath: bool) -> Any:
    """The records of some kinds, each a parameter named by its id; without records, one that says how to get them."""
    if FOLDER is None:
        return pytest.mark.parametrize("record", [pytest.param({}, marks=pytest.mark.skip(HOW_TO_GET_THEM))])
    chosen = [r for r in RECORDS if r["kind"] in kinds and (r["query_language"] == "JSONPath") is jsonpath]
    return pytest.mark.parametrize("record", chosen, ids=[record["id"] for record in chosen])


class Run:
    """A record on its way: the resources that it needs, in names of its own, and the execution."""

    def __init__(self, cloud: LocalCloud, record: dict[str, Any], number: int) -> None:
        # Records name resources alike (`queue-u0001`), so every one of them gets names that no other has.
        self._record = json.loads(re.sub(r"u(\d{4})\b", rf"u\g<1>n{number}", json.dumps(record)))
        self._cloud = cloud
        self._client = cloud.client("stepfunctions")
        self._number = number
        self._over = Event()

    def finish(self) -> dict[str, Any]:
        """Run the record to its end: status, output, error, cause and the types of the events."""
        record, client = self._record, self._client
        self._create_resources(record["resources"])
        arn = record["state_machine_arn"] or f"conformance-{self._number}"
        machine = self._create_machine(f"m{self._number}-{arn.rpartition(':')[2][:40]}", record)
        text = record.get("input_str") or json.dumps(record["input"])
        if record["id"].endswith("test_activity_task_on_deleted"):
            for name in record["resources"]["activities"]:
                client.delete_activity(activityArn=self._activity(name))
        try:
            if record["machine_type"] == "EXPRESS":
                outcome, events = client.start_sync_execution(stateMachineArn=machine, input=text), None
            else:
                execution = client.start_execution(stateMachineArn=machine, input=text)["executionArn"]
                self._help(record, execution)
                outcome, events = self._await(execution), self._events(execution)
        finally:
            self._over.set()
        output = outcome.get("output")
        return {
            "status": outcome["status"],
            "output": json.loads(output) if output is not None else None,
            "error": outcome.get("error"),
            "cause": outcome.get("cause"),
            "events": events,
        }

    def _create_machine(self, name: str, machine: dict[str, Any]) -> str:
        arn: str = self._client.create_state_machine(
            name=name,
            definition=json.dumps(machine["definition"]),
            roleArn=ROLE,
            type=machine.get("machine_type") or machine.get("type") or "STANDARD",
        )["stateMachineArn"]
        return arn

    def _create_resources(self, resources: dict[str, Any]) -> None:
        client = self._cloud.client
        for name, function in resources.get("lambda", {}).items():
            source = f"def handler(event, context):\n    {LAMBDAS[function['behaviour']]}\n{CUSTOM_EXCEPTION}"
            code, settings = {"ZipFile": zipped(source)}, {"Handler": "handler.handler", "Timeout": 70}
            client("lambda").create_function(FunctionName=name, Code=code, Role=ROLE, Runtime="python3.12", **settings)
        for entry in resources.get("s3", ()):
            if entry["key"] is None:
                with suppress(ClientError):  # two records share a name that has no number
                    client("s3").create_bucket(Bucket=entry["bucket"])
            else:
                # As every object on AWS is encrypted, asked or not.
                body, encryption = _body(entry["body"]), "AES256"
                client("s3").put_object(
                    Bucket=entry["bucket"], Key=entry["key"], Body=body, ServerSideEncryption=encryption
                )
        for name in resources.get("sqs", {}):
            client("sqs").create_queue(QueueName=name)
        for name in resources.get("sns", {}):
            if not self._record["id"].endswith("test_publish_base_error_topic_arn"):
                client("sns").create_topic(Name=name)
        for name, table in resources.get("dynamodb", {}).items():
            key = table["partition_key"]
            client("dynamodb").create_table(
                TableName=name,
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        for name in resources.get("activities", ()):
            self._client.create_activity(name=name)
        for arn, machine in resources.get("state_machines", {}).items():
            self._create_machine(arn.rpartition(":")[2], machine)

    def _help(self, record: dict[str, Any], execution: str) -> None:
        """Start what answers the execution: helper state machines, or a sender of what the test sent."""
        for auxiliary in record["resources"].get("auxiliary_executions", ()):
            text = json.dumps(auxiliary["input"])
            self._client.start_execution(stateMachineArn=auxiliary["sm_arn"], input=text)
        for step in record["resources"].get("other", ()):
            if "send_task_success" in step:
                token = self._token_from(record["input"]["QueueUrl"])
                output = {"Message": record["input"]["Message"], "TaskToken": token}
                self._client.send_task_heartbeat(taskToken=token)
                self._client.send_task_success(taskToken=token, output=json.dumps(output))

    def _token_from(self, queue_url: str) -> str:
        while True:
            answer = self._cloud.client("sqs").receive_message(QueueUrl=queue_url, WaitTimeSeconds=1)
            for message in answer.get("Messages", ()):
                token: str = json.loads(message["Body"])["TaskToken"]
                return token

    def _activity(self, name: str) -> str:
        return f"arn:aws:states:us-east-1:123456789012:activity:{name}"

    def _await(self, execution: str) -> dict[str, Any]:
        for _ in range(LONGEST_SECONDS * LOOKS_A_SECOND):
            outcome: dict[str, Any] = self._client.describe_execution(executionArn=execution)
            if outcome["status"] != "RUNNING":
                return outcome
            self._over.wait(1 / LOOKS_A_SECOND)
        raise TimeoutError(f"{self._record['id']} did not end: nothing answers its task, perhaps")

    def _events(self, execution: str) -> list[str]:
        pages = self._client.get_paginator("get_execution_history").paginate(executionArn=execution)
        return [event["type"] for page in pages for event in page["events"]]


def zipped(source: str) -> bytes:
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("handler.py", source)
    return archive.getvalue()


def _body(body: str) -> bytes:
    """The recorder wrote one body as Python shows it."""
    written = re.fullmatch(r"bytearray\(b'(.*)'\)", body)
    return (written[1] if written else body).encode()


@pytest.fixture(scope="module")
def conformance_cloud() -> Iterator[LocalCloud]:
    with LocalCloud(lambda_concurrency=1) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def runs(conformance_cloud: LocalCloud, request: pytest.FixtureRequest) -> Iterator[dict[str, Future[dict[str, Any]]]]:
    """The records of all tests that were selected here, under way."""
    records = [
        item.callspec.params["record"]
        for item in request.session.items
        if getattr(item, "originalname", "") == "test_ends_as_on_aws"
    ]
    # The longest first.
    records.sort(key=lambda record: not record["slow"])
    with ThreadPoolExecutor(64) as pool:
        yield {
            record["id"]: pool.submit(Run(conformance_cloud, record, number).finish)
            for number, record in enumerate(records)
        }


@pytest.fixture(scope="module")
def compare() -> ModuleType:
    """The comparison that comes with the records."""
    assert FOLDER is not None
    spec = importlib.util.spec_from_file_location("asl_compare", Path(FOLDER) / "compare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(FOLDER is None, reason=HOW_TO_GET_THEM)
def test_the_records_are_there() -> None:
    assert RECORDS


@of({"execution", "sync_execution"}, jsonpath=True)
def test_ends_as_on_aws(record: dict[str, Any], runs: dict[str, Future[dict[str, Any]]], compare: ModuleType) -> None:
    actual = runs[record["id"]].result()
    differences = compare.compare_record(record, actual, check_cause=record["id"] not in OTHER_CAUSES)
    if record["expected_events"] and actual["events"] is not None:
        expected, events = record["expected_events"], actual["events"]
        if record["events_order"] == "multiset":
            expected, events = (
                sorted(event for event in types if event not in NOT_RECORDED) for types in (expected, events)
            )
        assert events == expected
    assert not differences, "\n".join(differences)


@of({"create_error"}, jsonpath=True)
def test_is_refused_as_on_aws(record: dict[str, Any], conformance_cloud: LocalCloud) -> None:
    assert refusal(conformance_cloud, record)["Code"] == record["expected"]["api_error"]["Error"]["Code"]


@of(SHAPES, jsonpath=False)
def test_jsonata_is_refused_by_name(record: dict[str, Any], conformance_cloud: LocalCloud) -> None:
    assert "JSONata" in refusal(conformance_cloud, record)["Message"]


def refusal(cloud: LocalCloud, record: dict[str, Any]) -> dict[str, str]:
    """The error that CreateStateMachine answers with."""
    with pytest.raises(ClientError) as refused:
        cloud.client("stepfunctions").create_state_machine(
            name="refused", definition=json.dumps(record["definition"]), roleArn=ROLE
        )
    error: dict[str, str] = refused.value.response["Error"]
    return error
