"""What a verdict costs: validate_images against a bare Pillow loop, a core each, at three sizes of photos.

    python -m bench.validation             # what was measured, as a table
    python -m bench.validation --json

floor       decode, crop and resize with Pillow, from memory to an array, and nothing else
stage       the whole of validate_batch, with objects handed over from memory: what this project adds to the floor
S3          the same from the local cloud, over HTTP, as a Lambda function sees it

Each is one process on one core. The three take turns, round after round, so that what else the machine does disturbs
all of them alike; a ratio is the median of the rounds' ratios, and the spread of those stands beside it. Rates are of
CPU time: for the S3 row that leaves out the local cloud's own work, which in AWS is not the function's. `wall` is the
ratio by the clock on the wall, the local cloud's work included where it shares the core.

Memory is the peak of a process that validates one batch of 160 photos of 12 megapixels from the local cloud.
"""

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import md5
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from bench import synthetic
from bench.corpus import make_corpus
from bench.processes import peak_rss
from bench.synthetic import IMAGES, RESULTS
from pipeline import aws
from pipeline.contract import CentreCrop, ModelContract
from pipeline.images.decode import Decoded, decode
from pipeline.local.buckets.folder import FolderBucket
from pipeline.local.cloud import LocalCloud
from pipeline.runs.run import Run
from pipeline.validation.batch import validate_batch

BATCH = 160
# Photos of each size in a round: about a second of decoding.
SIZES = {"500x375": 320, "1280x960": 80, "4000x3000": 12}

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """One way of validating photos of one size. Rates are medians over the rounds."""

    size: str
    what: str
    images_per_second: float
    """Per core, of CPU time."""
    ratio: float
    """To the floor, by CPU time."""
    spread: tuple[float, float]
    """The smallest and the largest ratio of any round."""
    wall_ratio: float


@dataclass(frozen=True)
class Memory:
    images: int
    peak_bytes: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--corpus", type=Path, help="where photos are made and kept; a temporary folder otherwise")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        corpus = arguments.corpus or Path(scratch) / "corpus"
        photos = {size: _photos(corpus, size, SIZES[size]) for size in arguments.sizes}
        rows = [row for size, folder in photos.items() for row in measure(size, folder, arguments.rounds)]
        memory = peak_memory(_photos(corpus, "4000x3000", SIZES["4000x3000"]))
    if arguments.json:
        print(json.dumps({"speed": [asdict(row) for row in rows], "memory": asdict(memory)}, indent=2))
    else:
        _print(rows, memory)


def measure(size: str, photos: Path, rounds: int) -> list[Row]:
    """The floor, the stage, and the stage behind S3, over the same photos in turn."""
    with _served(photos) as environment, _core(environment) as core:
        taken = core.submit(_rounds, photos, rounds).result()
    floors = taken["floor"]
    count = len(list(photos.rglob("*.jpg")))
    return [_row(size, what, times, floors, count) for what, times in taken.items()]


def peak_memory(photos: Path, images: int = BATCH) -> Memory:
    """The peak of a fresh process that validates a batch of `images`; the photos repeat until there are as many."""
    paths = sorted(photos.rglob("*.jpg"))
    with tempfile.TemporaryDirectory(dir=photos.parent) as folder:
        for index in range(images):
            os.link(paths[index % len(paths)], Path(folder) / f"{index:04d}.jpg")
        with _served(Path(folder)) as environment, _core(environment) as core:
            return Memory(images, core.submit(_validate_and_tell_peak).result())


def floor(data: bytes, contract: ModelContract) -> np.ndarray[Any, Any]:
    """The contract's centre crop and bicubic resize of an RGB JPEG, uint8 [H, W, 3]."""
    size = (contract.input.width, contract.input.height)
    fraction = contract.pixels.resize.crop_fraction if isinstance(contract.pixels.resize, CentreCrop) else 1.0
    image = Image.open(BytesIO(data))
    side = fraction * min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC, box))


def _check_floor(data: bytes, contract: ModelContract) -> None:
    """A floor that makes another picture is none. Draft decoding may change each pixel a little."""
    decoded = decode(data, contract)
    if not isinstance(decoded, Decoded) or np.abs(decoded.pixels - floor(data, contract).astype(int)).mean() > 3:
        raise RuntimeError("the floor and the product do not make the same picture of a photo")


class MemoryS3:
    """As much of an S3 client as validating good images takes: it hands over bytes, and takes what is written."""

    def __init__(self, objects: Mapping[str, bytes]) -> None:
        self._objects = objects
        self._etags = {key: _etag(data) for key, data in objects.items()}

    def get_object(self, **request: str) -> dict[str, Any]:
        data = self._objects[request["Key"]]
        return {
            "Body": BytesIO(data),
            "ContentLength": len(data),
            "ContentType": "image/jpeg",
            "ETag": self._etags[request["Key"]],
        }

    def put_object(self, **request: Any) -> dict[str, Any]:
        body = request["Body"]
        while not isinstance(body, bytes) and body.read(1 << 17):
            pass  # as it is sent
        return {}

    def items(self) -> list[Item]:
        return [{"Key": key, "Etag": self._etags[key], "Size": len(data)} for key, data in self._objects.items()]


Times = list[tuple[float, float]]
"""CPU and wall-clock seconds of each round."""


def _rounds(photos: Path, rounds: int) -> dict[str, Times]:
    """In the measured process."""
    data = {path.relative_to(photos).as_posix(): path.read_bytes() for path in sorted(photos.rglob("*.jpg"))}
    run = synthetic.run(top_k=1)
    _check_floor(next(iter(data.values())), run.contract)
    memory, s3 = MemoryS3(data), aws.object_reader()
    listed = _listed(s3)

    def bare() -> None:
        for content in data.values():
            floor(content, run.contract)

    ways: dict[str, Callable[[], None]] = {
        "floor": bare,
        "stage": lambda: _validate(run, memory.items(), memory),
        "S3": lambda: _validate(run, listed, s3),
    }
    taken: dict[str, Times] = {what: [] for what in ways}
    for number in range(rounds + 1):
        for what, way in ways.items():
            cpu, wall = time.process_time(), time.perf_counter()
            way()
            if number:  # the first round warms up
                taken[what].append((time.process_time() - cpu, time.perf_counter() - wall))
    return taken


def _validate_and_tell_peak() -> int:
    s3 = aws.object_reader()
    _validate(synthetic.run(top_k=1), _listed(s3), s3)
    return peak_rss()


def _validate(run: Run, items: Sequence[Item], s3: Any) -> None:
    accepted = 0
    for start in range(0, len(items), BATCH):
        accepted += validate_batch(run, IMAGES, items[start : start + BATCH], s3)["accepted"]
    if accepted != len(items):
        raise RuntimeError(f"{len(items) - accepted} photos of the corpus were rejected: make it again")


def _listed(s3: Any) -> list[Item]:
    """The images bucket as Step Functions lists it."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=IMAGES)
    return [
        {"Key": item["Key"], "Etag": item["ETag"], "Size": item["Size"]} for page in pages for item in page["Contents"]
    ]


@contextmanager
def _served(photos: Path) -> Iterator[Mapping[str, str]]:
    """The folder as the images bucket of a local cloud; the environment that leads there."""
    with LocalCloud() as cloud:
        cloud.mount(IMAGES, FolderBucket(photos))
        cloud.client("s3").create_bucket(Bucket=RESULTS)
        yield cloud.environment()


@contextmanager
def _core(environment: Mapping[str, str]) -> Iterator[ProcessPoolExecutor]:
    """A fresh process on a core of its own."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh, initializer=_settle, initargs=(environment,)) as core:
        yield core


def _settle(environment: Mapping[str, str]) -> None:
    os.environ.update(environment)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def _photos(corpus: Path, size: str, count: int) -> Path:
    width, height = map(int, size.split("x"))
    return make_corpus(corpus / f"{size}-{count}", count, width, height)


def _etag(data: bytes) -> str:
    return f'"{md5(data, usedforsecurity=False).hexdigest()}"'


def _row(size: str, what: str, times: Times, floors: Times, count: int) -> Row:
    ratios = [theirs[0] / ours[0] for ours, theirs in zip(times, floors, strict=True)]
    walls = [theirs[1] / ours[1] for ours, theirs in zip(times, floors, strict=True)]
    return Row(
        size=size,
        what=what,
        images_per_second=count / median(cpu for cpu, _ in times),
        ratio=median(ratios),
        spread=(min(ratios), max(ratios)),
        wall_ratio=median(walls),
    )


def _print(rows: Sequence[Row], memory: Memory) -> None:
    print(f"{'photos':<12}{'':<8}{'images/s per core':>18}{'ratio':>8}{'spread':>14}{'wall':>8}")
    for row in rows:
        spread = f"{row.spread[0]:.2f} to {row.spread[1]:.2f}"
        print(
            f"{row.size:<12}{row.what:<8}{row.images_per_second:>18.1f}{row.ratio:>8.2f}{spread:>14}"
            f"{row.wall_ratio:>8.2f}"
        )
    print(f"\npeak memory over {memory.images} photos of 4000x3000: {memory.peak_bytes / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
