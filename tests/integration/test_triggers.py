"""Runs that nobody starts by hand, end to end: an upload, the stack's rule, a run; the stack's schedule, a run."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

PHOTO = (Path(__file__).resolve().parents[2] / "examples" / "photos" / "garden" / "daisy.jpg").read_bytes()
LONGEST_WAIT = 60
"""Seconds, for what takes one or two."""


@pytest.fixture(scope="module")
def deployment(deployed: Callable[..., Any]) -> Any:
    return deployed(ScheduleState="ENABLED", ScheduleTimeZone="Asia/Tokyo")


def executions(deployment: Any, of: str, count: int) -> list[Any]:
    """The executions whose input speaks of `of`, ended, the oldest first; waits until there are `count`."""
    machine, arn = deployment.cloud.client("stepfunctions"), deployment.stack.outputs["StateMachineArn"]
    deadline = time.monotonic() + LONGEST_WAIT
    while True:
        found = [
            execution["executionArn"]
            for page in machine.get_paginator("list_executions").paginate(stateMachineArn=arn)
            for execution in page["executions"]
            if of in machine.describe_execution(executionArn=execution["executionArn"])["input"]
        ]
        if len(found) >= count:
            return [deployment.wait(execution) for execution in reversed(found)]
        assert time.monotonic() < deadline, f"{len(found)} of {count} executions of {of} after {LONGEST_WAIT} seconds"
        time.sleep(0.1)


def outputs(ended: list[Any]) -> list[dict[str, Any]]:
    assert {one.status for one in ended} == {"SUCCEEDED"}, [one.description for one in ended]
    return [json.loads(one.description["output"]) for one in ended]


def test_a_marker_that_is_uploaded_starts_one_run_of_its_folder_and_its_photos_none(deployment: Any) -> None:
    deployment.put({"incoming/day/a.jpg": PHOTO, "incoming/day/b+c d.jpg": PHOTO, "incoming/other/d.jpg": PHOTO})
    deployment.put({"incoming/day/_READY": b""})
    (run,) = executions(deployment, "incoming/day/", 1)

    assert set(run.predicted) == {"incoming/day/a.jpg", "incoming/day/b+c d.jpg"}
    assert run.counts["passed_over"] == 1


def test_a_marker_that_is_uploaded_twice_starts_one_run_until_its_bytes_change(deployment: Any) -> None:
    deployment.put({"incoming/twice/a.jpg": PHOTO})
    for _ in range(2):
        deployment.put({"incoming/twice/_READY": b""})
    # This cloud keeps no versions: a run reads what is there when it starts.
    executions(deployment, "incoming/twice/_READY", 2)
    deployment.put({"incoming/twice/_READY": b"Fri Nov 20 02:00:07 UTC 2026\n"})
    answers = outputs(executions(deployment, "incoming/twice/_READY", 3))

    assert sum("results" in answer for answer in answers) == 2
    (taken,) = (answer for answer in answers if "results" not in answer)
    assert any(taken["run_id"] in answer.get("results", "") for answer in answers)
    assert "write other bytes: date | aws s3 cp - s3://" in taken["note"]


def test_a_marker_that_five_upload_at_once_starts_one_run(deployment: Any) -> None:
    deployment.put({"incoming/five/a.jpg": PHOTO})
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda _: deployment.put({"incoming/five/_READY": b"ready"}), range(5)))
    answers = outputs(executions(deployment, "incoming/five/_READY", 5))

    assert sum("results" in answer for answer in answers) == 1
    assert sum(answer.get("claimed") is False for answer in answers) == 4


def test_a_manifest_that_is_uploaded_starts_a_run_of_what_it_names(deployment: Any) -> None:
    bucket = deployment.stack.outputs["ImagesBucket"]
    deployment.put({"batch/a.jpg": PHOTO, "batch/b.jpg": PHOTO, "batch/more/c.jpg": PHOTO})
    manifest = [{"prefix": f"s3://{bucket}/batch/"}, "a.jpg", "more/", "missing.jpg"]
    deployment.put({"incoming/batch.manifest.json": json.dumps(manifest).encode()})
    (run,) = executions(deployment, "incoming/batch.manifest.json", 1)

    assert set(run.predicted) == {"batch/a.jpg", "batch/more/c.jpg"}
    assert set(run.rejected) == {"batch/missing.jpg"}


def test_the_schedule_starts_a_run_of_the_day_before_and_a_second_firing_none(deployment: Any) -> None:
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    # Tokyo's clock is nine hours ahead of UTC the whole year.
    yesterday = due + timedelta(hours=9) - timedelta(days=1)
    photo = f"incoming/{yesterday:%Y/%m/%d}/a.jpg"
    deployment.put({photo: PHOTO, f"incoming/{yesterday + timedelta(days=1):%Y/%m/%d}/b.jpg": PHOTO})
    scheduler = deployment.cloud.client("scheduler")
    (listed,) = scheduler.list_schedules()["Schedules"]
    schedule = scheduler.get_schedule(Name=listed["Name"], GroupName=listed["GroupName"])
    once = {"ScheduleExpression": f"at({due + timedelta(hours=9):%Y-%m-%dT%H:%M:%S})"}
    kept = ("FlexibleTimeWindow", "GroupName", "Name", "ScheduleExpressionTimezone", "State", "Target")
    scheduler.update_schedule(**{name: schedule[name] for name in kept}, **once)
    (run,) = executions(deployment, schedule["Arn"], 1)
    late = deployment.run(**json.loads(run.description["input"]))

    assert set(run.predicted) == {photo}
    assert f"{due:%Y-%m-%dT%H:%M:%SZ}" in run.description["input"]
    (answer,) = outputs([late])
    assert answer["claimed"] is False
