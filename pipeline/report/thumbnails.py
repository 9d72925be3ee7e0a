"""Thumbnails of the images that a report shows, made of the pixels of packed shards: nothing is decoded again.

They stand side by side in a few pictures: ten thousand pictures of their own would cost a browser more than the photos,
and compress worse. JPEG, since WebP saves an eighth of the bytes and takes thirty times as long.
"""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.report.content import Sheet

COLUMNS = ROWS = 10
MEDIA_TYPE = "image/jpeg"
_QUALITY = 60

Pixels = npt.NDArray[np.uint8]


def most_pixels(images: int) -> int:
    """Of a thumbnail's side, where so many images are shown: ten thousand at 64 are some 9 MB."""
    return 112 if images <= 3_000 else 64


def reduced(images: Pixels, most: int) -> Pixels:
    """Images, uint8 [N, H, W, C], with neither side longer than `most`, by means of squares of pixels.

    The scale is a whole number, and what is left over of the right and the lower edge is cut off. numpy takes a third
    of what Pillow does, which copies each image into a layout of its own first, and lets other threads work meanwhile.
    """
    count, height, width, channels = images.shape
    scale = -(-max(height, width) // most)
    y, x = min(scale, height), min(scale, width)
    images = images[:, : height // y * y, : width // x * x]
    # 16 bits hold the sum of 256 pixels and a half.
    kind = np.uint16 if y * x <= 256 else np.uint32
    rows = np.add.reduce(images.reshape(count, height // y, y, -1), axis=2, dtype=kind)
    rows = rows.reshape(count, height // y, width // x, x, channels)
    sums = np.full((count, height // y, width // x, channels), y * x // 2, kind)
    # Channel by channel: numpy's inner loop is then a row of pixels, and not the three numbers of one.
    for channel in range(channels):
        for column in range(x):
            sums[..., channel] += rows[..., column, channel]
    means: Pixels = (sums // (y * x)).astype(np.uint8)
    return means


class SheetMaker:
    """Makes sheets of thumbnails, and stops when they have taken `budget` bytes as the page holds them (base64)."""

    def __init__(self, budget: int) -> None:
        self._left = budget
        self._waiting: list[Pixels] = []
        self._count = 0
        self.sheets: list[Sheet] = []

    @property
    def is_full(self) -> bool:
        return self._left <= 0

    def add(self, thumbnail: Pixels) -> int | None:
        """Take a thumbnail, uint8 [H, W, C] with C 1 or 3, and say its place; None where the budget is spent."""
        if self.is_full:
            return None
        self._waiting.append(thumbnail)
        place = self._count
        self._count += 1
        if len(self._waiting) == COLUMNS * ROWS:
            self.finish()
        return place

    def finish(self) -> None:
        """Make the last sheet of what is waiting."""
        if not self._waiting:
            return
        rows = -(-len(self._waiting) // COLUMNS)
        columns = min(len(self._waiting), COLUMNS)
        side = max(max(thumbnail.shape[:2]) for thumbnail in self._waiting)
        sheet = np.zeros((rows * side, columns * side, 3), np.uint8)
        for place, thumbnail in enumerate(self._waiting):
            height, width = thumbnail.shape[:2]
            row, column = divmod(place, COLUMNS)
            y = row * side + (side - height) // 2
            x = column * side + (side - width) // 2
            sheet[y : y + height, x : x + width] = thumbnail
        file = io.BytesIO()
        Image.fromarray(sheet).save(file, "JPEG", quality=_QUALITY)
        first = self._count - len(self._waiting)
        self.sheets.append(Sheet(file.getvalue(), MEDIA_TYPE, columns, rows, side, first))
        self._left -= len(file.getvalue()) * 4 // 3
        self._waiting = []
