"""What a run predicted, into the ledger.

Of two runs over the same images, the later prediction stays, unless it is of a time that is yet to come: somebody wrote
that, and it would stay for ever. BatchWriteItem knows no conditions, so what is there is read before it is written
over; where two runs write in the moment between, the earlier prediction may stay. That is as true as the later one, and
the ETag in it decides whether it still counts.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from pipeline.ledger.entries import Entry
from pipeline.ledger.patience import Deadline, until_processed
from pipeline.ledger.reading import KEYS_A_REQUEST, known_images
from pipeline.read_ahead import read_ahead

logger = logging.getLogger(__name__)

_ITEMS_A_REQUEST = 25
"""Of BatchWriteItem."""
_THREADS = 8
_CHUNKS_AHEAD = 16
_SECONDS = 300.0
"""As long as a table is written to. A new one takes 4,000 items a second, which makes a million in that time."""
_SKEW = timedelta(minutes=15)
"""As much as a clock may be wrong of who writes here: AWS refuses what is signed at another time (SigV4)."""


@dataclass(frozen=True, slots=True)
class Remembered:
    written: int = 0
    kept: int = 0
    """Images of which the ledger has a later prediction, which stays."""
    left_out: int = 0
    """Images that the table did not take in time: they will be predicted again."""


def remember(dynamodb: Any, table: str, entries: Iterable[Entry], deadline: Deadline | None = None) -> Remembered:
    """Write entries of one model, each image once; say how many there are, and what was not written.

    Raises what botocore raises where the table is not there, or may not be written.
    """
    until = deadline or Deadline(_SECONDS)

    def write(chunk: list[Entry]) -> Remembered:
        return _write(dynamodb, table, chunk, until)

    done = [each for _, each in read_ahead(write, _chunks(entries), threads=_THREADS, budget=_CHUNKS_AHEAD)]
    total = Remembered(*(sum(getattr(each, name) for each in done) for name in Remembered.__slots__))
    if total.left_out:
        logger.warning("the ledger %s did not take %d images in time", table, total.left_out)
    return total


def _chunks(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    remaining = iter(entries)
    while chunk := list(islice(remaining, KEYS_A_REQUEST)):
        # A request may not name a key twice; the same image may have come from two overlapping prefixes.
        yield list({entry.image: entry for entry in chunk}.values())


def _write(dynamodb: Any, table: str, chunk: list[Entry], deadline: Deadline) -> Remembered:
    there = known_images(dynamodb, table, chunk[0].model, (entry.image for entry in chunk), deadline)
    now = datetime.now(UTC) + _SKEW

    def is_superseded(entry: Entry) -> bool:
        other = there.get(entry.image)
        return isinstance(other, Entry) and entry.predicted_at < other.predicted_at <= now

    def send(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
        left: list[dict[str, Any]] = dynamodb.batch_write_item(RequestItems={table: requests})["UnprocessedItems"].get(
            table, []
        )
        return left

    later = [entry for entry in chunk if not is_superseded(entry)]
    left_out = 0
    for start in range(0, len(later), _ITEMS_A_REQUEST):
        requests = [{"PutRequest": {"Item": entry.to_item()}} for entry in later[start : start + _ITEMS_A_REQUEST]]
        left_out += len(until_processed(send, requests, deadline))
    return Remembered(len(later) - left_out, len(chunk) - len(later), left_out)
