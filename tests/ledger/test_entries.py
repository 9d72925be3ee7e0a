"""An entry of the ledger: what is written reads back, and what is foreign is named and not believed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import CorruptLedger
from pipeline.ledger import Entry

MakeEntry = Callable[..., Entry]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
SCORES = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(
    st.builds(
        Entry,
        image=TEXT.map(lambda key: f"s3://photos/{key}"),
        model=TEXT,
        etag=TEXT,
        contract=TEXT,
        model_digest=TEXT,
        run_id=TEXT,
        predicted_at=st.datetimes(timezones=st.just(UTC)),
        label=st.none() | TEXT,
        score=st.none() | SCORES,
    )
)
def test_an_entry_reads_back_as_it_was_written(entry: Entry) -> None:
    read = Entry.from_item(entry.to_item())

    assert read.score == (None if entry.score is None else pytest.approx(entry.score, rel=1e-6))
    assert {name: getattr(read, name) for name in Entry.__slots__ if name != "score"} == {
        name: getattr(entry, name) for name in Entry.__slots__ if name != "score"
    }


def test_an_item_is_in_the_notation_of_boto3s_own_serialiser(entry: MakeEntry) -> None:
    item = entry(label="cat", score=0.25).to_item()
    plain = {name: TypeDeserializer().deserialize(value) for name, value in item.items()}

    assert {name: TypeSerializer().serialize(value) for name, value in plain.items()} == item


@given(st.lists(st.datetimes(timezones=st.just(timezone(timedelta(hours=5)))), min_size=2, max_size=2))
def test_times_sort_as_their_text_does(times: list[datetime]) -> None:
    entries = [Entry("s3://b/k", "m", "e", "c", "d", "r", time) for time in times]
    texts = [entry.to_item()["predicted_at"]["S"] for entry in entries]

    assert (texts[0] < texts[1]) == (times[0] < times[1])


@pytest.mark.parametrize("changed", [{"etag": "e2"}, {"contract": "c2"}, {"model_digest": "m2"}])
def test_an_entry_vouches_for_nothing_that_has_changed(entry: MakeEntry, changed: dict[str, str]) -> None:
    now = {"etag": "e1", "contract": "c1", "model_digest": "m1"}

    assert entry().vouches_for(**now)
    assert not entry().vouches_for(**{**now, **changed})


def test_an_entry_does_not_vouch_for_an_image_whose_etag_is_not_told(entry: MakeEntry) -> None:
    assert not entry().vouches_for(None, "c1", "m1")


@pytest.mark.parametrize(
    "changed",
    [
        {"format": {"N": "2"}},
        {"format": {"S": "1"}},
        {"etag": {"N": "1"}},
        {"etag": {"S": None}},
        {"etag": "e1"},
        {"predicted_at": {"S": "yesterday"}},
        {"predicted_at": {"S": "2026-11-20T02:00:00"}},
        {"score": {"N": "high"}},
        {"label": {"M": {}}},
    ],
)
def test_what_is_no_entry_is_named(entry: MakeEntry, changed: dict[str, Any]) -> None:
    with pytest.raises(CorruptLedger, match=r"s3://photos/a\.jpg is no entry"):
        Entry.from_item({**entry().to_item(), **changed})


@pytest.mark.parametrize("missing", ["format", "etag", "contract", "model_digest", "run", "predicted_at"])
def test_an_entry_that_lacks_something_is_none(entry: MakeEntry, missing: str) -> None:
    item = entry().to_item()
    del item[missing]

    with pytest.raises(CorruptLedger, match=missing):
        Entry.from_item(item)


def test_what_people_add_to_an_item_does_no_harm(entry: MakeEntry) -> None:
    assert Entry.from_item({**entry().to_item(), "expires": {"N": "1790000000"}}) == entry()
