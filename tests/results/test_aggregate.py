"""Gathering results: what was predicted is kept, whatever happens to the rest, and every image is accounted for."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline import objects
from pipeline.errors import CorruptVerdicts, RunDoesNotAddUp, TooManyFailed
from pipeline.inference.predictions import Prediction, Ranked, ShardFailure
from pipeline.results import aggregate as results
from pipeline.runs import keys
from pipeline.runs.planning import Plan
from pipeline.runs.run import Run
from pipeline.shards import Row
from pipeline.validation import verdicts
from pipeline.validation.verdicts import Accepted

IMAGES, RESULTS = "example-images", "example-results"
DOCUMENTATION = (Path(__file__).parents[2] / "docs" / "results.md").read_text()
COMPLETED = [{"id": "p0000", "status": "Completed"}]
DIED = [{"id": "p0000", "status": "Failed", "error": "SageMaker.JobFailed", "cause": '{"FailureReason": "no memory"}'}]
Validated = Callable[..., Plan]


def infer(
    s3: Any, run: Run, plan: Plan, leave_out: int | None = None, key_of: Callable[..., str] = keys.predictions_key
) -> None:
    """Write the predictions that a job would; every image is a cat, save that `leave_out` shards are not predicted."""
    accepted = [
        verdict
        for batch in plan.batches
        for line in objects.get_lines(s3, RESULTS, keys.verdicts_key(run.run_id, batch.id))
        if isinstance(verdict := verdicts.from_json(line), Accepted)
    ]
    for shard in [shard for batch in plan.batches for shard in batch.shards][leave_out:]:
        lines = [
            Prediction(v.row, "tiny", run.contract.digest, run.run_id, shard.id, (Ranked("cat", 0, 0.5),)).to_line()
            for v in accepted
            if v.shard == shard.id
        ]
        write(s3, key_of(run.run_id, "p0000", shard.id), "".join(lines))


def transform_key(run_id: str, partition: str, shard: str) -> str:
    """Where Batch Transform puts its answer for a shard."""
    return f"runs/{run_id}/predictions/{partition}/{shard}.safetensors.out"


def write(s3: Any, key: str, text: str) -> None:
    s3.put_object(Bucket=RESULTS, Key=key, Body=text.encode())


def read(s3: Any, run: Run, name: str) -> bytes:
    return objects.get_bytes(s3, RESULTS, keys.result_key(run.run_id, name))


def read_rows(s3: Any, run: Run) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(BytesIO(read(s3, run, "predictions.parquet"))).to_pylist()
    return rows


def read_csv(s3: Any, run: Run, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(read(s3, run, name).decode(), newline="")))


def read_summary(s3: Any, run: Run) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(read(s3, run, "summary.json"))
    return document


def first_shard(plan: Plan) -> str:
    return plan.batches[0].shards[0].id


def test_every_image_is_in_the_table_it_belongs_to(s3: Any, run: Run, validated: Validated) -> None:
    infer(s3, run, validated(good=3, bad=1))

    results.aggregate_predictions(run, COMPLETED, s3)

    assert sorted(row["key"] for row in read_rows(s3, run)) == [f"incoming/{n}.jpg" for n in range(3)]
    assert [row["key"] for row in read_csv(s3, run, "rejected.csv")] == ["incoming/bad0.jpg"]


def test_the_answers_of_a_transform_job_are_predictions_too(s3: Any, run: Run, validated: Validated) -> None:
    infer(s3, run, validated(good=3), key_of=transform_key)

    assert results.aggregate_predictions(run, COMPLETED, s3)["summary"]["predicted"] == 3


def test_what_a_transform_job_predicted_before_it_failed_counts(s3: Any, run: Run, validated: Validated) -> None:
    infer(s3, run, validated(good=4), leave_out=1, key_of=transform_key)

    results.aggregate_predictions(replace(run, max_failed_fraction=0.5), DIED, s3)

    assert (len(read_rows(s3, run)), read_summary(s3, run)["failed_by_error"]) == (2, {"SageMaker.JobFailed": 2})


def test_an_answer_that_broke_off_fails_its_shards_images(s3: Any, run: Run, validated: Validated) -> None:
    plan = validated(good=4)
    infer(s3, run, plan, key_of=transform_key)
    write(s3, transform_key(run.run_id, "p0000", first_shard(plan)), '{"key": "incoming/0.jpg"')

    results.aggregate_predictions(replace(run, max_failed_fraction=0.5), COMPLETED, s3)

    assert read_summary(s3, run)["failed_by_error"] == {"CorruptPredictions": 2}


def test_a_run_that_is_taken_over_does_not_keep_the_failures_of_before(s3: Any, run: Run, validated: Validated) -> None:
    plan = validated(good=4)
    infer(s3, run, plan, leave_out=1)
    with pytest.raises(TooManyFailed):
        results.aggregate_predictions(run, DIED, s3)
    assert len(read_csv(s3, run, "failed.csv")) == 2

    infer(s3, run, plan)
    results.aggregate_predictions(replace(run, resumed=1), COMPLETED, s3)

    assert read_csv(s3, run, "failed.csv") == []


def test_what_travels_has_the_shape_that_the_architecture_shows(s3: Any, run: Run, validated: Validated) -> None:
    infer(s3, run, validated(good=3, bad=1))

    answer = results.aggregate_predictions(run, COMPLETED, s3)

    counts = {"listed": 4, "passed_over": 0, "predicted": 3, "rejected": 1, "failed": 0, "skipped": 0}
    assert answer["summary"] == {"run_id": run.run_id, **counts}
    assert answer["results"] == f"s3://example-results/runs/{run.run_id}/results/"
    assert answer["message"]["subject"].startswith("imagebatch: 3 predicted, 1 rejected")


def test_the_summary_counts_labels_and_reasons(s3: Any, run: Run, validated: Validated) -> None:
    infer(s3, run, validated(good=3, bad=2))

    results.aggregate_predictions(run, COMPLETED, s3)

    summary = read_summary(s3, run)
    assert summary["top_labels"] == [{"label": "cat", "images": 3, "mean_score": 0.5}]
    assert summary["rejected_by_reason"] == {"not_an_image": 2}
    assert summary["partitions"][0]["status"] == "Completed"
    assert summary["adds_up"]


def test_every_field_of_the_summary_is_documented(s3: Any, run: Run, validated: Validated) -> None:
    infer(s3, run, validated(good=1))
    results.aggregate_predictions(run, COMPLETED, s3)

    summary = read_summary(s3, run)
    assert {name for name in (*summary, *summary["counts"]) if f"`{name}`" not in DOCUMENTATION} == set()


def test_a_run_that_failed_nothing_has_no_table_of_failures(s3: Any, run: Run, validated: Validated) -> None:
    infer(s3, run, validated(good=1))
    results.aggregate_predictions(run, COMPLETED, s3)

    assert not objects.exists(s3, RESULTS, keys.result_key(run.run_id, "failed.csv"))


def test_a_run_of_which_nothing_was_accepted_has_empty_predictions(s3: Any, run: Run, validated: Validated) -> None:
    validated(good=0, bad=2)

    answer = results.aggregate_predictions(run, [], s3)

    assert (answer["summary"]["rejected"], read_rows(s3, run)) == (2, [])


def test_a_shard_that_its_job_gave_up_fails_its_images_with_the_jobs_words(
    s3: Any, run: Run, validated: Validated
) -> None:
    plan = validated(good=4)
    infer(s3, run, plan, leave_out=1)
    failure = ShardFailure(first_shard(plan), "InvalidPrediction", "NaN in row 1")
    write(s3, keys.failed_shard_key(run.run_id, "p0000", first_shard(plan)), failure.to_json())

    results.aggregate_predictions(replace(run, max_failed_fraction=0.5), COMPLETED, s3)

    failed = read_csv(s3, run, "failed.csv")
    assert [(row["error"], row["detail"]) for row in failed] == [("InvalidPrediction", "NaN in row 1")] * 2
    assert len(read_rows(s3, run)) == 2


def test_the_images_of_a_job_that_died_fail_with_its_reason(s3: Any, run: Run, validated: Validated) -> None:
    infer(s3, run, validated(good=4), leave_out=1)

    results.aggregate_predictions(replace(run, max_failed_fraction=0.5), DIED, s3)

    assert read_csv(s3, run, "failed.csv")[0]["detail"] == "no memory"
    assert read_summary(s3, run)["failed_by_error"] == {"SageMaker.JobFailed": 2}


def test_a_job_that_completed_without_a_shards_predictions_fails_the_shards_images(
    s3: Any, run: Run, validated: Validated
) -> None:
    infer(s3, run, validated(good=4), leave_out=1)

    results.aggregate_predictions(replace(run, max_failed_fraction=0.5), COMPLETED, s3)

    assert read_summary(s3, run)["failed_by_error"] == {"NoPredictions": 2}


def test_predictions_that_do_not_read_fail_their_shards_images(s3: Any, run: Run, validated: Validated) -> None:
    plan = validated(good=4)
    infer(s3, run, plan)
    write(s3, keys.predictions_key(run.run_id, "p0000", first_shard(plan)), '{"key": "incoming/0.jpg"')

    results.aggregate_predictions(replace(run, max_failed_fraction=0.5), COMPLETED, s3)

    assert read_summary(s3, run)["failed_by_error"] == {"CorruptPredictions": 2}


@pytest.mark.parametrize("name", ["run_id", "contract", "shard"])
def test_predictions_of_something_else_fail_their_shards_images(
    s3: Any, run: Run, validated: Validated, name: str
) -> None:
    plan = validated(good=4)
    infer(s3, run, plan)
    key = keys.predictions_key(run.run_id, "p0000", first_shard(plan))
    lines = [line | {name: "another"} for line in objects.get_lines(s3, RESULTS, key)]
    write(s3, key, "".join(json.dumps(line) + "\n" for line in lines))

    results.aggregate_predictions(replace(run, max_failed_fraction=0.5), COMPLETED, s3)

    assert read_summary(s3, run)["failed_by_error"] == {"CorruptPredictions": 2}
    assert {f"{RESULTS}/{key}: {name} should be" in row["detail"] for row in read_csv(s3, run, "failed.csv")} == {True}


@pytest.mark.parametrize("record", ["", "[]", "[" * 100_000])
def test_a_record_of_failure_that_does_not_read_fails_its_shards_images(
    s3: Any, run: Run, validated: Validated, record: str
) -> None:
    plan = validated(good=4)
    infer(s3, run, plan, leave_out=1)
    write(s3, keys.failed_shard_key(run.run_id, "p0000", first_shard(plan)), record)

    results.aggregate_predictions(replace(run, max_failed_fraction=0.5), COMPLETED, s3)

    assert read_summary(s3, run)["failed_by_error"] == {"CorruptPredictions": 2}


def test_too_many_failures_fail_the_run_and_keep_the_others_results(s3: Any, run: Run, validated: Validated) -> None:
    infer(s3, run, validated(good=4), leave_out=1)

    with pytest.raises(TooManyFailed, match=r"2 of 4 images .* allows 5.0%: SageMaker.JobFailed \(2\).* no memory"):
        results.aggregate_predictions(run, DIED, s3)
    assert (len(read_rows(s3, run)), len(read_csv(s3, run, "failed.csv"))) == (2, 2)
    assert read_summary(s3, run)["counts"]["failed"] == 2


def test_rejected_images_do_not_dilute_the_fraction_that_failed(s3: Any, run: Run, validated: Validated) -> None:
    infer(s3, run, validated(good=1, bad=50), leave_out=1)

    with pytest.raises(TooManyFailed, match="1 of 1 images"):
        results.aggregate_predictions(run, DIED, s3)


def test_a_lost_image_is_named_and_fails_the_run(s3: Any, run: Run, validated: Validated) -> None:
    plan = validated(good=4)
    infer(s3, run, plan)
    key = keys.predictions_key(run.run_id, "p0000", first_shard(plan))
    write(s3, key, objects.get_bytes(s3, RESULTS, key).decode().splitlines()[0])

    with pytest.raises(RunDoesNotAddUp, match=r"'incoming/1.jpg' was accepted and shard .* does not predict it"):
        results.aggregate_predictions(run, COMPLETED, s3)
    assert len(read_rows(s3, run)) == 3
    assert not read_summary(s3, run)["adds_up"]


def test_an_error_about_many_images_gives_the_difference_and_fits_a_cause(
    s3: Any, run: Run, validated: Validated
) -> None:
    """32,768 characters are the most that a Cause has (Step Functions API, ExecutionFailedEventDetails)."""
    plan = validated(good=4)
    infer(s3, run, plan)
    (shard,) = plan.batches[0].shards
    row = Row(IMAGES, "", "etag", 1, 2, 3)
    strangers = [replace(row, key=f"incoming/{n}" + "\x01" * 1000) for n in range(30)]
    lines = [
        Prediction(each, "tiny", run.contract.digest, run.run_id, shard.id, (Ranked("cat", 0, 0.5),))
        for each in strangers
    ]
    write(s3, keys.predictions_key(run.run_id, "p0000", shard.id), "".join(line.to_line() for line in lines))

    with pytest.raises(RunDoesNotAddUp, match="4 images were listed, and 32 have an end") as refused:
        results.aggregate_predictions(run, COMPLETED, s3)
    assert len(str(refused.value)) < 32_768
    assert len(read_summary(s3, run)["problems"]) == 20


def test_a_lost_verdict_fails_the_run(s3: Any, run: Run, validated: Validated) -> None:
    plan = validated(good=0, bad=4)
    key = keys.verdicts_key(run.run_id, plan.batches[0].id)
    write(s3, key, objects.get_bytes(s3, RESULTS, key).decode().splitlines()[0])

    with pytest.raises(RunDoesNotAddUp, match=r"4 images were listed, and 3 have an end"):
        results.aggregate_predictions(run, [], s3)


def test_verdicts_that_do_not_read_stop_the_step(s3: Any, run: Run, validated: Validated) -> None:
    plan = validated(good=0, bad=1)
    write(s3, keys.verdicts_key(run.run_id, plan.batches[0].id), '{"verdict": "perhaps"}\n')

    with pytest.raises(CorruptVerdicts, match="perhaps"):
        results.aggregate_predictions(run, [], s3)


def test_a_step_that_is_retried_comes_to_the_same(s3: Any, run: Run, validated: Validated) -> None:
    infer(s3, run, validated(good=3, bad=1))
    first = results.aggregate_predictions(run, COMPLETED, s3)
    rows = read_rows(s3, run)

    assert results.aggregate_predictions(run, COMPLETED, s3)["summary"] == first["summary"]
    assert read_rows(s3, run) == rows


def test_a_run_that_fails_and_is_resumed_tells_fractions_each_time_and_counts_once(
    s3: Any, run: Run, validated: Validated, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STACK_NAME", "photos")
    plan = validated(good=4)
    infer(s3, run, plan, leave_out=1)
    with pytest.raises(TooManyFailed):
        results.aggregate_predictions(run, DIED, s3)
    infer(s3, run, plan)
    for _ in range(2):
        results.aggregate_predictions(run, COMPLETED, s3)

    told = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert [line["FailedFraction"] for line in told if "FailedFraction" in line] == [[0.5], [0.0], [0.0]]
    assert [line["ImagesPredicted"] for line in told if "ImagesPredicted" in line] == [[4.0]]
