"""A table as infra/template.yaml makes it, and entries to put into it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from pipeline.ledger import Entry

TABLE = "example-ledger"


@pytest.fixture
def dynamodb(s3: Any) -> Any:
    """A DynamoDB in this process, with an empty table."""
    client: Any = boto3.client("dynamodb")
    client.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("image", "model")],
        KeySchema=[{"AttributeName": "image", "KeyType": "HASH"}, {"AttributeName": "model", "KeyType": "RANGE"}],
    )
    return client


@pytest.fixture
def entry() -> Callable[..., Entry]:
    """Makes an entry: `entry("s3://photos/a.jpg", minutes=5)` was predicted five minutes later than others."""

    def make(image: str = "s3://photos/a.jpg", minutes: int = 0, **fields: Any) -> Entry:
        predicted_at = datetime(2026, 11, 20, 2, 0, tzinfo=UTC) + timedelta(minutes=minutes)
        given = {"model": "tiny", "etag": "e1", "contract": "c1", "model_digest": "m1", "run_id": "first"}
        return Entry(**{"image": image, "predicted_at": predicted_at, **given, **fields})

    return make
