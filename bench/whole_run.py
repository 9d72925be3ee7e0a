"""`imagebatch run` on N photos against the plain loop of bench/floor.py, in one go: images a second, ratio, memory.

    python -m bench.whole_run --photos 2000

The ratio leaves start-up out on both sides; start-up stands in a column of its own. Memory is the proportional set size
of all processes of the run together, sampled four times a second, at a quarter of N and at N: it must not grow with N.
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench import floor
from bench.corpus import make_corpus
from bench.processes import ROOT, measure
from pipeline.cores import available_cores

MODEL = ROOT / "examples" / "models" / "efficientnet-lite0"


@dataclass(frozen=True)
class MeasuredRun:
    images: int
    seconds: float
    startup_seconds: float
    peak_bytes: int

    @property
    def images_per_second(self) -> float:
        return self.images / (self.seconds - self.startup_seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--size", default="500x375", help="width x height of a photo, in pixels")
    parser.add_argument("--corpus", type=Path, help="where photos are made and kept; a temporary folder otherwise")
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))

    with tempfile.TemporaryDirectory() as scratch:
        base = (arguments.corpus or Path(scratch)) / arguments.size
        quarter = make_corpus(base / str(arguments.photos // 4), arguments.photos // 4, width, height)
        photos = make_corpus(base / str(arguments.photos), arguments.photos, width, height)
        print(f"{arguments.photos:,} photos of {arguments.size}, {available_cores()} cores\n")
        print(f"{'':<28}{'images/s':>10}{'ratio':>8}{'start-up':>10}{'whole':>9}{'peak memory':>14}")
        plain = floor.measure(photos, MODEL)
        print(f"{'floor: plain loop':<28}{plain.images_per_second:>10.0f}{1:>8.2f}{'':>10}{plain.seconds:>7.1f} s")
        for folder in (quarter, photos):
            run = measure_run(folder, Path(scratch) / "out")
            ratio = run.images_per_second / plain.images_per_second
            print(
                f"{f'imagebatch run, {run.images:,}':<28}{run.images_per_second:>10.0f}{ratio:>8.2f}"
                f"{run.startup_seconds:>8.1f} s{run.seconds:>7.1f} s{run.peak_bytes / 1e6:>11.0f} MB"
            )


def measure_run(photos: Path, out: Path) -> MeasuredRun:
    """One `imagebatch run` in a process of its own, from the command to the results on disk."""
    run = measure(["-m", "pipeline.cli", "run", str(photos), "--out", str(out), "--json"])
    report = run.printed
    images = report["summary"]["counts"]["predicted"]
    return MeasuredRun(images, run.seconds, run.seconds - report["seconds"]["run"], run.peak_bytes)


if __name__ == "__main__":
    main()
