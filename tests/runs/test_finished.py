"""Predictions that are there count when they are whole, and of the run's contract."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pipeline import objects
from pipeline.inference.predictions import Prediction, Ranked
from pipeline.runs import keys
from pipeline.runs.finished import finished_shards
from pipeline.runs.planning import Plan, make_plan
from pipeline.runs.run import Run
from pipeline.settings import PlanInferenceSettings
from pipeline.shards import Row
from pipeline.validation.batches import Batch, BatchShard

RESULTS = "example-results"
SETTINGS = PlanInferenceSettings("ml.c7i.xlarge")


@pytest.fixture
def plan(validated: Callable[..., Plan]) -> Plan:
    """Two batches of one shard each, in one partition."""
    return validated(good=4)


@pytest.fixture
def shards(plan: Plan) -> list[BatchShard]:
    return [shard for batch in plan.batches for shard in batch.shards]


def predict(
    s3: Any, run: Run, shard: BatchShard, *, rows: int | None = None, contract: str = "", partition: str = "p0000"
) -> str:
    count = shard.rows if rows is None else rows
    lines = "".join(
        Prediction(
            Row("images", f"{n}", "e", 1, 1, 1),
            "tiny",
            contract or run.contract.digest,
            run.run_id,
            shard.id,
            (Ranked("cat", 0, 1),),
        ).to_line()
        for n in range(count)
    )
    key = keys.predictions_key(run.run_id, partition, shard.id)
    objects.put_bytes(s3, RESULTS, key, lines.encode())
    return key


def test_nothing_is_finished_where_nothing_is_predicted(s3: Any, run: Run, shards: list[BatchShard]) -> None:
    assert finished_shards(run, shards, s3) == {}


def test_a_shard_is_finished_where_its_predictions_are_whole(s3: Any, run: Run, shards: list[BatchShard]) -> None:
    predict(s3, run, shards[0])

    assert finished_shards(run, shards, s3) == {shards[0].id: "p0000"}


def test_the_answer_of_a_transform_job_counts_as_well(s3: Any, run: Run, shards: list[BatchShard]) -> None:
    key = predict(s3, run, shards[0])
    s3.copy_object(Bucket=RESULTS, CopySource=f"{RESULTS}/{key}", Key=key.replace(".jsonl", ".safetensors.out"))
    s3.delete_object(Bucket=RESULTS, Key=key)

    assert finished_shards(run, shards, s3) == {shards[0].id: "p0000"}


def test_predictions_of_another_run_over_the_same_images_are_made_again(
    s3: Any, run: Run, shards: list[BatchShard]
) -> None:
    another = replace(run, run_id="2026-11-21T0200-incoming-000000")
    key = predict(s3, another, shards[0])
    mine = keys.predictions_key(run.run_id, "p0000", shards[0].id)
    s3.copy_object(Bucket=RESULTS, CopySource=f"{RESULTS}/{key}", Key=mine)

    assert finished_shards(run, shards, s3) == {}


def test_predictions_that_lack_a_row_are_made_again(s3: Any, run: Run, shards: list[BatchShard]) -> None:
    predict(s3, run, shards[0], rows=shards[0].rows - 1)

    assert finished_shards(run, shards, s3) == {}


def test_a_file_that_was_cut_in_half_is_made_again(s3: Any, run: Run, shards: list[BatchShard]) -> None:
    key = predict(s3, run, shards[0])
    whole = objects.get_bytes(s3, RESULTS, key)
    objects.put_bytes(s3, RESULTS, key, whole[: len(whole) // 2 + 1])

    assert finished_shards(run, shards, s3) == {}


def test_predictions_of_another_contract_are_made_again(s3: Any, run: Run, shards: list[BatchShard]) -> None:
    predict(s3, run, shards[0], contract="another")

    assert finished_shards(run, shards, s3) == {}


def test_what_other_files_of_the_model_have_predicted_is_made_again(
    s3: Any, run: Run, shards: list[BatchShard]
) -> None:
    predict(s3, run, shards[0])
    predict(s3, run, shards[1], partition="r1p0000")

    replaced = replace(run, resumed=2, same_model_since=1)
    assert finished_shards(replaced, shards, s3) == {shards[1].id: "r1p0000"}


def test_of_two_predictions_of_a_shard_the_later_counts(s3: Any, run: Run, shards: list[BatchShard]) -> None:
    for partition in ("p0000", "r2p0000", "r10p0000"):
        predict(s3, run, shards[0], partition=partition)

    assert finished_shards(run, shards, s3) == {shards[0].id: "r10p0000"}


def test_a_plan_leaves_out_what_is_finished_and_remembers_where_it_lies(run: Run, plan: Plan) -> None:
    batches: list[Batch] = list(plan.batches)
    first, second = (batch.shards[0].id for batch in batches)

    again = make_plan(replace(run, resumed=1), batches, SETTINGS, {first: "p0000"})

    (partition,) = again.partitions
    partition_of = {shard.id: shard.partition for batch in again.batches for shard in batch.shards}
    assert partition_of == {first: "p0000", second: "r1p0000"}
    assert (partition.id, partition.shards) == ("r1p0000", 1)
    assert partition.job_name != plan.partitions[0].job_name
    assert again.counts == plan.counts


def test_where_everything_is_finished_no_job_is_planned(run: Run, plan: Plan) -> None:
    done = {shard.id: "p0000" for batch in plan.batches for shard in batch.shards}

    assert make_plan(replace(run, resumed=1), plan.batches, SETTINGS, done).engine == "none"
