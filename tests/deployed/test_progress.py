"""Watching a run: each look counts what is there by then, and looking costs little."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline import objects
from pipeline.deployed.progress import Progress, RunWatcher
from pipeline.inference.predictions import ShardFailure
from pipeline.runs import keys
from pipeline.runs.partitions import Partition
from pipeline.runs.planning import Plan
from pipeline.runs.run import Run
from pipeline.validation.batches import Batch, BatchShard, Counts

RESULTS = "example-results"
BEGAN = datetime(2026, 11, 20, 2, tzinfo=UTC)
PARTITION = Partition("p0000", "imagebatch-run-p0000", "s3://m", "s3://p", 4, 2, "ml.c7i.xlarge", 1, 3600)


class Execution:
    """Step Functions, as far as watching asks it; the test moves it on."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.states = ["StartRun"]
        self.map_runs: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.definition: dict[str, Any] | None = {"StartAt": "Start", "States": {"Start": {"Type": "Pass"}}}

    def get_execution_history(self, **request: Any) -> dict[str, Any]:
        self.asked.append("get_execution_history")
        events: list[dict[str, Any]] = []
        for state in self.states:
            events.append({"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": state}})
            output = json.dumps({"run": {**self._run.pointer, "claimed": True}})
            events.append({"type": "TaskStateExited", "stateExitedEventDetails": {"name": state, "output": output}})
            events.append({"type": "TaskScheduled"})
        events = [{**event, "id": number, "timestamp": BEGAN} for number, event in enumerate(events, 1)]
        if self.states == ["StartRun"]:
            events = events[:1]
        return {"events": events[::-1] if request.get("reverseOrder") else events}

    def describe_state_machine_for_execution(self, **request: str) -> dict[str, Any]:
        self.asked.append("describe_state_machine_for_execution")
        if self.definition is None:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeStateMachineForExecution")
        return {"definition": json.dumps(self.definition)}

    def get_paginator(self, operation: str) -> "Execution":
        assert operation == "list_map_runs"
        return self

    def paginate(self, **request: str) -> list[dict[str, Any]]:
        return [{"mapRuns": [{"mapRunArn": arn} for arn in self.map_runs]}]

    def describe_map_run(self, **request: str) -> dict[str, Any]:
        self.asked.append("describe_map_run")
        return self.map_runs[request["mapRunArn"]]

    def map(self, total: int, succeeded: int, status: str = "RUNNING", arn: str = "map0") -> None:
        items = {"total": total, "succeeded": succeeded}
        batches = {"total": -(-total // 2), "succeeded": succeeded // 2}
        self.map_runs[arn] = {"status": status, "itemCounts": items, "executionCounts": batches}


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def execution(run: Run) -> Execution:
    return Execution(run)


@pytest.fixture
def watcher(execution: Execution, s3: Any) -> RunWatcher:
    return RunWatcher(execution, s3, "arn", Clock())


def write_verdicts(s3: Any, run: Run, batch: str, rejected: int) -> None:
    objects.put_bytes(
        s3, RESULTS, keys.verdicts_key(run.run_id, batch), b"", metadata={"accepted": "1", "rejected": str(rejected)}
    )


def write_plan(s3: Any, run: Run) -> None:
    """A plan of two shards, with three images and one."""
    batch = Batch("b", Counts(5, 0, 4, 1), (BatchShard("b-0", 3, 1, "p0000"), BatchShard("b-1", 1, 1, "p0000")))
    plan = Plan("processing", batch.counts, (PARTITION,), (batch,))
    objects.put_json(s3, RESULTS, keys.plan_key(run.run_id), plan.to_json(run.run_id))


def write_predictions(s3: Any, run: Run, shard: str) -> None:
    objects.put_bytes(s3, RESULTS, keys.predictions_key(run.run_id, "p0000", shard), b"")


def test_a_run_that_has_not_started_has_only_a_state(watcher: RunWatcher) -> None:
    assert watcher.poll() == Progress("StartRun")


def test_the_run_is_known_once_it_has_started(watcher: RunWatcher, execution: Execution, run: Run) -> None:
    execution.states.append("ForEachSource")

    progress = watcher.poll()

    assert (progress.state, progress.run_id) == ("ForEachSource", run.run_id)


def test_validated_images_are_counted_over_all_prefixes(watcher: RunWatcher, execution: Execution) -> None:
    execution.states.append("ForEachSource")
    execution.map(total=10, succeeded=4)
    execution.map(total=6, succeeded=6, status="SUCCEEDED", arn="map1")

    progress = watcher.poll()

    assert (progress.listed, progress.validated) == (16, 10)
    assert (progress.batches, progress.batches_done) == (8, 5)


def test_a_map_run_that_has_ended_is_not_asked_again(watcher: RunWatcher, execution: Execution) -> None:
    execution.states.append("ForEachSource")
    execution.map(total=6, succeeded=6, status="SUCCEEDED")
    watcher.poll()

    assert watcher.poll().validated == 6
    assert execution.asked.count("describe_map_run") == 1


def test_rejected_images_are_counted_as_verdicts_arrive(
    watcher: RunWatcher, execution: Execution, s3: Any, run: Run
) -> None:
    execution.states.append("ForEachSource")
    execution.map(total=10, succeeded=10)
    write_verdicts(s3, run, "b1", rejected=2)
    first = watcher.poll()
    write_verdicts(s3, run, "b2", rejected=3)

    assert (first.rejected, watcher.poll().rejected) == (2, 5)


def test_no_more_images_are_rejected_than_were_validated(
    watcher: RunWatcher, execution: Execution, s3: Any, run: Run
) -> None:
    execution.states.append("ValidateImages")
    execution.map(total=10, succeeded=4)
    write_verdicts(s3, run, "b1", rejected=4)
    write_verdicts(s3, run, "b2", rejected=4)
    progress = watcher.poll()
    assert (progress.validated, progress.rejected) == (4, 4)


def test_once_there_is_a_plan_it_says_how_many_images_there_are_and_how_many_were_rejected(
    watcher: RunWatcher, execution: Execution, s3: Any, run: Run
) -> None:
    execution.states += ["PlanInference", "RunProcessingJobs"]
    execution.map(total=7, succeeded=7, status="SUCCEEDED")
    write_plan(s3, run)

    progress = watcher.poll()

    assert (progress.listed, progress.validated, progress.rejected) == (5, 5, 1)


@pytest.mark.parametrize(("verdicts_a_poll", "rejected"), [(2, 2), (None, 3)])
def test_a_look_asks_about_as_many_verdicts_as_it_may(
    execution: Execution, s3: Any, run: Run, verdicts_a_poll: int | None, rejected: int
) -> None:
    execution.states.append("ForEachSource")
    execution.map(total=10, succeeded=10)
    for batch in ("b1", "b2", "b3"):
        write_verdicts(s3, run, batch, rejected=1)

    watcher = RunWatcher(execution, s3, "arn", verdicts_a_poll=verdicts_a_poll)

    assert watcher.poll().rejected == rejected


def test_predicted_images_are_counted_as_shards_arrive(
    watcher: RunWatcher, execution: Execution, s3: Any, run: Run
) -> None:
    execution.states += ["PlanInference", "RunProcessingJobs"]
    execution.map(total=5, succeeded=5, status="SUCCEEDED")
    write_plan(s3, run)
    write_predictions(s3, run, "b-0")
    first = watcher.poll()
    write_predictions(s3, run, "b-1")

    assert (first.predicted, first.shards_predicted, first.shards) == (3, 1, 2)
    assert (watcher.poll().predicted, watcher.poll().shards_predicted) == (4, 2)


def test_the_answers_of_a_transform_job_count_as_predicted(
    watcher: RunWatcher, execution: Execution, s3: Any, run: Run
) -> None:
    execution.states += ["PlanInference", "RunTransformJobs"]
    execution.map(total=5, succeeded=5, status="SUCCEEDED")
    write_plan(s3, run)
    objects.put_bytes(s3, RESULTS, f"runs/{run.run_id}/predictions/p0000/b-0.safetensors.out", b"")

    assert watcher.poll().predicted == 3


def test_photos_that_are_sent_one_by_one_are_counted_as_they_are_answered(
    watcher: RunWatcher, execution: Execution, s3: Any, run: Run
) -> None:
    execution.states += ["PlanInference", "RunTransformJobs"]
    execution.map(total=5, succeeded=5, status="SUCCEEDED")
    shard = BatchShard("b-0", 4, 1, "p0000", originals="example-images")
    batch = Batch("b", Counts(5, 0, 4, 1), (shard,))
    plan = Plan("transform", batch.counts, (PARTITION,), (batch,))
    objects.put_json(s3, RESULTS, keys.plan_key(run.run_id), plan.to_json(run.run_id))
    for key in ("incoming/a.jpg", "incoming/b/a.jpg"):
        objects.put_bytes(s3, RESULTS, keys.answer_key(run.run_id, "p0000", key), b"[1]")

    progress = watcher.poll()

    assert (progress.predicted, progress.shards) == (2, 0)


def test_a_shard_that_its_job_gave_up_counts_as_failed(
    watcher: RunWatcher, execution: Execution, s3: Any, run: Run
) -> None:
    execution.states += ["PlanInference", "RunProcessingJobs"]
    execution.map(total=5, succeeded=5, status="SUCCEEDED")
    write_plan(s3, run)
    key = keys.failed_shard_key(run.run_id, "p0000", "b-0")
    objects.put_bytes(s3, RESULTS, key, ShardFailure("b-0", "JobFailed", "no").to_json().encode())

    progress = watcher.poll()

    assert (progress.predicted, progress.failed, progress.shards_failed) == (0, 3, 1)


def test_the_summary_has_the_last_word(watcher: RunWatcher, execution: Execution, s3: Any, run: Run) -> None:
    execution.states += ["AggregatePredictions", "Done"]
    counts = {"listed": 5, "folders": 1, "predicted": 3, "rejected": 1, "failed": 1, "skipped": 0}
    objects.put_json(
        s3, RESULTS, keys.result_key(run.run_id, "summary.json"), {"counts": counts, "execution_arn": "arn"}
    )

    assert watcher.poll() == Progress("Done", run.run_id, 5, 5, 1, 3, 1, 1.0)


def test_what_the_execution_before_has_left_does_not_count_in_one_that_took_its_run_over(
    watcher: RunWatcher, execution: Execution, s3: Any, run: Run
) -> None:
    write_plan(s3, run)
    failure = ShardFailure("b-0", "JobFailed", "no").to_json().encode()
    objects.put_bytes(s3, RESULTS, keys.failed_shard_key(run.run_id, "p0000", "b-0"), failure)
    counts = {"listed": 5, "folders": 0, "predicted": 1, "rejected": 1, "failed": 3, "skipped": 0}
    document = {"counts": counts, "execution_arn": "that failed"}
    objects.put_json(s3, RESULTS, keys.result_key(run.run_id, "summary.json"), document)

    execution.states.append("ForEachSource")
    execution.map(total=5, succeeded=5, status="SUCCEEDED")
    validated = watcher.poll()
    shards = (BatchShard("b-0", 3, 1, "r1p0000"), BatchShard("b-1", 1, 1, "p0000"))
    batch = Batch("b", Counts(5, 0, 4, 1), shards)
    plan = Plan("processing", batch.counts, (PARTITION,), (batch,))
    objects.put_json(s3, RESULTS, keys.plan_key(run.run_id), plan.to_json(run.run_id))
    write_predictions(s3, run, "b-1")
    execution.states += ["PlanInference", "RunProcessingJobs"]
    predicting = watcher.poll()
    execution.states.append("AggregatePredictions")
    gathered = watcher.poll()

    assert (validated.accepted, validated.predicted, validated.failed) == (0, 0, 0)
    assert (predicting.accepted, predicting.predicted, predicting.failed) == (4, 1, 0)
    assert (gathered.predicted, gathered.failed, gathered.fraction < 1) == (1, 0, True)


def test_the_course_of_the_run_is_that_of_its_definition(watcher: RunWatcher, execution: Execution) -> None:
    states = {"StartRun": {"Type": "Task", "Next": "Next"}, "Next": {"Type": "Task"}}
    execution.definition = {"StartAt": "StartRun", "States": states}
    execution.states.append("Other")

    steps = watcher.poll().steps

    assert [(step.name, step.left) for step in steps] == [("StartRun", BEGAN), ("Next", None)]
    watcher.poll()
    assert execution.asked.count("describe_state_machine_for_execution") == 1


def test_who_may_not_read_the_definition_sees_the_states_that_there_were(
    watcher: RunWatcher, execution: Execution
) -> None:
    execution.definition = None
    execution.states.append("PlanInference")

    assert [step.name for step in watcher.poll().steps] == ["StartRun", "PlanInference"]
    watcher.poll()
    assert execution.asked.count("describe_state_machine_for_execution") == 1


def test_a_state_is_read_once_from_the_history(watcher: RunWatcher, execution: Execution) -> None:
    execution.definition = None
    watcher.poll()
    execution.states = ["StartRun", "ForEachSource", "PlanInference"]
    watcher.poll()

    assert [(step.name, step.entered) for step in watcher.poll().steps] == [(name, BEGAN) for name in execution.states]


def test_a_run_that_failed_before_its_results_is_still_watched(watcher: RunWatcher, execution: Execution) -> None:
    execution.states.append("AggregatePredictions")

    assert watcher.poll().fraction == 0.0


def test_the_fraction_never_falls(watcher: RunWatcher, execution: Execution) -> None:
    execution.states.append("ForEachSource")
    execution.map(total=10, succeeded=8)
    first = watcher.poll()
    execution.map(total=100, succeeded=8)

    assert (first.fraction, watcher.poll().fraction) == (0.4, 0.4)


def test_a_slow_listing_is_not_repeated_at_each_poll(execution: Execution, s3: Any, run: Run) -> None:
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
    clock.now += 10
    assert watcher.poll().rejected == 1
