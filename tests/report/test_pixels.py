"""Single rows of a shard are what safetensors reads there."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from pipeline.report import pixels
from pipeline.runs.files import CopiedFiles

ROW = 5 * 7 * 3
"""Bytes."""

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
    assert np.array_equal(np.concatenate(list(pixels.rows(CopiedFiles(folder), "b-0", wanted))), images[wanted])


@pytest.mark.parametrize(("most", "pieces"), [(3 * ROW, [3] * 20), (7 * ROW + 1, [7] * 8 + [4]), (1, [1] * 60)])
def test_a_shard_is_never_in_memory_as_a_whole(
    most: int, pieces: list[int], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixels, "PIXELS_AT_ONCE", most)
    assert [len(piece) for piece in pixels.rows(CopiedFiles(folder), "b-0", range(60))] == pieces


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


def test_a_shard_that_ends_early_is_refused_and_the_row_named(folder: Path) -> None:
    shards = folder / "shards"
    (shards / "b-2.safetensors").write_bytes((shards / "b-0.safetensors").read_bytes()[:-ROW])
    with pytest.raises(ValueError, match=r"b-2\.safetensors is no shard: it ends within row 59"):
        list(pixels.rows(CopiedFiles(folder), "b-2", [58, 59]))
