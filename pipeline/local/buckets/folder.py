"""A folder of this machine as a bucket, in place: listed and read from disk, never copied, never written.

Regular files are the objects, and their paths below the folder are the keys. Files and folders whose names begin with a
dot are not part of the bucket. Links are followed; a linked folder that contains itself is entered once.
"""

import datetime
import hashlib
import mimetypes
import os
import stat
from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from pipeline.local.buckets.base import (
    MAX_KEY_BYTES,
    BucketError,
    Conditions,
    Description,
    ObjectInfo,
    Reading,
    ReadOnlyBucket,
    no_such_key,
    select,
)
from pipeline.local.http_messages import FilePart


class FolderBucket(ReadOnlyBucket):
    """The files below `root`, without what lies at or below any path of `exclude`.

    A directory's names are sorted when the walk enters it and are forgotten when it leaves, so memory follows the
    largest single directory and not the tree.
    """

    def __init__(self, root: Path, *, exclude: Collection[Path] = ()) -> None:
        super().__init__()
        self.root = root.resolve()
        self._path_of_root = str(self.root).removesuffix("/")
        self._exclude = frozenset(str(path.resolve()) for path in exclude)
        self._unlistable: set[str] = set()

    @property
    def refusal(self) -> str:
        return f"This bucket is the folder {self.root}, served read-only; write results to the results bucket."

    @property
    def unlistable(self) -> list[str]:
        """Paths below the root that listings so far have left out, since they cannot be keys: not UTF-8, or too long.

        Bytes that are not UTF-8 are shown as backslash escapes; a folder ends in a slash and stands for all in it.
        """
        return sorted(self._unlistable)

    def walk(self, prefix: str = "", start: str = "") -> Iterator[ObjectInfo]:
        folder = prefix[: prefix.rfind("/") + 1]
        if not _is_key(folder + "x") or self._is_excluded(folder):
            return iter(())
        return self._walk(folder, prefix, start, ())

    def head(self, key: str) -> ObjectInfo:
        path = self._path(key)
        try:
            status = os.stat(path)  # noqa: PTH116
        except OSError as error:
            raise _read_error(key, error) from error
        return _file_info(key, status)

    def read(self, key: str, conditions: Conditions) -> Reading:
        path = self._path(key)
        try:
            # A named pipe would block the open until somebody writes to it.
            file = open(path, "rb", buffering=0, opener=_open_without_waiting)  # noqa: SIM115
        except OSError as error:
            raise _read_error(key, error) from error
        try:
            info = _file_info(key, os.fstat(file.fileno()))
            span = select(info, conditions)
        except BaseException:
            file.close()
            raise
        return Reading(info, span, FilePart(file, span.start, span.length))

    def _walk(self, folder: str, prefix: str, start: str, above: tuple[tuple[int, int], ...]) -> Iterator[ObjectInfo]:
        path = self.root / folder
        try:
            status = path.stat()
            identity = (status.st_dev, status.st_ino)
            if identity in above or self._leads_to_excluded(status):
                return
            with os.scandir(path) as entries:
                names = sorted(filter(None, (self._key_of(folder, entry) for entry in entries)))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise BucketError(403, "AccessDenied", f"The folder {path} cannot be listed: {error.strerror}") from error
        for key in names:
            if not key.endswith("/"):
                if key >= start and key.startswith(prefix):
                    yield from self._look_at(key)
            elif (key.startswith(prefix) or prefix.startswith(key)) and (key >= start or start.startswith(key)):
                yield from self._walk(key, prefix, start, (*above, identity))

    def _key_of(self, folder: str, entry: os.DirEntry[str]) -> str | None:
        """The key that an entry of a directory stands for, with a slash at the end for a folder."""
        if entry.name.startswith(".") or (self._exclude and entry.path in self._exclude):
            return None
        try:
            is_folder = entry.is_dir()
            if not is_folder and not entry.is_file():
                return None
        except OSError:
            return None
        key = f"{folder}{entry.name}/" if is_folder else f"{folder}{entry.name}"
        if _is_key(key.removesuffix("/")):
            return key
        self._unlistable.add(os.fsencode(key).decode("utf-8", "backslashreplace"))
        return None

    def _look_at(self, key: str) -> Iterator[ObjectInfo]:
        try:
            status = os.stat(f"{self._path_of_root}/{key}")  # noqa: PTH116
        except OSError:
            return
        yield _info(key, status)

    def _path(self, key: str) -> str:
        if not _is_key(key) or self._is_excluded(key):
            raise no_such_key(key)
        return f"{self._path_of_root}/{key}"

    def _leads_to_excluded(self, folder: os.stat_result) -> bool:
        """Whether a folder is an excluded one by another name: a link, or other letters where case does not count."""
        for path in self._exclude:
            with suppress(OSError):
                if os.path.samestat(folder, os.stat(path)):  # noqa: PTH116
                    return True
        return False

    def _is_excluded(self, key: str) -> bool:
        path = f"{self._path_of_root}/{key}"
        return any(path == excluded or path.startswith(f"{excluded}/") for excluded in self._exclude)


def _is_key(key: str) -> bool:
    """Whether a key can name a file below the root: no part of it is empty, hidden, `.` or `..`."""
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return False
    return size <= MAX_KEY_BYTES and "\0" not in key and not any(p == "" or p[0] == "." for p in key.split("/"))


def _file_info(key: str, status: os.stat_result) -> ObjectInfo:
    """The same for a path that may lead to something else than a file."""
    if not stat.S_ISREG(status.st_mode):
        raise no_such_key(key)
    return _info(key, status)


def _info(key: str, status: os.stat_result) -> ObjectInfo:
    # The name of this state of the file, found without reading it. "-1" is how S3 marks an ETag that is no MD5.
    state = f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns}"
    digest = hashlib.md5(state.encode(), usedforsecurity=False).hexdigest()
    return ObjectInfo(
        key=key,
        size=status.st_size,
        last_modified=datetime.datetime.fromtimestamp(status.st_mtime, datetime.UTC),
        etag=f'"{digest}-1"',
        description=_description(".".join(key.rsplit(".", 2)[1:])),
    )


@lru_cache(maxsize=1024)
def _description(suffixes: str) -> Description:
    """Of a file whose name ends so; the last but one says what is in the last: tar.gz."""
    return Description(mimetypes.guess_type(f"file.{suffixes}")[0] or "binary/octet-stream")


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _read_error(key: str, error: OSError) -> BucketError:
    if isinstance(error, PermissionError):
        return BucketError(403, "AccessDenied", f"The file {error.filename} may not be read by this user")
    return no_such_key(key)
