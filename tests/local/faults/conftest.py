"""A local cloud in which things may go wrong."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from pipeline.local.cloud import LocalCloud
from pipeline.local.faults import FaultPlan, Faults


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Faults:
    return Faults(tmp_path_factory.mktemp("faults") / "faults.jsonl")


@pytest.fixture(scope="module")
def cloud(faults: Faults, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    with LocalCloud(tmp_path_factory.mktemp("cloud"), faults=faults, lambda_concurrency=4) as cloud:
        yield cloud


@pytest.fixture
def go_wrong(faults: Faults) -> Iterator[Callable[..., None]]:
    """`go_wrong(rule, ...)` lets that go wrong for the rest of the test; the first call is struck where nothing else is
    said."""

    def use(*rules: dict[str, Any]) -> None:
        chosen = [rule if "probability" in rule else {"occurrences": [1], **rule} for rule in rules]
        faults.use(FaultPlan.from_json({"faults": chosen}))

    yield use
    faults.rest()


@pytest.fixture
def client(cloud: LocalCloud) -> Callable[..., Any]:
    """`client("s3")`: a client that is not spared, and asks once; `client("s3", tries=3)`."""
    session: Any = boto3.Session("key", "secret", region_name="us-east-1")

    def make(service: str, tries: int = 1) -> Any:
        config = Config(retries={"mode": "standard", "total_max_attempts": tries}, s3={"addressing_style": "path"})
        return session.client(service, endpoint_url=cloud.endpoint_url, config=config)

    return make
