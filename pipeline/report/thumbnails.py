"""Thumbnails of the images that a report shows, taken from packed shards: nothing is decoded again.

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


class SheetMaker:
    """Makes sheets of thumbnails, and stops when they have taken `budget` bytes as the page holds them (base64)."""

    def __init__(self, images: int, budget: int) -> None:
        self._most = most_pixels(images)
        self._left = budget
        self._waiting: list[Image.Image] = []
        self._count = 0
        self.sheets: list[Sheet] = []

    @property
    def is_full(self) -> bool:
        return self._left <= 0

    def add(self, pixels: Pixels) -> int | None:
        """Take an image, uint8 [H, W, C] with C 1 or 3, and answer with its place; None where the budget is spent."""
        if self.is_full:
            return None
        image = Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0])
        # By a whole number, which is a quarter of the work of any other scale.
        self._waiting.append(image.reduce(-(-max(image.size) // self._most)))
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
        side = max(max(image.size) for image in self._waiting)
        sheet = Image.new("RGB", (columns * side, rows * side))
        for place, image in enumerate(self._waiting):
            row, column = divmod(place, COLUMNS)
            x = column * side + (side - image.width) // 2
            y = row * side + (side - image.height) // 2
            sheet.paste(image, (x, y))
        file = io.BytesIO()
        sheet.save(file, "JPEG", quality=_QUALITY)
        first = self._count - len(self._waiting)
        self.sheets.append(Sheet(file.getvalue(), MEDIA_TYPE, columns, rows, side, first))
        self._left -= len(file.getvalue()) * 4 // 3
        self._waiting = []
