"""moto's tables as a stage: the items that a request is about stand there for as long as it takes.

moto knows DynamoDB's expressions, and keeps items in memory, slowly. Here it has a table for each that there is, and
none of them has an item between requests. A request that needs more than a key is played on the items that it may
touch, and what became of them is what is stored.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import Any, cast

from pipeline.local.dynamodb.tables import Item
from pipeline.local.http_messages import Body, Request, Response
from pipeline.local.protocol import ServiceError

Answer = dict[str, Any]


class Stage:
    """moto's DynamoDB of one region, behind its HTTP interface."""

    def __init__(self, moto: Callable[[Request], Response], region: str) -> None:
        self._moto = moto
        scope = f"local/20260101/{region}/dynamodb/aws4_request"
        self._headers = {
            "host": f"dynamodb.{region}.amazonaws.com",
            "content-type": "application/x-amz-json-1.0",
            "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none",
        }

    def ask(self, operation: str, parameters: Mapping[str, Any]) -> Answer:
        """moto's answer; what it refuses is raised as ServiceError."""
        body = json.dumps(parameters).encode()
        headers = {
            **self._headers,
            "x-amz-target": f"DynamoDB_20120810.{operation}",
            "content-length": str(len(body)),
        }
        response = self._moto(Request("POST", "/", headers, Body(BytesIO(body), len(body))))
        document: Answer = json.loads(b"".join(cast(Iterable[bytes], response.body)) or b"{}")
        if response.status >= 300:
            raise _error(document, response.status)
        return document

    @contextmanager
    def holding(self, items: Iterable[tuple[str, Item]], keys: Iterable[tuple[str, Item]]) -> Iterator[None]:
        """Inside the block these items, each with its table, are there; after it nothing is of what `keys` name."""
        try:
            for table, item in items:
                self.ask("PutItem", {"TableName": table, "Item": item})
            yield
        finally:
            for table, key in keys:
                self.ask("DeleteItem", {"TableName": table, "Key": key})

    def item(self, table: str, key: Item) -> Item | None:
        found: Item | None = self.ask("GetItem", {"TableName": table, "Key": key}).get("Item")
        return found


def _error(document: Answer, status: int) -> ServiceError:
    code = str(document.pop("__type", "InternalServerError")).rpartition("#")[2]
    messages = [document.pop(name) for name in ("message", "Message") if name in document]
    return ServiceError(code, str(messages[0]) if messages else code, status=status, **document)
