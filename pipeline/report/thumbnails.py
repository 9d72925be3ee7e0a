"""Thumbnails of the images that a report shows, taken from packed shards: nothing is decoded again.

They stand side by side in a few pictures: ten thousand pictures of their own would cost a browser more than the photos,
and compress worse.
"""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, features

from pipeline.report.content import Sheet

COLUMNS = ROWS = 10
_QUALITY = 60

Pixels = npt.NDArray[np.uint8]


def side(images: int) -> int:
    """Pixels of a thumbnail's side, where so many images are shown: ten thousand at 64 are some 8 MB."""
    return 96 if images <= 3_000 else 64


class SheetMaker:
    """Makes sheets of thumbnails, and stops when they have taken `budget` bytes as the page holds them (base64)."""

    def __init__(self, images: int, budget: int) -> None:
        self._side = side(images)
        self._left = budget
        self._media_type = "image/webp" if features.check("webp") else "image/jpeg"
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
        image.thumbnail((self._side, self._side), Image.Resampling.BOX)
        self._waiting.append(image)
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
        sheet = Image.new("RGB", (columns * self._side, rows * self._side))
        for place, image in enumerate(self._waiting):
            row, column = divmod(place, COLUMNS)
            x = column * self._side + (self._side - image.width) // 2
            y = row * self._side + (self._side - image.height) // 2
            sheet.paste(image, (x, y))
        file = io.BytesIO()
        sheet.save(file, self._media_type.removeprefix("image/"), quality=_QUALITY)
        first = self._count - len(self._waiting)
        self.sheets.append(Sheet(file.getvalue(), self._media_type, columns, rows, self._side, first))
        self._left -= len(file.getvalue()) * 4 // 3
        self._waiting = []
