"""A quarantine on disk: every copy becomes a file, and no key leads out of the folder."""

from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.validation.quarantine_files import relative_path, save_copies

RESULTS = "example-results"
parts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8), st.sampled_from(["", ".", "..", "..."])
)
keys = st.lists(parts, min_size=1, max_size=5).map("/".join)


def saved(s3: Any, folder: Path, *copies: str) -> dict[str, str]:
    """The files that these keys of the quarantine become: path below the folder, and content, which is the key."""
    for key in copies:
        s3.put_object(Bucket=RESULTS, Key=f"quarantine/{key}", Body=key.encode())
    assert save_copies(s3, RESULTS, folder) == len(copies)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().decode() for path in folder.rglob("*") if path.is_file()
    }


def test_a_copy_lies_below_its_reason_as_its_key_says(s3: Any, tmp_path: Path) -> None:
    assert saved(s3, tmp_path, "empty/in/a b.jpg") == {"empty/in/a b.jpg": "empty/in/a b.jpg"}


def test_of_an_empty_quarantine_no_folder_is_made(s3: Any, tmp_path: Path) -> None:
    assert save_copies(s3, RESULTS, tmp_path / "quarantine") == 0
    assert not (tmp_path / "quarantine").exists()


def test_other_objects_of_the_bucket_are_not_taken(s3: Any, tmp_path: Path) -> None:
    s3.put_object(Bucket=RESULTS, Key="runs/r/run.json", Body=b"{}")

    assert save_copies(s3, RESULTS, tmp_path) == 0


@given(key=keys)
def test_no_key_leads_out_of_the_folder(key: str) -> None:
    path = relative_path(key)

    assert not path.is_absolute()
    assert not {"", ".", ".."} & set(path.parts)
    assert len(path.parts) == len(key.split("/"))
    assert all(part.isprintable() and "\\" not in part and ":" not in part for part in path.parts)


@given(one=keys, other=keys)
def test_two_keys_never_have_one_path(one: str, other: str) -> None:
    assert (relative_path(one) == relative_path(other)) == (one == other)


def test_a_key_that_climbs_becomes_a_file_below(s3: Any, tmp_path: Path) -> None:
    folder = tmp_path / "quarantine"
    # Asked for through a client: whether a store takes such a key is the store's to say.
    assert list(saved(s3, folder, "empty/a/../../../b")) == ["empty/a/%2E%2E/%2E%2E/%2E%2E/b"]
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("pair", [("empty/a", "empty/a/b"), ("empty/" + "x" * 300, "empty/y")])
def test_a_copy_whose_name_cannot_be_had_is_named_by_a_hash(s3: Any, tmp_path: Path, pair: tuple[str, str]) -> None:
    files = saved(s3, tmp_path, *pair)

    assert sorted(files.values()) == sorted(pair)
    (hashed,) = (PurePosixPath(path) for path in files if "%" in path)
    assert hashed.parent == PurePosixPath("empty")


def test_a_file_that_is_there_already_is_left_alone(s3: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.jpg").write_text("somebody's")
    files = saved(s3, tmp_path, "empty/a.jpg")

    assert files.pop("empty/a.jpg") == "somebody's"
    assert list(files.values()) == ["empty/a.jpg"]
