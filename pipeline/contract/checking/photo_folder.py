"""Photos to check a contract with: a folder of them, and what is known to be on them.

`labels.csv` has a header. One column names the photo (`file`, `image`, `key`, `path` or `name`), another what is on it
(`label` or `class`: a line of the package's labels, or its number from 0; `index`: the number).
Of several lines for a photo the first counts.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from pipeline.errors import UnusablePhotos

_FILE_COLUMNS = ("file", "image", "key", "path", "name", "filename")
_LABEL_COLUMNS = ("label", "class", "index")


def find_photos(folder: Path, most: int) -> list[Path]:
    """The files in a folder and below it that are not hidden, sorted; `most`, evenly chosen, where there are more.

    Whether one is a photo is for the decoder to say. Raises UnusablePhotos where there are none.
    """
    if not folder.is_dir():
        raise UnusablePhotos(f"{folder} is not a folder. --photos names a folder of photos.")
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not _is_hidden(path.relative_to(folder)))
    if not files:
        raise UnusablePhotos(f"{folder} is empty. --photos names a folder of photos.")
    step = max(len(files) / most, 1)
    return [files[int(index * step)] for index in range(min(len(files), most))]


def read_labels(path: Path, labels: Sequence[str]) -> dict[str, int]:
    """The class of each photo that a CSV file names, by the photo's name as it stands there.

    `labels` are the package's, in the order of the model's classes; without them classes are numbers. Raises
    UnusablePhotos, with the line that does not read.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = {name.strip().lower(): name for name in reader.fieldnames or ()}
            lines = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnusablePhotos(f"{path} does not read as CSV: {error}") from error
    file_column = next((columns[name] for name in _FILE_COLUMNS if name in columns), None)
    label_column = next((columns[name] for name in _LABEL_COLUMNS if name in columns), None)
    if file_column is None or label_column is None:
        raise UnusablePhotos(
            f"{path} has the columns {', '.join(columns) or '(none)'}; expected one of {', '.join(_FILE_COLUMNS)} and"
            f" one of {', '.join(_LABEL_COLUMNS)}, and a line for each photo."
        )
    by_name = {_folded(label): index for index, label in reversed(list(enumerate(labels)))}
    found: dict[str, int] = {}
    for number, line in enumerate(lines, start=2):
        value = (line[label_column] or "").strip()
        found.setdefault(
            (line[file_column] or "").strip(), _class(value, by_name, len(labels), f"{path}: line {number}")
        )
    return found


def label_of(photo: Path, folder: Path, labels: Mapping[str, int]) -> int | None:
    """The class of a photo, whether the labels name it by its path in the folder or by its file's name alone."""
    relative = photo.relative_to(folder).as_posix()
    return labels.get(relative, labels.get(PurePosixPath(relative).name))


def _class(value: str, by_name: Mapping[str, int], classes: int, where: str) -> int:
    index = by_name.get(_folded(value))
    if index is not None:
        return index
    if value.isdecimal() and (not classes or int(value) < classes):
        return int(value)
    expected = f"one of the package's {classes} labels, or a number below {classes}" if classes else "a class's number"
    raise UnusablePhotos(f"{where} has the label {value!r:.100}; expected {expected}.")


def _folded(label: str) -> str:
    return " ".join(label.split()).casefold()


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def named_but_missing(labels: Mapping[str, int], photos: Sequence[Path], folder: Path) -> Iterator[str]:
    """The photos that labels name and the folder does not have."""
    there = {path.relative_to(folder).as_posix() for path in photos} | {path.name for path in photos}
    return (name for name in labels if name not in there)
