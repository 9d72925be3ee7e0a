"""Batch results: they add up, or they are refused."""

import json

import pytest

from pipeline.errors import RunDoesNotAddUp
from pipeline.validation.batches import Batch, BatchShard, Counts, Work, beginning

BATCH = Batch(
    "b1",
    Counts(listed=5, passed_over=1, accepted=3, rejected=2),
    (BatchShard("b1-0", 2, 600), BatchShard("b1-1", 1, 300)),
    Work(milliseconds=250, memory_mb=1769, bytes=900_000),
    "incoming/0001.jpg",
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
        "first": "incoming/0001.jpg",
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


@pytest.mark.parametrize("letter", ["a", '"', "\x01", "é", "\u202e", "\U0001f600"])
def test_the_beginnings_of_a_whole_walk_s_keys_fit_between_two_states(letter: str) -> None:
    """262,144 bytes hold what 160 images answer that were walked one by one."""
    walked = [Batch("b" * 20, Counts(1, 0, 0, 1), (), first=beginning(letter * 1024)) for _ in range(160)]

    assert (
        len(json.dumps([batch.to_json("2026-11-20T0200-a-name-of-24-letters-012-7f3a9c") for batch in walked]))
        < 262_144
    )
