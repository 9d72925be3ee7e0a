"""Publish what a run came to, where all runs are queried together: as a partition of the tables in the template.

Only a run that adds up is published, and under keys that are the run's alone. So whoever asks over all runs sees none
that lost an image, and none twice, however often its last step was repeated, redriven or resumed. A run that fails
later on (nobody could be told of it, say) stays published: its results are what they are.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, BinaryIO

from pipeline import objects
from pipeline.runs import keys
from pipeline.runs.run import Run

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PARQUET = "application/vnd.apache.parquet"


def publish(run: Run, tables: Mapping[str, BinaryIO], s3: "S3Client") -> dict[str, str]:
    """Upload the run's part of each table, and answer with summary.json's `published`: where each lies.

    A table without a row is uploaded, too: it may replace one that had some.
    """
    published = {name: keys.published_key(name, run.run_id) for name in tables}
    for name, file in tables.items():
        objects.upload(s3, run.bucket, published[name], file, PARQUET)
    return {name: objects.s3_uri(run.bucket, key) for name, key in published.items()}
