"""Zip files of which the same content gives the same bytes, whenever and wherever they are made."""

import hashlib
import zipfile
from collections.abc import Iterable
from pathlib import Path

_WHEN = (1980, 1, 1, 0, 0, 0)  # the first moment that the format has
_READABLE = 0o644 << 16  # Lambda's user is not the one who packed


def files_below(folder: Path) -> list[Path]:
    """Every file below a folder, relative to it, in order."""
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def archive(folder: Path, files: Iterable[Path], target: Path) -> None:
    """Pack `files`, which are relative to `folder`. `target` appears whole or not at all."""
    unfinished = target.with_name(f".{target.name}.unfinished")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in files:
            entry = zipfile.ZipInfo(path.as_posix(), _WHEN)
            entry.external_attr = _READABLE
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, (folder / path).read_bytes())
    unfinished.replace(target)


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
