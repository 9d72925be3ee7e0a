"""Watching a run: each look counts what is there by then, and looking costs little."""

from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline import objects
from pipeline.deployed.progress import Progress, RunWatcher
from pipeline.runs import keys
from pipeline.runs.run import Run

RESULTS = "example-results"
BEGAN = datetime(2026, 11, 20, 2, tzinfo=UTC)


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def write_verdicts(s3: Any, run: Run, batch: str, rejected: int) -> None:
    objects.put_bytes(
        s3, RESULTS, keys.verdicts_key(run.run_id, batch), b"", metadata={"accepted": "1", "rejected": str(rejected)}
    )


def test_a_run_that_has_not_started_has_only_a_state(watcher: RunWatcher) -> None:
    assert watcher.poll() == Progress("StartRun")


def test_the_run_is_known_once_it_has_started(watcher: RunWatcher, execution: Any, run: Run) -> None:
    execution.states.append("ForEachSource")

    progress = watcher.poll()

    assert (progress.state, progress.run_id) == ("ForEachSource", run.run_id)


def test_validated_images_are_counted_over_all_prefixes(watcher: RunWatcher, execution: Any) -> None:
    execution.states.append("ForEachSource")
    execution.map(total=10, succeeded=4)
    execution.map(total=6, succeeded=6, status="SUCCEEDED", arn="map1")

    progress = watcher.poll()

    assert (progress.listed, progress.validated) == (16, 10)
    assert (progress.batches, progress.batches_done) == (8, 5)


def test_a_map_run_that_has_ended_is_not_asked_again(watcher: RunWatcher, execution: Any) -> None:
    execution.states.append("ForEachSource")
    execution.map(total=6, succeeded=6, status="SUCCEEDED")
    watcher.poll()

    assert watcher.poll().validated == 6
    assert execution.asked.count("describe_map_run") == 1


def test_rejected_images_are_counted_as_verdicts_arrive(watcher: RunWatcher, execution: Any, s3: Any, run: Run) -> None:
    execution.states.append("ForEachSource")
    execution.map(total=10, succeeded=10)
    write_verdicts(s3, run, "b1", rejected=2)
    first = watcher.poll()
    write_verdicts(s3, run, "b2", rejected=3)

    assert (first.rejected, watcher.poll().rejected) == (2, 5)


def test_no_more_images_are_rejected_than_were_validated(
    watcher: RunWatcher, execution: Any, s3: Any, run: Run
) -> None:
    execution.states.append("ValidateImages")
    execution.map(total=10, succeeded=4)
    write_verdicts(s3, run, "b1", rejected=4)
    write_verdicts(s3, run, "b2", rejected=4)
    progress = watcher.poll()
    assert (progress.validated, progress.rejected) == (4, 4)


@pytest.mark.parametrize(("verdicts_a_poll", "rejected"), [(2, 2), (None, 3)])
def test_a_look_asks_about_as_many_verdicts_as_it_may(
    execution: Any, s3: Any, run: Run, verdicts_a_poll: int | None, rejected: int
) -> None:
    execution.states.append("ForEachSource")
    execution.map(total=10, succeeded=10)
    for batch in ("b1", "b2", "b3"):
        write_verdicts(s3, run, batch, rejected=1)

    watcher = RunWatcher(execution, s3, "arn", verdicts_a_poll=verdicts_a_poll)

    assert watcher.poll().rejected == rejected


def test_the_summary_has_the_last_word(watcher: RunWatcher, execution: Any, s3: Any, run: Run) -> None:
    execution.states += ["AggregatePredictions", "Done"]
    counts = {"listed": 5, "folders": 1, "predicted": 3, "rejected": 1, "failed": 1, "skipped": 0}
    objects.put_json(
        s3, RESULTS, keys.result_key(run.run_id, "summary.json"), {"counts": counts, "execution_arn": "arn"}
    )

    assert watcher.poll() == Progress("Done", run.run_id, 5, 5, 1, 3, 1, 1.0)


def test_the_course_of_the_run_is_that_of_its_definition(watcher: RunWatcher, execution: Any) -> None:
    states = {"StartRun": {"Type": "Task", "Next": "Next"}, "Next": {"Type": "Task"}}
    execution.definition = {"StartAt": "StartRun", "States": states}
    execution.states.append("Other")

    steps = watcher.poll().steps

    assert [(step.name, step.left) for step in steps] == [("StartRun", BEGAN), ("Next", None)]
    watcher.poll()
    assert execution.asked.count("describe_state_machine_for_execution") == 1


def test_who_may_not_read_the_definition_sees_the_states_that_there_were(watcher: RunWatcher, execution: Any) -> None:
    execution.definition = None
    execution.states.append("PlanInference")

    assert [step.name for step in watcher.poll().steps] == ["StartRun", "PlanInference"]
    watcher.poll()
    assert execution.asked.count("describe_state_machine_for_execution") == 1


def test_a_state_is_read_once_from_the_history(watcher: RunWatcher, execution: Any) -> None:
    execution.definition = None
    watcher.poll()
    execution.states = ["StartRun", "ForEachSource", "PlanInference"]
    watcher.poll()

    assert [(step.name, step.entered) for step in watcher.poll().steps] == [(name, BEGAN) for name in execution.states]


def test_a_run_that_failed_before_its_results_is_still_watched(watcher: RunWatcher, execution: Any) -> None:
    execution.states.append("AggregatePredictions")

    assert watcher.poll().fraction == 0.0


def test_the_fraction_never_falls(watcher: RunWatcher, execution: Any) -> None:
    execution.states.append("ForEachSource")
    execution.map(total=10, succeeded=8)
    first = watcher.poll()
    execution.map(total=100, succeeded=8)

    assert (first.fraction, watcher.poll().fraction) == (0.4, 0.4)


def test_a_slow_listing_is_not_repeated_at_each_poll(execution: Any, s3: Any, run: Run) -> None:
    clock = Clock()

    class SlowS3:
        """Each listing takes a second."""

        def get_paginator(self, operation: str) -> Any:
            clock.now += 1
            return s3.get_paginator(operation)

        def __getattr__(self, name: str) -> Any:
            return getattr(s3, name)

    watcher = RunWatcher(execution, SlowS3(), "arn", clock)  # type: ignore[arg-type]
    execution.states.append("ForEachSource")
    execution.map(total=10, succeeded=10)
    watcher.poll()
    write_verdicts(s3, run, "b1", rejected=1)

    assert watcher.poll().rejected == 0
    clock.now += 20
    assert watcher.poll().rejected == 1
