"""Batch results: they add up, or they are refused."""

import pytest

from pipeline.errors import RunDoesNotAddUp
from pipeline.validation.batches import Batch, BatchShard, Counts, Work

BATCH = Batch(
    "b1",
    Counts(listed=5, passed_over=1, accepted=3, rejected=2),
    (BatchShard("b1-0", 2, 600), BatchShard("b1-1", 1, 300)),
    Work(milliseconds=250, memory_mb=1769, bytes=900_000),
)


def test_a_batch_result_has_the_shape_that_the_architecture_shows() -> None:
    assert BATCH.to_json("run") == {
        "batch": "b1",
        "listed": 5,
        "passed_over": 1,
        "accepted": 3,
        "rejected": 2,
        "skipped": 0,
        "verdicts": "runs/run/verdicts/b1.jsonl",
        "shards": [
            {"id": "b1-0", "key": "runs/run/shards/b1-0.safetensors", "rows": 2, "bytes": 600},
            {"id": "b1-1", "key": "runs/run/shards/b1-1.safetensors", "rows": 1, "bytes": 300},
        ],
        "work": {"milliseconds": 250, "memory_mb": 1769, "bytes": 900_000},
    }


def test_a_batch_reads_back_from_its_json() -> None:
    assert Batch.from_json(BATCH.to_json("run")) == BATCH


def test_a_planned_batch_reads_back_with_its_partitions() -> None:
    planned = Batch("b1", Counts(2, 0, 2, 0), (BatchShard("b1-0", 2, 600, "p0000"),))

    assert Batch.from_json(planned.to_json("run")) == planned


@pytest.mark.parametrize("counts", [Counts(4, 1, 3, 2), Counts(5, 1, 4, 1), Counts(6, 0, 3, 2), Counts(5, 1, 3, 2, 1)])
def test_a_batch_that_contradicts_itself_is_refused(counts: Counts) -> None:
    with pytest.raises(RunDoesNotAddUp, match="Batch b1 listed"):
        Batch("b1", counts, BATCH.shards)


def test_counts_add_up_over_batches() -> None:
    assert Counts.total([Counts(5, 1, 3, 2), Counts(2, 0, 1, 0, 1)]) == Counts(7, 1, 4, 2, 1)


def test_no_batches_count_nothing() -> None:
    assert Counts.total([]) == Counts()
