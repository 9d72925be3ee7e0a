"""Claims: one trigger is one run, however often and however late it is delivered."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pipeline import names, objects
from pipeline.runs.manifests import Named

SCHEDULE = {"schedule": {"arn": "arn:aws:scheduler:::schedule/default/nightly", "time": "2026-11-20T02:00:00Z"}}
Start = Callable[..., dict[str, Any]]


def test_the_same_execution_claims_its_run_again(begin: Start) -> None:
    assert begin({}) == begin({})


def test_a_second_execution_of_one_trigger_does_not_claim_the_run(begin: Start) -> None:
    first, second = begin(SCHEDULE, "first"), begin(SCHEDULE, "second")

    assert (first["claimed"], second["claimed"]) == (True, False)
    assert first["run_id"] == second["run_id"]


def test_two_people_who_start_at_once_have_two_runs(begin: Start) -> None:
    first, second = begin({}, "first"), begin({}, "second")

    assert (first["claimed"], second["claimed"]) == (True, True)
    assert first["run_id"] != second["run_id"]


def test_a_run_id_that_another_trigger_has_gets_a_longer_hash(begin: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    real = names.run_id

    def colliding(started_at: Any, subject: str, identity: str, hash_length: int) -> str:
        return real(started_at, subject, "same" if hash_length == names.RUN_HASH_LENGTH else identity, hash_length)

    monkeypatch.setattr(names, "run_id", colliding)
    first, second = begin({}, "first"), begin(SCHEDULE, "second")

    assert second["claimed"]
    assert len(second["run_id"]) > len(first["run_id"])
    assert begin(SCHEDULE, "second") == second
    assert begin(SCHEDULE, "third")["run_id"] == second["run_id"]


def test_a_marker_that_is_written_twice_is_one_run_whatever_its_etag(
    begin: Start,
    event: Callable[..., Any],
    upload_marker: Callable[[bytes], object],
    written: Callable[[], list[str]],
) -> None:
    upload_marker(b"ready")
    first = begin(event("marker_created"), "first")
    second = begin(event("marker_created", time="2026-11-22T17:30:00Z", etag="other", sequencer="0"), "second")

    assert (first["claimed"], second["claimed"]) == (True, False)
    assert second["run_id"] == first["run_id"]
    assert [key for key in written() if not key.startswith("claims/")] == [first["key"]]


def test_who_finds_the_run_taken_is_told_which_it_is_and_how_to_have_another(
    begin: Start, event: Callable[..., Any]
) -> None:
    first = begin(event("marker_created"), "first")
    note = begin(event("marker_created"), "second")["note"]

    assert note.startswith(f"The run {first['run_id']} is this marker's, and was started by the execution arn:")
    assert "execution:imagebatch:first. Nothing was done here." in note
    assert note.endswith("date | aws s3 cp - 's3://example-images/incoming/2026 11/_READY'")


def test_a_marker_with_other_bytes_is_another_run(
    begin: Start, event: Callable[..., Any], upload_marker: Callable[[bytes], object]
) -> None:
    upload_marker(b"ready")
    first = begin(event("marker_created"), "first")
    upload_marker(b"ready again")
    second = begin(event("marker_created"), "second")

    assert second["claimed"]
    assert second["run_id"] != first["run_id"]


def test_a_marker_that_was_deleted_at_once_still_starts_its_run_and_once(
    begin: Start, event: Callable[..., Any]
) -> None:
    first, second = begin(event("marker_created"), "first"), begin(event("marker_created"), "second")

    assert (first["claimed"], second["claimed"]) == (True, False)


def test_a_firing_that_comes_late_finds_the_run_taken(begin: Start) -> None:
    first, late = begin(SCHEDULE, "first"), begin(SCHEDULE, "late", started_at="2026-11-20T09:41:00Z")

    assert (late["claimed"], late["run_id"]) == (False, first["run_id"])
    assert late["note"].endswith("start the state machine with the same input, less its field schedule.")


def test_of_many_deliveries_at_once_one_has_the_run(begin: Start, event: Callable[..., Any]) -> None:
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda number: begin(event("marker_created"), f"delivery-{number}"), range(5)))

    assert sorted(answer["claimed"] for answer in answers) == [False] * 4 + [True]
    assert len({answer["run_id"] for answer in answers}) == 1


def test_a_manifest_that_was_replaced_before_its_event_came_is_one_run_of_what_it_is_now(
    begin: Start, event: Callable[..., Any], upload_manifest: Callable[..., object]
) -> None:
    upload_manifest("new.jpg")
    late, second = begin(event("manifest_created", etag="old"), "late"), begin(event("manifest_created"), "second")

    assert (late["claimed"], second["claimed"]) == (True, False)


def test_a_manifest_with_other_content_is_another_run(
    begin: Start, event: Callable[..., Any], upload_manifest: Callable[..., object]
) -> None:
    upload_manifest("a.jpg")
    first = begin(event("manifest_created"), "first")
    upload_manifest("b.jpg")

    assert begin(event("manifest_created"), "second")["run_id"] != first["run_id"]


def test_an_execution_that_was_cut_off_after_its_claim_goes_on_with_it(
    s3: Any,
    begin: Start,
    monkeypatch: pytest.MonkeyPatch,
    event: Callable[..., Any],
    upload_manifest: Callable[..., object],
) -> None:
    upload_manifest("a.jpg")
    with monkeypatch.context() as cut_off:
        cut_off.setattr(Named, "write_listings", None)
        with pytest.raises(TypeError):
            begin(event("manifest_created"))
    pointer = begin(event("manifest_created"))

    assert pointer["claimed"]
    assert objects.exists(s3, "example-results", pointer["sources"][0]["listing"]["key"])
