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
from pipeline import contract as contracts
from pipeline.contract import ModelContract, parse_contract
from pipeline.errors import InvalidContract

ROOT = Path(__file__).parents[1]
SCHEMA = json.loads((Path(pipeline.__file__).parent / "contract.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

CLASSIFIER: dict[str, Any] = {
    "version": 1,
    "name": "classifier",
    "task": "classification",
    "input": {"name": "x", "dtype": "float32", "layout": "NCHW", "height": 224, "width": 224, "colour": "RGB"},
    "pixels": {"resize": {"method": "centre_crop", "crop_fraction": 0.875, "interpolation": "bicubic"}},
    "numbers": {"mean": [127, 127, 127], "std": 128},
    "output": {"name": "y", "activation": "softmax", "top_k": 5, "labels": "labels.txt"},
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
        "resize": {"method": "letterbox", "fill": [114, 114, 114], "anchor": "top_left", "interpolation": "nearest"},
        "background": [0, 0, 0],
    },
    "output": {"name": "y", "activation": "none"},
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
]
FIELDS = ["top_k", "labels", "numbers", "mean", "std", "scale", "fill", "anchor", "channels", "exif", "extra"]


def objects_within(document: Any) -> list[dict[str, Any]]:
    inner = [each for value in document.values() if isinstance(value, dict) for each in objects_within(value)]
    return [document, *inner]


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A good contract with a few fields changed, removed or added."""
    document = copy.deepcopy(draw(st.sampled_from([CLASSIFIER, EMBEDDER])))
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
        parse_contract(document)
    except InvalidContract:
        return False
    return True


def changed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    result = copy.deepcopy(document)
    *outer, last = path.split(".")
    place = result
    for name in outer:
        place = place[name]
    place[last] = value
    return result


def test_the_schema_is_a_json_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@given(documents())
def test_the_reader_accepts_what_the_schema_accepts(document: dict[str, Any]) -> None:
    assert accepts(document) == VALIDATOR.is_valid(document)


@pytest.mark.parametrize("document", [CLASSIFIER, EMBEDDER], ids=["classifier", "embedder"])
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
        "output.top_k",
        "output.labels",
    ):
        candidate = changed(document, path, value)
        assert accepts(candidate) == VALIDATOR.is_valid(candidate), path


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("task", "detection", "task should be one of classification, multilabel, embedding, raw; it is 'detection'"),
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
        ("input.dtype", "uint8", "numbers has to be left out, because input.dtype is uint8"),
    ],
)
def test_a_refusal_names_the_field_and_says_what_was_expected(path: str, value: Any, message: str) -> None:
    with pytest.raises(InvalidContract, match=message):
        parse_contract(changed(CLASSIFIER, path, value))


@pytest.mark.parametrize("path", ["numbers.mean", "numbers", "input.colour", "pixels.resize.interpolation"])
def test_what_changes_predictions_has_no_default(path: str) -> None:
    document = copy.deepcopy(CLASSIFIER)
    *outer, last = path.split(".")
    place = document
    for name in outer:
        place = place[name]
    del place[last]
    with pytest.raises(InvalidContract, match=f"{path} is missing"):
        parse_contract(document)


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
    contract = parse_contract(document)
    assert parse_contract(json.dumps(contract.to_json())) == contract


@given(documents().filter(accepts))
def test_the_json_of_a_contract_fits_the_schema(document: dict[str, Any]) -> None:
    VALIDATOR.validate(json.loads(json.dumps(parse_contract(document).to_json())))


def test_a_default_that_is_written_out_does_not_change_the_digest() -> None:
    spelled_out = changed(changed(CLASSIFIER, "pixels.exif", "apply"), "numbers.mean", 127.0)
    assert parse_contract(spelled_out).digest == parse_contract(CLASSIFIER).digest


@pytest.mark.parametrize(
    ("path", "value"),
    [("input.colour", "BGR"), ("numbers.std", 127), ("pixels.exif", "ignore"), ("output.top_k", 3), ("name", "other")],
)
def test_every_other_change_changes_the_digest(path: str, value: Any) -> None:
    assert parse_contract(changed(CLASSIFIER, path, value)).digest != parse_contract(CLASSIFIER).digest


def test_enumerations_are_those_of_the_schema() -> None:
    tensor = SCHEMA["properties"]["input"]["properties"]
    assert tensor["dtype"]["enum"] == list(contracts.DataType)
    assert tensor["layout"]["enum"] == list(contracts.Layout)
    assert tensor["colour"]["enum"] == list(contracts.Colour)
    assert SCHEMA["properties"]["task"]["enum"] == list(contracts.Task)
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
