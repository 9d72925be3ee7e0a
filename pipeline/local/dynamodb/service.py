"""DynamoDB's API: tables by moto, their items on disk, where a later cloud finds them.

    BatchGetItem, BatchWriteItem, GetItem by keys, Scan of everything     read and written on disk
    whatever has an expression                                            played on a stage (stage.py), and then stored

moto alone would keep every item in memory, and takes 0.7 ms for each that it reads or writes. What it keeps of a table
besides its definition (tags, backups, time to live) is gone when the cloud ends. Global indexes, streams and PartiQL
are refused: on a stage with a few items their answers would be wrong.
"""

import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pipeline.local.dynamodb.items import Schema, invalid, key_text, stored
from pipeline.local.dynamodb.stage import Answer, Stage
from pipeline.local.dynamodb.tables import Item, Key, Tables
from pipeline.local.http_messages import Request, Response
from pipeline.local.protocol import JsonService, ServiceError, to_json

Json = dict[str, Any]

_PAGE_BYTES = 1_000_000
"""Of Query and Scan; a little less than the 1 MB that DynamoDB says, as sizes are counted as JSON here."""
_BATCH_BYTES = 16_000_000
_BATCH_WRITES = 25
_ITEMS_AHEAD = 1000
_EQUALS = re.compile(r"(#?[\w.-]+)\s*=\s*(:\w+)")
# What moto does with tables, and what has nothing to do with their items.
_OF_TABLES = {
    "DescribeContinuousBackups",
    "DescribeEndpoints",
    "DescribeTimeToLive",
    "ListTables",
    "ListTagsOfResource",
    "TagResource",
    "UntagResource",
    "UpdateContinuousBackups",
    "UpdateTable",
    "UpdateTimeToLive",
}
_PROJECTIONS = ("ProjectionExpression", "AttributesToGet")
_PAGING = ("ExclusiveStartKey", "Limit", "Segment", "TotalSegments")
_OF_SCANS = (*_PROJECTIONS, "FilterExpression", "ScanFilter", "Select")


class DynamoDBService(JsonService):
    """DynamoDB.

    Args:
        path: the file in which tables and items are kept.
        moto: answers requests to moto.
    """

    service: ClassVar[str] = "dynamodb"
    signing_name: ClassVar[str] = "dynamodb"

    def __init__(self, path: Path, moto: Callable[[Request], Response], region: str) -> None:
        self._tables = Tables(path)
        self._stage = Stage(moto, region)
        self._schemas: dict[str, Schema] = {}
        for request in self._tables.requests():
            self._stage.ask("CreateTable", request)
            self._schemas[request["TableName"]] = Schema.of_request(request)

    def close(self) -> None:
        self._tables.close()

    def handle(self, operation: str, parameters: Mapping[str, Any]) -> Answer:
        """As every service's, but that bytes stay the base64 that they came as: so they are stored, and answered."""
        if shape := self._operation_model(operation).input_shape:
            self._decoded(shape, parameters)
        if operation in _OF_TABLES:
            return self._stage.ask(operation, parameters)
        return self._method(operation)(dict(parameters))

    def create_table(self, parameters: Json) -> Answer:
        if parameters.get("StreamSpecification", {}).get("StreamEnabled"):
            raise invalid("StreamSpecification is not served in the local cloud")
        answer = self._stage.ask("CreateTable", parameters)
        self._schemas[parameters["TableName"]] = Schema.of_request(parameters)
        self._tables.add(parameters["TableName"], parameters)
        return answer

    def delete_table(self, parameters: Json) -> Answer:
        answer = self._stage.ask("DeleteTable", parameters)
        name = _name(parameters["TableName"])
        self._tables.drop(name)
        self._schemas.pop(name, None)
        return answer

    def describe_table(self, parameters: Json) -> Answer:
        answer = self._stage.ask("DescribeTable", parameters)
        answer["Table"]["ItemCount"] = self._tables.count(_name(parameters["TableName"]))
        return answer

    def batch_get_item(self, parameters: Json) -> Answer:
        asked = parameters["RequestItems"]
        keys = [(table, key) for table, request in asked.items() for key in request["Keys"]]
        self._check_apart(keys, "Provided list of item keys contains duplicates")
        if any(name in request for request in asked.values() for name in _PROJECTIONS):
            return self._read("BatchGetItem", parameters, keys)
        found: dict[str, list[Item]] = {table: [] for table in asked}
        left: dict[str, Json] = {}
        size = 0
        for table, key in keys:
            if size > _BATCH_BYTES:
                left.setdefault(table, {**asked[table], "Keys": []})["Keys"].append(key)
            elif (item := self._tables.get(_name(table), self._schema(table).of_key(key))) is not None:
                found[table].append(item)
                size += len(to_json(item))
        return {"Responses": found, "UnprocessedKeys": left}

    def batch_write_item(self, parameters: Json) -> Answer:
        writes = [(table, write) for table, writes in parameters["RequestItems"].items() for write in writes]
        if len(writes) > _BATCH_WRITES:
            raise invalid(f"Too many items requested for the BatchWriteItem call: {len(writes)}")
        done: list[tuple[str, Key, Item | None]] = []
        for table, write in writes:
            schema = self._schema(table)
            if "PutRequest" in write:
                item = stored(write["PutRequest"]["Item"])
                done.append((_name(table), schema.of_item(item), item))
            else:
                done.append((_name(table), schema.of_key(write["DeleteRequest"]["Key"]), None))
        if len({(table, key) for table, key, _ in done}) < len(done):
            raise invalid("Provided list of item keys contains duplicates")
        with self._tables.transaction():
            for table, key, new in done:
                self._keep(table, key, new)
        return {"UnprocessedItems": {}}

    def get_item(self, parameters: Json) -> Answer:
        table, key = parameters["TableName"], parameters["Key"]
        if any(name in parameters for name in _PROJECTIONS):
            return self._read("GetItem", parameters, [(table, key)])
        item = self._tables.get(_name(table), self._schema(table).of_key(key))
        return {} if item is None else {"Item": item}

    def put_item(self, parameters: Json) -> Answer:
        parameters["Item"] = stored(parameters["Item"])
        return self._write("PutItem", parameters, [(parameters["TableName"], self._key_in(parameters))])

    def update_item(self, parameters: Json) -> Answer:
        return self._write("UpdateItem", parameters, [(parameters["TableName"], parameters["Key"])])

    def delete_item(self, parameters: Json) -> Answer:
        return self._write("DeleteItem", parameters, [(parameters["TableName"], parameters["Key"])])

    def transact_get_items(self, parameters: Json) -> Answer:
        gets = [each["Get"] for each in parameters["TransactItems"]]
        return self._read("TransactGetItems", parameters, [(get["TableName"], get["Key"]) for get in gets])

    def transact_write_items(self, parameters: Json) -> Answer:
        writes = [write for each in parameters["TransactItems"] for write in each.values()]
        for write in writes:
            if "Item" in write:
                write["Item"] = stored(write["Item"])
        keys = [(write["TableName"], write.get("Key") or self._key_in(write)) for write in writes]
        self._check_apart(keys, "Transaction request cannot include multiple operations on one item")
        return self._write("TransactWriteItems", parameters, keys)

    def query(self, parameters: Json) -> Answer:
        table = _name(parameters["TableName"])
        schema = self._schema(table)
        if "IndexName" in parameters:
            raise invalid("IndexName is not served in the local cloud")
        value = _partition_asked_for(parameters, schema.partition_key)
        with self._tables.transaction():
            items = self._tables.partition(table, key_text(value)) if value else []
            with self._stage.holding(*_standing(table, items, schema)):
                return self._stage.ask("Query", parameters)

    def scan(self, parameters: Json) -> Answer:
        table = _name(parameters["TableName"])
        schema = self._schema(table)
        if "IndexName" in parameters:
            raise invalid("IndexName is not served in the local cloud")
        page, last = self._page(table, schema, parameters)
        answer: Answer = {"Items": page, "Count": len(page), "ScannedCount": len(page)}
        if any(name in parameters for name in _OF_SCANS):
            whole = {name: value for name, value in parameters.items() if name not in _PAGING}
            with self._tables.transaction(), self._stage.holding(*_standing(table, page, schema)):
                answer = self._stage.ask("Scan", whole)
        answer.pop("LastEvaluatedKey", None)
        return answer if last is None else {**answer, "LastEvaluatedKey": last}

    def _page(self, table: str, schema: Schema, parameters: Json) -> tuple[list[Item], Item | None]:
        """The items of a page, and the last one's key where there may be more."""
        limit, segments = parameters.get("Limit", 0), parameters.get("TotalSegments", 1)
        start = parameters.get("ExclusiveStartKey")
        after = schema.of_key(start) if start else None
        page: list[Item] = []
        size = 0
        while items := self._tables.behind(table, after, _ITEMS_AHEAD):
            for item in items:
                after = schema.of_item(item)
                if zlib.crc32(after.hash.encode()) % segments != parameters.get("Segment", 0):
                    continue
                page.append(item)
                size += len(to_json(item))
                if len(page) == limit or size > _PAGE_BYTES:
                    return page, schema.key_in(item)
        return page, None

    def _read(self, operation: str, parameters: Json, keys: Sequence[tuple[str, Item]]) -> Answer:
        """Play a request that reads the items of some keys."""
        with self._tables.transaction(), self._stage.holding(self._items_of(keys), keys):
            return self._stage.ask(operation, parameters)

    def _write(self, operation: str, parameters: Json, keys: Sequence[tuple[str, Item]]) -> Answer:
        """Play a request that changes the items of some keys, and keep what it made of them."""
        with self._tables.transaction(), self._stage.holding(self._items_of(keys), keys):
            answer = self._stage.ask(operation, parameters)
            for table, key in keys:
                self._keep(_name(table), self._schema(table).of_key(key), self._stage.item(table, key))
            return answer

    def _keep(self, table: str, key: Key, item: Item | None) -> None:
        if item is None:
            self._tables.remove(table, key)
        else:
            self._tables.put(table, key, item)

    def _items_of(self, keys: Iterable[tuple[str, Item]]) -> list[tuple[str, Item]]:
        found = ((table, self._tables.get(_name(table), self._schema(table).of_key(key))) for table, key in keys)
        return [(table, item) for table, item in found if item is not None]

    def _key_in(self, write: Json) -> Item:
        """The key of an item that is to be put."""
        schema = self._schema(write["TableName"])
        schema.of_item(write["Item"])
        return schema.key_in(write["Item"])

    def _check_apart(self, keys: Iterable[tuple[str, Item]], what: str) -> None:
        places = [(_name(table), self._schema(table).of_key(key)) for table, key in keys]
        if len(set(places)) < len(places):
            raise invalid(what)

    def _schema(self, table: str) -> Schema:
        schema = self._schemas.get(_name(table))
        if schema is None:
            raise ServiceError("ResourceNotFoundException", "Requested resource not found")  # as AWS words it
        return schema


def _name(table: str) -> str:
    """A table's name, where its ARN is given, too."""
    return table.rpartition("/")[2]


def _standing(
    table: str, items: Iterable[Item], schema: Schema
) -> tuple[list[tuple[str, Item]], list[tuple[str, Item]]]:
    """What `Stage.holding` takes, of some items of one table."""
    there = [(table, item) for item in items]
    return there, [(table, schema.key_in(item)) for _, item in there]


def _partition_asked_for(parameters: Json, name: str) -> Mapping[str, str] | None:
    """The value that a Query wants the partition key to have; None where it says none, which moto refuses."""
    legacy = parameters.get("KeyConditions", {}).get(name)
    if legacy is not None:
        return next(iter(legacy.get("AttributeValueList", ())), None)
    aliases, values = parameters.get("ExpressionAttributeNames", {}), parameters.get("ExpressionAttributeValues", {})
    for attribute, value in _EQUALS.findall(parameters.get("KeyConditionExpression", "")):
        if aliases.get(attribute, attribute) == name:
            found: Mapping[str, str] | None = values.get(value)
            return found
    return None
