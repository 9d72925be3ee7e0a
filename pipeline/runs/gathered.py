"""Whether the execution that has a run has gathered it: its results are complete, and nothing is left but to tell."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from pipeline import objects
from pipeline.runs import keys
from pipeline.runs.run import Run

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PUBLISHED = "published"
"""The field of summary.json that is null until the run adds up, and its tables are where all runs' are."""

OF_WHAT_IS_THERE = {"RunDoesNotAddUp", "TooManyFailed", "CorruptArtifact", "CorruptVerdicts", "CorruptPredictions"}
"""Errors about what an earlier state has left. TooManyFailed is one of partitions whose jobs failed."""


def is_gathered(run: Run, error: str | None, s3: "S3Client") -> bool:
    """Whether nothing is left of a run whose execution has ended with `error` but to tell of it.

    A summary that an earlier execution of the run has left, or that does not read, says nothing.
    """
    if error in OF_WHAT_IS_THERE:
        return False
    try:
        summary = objects.get_json(s3, run.bucket, keys.result_key(run.run_id, keys.SUMMARY))
    except ClientError as refused:
        if objects.is_out_of_reach(refused):
            return False
        raise
    except ValueError:
        return False
    if not isinstance(summary, dict) or summary.get("execution_arn") != run.execution_arn:
        return False
    return summary.get(PUBLISHED) is not None
