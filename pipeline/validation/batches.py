"""A batch result: what validation answers for one batch of listed items, and what a plan keeps of it.

    {"batch": "<id>", "listed": 160, "passed_over": 0, "accepted": 158, "rejected": 2, "skipped": 0,
     "verdicts": "runs/.../<id>.jsonl",
     "shards": [{"id": "<id>-0", "key": "runs/.../<id>-0.safetensors", "rows": 158, "bytes": 23855104}],
     "first": "incoming/0001.jpg"}

`listed` counts images, and `passed_over` what is none by its name (pipeline/runs/control_files.py): folders, markers,
manifests, listings. Together they are the items that the batch was given. `skipped` are images that were predicted
before (pipeline/ledger). `first` is how the first key begins. In plan.json each shard has its `partition` too.

Where photos are sent as they are, to a container that is not ours, a shard is no file but a number of originals in
`bucket`, whose verdicts name it: `{"id", "bucket", "rows", "bytes"}`, with `"sent": false` for those that no job can be
given (pipeline/runs/originals.py).

`work` is what the batch took, for who works out costs: `{"milliseconds", "memory_mb", "bytes"}`, the last of what was
listed. One that was condemned, or walked image by image, has none, or less.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from pipeline.errors import RunDoesNotAddUp
from pipeline.runs import keys


@dataclass(frozen=True)
class Counts:
    listed: int = 0
    passed_over: int = 0
    accepted: int = 0
    rejected: int = 0
    skipped: int = 0

    @property
    def items(self) -> int:
        return self.listed + self.passed_over

    @classmethod
    def total(cls, counts: Iterable[Self]) -> Self:
        rows = [(each.listed, each.passed_over, each.accepted, each.rejected, each.skipped) for each in counts]
        return cls(*map(sum, zip(*rows, strict=True)))


_PLAIN_LETTERS, _ESCAPED_LETTERS = 256, 40

_COUNTS = tuple(field.name for field in fields(Counts))


@dataclass(frozen=True)
class BatchShard:
    id: str
    rows: int
    bytes: int
    """Of the file, which is nearly all pixels, or of the originals: what a job has to move and compute."""
    partition: str = ""
    """The partition that takes the shard; empty until there is a plan, and for what is not sent."""
    originals: str = ""
    """The bucket in which the originals lie; empty where the shard is a file of pixels."""
    is_sent: bool = True

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        return cls(
            id=document["id"],
            rows=document["rows"],
            bytes=document["bytes"],
            partition=document.get("partition", ""),
            originals=document.get("bucket", ""),
            is_sent=document.get("sent", True),
        )

    def to_json(self, run_id: str) -> dict[str, Any]:
        where = {"bucket": self.originals} if self.originals else {"key": keys.shard_key(run_id, self.id)}
        document = {"id": self.id, **where, "rows": self.rows, "bytes": self.bytes}
        if not self.is_sent:
            document["sent"] = False
        if self.partition:
            document["partition"] = self.partition
        return document


@dataclass(frozen=True, slots=True)
class Work:
    """What a batch took."""

    milliseconds: int = 0
    memory_mb: int = 0
    """Of the function."""
    bytes: int = 0
    """Of its images, where their listing tells."""


@dataclass(frozen=True)
class Batch:
    id: str
    counts: Counts
    shards: tuple[BatchShard, ...]
    work: Work = Work()
    first: str = ""
    """How the key of its first item begins, by which a plan has the batches in the order of a listing."""

    def __post_init__(self) -> None:
        """Raises RunDoesNotAddUp where a batch contradicts itself: some image would be lost, or counted twice."""
        packed = sum(shard.rows for shard in self.shards)
        ended = self.counts.accepted + self.counts.rejected + self.counts.skipped
        if self.counts.listed != ended or self.counts.accepted != packed:
            raise RunDoesNotAddUp(
                f"Batch {self.id} listed {self.counts.listed} images, accepted {self.counts.accepted}, rejected "
                f"{self.counts.rejected}, skipped {self.counts.skipped}, and packed {packed} into shards; the middle "
                "three must make up the first, and what was accepted is what is packed."
            )

    def to_json(self, run_id: str) -> dict[str, Any]:
        return {
            "batch": self.id,
            **asdict(self.counts),
            "verdicts": keys.verdicts_key(run_id, self.id),
            "shards": [shard.to_json(run_id) for shard in self.shards],
            "work": asdict(self.work),
            "first": self.first,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        return cls(
            id=document["batch"],
            counts=Counts(**{name: document[name] for name in _COUNTS}),
            shards=tuple(map(BatchShard.from_json, document["shards"])),
            work=Work(**document.get("work", {})),
            first=document.get("first", ""),
        )


def beginning(key: str) -> str:
    """As much of a key as tells a batch's place among others, and little enough for 160 of them between two states.

    A character that JSON escapes takes up to twelve bytes there, and a quarter of a megabyte is all there is
    (Step Functions Developer Guide, "Quotas").
    """
    return key[: _PLAIN_LETTERS if key.isascii() and key.isprintable() else _ESCAPED_LETTERS]
