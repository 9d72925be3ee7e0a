"""Photos in bulk for benchmarks: deterministic variations of the example photos.

Variation i depends on the seed and on i alone, so a corpus of 4,000 begins with the photos of one of 2,000.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "photos"


def make_corpus(folder: Path, count: int, width: int, height: int, seed: int = 0) -> Path:
    """Write `count` JPEGs of width x height pixels into `folder`, a thousand to a sub-folder; what is there stays."""
    missing = [index for index in range(count) if not _path(folder, index).exists()]
    for thousand in {index // 1000 for index in missing}:
        _path(folder, thousand * 1000).parent.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor() as pool:
        for _ in pool.map(partial(_write, folder, width, height, seed), missing, chunksize=32):
            pass
    return folder


def _path(folder: Path, index: int) -> Path:
    return folder / f"{index // 1000:04d}" / f"{index:07d}.jpg"


@cache
def _sources() -> Sequence[Image.Image]:
    sources = []
    for path in sorted(EXAMPLES.rglob("*")):
        try:
            with Image.open(path) as image:
                sources.append(ImageOps.exif_transpose(image).convert("RGB"))
        except (OSError, SyntaxError, Image.DecompressionBombError):
            continue  # folders, attributions, and the broken examples
    return sources


def _write(folder: Path, width: int, height: int, seed: int, index: int) -> None:
    random = np.random.default_rng([seed, index])
    source = _sources()[index % len(_sources())]
    scale = min(source.width / width, source.height / height) * random.uniform(0.75, 1.0)
    left = random.uniform(0, source.width - width * scale)
    top = random.uniform(0, source.height - height * scale)
    box = (left, top, left + width * scale, top + height * scale)
    photo = source.resize((width, height), Image.Resampling.BICUBIC, box=box)
    if random.random() < 0.5:
        photo = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    # Sensor noise keeps the bytes per pixel, and so the cost of decoding, like a camera's.
    noise = random.normal(0, random.uniform(0.5, 4.0), (height, width, 1))
    noisy = np.clip(np.asarray(photo) + noise, 0, 255).astype(np.uint8)
    target = _path(folder, index)
    partial_file = target.with_suffix(f".{os.getpid()}.part")
    Image.fromarray(noisy).save(partial_file, "JPEG", quality=int(random.integers(80, 96)))
    partial_file.replace(target)
