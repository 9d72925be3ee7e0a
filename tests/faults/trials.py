"""One run under faults, brought to its end, and looked at: nothing lost, nothing twice, nothing wrong, nothing left."""

import io
import json
import re
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pyarrow.parquet as pq
from botocore.exceptions import BotoCoreError, ClientError
from clouds import BOUND, PREFIXES, Cloud, photos
from scenarios import Scenario

from pipeline.deployed import executions, resumption
from pipeline.deployed.stack import Deployment

MOST_ATTEMPTS = 8
TOLERANCE = 1e-5


@dataclass
class Trial:
    """What became of the run of a seed."""

    seed: int
    engine: str
    faults: dict[str, int] = field(default_factory=dict)
    ways: list[str] = field(default_factory=list)
    """How it went on after each end but the last: redriven, taken over, started again."""
    images: int = 0
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.duplicated or self.wrong)


Truth = dict[str, dict[str, Any]]


def undisturbed(cloud: Cloud, engine: str) -> Truth:
    """The predictions of a run to which nothing happens."""
    description = _ended(cloud, _start(cloud, engine))
    assert description["status"] == "SUCCEEDED", description
    return {row["key"]: row for row in _rows(cloud, description)}


def bring_through(cloud: Cloud, scenario: Scenario, truth: Truth) -> Trial:
    """Start a run, and resume it until it has succeeded; then look at it."""
    trial = Trial(scenario.seed, scenario.engine)
    began = time.monotonic()
    faults_before, told_before = len(cloud.injected()), len(cloud.inbox.successes())
    execution = _start(cloud, scenario.engine)
    description: dict[str, Any] = {}
    for _ in range(MOST_ATTEMPTS):
        description = _ended(cloud, execution)
        if description["status"] == "SUCCEEDED":
            break
        execution, way = _go_on(cloud, description, scenario.engine)
        trial.ways.append(way)
    trial.faults = dict(Counter(f"{each['on']}: {each['fault']}" for each in cloud.injected()[faults_before:]))
    trial.images = len(photos())
    if description["status"] != "SUCCEEDED":
        trial.lost.append(f"the run did not end well: {description.get('error')}: {description.get('cause')}"[:600])
    else:
        _look(cloud, description, truth, trial)
        told = cloud.inbox.successes()[told_before:]
        if len(told) != 1:
            trial.duplicated.append(f"{len(told)} messages of success: {told}")
    trial.seconds = time.monotonic() - began
    return trial


def _start(cloud: Cloud, engine: str) -> str:
    run_input = {"name": "campaign", "prefixes": list(PREFIXES), "engine": engine, "max_failed_fraction": 0.0}
    return _insist(cloud, "stepfunctions", "start_execution", cloud_input(cloud, run_input))


def cloud_input(cloud: Cloud, run_input: dict[str, Any]) -> dict[str, Any]:
    return {
        "stateMachineArn": cloud.outputs["StateMachineArn"],
        "name": f"trial-{uuid.uuid4().hex[:12]}",
        "input": json.dumps(run_input),
    }


def _insist(cloud: Cloud, service: str, operation: str, parameters: dict[str, Any]) -> str:
    """Start an execution, also where the cloud is killed at this moment: by the same name it is the same execution."""
    deadline = time.monotonic() + BOUND
    arn = f"{parameters['stateMachineArn'].replace(':stateMachine:', ':execution:')}:{parameters['name']}"
    while True:
        try:
            getattr(cloud.client(service), operation)(**parameters)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise
        except BotoCoreError:
            assert time.monotonic() < deadline, "the cloud does not answer"
            if not cloud.is_up():
                cloud.come_again()
            continue
        return arn


def _ended(cloud: Cloud, execution: str) -> dict[str, Any]:
    """The execution once it has ended. A cloud that was killed meanwhile is started again."""
    deadline = time.monotonic() + BOUND
    while True:
        try:
            described: dict[str, Any] = cloud.client("stepfunctions").describe_execution(executionArn=execution)
        except BotoCoreError:
            assert time.monotonic() < deadline, "the cloud does not answer"
            if not cloud.is_up():
                cloud.come_again()
            continue
        if described["status"] != "RUNNING":
            return described
        assert time.monotonic() < deadline, f"the run does not end: {_last_state(cloud, execution)}"
        time.sleep(0.05)


def _go_on(cloud: Cloud, ended: dict[str, Any], engine: str) -> tuple[str, str]:
    """Resume the run as `imagebatch resume` does, or start it where it had not begun: the execution, and the way."""
    arn = ended["executionArn"]
    where = f"{_last_state(cloud, arn)} {ended.get('error')}"
    states = cloud.client("stepfunctions")
    deployment = Deployment(cloud.outputs["StateMachineArn"], cloud.outputs["ResultsBucket"])
    try:
        resumed = resumption.resume(states, deployment, executions.describe(states, arn))
    except BotoCoreError:
        return arn, f"resumed while the cloud was killed ({where})"  # who waits for it sees that it is aborted
    if resumed.execution is None:
        return _start(cloud, engine), f"started again ({where}): {resumed.told}"
    way = "redriven" if resumed.execution == arn else "taken over"
    return resumed.execution, f"{way} ({where})"


def _last_state(cloud: Cloud, execution: str) -> str:
    try:
        history = cloud.client("stepfunctions").get_execution_history(
            executionArn=execution, reverseOrder=True, maxResults=100, includeExecutionData=False
        )
    except BotoCoreError:
        return "?"
    names = (
        details["name"]
        for event in history["events"]
        if event["type"].endswith("StateEntered") and (details := event["stateEnteredEventDetails"])
    )
    return next(names, "?")


def _rows(cloud: Cloud, description: dict[str, Any]) -> list[dict[str, Any]]:
    results = json.loads(description["output"])["results"]
    body = _read(cloud, f"{results}predictions.parquet")
    rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(body)).to_pylist()
    return rows


def _read(cloud: Cloud, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    body: bytes = cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def _look(cloud: Cloud, description: dict[str, Any], truth: Truth, trial: Trial) -> None:
    rows = _rows(cloud, description)
    counted = Counter(row["key"] for row in rows)
    trial.lost += sorted(truth.keys() - counted.keys())
    trial.duplicated += sorted(key for key, count in counted.items() if count > 1)
    for row in rows:
        right = truth.get(row["key"])
        if right is None or row["etag"] != right["etag"] or row["labels"] != right["labels"]:
            trial.wrong.append(row["key"])
        elif any(abs(a - b) > TOLERANCE for a, b in zip(row["scores"], right["scores"], strict=True)):
            trial.wrong.append(f"{row['key']}: {row['scores']}")
    summary = json.loads(_read(cloud, f"{json.loads(description['output'])['results']}summary.json"))
    counts = summary["counts"]
    ends = sum(counts[name] for name in ("predicted", "rejected", "failed")) + counts.get("skipped", 0)
    if not (summary["adds_up"] and counts["listed"] == ends == len(photos()) and counts["predicted"] == len(truth)):
        trial.wrong.append(f"it does not add up: {counts}")
    trial.wrong += [f"left: {key}" for key in _left(cloud, json.loads(description["output"])["summary"]["run_id"])]


def _left(cloud: Cloud, run_id: str) -> list[str]:
    """What lies among the run's objects, and should not."""
    s3, bucket = cloud.client("s3"), cloud.outputs["ResultsBucket"]
    prefix = f"runs/{run_id}/"
    plan = json.loads(_read(cloud, f"s3://{bucket}/{prefix}plan.json"))
    batches = {batch["batch"] for batch in plan["batches"]}
    shards = {shard["id"]: shard["partition"] for batch in plan["batches"] for shard in batch["shards"]}
    known = [
        "run.json",
        "plan.json",
        r"plan/(r\d+)?p\d+(-retry)?\.manifest",
        r"map/\d+/[0-9a-f-]+/(manifest\.json|(SUCCEEDED|FAILED|PENDING)_\d+\.jsonl?)",
        r"results/(predictions\.parquet|rejected\.csv|failed\.csv|summary\.json|report\.html)",
        r"messages/.+\.json",
        *(rf"(verdicts|batches|previews)/{batch}\.jsonl?" for batch in batches),
        *(rf"shards/{shard}\.safetensors" for shard in shards),
        *(rf"predictions/{part}/{shard}\.(jsonl|safetensors\.out)" for shard, part in shards.items()),
        # Of jobs that did not get there: what they say of why is kept beside what others predicted.
        *(rf"predictions/\w+/{shard}\.failed\.json" for shard in shards),
    ]
    allowed = re.compile("|".join(f"(?:{pattern})" for pattern in known))
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [item["Key"].removeprefix(prefix) for page in pages for item in page.get("Contents", ())]
    uploads = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", ())
    failed = [
        line
        for key in keys
        if key == "results/failed.csv"
        for line in _read(cloud, f"s3://{bucket}/{prefix}{key}").splitlines()[1:]
    ]
    return (
        [key for key in keys if not allowed.fullmatch(key)]
        + [f"failed: {line!r}" for line in failed]
        + [f"upload of {each['Key']}" for each in uploads]
    )
