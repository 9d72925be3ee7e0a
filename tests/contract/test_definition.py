"""The contract: our reader and the JSON Schema file have to give the same verdict, and ours has to say why."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pipeline
from pipeline.contract import ModelContract, parse_contract
from pipeline.contract import definition as contracts
from pipeline.errors import InvalidContract
from pipeline.inference.schemes import SCHEMES

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((Path(pipeline.__file__).parent / "contract/schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

CLASSIFIER: dict[str, Any] = {
    "version": 1,
    "name": "classifier",
    "task": "classification",
    "input": {"name": "x", "dtype": "float32", "layout": "NCHW", "height": 224, "width": 224, "colour": "RGB"},
    "pixels": {"resize": {"method": "centre_crop", "crop_fraction": 0.875, "interpolation": "bicubic"}},
    "numbers": {"mean": [127, 127, 127], "std": 128},
    "output": {"name": "y", "activation": "softmax", "top_k": 5, "labels": "labels.txt"},
    "precision": "bfloat16",
}
EMBEDDER: dict[str, Any] = {
    "version": 1,
    "name": "embedder",
    "task": "embedding",
    "input": {
        "name": "x",
        "dtype": "uint8",
        "layout": "NHWC",
        "height": 32,
        "width": 16,
        "channels": 1,
        "colour": "GREY",
    },
    "pixels": {
        "exif": "ignore",
        "icc": "ignore",
        "resize": {"method": "letterbox", "fill": [114, 114, 114], "anchor": "top_left", "interpolation": "nearest"},
        "background": [0, 0, 0],
    },
    "output": {"name": "y", "activation": "none"},
}
DETECTOR: dict[str, Any] = {
    **CLASSIFIER,
    "name": "detector",
    "task": "detection",
    "output": {
        "name": "y",
        "activation": "none",
        "labels": "labels.txt",
        "decode": {"scheme": "yolox", "boxes": "grid", "strides": [8, 16, 32]},
        "score_threshold": 0.3,
        "iou_threshold": 0.45,
    },
}
FOREIGN: dict[str, Any] = {
    "version": 1,
    "name": "foreign",
    "task": "classification",
    "payload": {
        "kind": "image",
        "content_type": "application/x-image",
        "max_payload_mb": 10,
        "max_concurrent_transforms": 4,
    },
    "output": {"format": "json_object", "field": "predictions.0.scores", "activation": "none", "labels": "labels.txt"},
}
VALUES = [
    *(None, True, False, 0, 1, 3, -1, 0.5, 1.0, 224.0, 2048, 2049, 1e6, 1e7, 1e-9, 10**400),
    *(
        "",
        "x",
        "RGB",
        "BGR",
        "GREY",
        "uint8",
        "float16",
        "raw",
        "multilabel",
        "squash",
        "letterbox",
        "../x",
        "é",
        "x" * 64,
    ),
    *([], [1], [1, 2, 3], [1.0, 2.0, 3.5], [0, 0, 256], [1, 2, 3, 4], ["a"], {}, {"mean": 0, "std": 1}),
    {"method": "squash", "interpolation": "box"},
    {"method": "letterbox", "interpolation": "box", "fill": [0, 0, 0]},
    *("detection", "yolox", "yolov8", "xyxy", "grid", "pixels", "fractions", "sigmoid", "softmax"),
    *([8, 16.0], [8, 0], [8, "16"], [1] * 9),
    {"scheme": "yolov8", "boxes": "pixels"},
    {"scheme": "xyxy", "boxes": "fractions"},
    {"scheme": "yolox", "boxes": "pixels"},
    {"scheme": "yolox", "boxes": "grid"},
    *("shard", "image", "json_array", "json_object", "csv", "embedding", 6, 7, 10, 16, 17, 50, 100, 101),
    {"kind": "image", "content_type": "image/jpeg"},
    {"format": "csv", "activation": "none"},
]
FIELDS = [
    *("top_k", "labels", "numbers", "mean", "std", "scale", "fill", "anchor", "channels", "exif", "icc", "extra"),
    *("decode", "scheme", "boxes", "strides", "score_threshold", "iou_threshold", "max_boxes", "task", "activation"),
    *("precision", "payload", "format", "field", "kind", "content_type", "max_payload_mb", "max_concurrent_transforms"),
]


def objects_within(document: Any) -> list[dict[str, Any]]:
    inner = [each for value in document.values() if isinstance(value, dict) for each in objects_within(value)]
    return [document, *inner]


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A good contract with a few fields changed, removed or added."""
    document = copy.deepcopy(draw(st.sampled_from([CLASSIFIER, EMBEDDER, DETECTOR, FOREIGN])))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.sampled_from(objects_within(document)))
        name = draw(st.sampled_from([*place, *FIELDS]))
        if draw(st.booleans()):
            place.pop(name, None)
        else:
            place[name] = copy.deepcopy(draw(st.sampled_from(VALUES)))
    return document


def accepts(document: Any) -> bool:
    try:
        parse_contract(document, images=True)
    except InvalidContract:
        return False
    return True


def changed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    result = copy.deepcopy(document)
    *outer, last = path.split(".")
    place = result
    for name in outer:
        place = place.setdefault(name, {})
    place[last] = value
    return result


def without(document: dict[str, Any], path: str) -> dict[str, Any]:
    result = copy.deepcopy(document)
    *outer, last = path.split(".")
    place = result
    for name in outer:
        place = place[name]
    del place[last]
    return result


def test_the_schema_is_a_json_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@given(documents())
def test_the_reader_accepts_what_the_schema_accepts(document: dict[str, Any]) -> None:
    assert accepts(document) == VALIDATOR.is_valid(document)


@pytest.mark.parametrize(
    "document", [CLASSIFIER, EMBEDDER, DETECTOR, FOREIGN], ids=["classifier", "embedder", "detector", "foreign"]
)
@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:30])
def test_the_reader_accepts_what_the_schema_accepts_in_every_field(document: dict[str, Any], value: Any) -> None:
    for path in (
        "version",
        "name",
        "task",
        "input",
        "pixels",
        "numbers",
        "output",
        "input.height",
        "input.channels",
        "input.dtype",
        "input.colour",
        "pixels.resize",
        "pixels.background",
        "output.activation",
        "output.top_k",
        "output.labels",
        "output.decode",
        "output.score_threshold",
        "output.max_boxes",
        "output.format",
        "output.field",
        "payload",
        "payload.kind",
        "payload.content_type",
        "payload.max_payload_mb",
        "payload.max_concurrent_transforms",
    ):
        if "payload" not in document and path.startswith("payload."):
            continue
        candidate = changed(document, path, value)
        assert accepts(candidate) == VALIDATOR.is_valid(candidate), path


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
        ("output", None, "output should be an object"),
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


@given(documents().filter(accepts))
def test_a_contract_reads_back_from_its_own_json(document: dict[str, Any]) -> None:
    contract = parse_contract(document, images=True)
    assert parse_contract(json.dumps(contract.to_json()), images=True) == contract


@given(documents().filter(accepts))
def test_the_json_of_a_contract_fits_the_schema(document: dict[str, Any]) -> None:
    VALIDATOR.validate(json.loads(json.dumps(parse_contract(document, images=True).to_json())))


@pytest.mark.parametrize(
    "decode",
    [
        {"scheme": "yolox", "boxes": "grid", "strides": [8, 16, 32]},
        {"scheme": "yolox", "boxes": "pixels"},
        {"scheme": "yolov8", "boxes": "pixels"},
        {"scheme": "xyxy", "boxes": "fractions"},
    ],
    ids=lambda decode: f"{decode['scheme']} {decode['boxes']}",
)
def test_a_scheme_reads_back_from_its_own_json(decode: dict[str, Any]) -> None:
    written = json.loads(json.dumps(parse_contract(changed(DETECTOR, "output.decode", decode)).to_json()))
    assert written["output"]["decode"] == decode
    VALIDATOR.validate(written)


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


def test_enumerations_are_those_of_the_schema() -> None:
    tensor = SCHEMA["properties"]["input"]["properties"]
    assert tensor["dtype"]["enum"] == list(contracts.DataType)
    assert tensor["layout"]["enum"] == list(contracts.Layout)
    assert tensor["colour"]["enum"] == list(contracts.Colour)
    assert SCHEMA["properties"]["task"]["enum"] == list(contracts.Task)
    schemes = SCHEMA["properties"]["output"]["properties"]["decode"]["oneOf"]
    assert [each["$ref"].rpartition("/")[2] for each in schemes] == list(SCHEMES)
    assert SCHEMA["$defs"]["interpolation"]["enum"] == list(contracts.Interpolation)


def test_a_single_mean_stands_for_every_channel(contract: ModelContract) -> None:
    assert contract.numbers is not None
    assert contract.numbers.std == (255.0, 255.0, 255.0)


def names_within(schema: Any) -> set[str]:
    """The names of all properties that a JSON Schema knows."""
    if isinstance(schema, list):
        return set().union(*map(names_within, schema))
    if not isinstance(schema, dict):
        return set()
    return set(schema.get("properties", ())).union(*map(names_within, schema.values()))


def test_every_field_stands_in_the_documentation() -> None:
    documentation = (ROOT / "docs/contract.md").read_text()
    assert {name for name in names_within(SCHEMA) if not re.search(rf"[`.]{name}[`.]", documentation)} == set()


def test_the_contract_in_the_documentation_is_the_one_of_the_example() -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", (ROOT / "docs/contract.md").read_text(), re.DOTALL)
    example = (ROOT / "examples/models/efficientnet-lite0/contract.json").read_text()
    assert parse_contract(shown) == parse_contract(example)


def test_a_contract_that_says_nothing_of_precision_has_the_digest_of_one_that_says_float32() -> None:
    silent = {name: value for name, value in CLASSIFIER.items() if name != "precision"}
    assert parse_contract(silent).digest == parse_contract({**CLASSIFIER, "precision": "float32"}).digest


def test_another_precision_makes_another_contract() -> None:
    assert parse_contract(CLASSIFIER).digest != parse_contract({**CLASSIFIER, "precision": "float16"}).digest
