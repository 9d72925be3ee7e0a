"""Tables as a client sees them: what is written is read, at once and after the cloud was ended."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.cloud import LocalCloud

ROOT = Path(__file__).resolve().parents[3]
CreateTable = Callable[..., str]
KILLED = """
import os, signal, sys
from pathlib import Path
from pipeline.local.cloud import LocalCloud

dynamodb = LocalCloud(Path(sys.argv[1])).client("dynamodb")
key = [{"AttributeName": "id", "KeyType": "HASH"}]
types = [{"AttributeName": "id", "AttributeType": "S"}]
dynamodb.create_table(TableName="t", BillingMode="PAY_PER_REQUEST", KeySchema=key, AttributeDefinitions=types)
puts = [{"PutRequest": {"Item": {"id": {"S": str(number)}, "bytes": {"B": b"\\x00\\xff"}}}} for number in range(25)]
dynamodb.batch_write_item(RequestItems={"t": puts})
os.kill(os.getpid(), signal.SIGKILL)
"""


def key(image: str, model: str = "m") -> dict[str, Any]:
    return {"image": {"S": image}, "model": {"S": model}}


def put(client: Any, table: str, *items: dict[str, Any]) -> None:
    client.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": item}} for item in items]})


def refusal(call: Callable[..., Any], **parameters: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    return str(raised.value.response["Error"]["Code"])


def test_a_batch_is_read_as_it_was_written(dynamodb: Any, table: str) -> None:
    put(dynamodb, table, {**key("a"), "score": {"N": "0.50"}}, {**key("b"), "thumbnail": {"B": b"\x00\xff"}})
    answer = dynamodb.batch_get_item(RequestItems={table: {"Keys": [key("a"), key("b"), key("c")]}})

    found = {item["image"]["S"]: item for item in answer["Responses"][table]}
    assert found == {
        "a": {**key("a"), "score": {"N": "0.5"}},
        "b": {**key("b"), "thumbnail": {"B": b"\x00\xff"}},
    }
    assert answer["UnprocessedKeys"] == {}


def test_what_a_process_wrote_that_was_killed_is_there(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, timeout=60)
    assert ended.returncode == -9

    with LocalCloud(tmp_path) as cloud:
        items = cloud.client("dynamodb").scan(TableName="t")["Items"]
    assert sorted(int(item["id"]["S"]) for item in items) == list(range(25))
    assert {item["bytes"]["B"] for item in items} == {b"\x00\xff"}


def test_a_table_that_was_deleted_is_gone_with_its_items(tmp_path: Path, create_table: CreateTable) -> None:
    with LocalCloud(tmp_path) as cloud:
        client = cloud.client("dynamodb")
        for name in ("kept", "deleted"):
            put(client, create_table(client, name, id="S"), {"id": {"S": "1"}})
        client.delete_table(TableName="deleted")
    with LocalCloud(tmp_path) as cloud:
        client = cloud.client("dynamodb")
        assert client.list_tables()["TableNames"] == ["kept"]
        create_table(client, "deleted", id="S")
        assert [client.scan(TableName=name)["Count"] for name in ("kept", "deleted")] == [1, 0]


def test_a_batch_that_is_refused_writes_nothing(dynamodb: Any, table: str) -> None:
    with pytest.raises(ClientError, match="Missing the key model"):
        put(dynamodb, table, key("a"), {"image": {"S": "b"}})
    assert dynamodb.scan(TableName=table)["Count"] == 0


@pytest.mark.parametrize(
    "items", [[key("a"), key("a")], [key(str(number)) for number in range(26)]], ids=["twice the same", "too many"]
)
def test_a_batch_that_dynamodb_would_not_take_is_refused(dynamodb: Any, table: str, items: list[Any]) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        put(dynamodb, table, *items)


def test_a_table_that_is_not_there_is_not_found(dynamodb: Any) -> None:
    code = refusal(dynamodb.batch_get_item, RequestItems={"nowhere": {"Keys": [key("a")]}})

    assert code == "ResourceNotFoundException"


def test_a_condition_that_fails_changes_nothing_and_gives_the_item(dynamodb: Any, table: str) -> None:
    put(dynamodb, table, {**key("a"), "etag": {"S": "1"}})
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException) as raised:
        dynamodb.put_item(
            TableName=table,
            Item={**key("a"), "etag": {"S": "2"}},
            ConditionExpression="attribute_not_exists(image)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    assert raised.value.response["Item"] == {**key("a"), "etag": {"S": "1"}}
    assert dynamodb.get_item(TableName=table, Key=key("a"))["Item"]["etag"] == {"S": "1"}


def test_an_update_works_on_what_is_there(dynamodb: Any, table: str) -> None:
    put(dynamodb, table, {**key("a"), "seen": {"N": "1"}})
    add = {"UpdateExpression": "ADD seen :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
    for image in ("a", "b"):
        dynamodb.update_item(TableName=table, Key=key(image), **add)

    seen = [dynamodb.get_item(TableName=table, Key=key(image))["Item"]["seen"]["N"] for image in ("a", "b")]
    assert seen == ["2", "1"]


def test_an_item_is_deleted_and_given_back(dynamodb: Any, table: str) -> None:
    put(dynamodb, table, key("a"))
    assert dynamodb.delete_item(TableName=table, Key=key("a"), ReturnValues="ALL_OLD")["Attributes"] == key("a")
    assert "Item" not in dynamodb.get_item(TableName=table, Key=key("a"))


def test_a_transaction_happens_as_a_whole_or_not_at_all(dynamodb: Any, table: str) -> None:
    put(dynamodb, table, key("a"))
    new = {"Put": {"TableName": table, "Item": key("b")}}
    there = {"TableName": table, "Key": key("a"), "ConditionExpression": "attribute_not_exists(image)"}
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as raised:
        dynamodb.transact_write_items(TransactItems=[new, {"Delete": there}])
    assert [each["Code"] for each in raised.value.response["CancellationReasons"]] == ["None", "ConditionalCheckFailed"]
    assert dynamodb.scan(TableName=table)["Items"] == [key("a")]

    dynamodb.transact_write_items(TransactItems=[new, {"Delete": {"TableName": table, "Key": key("a")}}])
    assert dynamodb.scan(TableName=table)["Items"] == [key("b")]


def test_a_query_gives_one_partition_in_the_order_of_its_sort_keys(dynamodb: Any, create_table: CreateTable) -> None:
    table = create_table(dynamodb, "numbers", image="S", version="N")
    put(dynamodb, table, *({"image": {"S": image}, "version": {"N": n}} for image in "ab" for n in ("10", "9", "-1")))
    asked: dict[str, Any] = {
        "TableName": table,
        "KeyConditionExpression": "#i = :i AND version > :least",
        "ExpressionAttributeNames": {"#i": "image"},
        "ExpressionAttributeValues": {":i": {"S": "a"}, ":least": {"N": "-1"}},
    }
    assert [item["version"]["N"] for item in dynamodb.query(**asked)["Items"]] == ["9", "10"]

    pages = dynamodb.get_paginator("query").paginate(**asked, PaginationConfig={"PageSize": 1})
    assert [item["version"]["N"] for page in pages for item in page["Items"]] == ["9", "10"]


@pytest.mark.parametrize("segments", [1, 3])
def test_a_scan_finds_each_item_once_page_by_page(dynamodb: Any, table: str, segments: int) -> None:
    images = [f"{number}.jpg" for number in range(25)]
    put(dynamodb, table, *map(key, images))
    found = [
        item["image"]["S"]
        for segment in range(segments)
        for page in dynamodb.get_paginator("scan").paginate(
            TableName=table, Segment=segment, TotalSegments=segments, PaginationConfig={"PageSize": 4}
        )
        for item in page["Items"]
    ]
    assert sorted(found) == sorted(images)


def test_a_scan_filters_what_it_has_read(dynamodb: Any, table: str) -> None:
    put(dynamodb, table, *({**key(str(number)), "n": {"N": str(number)}} for number in range(10)))
    answer = dynamodb.scan(
        TableName=table, FilterExpression="n >= :n", ExpressionAttributeValues={":n": {"N": "8"}}, Select="COUNT"
    )
    assert (answer["Count"], answer["ScannedCount"]) == (2, 10)


def test_a_read_gives_the_attributes_that_were_asked_for(dynamodb: Any, table: str) -> None:
    put(dynamodb, table, {**key("a"), "score": {"N": "1"}})
    asked = {"Keys": [key("a")], "ProjectionExpression": "score"}

    assert dynamodb.batch_get_item(RequestItems={table: asked})["Responses"][table] == [{"score": {"N": "1"}}]
    assert dynamodb.get_item(TableName=table, Key=key("a"), ProjectionExpression="score")["Item"] == {
        "score": {"N": "1"}
    }


def test_a_table_says_how_many_items_it_has(dynamodb: Any, table: str) -> None:
    put(dynamodb, table, key("a"), key("b"))

    assert dynamodb.describe_table(TableName=table)["Table"]["ItemCount"] == 2


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("execute_statement", {"Statement": "SELECT * FROM photos"}),
        ("scan", {"TableName": "photos", "IndexName": "by-label"}),
        ("query", {"TableName": "photos", "IndexName": "by-label"}),
    ],
)
def test_what_is_not_served_is_refused_and_not_answered_wrongly(
    dynamodb: Any, table: str, operation: str, parameters: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match="not serve"):
        getattr(dynamodb, operation)(**parameters)
