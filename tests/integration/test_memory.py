"""What validate_images holds in memory does not grow with its batch: shown by the peak of a process of its own."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.contract.packages import load_package
from pipeline.local.buckets.folder import FolderBucket
from pipeline.local.cloud import LocalCloud
from pipeline.runs.run import Run

ROOT = Path(__file__).resolve().parents[2]
IMAGES, RESULTS = "memory-images", "memory-results"
GIGABYTE = 1_000_000_000
# As infra/template.yaml has it.
KEEPS_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "33554432", "MALLOC_TRIM_THRESHOLD_": "268435456"}

# The most that a process ever held: VmHWM where there is one, since ru_maxrss begins with what the parent held.
PROGRAM = """
import json, resource, sys
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace

context = SimpleNamespace(
    function_name="step", memory_limit_in_mb=1769, invoked_function_arn="arn", aws_request_id="5e1f"
)
with redirect_stdout(sys.stderr):  # where the function's log goes
    from steps.validate_images import handler

    result = handler(json.load(sys.stdin), context)
status = Path("/proc/self/status")
if status.exists():
    peak = next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM"))
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps({"accepted": result["accepted"], "peak": peak}))
"""
# How many of each: a batch of 160 photos, most of them as cameras write them.
BATCH = {"baseline.jpg": 144, "progressive.jpg": 12, "lossless.png": 4}


def photo_of_twelve_megapixels() -> Image.Image:
    """Smooth, with a camera's noise, so that it compresses as a photo does."""
    smooth = Image.effect_mandelbrot((400, 300), (-2, -1.2, 1, 1.2), 60).resize((4000, 3000), Image.Resampling.BICUBIC)
    noise = np.random.default_rng(0).integers(-8, 9, (3000, 4000, 3), np.int16)
    return Image.fromarray(np.clip(np.asarray(smooth)[..., None] + noise, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    photo = photo_of_twelve_megapixels()
    encoded = {name: io.BytesIO() for name in BATCH}
    photo.save(encoded["baseline.jpg"], "JPEG", quality=90)
    photo.save(encoded["progressive.jpg"], "JPEG", quality=90, progressive=True)
    photo.save(encoded["lossless.png"], "PNG", compress_level=1)
    for name, count in BATCH.items():
        first = folder / f"0-{name}"
        first.write_bytes(encoded[name].getbuffer())
        for index in range(1, count):
            (folder / f"{index}-{name}").hardlink_to(first)
    return folder


@pytest.fixture
def cloud(photos: Path) -> Iterator[LocalCloud]:
    with LocalCloud() as cloud:
        cloud.mount(IMAGES, FolderBucket(photos))
        cloud.client("s3").create_bucket(Bucket=RESULTS)
        yield cloud


def test_a_batch_of_160_photos_of_12_megapixels_takes_less_than_a_gigabyte(cloud: LocalCloud, run: Run) -> None:
    contract = load_package(ROOT / "examples" / "models" / "efficientnet-lite0").contract
    run = replace(run, bucket=RESULTS, contract=contract)
    s3 = cloud.client("s3")
    s3.put_object(Bucket=RESULTS, Key=run.pointer["key"], Body=json.dumps(run.to_json()))
    listed = s3.list_objects_v2(Bucket=IMAGES)["Contents"]
    items: list[dict[str, Any]] = [{"Key": item["Key"], "Etag": item["ETag"], "Size": item["Size"]} for item in listed]
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps({"run": run.pointer, "bucket": IMAGES, "items": items}),
        env=cloud.environment() | KEEPS_MEMORY,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    result = json.loads(ended.stdout)
    assert result["accepted"] == sum(BATCH.values()) == 160
    assert result["peak"] < GIGABYTE
