"""A local cloud for each test, and the little that is needed to put something into it."""

import io
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pipeline.local.cloud import LocalCloud

ROLE = "arn:aws:iam::123456789012:role/local"


@pytest.fixture
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud(lambda_concurrency=2) as cloud:
        yield cloud


@pytest.fixture
def role() -> str:
    return ROLE


@pytest.fixture
def zipped() -> Callable[[str], bytes]:
    """A zip file with one module, `handler.py`."""

    def pack(source: str) -> bytes:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr("handler.py", source)
        return archive.getvalue()

    return pack


@pytest.fixture
def create_function(cloud: LocalCloud, zipped: Callable[[str], bytes]) -> Callable[..., Any]:
    """Creates a Lambda function from the source of its one module; further arguments go to CreateFunction."""

    def create(name: str, source: str, **settings: Any) -> Any:
        arguments = {"Runtime": "python3.12", "Role": ROLE, "Handler": "handler.handler", **settings}
        return cloud.client("lambda").create_function(FunctionName=name, Code={"ZipFile": zipped(source)}, **arguments)

    return create
