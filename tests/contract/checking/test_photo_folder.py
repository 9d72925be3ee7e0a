"""Photos of a folder, and what a CSV file says is on them."""

from pathlib import Path

import pytest

from pipeline.contract.checking.photo_folder import (
    find_photos,
    label_of,
    named_but_missing,
    read_labels,
)
from pipeline.errors import UnusablePhotos

CLASSES = ("tabby", "sorrel", "Geyser", "tabby")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.jpg", "sub/a.jpg", ".hidden.jpg", ".cache/c.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def csv_of(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_photos_are_found_in_subfolders_and_hidden_files_are_not(folder: Path) -> None:
    assert [path.relative_to(folder).as_posix() for path in find_photos(folder, 10)] == ["b.jpg", "sub/a.jpg"]


def test_of_very_many_photos_some_are_chosen_all_over_the_folder(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number:02}.jpg").touch()
    assert [int(path.stem) for path in find_photos(tmp_path, 10)] == list(range(0, 30, 3))


@pytest.mark.parametrize(("name", "words"), [("nothing", "is not a folder"), ("empty", "is empty")])
def test_a_folder_without_photos_is_refused(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnusablePhotos, match=words):
        find_photos(tmp_path / name, 10)


@pytest.mark.parametrize(
    "text",
    [
        "file,label\na.jpg,geyser\n",
        "label,Image\nGEYSER , a.jpg\n",
        "key,class\na.jpg,2\n",
        "\ufefffile,index,remark\na.jpg,2,nice\n",
    ],
    ids=["names", "any order and case", "numbers", "byte order mark"],
)
def test_labels_are_read_by_name_or_number(tmp_path: Path, text: str) -> None:
    assert read_labels(csv_of(tmp_path, text), CLASSES) == {"a.jpg": 2}


def test_of_two_classes_of_one_name_the_first_is_meant(tmp_path: Path) -> None:
    assert read_labels(csv_of(tmp_path, "file,label\na.jpg,tabby\n"), CLASSES) == {"a.jpg": 0}


def test_of_several_lines_for_a_photo_the_first_counts(tmp_path: Path) -> None:
    """As in a table of the five likeliest classes, best first."""
    assert read_labels(csv_of(tmp_path, "file,rank,label\na.jpg,1,geyser\na.jpg,2,tabby\n"), CLASSES) == {"a.jpg": 2}


def test_without_labels_in_the_package_classes_are_numbers(tmp_path: Path) -> None:
    assert read_labels(csv_of(tmp_path, "file,label\na.jpg,977\n"), ()) == {"a.jpg": 977}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"has the columns \(none\); expected one of file, image"),
        ("photo,label\na.jpg,tabby\n", "has the columns photo, label; expected"),
        ("file,label\na.jpg,tabby\nb.jpg,zebra\n", "line 3 has the label 'zebra'; expected one of the package's 4"),
        ("file,label\na.jpg,4\n", "or a number below 4"),
        ("file,label\na.jpg\n", "line 2 has the label ''"),
    ],
    ids=["empty", "columns", "unknown label", "number", "short line"],
)
def test_labels_that_do_not_read_are_refused_by_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UnusablePhotos, match=words):
        read_labels(csv_of(tmp_path, text), CLASSES)


def test_a_file_of_labels_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusablePhotos, match="does not read as CSV"):
        read_labels(tmp_path / "labels.csv", CLASSES)


def test_a_photo_is_named_by_its_path_or_by_its_file(folder: Path) -> None:
    photo = folder / "sub/a.jpg"
    assert label_of(photo, folder, {"a.jpg": 1}) == 1
    assert label_of(photo, folder, {"a.jpg": 1, "sub/a.jpg": 2}) == 2
    assert label_of(photo, folder, {"b.jpg": 1}) is None


def test_labels_of_photos_that_are_not_there_are_known(folder: Path) -> None:
    assert list(named_but_missing({"a.jpg": 1, "gone.jpg": 1}, find_photos(folder, 10), folder)) == ["gone.jpg"]
