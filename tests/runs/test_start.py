"""Starting a run: everything is checked before anything is claimed, and one trigger has one run."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pipeline import names, objects
from pipeline.contract import ModelContract, Task
from pipeline.errors import InvalidContract, InvalidModelPackage, InvalidRunInput, UnknownModel
from pipeline.runs import start
from pipeline.runs.run import load_run
from pipeline.settings import StartRunSettings

SETTINGS = StartRunSettings("example-images", "example-results", "tiny", "incoming/")
SCHEDULE = {"schedule": {"arn": "arn:aws:scheduler:::schedule/default/nightly", "time": "2026-11-20T02:00:00Z"}}
Start = Callable[..., dict[str, Any]]


def execution(name: str) -> dict[str, str]:
    return {
        "arn": f"arn:aws:states:us-east-1:123456789012:execution:imagebatch:{name}",
        "name": name,
        "started_at": "2026-11-20T02:00:03.123Z",
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

    def begin(document: Any, name: str = "first", **settings: Any) -> dict[str, Any]:
        return start.start_run(document, execution(name), replace(SETTINGS, **settings), s3)

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
