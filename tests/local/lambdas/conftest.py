import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from pipeline.local.cloud import LocalCloud


@dataclass
class Answer:
    """What Invoke gave back, its payload read."""

    error: str | None
    payload: Any
    raw: dict[str, Any]


@pytest.fixture
def invoke(cloud: LocalCloud) -> Callable[..., Answer]:
    """Invokes a function with an event; further arguments go to Invoke."""

    def call(name: str, event: Any = None, **arguments: Any) -> Answer:
        raw = cloud.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event), **arguments)
        body = raw["Payload"].read()
        return Answer(raw.get("FunctionError"), json.loads(body) if body else None, raw)

    return call
