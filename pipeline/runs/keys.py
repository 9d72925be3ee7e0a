"""Every S3 key of a run, made here and nowhere else.

All keys lie in the results bucket:

    models/<model>/contract.json, labels.txt, the model     pipeline/contract/packages.py
    claims/<hash>.json                                      which run a trigger has; the hash is of its identity
    runs/<run_id>/run.json                                  the run itself: what `Run` holds
    runs/<run_id>/listings/<bucket>.jsonl                   the images of that bucket that a manifest names
    runs/<run_id>/verdicts/<batch>.jsonl
    runs/<run_id>/previews/<batch>.jsonl                    small pictures of rejected images
    runs/<run_id>/shards/<shard>.safetensors
    runs/<run_id>/thumbnails/<shard>.jpg                    the shard's images, small and side by side
    runs/<run_id>/batches/<batch>.json                      the batch's result
    runs/<run_id>/plan.json, plan/<partition>.manifest, <partition>-retry.manifest
    runs/<run_id>/predictions/<partition>/<shard>.jsonl, <shard>.npy, <shard>.failed.json    of a Processing job
    runs/<run_id>/predictions/<partition>/<shard>.safetensors.out                           of a transform job
    runs/<run_id>/predictions/<partition>/<key of a photo>.out              of a transform job that is sent originals
    runs/<run_id>/results/<name>, arrays/<shard>.npy
    runs/<run_id>/messages/<execution>-<redrive>-<status>.json      what people were told of a failure
    messages/<execution>-<redrive>-<status>.json            the same of an execution that has no run
    predictions/run_date=<date>/run_id=<run_id>/predictions.parquet         what of a run may be queried with others
    rejected/run_date=<date>/run_id=<run_id>/rejected.parquet
    runs/<run_id>/counted.json                              that the run's images stand in the metrics
    prices.json, rates/<model>/<instance type>.json         pipeline/costs/stored.py
    replays/<run_id>-<hash>.jsonl                           a listing of images that a replay of that run takes
"""

from collections.abc import Iterable

from pipeline import shards
from pipeline.inference import arrays
from pipeline.inference.predictions import FAILURE_SUFFIX, PREDICTIONS_SUFFIX, TRANSFORM_SUFFIX

OUT_SUFFIX = ".out"
"""What Batch Transform adds to the name of an input to name its answer."""

MODELS_PREFIX = "models/"

RUNS_PREFIX = "runs/"


def model_prefix(model: str) -> str:
    return f"{MODELS_PREFIX}{model}/"


def run_prefix(run_id: str) -> str:
    """What lies below it is the run's alone."""
    return f"{RUNS_PREFIX}{run_id}/"


def run_key(run_id: str) -> str:
    return f"runs/{run_id}/run.json"


def run_of(key: str) -> str | None:
    """The run that a key belongs to; None where it is another's."""
    folder, _, rest = key.partition("/")
    run_id, slash, _ = rest.partition("/")
    return run_id if f"{folder}/" == RUNS_PREFIX and slash else None


def claim_key(digest: str) -> str:
    """Who has the run of a trigger; `digest` is of the trigger's identity."""
    return f"claims/{digest}.json"


def listing_key(run_id: str, bucket: str) -> str:
    """The images of `bucket` that the run's manifest names."""
    return f"runs/{run_id}/listings/{bucket}.jsonl"


def verdicts_prefix(run_id: str) -> str:
    return f"runs/{run_id}/verdicts/"


def verdicts_key(run_id: str, batch: str) -> str:
    return f"{verdicts_prefix(run_id)}{batch}.jsonl"


def previews_prefix(run_id: str) -> str:
    return f"runs/{run_id}/previews/"


def previews_key(run_id: str, batch: str) -> str:
    return f"{previews_prefix(run_id)}{batch}.jsonl"


def batch_key(run_id: str, batch: str) -> str:
    return f"runs/{run_id}/batches/{batch}.json"


def shards_prefix(run_id: str) -> str:
    return f"runs/{run_id}/shards/"


def shard_key(run_id: str, shard: str) -> str:
    return f"{shards_prefix(run_id)}{shard}{shards.SUFFIX}"


def thumbnails_name(shard: str) -> str:
    """Of what lies below a run's prefix (files.py)."""
    return f"thumbnails/{shard}.jpg"


def thumbnails_key(run_id: str, shard: str) -> str:
    return run_prefix(run_id) + thumbnails_name(shard)


def plan_key(run_id: str) -> str:
    return f"runs/{run_id}/plan.json"


def manifest_key(run_id: str, partition: str) -> str:
    return f"runs/{run_id}/plan/{partition}.manifest"


def retry_manifest_key(run_id: str, partition: str) -> str:
    """Those shards of a partition that its first job did not predict."""
    return f"runs/{run_id}/plan/{partition}-retry.manifest"


def predictions_prefix(run_id: str, partition: str | None = None) -> str:
    """Where the predictions of one partition lie, or of all."""
    return f"runs/{run_id}/predictions/" + (f"{partition}/" if partition else "")


def partition_of(run_id: str, key: str) -> str:
    """The partition below whose `predictions_prefix` a key lies."""
    return key.removeprefix(predictions_prefix(run_id)).partition("/")[0]


def predictions_key(run_id: str, partition: str, shard: str) -> str:
    return f"{predictions_prefix(run_id, partition)}{shard}{PREDICTIONS_SUFFIX}"


def transform_outputs(written: Iterable[str]) -> dict[str, str]:
    """The answers of transform jobs, by shard, among keys below `predictions_prefix`.

    Batch Transform names an answer after its input. Which of the input's folders it puts above it, AWS's own example
    leaves open (API reference, TransformOutput, `S3OutputPath`), so that only the name counts.
    """
    names = ((key.rpartition("/")[2], key) for key in written)
    return {name.removesuffix(TRANSFORM_SUFFIX): key for name, key in names if name.endswith(TRANSFORM_SUFFIX)}


def answer_key(run_id: str, partition: str, key: str) -> str:
    """What a container that is not ours answers for the photo at `key`.

    The manifest's prefix is the bucket, so that the key is the whole path of the input, whichever part counts.
    """
    return f"{predictions_prefix(run_id, partition)}{key}{OUT_SUFFIX}"


def array_key(run_id: str, partition: str, shard: str) -> str:
    return f"{predictions_prefix(run_id, partition)}{arrays.file_name(shard)}"


def failed_shard_key(run_id: str, partition: str, shard: str) -> str:
    return f"{predictions_prefix(run_id, partition)}{shard}{FAILURE_SUFFIX}"


PRICES = "prices.json"
"""What this stack pays, in place of the prices that ship."""


def rates_key(model: str, instance_type: str) -> str:
    """How fast the last run of a model was on instances of this type."""
    return f"rates/{model}/{instance_type}.json"


SUMMARY = "summary.json"
PREDICTIONS, REJECTED, FAILED = "predictions.parquet", "rejected.csv", "failed.csv"
REPORT = "report.html"

SHARD_TAGS = {"imagebatch": "shard"}
"""Shards are large and soon of no use, and so are arrays of which the results have a copy. Thumbnails go with them.

infra/template.yaml deletes what has this tag after some days.
"""


def results_prefix(run_id: str) -> str:
    return f"runs/{run_id}/results/"


def result_key(run_id: str, name: str) -> str:
    return f"{results_prefix(run_id)}{name}"


PREDICTIONS_TABLE = "predictions"
REJECTED_TABLE = "rejected"
"""Tables over all runs, of which each run is a partition: folders of the bucket, and tables of Glue in the template."""


def published_key(table: str, run_id: str) -> str:
    """The part of a table that is a run's, in folders as Hive has them; the date is that of the run id, in UTC."""
    return f"{table}/run_date={run_id[:10]}/run_id={run_id}/{table}.parquet"


def message_key(run_id: str | None, ending: str) -> str:
    """What was told of one failure; `ending` names it: the execution, how often it was redriven, and how it ended."""
    return f"{f'runs/{run_id}/' if run_id else ''}messages/{ending}.json"


def counted_key(run_id: str) -> str:
    """Says that what the run came to was told to CloudWatch: once, however often it is gathered."""
    return f"runs/{run_id}/counted.json"


def replay_key(run_id: str, digest: str) -> str:
    """Where the images of a replay are listed; `digest` is of what the listing holds."""
    return f"replays/{run_id}-{digest}.jsonl"
