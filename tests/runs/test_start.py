"""Starting a run: everything is checked before anything is claimed."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pipeline import objects
from pipeline.contract import ModelContract, Task
from pipeline.errors import InvalidContract, InvalidModelPackage, InvalidPrices, InvalidRunInput, UnknownModel
from pipeline.runs.run import load_run

Start = Callable[..., dict[str, Any]]


def test_a_run_is_claimed_and_its_pointer_is_what_travels(begin: Start, contract: ModelContract) -> None:
    pointer = begin({})

    assert pointer.pop("run_id").startswith("2026-11-20T0200-incoming-")
    assert pointer.pop("key").endswith("/run.json")
    assert pointer.pop("execution_arn").startswith("arn:aws:states:")
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


def test_a_whole_bucket_gives_the_run_its_name(begin: Start) -> None:
    assert "-example-images-" in begin({"prefixes": [""]})["run_id"]


def test_an_unknown_model_is_refused_with_those_there_are(
    s3: Any, begin: Start, written: Callable[[], list[str]]
) -> None:
    with pytest.raises(
        UnknownModel, match="there is no 'huge' in s3://example-results/models/; the models there are tiny"
    ):
        begin({"model": "huge"})
    assert written() == []


def test_prices_that_do_not_read_are_named_before_anything_is_claimed(
    s3: Any, begin: Start, written: Callable[[], list[str]]
) -> None:
    own = {"regions": {"us-east-1": {"prices": {"sns_email": {"usd": "2 cents"}}}}}
    s3.put_object(Bucket="example-results", Key="prices.json", Body=json.dumps(own).encode())

    with pytest.raises(InvalidPrices, match=r"s3://example-results/prices\.json: regions\.us-east-1.*sns_email\.usd"):
        begin({})
    assert written() == ["prices.json"]


@pytest.mark.parametrize("name", ["contract.json", "labels.txt", "model.onnx"])
def test_a_package_without_one_of_its_files_is_refused(s3: Any, begin: Start, name: str) -> None:
    s3.delete_object(Bucket="example-results", Key=f"models/tiny/{name}")

    with pytest.raises(InvalidModelPackage, match=f"s3://example-results/models/tiny/ has no {name}"):
        begin({})


def test_a_contract_that_breaks_a_rule_is_refused_before_anything_is_written(
    s3: Any, begin: Start, written: Callable[[], list[str]]
) -> None:
    s3.put_object(Bucket="example-results", Key="models/tiny/contract.json", Body=b'{"version": 1}')

    with pytest.raises(InvalidContract, match=r"s3://example-results/models/tiny/contract.json"):
        begin({})
    assert written() == []


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


def test_a_listing_that_is_not_there_is_refused_before_anything_is_written(
    s3: Any, begin: Start, written: Callable[[], list[str]]
) -> None:
    with pytest.raises(InvalidRunInput, match=r"there is no listing s3://example-results/replays/chosen\.jsonl"):
        begin(LISTING)
    assert written() == []


def test_a_listing_whose_first_line_names_no_image_is_refused(s3: Any, begin: Start) -> None:
    s3.put_object(Bucket="example-results", Key="replays/chosen.jsonl", Body=b"incoming/a.jpg\n")

    with pytest.raises(InvalidRunInput, match=r"the first line of .*chosen\.jsonl names no image: .*incoming/a\.jpg"):
        begin(LISTING)


def test_a_run_remembers_its_trigger_and_its_marker(s3: Any, begin: Start, event: Callable[..., Any]) -> None:
    run = load_run(s3, begin(event("marker_created")))

    assert (run.trigger.kind, run.trigger.uri) == ("marker", "s3://example-images/incoming/2026 11/_READY")
    assert run.marker == "_READY"


def test_the_keys_of_a_manifest_are_listed_in_the_folder_of_the_run(
    s3: Any, begin: Start, event: Callable[..., Any], upload_manifest: Callable[..., str]
) -> None:
    upload_manifest("incoming/a.jpg", "week-47/")
    pointer = begin(event("manifest_created"))

    listing = f"runs/{pointer['run_id']}/listings/example-images.jsonl"
    assert pointer["run_id"].startswith("2026-11-20T0200-spring-campaign-")
    assert [source["kind"] for source in pointer["sources"]] == ["prefix", "listing"]
    assert pointer["sources"][1]["listing"] == {"bucket": "example-results", "key": listing}
    assert list(objects.get_lines(s3, "example-results", listing)) == [{"Key": "incoming/a.jpg"}]


def test_a_manifest_of_a_bucket_that_is_not_there_leaves_nothing_behind(
    s3: Any,
    begin: Start,
    event: Callable[..., Any],
    written: Callable[[], list[str]],
    upload_manifest: Callable[..., str],
) -> None:
    upload_manifest("s3://no-such-bucket/a.jpg")

    with pytest.raises(InvalidRunInput, match="There is no bucket 'no-such-bucket'"):
        begin(event("manifest_created"))
    assert written() == []


TRANSFORM = {"engine": "transform"}


def test_a_transform_run_of_the_stack_s_model_starts(begin: Start) -> None:
    assert begin(TRANSFORM, transform_model="tiny")["engine"] == "transform"


@pytest.mark.parametrize(
    ("transform_model", "message"),
    [
        (
            None,
            "engine: this stack has no SageMaker model for 'transform'. .* ModelDataUrl .* use 'processing' for 'tiny'",
        ),
        ("other", "engine: this stack's SageMaker model is made of 'other', .* use 'processing' for 'tiny'"),
    ],
)
def test_a_transform_run_needs_a_sagemaker_model_of_its_own_package(
    begin: Start, transform_model: str | None, message: str, written: Callable[[], list[str]]
) -> None:
    with pytest.raises(InvalidRunInput, match=message):
        begin(TRANSFORM, transform_model=transform_model)
    assert written() == []


def test_a_transform_run_has_no_room_for_arrays(
    s3: Any, begin: Start, contract: ModelContract, written: Callable[[], list[str]]
) -> None:
    document = contract.to_json()
    output = {"name": "logits", "activation": "none"}
    raw = {**document, "task": "raw", "output": output}
    s3.put_object(Bucket="example-results", Key="models/tiny/contract.json", Body=json.dumps(raw).encode())

    with pytest.raises(InvalidRunInput, match="engine: 'transform' answers in JSON Lines, which hold no arrays"):
        begin(TRANSFORM, transform_model="tiny")
    assert written() == []


@pytest.fixture
def foreign(s3: Any, foreign_contract: ModelContract) -> None:
    """A package for a container that is not ours: without a model."""
    files = {"contract.json": json.dumps(foreign_contract.to_json()).encode(), "labels.txt": b"cat\ndog\n"}
    for name, body in files.items():
        s3.put_object(Bucket="example-results", Key=f"models/foreign/{name}", Body=body)


@pytest.mark.usefixtures("foreign")
def test_a_run_of_a_container_that_is_not_ours_starts_without_a_model_to_look_at(
    s3: Any, begin: Start, foreign_contract: ModelContract
) -> None:
    run = load_run(s3, begin({"model": "foreign"}, transform_model="foreign"))
    assert (run.contract, run.engine) == (foreign_contract, "transform")


@pytest.mark.usefixtures("foreign")
@pytest.mark.parametrize(
    ("document", "transform_model", "message"),
    [
        (
            {"engine": "processing"},
            "foreign",
            r"engine: expected 'transform', got 'processing': the contract of 'foreign' sends photos to a",
        ),
        (
            TRANSFORM,
            None,
            r"this stack has no SageMaker model for 'transform'\. Deploy the stack with TransformModelName",
        ),
        (TRANSFORM, "tiny", r"SageMaker model is made of 'tiny', .* Deploy the stack with TransformModelName"),
    ],
)
def test_a_container_that_is_not_ours_is_run_by_transform_jobs_of_its_own_model_alone(
    begin: Start, written: Callable[[], list[str]], document: dict[str, Any], transform_model: str | None, message: str
) -> None:
    with pytest.raises(InvalidRunInput, match=message):
        begin({**document, "model": "foreign"}, transform_model=transform_model)
    assert written() == []
