"""Replaying a run of a deployed stack: what is not there is said, and one replay is one execution."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from pipeline import objects
from pipeline.contract import Task
from pipeline.deployed import replay as replay_deployed
from pipeline.deployed.executions import Started
from pipeline.deployed.stack import Deployment
from pipeline.errors import InvalidReplay, UnknownRun
from pipeline.local.cloud import LocalCloud
from pipeline.runs import keys
from pipeline.runs.listings import ListedImage
from pipeline.runs.replay import Comparison
from pipeline.runs.run import Run

IMAGES, RESULTS = "example-images", "example-results"
ROLE = "arn:aws:iam::123456789012:role/local"


def test_a_run_that_is_not_there_is_refused_with_the_latest_that_are(s3: Any) -> None:
    for number in range(7):
        objects.put_json(s3, RESULTS, keys.run_key(f"run-{number}"), {})

    with pytest.raises(
        UnknownRun, match=r"There is no run 'other' in s3://.*/runs/\. Of all, the latest are run-2, .* run-6"
    ):
        replay_deployed.find_rejections(s3, RESULTS, "other")


def test_a_run_of_another_version_is_told_so(s3: Any, run: Run) -> None:
    document = {name: value for name, value in run.to_json().items() if name != "limits"}
    objects.put_json(s3, RESULTS, keys.run_key(run.run_id), document)

    with pytest.raises(InvalidReplay, match=r"run\.json is no run of this version: KeyError\('limits'\)"):
        replay_deployed.find_rejections(s3, RESULTS, run.run_id)


def test_a_run_without_results_is_told_so(s3: Any, run: Run) -> None:
    objects.put_json(s3, RESULTS, keys.run_key(run.run_id), run.to_json())

    with pytest.raises(InvalidReplay, match=r"has no rejected\.csv: it is under way, or failed before its results"):
        replay_deployed.find_rejections(s3, RESULTS, run.run_id)


def test_a_run_comes_with_what_it_rejected(s3: Any, run: Run) -> None:
    objects.put_json(s3, RESULTS, keys.run_key(run.run_id), run.to_json())
    table = b"bucket,key,etag,size,reason,detail\nexample-images,a.jpg,e,1,empty,\n"
    objects.put_bytes(s3, RESULTS, keys.result_key(run.run_id, "rejected.csv"), table)

    found, rejections = replay_deployed.find_rejections(s3, RESULTS, run.run_id)

    assert (found, [rejection.key for rejection in rejections]) == (run, ["a.jpg"])


FIXED = Comparison([(IMAGES, ListedImage("a.jpg", "e", 1))], 0, 0, 0)


class Machine:
    """A state machine of a local cloud in place of the stack's: it succeeds or fails at once."""

    def __init__(self, cloud: LocalCloud, type: str) -> None:
        self.stepfunctions, self.s3 = cloud.client("stepfunctions"), cloud.client("s3")
        definition = {"StartAt": "End", "States": {"End": {"Type": type}}}
        arn = self.stepfunctions.create_state_machine(name=type, definition=json.dumps(definition), roleArn=ROLE)
        version = self.stepfunctions.publish_state_machine_version(stateMachineArn=arn["stateMachineArn"])
        route = {"stateMachineVersionArn": version["stateMachineVersionArn"], "weight": 100}
        alias = self.stepfunctions.create_state_machine_alias(name="live", routingConfiguration=[route])
        self.deployment = Deployment(arn["stateMachineArn"], RESULTS, alias=alias["stateMachineAliasArn"])

    def replay(self, run: Run) -> Started:
        started = replay_deployed.start_replay(self.deployment, run, FIXED, self.s3, self.stepfunctions)
        while self.stepfunctions.describe_execution(executionArn=started.execution)["status"] == "RUNNING":
            pass
        return started


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud() as cloud:
        cloud.client("s3").create_bucket(Bucket=RESULTS)
        yield cloud


def test_a_replay_has_the_settings_of_the_run_it_replays(cloud: LocalCloud, run: Run) -> None:
    machine = Machine(cloud, "Succeed")

    started = machine.replay(run)

    described = machine.stepfunctions.describe_execution(executionArn=started.execution)
    given = json.loads(described["input"])
    assert (given["model"], given["limits"], given["quarantine"]) == ("tiny", run.limits.to_json(), "leave")
    assert (given["replays"], given["images"][0]["bucket"]) == (run.run_id, IMAGES)
    assert described["stateMachineAliasArn"] == machine.deployment.alias


def test_a_replay_asks_for_no_top_k_where_the_model_ranks_nothing(run: Run) -> None:
    unranked = replace(run, contract=replace(run.contract, task=Task.EMBEDDING))

    assert (replay_deployed.as_it_was(run)["top_k"], replay_deployed.as_it_was(unranked)["top_k"]) == (run.top_k, None)


def test_a_replay_that_is_started_twice_is_one_execution(cloud: LocalCloud, run: Run) -> None:
    machine = Machine(cloud, "Succeed")

    assert machine.replay(run).execution == machine.replay(run).execution
    assert not machine.replay(run).is_new


def test_a_replay_that_failed_can_be_started_again(cloud: LocalCloud, run: Run) -> None:
    machine = Machine(cloud, "Fail")

    first, second = machine.replay(run), machine.replay(run)

    assert first.is_new
    assert second.is_new
    assert first.execution != second.execution
