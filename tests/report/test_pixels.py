"""Single rows of a shard are what safetensors reads there."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from pipeline.report import pixels
from pipeline.runs.files import CopiedFiles

WANTED = st.lists(st.integers(0, 59), min_size=1, unique=True).map(sorted)


@pytest.fixture(scope="module", params=["short", "long " * 20_000])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shard whose header is read at once, and one whose is not."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "shards").mkdir()
    images = np.random.default_rng(0).integers(0, 256, (60, 5, 7, 3), np.uint8)
    save_file({"images": images}, folder / "shards" / "b-0.safetensors", {"rows": request.param})
    return folder


@given(WANTED)
def test_rows_are_what_stands_in_them(folder: Path, wanted: list[int]) -> None:
    images = load_file(folder / "shards" / "b-0.safetensors")["images"]
    assert np.array_equal(list(pixels.rows(CopiedFiles(folder), "b-0", wanted)), images[wanted])


@given(WANTED)
def test_every_row_is_in_one_stretch(wanted: list[int]) -> None:
    found = pixels.stretches(wanted)
    assert [sum(first <= row < first + count for first, count in found) for row in wanted] == [1] * len(wanted)


def test_rows_near_one_another_are_one_request() -> None:
    assert pixels.stretches([3, 4, 5, 14, 40]) == [(3, 12), (40, 1)]


def test_a_file_that_is_no_shard_is_refused(folder: Path) -> None:
    (folder / "shards" / "b-1.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}")
    with pytest.raises(ValueError, match=r"b-1\.safetensors is no shard"):
        list(pixels.rows(CopiedFiles(folder), "b-1", [0]))
