"""Files that bodies are written to, past the page cache or through it."""

import mmap
import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.local.buckets.body_file import ALIGNMENT, LARGE, BodyFile

CONTENT = os.urandom(LARGE)


def write(path: Path, *pieces: bytes | memoryview) -> bytes:
    with BodyFile(path, 0o444) as file:
        for piece in pieces:
            file.write(piece)
    return path.read_bytes()


def aligned(size: int) -> memoryview:
    """So many bytes, in memory that begins with a page."""
    buffer = mmap.mmap(-1, size)
    buffer.write((CONTENT * (size // len(CONTENT) + 1))[:size])
    return memoryview(buffer)


def is_cached(path: Path, offset: int = 0) -> bool:
    """Whether the system has a byte of a file in memory."""
    with path.open("rb") as file:
        try:
            return os.preadv(file.fileno(), [bytearray(1)], offset, os.RWF_NOWAIT) == 1
        except BlockingIOError:
            return False
        except OSError:
            pytest.skip("this file system does not say what of it is in memory")


def writes_past_cache(folder: Path) -> bool:
    """Whether the file system of a folder can do so, as tmpfs cannot."""
    try:
        os.close(os.open(folder / "probe", os.O_WRONLY | os.O_CREAT | getattr(os, "O_DIRECT", 0)))
    except OSError:
        return False
    return hasattr(os, "O_DIRECT") and os.statvfs(folder).f_bsize <= ALIGNMENT


@pytest.mark.parametrize("size", [LARGE, LARGE + 1, LARGE + ALIGNMENT, 3 * LARGE - 1])
def test_a_file_has_what_was_written_to_it(tmp_path: Path, size: int) -> None:
    piece = aligned(size)
    assert write(tmp_path / "body", piece) == piece


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.sampled_from([0, 1, ALIGNMENT - 1, ALIGNMENT, LARGE - 1, LARGE, LARGE + 1]), max_size=4))
def test_pieces_of_any_sizes_follow_one_another(tmp_path_factory: pytest.TempPathFactory, sizes: list[int]) -> None:
    pieces = [aligned(size + 1)[:size] for size in sizes]
    assert write(tmp_path_factory.mktemp("folder") / "body", *pieces) == b"".join(pieces)


def test_memory_that_begins_anywhere_is_written_all_the_same(tmp_path: Path) -> None:
    piece = aligned(LARGE + 1)[1:]
    assert write(tmp_path / "body", piece) == piece


def test_where_the_system_has_no_such_way_a_file_is_written_through_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "O_DIRECT", raising=False)
    piece = aligned(LARGE)
    assert write(tmp_path / "body", piece) == piece


@pytest.mark.skipif(not hasattr(os, "RWF_NOWAIT"), reason="the system does not say what it has in memory")
def test_a_large_piece_and_what_follows_leave_nothing_in_the_page_cache(tmp_path: Path) -> None:
    if not writes_past_cache(tmp_path):
        pytest.skip("this file system writes nothing past the cache")
    with BodyFile(tmp_path / "body", 0o444) as file:
        file.write(aligned(LARGE))
        file.write(aligned(ALIGNMENT))
    assert [is_cached(tmp_path / "body", offset) for offset in (0, LARGE)] == [False, False]


@pytest.mark.skipif(not hasattr(os, "RWF_NOWAIT"), reason="the system does not say what it has in memory")
def test_a_small_piece_stays_in_the_page_cache(tmp_path: Path) -> None:
    with BodyFile(tmp_path / "body", 0o444) as file:
        file.write(aligned(LARGE - 1))
    assert is_cached(tmp_path / "body")


def test_others_may_open_a_file_only_as_its_mode_says(tmp_path: Path) -> None:
    write(tmp_path / "body", b"content")
    assert stat.S_IMODE((tmp_path / "body").stat().st_mode) & 0o222 == 0


def test_no_file_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b"somebody's")
    with pytest.raises(FileExistsError):
        BodyFile(tmp_path / "body", 0o444)
