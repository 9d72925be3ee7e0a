"""What a run costs: refused above its limit before any job, taken up again, and compared in the end."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PHOTOS = Path(__file__).resolve().parents[2] / "examples" / "photos" / "garden"


@pytest.fixture(scope="module")
def deployment(deployed: Callable[..., Any]) -> Any:
    deployment = deployed()
    deployment.put({f"incoming/{path.name}": path.read_bytes() for path in PHOTOS.iterdir()})
    return deployment


def objects_of(deployment: Any, prefix: str = "") -> dict[str, str]:
    """Keys of the results bucket, and when each was written."""
    pages = deployment.s3.get_paginator("list_objects_v2").paginate(
        Bucket=deployment.stack.outputs["ResultsBucket"], Prefix=prefix
    )
    return {item["Key"]: str(item["LastModified"]) for page in pages for item in page.get("Contents", ())}


def jobs(deployment: Any) -> list[str]:
    found = deployment.cloud.client("sagemaker").list_processing_jobs()["ProcessingJobSummaries"]
    return [job["ProcessingJobName"] for job in found]


def executions(deployment: Any) -> list[str]:
    machine = deployment.stack.outputs["StateMachineArn"]
    found = deployment.cloud.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    return [execution["executionArn"] for execution in found]


def events(deployment: Any, execution: str) -> Iterator[dict[str, Any]]:
    pages = deployment.cloud.client("stepfunctions").get_paginator("get_execution_history")
    for page in pages.paginate(executionArn=execution):
        yield from page["events"]


def pointer(deployment: Any, execution: str) -> Any:
    exited = (
        each["stateExitedEventDetails"] for each in events(deployment, execution) if "stateExitedEventDetails" in each
    )
    return json.loads(next(exited)["output"])["run"]


def summary(deployment: Any, run_id: str) -> Any:
    key = f"runs/{run_id}/results/summary.json"
    return json.loads(
        deployment.s3.get_object(Bucket=deployment.stack.outputs["ResultsBucket"], Key=key)["Body"].read()
    )


@pytest.fixture(scope="module")
def refused(deployment: Any) -> Any:
    return deployment.run(max_cost_usd=0.001)


def test_a_run_above_its_limit_starts_no_job_and_says_how_to_go_on(deployment: Any, refused: Any) -> None:
    run_id = pointer(deployment, refused.description["executionArn"])["run_id"]
    assert (refused.status, refused.description["error"]) == ("FAILED", "OverBudget")
    assert "may cost $0.001 at most" in refused.description["cause"]
    assert f"imagebatch resume {run_id} --max-cost" in refused.description["cause"]
    assert jobs(deployment) == []
    assert objects_of(deployment, f"runs/{run_id}/verdicts/")


def test_with_a_higher_limit_it_is_taken_up_and_validates_nothing_twice(
    deployment: Any, refused: Any, imagebatch: Callable[..., Any]
) -> None:
    run_id = pointer(deployment, refused.description["executionArn"])["run_id"]
    validated = objects_of(deployment, f"runs/{run_id}/verdicts/") | objects_of(deployment, f"runs/{run_id}/shards/")

    resumed = imagebatch("resume", run_id, "--max-cost", "5", "--wait", **deployment.cloud.environment())

    assert resumed.code == 0, resumed.stderr
    assert objects_of(deployment, f"runs/{run_id}/verdicts/").items() <= validated.items()
    cost = summary(deployment, run_id)["cost"]
    assert cost["limit_usd"] == 5
    assert 0 < cost["used_usd"] < 5
    assert cost["unknown"] == []


def test_transitions_are_as_many_as_the_histories_have(deployment: Any) -> None:
    """AWS counts each state that is entered, and each child execution that a distributed map starts."""
    ended = deployment.run()
    arn = ended.description["executionArn"]
    machine = deployment.cloud.client("stepfunctions")
    entered = sum("stateEnteredEventDetails" in event for event in events(deployment, arn))
    for map_run in machine.list_map_runs(executionArn=arn)["mapRuns"]:
        for child in machine.list_executions(mapRunArn=map_run["mapRunArn"])["executions"]:
            states = sum("stateEnteredEventDetails" in event for event in events(deployment, child["executionArn"]))
            entered += 1 + states

    lines = {line["item"]: line for line in summary(deployment, pointer(deployment, arn)["run_id"])["cost"]["lines"]}

    assert lines["states_transition"]["used"] == lines["states_transition"]["estimated"] == entered


def test_a_plan_reads_the_stack_and_changes_nothing(deployment: Any, imagebatch: Callable[..., Any]) -> None:
    before = executions(deployment), jobs(deployment), objects_of(deployment)
    place = f"s3://{deployment.stack.outputs['ImagesBucket']}/incoming/"

    planned = imagebatch("plan", place, "--stack", "imagebatch", "--json", **deployment.cloud.environment())

    assert planned.code == 0, planned.stderr
    document = json.loads(planned.stdout)
    assert document["images"] == len(list(PHOTOS.iterdir()))
    assert document["model"] == "efficientnet-lite0"
    assert document["cost"]["estimate"]["usd"] > 0
    assert (executions(deployment), jobs(deployment), objects_of(deployment)) == before


def test_prices_that_do_not_read_fail_a_run_before_it_lists_anything(deployment: Any) -> None:
    own = {"Bucket": deployment.stack.outputs["ResultsBucket"], "Key": "prices.json"}
    deployment.s3.put_object(**own, Body=b'{"regions": {"us-east-1": {"prices": {"sns_email": 3}}}}')
    try:
        ended = deployment.run()
    finally:
        deployment.s3.delete_object(**own)

    assert (ended.status, ended.description["error"]) == ("FAILED", "InvalidPrices")
    assert "regions.us-east-1.prices.sns_email: expected" in ended.description["cause"]
    machine = deployment.cloud.client("stepfunctions")
    assert machine.list_map_runs(executionArn=ended.description["executionArn"])["mapRuns"] == []
