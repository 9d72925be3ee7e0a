"""A batch that an earlier execution of the run validated is not validated again, while what it left is whole."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pipeline import objects
from pipeline.runs.run import Run
from pipeline.validation.batch import validate_batch
from pipeline.validation.stored import validate_once

IMAGES, RESULTS = "example-images", "example-results"


@pytest.fixture
def items(s3: Any, photo: Callable[..., bytes]) -> list[dict[str, Any]]:
    bodies = {"incoming/a.jpg": photo(), "incoming/b.jpg": b"no image", "incoming/": b""}
    return [
        {"Key": key, "Etag": s3.put_object(Bucket=IMAGES, Key=key, Body=body)["ETag"], "Size": len(body)}
        for key, body in bodies.items()
    ]


@pytest.fixture
def validate(s3: Any, run: Run, items: list[dict[str, Any]]) -> Callable[[int], tuple[dict[str, Any], bool]]:
    """`validate(resumed)`: the batch result in an execution that took the run over so often, and whether it was made
    anew."""

    def once(resumed: int) -> tuple[dict[str, Any], bool]:
        this = replace(run, resumed=resumed)
        calls = []

        def work() -> dict[str, Any]:
            calls.append(1)
            return validate_batch(this, IMAGES, items, s3)

        return validate_once(this, IMAGES, items, s3, work), bool(calls)

    return once


def test_a_run_that_is_resumed_finds_what_it_has_validated(validate: Callable[[int], Any]) -> None:
    first, was_made = validate(0)

    assert was_made
    assert validate(1) == (first, False)


def test_a_run_that_is_new_looks_for_nothing(validate: Callable[[int], Any]) -> None:
    assert [validate(0)[1], validate(0)[1]] == [True, True]


def test_what_a_model_knew_whose_files_were_replaced_is_looked_at_again(
    s3: Any, run: Run, items: list[dict[str, Any]], validate: Callable[[int], Any]
) -> None:
    first, _ = validate(0)
    (found,) = s3.list_objects_v2(Bucket=RESULTS, Prefix=f"runs/{run.run_id}/batches/")["Contents"]
    objects.put_json(s3, RESULTS, found["Key"], {**first, "skipped": 1})
    resumed = replace(run, resumed=1, same_model_since=1)

    assert validate_once(resumed, IMAGES, items, s3, lambda: {"batch": "new"})["batch"] == "new"


def test_another_batch_is_validated(validate: Callable[[int], Any], items: list[dict[str, Any]]) -> None:
    validate(0)
    items[0]["Etag"] = "another"

    assert validate(1)[1]


@pytest.mark.parametrize("kind", ["verdicts", "shards"])
def test_what_somebody_deleted_is_made_again(s3: Any, validate: Callable[[int], Any], kind: str) -> None:
    first, _ = validate(0)
    key = first["verdicts"] if kind == "verdicts" else first["shards"][0]["key"]
    s3.delete_object(Bucket=RESULTS, Key=key)

    again, was_made = validate(1)
    assert was_made
    assert {**again, "work": None} == {**first, "work": None}
    assert s3.head_object(Bucket=RESULTS, Key=key)


@pytest.mark.parametrize("kind", ["verdicts", "shards", "batches"])
def test_what_was_cut_in_half_is_made_again(s3: Any, run: Run, validate: Callable[[int], Any], kind: str) -> None:
    first, _ = validate(0)
    (found,) = s3.list_objects_v2(Bucket=RESULTS, Prefix=f"runs/{run.run_id}/{kind}/")["Contents"]
    whole = s3.get_object(Bucket=RESULTS, Key=found["Key"])["Body"].read()
    s3.put_object(Bucket=RESULTS, Key=found["Key"], Body=whole[: len(whole) // 2])

    again, was_made = validate(1)
    assert was_made
    assert {**again, "work": None} == {**first, "work": None}
