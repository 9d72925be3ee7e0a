"""What starts a run, through the whole machine: inputs as people paste them, and events as AWS delivers them."""

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ROOT / "tests" / "data" / "events"
PHOTO = (ROOT / "examples" / "photos" / "garden" / "daisy.jpg").read_bytes()
PASTED = re.findall(r"```json\n(.*?)```", (ROOT / "docs" / "starting.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def deployment(deployed: Callable[..., Any]) -> Any:
    return deployed()


def created(deployment: Any, name: str, key: str) -> dict[str, Any]:
    """A recorded event, about an object that was put."""
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    bucket = deployment.stack.outputs["ImagesBucket"]
    etag = deployment.s3.head_object(Bucket=bucket, Key=key)["ETag"].strip('"')
    event["detail"]["bucket"]["name"] = bucket
    event["detail"]["object"] |= {"key": key, "etag": etag}
    del event["detail"]["object"]["version-id"]  # the recorded bucket keeps versions, this one does not
    return event


def note(ended: Any) -> dict[str, Any]:
    """What an execution answers that found its run taken."""
    assert ended.status == "SUCCEEDED", ended.description
    output: dict[str, Any] = json.loads(ended.description["output"])
    return output


def test_the_documents_show_three_inputs_to_paste() -> None:
    assert [sorted(json.loads(text)) for text in PASTED] == [
        [],
        ["name", "prefixes", "top_k"],
        ["limits", "max_failed_fraction", "prefixes", "quarantine"],
    ]


@pytest.mark.parametrize("text", PASTED)
def test_an_input_of_the_documents_runs_as_it_is_pasted(deployment: Any, text: str) -> None:
    days = [datetime.now(UTC) - timedelta(days=age) for age in (0, 1, 2)]
    yesterdays = {f"incoming/{day:%Y/%m/%d}/photo.jpg": PHOTO for day in days}
    deployment.put({"incoming/spring/photo.jpg": PHOTO, **yesterdays})
    ended = deployment.run(**json.loads(text))

    assert ended.status == "SUCCEEDED", ended.description
    assert "incoming/spring/photo.jpg" in ended.predicted
    assert set(ended.predicted) & set(yesterdays)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"prefix": "a/"}, "The input has no field 'prefix'; the fields are name, prefixes, images,"),
        ({"prefixes": ["{date}/"]}, "prefixes[0]: {date}/ is no date; expected a date written as"),
    ],
)
def test_a_wrong_input_is_the_first_thing_seen(deployment: Any, document: Any, sentence: str) -> None:
    ended = deployment.run(**document)

    assert (ended.status, ended.description["error"]) == ("FAILED", "InvalidRunInput")
    assert ended.description["cause"].startswith(sentence)


def test_a_model_that_is_not_there_is_the_first_thing_seen(deployment: Any) -> None:
    """Its execution can be redriven when the model is there, so the Cause is as the function gave it."""
    ended = deployment.run(model="huge")

    assert (ended.status, ended.description["error"]) == ("FAILED", "UnknownModel")
    assert ended.description["cause"].startswith("""{"errorMessage":"model: there is no 'huge' in s3://""")


def test_a_marker_runs_its_folder_and_is_no_image(deployment: Any) -> None:
    deployment.put({"inbox/a.jpg": PHOTO, "inbox/_READY": b"", "inbox-other/b.jpg": PHOTO})
    ended = deployment.run(**created(deployment, "marker_created", "inbox/_READY"))

    assert set(ended.predicted) == {"inbox/a.jpg"}
    assert ended.rejected == {}
    assert (ended.counts["listed"], ended.counts["passed_over"]) == (1, 1)


def test_a_marker_written_twice_is_one_run_until_its_bytes_change(deployment: Any) -> None:
    deployment.put({"twice/a.jpg": PHOTO, "twice/_READY": b""})
    event = created(deployment, "marker_created", "twice/_READY")
    first = deployment.run(**event)
    again = deployment.run(**{**event, "time": "2026-11-22T17:30:00Z"})
    deployment.put({"twice/_READY": b"Fri Nov 20 02:00:07 UTC 2026\n"})
    changed = deployment.run(**created(deployment, "marker_created", "twice/_READY"))

    assert set(first.predicted) == set(changed.predicted) == {"twice/a.jpg"}
    assert not note(again)["claimed"]
    assert "To run over the folder again, write other bytes: date | aws s3 cp - s3://" in note(again)["note"]


def test_of_five_deliveries_at_once_one_is_the_run(deployment: Any) -> None:
    deployment.put({"five/a.jpg": PHOTO, "five/_READY": b""})
    event = created(deployment, "marker_created", "five/_READY")
    with ThreadPoolExecutor(5) as pool:
        ended = list(pool.map(lambda _: deployment.run(**event), range(5)))
    outputs = [note(one) for one in ended]

    assert sum("results" in output for output in outputs) == 1
    assert [output["claimed"] for output in outputs if "claimed" in output] == [False] * 4


@pytest.fixture(scope="module")
def by_manifest(deployment: Any) -> Any:
    """A run over a manifest: keys, one of them twice and one that is not there, and a prefix that holds another key."""
    entries = [
        "chosen/a.jpg",
        "chosen/a.jpg",
        "chosen/new\nline.jpg",
        "chosen/missing.jpg",
        "week/47/",
        "week/47/c.jpg",
    ]
    photos = ["chosen/a.jpg", "chosen/left-out.jpg", "chosen/new\nline.jpg", "week/47/c.jpg", "week/47/d.jpg"]
    deployment.put(dict.fromkeys(photos, PHOTO) | {"week/47/all.manifest.json": json.dumps(entries).encode()})
    return deployment.run(**created(deployment, "manifest_created", "week/47/all.manifest.json"))


def test_a_manifest_runs_what_it_names_and_each_image_once(by_manifest: Any) -> None:
    assert sorted(by_manifest.predicted) == ["chosen/a.jpg", "chosen/new\nline.jpg", "week/47/c.jpg", "week/47/d.jpg"]
    assert (by_manifest.counts["listed"], by_manifest.counts["passed_over"]) == (5, 1)


def test_a_key_of_a_manifest_that_is_not_there_is_rejected_and_costs_nothing_else(by_manifest: Any) -> None:
    assert {key: row["reason"] for key, row in by_manifest.rejected.items()} == {"chosen/missing.jpg": "unreadable"}


def test_a_manifest_that_is_wrong_is_said_by_its_position(deployment: Any) -> None:
    deployment.put({"wrong.manifest.json": b'["a.jpg", 7]'})
    ended = deployment.run(**created(deployment, "manifest_created", "wrong.manifest.json"))

    assert ended.description["error"] == "InvalidRunInput"
    assert "/wrong.manifest.json[1]: expected a key such as incoming/a.jpg" in ended.description["cause"]


def test_a_photo_starts_no_run(deployment: Any) -> None:
    deployment.put({"incoming/a.jpg": PHOTO})
    ended = deployment.run(**created(deployment, "object_created", "incoming/a.jpg"))

    assert ended.description["error"] == "InvalidRunInput"
    assert "starts no run: there is one run for a batch of images, not one for each photo" in ended.description["cause"]


def test_a_firing_that_is_repeated_late_is_the_same_run_of_the_same_day(deployment: Any) -> None:
    deployment.put({"nights/2026/11/19/a.jpg": PHOTO, "nights/2026/11/20/b.jpg": PHOTO})
    schedule = {
        "arn": "arn:aws:scheduler:::schedule/x/nightly",
        "time": "2026-11-20T22:00:00Z",
        "time_zone": "Asia/Tokyo",
    }
    document = {"schedule": schedule, "prefixes": ["nights/{date-1:%Y/%m/%d}/"]}
    first, late = deployment.run(**document), deployment.run(**document)

    assert set(first.predicted) == {"nights/2026/11/20/b.jpg"}
    assert note(late)["run_id"] in note(first)["results"]
