"""What a report shows of a run's files, however fast and in whatever order its shards come."""

import io
import json
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ResponseStreamingError
from botocore.response import StreamingBody
from PIL import Image
from safetensors.numpy import save_file

from pipeline.report.content import Content
from pipeline.report.gather import gather
from pipeline.report.page import render
from pipeline.results.predicted import PREDICTIONS_SCHEMA
from pipeline.runs.files import CopiedFiles

SHARDS, ROWS = 3, 40
SHOWN = ["bucket", "key", "width", "height", "labels", "scores", "shard", "shard_row"]


def colour(shard: int, row: int) -> tuple[int, int, int]:
    return 80 * shard + 20, 6 * row, 120


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, summarised: Callable[..., dict[str, Any]]) -> Path:
    """A run whose images are each of a colour of their own, and whose certainty has nothing to do with their order."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "shards").mkdir()
    certainty = iter(np.random.default_rng(0).permutation(SHARDS * ROWS) / 128)  # as floats of 32 bits have it
    predictions = []
    for shard in range(SHARDS):
        colours = np.array([colour(shard, row) for row in range(ROWS)], np.uint8)
        images = np.ascontiguousarray(np.broadcast_to(colours[:, None, None], (ROWS, 224, 224, 3)))
        save_file({"images": images}, folder / "shards" / f"b-{shard}.safetensors", {"rows": "[]"})
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
    """Shards that come in the order that is told, whoever asks for them first."""

    def __init__(self, folder: Path, order: list[int]) -> None:
        super().__init__(folder)
        self._left = [f"shards/b-{shard}.safetensors" for shard in order]
        self._changed = threading.Condition()

    def stream(self, name: str, offset: int, length: int) -> IO[bytes]:
        with self._changed:
            assert self._changed.wait_for(lambda: self._left[0] == name, timeout=30)
            data = self.read(name, offset, length)
            self._left.pop(0)
            self._changed.notify_all()
        return io.BytesIO(data)


class Breaking(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        if self.tell():
            raise ResponseStreamingError(error="the connection was closed")
        return super().read(size)


def closed_early(data: bytes) -> AbstractContextManager[IO[bytes]]:
    """An answer of S3 whose connection was closed within a row, and not reset."""
    return closing(StreamingBody(io.BytesIO(data[: len(data) // 2 + 1]), len(data)))  # type: ignore[arg-type]


class BrokenOnce(CopiedFiles):
    """Each shard breaks off once, behind some of its rows."""

    def __init__(self, folder: Path, broken: Callable[[bytes], AbstractContextManager[IO[bytes]]]) -> None:
        super().__init__(folder)
        self.broken: set[str] = set()
        self._break = broken

    def stream(self, name: str, offset: int, length: int) -> AbstractContextManager[IO[bytes]]:  # type: ignore[override]
        data = self.read(name, offset, length)
        if name in self.broken:
            return io.BytesIO(data)
        self.broken.add(name)
        return self._break(data)


def shown_of(content: Content) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    """The middle of each image's thumbnail."""
    found = {}
    for image in content.images:
        assert image.thumbnail is not None
        sheet = next(sheet for sheet in reversed(content.sheets) if sheet.first <= image.thumbnail)
        row, column = divmod(image.thumbnail - sheet.first, sheet.columns)
        y, x = row * sheet.side + sheet.side // 2, column * sheet.side + sheet.side // 2
        found[image.key] = np.asarray(Image.open(io.BytesIO(sheet.data)))[y, x].astype(np.int64)
    return found


def test_every_image_has_its_own_pixels(folder: Path) -> None:
    shown = shown_of(gather(CopiedFiles(folder)))
    expected = {f"{shard}/{row}.jpg": colour(shard, row) for shard in range(SHARDS) for row in range(ROWS)}
    assert {key for key in expected if abs(shown[key] - expected[key]).max() > 12} == set()


def test_images_come_with_their_best_answers_the_least_certain_first(folder: Path) -> None:
    images = gather(CopiedFiles(folder)).images
    assert [image.certainty for image in images] == [number / 128 for number in range(SHARDS * ROWS)]
    assert {tuple(answer.label for answer in image.answers) for image in images} == {("a", "b", "c")}


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_the_page_is_the_same_in_whatever_order_shards_come(folder: Path, order: list[int]) -> None:
    assert render(gather(OneAtATime(folder, order))) == render(gather(CopiedFiles(folder)))


@pytest.mark.parametrize("broken", [Breaking, closed_early])
def test_a_shard_that_breaks_off_is_read_again(
    folder: Path, broken: Callable[[bytes], AbstractContextManager[IO[bytes]]]
) -> None:
    files = BrokenOnce(folder, broken)
    assert render(gather(files)) == render(gather(CopiedFiles(folder)))
    assert len(files.broken) == SHARDS


def test_a_report_is_made_without_the_shards_that_are_gone(folder: Path, tmp_path: Path) -> None:
    for path in (folder / "summary.json", folder / "predictions.parquet"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "shards").mkdir()
    kept = "shards/b-1.safetensors"
    (tmp_path / kept).write_bytes((folder / kept).read_bytes())
    content = gather(CopiedFiles(tmp_path))
    assert {image.key[:2] for image in content.images if image.thumbnail is not None} == {"1/"}
    assert len(content.images) == SHARDS * ROWS
