"""The ledger's table: what is remembered is known, the later prediction stays, and throttling costs work at most."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import repeat
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.errors import CorruptLedger
from pipeline.ledger import Entry, Remembered, entries_of_image, known_images, remember
from pipeline.ledger.patience import Deadline

TABLE = "example-ledger"
MakeEntry = Callable[..., Entry]


class Counting:
    """A client that counts requests, and leaves undone or refuses what it is told to."""

    def __init__(self, client: Any, faults: Iterator[str]) -> None:
        self._client = client
        self._faults = faults
        self.requests: list[dict[str, Any]] = []

    def batch_get_item(self, **request: Any) -> Any:
        keys = request["RequestItems"][TABLE]["Keys"]
        return self._answer(
            request,
            keys,
            self._client.batch_get_item,
            lambda left: {"Responses": {}, "UnprocessedKeys": {TABLE: {"Keys": left}}},
        )

    def batch_write_item(self, **request: Any) -> Any:
        puts = request["RequestItems"][TABLE]
        return self._answer(
            request, puts, self._client.batch_write_item, lambda left: {"UnprocessedItems": {TABLE: left}}
        )

    def _answer(self, request: Any, asked: Any, send: Callable[..., Any], leave: Callable[[Any], Any]) -> Any:
        self.requests.append(request)
        fault = next(self._faults, "")
        if fault == "leave":
            return leave(asked)
        if fault:
            raise ClientError({"Error": {"Code": fault, "Message": "No."}}, "BatchGetItem")
        return send(**request)


def images(count: int) -> list[str]:
    return [f"s3://photos/{number}.jpg" for number in range(count)]


def hurried(seconds: float = 60) -> Deadline:
    """A deadline whose waits take no time."""
    return Deadline(seconds, sleep=lambda _: None)


def test_what_is_remembered_is_known(dynamodb: Any, entry: MakeEntry) -> None:
    written = [entry(image, label="cat", score=0.5) for image in images(3)]

    assert remember(dynamodb, TABLE, written) == Remembered(written=3)
    assert known_images(dynamodb, TABLE, "tiny", images(4)) == {each.image: each for each in written}


def test_another_model_does_not_know_what_one_has_predicted(dynamodb: Any, entry: MakeEntry) -> None:
    remember(dynamodb, TABLE, [entry()])

    assert known_images(dynamodb, TABLE, "other", ["s3://photos/a.jpg"]) == {}


def test_the_longest_key_has_a_place(dynamodb: Any, entry: MakeEntry) -> None:
    longest = f"s3://{'b' * 63}/{'é' * 512}"
    remember(dynamodb, TABLE, [entry(longest)])

    assert list(known_images(dynamodb, TABLE, "tiny", [longest])) == [longest]


def test_more_images_than_a_request_takes_are_asked_for_in_several(dynamodb: Any, entry: MakeEntry) -> None:
    counting = Counting(dynamodb, iter(()))
    remember(dynamodb, TABLE, map(entry, images(230)))

    assert len(known_images(counting, TABLE, "tiny", images(230))) == 230
    assert [len(request["RequestItems"][TABLE]["Keys"]) for request in counting.requests] == [100, 100, 30]


def test_an_image_that_is_named_twice_is_asked_for_and_written_once(dynamodb: Any, entry: MakeEntry) -> None:
    assert remember(dynamodb, TABLE, [entry(), entry()]).written == 1
    assert len(known_images(dynamodb, TABLE, "tiny", ["s3://photos/a.jpg"] * 2)) == 1


def test_the_later_prediction_replaces_the_earlier(dynamodb: Any, entry: MakeEntry) -> None:
    remember(dynamodb, TABLE, [entry()])

    assert remember(dynamodb, TABLE, [entry(minutes=1, etag="e2")]) == Remembered(written=1)
    assert entries_of_image(dynamodb, TABLE, "s3://photos/a.jpg") == [entry(minutes=1, etag="e2")]


def test_a_later_prediction_that_is_there_stays(dynamodb: Any, entry: MakeEntry) -> None:
    remember(dynamodb, TABLE, [entry(minutes=1, etag="e2")])

    assert remember(dynamodb, TABLE, [entry()]) == Remembered(kept=1)
    assert entries_of_image(dynamodb, TABLE, "s3://photos/a.jpg") == [entry(minutes=1, etag="e2")]


def test_a_prediction_of_a_time_that_is_yet_to_come_does_not_stay(dynamodb: Any, entry: MakeEntry) -> None:
    tomorrow = entry(predicted_at=datetime.now(UTC) + timedelta(days=1), etag="e2")
    dynamodb.put_item(TableName=TABLE, Item=tomorrow.to_item())

    assert remember(dynamodb, TABLE, [entry()]) == Remembered(written=1)
    assert entries_of_image(dynamodb, TABLE, "s3://photos/a.jpg") == [entry()]


def test_a_later_prediction_stays_whose_writer_has_a_clock_that_is_minutes_ahead(
    dynamodb: Any, entry: MakeEntry
) -> None:
    ahead = entry(predicted_at=datetime.now(UTC) + timedelta(minutes=10), etag="e2")
    remember(dynamodb, TABLE, [ahead])

    assert remember(dynamodb, TABLE, [entry()]) == Remembered(kept=1)


def test_an_item_of_a_foreign_format_is_known_as_such_and_written_over(dynamodb: Any, entry: MakeEntry) -> None:
    dynamodb.put_item(TableName=TABLE, Item={**entry(minutes=9).to_item(), "format": {"N": "7"}})

    assert isinstance(known_images(dynamodb, TABLE, "tiny", [entry().image])[entry().image], CorruptLedger)
    assert remember(dynamodb, TABLE, [entry()]) == Remembered(written=1)
    assert known_images(dynamodb, TABLE, "tiny", [entry().image]) == {entry().image: entry()}


@pytest.mark.parametrize("fault", ["leave", "ThrottlingException", "ProvisionedThroughputExceededException"])
def test_what_a_throttled_table_leaves_is_asked_for_again(dynamodb: Any, entry: MakeEntry, fault: str) -> None:
    throttled = Counting(dynamodb, iter([fault, "", fault, fault]))

    assert remember(throttled, TABLE, [entry()], hurried()) == Remembered(written=1)
    assert known_images(dynamodb, TABLE, "tiny", [entry().image]) == {entry().image: entry()}


def test_what_a_table_does_not_say_in_time_is_not_known(dynamodb: Any, entry: MakeEntry) -> None:
    remember(dynamodb, TABLE, [entry()])

    assert known_images(Counting(dynamodb, repeat("leave")), TABLE, "tiny", [entry().image], hurried(0)) == {}


def test_what_a_table_does_not_take_in_time_is_counted(dynamodb: Any, entry: MakeEntry) -> None:
    throttled = Counting(dynamodb, repeat("leave"))

    assert remember(throttled, TABLE, map(entry, images(230)), hurried(0)) == Remembered(left_out=230)


@pytest.mark.parametrize("ask", [known_images, lambda *args: remember(args[0], args[1], [])])
def test_asking_for_nothing_asks_nobody(dynamodb: Any, ask: Callable[..., Any]) -> None:
    counting = Counting(dynamodb, iter(()))
    ask(counting, TABLE, "tiny", [])

    assert counting.requests == []


def test_a_table_that_is_not_there_is_an_error(dynamodb: Any) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        known_images(dynamodb, "nowhere", "tiny", images(1))


def test_each_models_answer_for_an_image_is_found(dynamodb: Any, entry: MakeEntry) -> None:
    written = [entry(model="a"), entry(model="b"), entry("s3://photos/other.jpg")]
    for each in written:
        remember(dynamodb, TABLE, [each])

    assert entries_of_image(dynamodb, TABLE, "s3://photos/a.jpg") == written[:2]


def test_waits_grow_and_differ() -> None:
    waited: list[float] = []
    deadline = Deadline(60, sleep=waited.append)
    for attempt in range(40):
        deadline.wait(attempt)

    assert max(waited) <= 5
    assert len(set(waited)) > 30
    assert max(waited[10:]) > max(waited[:3])
