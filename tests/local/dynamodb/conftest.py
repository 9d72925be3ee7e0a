"""Tables to put something into."""

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.local.cloud import LocalCloud

CreateTable = Callable[..., str]


@pytest.fixture
def dynamodb(cloud: LocalCloud) -> Any:
    return cloud.client("dynamodb")


@pytest.fixture
def create_table() -> CreateTable:
    """`create_table(client, "photos", image="S", model="S")` makes a table: a partition key, and perhaps a sort key."""

    def create(client: Any, name: str, **key: str) -> str:
        client.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": each, "AttributeType": kind} for each, kind in key.items()],
            KeySchema=[
                {"AttributeName": each, "KeyType": kind} for each, kind in zip(key, ("HASH", "RANGE"), strict=False)
            ],
        )
        return name

    return create


@pytest.fixture
def table(dynamodb: Any, create_table: CreateTable) -> str:
    return create_table(dynamodb, "photos", image="S", model="S")
