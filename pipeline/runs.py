"""A run, and the one place that knows every S3 key of a run.

All keys lie in the results bucket:

    models/<model>/contract.json, labels.txt, model.onnx
    runs/<run_id>/run.json                                  the run itself: what `Run` holds
    runs/<run_id>/verdicts/<batch>.jsonl
    runs/<run_id>/shards/<shard>.safetensors
    runs/<run_id>/plan.json, plan/<partition>.manifest
    runs/<run_id>/predictions/<partition>/<shard>.jsonl, <shard>.npy, <shard>.failed.json
    runs/<run_id>/results/<name>, arrays/<shard>.npy
    replays/<run_id>-<hash>.jsonl                           a listing of images that a replay of that run takes

Between states travels only a pointer to run.json; a step that is handed one reads the rest here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from pipeline import arrays, objects, shards, sources
from pipeline.contract import ModelContract, parse_contract
from pipeline.limits import Limits, Quarantine
from pipeline.predictions import FAILURE_SUFFIX, PREDICTIONS_SUFFIX
from pipeline.run_input import Trigger
from pipeline.sources import Source

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


MODELS_PREFIX = "models/"
RUNS_PREFIX = "runs/"


def model_prefix(model: str) -> str:
    return f"{MODELS_PREFIX}{model}/"


def run_key(run_id: str) -> str:
    return f"runs/{run_id}/run.json"


def verdicts_prefix(run_id: str) -> str:
    return f"runs/{run_id}/verdicts/"


def verdicts_key(run_id: str, batch: str) -> str:
    return f"{verdicts_prefix(run_id)}{batch}.jsonl"


def shards_prefix(run_id: str) -> str:
    return f"runs/{run_id}/shards/"


def shard_key(run_id: str, shard: str) -> str:
    return f"{shards_prefix(run_id)}{shard}{shards.SUFFIX}"


def plan_key(run_id: str) -> str:
    return f"runs/{run_id}/plan.json"


def manifest_key(run_id: str, partition: str) -> str:
    return f"runs/{run_id}/plan/{partition}.manifest"


def predictions_prefix(run_id: str, partition: str | None = None) -> str:
    """Where the predictions of one partition lie, or of all."""
    return f"runs/{run_id}/predictions/" + (f"{partition}/" if partition else "")


def predictions_key(run_id: str, partition: str, shard: str) -> str:
    return f"{predictions_prefix(run_id, partition)}{shard}{PREDICTIONS_SUFFIX}"


def array_key(run_id: str, partition: str, shard: str) -> str:
    return f"{predictions_prefix(run_id, partition)}{arrays.file_name(shard)}"


def failed_shard_key(run_id: str, partition: str, shard: str) -> str:
    return f"{predictions_prefix(run_id, partition)}{shard}{FAILURE_SUFFIX}"


SUMMARY = "summary.json"

SHARD_TAGS = {"imagebatch": "shard"}
"""Shards are large and soon of no use. infra/template.yaml deletes what has this tag after some days."""


def results_prefix(run_id: str) -> str:
    return f"runs/{run_id}/results/"


def result_key(run_id: str, name: str) -> str:
    return f"{results_prefix(run_id)}{name}"


def replay_key(run_id: str, digest: str) -> str:
    """Where the images of a replay are listed; `digest` is of what the listing holds."""
    return f"replays/{run_id}-{digest}.jsonl"


@dataclass(frozen=True)
class Run:
    """What run.json holds: the input with every default filled in, and the contract as it was when the run began."""

    run_id: str
    bucket: str
    """The results bucket."""
    execution_arn: str
    trigger: Trigger
    started_at: datetime
    sources: tuple[Source, ...]
    model: str
    contract: ModelContract
    engine: str
    top_k: int
    max_failed_fraction: float
    instance_type: str | None
    limits: Limits
    quarantine: Quarantine
    replays: str | None = None
    """The run whose rejected images this one takes up again."""
    array_row_bytes: int = 0
    """What the answer for an image adds to an array; 0 without arrays, or where the model leaves it open."""

    @property
    def pointer(self) -> dict[str, Any]:
        """What travels between states."""
        return {
            "run_id": self.run_id,
            "bucket": self.bucket,
            "key": run_key(self.run_id),
            "sources": [{"index": index, **source.to_json()} for index, source in enumerate(self.sources)],
            "engine": self.engine,
            "model": self.model,
        }

    def to_json(self) -> dict[str, Any]:
        return {
            **self.pointer,
            "execution_arn": self.execution_arn,
            "trigger": {
                "kind": self.trigger.kind,
                "identity": self.trigger.identity,
                "time": self.trigger.time.isoformat(),
            },
            "started_at": self.started_at.isoformat(),
            "contract_digest": self.contract.digest,
            "contract": self.contract.to_json(),
            "top_k": self.top_k,
            "max_failed_fraction": self.max_failed_fraction,
            "instance_type": self.instance_type,
            "limits": self.limits.to_json(),
            "quarantine": self.quarantine,
            "replays": self.replays,
            "array_row_bytes": self.array_row_bytes,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        trigger = document["trigger"]
        return cls(
            run_id=document["run_id"],
            bucket=document["bucket"],
            execution_arn=document["execution_arn"],
            trigger=Trigger(trigger["kind"], trigger["identity"], datetime.fromisoformat(trigger["time"])),
            started_at=datetime.fromisoformat(document["started_at"]),
            sources=tuple(map(sources.from_json, document["sources"])),
            model=document["model"],
            contract=parse_contract(document["contract"], "run.json: contract"),
            engine=document["engine"],
            top_k=document["top_k"],
            max_failed_fraction=document["max_failed_fraction"],
            instance_type=document["instance_type"],
            limits=Limits.from_json(document["limits"]),
            quarantine=Quarantine(document["quarantine"]),
            replays=document["replays"],
            array_row_bytes=document["array_row_bytes"],
        )


def load_run(s3: "S3Client", pointer: Mapping[str, Any]) -> Run:
    """The run that a state's `{"bucket", "key"}` points to."""
    return Run.from_json(objects.get_json(s3, pointer["bucket"], pointer["key"]))
