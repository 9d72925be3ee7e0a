"""`imagebatch run` against what people would use instead, in one go: a plain loop, Daft, Ray Data.

    make peers                                       # their environment, once
    python -m bench.peers --photos 1000 10000        # .venv/bin/python

Each is a whole process, from its start to its results on disk, over the same photos, with the same model, decoding and
batches (bench/classify.py), in turn for each number of photos. The marginal rate leaves start-up out: it is that of the
photos which the larger number has more. The labels are compared, photo by photo.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from bench.corpus import make_corpus
from bench.processes import ROOT, measure
from pipeline.contract.packages import load_package
from pipeline.cores import available_cores

PEERS = ROOT / ".venv" / "peers" / "bin" / "python"
MODEL = ROOT / "examples" / "models" / "efficientnet-lite0"

Labels = Mapping[str, str]
"""The label of each photo, by its path below the folder of photos."""


@dataclass(frozen=True)
class Contender:
    """One way to label a folder of photos.

    `command` makes a command line of package, photos and results; `labels` reads the classes or labels that it wrote.
    """

    name: str
    python: Path
    command: Callable[[Path, Path, Path], list[str]]
    labels: Callable[[Path, Path, Sequence[str]], Labels]


@dataclass(frozen=True)
class Timing:
    photos: int
    seconds: float
    peak_bytes: int
    labels: Labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, nargs="+", default=[1000, 10000], help="how many, once or several times")
    parser.add_argument("--size", default="500x375", help="width x height of a photo, in pixels")
    parser.add_argument("--model", type=Path, default=MODEL, help="a model package")
    parser.add_argument("--corpus", type=Path, help="where photos are made and kept; a temporary folder otherwise")
    parser.add_argument("--only", nargs="+", choices=[contender.name for contender in CONTENDERS])
    arguments = parser.parse_args()
    contenders = [item for item in CONTENDERS if item.name in (arguments.only or [each.name for each in CONTENDERS])]
    if any(contender.python == PEERS for contender in contenders) and not PEERS.exists():
        raise SystemExit("Daft and Ray Data live in an environment of their own: make peers")
    width, height = map(int, arguments.size.split("x"))
    names = load_package(arguments.model).labels
    with tempfile.TemporaryDirectory() as scratch:
        base = (arguments.corpus or Path(scratch)) / arguments.size
        timings: dict[str, list[Timing]] = {contender.name: [] for contender in contenders}
        for count in sorted(arguments.photos):
            photos = make_corpus(base / str(count), count, width, height)
            for contender in contenders:
                out = Path(scratch) / f"{contender.name}-{count}".replace(" ", "-")
                measured = measure(contender.command(arguments.model, photos, out), python=contender.python)
                labels = contender.labels(out, photos, names)
                timings[contender.name].append(Timing(count, measured.seconds, measured.peak_bytes, labels))
    _print(timings, arguments.size)
    if not _agree(timings):
        raise SystemExit(1)


def _print(timings: Mapping[str, list[Timing]], size: str) -> None:
    print(f"photos of {size}, {available_cores()} cores\n")
    print(f"{'':<16}{'photos':>8}{'seconds':>10}{'images/s':>10}{'ratio':>8}{'marginal':>10}{'ratio':>8}{'memory':>10}")
    floors = next(iter(timings.values()))
    for number, floor in enumerate(floors):
        for name, rows in timings.items():
            row, marginal = rows[number], _marginal(rows, number)
            print(
                f"{name:<16}{row.photos:>8,}{row.seconds:>10.1f}{row.photos / row.seconds:>10.0f}"
                f"{floor.seconds / row.seconds:>8.2f}{marginal:>10.0f}{marginal / _marginal(floors, number):>8.2f}"
                f"{row.peak_bytes / 1e6:>7.0f} MB"
            )


def _marginal(rows: list[Timing], number: int) -> float:
    """Images a second of those that a row has more than the row before it; of all, for the first."""
    if number == 0:
        return rows[0].photos / rows[0].seconds
    before, row = rows[number - 1], rows[number]
    return (row.photos - before.photos) / (row.seconds - before.seconds)


def _agree(timings: Mapping[str, list[Timing]]) -> bool:
    """Whether everybody gave every photo the label that the first gave; prints how many did."""
    agreed = True
    for rows in zip(*timings.values(), strict=True):
        for name, row in zip(timings, rows, strict=True):
            reference = rows[0].labels
            equal = sum(row.labels.get(photo) == label for photo, label in reference.items())
            agreed = agreed and equal == len(reference) == len(row.labels) == row.photos
            print(f"{name}: {equal:,} of {row.photos:,} top-1 as the first's")
    return agreed


def _floor_labels(out: Path, photos: Path, names: Sequence[str]) -> Labels:
    found = json.loads((out / "labels.json").read_text(encoding="utf-8"))
    return {str(Path(path).relative_to(photos)): names[top1] for path, top1 in found.items()}


def _peer_labels(out: Path, photos: Path, names: Sequence[str]) -> Labels:
    rows = pq.read_table(out).to_pydict()
    pairs = zip(rows["path"], rows["label"], strict=True)
    return {str(Path(path.removeprefix("file://")).relative_to(photos)): names[top1] for path, top1 in pairs}


def _our_labels(out: Path, photos: Path, names: Sequence[str]) -> Labels:
    [results] = out.glob("*/predictions.parquet")
    rows = pq.read_table(results, columns=["key", "label"]).to_pydict()
    return dict(zip(rows["key"], rows["label"], strict=True))


def _script(module: str) -> Callable[[Path, Path, Path], list[str]]:
    return lambda package, photos, out: ["-m", module, str(package), str(photos), str(out)]


def _run(package: Path, photos: Path, out: Path) -> list[str]:
    return ["-m", "pipeline.cli", "run", str(photos), "--model", str(package), "--out", str(out), "--json"]


_OURS = Path(sys.executable)
CONTENDERS = (
    Contender("floor", _OURS, _script("bench.floor"), _floor_labels),
    Contender("imagebatch run", _OURS, _run, _our_labels),
    Contender("Daft", PEERS, _script("bench.peer_daft"), _peer_labels),
    Contender("Ray Data", PEERS, _script("bench.peer_ray"), _peer_labels),
)


if __name__ == "__main__":
    main()
