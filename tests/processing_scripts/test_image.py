"""The image, as far as it can be known without building it: `make check` lints the Dockerfile itself."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.local.forks import Kind

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "processing_scripts/Dockerfile").read_text()
LOCKS = ["container-cpu.lock", "container-cuda.lock"]


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """What the image has of this repository."""
    for folder in ("pipeline", "processing_scripts"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.rmtree(tmp_path / "pipeline/local")
    return tmp_path


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_of_the_image_is_pinned_by_hash(lock: str) -> None:
    requirements = (ROOT / "requirements" / lock).read_text().replace("\\\n", " ").splitlines()
    loose = [line for line in requirements if not re.search(r"==\S+.* --hash=sha256:[0-9a-f]{64}", line)]
    assert loose == []


def test_every_base_is_named_with_a_version() -> None:
    bases = re.findall(r"^ARG \w+_BASE=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert len(bases) == 2
    assert all(re.search(r":\d+\.\d+\.\d+", base) for base in bases)


def test_jobs_on_a_laptop_have_the_variables_of_the_image() -> None:
    image = dict(re.findall(r"^(?:ENV)? +(\w+)=(\S+)(?: \\)?$", DOCKERFILE, re.MULTILINE))
    names = ("GLIBC_TUNABLES", "PYTHONUNBUFFERED")
    assert {name: Kind.JOB.variables[name] for name in names} == {name: image[name] for name in names}


@pytest.mark.parametrize("source", re.findall(r"^COPY (?!--from)(\S+)", DOCKERFILE, re.MULTILINE))
def test_what_the_image_copies_exists_and_is_not_ignored(source: str) -> None:
    pattern = source.replace("${DEVICE}", "*")
    assert list(ROOT.glob(pattern))
    assert f"!{pattern}" in (ROOT / ".dockerignore").read_text().splitlines()


@pytest.mark.parametrize("program", ["serve", "infer", "entrypoint"])
def test_a_program_needs_nothing_of_ours_that_is_left_out(copied: Path, program: str) -> None:
    command = [sys.executable, "-c", f"import processing_scripts.{program} as it; print(it.__file__)"]
    started = subprocess.run(command, cwd=copied, capture_output=True, text=True, check=True)
    assert Path(started.stdout.strip()) == copied / f"processing_scripts/{program}.py"
