"""Templates written to disk, and a cloud to deploy them into."""

from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from pipeline.local.cloud import LocalCloud


@pytest.fixture
def template(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a template, and gives its path."""

    def write(text: str) -> Path:
        path = tmp_path / "template.yaml"
        path.write_text(dedent(text), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    """One cloud for the tests of a module; each deploys a stack of its own."""
    with LocalCloud() as cloud:
        yield cloud
