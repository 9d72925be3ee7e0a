"""Photos that a container that is not ours was sent: each has its answer, or fails with a reason of its own."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline import objects
from pipeline.contract import Activation, ModelContract, Task
from pipeline.errors import TooManyFailed
from pipeline.results.aggregate import aggregate_predictions
from pipeline.runs import keys, planning
from pipeline.runs.run import Run
from pipeline.settings import PlanInferenceSettings
from pipeline.validation import batch as validation
from pipeline.validation.batches import Batch

IMAGES, RESULTS = "example-images", "example-results"
HOSTILE = ["a b.jpg", 'q"uote.jpg', "line\nend.jpg", "ü/a.jpg", "../up.jpg", "a.jpg", "b/a.jpg"]
COMPLETED = [{"id": "p0000", "status": "Completed"}]

Summary = dict[str, Any]
Gather = Callable[..., Summary]


@pytest.fixture
def foreign(run: Run, foreign_contract: ModelContract) -> Run:
    return replace(run, model="foreign", engine="transform", contract=foreign_contract, top_k=2, max_failed_fraction=1)


@pytest.fixture
def gather(s3: Any, foreign: Run, photo: Callable[..., bytes]) -> Gather:
    """Validates, plans and gathers photos: `gather({"a.jpg": b"[0.1, 0.9]", "b.jpg": None})` says what is answered."""

    def run_it(
        answers: Mapping[str, bytes | None],
        partitions: Sequence[Mapping[str, Any]] = COMPLETED,
        bodies: Mapping[str, bytes] | None = None,
        run: Run = foreign,
        labels: bytes = b"cat\ndog\n",
    ) -> Summary:
        objects.put_bytes(s3, RESULTS, "models/foreign/labels.txt", labels)
        items = []
        for seed, key in enumerate(answers):
            body = (bodies or {}).get(key) or photo(seed=seed)
            etag = s3.put_object(Bucket=IMAGES, Key=key, Body=body)["ETag"]
            items.append({"Key": key, "Etag": etag, "Size": len(body)})
        found = Batch.from_json(validation.validate_batch(run, IMAGES, items, s3))
        plan = planning.make_plan(run, [found], PlanInferenceSettings("ml.c7i.xlarge"))
        objects.put_json(s3, RESULTS, keys.plan_key(run.run_id), plan.to_json(run.run_id))
        for key, answer in answers.items():
            if answer is not None:
                s3.put_object(Bucket=RESULTS, Key=f"runs/{run.run_id}/predictions/p0000/{key}.out", Body=answer)
        summary: Summary = aggregate_predictions(run, partitions, s3)["summary"]
        return summary

    return run_it


def predictions(s3: Any, run: Run) -> dict[str, dict[str, Any]]:
    body = s3.get_object(Bucket=RESULTS, Key=keys.result_key(run.run_id, keys.PREDICTIONS))["Body"].read()
    return {row["key"]: row for row in pq.read_table(io.BytesIO(body)).to_pylist()}


def failures(s3: Any, run: Run) -> dict[str, dict[str, str]]:
    text = s3.get_object(Bucket=RESULTS, Key=keys.result_key(run.run_id, keys.FAILED))["Body"].read().decode()
    return {row["key"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}


def test_an_answer_is_ranked_and_labelled(s3: Any, foreign: Run, gather: Gather) -> None:
    gather({"a.jpg": b"[0.25, 0.75]"})
    row = predictions(s3, foreign)["a.jpg"]
    assert (row["labels"], row["scores"], row["model"]) == (["dog", "cat"], [0.75, 0.25], "foreign")


def test_every_photo_gets_its_own_answer_whatever_its_key(s3: Any, foreign: Run, gather: Gather) -> None:
    answers = {key: json.dumps([number, 1 - number]).encode() for number, key in enumerate(HOSTILE)}
    summary = gather(answers)
    assert summary["predicted"] == len(HOSTILE)
    best = {key: max(row["scores"]) for key, row in predictions(s3, foreign).items()}
    assert best == {key: max(number, 1 - number) for number, key in enumerate(HOSTILE)}


def test_there_are_no_pixels_to_show_of_a_photo_that_was_not_packed(s3: Any, foreign: Run, gather: Gather) -> None:
    gather({"a.jpg": b"[0.25, 0.75]"})
    row = predictions(s3, foreign)["a.jpg"]
    assert (row["shard"], row["shard_row"]) == (None, None)
    assert not list(objects.list_objects(s3, RESULTS, keys.shards_prefix(foreign.run_id)))


def test_an_activation_is_applied_to_what_the_container_answers(s3: Any, foreign: Run, gather: Gather) -> None:
    output = replace(foreign.contract.output, activation=Activation.SOFTMAX)
    gather({"a.jpg": b"[1000, 1000]"}, run=replace(foreign, contract=replace(foreign.contract, output=output)))
    assert predictions(s3, foreign)["a.jpg"]["scores"] == [0.5, 0.5]


def test_an_embedding_is_the_vector_that_the_container_answers(s3: Any, foreign: Run, gather: Gather) -> None:
    contract = replace(foreign.contract, task=Task.EMBEDDING, output=replace(foreign.contract.output, labels=None))
    gather({"a.jpg": b"[1, -2, 3.5]"}, run=replace(foreign, contract=contract))
    assert predictions(s3, foreign)["a.jpg"]["embedding"] == [1, -2, 3.5]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"<html>busy</html>", "does not read as json_array: it is no JSON"),
        (b"", "it is no JSON"),
        (b"[0.1, NaN]", "score 1 is nan, which is no finite number"),
        (b"[0.1, 0.2, 0.7]", "the container answers 3 numbers, and the package has 2 labels"),
    ],
)
def test_an_answer_that_is_none_fails_its_photo_and_no_other(
    s3: Any, foreign: Run, gather: Gather, answer: bytes, why: str
) -> None:
    summary = gather({"bad.jpg": answer, "good.jpg": b"[0.1, 0.9]"})
    assert (summary["predicted"], summary["failed"]) == (1, 1)
    failure = failures(s3, foreign)["bad.jpg"]
    assert failure["error"] == "InvalidPrediction"
    assert why in failure["detail"]


def test_an_answer_that_is_too_large_to_be_one_is_not_read(
    s3: Any, foreign: Run, gather: Gather, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.results.originals._LARGEST_ANSWER", 10)
    gather({"a.jpg": b"[0.25, 0.75]", "b.jpg": b"[0, 1]"})
    assert "has 12 bytes; at most 10 are read" in failures(s3, foreign)["a.jpg"]["detail"]


def test_a_photo_without_an_answer_fails_as_its_job_did(s3: Any, foreign: Run, gather: Gather) -> None:
    failed = {"id": "p0000", "status": "Failed", "error": "States.TaskFailed", "cause": "job-retry: ClientError: logs"}
    summary = gather({"a.jpg": b"[0.1, 0.9]", "b.jpg": None}, [failed])
    assert (summary["predicted"], summary["failed"]) == (1, 1)
    assert failures(s3, foreign)["b.jpg"]["detail"] == "job-retry: ClientError: logs"


def test_a_photo_that_a_completed_job_has_no_answer_for_fails_all_the_same(
    s3: Any, foreign: Run, gather: Gather
) -> None:
    gather({"a.jpg": b"[0.1, 0.9]", "b.jpg": None})
    assert "ended without an answer for this photo" in failures(s3, foreign)["b.jpg"]["detail"]


def test_a_photo_above_what_the_container_takes_fails_unsent_with_the_limit(
    s3: Any, foreign: Run, gather: Gather, photo: Callable[..., bytes]
) -> None:
    large = photo(800, 600, format="PNG")
    summary = gather({"large.png": None, "a.jpg": b"[0.1, 0.9]"}, bodies={"large.png": large})
    assert (summary["predicted"], summary["failed"]) == (1, 1)
    failure = failures(s3, foreign)["large.png"]
    assert (failure["error"], failure["partition"]) == ("TooLargeForContainer", "")
    assert "the container takes 1 MB (1,000,000 bytes) at most" in failure["detail"]


def test_a_photo_whose_answer_could_not_be_stored_fails_unsent(s3: Any, foreign: Run, gather: Gather) -> None:
    long = "k" * 1000
    gather({long: None, "a.jpg": b"[0.1, 0.9]"})
    failure = failures(s3, foreign)[long]
    assert failure["error"] == "KeyTooLong"
    assert "S3 takes 1,024" in failure["detail"]


def test_where_no_photo_can_be_sent_the_run_says_why(foreign: Run, gather: Gather) -> None:
    strict = replace(foreign, max_failed_fraction=0.5)
    with pytest.raises(TooManyFailed, match=r"KeyTooLong \(1\)"):
        gather({"k" * 1000: None}, [], run=strict)


def test_what_validation_rejects_is_never_sent(s3: Any, foreign: Run, gather: Gather) -> None:
    summary = gather({"bad.jpg": None, "a.jpg": b"[0.1, 0.9]"}, bodies={"bad.jpg": b"hello"})
    assert (summary["predicted"], summary["rejected"], summary["failed"]) == (1, 1, 0)
