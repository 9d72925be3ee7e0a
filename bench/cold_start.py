"""What a cold start of each function loads: the size of its bundle for Lambda, and how long its import takes here.

    python -m bench.cold_start

Imports are of the bundle built of this machine's packages, by an interpreter that has no others, the second time: with
the compiled files that the first has written. Processor time, of the best of several: a machine that does other things,
too, measures those by the clock.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from pipeline.deploying.archives import files_below
from pipeline.deploying.building import CACHE, build
from pipeline.deploying.bundles import BUNDLES, STEPS
from pipeline.deploying.wheels import Installed, Wheels

_TIMES = 4
_SETTINGS = (
    "AWS_DEFAULT_REGION",
    *("CONTAINER_IMAGE_URI", "DEAD_LETTER_QUEUE_URL", "DEFAULT_INSTANCE_TYPE", "DEFAULT_MODEL", "ENDPOINT_NAME"),
    *("IMAGES_BUCKET", "INSTANCE_TYPE", "JOB_ROLE_ARN", "MODEL_URI", "PROCESSING_BUCKET", "RESULTS_BUCKET"),
    *("SINGLE_MODEL", "STACK_NAME", "TOPIC_ARN"),
)
_IMPORT = """
import time
began, making = time.process_time(), 0.0
from pipeline import aws
make = aws.prepare
def timed(*services):
    global making
    making -= time.process_time()
    make(*services)
    making += time.process_time()
aws.prepare = timed
import steps.{step}
print(time.process_time() - began - making, making)
"""


def size(folder: Path) -> int:
    """Bytes of everything below a folder."""
    return sum((folder / path).stat().st_size for path in files_below(folder))


def import_seconds(folder: Path, step: str) -> tuple[float, float]:
    """Processor time of a step's import, and of the clients that it makes meanwhile: of the best of several."""
    environment = {**dict.fromkeys(_SETTINGS, "set"), "PYTHONPATH": str(folder), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-S", "-c", _IMPORT.format(step=step)]
    runs = (
        subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=True)
        for _ in range(_TIMES)
    )
    imports, making = min(tuple(map(float, run.stdout.split())) for run in runs)
    return imports, making


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        sizes = {}
        for bundle in BUNDLES:
            build(bundle, Wheels(CACHE), root / "lambda" / bundle)
            sizes[bundle] = size(root / "lambda" / bundle)
            build(bundle, Installed(root / "cache"), root / "here" / bundle)
        print("| function | bundle | unzipped, arm64 | import, processor time | its clients |\n|---|---|---|---|---|")
        for step, bundle in STEPS.items():
            imports, making = (seconds * 1000 for seconds in import_seconds(root / "here" / bundle, step))
            size_told = f"{sizes[bundle] / 1e6:.0f} MB"
            print(f"| {step} | {bundle} | {size_told} | {imports:.0f} ms | {making:.0f} ms |", flush=True)


if __name__ == "__main__":
    main()
