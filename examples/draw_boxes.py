"""Draw the boxes of a run on its photos.

    imagebatch run PHOTOS --model examples/models/yolox-nano
    python examples/draw_boxes.py out/RUN_ID PHOTOS --to drawn

Writes a JPEG for each photo that has a box, under its own path in the folder `drawn`. Needs Pillow and pyarrow, which
come with imagebatch.
"""

import argparse
import colorsys
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from PIL import Image, ImageDraw, ImageFont, ImageOps

Row = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Draw the boxes of a run on its photos.")
    parser.add_argument("run", type=Path, help="the folder of a run's results, out/RUN_ID")
    parser.add_argument("photos", type=Path, help="the folder that the run was over")
    parser.add_argument("--to", type=Path, default=Path("drawn"), help="where the pictures go (default: %(default)s)")
    parser.add_argument("--only", help="one photo's path below PHOTOS")
    parser.add_argument("--longest", type=int, default=1024, help="pixels of the longer side (default: %(default)s)")
    options = parser.parse_args(arguments)
    table = options.run / "predictions.parquet"
    if not table.is_file():
        parser.error(f"there is no {table}: give the folder of a run's results, out/RUN_ID")
    drawn = left_out = 0
    for row in _rows_with_boxes(table, options.only):
        try:
            photo, target = _below(options.photos, row["key"]), _below(options.to, f"{row['key']}.jpg")
            target.parent.mkdir(parents=True, exist_ok=True)
            draw(row, photo, options.longest).save(target, quality=85)
            drawn += 1
        except (OSError, ValueError) as error:
            print(f"left out: {error}", file=sys.stderr)
            left_out += 1
    print(f"{drawn} photos with boxes drawn to {options.to}/")
    return 1 if left_out else 0


def _rows_with_boxes(table: Path, only: str | None) -> Iterator[Row]:
    for batch in pq.ParquetFile(table).iter_batches(columns=["key", "labels", "scores", "boxes"]):
        yield from (row for row in batch.to_pylist() if row["boxes"] and only in (None, row["key"]))


def _below(folder: Path, key: str) -> Path:
    """The path of a key in a folder. A key is not always one: `../secrets` is a key, too."""
    path = folder / key
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{key!r} is no path below {folder}")
    return path


def draw(row: Row, photo: Path, longest: int) -> Image.Image:
    """The photo, upright and not larger than `longest`, with its boxes; the best is drawn last, over the others."""
    with Image.open(photo) as image:
        picture = ImageOps.exif_transpose(image).convert("RGB")
    scale = min(1.0, longest / max(picture.size))
    picture = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS)
    canvas = ImageDraw.Draw(picture)
    size = max(12, max(picture.size) // 50)
    font = ImageFont.load_default(size)
    found = list(zip(row["labels"], row["scores"], row["boxes"], strict=True))
    for label, score, box in reversed(found):
        sides = [box[side] * scale for side in ("x0", "y0", "x1", "y1")]
        colour = _colour(label)
        canvas.rectangle(sides, outline=colour, width=max(2, size // 6))
        text, corner = f" {label} {score:.2f} ", (sides[0], max(0.0, sides[1] - size * 1.2))
        canvas.rectangle(canvas.textbbox(corner, text, font), fill=colour)
        canvas.text(corner, text, "black", font)
    return picture


def _colour(label: str) -> tuple[int, int, int]:
    """A bright colour, the same for the same label."""
    hue = sum(map(ord, label)) * 0.618 % 1
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.55, 1))
    return red, green, blue


if __name__ == "__main__":
    sys.exit(main())
