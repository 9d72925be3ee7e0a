"""What the ledger knows of images."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.errors import CorruptLedger
from pipeline.ledger.entries import Entry, key
from pipeline.ledger.patience import Deadline, until_processed

logger = logging.getLogger(__name__)

KEYS_A_REQUEST = 100
"""Of BatchGetItem."""
_SECONDS = 20.0
"""As long as a throttled table is waited for: a batch of images has a few minutes, and most go into decoding."""


def known_images(
    dynamodb: Any, table: str, model: str, images: Iterable[str], deadline: Deadline | None = None
) -> dict[str, Entry | CorruptLedger]:
    """What is known of `images` (`s3://bucket/key`) for `model`; an image that is not known is left out.

    An item that is no entry stands as the error that says so, for the caller to tell. What a throttled table does not
    answer in time counts as not known. Raises what botocore raises where the table is not there, or may not be read.
    """
    wanted = [key(image, model) for image in dict.fromkeys(images)]
    deadline = deadline or Deadline(_SECONDS)
    found: dict[str, Entry | CorruptLedger] = {}

    def send(keys: list[dict[str, Any]]) -> list[dict[str, Any]]:
        answer = dynamodb.batch_get_item(RequestItems={table: {"Keys": keys}})
        for item in answer["Responses"].get(table, ()):
            found[item["image"]["S"]] = read_item(item)
        left: list[dict[str, Any]] = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
        return left

    unread = 0
    for start in range(0, len(wanted), KEYS_A_REQUEST):
        unread += len(until_processed(send, wanted[start : start + KEYS_A_REQUEST], deadline))
    if unread:
        logger.warning("the ledger %s did not say in time what it knows of %d images", table, unread)
    return found


def read_item(item: Mapping[str, Any]) -> Entry | CorruptLedger:
    """The entry in an item, or the error that says why it is none."""
    try:
        return Entry.from_item(item)
    except CorruptLedger as error:
        return error


def entries_of_image(dynamodb: Any, table: str, image: str) -> list[Entry | CorruptLedger]:
    """What each model answered for one image, by the models' names."""
    pages = dynamodb.get_paginator("query").paginate(
        TableName=table,
        KeyConditionExpression="image = :image",
        ExpressionAttributeValues={":image": {"S": image}},
    )
    return [read_item(item) for page in pages for item in page["Items"]]
