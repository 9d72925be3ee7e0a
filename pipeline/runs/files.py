"""The files that a run leaves, wherever they lie: under its keys in S3, or in a folder of this machine.

Files go by the names that they have below `runs/<run_id>/`: `results/summary.json`, `shards/<shard>.safetensors`. What
`imagebatch run` copies to `out/<run_id>/` lies there without `results/`; a folder may as well be a copy of all that a
run has in S3, or of its results alone.
"""

import io
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any, Protocol

from botocore.exceptions import ClientError

from pipeline import objects
from pipeline.contract.ranged_file import open_ranges
from pipeline.runs import keys

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_RESULTS = "results"
_COPIED_AT_ONCE = 1024 * 1024


class RunFiles(Protocol):
    """Raises FileNotFoundError for what is not there; in S3, what botocore raises for what may not be read."""

    where: str
    """Where they lie, for people."""

    def open(self, name: str) -> IO[bytes]:
        """A file to read in parts: only what is read is fetched."""

    def fetch(self, name: str) -> IO[bytes]:
        """A file to read from its beginning to its end."""

    def read(self, name: str, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset` on, which lies inside the file."""

    def names(self, folder: str) -> Iterator[str]:
        """The files below a folder, `previews/`, in the order of their names."""


class StoredFiles:
    """The files of a run in S3."""

    def __init__(self, s3: "S3Client", bucket: str, run_id: str) -> None:
        self.where = objects.s3_uri(bucket, keys.results_prefix(run_id))
        self._s3 = s3
        self._bucket = bucket
        self._prefix = keys.run_prefix(run_id)

    def open(self, name: str) -> IO[bytes]:
        size = self._there(name, lambda key: self._s3.head_object(Bucket=self._bucket, Key=key)["ContentLength"])
        return open_ranges(lambda offset, length: self.read(name, offset, length), int(size))

    def fetch(self, name: str) -> IO[bytes]:
        # A file of its own: it may be larger than what memory is for.
        file = TemporaryFile()  # noqa: SIM115 - the caller closes it
        try:
            self._there(name, lambda key: objects.unbroken(lambda: self._copy(key, file)))
        except BaseException:
            file.close()
            raise
        file.seek(0)
        return file

    def read(self, name: str, offset: int, length: int) -> bytes:
        data: bytes = self._there(name, lambda key: objects.get_range(self._s3, self._bucket, key, offset, length))
        return data

    def names(self, folder: str) -> Iterator[str]:
        for item in objects.list_objects(self._s3, self._bucket, self._prefix + folder):
            yield item.key.removeprefix(self._prefix)

    def _copy(self, key: str, file: IO[bytes]) -> None:
        file.seek(0)
        file.truncate()
        # In one piece: the threads of download_fileobj cost more than most of a run's files.
        with closing(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"]) as body:
            shutil.copyfileobj(body, file, _COPIED_AT_ONCE)

    def _there(self, name: str, ask: Callable[[str], Any]) -> Any:
        try:
            return ask(self._prefix + name)
        except ClientError as error:
            if not objects.is_missing(error):
                raise
            raise FileNotFoundError(objects.s3_uri(self._bucket, self._prefix + name)) from error


class CopiedFiles:
    """The files of a run in a folder."""

    def __init__(self, folder: Path) -> None:
        self.where = str(folder)
        self._folder = folder

    def open(self, name: str) -> IO[bytes]:
        return self._path(name).open("rb")

    def fetch(self, name: str) -> IO[bytes]:
        return self.open(name)

    def read(self, name: str, offset: int, length: int) -> bytes:
        with self.open(name) as file:
            file.seek(offset)
            return file.read(length)

    def names(self, folder: str) -> Iterator[str]:
        below = self._path(folder)
        yield from sorted(
            str(PurePosixPath(folder) / path.relative_to(below).as_posix())
            for path in below.rglob("*")
            if path.is_file()
        )

    def _path(self, name: str) -> Path:
        """Results alone, all that a run has, or its results beside the rest of it."""
        place = PurePosixPath(name)
        of_results = place.parts[0] == _RESULTS
        around = self._folder.parent if self._folder.name == _RESULTS else self._folder
        places = [around / place, self._folder / place.relative_to(_RESULTS)] if of_results else [around / place]
        return next((path for path in places if path.exists()), places[-1])


def lines(file: IO[bytes]) -> io.TextIOWrapper:
    """A file of text as it was written: UTF-8, and no line end but its own. Closing it closes `file`."""
    return io.TextIOWrapper(file, encoding="utf-8", newline="")


def load_summary(files: RunFiles) -> dict[str, Any]:
    """A run's summary.json. Raises FileNotFoundError where it is missing, and ValueError for what is none."""
    with files.fetch(f"{_RESULTS}/{keys.SUMMARY}") as file:
        try:
            document = json.load(file)
        except ValueError as error:
            raise ValueError(f"{keys.SUMMARY} is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise ValueError(f"{keys.SUMMARY} is no summary of a run: expected an object")  # noqa: TRY004 - of what it reads
    missing = [name for name in ("run_id", "model", "contract", "counts") if name not in document]
    if missing:
        raise ValueError(f"{keys.SUMMARY} is no summary of a run: it has no {missing[0]!r}")
    return document
