"""What a report shows of a run's files, in whatever order its thumbnails come, and with whatever is left of them."""

import io
import json
import shutil
import struct
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipeline.images.thumbnails import Sheet
from pipeline.report import thumbnails
from pipeline.report.content import Content
from pipeline.report.content import Sheet as Placed
from pipeline.report.gather import gather
from pipeline.report.page import render
from pipeline.results.predicted import PREDICTIONS_SCHEMA
from pipeline.runs.files import CopiedFiles

SHARDS, ROWS = 3, 40
SHOWN = ["bucket", "key", "width", "height", "labels", "scores", "shard", "shard_row"]


def colour(shard: int, row: int) -> tuple[int, int, int]:
    return 80 * shard + 20, 6 * row, 120


def write_sheet(folder: Path, shard: int, rows: int) -> None:
    sheet = Sheet(160)
    for row in range(rows):
        sheet.add(Image.new("RGB", (112, 112), colour(shard, row)))
    (folder / "thumbnails" / f"b-{shard}.jpg").write_bytes(sheet.encode())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, summarised: Callable[..., dict[str, Any]]) -> Path:
    """A run whose images are each of a colour of their own, and whose certainty has nothing to do with their order."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "thumbnails").mkdir()
    certainty = iter(np.random.default_rng(0).permutation(SHARDS * ROWS) / 128)  # as floats of 32 bits have it
    predictions = []
    for shard in range(SHARDS):
        write_sheet(folder, shard, ROWS)
        for row in range(ROWS):
            score = float(next(certainty))
            predicted = ["b", f"{shard}/{row}.jpg", 500, 375, list("abcd"), [score, 0.0, 0.0, 0.0], f"b-{shard}", row]
            predictions.append(dict(zip(SHOWN, predicted, strict=True)))
    schema = pa.schema([PREDICTIONS_SCHEMA.field(name) for name in SHOWN])
    pq.write_table(pa.Table.from_pylist(predictions, schema), folder / "predictions.parquet")
    counts = {"listed": SHARDS * ROWS, "predicted": SHARDS * ROWS}
    (folder / "summary.json").write_text(json.dumps(summarised(counts=counts, execution_arn="")))
    return folder


class OneAtATime(CopiedFiles):
    """Sheets that come in the order that is told, whoever asks for them first."""

    def __init__(self, folder: Path, order: list[int]) -> None:
        super().__init__(folder)
        self._left = [f"thumbnails/b-{shard}.jpg" for shard in order]
        self._changed = threading.Condition()

    def fetch(self, name: str) -> IO[bytes]:
        if name.startswith("thumbnails/"):
            with self._changed:
                assert self._changed.wait_for(lambda: self._left[0] == name, timeout=30)
                self._left.pop(0)
                self._changed.notify_all()
        return super().fetch(name)


def middle_of(place: int, sheets: Sequence[Placed]) -> npt.NDArray[np.int64]:
    """The middle of the thumbnail that has a place."""
    sheet = next(sheet for sheet in reversed(sheets) if sheet.first <= place)
    row, column = divmod(place - sheet.first, sheet.columns)
    y, x = row * sheet.side + sheet.side // 2, column * sheet.side + sheet.side // 2
    return np.array(Image.open(io.BytesIO(sheet.data)).getpixel((x, y)), np.int64)


def shown_of(content: Content) -> dict[str, npt.NDArray[np.int64]]:
    """The middle of each image's thumbnail."""
    return {
        image.key: middle_of(image.thumbnail, content.sheets) for image in content.images if image.thumbnail is not None
    }


@pytest.mark.parametrize(("most", "side"), [(SHARDS * ROWS, 112), (SHARDS * ROWS - 1, 56)])
def test_every_image_has_its_own_pixels(folder: Path, monkeypatch: pytest.MonkeyPatch, most: int, side: int) -> None:
    monkeypatch.setattr(thumbnails, "MOST_AS_THEY_ARE", most)
    content = gather(CopiedFiles(folder))
    assert {sheet.side for sheet in content.sheets} == {side}
    shown = shown_of(content)
    expected = {f"{shard}/{row}.jpg": colour(shard, row) for shard in range(SHARDS) for row in range(ROWS)}
    assert {key for key in expected if abs(shown[key] - expected[key]).max() > 12} == set()


WHOLE, CUT, FEW = range(31), range(0, ROWS, 3), [ROWS - 1]


@pytest.mark.parametrize(
    ("rows", "sheets"),
    [
        ([WHOLE, WHOLE, WHOLE], 3),
        ([CUT, WHOLE, FEW], 3),
        ([WHOLE, CUT, FEW], 2),
        ([range(30), CUT, FEW], 1),
    ],
    ids=str,
)
def test_whichever_rows_are_shown_have_their_own_pixels(
    folder: Path, monkeypatch: pytest.MonkeyPatch, rows: Sequence[Sequence[int]], sheets: int
) -> None:
    monkeypatch.setattr(thumbnails, "MOST_AS_THEY_ARE", 0)
    shown = [(shard, row) for shard in range(SHARDS) for row in rows[shard]]
    places, made = thumbnails.find(CopiedFiles(folder), [(f"b-{shard}", row) for shard, row in shown], 10_000_000)
    assert len(made) == sheets
    middles = {(shard, row): middle_of(places[f"b-{shard}", row], made) for shard, row in shown}
    assert [each for each in shown if abs(middles[each] - colour(*each)).max() > 12] == []


def test_sheets_of_a_few_are_put_together(copy: Path) -> None:
    for shard in range(SHARDS):
        write_sheet(copy, shard, 5)
    shown = [(f"b-{shard}", row) for shard in range(SHARDS) for row in range(5)]
    budget = sum(sheet.stat().st_size for sheet in (copy / "thumbnails").iterdir())
    places, sheets = thumbnails.find(CopiedFiles(copy), shown, budget)
    assert [sorted(places), len(sheets)] == [shown, 1]


def test_images_come_with_their_best_answers_the_least_certain_first(folder: Path) -> None:
    images = gather(CopiedFiles(folder)).images
    assert [image.certainty for image in images] == [number / 128 for number in range(SHARDS * ROWS)]
    assert {tuple(answer.label for answer in image.answers) for image in images} == {("a", "b", "c")}


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_the_page_is_the_same_in_whatever_order_sheets_come(folder: Path, order: list[int]) -> None:
    assert render(gather(OneAtATime(folder, order))) == render(gather(CopiedFiles(folder)))


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A copy of the run, to spoil."""
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def seen(folder: Path) -> set[str]:
    """The shards whose images have thumbnails in the report of all images."""
    content = gather(CopiedFiles(folder))
    assert len(content.images) == SHARDS * ROWS
    return {image.key[:2] for image in content.images if image.thumbnail is not None}


def test_a_report_is_made_without_the_sheets_that_are_gone(copy: Path) -> None:
    for shard in (0, 2):
        (copy / "thumbnails" / f"b-{shard}.jpg").unlink()
    assert seen(copy) == {"1/"}


def test_a_run_without_any_sheets_has_a_report(copy: Path) -> None:
    shutil.rmtree(copy / "thumbnails")
    assert seen(copy) == set()


@pytest.mark.parametrize("most", [SHARDS * ROWS, 10])
@pytest.mark.parametrize("size", [(95, 10), (1120, 30), (30, 3)])
def test_a_sheet_that_reads_as_no_sheet_costs_its_own_thumbnails(
    copy: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, size: tuple[int, int], most: int
) -> None:
    monkeypatch.setattr(thumbnails, "MOST_AS_THEY_ARE", most)
    (copy / "thumbnails" / "b-0.jpg").write_bytes(b"no picture")
    Image.new("RGB", size).save(copy / "thumbnails" / "b-2.jpg")
    assert seen(copy) == {"1/"}
    assert [name in caplog.text for name in ("b-0.jpg", "b-1.jpg", "b-2.jpg")] == [True, False, True]


@pytest.mark.parametrize("most", [SHARDS * ROWS, 0])
def test_rows_that_a_sheet_does_not_have_are_shown_without_thumbnails(
    copy: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(thumbnails, "MOST_AS_THEY_ARE", most)
    write_sheet(copy, 0, ROWS // 2)
    without = [image.key for image in gather(CopiedFiles(copy)).images if image.thumbnail is None]
    assert sorted(without) == sorted(f"0/{row}.jpg" for row in range(ROWS // 2, ROWS))


def test_a_sheet_that_breaks_off_is_not_halved(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thumbnails, "MOST_AS_THEY_ARE", 10)
    sheet = copy / "thumbnails" / "b-1.jpg"
    sheet.write_bytes(sheet.read_bytes()[:-400])
    assert seen(copy) == {"0/", "2/"}


def test_a_sheet_that_says_that_it_is_larger_than_any_costs_its_own_thumbnails(copy: Path) -> None:
    sheet = copy / "thumbnails" / "b-1.jpg"
    data = bytearray(sheet.read_bytes())
    size = data.index(b"\xff\xc0") + 5  # of a baseline frame (T.81, B.2.2): lines, and samples in each
    data[size : size + 4] = struct.pack(">HH", 65_500, 65_500)
    sheet.write_bytes(data)
    assert seen(copy) == {"0/", "2/"}


def test_sheets_that_are_too_many_bytes_as_they_are_are_halved(folder: Path) -> None:
    files = CopiedFiles(folder)
    shown = [(f"b-{shard}", row) for shard in range(SHARDS) for row in range(ROWS)]
    sizes = [(folder / "thumbnails" / f"b-{shard}.jpg").stat().st_size for shard in range(SHARDS)]
    for budget, side in ((sum(sizes) * 2, 112), (sum(sizes), 56)):
        places, sheets = thumbnails.find(files, shown, budget)
        assert sorted(places) == shown
        assert {sheet.side for sheet in sheets} == {side}
