"""What benchmarks make up: a run, a listing of as many keys as one likes."""

import datetime
import hashlib
from collections.abc import Iterator
from pathlib import Path

from pipeline.contract.packages import load_package
from pipeline.limits import DEFAULT_LIMITS, Quarantine
from pipeline.local.buckets.base import Conditions, ObjectInfo, Reading, ReadOnlyBucket, no_such_key
from pipeline.runs.run import Run
from pipeline.runs.sources import Prefix
from pipeline.runs.triggers import Trigger

MODEL = Path(__file__).resolve().parents[1] / "examples" / "models" / "efficientnet-lite0"
IMAGES, RESULTS = "bench-images", "bench-results"
PREFIX = "incoming/"
BYTES = 110_000
"""Of a photo of 500x375 pixels, about."""

_MODIFIED = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def run(top_k: int = 5) -> Run:
    """A run of the example model over the images bucket."""
    now = datetime.datetime.now(datetime.UTC)
    return Run(
        run_id="bench",
        bucket=RESULTS,
        execution_arn="arn:aws:states:us-east-1:123456789012:execution:imagebatch-batch:bench",
        trigger=Trigger("execution", "bench", now),
        started_at=now,
        sources=(Prefix(IMAGES, PREFIX),),
        model=MODEL.name,
        contract=load_package(MODEL).contract,
        engine="processing",
        top_k=top_k,
        max_failed_fraction=0,
        instance_type=None,
        limits=DEFAULT_LIMITS,
        quarantine=Quarantine.LEAVE,
    )


def key(number: int) -> str:
    """Keys come in the order of their numbers, a thousand to a folder."""
    return f"{PREFIX}camera-{number // 1000:04d}/IMG_{number:08d}.jpg"


def etag(key: str) -> str:
    return hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()


class MadeUpBucket(ReadOnlyBucket):
    """A bucket that lists `count` objects and holds none of them."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count

    @property
    def refusal(self) -> str:
        return "This bucket is made up."

    def walk(self, prefix: str = "", start: str = "") -> Iterator[ObjectInfo]:
        for number in range(self._count):
            name = key(number)
            if name >= start and name.startswith(prefix):
                yield ObjectInfo(name, BYTES, _MODIFIED, f'"{etag(name)}"')

    def head(self, key: str) -> ObjectInfo:
        raise no_such_key(key)

    def read(self, key: str, conditions: Conditions) -> Reading:
        raise no_such_key(key)
