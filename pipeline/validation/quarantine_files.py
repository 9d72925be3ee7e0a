"""The copies of a quarantine as files of this machine: keys are other people's text, and no key names a path.

    quarantine/truncated/incoming/a.jpg  ──►  FOLDER/truncated/incoming/a.jpg

Each part of a key becomes one name, in which whatever could be more than a letter of a name is percent-encoded. Where
such a name cannot be had, the file is named by a hash, directly below its reason: names can be too long, the file
system may take two keys for one, and one key's file may be another key's folder.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pipeline import names, objects
from pipeline.validation.quarantine import PREFIX

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_EMPTY = "%"
"""The name of an empty part of a key. No other part is called so: a percent sign of its own would be encoded."""


def save_copies(s3: "S3Client", bucket: str, folder: Path, between: Callable[[], None] = lambda: None) -> int:
    """Write each copy of the quarantine in `bucket` to a new file below `folder`, and say how many there are.

    The folder is made where there is something to write; `between` is called before each.
    """
    count = 0
    for item in objects.list_objects(s3, bucket, PREFIX):
        between()
        with _create(folder, item.key.removeprefix(PREFIX)) as file:
            s3.download_fileobj(bucket, item.key, file)
        count += 1
    return count


def relative_path(key: str) -> Path:
    """Where a key's file lies below a folder. It does not lead out of it, and no two keys have the same."""
    return Path(*map(_name, key.split("/")))


def _name(part: str) -> str:
    if not part.strip("."):
        return "".join("%2E" for _ in part) or _EMPTY
    return "".join(letter if _is_plain(letter) else _encoded(letter) for letter in part)


def _is_plain(letter: str) -> bool:
    """Not what ends a name, divides a path on some system, or makes a name look like another one (marks, spaces)."""
    return letter.isprintable() and letter not in "%:\\"


def _encoded(letter: str) -> str:
    return "".join(f"%{byte:02X}" for byte in letter.encode())


def _create(folder: Path, key: str) -> BinaryIO:
    reason, _, rest = key.partition("/")
    try:
        return _open_new(folder / relative_path(key))
    except OSError:
        return _open_new(folder / relative_path(reason) / f"%{names.fingerprint(rest)}")


def _open_new(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("xb")
