"""Batch Transform at the model's own speed? serve.py within Batch Transform's limits, against the model alone.

    python -m bench.gpu_transform                   # a GPU and torch: ResNet-50 in bf16; else the example model on CPU
    python -m bench.gpu_transform --soak 2000       # and the server's memory over so many shards

floor           the model alone, its input in place: bench/model_floor.py
packed shards   every request a shard of some 160 images, at most 24 MB, four at once
one JPEG        every request a photo of 500x375, as Batch Transform sends images that nobody packed

The three take turns, round after round, so that what else the machine does disturbs all of them alike; a ratio is the
median of the rounds' ratios to the floor, with the smallest and the largest beside it. The client shares the machine
with the server, and on a CPU its cores: `by CPU` is the ratio of processor time instead, the client's left out.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import median

import numpy as np

from bench import resnet50
from bench.corpus import make_corpus
from bench.model_floor import Floor, Images, OnnxFloor
from bench.model_server import JPEG, MAX_BODY_BYTES, SHARD, ModelServer, Request, Spent
from pipeline.contract import ModelContract
from pipeline.contract.packages import load_package
from pipeline.cores import available_cores
from pipeline.images.decode import Decoded, decode
from pipeline.shards import Row, pack, rows_per_shard

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "models" / "efficientnet-lite0"
SHARDS_AT_ONCE = 4
JPEGS_AT_ONCE = 16
DIFFERENT_SHARDS = 4
SOAK_READINGS = 10
CLEAR_MARGIN = 0.05


@dataclass(frozen=True)
class Subject:
    """The model to be served, the model alone, and how much of each is a round of a few seconds."""

    name: str
    package: Path
    floor: Floor
    shards: int
    jpegs: int
    on_cpu: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--soak", type=int, default=0, help="send so many shards more, and print the server's memory")
    parser.add_argument("--package", type=Path, help="another model package, on the CPU")
    parser.add_argument("--corpus", type=Path, help="where photos are made and kept; a temporary folder otherwise")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        subject = _subject(arguments.package, Path(scratch))
        contract = load_package(subject.package).contract
        count = rows_per_shard(contract)
        corpus = make_corpus((arguments.corpus or Path(scratch)) / f"500x375-{count}", count, 500, 375)
        photos = [path.read_bytes() for path in sorted(corpus.rglob("*.jpg"))]
        pixels = decode_all(photos, contract)
        shards = list(make_shards(pixels, contract))
        print(f"{subject.name}, {available_cores()} cores, {count} images a shard\n", flush=True)
        with ModelServer(subject.package) as server:
            compare(subject, server, shards, [Request(photo, JPEG, 1) for photo in photos], arguments.rounds)
            agree(subject, server.ask(shards[0]), pixels)
            if arguments.soak:
                soak(server, shards, arguments.soak)


def compare(
    subject: Subject, server: ModelServer, shards: Sequence[Request], jpegs: Sequence[Request], rounds: int
) -> None:
    """Print the table."""
    images = sum(shard.images for shard in islice(cycle(shards), subject.shards))
    ways: dict[str, Callable[[], Spent]] = {
        "floor": lambda: subject.floor(images),
        "packed shards": lambda: server.send(islice(cycle(shards), subject.shards), SHARDS_AT_ONCE),
        "one JPEG": lambda: server.send(islice(cycle(jpegs), subject.jpegs), JPEGS_AT_ONCE),
    }
    for way in ways.values():
        way()  # warms up
    taken: dict[str, list[Spent]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            taken[name].append(way())
    print(f"{'':<16}{'images/s':>10}{'ratio':>8}{'spread':>16}{'CPU ms':>9}{'by CPU' if subject.on_cpu else '':>9}")
    for name, rows in taken.items():
        pairs = list(zip(rows, taken["floor"], strict=True))
        ratios = [row.images_per_second / floor.images_per_second for row, floor in pairs]
        by_cpu = [floor.cpu_per_image / row.cpu_per_image for row, floor in pairs]
        spread = "" if name == "floor" else f"{min(ratios):.3f} to {max(ratios):.3f}"
        print(
            f"{name:<16}{median(row.images_per_second for row in rows):>10.0f}{median(ratios):>8.3f}{spread:>16}"
            f"{median(row.cpu_per_image for row in rows) * 1000:>9.3f}"
            + (f"{median(by_cpu):>9.3f}" if subject.on_cpu else "")
        )


def agree(subject: Subject, lines: Sequence[bytes], pixels: Images) -> None:
    """Print how many photos have the same top-1 as plain float32 on the CPU, of those with a clear one."""
    scores = subject.floor.scores(pixels)
    best = np.sort(scores, axis=1)[:, -2:]
    clear = best[:, 1] - best[:, 0] > CLEAR_MARGIN
    same = scores.argmax(axis=1) == [json.loads(line)["top"][0]["index"] for line in lines]
    print(
        f"\ntop-1 as in float32 on the CPU: {(same & clear).sum()} of {clear.sum()} photos with a margin above", end=" "
    )
    print(f"{CLEAR_MARGIN}, {same.sum()} of all {len(same)}")


def soak(server: ModelServer, shards: Sequence[Request], count: int) -> None:
    """Print the server's memory while `count` shards pass through it."""
    print(f"\n{'shards':<16}{'resident':>10}")
    for reading in range(1, SOAK_READINGS + 1):
        server.send(islice(cycle(shards), count // SOAK_READINGS), SHARDS_AT_ONCE)
        print(f"{reading * (count // SOAK_READINGS):<16,}{server.resident_bytes() / 1e6:>7.0f} MB", flush=True)


def decode_all(photos: Sequence[bytes], contract: ModelContract) -> Images:
    """Photos as validation leaves them, uint8 [N, H, W, 3]."""
    decoded = [decode(photo, contract) for photo in photos]
    return np.stack([each.pixels for each in decoded if isinstance(each, Decoded)])


def make_shards(pixels: Images, contract: ModelContract) -> Iterator[Request]:
    """Full shards of the same photos, each in another order, the first in theirs."""
    for number in range(DIFFERENT_SHARDS):
        rows = [Row("bench", f"{number}/{row:04d}.jpg", f"{row:032x}", 100_000, 500, 375) for row in range(len(pixels))]
        body = pack(np.roll(pixels, number, axis=0), rows, contract).read()
        if len(body) > MAX_BODY_BYTES:
            raise RuntimeError(f"a shard of {len(body):,} bytes is more than a request may have")
        yield Request(body, SHARD, len(rows))


def _subject(package: Path | None, scratch: Path) -> Subject:
    if package is None and resnet50.is_possible():
        return Subject("ResNet-50, bf16", *resnet50.make(scratch / "resnet50"), shards=400, jpegs=500, on_cpu=False)
    package = package or EXAMPLE
    return Subject(f"{package.name}, CPU", package, OnnxFloor(package), shards=24, jpegs=400, on_cpu=True)


if __name__ == "__main__":
    main()
