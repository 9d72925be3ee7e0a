"""The summary: what was done to images, what was odd about them, and what became of the rejected ones."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pipeline.limits import Quarantine
from pipeline.results.summary import Tally, summarise
from pipeline.runs import planning
from pipeline.runs.run import Run
from pipeline.settings import PlanInferenceSettings
from pipeline.shards import Row
from pipeline.validation.verdicts import Accepted, Rejected, Verdict


def accepted(*conversions: str, notes: tuple[str, ...] = ()) -> Accepted:
    return Accepted(Row("images", "a.jpg", "e", 1, 2, 3), "JPEG", conversions, notes, "b-0")


def rejected(quarantined: str = "", notes: tuple[str, ...] = ()) -> Rejected:
    return Rejected("images", "b.jpg", "e", 1, "corrupt", "words", notes, quarantined)


def summary(run: Run, *verdicts: Verdict) -> dict[str, Any]:
    tally = Tally()
    tally.add_verdicts(verdicts)
    plan = planning.make_plan(run, [], PlanInferenceSettings("ml.c7i.xlarge"))
    return summarise(run, plan, tally, [], datetime(2026, 11, 20, 3, 0, tzinfo=UTC), 3600.0)


def test_conversions_are_counted_the_most_frequent_first(run: Run) -> None:
    found = summary(run, accepted("alpha"), accepted("palette", "alpha"))

    assert list(found["conversions"].items()) == [("alpha", 2), ("palette", 1)]


def test_notes_of_accepted_and_rejected_images_are_counted_by_kind(run: Run) -> None:
    png, gif = "suffix: .png, but the bytes are JPEG", "suffix: .gif, but the bytes are JPEG"
    found = summary(run, accepted(notes=(png,)), rejected(notes=(gif, "changed since listing")))

    assert found["notes"] == {"suffix": 2, "changed since listing": 1}


def test_what_was_set_apart_is_counted_and_what_could_not_be_is_not(run: Run) -> None:
    copying = replace(run, quarantine=Quarantine.COPY)
    found = summary(copying, rejected("s3://r/quarantine/corrupt/b.jpg"), rejected("not copied: it was deleted"))

    assert found["quarantine"] == {"policy": "copy", "set_apart": 1, "copies": "s3://example-results/quarantine/"}


def test_where_objects_are_tagged_there_are_no_copies(run: Run) -> None:
    found = summary(replace(run, quarantine=Quarantine.TAG), rejected("tagged"))

    assert found["quarantine"] == {"policy": "tag", "set_apart": 1, "copies": None}
