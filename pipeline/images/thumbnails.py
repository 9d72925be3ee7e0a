"""Thumbnails of a shard's images, in the shard's order, side by side in one JPEG.

Validation makes them, which has the pictures in its hands, and the report shows them. JPEG, since WebP saves an eighth
of the bytes and takes thirty times as long. One picture, since a hundred and sixty are as many requests, compress
worse, and cost a browser more than the photos.

A sheet is ten thumbnails wide, however few it has, and a thumbnail has a square for itself, in whose middle it stands.
So the picture says by its size alone where each of them is. Squares have even sides: a decoder may halve the sheet, and
no thumbnail gets pixels of another.
"""

import io

from PIL import Image

SIDE = 112
"""Pixels of a thumbnail's longer side, at most."""

COLUMNS = 10
MEDIA_TYPE = "image/jpeg"
_QUALITY = 60


def reduced(image: Image.Image) -> Image.Image:
    """The thumbnail of an image, RGB or grey: means of squares of pixels, of fewer at the right and the lower edge."""
    return image.reduce(-(-max(image.size) // SIDE))


class Sheet:
    """Thumbnails, RGB or grey and all as large as the first, while they are put into their places: `most` at most."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._picture = Image.new("RGB", (0, 0))
        self.side = 0
        self.count = 0

    @property
    def rows(self) -> int:
        return _rows(self.count)

    def add(self, thumbnail: Image.Image) -> None:
        if not self.count:
            self.side = max(thumbnail.size) + max(thumbnail.size) % 2
            self._picture = Image.new("RGB", (COLUMNS * self.side, _rows(self._most) * self.side))
        row, column = divmod(self.count, COLUMNS)
        x = column * self.side + (self.side - thumbnail.width) // 2
        y = row * self.side + (self.side - thumbnail.height) // 2
        self._picture.paste(thumbnail, (x, y))
        self.count += 1

    def encode(self) -> bytes:
        """The JPEG of those that there are, of which there is at least one."""
        return encode(self._picture.crop((0, 0, COLUMNS * self.side, self.rows * self.side)))


def encode(sheet: Image.Image) -> bytes:
    """A sheet's JPEG."""
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def _rows(count: int) -> int:
    return -(-count // COLUMNS)
