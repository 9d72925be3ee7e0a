"""A line for each run: what is known of one that succeeded, failed, is under way, or found its work taken."""

from collections.abc import Callable
from typing import Any

from pipeline import objects
from pipeline.deployed import executions, overview
from pipeline.deployed.stack import Deployment
from pipeline.runs import keys
from pipeline.runs.run import Run

RESULTS = "example-results"
COUNTS = {"listed": 9, "passed_over": 0, "predicted": 6, "rejected": 2, "failed": 1, "skipped": 0}


def start(stepfunctions: Any, deployment: Deployment, **document: Any) -> str:
    arn = executions.start(stepfunctions, deployment, document, None).execution
    executions.wait_for_run(stepfunctions, arn, 30)
    return arn


def end(stepfunctions: Any, deployment: Deployment, **document: Any) -> str:
    arn = start(stepfunctions, deployment, **document)
    executions.wait_for_end(stepfunctions, arn, 30)
    return arn


def test_a_run_that_succeeded_is_told_by_its_output(
    stepfunctions: Any, results: Any, claiming: Callable[..., Deployment], run: Run
) -> None:
    output = {"summary": {"run_id": run.run_id, **COUNTS}, "results": "s3://...", "message": {}}
    deployment = claiming(Done={"Type": "Pass", "Result": output, "End": True})
    end(stepfunctions, deployment)

    (row,) = overview.latest_runs(stepfunctions, results, deployment, limit=5)

    assert (row.run_id, row.status, row.trigger) == (run.run_id, "SUCCEEDED", "manual")
    assert (row.listed, row.predicted, row.rejected, row.failed) == (9, 6, 2, 1)


def test_a_run_that_failed_over_its_results_is_told_by_its_summary(
    stepfunctions: Any, results: Any, claiming: Callable[..., Deployment], run: Run
) -> None:
    deployment = claiming(Failed={"Type": "Fail", "Error": "TooManyFailed"})
    execution = end(stepfunctions, deployment)
    document = {"counts": COUNTS, "execution_arn": execution}
    objects.put_json(results, RESULTS, keys.result_key(run.run_id, keys.SUMMARY), document)

    (row,) = overview.latest_runs(stepfunctions, results, deployment, limit=5)

    assert (row.run_id, row.status, row.error) == (run.run_id, "FAILED", "TooManyFailed")
    assert (row.listed, row.predicted, row.failed) == (9, 6, 1)


def test_a_run_that_failed_before_its_results_is_told_by_its_plan(
    stepfunctions: Any, results: Any, claiming: Callable[..., Deployment], run: Run
) -> None:
    deployment = claiming(Failed={"Type": "Fail"})
    end(stepfunctions, deployment)
    objects.put_json(results, RESULTS, keys.plan_key(run.run_id), {"counts": {"listed": 9, "rejected": 2}})

    (row,) = overview.latest_runs(stepfunctions, results, deployment, limit=5)

    assert (row.listed, row.rejected, row.predicted, row.failed) == (9, 2, None, None)


def test_an_execution_that_never_became_a_run_has_no_id(
    stepfunctions: Any, results: Any, machine: Callable[..., Deployment]
) -> None:
    deployment = machine(Failed={"Type": "Fail", "Error": "InvalidRunInput"})
    end(stepfunctions, deployment)

    (row,) = overview.latest_runs(stepfunctions, results, deployment, limit=5)

    assert (row.run_id, row.listed, row.error) == (None, None, "InvalidRunInput")


def test_a_run_under_way_is_told_with_the_state_it_is_in(
    stepfunctions: Any, results: Any, claiming: Callable[..., Deployment], run: Run
) -> None:
    deployment = claiming(Long={"Type": "Wait", "Seconds": 600, "End": True})
    start(stepfunctions, deployment)

    (row,) = overview.latest_runs(stepfunctions, results, deployment, limit=5)

    assert (row.run_id, row.status) == (run.run_id, "RUNNING")
    assert row.state in ("StartRun", "Long")


def test_an_execution_whose_run_another_has_is_a_duplicate(
    stepfunctions: Any, results: Any, machine: Callable[..., Deployment], run: Run
) -> None:
    pointer = {"run_id": run.run_id, "bucket": RESULTS, "claimed": False}
    deployment = machine(StartRun={"Type": "Pass", "Result": pointer, "End": True})
    end(stepfunctions, deployment, schedule={"arn": "arn", "time": "2026-11-20T02:00:00Z"})

    (row,) = overview.latest_runs(stepfunctions, results, deployment, limit=5)

    assert (row.run_id, row.status, row.trigger) == (run.run_id, "DUPLICATE", "schedule")


def test_runs_come_newest_first_and_no_more_than_asked_for(
    stepfunctions: Any, results: Any, machine: Callable[..., Deployment]
) -> None:
    deployment = machine(Done={"Type": "Pass", "Result": {}, "End": True})
    arns = [end(stepfunctions, deployment) for _ in range(4)]

    rows = overview.latest_runs(stepfunctions, results, deployment, limit=3)

    assert [row.execution for row in rows] == arns[:0:-1]


def test_runs_are_chosen_by_status(stepfunctions: Any, results: Any, machine: Callable[..., Deployment]) -> None:
    deployment = machine(Done={"Type": "Pass", "Result": {}, "End": True})
    end(stepfunctions, deployment)

    assert len(overview.latest_runs(stepfunctions, results, deployment, 5, "SUCCEEDED")) == 1
    assert overview.latest_runs(stepfunctions, results, deployment, 5, "FAILED") == []
