"""What a run came to, as metrics.

    fractions     each time that a run's results are gathered: a run that fails over them has told them, too. With them
                  how many were rejected, in one line: an alarm compares the two, which have to be of one time
    counts        once a run, when its results are complete

CloudWatch adds up what it is told, and AggregatePredictions may run more often than once: Lambda repeats it, a redrive
enters it again, `imagebatch resume` gathers a run anew. So the counts are told by whoever writes counted.json first. A
run that fails and is never resumed counts in RunsFailed alone.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline import objects
from pipeline.runs import keys
from pipeline.runs.run import Run
from pipeline.telemetry.metrics import REASON, emit

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def tell_fractions(summary: Mapping[str, Any]) -> None:
    """`summary` is summary.json, of a run that may yet fail."""
    counts = summary["counts"]
    accepted = counts["predicted"] + counts["failed"]
    # What was predicted before would hide that all of what is new is broken.
    validated = counts["listed"] - counts["skipped"]
    values: dict[str, float] = {}
    if validated:
        values |= {"RejectedCount": counts["rejected"], "RejectedFraction": counts["rejected"] / validated}
    if accepted:
        values["FailedFraction"] = counts["failed"] / accepted
    emit(values, {"run_id": summary["run_id"]})


def count_once(run: Run, summary: Mapping[str, Any], s3: "S3Client") -> None:
    """Tell what the run came to, unless that was told before. `summary` is summary.json."""
    counts = summary["counts"]
    if not objects.put_json_if_absent(s3, run.bucket, keys.counted_key(run.run_id), counts):
        return
    about = {"run_id": run.run_id, "model": run.model}
    values = {
        "RunsSucceeded": 1,
        "ImagesListed": counts["listed"],
        "ImagesAccepted": counts["predicted"] + counts["failed"],
        "ImagesRejected": counts["rejected"],
        "ImagesSkipped": counts["skipped"],
        "ImagesPredicted": counts["predicted"],
        "ImagesFailed": counts["failed"],
        "RunSeconds": summary["seconds"],
    }
    used = (summary.get("cost") or {}).get("used_usd")
    emit(values if used is None else values | {"CostUsd": used}, about)
    for reason, images in summary["rejected_by_reason"].items():
        emit({"ImagesRejected": images}, about, {REASON: reason})


def tell_failed_run(about: Mapping[str, str]) -> None:
    """An execution has ended without success; `about` says which run, and how it failed."""
    emit({"RunsFailed": 1}, about)
