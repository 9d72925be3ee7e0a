"""A run: its input with every default filled in, and the contract as it was when the run began.

Between states travels only a pointer to run.json; a step that is handed one reads the rest here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from pipeline import objects
from pipeline.contract import ModelContract, parse_contract
from pipeline.errors import RunTakenOver
from pipeline.limits import Limits, Quarantine
from pipeline.runs import sources
from pipeline.runs.control_files import DEFAULT_MARKER
from pipeline.runs.keys import run_key
from pipeline.runs.sources import Source
from pipeline.runs.triggers import Trigger

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


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
    marker: str = DEFAULT_MARKER
    """The name of objects that say of their folder that it is complete, and are no images."""
    ledger: str | None = None
    """The table that knows which images need not be predicted again (pipeline/ledger); None where nobody keeps one."""
    reprocess: bool = False
    """Whether all images are predicted, whatever the ledger knows of them."""
    model_digest: str = ""
    """Of the files behind the model's name, so that another model under an old name is another model."""
    resumed: int = 0
    """How often another execution took the run over."""
    earlier_executions: tuple[str, ...] = ()
    """The ARNs of those that had the run before, the first one first."""
    same_model_since: int = 0
    """The takeover since which the model's files are those of `model_digest`: what was predicted before is not."""
    max_cost_usd: float | None = None
    """What it may cost at most (pipeline/costs/budget.py); None for no limit of its own."""

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
            "contract_digest": self.contract.digest,
            "top_k": self.top_k,
            "execution_arn": self.execution_arn,
        }

    def to_json(self) -> dict[str, Any]:
        return {
            **self.pointer,
            "trigger": {
                "kind": self.trigger.kind,
                "identity": self.trigger.identity,
                "time": self.trigger.time.isoformat(),
                "uri": self.trigger.uri,
            },
            "started_at": self.started_at.isoformat(),
            "contract": self.contract.to_json(),
            "max_failed_fraction": self.max_failed_fraction,
            "instance_type": self.instance_type,
            "limits": self.limits.to_json(),
            "quarantine": self.quarantine,
            "replays": self.replays,
            "array_row_bytes": self.array_row_bytes,
            "marker": self.marker,
            "ledger": self.ledger,
            "reprocess": self.reprocess,
            "model_digest": self.model_digest,
            "resumed": self.resumed,
            "earlier_executions": list(self.earlier_executions),
            "same_model_since": self.same_model_since,
            "max_cost_usd": self.max_cost_usd,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        trigger = document["trigger"]
        return cls(
            run_id=document["run_id"],
            bucket=document["bucket"],
            execution_arn=document["execution_arn"],
            trigger=Trigger(
                trigger["kind"], trigger["identity"], datetime.fromisoformat(trigger["time"]), trigger["uri"]
            ),
            started_at=datetime.fromisoformat(document["started_at"]),
            sources=tuple(map(sources.from_json, document["sources"])),
            model=document["model"],
            contract=parse_contract(document["contract"], "run.json: contract", images=True),
            engine=document["engine"],
            top_k=document["top_k"],
            max_failed_fraction=document["max_failed_fraction"],
            instance_type=document["instance_type"],
            limits=Limits.from_json(document["limits"]),
            quarantine=Quarantine(document["quarantine"]),
            replays=document["replays"],
            array_row_bytes=document["array_row_bytes"],
            marker=document["marker"],
            ledger=document["ledger"],
            reprocess=document["reprocess"],
            model_digest=document["model_digest"],
            resumed=document["resumed"],
            earlier_executions=tuple(document.get("earlier_executions", ())),
            same_model_since=document.get("same_model_since", 0),
            max_cost_usd=document.get("max_cost_usd"),
        )


def load_run(s3: "S3Client", pointer: Mapping[str, Any]) -> Run:
    """The run that `{"bucket", "key"}` points to, whichever execution has it."""
    return Run.from_json(objects.get_json(s3, pointer["bucket"], pointer["key"]))


def load_own_run(s3: "S3Client", pointer: Mapping[str, Any]) -> Run:
    """The run that a state's `{"bucket", "key", "execution_arn"}` points to.

    Raises RunTakenOver where another execution has the run by now: anybody can redrive the one that failed, and two
    would write over each other's plan.
    """
    run = load_run(s3, pointer)
    # An execution that began before pointers named one has none.
    if pointer.get("execution_arn", run.execution_arn) != run.execution_arn:
        raise RunTakenOver(
            f"The run {run.run_id} was taken over by the execution {run.execution_arn}, and this one, "
            f"{pointer['execution_arn']}, goes no further. `imagebatch resume {run.run_id}` goes on with the run."
        )
    return run
