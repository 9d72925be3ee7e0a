"""A contract as it is read: what is refused and why, what has no default, and what changes its digest."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.contract import ModelContract, parse_contract
from pipeline.errors import InvalidContract
from tests.contract.documents import CLASSIFIER, DETECTOR, FOREIGN, changed, without

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("task", "ranking", "task should be one of classification, multilabel, detection, embedding, raw; it is 'rank"),
        ("input.height", "224", "input.height should be a whole number from 1 to 2048; it is '224'"),
        ("input.channels", 4, "input.channels should be 3, because colour is RGB; it is 4"),
        ("input.heigth", 224, r"input.heigth is an unknown field; did you mean height\?"),
        ("numbers.mean", [1, 2], "numbers.mean should be a number, or a list of 3: one for each channel"),
        ("numbers.std", 0, "numbers.std should be a number from 1e-06"),
        ("pixels.background", "white", "pixels.background should be a colour: a list of three whole numbers"),
        ("pixels.resize.method", "crop", "pixels.resize.method should be one of centre_crop, squash, letterbox"),
        ("pixels.resize.fill", [0, 0, 0], "pixels.resize.fill is an unknown field"),
        ("output", None, r"output should be an object \{...\}; it is null"),
        ("output.labels", "../labels.txt", "output.labels should be the name of a file in the package"),
        ("task", "embedding", "output.top_k has to be left out, because task is embedding"),
        ("output.decode", {}, "output.decode has to be left out, because task is classification: its output holds no"),
        ("input.dtype", "uint8", "numbers has to be left out, because input.dtype is uint8"),
    ],
)
def test_a_refusal_names_the_field_and_says_what_was_expected(path: str, value: Any, message: str) -> None:
    with pytest.raises(InvalidContract, match=message):
        parse_contract(changed(CLASSIFIER, path, value))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("output.decode.scheme", "yolo", "output.decode.scheme should be one of yolox, yolov8, xyxy; it is 'yolo'"),
        ("output.decode.boxes", "fractions", "output.decode.boxes should be one of grid, pixels; it is 'fractions'"),
        ("output.decode.boxes", "pixels", "output.decode.strides has to be left out, because boxes is pixels"),
        ("output.decode.strides", [], "strides should be a list of 1 to 8 whole numbers from 1 to 1024"),
        ("output.decode.stride", [8], r"output.decode.stride is an unknown field; did you mean strides\?"),
        ("output.activation", "softmax", "output.activation should be one of none, sigmoid; it is 'softmax'"),
        ("output.score_threshold", 30, "output.score_threshold should be a number from 0 to 1; it is 30"),
        ("output.top_k", 5, "output.top_k has to be left out, because task is detection: max_boxes says"),
    ],
)
def test_a_refusal_of_a_detector_names_the_field_too(path: str, value: Any, message: str) -> None:
    with pytest.raises(InvalidContract, match=message):
        parse_contract(changed(DETECTOR, path, value))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("payload", "image", "payload should be 'shard' or an object {...}; it is 'image'"),
        ("payload.kind", "video", "payload.kind should be one of image; it is 'video'"),
        ("payload.content_type", "", "payload.content_type should be text of 1 to 200 characters"),
        ("payload.max_payload_mb", 101, "payload.max_payload_mb should be a whole number from 1 to 100; it is 101"),
        (
            "payload.max_concurrent_transforms",
            11,
            "max_concurrent_transforms should be a whole number from 0 to 10, because payloads of 10 MB may be 100 MB",
        ),
        ("task", "detection", "task should be one of classification, multilabel, embedding; it is 'detection'"),
        ("input", CLASSIFIER["input"], "input has to be left out, because payload is an image"),
        ("numbers", CLASSIFIER["numbers"], "numbers has to be left out, because payload is an image"),
        ("output.name", "logits", "output.name has to be left out, because payload is an image"),
        ("output.format", "xml", "output.format should be one of json_array, json_object, csv; it is 'xml'"),
        ("output.format", "csv", "output.field has to be left out, because format is csv"),
    ],
)
def test_a_refusal_of_what_is_for_a_container_that_is_not_ours_names_the_field(
    path: str, value: Any, message: str
) -> None:
    with pytest.raises(InvalidContract, match=re.escape(message)):
        parse_contract(changed(FOREIGN, path, value), images=True)


def test_how_an_answer_reads_means_nothing_for_a_model_of_ours() -> None:
    with pytest.raises(InvalidContract, match=r"output\.format has to be left out, because payload is a shard"):
        parse_contract(changed(CLASSIFIER, "output.format", "csv"))


def test_who_runs_models_refuses_a_contract_for_a_container_that_is_not_ours() -> None:
    with pytest.raises(InvalidContract, match="payload is an image: this contract is for a container that is not ours"):
        parse_contract(FOREIGN)


def test_to_say_that_the_payload_is_a_shard_does_not_change_the_digest() -> None:
    assert parse_contract({**CLASSIFIER, "payload": "shard"}).digest == parse_contract(CLASSIFIER).digest


def test_what_a_container_takes_changes_the_digest_of_its_contract() -> None:
    more = changed(FOREIGN, "payload.max_payload_mb", 20)
    assert parse_contract(more, images=True).digest != parse_contract(FOREIGN, images=True).digest


@pytest.mark.parametrize("path", ["decode", "decode.boxes", "decode.strides", "score_threshold", "iou_threshold"])
def test_what_changes_boxes_has_no_default(path: str) -> None:
    with pytest.raises(InvalidContract, match=f"output.{path} is missing"):
        parse_contract(without(DETECTOR, f"output.{path}"))


@pytest.mark.parametrize("path", ["numbers.mean", "numbers", "input.colour", "pixels.resize.interpolation"])
def test_what_changes_predictions_has_no_default(path: str) -> None:
    with pytest.raises(InvalidContract, match=f"{path} is missing"):
        parse_contract(without(CLASSIFIER, path))


def test_a_misspelt_field_is_pointed_out() -> None:
    document = copy.deepcopy(CLASSIFIER)
    document["input"]["heigth"] = document["input"].pop("height")
    with pytest.raises(InvalidContract, match=r"input.height is missing \(is heigth a misspelling of it\?\)"):
        parse_contract(document)


@pytest.mark.parametrize("text", ["", "{", '{"a": NaN}', "[" * 100_000, b"\xff\xfe\x00"], ids=repr)
def test_text_that_is_not_json_is_an_invalid_contract(text: str | bytes) -> None:
    with pytest.raises(InvalidContract, match="not JSON"):
        parse_contract(text)


def test_a_refusal_names_the_file() -> None:
    with pytest.raises(InvalidContract, match=r"^models/a/contract.json: "):
        parse_contract("{}", source="models/a/contract.json")


def test_a_default_that_is_written_out_does_not_change_the_digest() -> None:
    spelled_out = changed(CLASSIFIER, "numbers.mean", 127.0)
    for path in ("pixels.exif", "pixels.icc"):
        spelled_out = changed(spelled_out, path, "apply")
    assert parse_contract(spelled_out).digest == parse_contract(CLASSIFIER).digest


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("input.colour", "BGR"),
        ("numbers.std", 127),
        ("pixels.exif", "ignore"),
        ("pixels.icc", "ignore"),
        ("output.top_k", 3),
        ("name", "other"),
    ],
)
def test_every_other_change_changes_the_digest(path: str, value: Any) -> None:
    assert parse_contract(changed(CLASSIFIER, path, value)).digest != parse_contract(CLASSIFIER).digest


def test_a_single_mean_stands_for_every_channel(contract: ModelContract) -> None:
    assert contract.numbers is not None
    assert contract.numbers.std == (255.0, 255.0, 255.0)


def test_the_contract_in_the_documentation_is_the_one_of_the_example() -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", (ROOT / "docs/contract.md").read_text(), re.DOTALL)
    example = (ROOT / "examples/models/efficientnet-lite0/contract.json").read_text()
    assert parse_contract(shown) == parse_contract(example)


def test_a_contract_that_says_nothing_of_precision_has_the_digest_of_one_that_says_float32() -> None:
    silent = {name: value for name, value in CLASSIFIER.items() if name != "precision"}
    assert parse_contract(silent).digest == parse_contract({**CLASSIFIER, "precision": "float32"}).digest


def test_another_precision_makes_another_contract() -> None:
    assert parse_contract(CLASSIFIER).digest != parse_contract({**CLASSIFIER, "precision": "float16"}).digest
