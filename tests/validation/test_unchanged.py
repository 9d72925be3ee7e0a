"""What the ledger vouches for is skipped: neither read nor decoded, and accounted for all the same."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline import objects
from pipeline.ledger import Entry, remember
from pipeline.runs.run import Run
from pipeline.validation import verdicts
from pipeline.validation.batch import validate_batch
from pipeline.validation.verdicts import Accepted, Rejected, Skipped, Verdict

IMAGES, RESULTS, LEDGER = "example-images", "example-results", "example-ledger"
Photo = Callable[..., bytes]
Items = list[dict[str, Any]]
EARLIER = "2026-11-19T0200-incoming-0a1b2c"


class Gets:
    """S3, and which images were asked for."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3
        self.requests: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)

    def get_object(self, **request: Any) -> Any:
        if request["Bucket"] == IMAGES:
            self.requests.append(request)
        return self._s3.get_object(**request)

    @property
    def read(self) -> list[str]:
        return [request["Key"] for request in self.requests]


@pytest.fixture
def nightly(run: Run) -> Run:
    """A run that has a ledger."""
    return replace(run, ledger=LEDGER, model_digest="m1")


@pytest.fixture
def items(s3: Any, photo: Photo) -> Items:
    """Three photos, as Step Functions lists them."""
    bodies = {f"{name}.jpg": photo(seed=seed) for seed, name in enumerate("abc")}
    return [
        {"Key": key, "Etag": s3.put_object(Bucket=IMAGES, Key=key, Body=body)["ETag"], "Size": len(body)}
        for key, body in bodies.items()
    ]


def predicted(run: Run, item: dict[str, Any], **fields: Any) -> Entry:
    given = {
        "image": f"s3://{IMAGES}/{item['Key']}",
        "model": run.model,
        "etag": item["Etag"].strip('"'),
        "contract": run.contract.digest,
        "model_digest": run.model_digest,
        "run_id": EARLIER,
        "predicted_at": datetime(2026, 11, 19, 2, 10, tzinfo=UTC),
    }
    return Entry(**{**given, **fields})


def judge(run: Run, items: Sequence[dict[str, Any]], s3: Any, dynamodb: Any) -> tuple[dict[str, Any], list[Verdict]]:
    result = validate_batch(run, IMAGES, items, s3, dynamodb=dynamodb)
    return result, [verdicts.from_json(line) for line in objects.get_lines(s3, RESULTS, result["verdicts"])]


def test_what_was_predicted_is_skipped_without_being_read(s3: Any, dynamodb: Any, nightly: Run, items: Items) -> None:
    remember(dynamodb, LEDGER, [predicted(nightly, items[0]), predicted(nightly, items[2])])
    gets = Gets(s3)

    result, found = judge(nightly, items, gets, dynamodb)

    assert gets.read == ["b.jpg"]
    assert {name: result[name] for name in ("listed", "accepted", "rejected", "skipped")} == {
        "listed": 3, "accepted": 1, "rejected": 0, "skipped": 2
    }  # fmt: skip
    assert [type(verdict) for verdict in found] == [Skipped, Accepted, Skipped]
    assert found[0] == Skipped(IMAGES, "a.jpg", items[0]["Etag"].strip('"'), EARLIER)


@pytest.mark.parametrize("changed", [{"etag": "e0"}, {"contract": "c0"}, {"model_digest": "m0"}, {"model": "other"}])
def test_what_has_changed_since_is_predicted_again(
    s3: Any, dynamodb: Any, nightly: Run, items: Items, changed: dict[str, str]
) -> None:
    remember(dynamodb, LEDGER, [predicted(nightly, items[0], **changed)])

    assert judge(nightly, items, s3, dynamodb)[0]["accepted"] == 3


def test_a_run_that_is_resumed_does_not_skip_what_it_predicted_itself(
    s3: Any, dynamodb: Any, nightly: Run, items: Items
) -> None:
    remember(dynamodb, LEDGER, [predicted(nightly, item, run_id=nightly.run_id) for item in items])

    assert judge(nightly, items, s3, dynamodb)[0]["accepted"] == 3


def test_a_run_that_is_to_predict_all_again_does_not_ask_the_ledger(
    s3: Any, dynamodb: Any, nightly: Run, items: Items
) -> None:
    remember(dynamodb, LEDGER, [predicted(nightly, item) for item in items])

    assert judge(replace(nightly, reprocess=True), items, s3, dynamodb)[0]["accepted"] == 3


def test_a_run_without_a_ledger_asks_nobody(s3: Any, run: Run, items: Items) -> None:
    assert judge(run, items, s3, None)[0]["accepted"] == 3


def test_an_image_whose_listing_tells_no_etag_is_asked_for_unless_it_is_the_same(
    s3: Any, dynamodb: Any, nightly: Run, items: Items
) -> None:
    remember(dynamodb, LEDGER, [predicted(nightly, items[0]), predicted(nightly, items[1], etag="0" * 32)])
    gets = Gets(s3)

    _, found = judge(nightly, [{"Key": item["Key"]} for item in items], gets, dynamodb)

    assert [type(verdict) for verdict in found] == [Skipped, Accepted, Accepted]
    assert sorted(request.get("IfNoneMatch", "") for request in gets.requests) == [
        "", f'"{"0" * 32}"', items[0]["Etag"]
    ]  # fmt: skip


def test_an_item_that_is_no_entry_is_noted_and_its_image_predicted_again(
    s3: Any, dynamodb: Any, nightly: Run, items: Items
) -> None:
    foreign = {**predicted(nightly, items[0]).to_item(), "format": {"N": "99"}}
    dynamodb.put_item(TableName=LEDGER, Item=foreign)

    _, found = judge(nightly, items, s3, dynamodb)

    noted = [verdict.notes for verdict in found if isinstance(verdict, Accepted)]
    assert noted == [("foreign item in the ledger",), (), ()]


def test_a_rejected_image_is_rejected_every_night(s3: Any, dynamodb: Any, nightly: Run) -> None:
    etag = s3.put_object(Bucket=IMAGES, Key="bad.jpg", Body=b"hello")["ETag"]
    listed = [{"Key": "bad.jpg", "Etag": etag, "Size": 5}]

    for _ in range(2):
        assert isinstance(judge(nightly, listed, s3, dynamodb)[1][0], Rejected)


def test_a_batch_of_which_all_is_known_has_no_shard(s3: Any, dynamodb: Any, nightly: Run, items: Items) -> None:
    remember(dynamodb, LEDGER, [predicted(nightly, item) for item in items])

    result, _ = judge(nightly, items, s3, dynamodb)

    assert (result["skipped"], result["shards"]) == (3, [])


def test_a_batch_of_which_more_is_known_now_does_not_replace_its_earlier_verdicts(
    s3: Any, dynamodb: Any, nightly: Run, items: Items
) -> None:
    before, _ = judge(nightly, items, s3, dynamodb)
    remember(dynamodb, LEDGER, [predicted(nightly, items[0])])
    after, _ = judge(nightly, items, s3, dynamodb)
    again, _ = judge(nightly, items, s3, dynamodb)

    assert after["verdicts"] != before["verdicts"]
    assert again == after
