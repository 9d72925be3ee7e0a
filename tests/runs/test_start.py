"""Starting a run: everything is checked before anything is claimed, and one trigger has one run."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline import names, objects
from pipeline.contract import ModelContract, Task
from pipeline.errors import InvalidContract, InvalidModelPackage, InvalidRunInput, UnknownModel
from pipeline.runs import start
from pipeline.runs.manifests import Named
from pipeline.runs.run import load_run
from pipeline.settings import StartRunSettings

SETTINGS = StartRunSettings("example-images", "example-results", "tiny", "incoming/")
SCHEDULE = {"schedule": {"arn": "arn:aws:scheduler:::schedule/default/nightly", "time": "2026-11-20T02:00:00Z"}}
Start = Callable[..., dict[str, Any]]


EVENTS = Path(__file__).parents[1] / "data" / "events"


def execution(name: str, started_at: str = "2026-11-20T02:00:03.123Z") -> dict[str, str]:
    return {
        "arn": f"arn:aws:states:us-east-1:123456789012:execution:imagebatch:{name}",
        "name": name,
        "started_at": started_at,
    }


@pytest.fixture
def begin(s3: Any, contract: ModelContract, classifier: Callable[..., bytes]) -> Start:
    """Starts a run as the execution of that name, with the model `tiny` in the results bucket."""
    for name, body in {
        "contract.json": json.dumps(contract.to_json()).encode(),
        "labels.txt": b"cat\ndog\n",
        "model.onnx": classifier(classes=2),
    }.items():
        s3.put_object(Bucket="example-results", Key=f"models/tiny/{name}", Body=body)

    def begin(
        document: Any, name: str = "first", started_at: str = "2026-11-20T02:00:03.123Z", **settings: Any
    ) -> dict[str, Any]:
        return start.start_run(document, execution(name, started_at), replace(SETTINGS, **settings), s3)

    return begin


def written(s3: Any) -> list[str]:
    return [item.key for item in objects.list_objects(s3, "example-results", "runs/")]


def test_a_run_is_claimed_and_its_pointer_is_what_travels(begin: Start, contract: ModelContract) -> None:
    pointer = begin({})

    assert pointer.pop("run_id").startswith("2026-11-20T0200-incoming-")
    assert pointer.pop("key").endswith("/run.json")
    assert pointer == {
        "bucket": "example-results",
        "sources": [{"index": 0, "kind": "prefix", "bucket": "example-images", "prefix": "incoming/"}],
        "engine": "processing",
        "model": "tiny",
        "contract_digest": contract.digest,
        "top_k": 3,
        "claimed": True,
        "note": "",
    }


def test_run_json_holds_the_input_with_every_default_filled_in(s3: Any, begin: Start, contract: ModelContract) -> None:
    run = load_run(s3, begin({}))

    assert (run.contract, run.top_k, run.max_failed_fraction) == (contract, 3, 0.05)


def test_a_given_top_k_stands_before_the_contracts(s3: Any, begin: Start) -> None:
    assert load_run(s3, begin({"top_k": 1})).top_k == 1


@pytest.mark.parametrize("task", [Task.EMBEDDING, Task.RAW])
def test_a_top_k_that_would_change_nothing_is_refused(
    s3: Any, begin: Start, contract: ModelContract, task: Task
) -> None:
    unranked = replace(contract, task=task, output=replace(contract.output, labels=None))
    body = json.dumps(unranked.to_json()).encode()
    s3.put_object(Bucket="example-results", Key="models/tiny/contract.json", Body=body)

    with pytest.raises(InvalidRunInput, match=f"top_k: expected none, got 3: the task of the model tiny is {task}"):
        begin({"top_k": 3})
    assert begin({"top_k": None})["claimed"]


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
    first, second = begin({}, "first"), begin({}, "second")

    assert second["claimed"]
    assert len(second["run_id"]) > len(first["run_id"])


def test_a_whole_bucket_gives_the_run_its_name(begin: Start) -> None:
    assert "-example-images-" in begin({"prefixes": [""]})["run_id"]


def test_an_unknown_model_is_refused_with_those_there_are(s3: Any, begin: Start) -> None:
    with pytest.raises(
        UnknownModel, match="there is no 'huge' in s3://example-results/models/; the models there are tiny"
    ):
        begin({"model": "huge"})
    assert written(s3) == []


@pytest.mark.parametrize("name", ["contract.json", "labels.txt", "model.onnx"])
def test_a_package_without_one_of_its_files_is_refused(s3: Any, begin: Start, name: str) -> None:
    s3.delete_object(Bucket="example-results", Key=f"models/tiny/{name}")

    with pytest.raises(InvalidModelPackage, match=f"s3://example-results/models/tiny/ has no {name}"):
        begin({})


def test_a_contract_that_breaks_a_rule_is_refused_before_anything_is_written(s3: Any, begin: Start) -> None:
    s3.put_object(Bucket="example-results", Key="models/tiny/contract.json", Body=b'{"version": 1}')

    with pytest.raises(InvalidContract, match=r"s3://example-results/models/tiny/contract.json"):
        begin({})
    assert written(s3) == []


def test_a_bucket_that_is_not_there_is_refused(begin: Start) -> None:
    with pytest.raises(InvalidRunInput, match="There is no bucket 'no-such-bucket'"):
        begin({"prefixes": ["s3://no-such-bucket/a/"]})


LISTING = {"images": [{"listing": "s3://example-results/replays/chosen.jsonl"}]}


def test_a_run_over_a_listing_is_called_after_it(s3: Any, begin: Start) -> None:
    line = b'{"Key": "a.jpg", "Etag": "e", "Size": 1}\n'
    s3.put_object(Bucket="example-results", Key="replays/chosen.jsonl", Body=line)

    pointer = begin(LISTING)

    assert "-chosen-" in pointer["run_id"]
    assert pointer["sources"] == [
        {
            "index": 0,
            "kind": "listing",
            "bucket": "example-images",
            "listing": {"bucket": "example-results", "key": "replays/chosen.jsonl"},
        }
    ]


def test_a_listing_that_is_not_there_is_refused_before_anything_is_written(s3: Any, begin: Start) -> None:
    with pytest.raises(InvalidRunInput, match=r"there is no listing s3://example-results/replays/chosen\.jsonl"):
        begin(LISTING)
    assert written(s3) == []


def test_a_listing_whose_first_line_names_no_image_is_refused(s3: Any, begin: Start) -> None:
    s3.put_object(Bucket="example-results", Key="replays/chosen.jsonl", Body=b"incoming/a.jpg\n")

    with pytest.raises(InvalidRunInput, match=r"the first line of .*chosen\.jsonl names no image: .*incoming/a\.jpg"):
        begin(LISTING)


def event(name: str, **changes: str) -> Any:
    """A recorded event of S3, about an object that is changed."""
    document = json.loads((EVENTS / f"{name}.json").read_text())
    time = changes.pop("time", document["time"])
    created = document["detail"]["object"]
    return {**document, "time": time, "detail": {**document["detail"], "object": {**created, **changes}}}


def test_a_marker_that_is_written_twice_is_one_run(s3: Any, begin: Start) -> None:
    first = begin(event("marker_created"), "first")
    second = begin(event("marker_created", time="2026-11-22T17:30:00Z", sequencer="0"), "second")

    assert (first["claimed"], second["claimed"]) == (True, False)
    assert second["run_id"] == first["run_id"]
    assert written(s3) == [first["key"]]


def test_who_finds_the_run_taken_is_told_which_it_is_and_how_to_have_another(begin: Start) -> None:
    first = begin(event("marker_created"), "first")
    note = begin(event("marker_created"), "second")["note"]

    assert note.startswith(f"The run {first['run_id']} is this marker's, and was started by the execution arn:")
    assert "execution:imagebatch:first. Nothing was done here." in note
    assert note.endswith("date | aws s3 cp - 's3://example-images/incoming/2026 11/_READY'")


def test_a_marker_with_other_bytes_is_another_run(begin: Start) -> None:
    first = begin(event("marker_created"), "first")
    second = begin(event("marker_created", etag="b1946ac92492d2347c6235b4d2611184"), "second")

    assert second["claimed"]
    assert second["run_id"] != first["run_id"]


def test_a_firing_that_comes_late_finds_the_run_taken(begin: Start) -> None:
    first, late = begin(SCHEDULE, "first"), begin(SCHEDULE, "late", started_at="2026-11-20T09:41:00Z")

    assert (late["claimed"], late["run_id"]) == (False, first["run_id"])
    assert late["note"].endswith("start the state machine with the same input, less its field schedule.")


def test_of_many_deliveries_at_once_one_has_the_run(begin: Start) -> None:
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda number: begin(event("marker_created"), f"delivery-{number}"), range(5)))

    assert sorted(answer["claimed"] for answer in answers) == [False] * 4 + [True]
    assert len({answer["run_id"] for answer in answers}) == 1


def test_a_run_remembers_its_trigger_and_its_marker(s3: Any, begin: Start) -> None:
    run = load_run(s3, begin(event("marker_created")))

    assert (run.trigger.kind, run.trigger.uri) == ("marker", "s3://example-images/incoming/2026 11/_READY")
    assert run.marker == "_READY"


MANIFEST_KEY = "incoming/spring campaign.manifest.json"


def upload_manifest(s3: Any, *entries: str) -> None:
    s3.put_object(Bucket="example-images", Key=MANIFEST_KEY, Body=json.dumps(entries).encode())


def test_the_keys_of_a_manifest_are_listed_in_the_folder_of_the_run(s3: Any, begin: Start) -> None:
    upload_manifest(s3, "incoming/a.jpg", "week-47/")
    pointer = begin(event("manifest_created"))

    listing = f"runs/{pointer['run_id']}/listings/example-images.jsonl"
    assert pointer["run_id"].startswith("2026-11-20T0200-spring-campaign-")
    assert [source["kind"] for source in pointer["sources"]] == ["prefix", "listing"]
    assert pointer["sources"][1]["listing"] == {"bucket": "example-results", "key": listing}
    assert list(objects.get_lines(s3, "example-results", listing)) == [{"Key": "incoming/a.jpg"}]


def test_a_manifest_that_was_replaced_before_its_event_came_is_one_run_of_what_it_is_now(s3: Any, begin: Start) -> None:
    upload_manifest(s3, "new.jpg")
    etag = s3.head_object(Bucket="example-images", Key=MANIFEST_KEY)["ETag"].strip('"')
    late, second = begin(event("manifest_created"), "late"), begin(event("manifest_created", etag=etag), "second")

    assert (late["claimed"], second["claimed"]) == (True, False)


def test_a_manifest_with_other_content_is_another_run(s3: Any, begin: Start) -> None:
    upload_manifest(s3, "a.jpg")
    first = begin(event("manifest_created"), "first")
    upload_manifest(s3, "b.jpg")

    assert begin(event("manifest_created"), "second")["run_id"] != first["run_id"]


def test_a_manifest_of_a_bucket_that_is_not_there_leaves_nothing_behind(s3: Any, begin: Start) -> None:
    upload_manifest(s3, "s3://no-such-bucket/a.jpg")

    with pytest.raises(InvalidRunInput, match="There is no bucket 'no-such-bucket'"):
        begin(event("manifest_created"))
    assert not list(objects.list_objects(s3, "example-results", "claims/"))
    assert written(s3) == []


def test_an_execution_that_was_cut_off_after_its_claim_goes_on_with_it(
    s3: Any, begin: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_manifest(s3, "a.jpg")
    with monkeypatch.context() as cut_off:
        cut_off.setattr(Named, "write_listings", None)
        with pytest.raises(TypeError):
            begin(event("manifest_created"))
    pointer = begin(event("manifest_created"))

    assert pointer["claimed"]
    assert objects.exists(s3, "example-results", pointer["sources"][0]["listing"]["key"])


TRANSFORM = {"engine": "transform"}


def test_a_transform_run_of_the_stack_s_model_starts(begin: Start) -> None:
    assert begin(TRANSFORM, transform_model="tiny")["engine"] == "transform"


@pytest.mark.parametrize(
    ("transform_model", "message"),
    [
        (None, "engine: this stack has no SageMaker model for 'transform'. .* ModelDataUrl; or use 'processing'"),
        ("other", "engine: this stack's SageMaker model is made of 'other', .* use 'processing' for 'tiny'"),
    ],
)
def test_a_transform_run_needs_a_sagemaker_model_of_its_own_package(
    s3: Any, begin: Start, transform_model: str | None, message: str
) -> None:
    with pytest.raises(InvalidRunInput, match=message):
        begin(TRANSFORM, transform_model=transform_model)
    assert written(s3) == []


def test_a_transform_run_has_no_room_for_arrays(s3: Any, begin: Start, contract: ModelContract) -> None:
    document = contract.to_json()
    output = {"name": "logits", "activation": "none"}
    raw = {**document, "task": "raw", "output": output}
    s3.put_object(Bucket="example-results", Key="models/tiny/contract.json", Body=json.dumps(raw).encode())

    with pytest.raises(InvalidRunInput, match="engine: 'transform' answers in JSON Lines, which hold no arrays"):
        begin(TRANSFORM, transform_model="tiny")
    assert written(s3) == []
