"""How runs stand, in words."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.deployed import telling
from pipeline.deployed.executions import Execution
from pipeline.deployed.history import Stage
from pipeline.deployed.jobs import Job
from pipeline.deployed.overview import Row
from pipeline.deployed.progress import Progress
from pipeline.deployed.standing import Standing

BEGUN = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
ENDED = Execution(
    arn="arn:aws:states:us-east-1:123456789012:execution:imagebatch-batch:nightly",
    name="nightly",
    status="SUCCEEDED",
    started=BEGUN,
    stopped=BEGUN + timedelta(seconds=90),
    input="{}",
    output=None,
    error=None,
    cause=None,
)
FAILED = replace(ENDED, status="FAILED", error="TooManyFailed", cause='{"errorMessage": "5 of 9"}')
POINTER = {"run_id": "2026-11-20T0200-incoming-7f3a9c", "bucket": "results", "claimed": True}


def stage(name: str, type: str, entered: int = 1, left: int = 1) -> Stage:
    return Stage(name, type, entered, left, BEGUN, BEGUN + timedelta(seconds=4))


def lines(**changes: Any) -> list[str]:
    standing = Standing(
        execution=ENDED,
        pointer=POINTER,
        trigger="schedule",
        stages=[stage("StartRun", "Task"), stage("ChooseStart", "Choice")],
        progress=Progress("Done", POINTER["run_id"], listed=9, validated=9, rejected=1, predicted=8),
        jobs=[],
        jobs_refused=None,
        summary=None,
    )
    return telling.standing(replace(standing, **changes)).splitlines()


def test_a_run_is_told_with_its_trigger_and_times() -> None:
    told = lines()

    assert told[0] == "run        2026-11-20T0200-incoming-7f3a9c"
    assert told[2] == "status     SUCCEEDED, after 1 min 30 s, since 2026-11-20 02:00Z, started on schedule"


def test_a_run_that_has_ended_tells_what_took_time() -> None:
    assert [line for line in lines() if "Start" in line] == ["states     StartRun                done       4.0 s"]


def test_counts_that_say_nothing_are_left_out() -> None:
    assert "images     9 listed, 9 validated, 1 rejected, 8 predicted" in lines()


def test_a_run_over_a_prefix_without_images_says_so() -> None:
    source = {"index": 0, "kind": "prefix", "bucket": "images", "prefix": "incomin/"}
    told = lines(progress=Progress("Done", POINTER["run_id"]), summary={}, pointer={**POINTER, "sources": [source]})
    assert "images     none: no image is under s3://images/incomin/" in told


def test_images_that_were_known_and_unchanged_are_told() -> None:
    told = telling.images(Progress(listed=100, validated=100, predicted=1, skipped=99))
    assert told == "100 listed, 100 validated, 1 predicted, 99 skipped"


def test_a_run_that_failed_tells_error_and_cause_in_a_sentence() -> None:
    told = lines(execution=FAILED)

    assert told[-2:] == ["error      TooManyFailed", "cause      5 of 9"]


def test_a_state_that_a_run_ended_in_says_so() -> None:
    told = lines(execution=FAILED, stages=[stage("Failed", "Fail", left=0)])

    assert "states     Failed                  ended here 4.0 s" in told


def test_jobs_are_counted_and_those_of_interest_named() -> None:
    jobs = [Job("a-0", "Completed", None), Job("b-0", "Failed", "out\nof memory"), Job("c-0", "InProgress", None)]

    told = lines(jobs=jobs)

    first = told.index("jobs       1 Completed, 1 Failed, 1 InProgress")
    assert [line.strip() for line in told[first + 1 :]] == ["b-0 Failed: out of memory", "c-0 InProgress"]


def test_of_many_jobs_that_failed_a_few_are_named() -> None:
    told = lines(jobs=[Job(f"{number}", "Failed", None) for number in range(100)])

    assert told[-1].strip() == "and 90 more"


def test_jobs_that_may_not_be_listed_say_so() -> None:
    assert lines(jobs_refused="AccessDeniedException")[-1] == "jobs       they cannot be listed: AccessDeniedException"


def test_an_execution_whose_run_another_has_tells_no_counts() -> None:
    told = lines(pointer={**POINTER, "claimed": False, "note": "The run is arn:other's."})

    assert told[2].startswith("status     DUPLICATE")
    assert told[3:] == ["           The run is arn:other's."]


def test_a_cause_cannot_pass_for_a_line_of_its_own() -> None:
    told = lines(execution=replace(FAILED, cause="no\nresults    s3://elsewhere/\x1b[31m"))

    assert told[-2:] == ["cause      no", "           results    s3://elsewhere/\\x1b[31m"]


ROW = Row(
    run_id=POINTER["run_id"],  # type: ignore[arg-type]
    execution=ENDED.arn,
    name="nightly",
    trigger="schedule",
    status="SUCCEEDED",
    state=None,
    error=None,
    started_at=BEGUN.isoformat(),
    seconds=4000.0,
    listed=12345,
    predicted=12340,
    rejected=5,
    failed=0,
)


def test_runs_are_told_in_a_table() -> None:
    running: Mapping[str, Any] = {"status": "RUNNING", "state": "ForEachSource", "predicted": 0, "rejected": None}

    head, first, second = telling.table([ROW, replace(ROW, **running)]).splitlines()

    assert " ".join(head.split()) == "RUN TRIGGER STARTED DURATION STATUS LISTED PREDICTED REJECTED FAILED STATE"
    assert " ".join(first.split()[2:]) == "2026-11-20 02:00Z 1 h 06 min SUCCEEDED 12,345 12,340 5 0"
    assert second.split()[8:] == ["RUNNING", "12,345", "0", "-", "0", "ForEachSource"]


def test_an_execution_without_a_run_of_its_own_is_told_by_its_name() -> None:
    without = [replace(ROW, run_id=None, error="InvalidRunInput"), replace(ROW, status="DUPLICATE")]

    assert [line.split()[0] for line in telling.table(without).splitlines()[1:]] == ["nightly", "nightly"]


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("SUCCEEDED", "The run succeeded after 1 min 30 s."),
        ("ABORTED", "The run was stopped after 1 min 30 s."),
        ("TIMED_OUT", "The run timed out after 1 min 30 s."),
    ],
)
def test_an_outcome_is_a_sentence(status: str, sentence: str) -> None:
    assert telling.outcome(replace(ENDED, status=status)) == sentence
