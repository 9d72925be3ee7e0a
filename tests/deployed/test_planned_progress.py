"""Watching a run that is planned: the plan says how much there is, and predictions are counted as they arrive."""

from typing import Any

from pipeline import objects
from pipeline.deployed.progress import RunWatcher
from pipeline.inference.predictions import ShardFailure
from pipeline.runs import keys
from pipeline.runs.partitions import Partition
from pipeline.runs.planning import Plan
from pipeline.runs.run import Run
from pipeline.validation.batches import Batch, BatchShard, Counts

RESULTS = "example-results"
PARTITION = Partition("p0000", "imagebatch-run-p0000", "s3://m", "s3://p", 4, 2, "ml.c7i.xlarge", 1, 3600)


def write_plan(s3: Any, run: Run) -> None:
    """A plan of two shards, with three images and one."""
    batch = Batch("b", Counts(5, 0, 4, 1), (BatchShard("b-0", 3, 1, "p0000"), BatchShard("b-1", 1, 1, "p0000")))
    plan = Plan("processing", batch.counts, (PARTITION,), (batch,))
    objects.put_json(s3, RESULTS, keys.plan_key(run.run_id), plan.to_json(run.run_id))


def write_predictions(s3: Any, run: Run, shard: str) -> None:
    objects.put_bytes(s3, RESULTS, keys.predictions_key(run.run_id, "p0000", shard), b"")


def test_once_there_is_a_plan_it_says_how_many_images_there_are_and_how_many_were_rejected(
    watcher: RunWatcher, execution: Any, s3: Any, run: Run
) -> None:
    execution.states += ["PlanInference", "RunProcessingJobs"]
    execution.map(total=7, succeeded=7, status="SUCCEEDED")
    write_plan(s3, run)

    progress = watcher.poll()

    assert (progress.listed, progress.validated, progress.rejected) == (5, 5, 1)


def test_predicted_images_are_counted_as_shards_arrive(watcher: RunWatcher, execution: Any, s3: Any, run: Run) -> None:
    execution.states += ["PlanInference", "RunProcessingJobs"]
    execution.map(total=5, succeeded=5, status="SUCCEEDED")
    write_plan(s3, run)
    write_predictions(s3, run, "b-0")
    first = watcher.poll()
    write_predictions(s3, run, "b-1")

    assert (first.predicted, first.shards_predicted, first.shards) == (3, 1, 2)
    assert (watcher.poll().predicted, watcher.poll().shards_predicted) == (4, 2)


def test_the_answers_of_a_transform_job_count_as_predicted(
    watcher: RunWatcher, execution: Any, s3: Any, run: Run
) -> None:
    execution.states += ["PlanInference", "RunTransformJobs"]
    execution.map(total=5, succeeded=5, status="SUCCEEDED")
    write_plan(s3, run)
    objects.put_bytes(s3, RESULTS, f"runs/{run.run_id}/predictions/p0000/b-0.safetensors.out", b"")

    assert watcher.poll().predicted == 3


def test_photos_that_are_sent_one_by_one_are_counted_as_they_are_answered(
    watcher: RunWatcher, execution: Any, s3: Any, run: Run
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


def test_a_shard_that_its_job_gave_up_counts_as_failed(watcher: RunWatcher, execution: Any, s3: Any, run: Run) -> None:
    execution.states += ["PlanInference", "RunProcessingJobs"]
    execution.map(total=5, succeeded=5, status="SUCCEEDED")
    write_plan(s3, run)
    key = keys.failed_shard_key(run.run_id, "p0000", "b-0")
    objects.put_bytes(s3, RESULTS, key, ShardFailure("b-0", "JobFailed", "no").to_json().encode())

    progress = watcher.poll()

    assert (progress.predicted, progress.failed, progress.shards_failed) == (0, 3, 1)


def test_what_the_execution_before_has_left_does_not_count_in_one_that_took_its_run_over(
    watcher: RunWatcher, execution: Any, s3: Any, run: Run
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
