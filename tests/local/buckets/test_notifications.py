from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.buckets.base import BucketError
from pipeline.local.buckets.changes import Sequencers
from pipeline.local.buckets.notifications import Configuration, Destination, Notifications, parse

ARN = "arn:aws:sqs:us-east-1:123456789012:q"


def document(inside: str) -> bytes:
    namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
    return f'<NotificationConfiguration xmlns="{namespace}">{inside}</NotificationConfiguration>'.encode()


@pytest.mark.parametrize(
    ("type", "key", "wanted"),
    [
        ("s3:ObjectCreated:Put", "single/a.jpg", True),
        ("s3:ObjectCreated:Copy", "single/a.jpg", True),
        ("s3:ObjectRemoved:Delete", "single/a.jpg", True),
        ("s3:ObjectTagging:Put", "single/a.jpg", False),
        ("s3:ObjectCreated:Put", "other/a.jpg", False),
        ("s3:ObjectCreated:Put", "single/a.png", False),
    ],
)
def test_a_destination_wants_types_of_events_about_some_keys(type: str, key: str, wanted: bool) -> None:
    types = ("s3:ObjectCreated:*", "s3:ObjectRemoved:Delete")
    assert Destination("1", ARN, types, prefix="single/", suffix=".jpg").wants(type, key) is wanted


@given(st.text(st.characters(exclude_categories=("C",)), max_size=20))
def test_a_filter_is_read_as_it_was_written(prefix: str) -> None:
    escaped = prefix.replace("&", "&amp;").replace("<", "&lt;")
    rule = f"<FilterRule><Name>prefix</Name><Value>{escaped}</Value></FilterRule>"
    queue = f"<Queue>{ARN}</Queue><Event>s3:ObjectCreated:*</Event><Filter><S3Key>{rule}</S3Key></Filter>"
    (destination,) = parse(document(f"<QueueConfiguration>{queue}</QueueConfiguration>")).destinations
    assert (destination.arn, destination.prefix) == (ARN, prefix)


def test_an_empty_document_tells_nobody() -> None:
    assert parse(document("")).silent


@pytest.mark.parametrize(
    ("inside", "problem"),
    [
        ("<Nonsense/>", "<Nonsense> is not understood"),
        ("<QueueConfiguration><Event>s3:ObjectCreated:*</Event></QueueConfiguration>", "<Queue> is missing"),
        (f"<QueueConfiguration><Queue>{ARN}</Queue></QueueConfiguration>", "is not served for notifications"),
    ],
)
def test_a_document_that_makes_no_sense_is_refused(inside: str, problem: str) -> None:
    with pytest.raises(BucketError, match=problem):
        parse(document(inside))


def test_a_configuration_that_is_silent_is_forgotten(tmp_path: Path) -> None:
    kept = Notifications(tmp_path / "n.json")
    kept.save("loud", Configuration(event_bridge=True))
    kept.save("quiet", Configuration(event_bridge=True))
    kept.save("quiet", Configuration())
    again = Notifications(tmp_path / "n.json")
    assert (again.of("loud").event_bridge, again.of("quiet").event_bridge) == (True, False)


def test_sequencers_increase_where_the_clock_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time_ns", lambda: 1_795_140_007_999_999_999)
    sequencers = Sequencers()
    found = [sequencers.next() for _ in range(50)]
    assert found == sorted(set(found))
    assert {len(each) for each in found} == {len("00617F08299329D189")}


def test_a_later_process_goes_on_above_an_earlier_one() -> None:
    assert Sequencers().next() < Sequencers().next()
