"""What is kept from one run to the next: read only as it was written, and only where nobody else can write."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.cache import Cache, user_folder


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "of" / "the user", most=3)


@given(content=st.binary())
def test_what_was_put_is_there_for_the_next(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("cache")
    Cache(folder, most=1).put("key", content)

    assert Cache(folder, most=1).get("key") == content


def test_what_was_never_put_is_not_there(cache: Cache) -> None:
    assert cache.get("key") is None
    cache.put("key", b"content")
    assert cache.get("another") is None


def test_nobody_else_may_read_it(cache: Cache, tmp_path: Path) -> None:
    cache.put("key", b"content")

    kept = tmp_path / "of" / "the user"
    assert [path.stat().st_mode & 0o077 for path in (kept, kept / "key.kept")] == [0, 0]


@pytest.mark.parametrize("damage", [b"", b"content", b"\n", b"\xff" * 70, b"0" * 64 + b"\ncontent"])
def test_a_file_that_is_something_else_is_not_read(cache: Cache, tmp_path: Path, damage: bytes) -> None:
    cache.put("key", b"content")
    (tmp_path / "of" / "the user" / "key.kept").write_bytes(damage)

    assert cache.get("key") is None
    cache.put("key", b"content")
    assert cache.get("key") == b"content"


@pytest.mark.parametrize("end", [1, 64, 65, 71])
def test_a_file_cut_short_is_not_read(cache: Cache, tmp_path: Path, end: int) -> None:
    cache.put("key", b"content")
    file = tmp_path / "of" / "the user" / "key.kept"
    file.write_bytes(file.read_bytes()[:end])

    assert cache.get("key") is None


def test_a_file_of_another_key_is_not_read(cache: Cache, tmp_path: Path) -> None:
    cache.put("key", b"content")
    (tmp_path / "of" / "the user" / "key.kept").rename(tmp_path / "of" / "the user" / "another.kept")

    assert cache.get("another") is None


@pytest.mark.parametrize("mode", [0o720, 0o702])
def test_a_folder_that_others_write_into_is_left_alone(tmp_path: Path, mode: int) -> None:
    shared = tmp_path / "shared"
    cache = Cache(shared, most=3)
    cache.put("key", b"content")
    shared.chmod(mode)

    assert cache.get("key") is None
    cache.put("another", b"content")
    assert [path.name for path in shared.iterdir()] == ["key.kept"]


def test_a_folder_of_another_users_is_left_alone(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.put("key", b"content")
    monkeypatch.setattr(os, "geteuid", lambda: 65_534)

    assert cache.get("key") is None


def test_where_there_can_be_no_folder_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = Cache(tmp_path / "file" / "templates", most=3)

    cache.put("key", b"content")

    assert cache.get("key") is None


def test_the_oldest_go_first(cache: Cache, tmp_path: Path) -> None:
    for age, key in enumerate("edcba"):
        cache.put(key, b"content")
        os.utime(tmp_path / "of" / "the user" / f"{key}.kept", (1000 + age, 1000 + age))
    cache.put("now", b"content")

    assert {path.name for path in (tmp_path / "of" / "the user").iterdir()} == {"now.kept", "a.kept", "b.kept"}


def test_what_killed_processes_have_begun_goes_too(cache: Cache, tmp_path: Path) -> None:
    folder = tmp_path / "of" / "the user"
    folder.mkdir(parents=True, mode=0o700)
    for age in range(9):
        (folder / f"{age}.begun").touch()
        os.utime(folder / f"{age}.begun", (1000 + age, 1000 + age))
    cache.put("key", b"content")

    assert {path.name for path in folder.iterdir()} == {"key.kept", "8.begun", "7.begun", "6.begun"}


def test_what_somebody_else_has_there_stays(cache: Cache, tmp_path: Path) -> None:
    theirs = tmp_path / "of" / "the user" / "theirs.html"
    theirs.parent.mkdir(parents=True)
    theirs.touch()
    os.utime(theirs, (0, 0))
    for key in "abcde":
        cache.put(key, b"content")

    assert theirs.exists()
    assert len(list(theirs.parent.iterdir())) == 4


def test_many_at_once_leave_whole_files(cache: Cache, tmp_path: Path) -> None:
    contents = [bytes([number]) * 100_000 for number in range(16)]

    for _ in range(20):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda content: cache.put("key", content), contents))

        assert cache.get("key") in contents
    assert [path.name for path in (tmp_path / "of" / "the user").iterdir()] == ["key.kept"]


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        ("linux", {}, "/home/ann/.cache/imagebatch"),
        ("linux", {"XDG_CACHE_HOME": "/fast"}, "/fast/imagebatch"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "/home/ann/.cache/imagebatch"),
        ("linux", {"XDG_CACHE_HOME": "/fast", "IMAGEBATCH_CACHE": "/here"}, "/here"),
        ("darwin", {}, "/home/ann/Library/Caches/imagebatch"),
    ],
)
def test_the_folder_is_where_the_system_has_such(
    platform: str, variables: dict[str, str], folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_CACHE_HOME", "IMAGEBATCH_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/ann", **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)

    assert user_folder() == Path(folder)


def test_who_has_no_home_has_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CACHE_HOME", "IMAGEBATCH_CACHE", "HOME"):
        monkeypatch.delenv(name, raising=False)

    def nobody(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr("pwd.getpwuid", nobody)

    assert user_folder() is None
