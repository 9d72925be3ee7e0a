"""The reader and the JSON Schema file give the same verdict on every document."""

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
from pipeline.contract import definition as contracts
from pipeline.contract import parse_contract
from pipeline.errors import InvalidContract
from pipeline.inference.schemes import SCHEMES
from tests.contract.documents import CLASSIFIER, DETECTOR, EMBEDDER, FOREIGN, changed

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((Path(pipeline.__file__).parent / "contract/schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

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


def names_within(schema: Any) -> set[str]:
    """The names of all properties that a JSON Schema knows."""
    if isinstance(schema, list):
        return set().union(*map(names_within, schema))
    if not isinstance(schema, dict):
        return set()
    return set(schema.get("properties", ())).union(*map(names_within, schema.values()))


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


def test_enumerations_are_those_of_the_schema() -> None:
    tensor = SCHEMA["properties"]["input"]["properties"]
    assert tensor["dtype"]["enum"] == list(contracts.DataType)
    assert tensor["layout"]["enum"] == list(contracts.Layout)
    assert tensor["colour"]["enum"] == list(contracts.Colour)
    assert SCHEMA["properties"]["task"]["enum"] == list(contracts.Task)
    schemes = SCHEMA["properties"]["output"]["properties"]["decode"]["oneOf"]
    assert [each["$ref"].rpartition("/")[2] for each in schemes] == list(SCHEMES)
    assert SCHEMA["$defs"]["interpolation"]["enum"] == list(contracts.Interpolation)


def test_every_field_stands_in_the_documentation() -> None:
    documentation = (ROOT / "docs/contract.md").read_text()
    assert {name for name in names_within(SCHEMA) if not re.search(rf"[`.]{name}[`.]", documentation)} == set()
