"""Thumbnails of the images that a report shows, from the sheets that validation made of them.

The page of a small run has those sheets as they are. Of a larger run, for which they are too many bytes, libjpeg
decodes them at half their size: one of which nearly all thumbnails are shown stays whole, and of the others those that
are shown stand side by side in new ones.
"""

import io
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from PIL import Image

from pipeline.images import thumbnails
from pipeline.images.thumbnails import COLUMNS
from pipeline.read_ahead import read_ahead
from pipeline.report.content import ShardRow, Sheet
from pipeline.runs import keys
from pipeline.runs.files import RunFiles

logger = logging.getLogger(__name__)

MOST_AS_THEY_ARE = 3_000
"""Images: their thumbnails are some 7 MB, as are those of ten thousand at half the size."""

_AT_ONCE = 100
"""Thumbnails of a new sheet."""

_WORTH_A_SHEET = 30
"""Thumbnails for which what a JPEG has beside its pixels, 600 bytes, is little."""

_THREADS = 8
_SHEETS_AHEAD = 16
"""Of 160 images each, which are 2 MB at half the size."""


def find(files: RunFiles, shown: Iterable[ShardRow], budget: int) -> tuple[dict[ShardRow, int], list[Sheet]]:
    """The places of thumbnails, and the sheets, which end where they have taken `budget` bytes of a page (base64).

    An image whose sheet is gone, or does not read, has no place.
    """
    by_shard: defaultdict[str, list[int]] = defaultdict(list)
    for shard, row in shown:
        by_shard[shard].append(row)
    if sum(map(len, by_shard.values())) <= MOST_AS_THEY_ARE:
        places, maker = _place(files, by_shard, budget, is_halved=False)
        # Sheets of a few images each, and pictures full of grain, may be too many bytes all the same.
        if not maker.is_full:
            return places, maker.sheets
    places, maker = _place(files, by_shard, budget, is_halved=True)
    return places, maker.sheets


def _place(
    files: RunFiles, by_shard: Mapping[str, list[int]], budget: int, *, is_halved: bool
) -> tuple[dict[ShardRow, int], "SheetMaker"]:
    def read(shard: str) -> Sheet | Image.Image | None:
        name = keys.thumbnails_name(shard)
        try:
            sheet = _read(files, name)
            return _halved(sheet, len(by_shard[shard])) if is_halved else sheet
        except FileNotFoundError:
            return None
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            logger.warning("%s does not read (%s): its images are shown without their thumbnails", name, error)
            return None

    maker = SheetMaker(budget)
    places: dict[ShardRow, int | None] = {}
    for shard, found in read_ahead(read, by_shard, threads=_THREADS, budget=_SHEETS_AHEAD):
        rows = sorted(by_shard[shard])
        if isinstance(found, Sheet):
            first = maker.add_sheet(found)
            places.update({(shard, row): first + row for row in rows if row < found.columns * found.rows})
        elif found is not None:
            places.update({(shard, row): maker.add(square) for row, square in _squares(found, rows)})
        if maker.is_full:
            break
    maker.finish()
    return {row: place for row, place in places.items() if place is not None}, maker


def _read(files: RunFiles, name: str) -> Sheet:
    """A sheet of validation's. Raises OSError, ValueError or DecompressionBombError where it is none."""
    with files.fetch(name) as file:
        data = file.read()
    width, height = Image.open(io.BytesIO(data), formats=["JPEG"]).size
    side, more = divmod(width, COLUMNS)
    if more or side % 2 or height % side:
        raise ValueError(f"{width} x {height} pixels are no squares, {COLUMNS} in a row")
    return Sheet(data, thumbnails.MEDIA_TYPE, COLUMNS, height // side, side, first=0)


def _halved(sheet: Sheet, shown: int) -> Sheet | Image.Image:
    """A sheet at half its size: again a sheet where so many of its thumbnails are shown that none has to be cut out."""
    picture = Image.open(io.BytesIO(sheet.data), formats=["JPEG"])
    picture.draft("RGB", (picture.width // 2, picture.height // 2))
    picture.load()
    if shown < _WORTH_A_SHEET or shown <= COLUMNS * (sheet.rows - 1):
        return picture
    return replace(sheet, data=thumbnails.encode(picture), side=picture.width // COLUMNS)


def _squares(picture: Image.Image, rows: Iterable[int]) -> Iterator[tuple[int, Image.Image]]:
    """The thumbnails of some of a sheet's rows, those that it has."""
    side = picture.width // COLUMNS
    for row in rows:
        y, x = divmod(row, COLUMNS)
        if (y + 1) * side <= picture.height:
            yield row, picture.crop((x * side, y * side, (x + 1) * side, (y + 1) * side))


class SheetMaker:
    """Makes sheets of thumbnails, and stops when they have taken `budget` bytes as the page holds them (base64)."""

    def __init__(self, budget: int) -> None:
        self._left = budget
        self._filling = thumbnails.Sheet(_AT_ONCE)
        self._count = 0
        self.sheets: list[Sheet] = []

    @property
    def is_full(self) -> bool:
        return self._left <= 0

    def add_sheet(self, sheet: Sheet) -> int:
        """Take a sheet as it is, and say the place of its first thumbnail."""
        self.finish()
        first = self._count
        self._count += sheet.columns * sheet.rows
        self._keep(replace(sheet, first=first))
        return first

    def add(self, thumbnail: Image.Image) -> int | None:
        """Take a thumbnail, as large as the others, and say its place; None where the budget is spent."""
        if self.is_full:
            return None
        self._filling.add(thumbnail)
        place = self._count
        self._count += 1
        if self._filling.count == _AT_ONCE:
            self.finish()
        return place

    def finish(self) -> None:
        """Make the last sheet of what is waiting."""
        sheet = self._filling
        if sheet.count:
            first = self._count - sheet.count
            self._keep(Sheet(sheet.encode(), thumbnails.MEDIA_TYPE, COLUMNS, sheet.rows, sheet.side, first))
            self._filling = thumbnails.Sheet(_AT_ONCE)

    def _keep(self, sheet: Sheet) -> None:
        self.sheets.append(sheet)
        self._left -= len(sheet.data) * 4 // 3
