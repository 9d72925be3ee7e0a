"""The bodies of a bucket's objects: files of one folder, named by random ids.

A body that is being received is a file like any other, but nobody knows its name yet; it counts from when the index
names it. Files that no index names are what an earlier process did not finish.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from pipeline.local.buckets.body_file import BodyFile
from pipeline.local.buckets.checksums import Digests, Source, pump

T = TypeVar("T")

_READ_ONLY = 0o444
"""A job's input may be a link to a body, which must not change with what the job does to its input."""


@dataclass(frozen=True, slots=True)
class Body:
    """A body that lies in the file called `name`."""

    name: str
    digests: Digests


class Bodies:
    """The files of `folder`, which is made when it is not there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def create(self, fill: Callable[[BodyFile], T]) -> Iterator[tuple[str, T]]:
        """A new file's name, and what `fill` returned of filling it.

        Whoever creates gives the name to the index inside the `with` block: when the block fails, the file goes.
        """
        path = self._folder / uuid.uuid4().hex
        try:
            with BodyFile(path, _READ_ONLY) as file:
                filled = fill(file)
            yield path.name, filled
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    @contextmanager
    def receive(self, source: Source, algorithm: str | None = None, *, with_md5: bool = True) -> Iterator[Body]:
        """A new file with everything that `source` holds; the checksum `algorithm` is computed beside the MD5."""
        with self.create(lambda file: pump(source, file.write, algorithm, with_md5=with_md5)) as (name, digests):
            yield Body(name, digests)

    def open(self, name: str) -> BinaryIO:
        """The file, to be read; who opened it may go on reading after it was removed."""
        return (self._folder / name).open("rb", buffering=0)

    def remove(self, *names: str) -> None:
        for name in names:
            (self._folder / name).unlink(missing_ok=True)

    def keep_only(self, names: set[str]) -> None:
        """Remove every file that is not among `names`."""
        for path in self._folder.iterdir():
            if path.name not in names:
                path.unlink()
