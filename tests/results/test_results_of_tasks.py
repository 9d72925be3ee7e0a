"""Gathering what detectors and raw models answer: boxes are counted, arrays kept, and one that is lost is missed."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline import objects
from pipeline.contract import ModelContract, parse_contract
from pipeline.errors import TooManyFailed
from pipeline.inference.arrays import ArrayWriter
from pipeline.inference.predictions import Prediction, Ranked
from pipeline.results import aggregate as results
from pipeline.runs import keys
from pipeline.runs.planning import Plan
from pipeline.runs.run import Run
from pipeline.shards import Row
from pipeline.validation import verdicts
from pipeline.validation.verdicts import Accepted

RESULTS = "example-results"
COMPLETED = [{"id": "p0000", "status": "Completed"}]
CAT, DOG = Ranked("cat", 0, 0.5), Ranked("dog", 1, 0.25)
BOX = (0.0, 0.0, 2.0, 2.0)
Validated = Callable[..., Plan]


@pytest.fixture
def contract(contract: ModelContract, request: pytest.FixtureRequest) -> ModelContract:
    """The tiny contract for the task that a test is marked with: `indirect` parameters name it."""
    document = contract.to_json()
    if request.param == "raw":
        document |= {"task": "raw", "output": {"name": "features", "activation": "none"}}
    else:
        decode = {"scheme": "xyxy", "boxes": "pixels"}
        thresholds = {"score_threshold": 0.3, "iou_threshold": 0.5}
        document |= {"task": "detection", "output": {"name": "y", "activation": "none", "decode": decode, **thresholds}}
    return parse_contract(document)


raw = pytest.mark.parametrize("contract", ["raw"], indirect=True)
detection = pytest.mark.parametrize("contract", ["detection"], indirect=True)


def shards_of(s3: Any, run: Run, plan: Plan) -> dict[str, list[Row]]:
    """What each shard of a plan packs."""
    lines = (objects.get_lines(s3, RESULTS, keys.verdicts_key(run.run_id, batch.id)) for batch in plan.batches)
    accepted = [each for batch in lines for line in batch if isinstance(each := verdicts.from_json(line), Accepted)]
    return {
        shard.id: [each.row for each in accepted if each.shard == shard.id]
        for batch in plan.batches
        for shard in batch.shards
    }


def write_lines(s3: Any, run: Run, shard: str, predictions: list[Prediction]) -> None:
    body = "".join(prediction.to_line() for prediction in predictions).encode()
    s3.put_object(Bucket=RESULTS, Key=keys.predictions_key(run.run_id, "p0000", shard), Body=body)


def blank(run: Run, shard: str, row: Row) -> Prediction:
    return Prediction(row, "tiny", run.contract.digest, run.run_id, shard)


def infer_raw(s3: Any, run: Run, plan: Plan) -> dict[str, Any]:
    """Write what a job would for the task raw: the answer for an image is 2 x 3 numbers that tell shard and row."""
    answers = {}
    for number, (shard, rows) in enumerate(shards_of(s3, run, plan).items()):
        answers[shard] = np.arange(len(rows) * 6, dtype=np.float32).reshape(-1, 2, 3) + 100 * number
        file = io.BytesIO()
        ArrayWriter(file, len(rows)).append(answers[shard])
        s3.put_object(Bucket=RESULTS, Key=keys.array_key(run.run_id, "p0000", shard), Body=file.getvalue())
        lines = [replace(blank(run, shard, row), array_row=index) for index, row in enumerate(rows)]
        write_lines(s3, run, shard, lines)
    return answers


def read_rows(s3: Any, run: Run) -> list[dict[str, Any]]:
    table = objects.get_bytes(s3, RESULTS, keys.result_key(run.run_id, "predictions.parquet"))
    rows: list[dict[str, Any]] = pq.read_table(BytesIO(table)).to_pylist()
    return rows


def read_summary(s3: Any, run: Run) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(objects.get_bytes(s3, RESULTS, keys.result_key(run.run_id, "summary.json")))
    return summary


@raw
def test_each_row_of_the_table_names_the_answer_for_its_image(s3: Any, run: Run, validated: Validated) -> None:
    plan = validated(good=5)
    answers = infer_raw(s3, run, plan)
    expected = {
        row.key: answers[shard][index].tolist()
        for shard, rows in shards_of(s3, run, plan).items()
        for index, row in enumerate(rows)
    }

    results.aggregate_predictions(run, COMPLETED, s3)

    found = {}
    for row in read_rows(s3, run):
        array = np.load(BytesIO(objects.get_bytes(s3, RESULTS, keys.result_key(run.run_id, row["array_file"]))))
        found[row["key"]] = array[row["array_row"]].tolist()
    assert found == expected


@raw
def test_of_an_array_only_the_copy_among_the_results_is_kept(s3: Any, run: Run, validated: Validated) -> None:
    def tags(key: str) -> list[dict[str, str]]:
        found: list[dict[str, str]] = s3.get_object_tagging(Bucket=RESULTS, Key=key)["TagSet"]
        return found

    (shard,) = infer_raw(s3, run, validated(good=1))

    for _ in range(2):  # the second time as Step Functions would try it again
        results.aggregate_predictions(run, COMPLETED, s3)

    assert tags(keys.array_key(run.run_id, "p0000", shard)) == [{"Key": "imagebatch", "Value": "shard"}]
    assert tags(keys.result_key(run.run_id, f"arrays/{shard}.npy")) == []


@raw
def test_the_message_about_a_raw_run_names_the_arrays(s3: Any, run: Run, validated: Validated) -> None:
    infer_raw(s3, run, validated(good=1))

    assert "arrays/" in json.loads(results.aggregate_predictions(run, COMPLETED, s3)["message"]["body"])["default"]


@raw
def test_a_shard_whose_array_is_missing_fails_its_images(s3: Any, run: Run, validated: Validated) -> None:
    plan = validated(good=4)
    shard, *_ = infer_raw(s3, run, plan)
    s3.delete_object(Bucket=RESULTS, Key=keys.array_key(run.run_id, "p0000", shard))

    with pytest.raises(TooManyFailed, match=rf"CorruptPredictions \(2\).* shard {shard} name rows of .*, which is not"):
        results.aggregate_predictions(run, COMPLETED, s3)
    assert {row["array_file"] for row in read_rows(s3, run)}.isdisjoint({f"arrays/{shard}.npy"})


@raw
@pytest.mark.parametrize("change", [{"array_row": 1}, {"values": (1.0,)}])
def test_a_prediction_that_names_another_row_fails_its_shard(
    s3: Any, run: Run, validated: Validated, change: dict[str, Any]
) -> None:
    plan = validated(good=1)
    ((shard, (row,)),) = shards_of(s3, run, plan).items()
    infer_raw(s3, run, plan)
    write_lines(s3, run, shard, [replace(blank(run, shard, row), **change)])

    with pytest.raises(TooManyFailed, match="do not name the rows"):
        results.aggregate_predictions(run, COMPLETED, s3)


def infer_boxes(s3: Any, run: Run, plan: Plan, *found: tuple[Ranked, ...]) -> None:
    """Write a detector's predictions: for each image in turn the answers, each in the same box."""
    answers = iter(found)
    for shard, rows in shards_of(s3, run, plan).items():
        tops = [next(answers) for _ in rows]
        pairs = zip(rows, tops, strict=True)
        write_lines(
            s3, run, shard, [replace(blank(run, shard, row), top=top, boxes=(BOX,) * len(top)) for row, top in pairs]
        )


@detection
def test_an_image_in_which_nothing_was_found_is_predicted(s3: Any, run: Run, validated: Validated) -> None:
    infer_boxes(s3, run, validated(good=2), (CAT,), ())

    results.aggregate_predictions(run, COMPLETED, s3)

    assert sorted((row["label"] or "", row["labels"], len(row["boxes"])) for row in read_rows(s3, run)) == [
        ("", [], 0),
        ("cat", ["cat"], 1),
    ]


@detection
def test_the_summary_counts_the_images_that_have_a_label_and_its_boxes(s3: Any, run: Run, validated: Validated) -> None:
    infer_boxes(s3, run, validated(good=3), (CAT, CAT, DOG), (CAT,), ())

    message = json.loads(results.aggregate_predictions(run, COMPLETED, s3)["message"]["body"])["default"]

    summary = read_summary(s3, run)
    assert summary["top_labels"] == [
        {"label": "cat", "images": 2, "mean_score": 0.5, "boxes": 3},
        {"label": "dog", "images": 1, "mean_score": 0.25, "boxes": 1},
    ]
    assert summary["without_boxes"] == 1
    assert "2  cat, 3 boxes\n" in message
    assert "1  without a box\n" in message
