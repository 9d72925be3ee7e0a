"""Entries to put into a ledger."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.ledger import Entry


@pytest.fixture
def entry() -> Callable[..., Entry]:
    """Makes an entry: `entry("s3://photos/a.jpg", minutes=5)` was predicted five minutes later than others."""

    def make(image: str = "s3://photos/a.jpg", minutes: int = 0, **fields: Any) -> Entry:
        predicted_at = datetime(2024, 11, 20, 2, 0, tzinfo=UTC) + timedelta(minutes=minutes)
        given = {"model": "tiny", "etag": "e1", "contract": "c1", "model_digest": "m1", "run_id": "first"}
        return Entry(**{"image": image, "predicted_at": predicted_at, **given, **fields})

    return make
