"""Packages as functions load them: wheels for Lambda's processor and Python, from the lock, or what is installed here.

    <folder>/wheels-<lock>/numpy-2.5.5-cp313-...whl     downloaded by pip, which checks each against its hash
    <folder>/packages-<lock>/numpy/numpy/__init__.py    unpacked, without what functions do not need

Both are made once for a lock. Source: Lambda Developer Guide, "Lambda runtimes" (python3.13 runs on Amazon Linux 2023,
whose glibc 2.34 takes manylinux_2_28), PEP 600.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Protocol

from pipeline.deploying.bundles import is_left_out
from pipeline.deploying.errors import DeployError

LOCK = Path(__file__).resolve().parents[2] / "requirements" / "functions.lock"
PYTHON_VERSION = "3.13"
_PLATFORMS = ("manylinux_2_28_aarch64", "manylinux2014_aarch64")
_SAID = 2000


class Packages(Protocol):
    """Where packages come from."""

    def folder(self, package: str) -> Path:
        """The folder that holds what a package installs, less what functions do not need."""


@dataclass(frozen=True)
class Wheels:
    """The wheels of a lock, in folders below `cache`."""

    cache: Path
    lock: Path = LOCK

    def folder(self, package: str) -> Path:
        """Raises DeployError where pip cannot bring the wheels."""
        unpacked = self.cache / f"packages-{self._digest}" / package
        if not unpacked.exists():
            wheel = self._wheels().get(package)
            if wheel is None:
                raise DeployError(f"{self.lock.name} has no package {package}: add it, and make the lock again.")
            _into(unpacked, lambda folder: _unpack(wheel, package, folder))
        return unpacked

    @property
    def _digest(self) -> str:
        return hashlib.sha256(self.lock.read_bytes()).hexdigest()[:12]

    def _wheels(self) -> dict[str, Path]:
        """The wheel of each package, downloaded where it is not there yet."""
        downloaded = self.cache / f"wheels-{self._digest}"
        if not downloaded.exists():
            _into(downloaded, self._download)
        return {_canonical(wheel.name.split("-")[0]): wheel for wheel in downloaded.glob("*.whl")}

    def _download(self, folder: Path) -> None:
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--require-hashes", "--only-binary=:all:", "--requirement", str(self.lock)),
            *("--python-version", PYTHON_VERSION, "--implementation", "cp"),
            *(option for platform in _PLATFORMS for option in ("--platform", platform)),
            *("--dest", str(folder)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DeployError(
                f"pip could not download the functions' packages, which {self.lock.name} lists: "
                f"{' '.join(done.stderr.split())[-_SAID:]} Check the network and pip's own settings."
            )


@dataclass(frozen=True)
class Installed:
    """The packages of this interpreter, in folders below `cache`: for functions that run on this machine."""

    cache: Path

    def folder(self, package: str) -> Path:
        copied = self.cache / "installed" / package
        if not copied.exists():
            _into(copied, lambda folder: _copy_installed(package, folder))
        return copied


def _unpack(wheel: Path, package: str, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        wanted = [entry for entry in archive.infolist() if not is_left_out(package, entry.filename)]
        if any(name.endswith(".data") for entry in wanted for name in PurePosixPath(entry.filename).parts[:1]):
            raise DeployError(f"{wheel.name} installs files outside of its packages, which is not understood here.")
        archive.extractall(folder, [entry.filename for entry in wanted])


def _copy_installed(package: str, folder: Path) -> None:
    for file in metadata.files(package) or ():
        # What lies outside, such as a command, begins with "..".
        if ".." not in file.parts and "__pycache__" not in file.parts and not is_left_out(package, file.as_posix()):
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            link(str(file.locate()), str(target))


def link(source: str, target: str) -> None:
    """A hard link, for which many folders take the room of one; a copy on another file system."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _into(folder: Path, fill: Callable[[Path], None]) -> None:
    """Fill a folder that is there whole or not at all. Where another process was quicker, its folder stays."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=folder.parent) as scratch:
        unfinished = Path(scratch) / folder.name
        unfinished.mkdir()
        fill(unfinished)
        try:
            unfinished.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise


def _canonical(name: str) -> str:
    """A package's name as a lock has it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
