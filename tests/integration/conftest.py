"""Whole runs, started as a user starts them: the command, in a process of its own, against nothing but this machine.

Or as a user of AWS does: the template, deployed into a local cloud, images put by boto3, and StartExecution.
"""

import csv
import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.laptop.deployment import deploy_stack, open_model
from pipeline.local import forks
from pipeline.local.cloud import LocalCloud
from pipeline.local.deploy import Stack
from pipeline.local.faults import Faults

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "pipeline.cli"]


@dataclass(frozen=True)
class Finished:
    """A command that has ended, and what it left behind."""

    code: int
    stdout: str
    stderr: str

    @property
    def report(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.stdout)
        return document

    @property
    def results(self) -> Path:
        return ROOT / self.report["results"]

    @property
    def predictions(self) -> dict[str, dict[str, Any]]:
        rows = pq.read_table(self.results / "predictions.parquet").to_pylist()
        return {row["key"]: row for row in rows}


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without the AWS settings of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {"PYTHONWARNINGS": "default", "COLUMNS": "120"} | changes


@pytest.fixture(scope="session")
def imagebatch() -> Callable[..., Finished]:
    """`imagebatch(*arguments)` runs the command to its end."""

    def run(*arguments: object, **environment_changes: str) -> Finished:
        command = [*COMMAND, *map(str, arguments)]
        ended = subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, timeout=150, env=environment(**environment_changes)
        )
        return Finished(ended.returncode, ended.stdout, ended.stderr)

    return run


@pytest.fixture(scope="session")
def start_imagebatch() -> Callable[..., subprocess.Popen[str]]:
    """`start_imagebatch(*arguments)` starts the command in a session of its own and returns at once."""

    def start(*arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment(),
            start_new_session=True,
        )

    return start


@pytest.fixture(scope="session")
def example_run(imagebatch: Callable[..., Finished], tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """One run over examples/photos, shared by the tests that only look at what it left."""
    return imagebatch("run", "examples/photos", "--json", "--out", tmp_path_factory.mktemp("out"))


@dataclass(frozen=True)
class Ended:
    """An execution that has ended, and what it left in the results bucket."""

    s3: Any
    description: Mapping[str, Any]

    @property
    def status(self) -> str:
        return str(self.description["status"])

    @property
    def output(self) -> dict[str, Any]:
        """What the execution answered."""
        output: dict[str, Any] = json.loads(self.description["output"])
        return output

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of predictions.parquet."""
        rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(self._result("predictions.parquet"))).to_pylist()
        return rows

    @property
    def predicted(self) -> dict[str, dict[str, Any]]:
        """The rows of predictions.parquet by key."""
        return {row["key"]: row for row in self.rows}

    @cached_property
    def rejected(self) -> dict[str, dict[str, str]]:
        """The rows of rejected.csv by key."""
        return self._table("rejected.csv")

    @cached_property
    def failed(self) -> dict[str, dict[str, str]]:
        """The rows of failed.csv by key."""
        return self._table("failed.csv")

    def _table(self, name: str) -> dict[str, dict[str, str]]:
        file = io.StringIO(self._result(name).decode(), newline="")
        return {row["key"]: row for row in csv.DictReader(file)}

    @cached_property
    def counts(self) -> dict[str, int]:
        counts: dict[str, int] = json.loads(self._result("summary.json"))["counts"]
        return counts

    def _result(self, name: str) -> bytes:
        assert self.status == "SUCCEEDED", self.description
        bucket, _, prefix = json.loads(self.description["output"])["results"].removeprefix("s3://").partition("/")
        body: bytes = self.s3.get_object(Bucket=bucket, Key=prefix + name)["Body"].read()
        return body


@dataclass(frozen=True)
class Deployment:
    """The stack in a local cloud, with the example model in it."""

    cloud: LocalCloud
    stack: Stack

    @property
    def s3(self) -> Any:
        return self.cloud.client("s3")

    def put(self, images: Mapping[str, bytes]) -> None:
        for key, body in images.items():
            self.s3.put_object(Bucket=self.stack.outputs["ImagesBucket"], Key=key, Body=body)

    def run(self, **run_input: Any) -> Ended:
        machine = self.cloud.client("stepfunctions")
        started = machine.start_execution(
            stateMachineArn=self.stack.outputs["StateMachineAliasArn"], input=json.dumps(run_input)
        )
        return self.wait(started["executionArn"])

    def change(self, function: str, variables: Mapping[str, str], **settings: Any) -> None:
        """Add variables to a function, change its settings, and have runs from now on call what it is then.

        The machine calls published versions, and those stay what they were.
        """
        functions, machine = self.cloud.client("lambda"), self.cloud.client("stepfunctions")
        name, arn = self.stack.resources[function], self.stack.outputs["StateMachineArn"]
        before = functions.get_function_configuration(FunctionName=name)
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": before["Environment"]["Variables"] | variables}, **settings
        )
        version = functions.publish_version(FunctionName=name)["FunctionArn"]
        definition = machine.describe_state_machine(stateMachineArn=arn)["definition"]
        changed = re.sub(rf"{re.escape(before['FunctionArn'])}:\d+", version, definition)
        assert changed != definition, f"the machine does not call {name}"
        made = machine.update_state_machine(stateMachineArn=arn, definition=changed, publish=True)
        machine.update_state_machine_alias(
            stateMachineAliasArn=self.stack.outputs["StateMachineAliasArn"],
            routingConfiguration=[{"stateMachineVersionArn": made["stateMachineVersionArn"], "weight": 100}],
        )

    def wrap(self, handlers: Mapping[str, str], layer: Path) -> None:
        """Have functions run these handlers of the folder `layer`, which may do anything to any object."""
        anything = {"Effect": "Allow", "Action": ["s3:*", "kms:*"], "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [anything]})
        for function, handler in handlers.items():
            role = self.stack.resources[f"{function.removesuffix('Function')}Role"]
            self.cloud.client("iam").put_role_policy(RoleName=role, PolicyName="anything", PolicyDocument=policy)
            self.change(function, {"PYTHONPATH": str(layer)}, Handler=handler)

    def wait(self, execution: str) -> Ended:
        machine = self.cloud.client("stepfunctions")
        while (ended := machine.describe_execution(executionArn=execution))["status"] == "RUNNING":
            time.sleep(0.1)
        return Ended(self.s3, ended)


@pytest.fixture(scope="module")
def faults() -> Faults | None:
    """What goes wrong in the cloud of a module: nothing, unless the module says otherwise."""
    return None


@pytest.fixture(scope="module")
def deployed(faults: Faults | None) -> Iterator[Callable[..., Deployment]]:
    """`deployed(**parameters)` deploys the template with these parameters; once in a module, which has one cloud.
    `for_sagemaker=True` makes a SageMaker model of the package, too.

    It keeps no ledger unless it is told to: most tests run twice over the same photos, and mean them to be predicted.
    """
    forks.prepare()
    with LocalCloud(faults=faults) as cloud:

        def deploy_with(*, for_sagemaker: bool = False, **parameters: str) -> Deployment:
            chosen = {"Incremental": "no", **parameters}
            model = open_model(ROOT / "examples" / "models" / "efficientnet-lite0")
            stack = deploy_stack(cloud, [model], chosen, for_sagemaker=for_sagemaker, warm_functions=True)
            return Deployment(cloud, stack)

        yield deploy_with
