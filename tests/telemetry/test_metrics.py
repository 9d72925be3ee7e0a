"""Metrics are lines that CloudWatch takes them out of, and once a run they say what it came to."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pipeline.runs import keys
from pipeline.telemetry import run_metrics, throughput
from pipeline.telemetry.metrics import METRICS, NAMESPACE, emit

Metrics = Callable[[], list[dict[str, Any]]]

# "Specification: Embedded metric format", "Embedded metric format schema", Amazon CloudWatch User Guide.
SCHEMA = json.loads((Path(__file__).parents[1] / "data/emf/schema.json").read_text())
LARGEST_LINE, MOST_METRICS = 262_144, 100
"""Bytes of a log event, and metrics of a directive (the same document)."""

SUMMARY = {
    "run_id": "2026-11-20T0200-incoming-7f3a9c",
    "seconds": 61.5,
    "counts": {"listed": 12, "passed_over": 1, "predicted": 6, "rejected": 3, "failed": 2, "skipped": 1},
    "rejected_by_reason": {"truncated": 2, "empty": 1},
}
RESULTS = "example-results"


class Run:
    """As much of a run as is counted."""

    run_id = SUMMARY["run_id"]
    bucket = RESULTS
    model = "tiny"


@pytest.fixture
def results(s3: Any) -> Any:
    s3.create_bucket(Bucket=RESULTS)
    return s3


def values(line: Mapping[str, Any]) -> dict[str, float]:
    """What CloudWatch takes out of a line: values by name, of a metric that is said to be there."""
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    found = {metric["Name"]: line[metric["Name"]] for metric in directive["Metrics"]}
    return {name: value[0] if isinstance(value, list) else value for name, value in found.items()}


def cells(line: str) -> list[str]:
    return line.strip().strip("|").split("|") if line.startswith("| `") else []


def test_a_metric_is_a_document_of_the_embedded_metric_format(metrics: Metrics) -> None:
    emit(dict.fromkeys(METRICS, 1.5), {"run_id": "r"})
    (line,) = metrics()
    jsonschema.validate(line, SCHEMA)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == NAMESPACE
    assert len(directive["Metrics"]) <= MOST_METRICS
    assert len(json.dumps(line)) <= LARGEST_LINE


def test_the_stack_is_the_only_dimension_and_the_run_is_none(metrics: Metrics) -> None:
    emit({"RunsFailed": 1}, {"run_id": "r"})
    (line,) = metrics()
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Stack"]]
    assert (line["Stack"], line["run_id"]) == ("photos", "r")


def test_every_dimension_has_its_value_in_the_line(metrics: Metrics) -> None:
    emit({"ImagesRejected": 2}, {}, {"Reason": "truncated"})
    (line,) = metrics()
    (dimensions,) = line["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
    assert {name: line[name] for name in dimensions} == {"Stack": "photos", "Reason": "truncated"}


def test_what_belongs_to_no_stack_is_not_measured(monkeypatch: pytest.MonkeyPatch, metrics: Metrics) -> None:
    monkeypatch.delenv("STACK_NAME")
    emit({"RunsFailed": 1}, {})
    assert metrics() == []


def test_a_run_that_adds_up_tells_what_it_came_to(metrics: Metrics, results: Any) -> None:
    run_metrics.count_once(Run(), SUMMARY, results)  # type: ignore[arg-type]
    total, *by_reason = metrics()
    assert values(total) == {
        "RunsSucceeded": 1,
        "ImagesListed": 12,
        "ImagesAccepted": 8,
        "ImagesRejected": 3,
        "ImagesSkipped": 1,
        "ImagesPredicted": 6,
        "ImagesFailed": 2,
        "RunSeconds": 61.5,
    }
    assert {line["Reason"]: values(line) for line in by_reason} == {
        "truncated": {"ImagesRejected": 2},
        "empty": {"ImagesRejected": 1},
    }
    for line in (total, *by_reason):
        jsonschema.validate(line, SCHEMA)


def test_a_run_that_is_gathered_again_is_counted_once(metrics: Metrics, results: Any) -> None:
    for _ in range(3):
        run_metrics.count_once(Run(), SUMMARY, results)  # type: ignore[arg-type]
    assert sum(values(line).get("RunsSucceeded", 0) for line in metrics()) == 1
    assert [item["Key"] for item in results.list_objects_v2(Bucket=RESULTS)["Contents"]] == [
        keys.counted_key(str(SUMMARY["run_id"]))
    ]


def test_what_a_run_used_is_told_where_it_is_known(metrics: Metrics, results: Any) -> None:
    run_metrics.count_once(Run(), {**SUMMARY, "cost": {"used_usd": 1.25}}, results)  # type: ignore[arg-type]
    assert values(metrics()[0])["CostUsd"] == 1.25


def test_fractions_are_of_what_was_validated_and_of_what_was_accepted(metrics: Metrics) -> None:
    counts = {"listed": 1000, "skipped": 988, "rejected": 4, "predicted": 6, "failed": 2}
    run_metrics.tell_fractions({"run_id": "r", "counts": counts})
    (line,) = metrics()  # what an alarm compares is of one time
    assert values(line) == {"RejectedCount": 4, "RejectedFraction": 4 / 12, "FailedFraction": 0.25}


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({"listed": 0, "skipped": 0, "rejected": 0, "predicted": 0, "failed": 0}, []),
        ({"listed": 5, "skipped": 5, "rejected": 0, "predicted": 0, "failed": 0}, []),
        (
            {"listed": 5, "skipped": 0, "rejected": 5, "predicted": 0, "failed": 0},
            [{"RejectedCount": 5, "RejectedFraction": 1}],
        ),
    ],
)
def test_a_fraction_of_nothing_is_not_told(metrics: Metrics, counts: dict[str, int], told: list[Any]) -> None:
    run_metrics.tell_fractions({"run_id": "r", "counts": counts})
    assert [values(line) for line in metrics()] == told


def test_a_batch_tells_its_speed(metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 12.0])
    monkeypatch.setattr(throughput.time, "monotonic", lambda: next(clock))
    result = {"batch": "5e1f", "accepted": 30, "rejected": 10, "skipped": 120}
    assert throughput.measure_batch("r", lambda: result) is result
    (line,) = metrics()
    assert values(line) == {
        "BatchSeconds": 2.0,
        "ValidationImagesPerSecond": 20.0,
        "ValidationMillisecondsPerImage": 50.0,
    }
    assert (line["run_id"], line["batch"]) == ("r", "5e1f")


def test_a_batch_that_read_nothing_has_no_speed(metrics: Metrics) -> None:
    throughput.measure_batch("r", lambda: {"batch": "5e1f", "accepted": 0, "rejected": 0, "skipped": 160})
    assert set(values(metrics()[0])) == {"BatchSeconds"}


def test_a_job_tells_its_speed(metrics: Metrics) -> None:
    throughput.tell_job(300, 60.0, {"run_id": "r", "partition": "p0000"})
    (line,) = metrics()
    assert values(line) == {"JobSeconds": 60.0, "JobImagesPerSecond": 5.0}
    assert (line["run_id"], line["partition"]) == ("r", "p0000")


def test_a_job_that_predicted_nothing_has_no_speed(metrics: Metrics) -> None:
    throughput.tell_job(0, 60.0, {"run_id": "r"})
    assert metrics() == []


def test_the_documents_have_every_metric_with_its_unit_and_its_meaning() -> None:
    document = (Path(__file__).parents[2] / "docs/monitoring.md").read_text(encoding="utf-8")
    rows = {
        row[0].strip("` "): (row[1].strip(), row[3].strip())
        for row in map(cells, document.splitlines())
        if len(row) == 4
    }
    assert {name: rows.get(name) for name in METRICS} == {
        name: (metric.unit, metric.meaning) for name, metric in METRICS.items()
    }
