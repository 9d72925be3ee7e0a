"""The floor that runs are compared with: a plain loop in a process per core, from file to label, and nothing else.

It is what a user would write by hand: open, decode, crop and resize with Pillow, normalise with numpy, ONNX Runtime in
batches of eight, argmax. No listing service, no verdicts, no shards.

    python -m bench.floor PACKAGE PHOTOS OUT       # a whole process, from its start to labels.json below OUT
"""

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.classify import BATCH, Classifier, photos_below
from pipeline.cores import available_cores


@dataclass(frozen=True)
class Floor:
    images: int
    seconds: float

    @property
    def images_per_second(self) -> float:
        return self.images / self.seconds


def measure(photos: Path, model: Path, processes: int = available_cores()) -> Floor:
    """Images a second of the plain loop over every JPEG below `photos`, process start-up and model loading left out."""
    paths = photos_below(photos)
    slices = [paths[index::processes] for index in range(processes)]
    with ProcessPoolExecutor(processes) as pool:
        warmed_up = list(pool.map(_classify, [paths[:BATCH]] * processes, [model] * processes))
        assert len(warmed_up) == processes
        started = time.perf_counter()
        labels = list(pool.map(_classify, slices, [model] * processes))
        seconds = time.perf_counter() - started
    return Floor(sum(map(len, labels)), seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    processes = available_cores()
    paths = photos_below(arguments.photos)
    with ProcessPoolExecutor(processes) as pool:
        slices = [paths[index::processes] for index in range(processes)]
        labels = {
            path: top1 for part in pool.map(_classify, slices, [arguments.package] * processes) for path, top1 in part
        }
    arguments.out.mkdir(parents=True)
    (arguments.out / "labels.json").write_text(json.dumps(labels), encoding="utf-8")


_classifier = cache(Classifier)


def _classify(paths: list[str], model: Path) -> list[tuple[str, int]]:
    labels: list[tuple[str, int]] = []
    for start in range(0, len(paths), BATCH):
        batch = paths[start : start + BATCH]
        top1 = _classifier(model).top1([Path(path).read_bytes() for path in batch])
        labels += zip(batch, top1.tolist(), strict=True)
    return labels


if __name__ == "__main__":
    main()
