"""A contract told in sentences: complete, and in the order in which things happen."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contract import Colour, Exif, Icc, ModelContract, Precision, parse_contract
from pipeline.contract.text import describe, to_text

MODELS = sorted((Path(__file__).parents[2] / "examples/models").iterdir())


def example(name: str) -> ModelContract:
    folder = next(folder for folder in MODELS if folder.name == name)
    return parse_contract((folder / "contract.json").read_bytes())


def with_numbers(contract: ModelContract, scale: float, mean: float, std: float) -> ModelContract:
    assert contract.numbers is not None
    return replace(contract, numbers=replace(contract.numbers, scale=scale, mean=(mean,) * 3, std=(std,) * 3))


@pytest.mark.parametrize("folder", MODELS, ids=lambda folder: folder.name)
def test_the_json_of_an_example_reads_back_as_its_contract(folder: Path) -> None:
    contract = parse_contract((folder / "contract.json").read_bytes())
    assert parse_contract(to_text(contract)) == contract


@given(st.text(min_size=1, max_size=40))
def test_the_json_is_the_document_whatever_characters_a_name_has(name: str) -> None:
    contract = example("efficientnet-lite0")
    contract = replace(contract, input=replace(contract.input, name=name))
    assert json.loads(to_text(contract)) == json.loads(json.dumps(contract.to_json()))


def test_a_list_of_numbers_stays_on_its_line() -> None:
    assert '"background": [255, 255, 255]' in to_text(example("efficientnet-lite0"))


@pytest.mark.parametrize("name", ["efficientnet-lite0", "yolox-nano"])
def test_steps_are_numbered_from_one_without_a_gap(name: str) -> None:
    numbers = [int(number) for number in re.findall(r"^ *(\d+)\. ", describe(example(name)), re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))


def values_within(document: Any) -> list[str]:
    if isinstance(document, dict):
        return [value for each in document.values() for value in values_within(each)]
    if isinstance(document, list | tuple):
        return [value for each in document for value in values_within(each)]
    return [f"{document:g}" if isinstance(document, int | float) else document]


@pytest.mark.parametrize("name", ["efficientnet-lite0", "yolox-nano"])
def test_every_value_of_a_contract_stands_in_a_sentence(name: str) -> None:
    # In words of their own: how and where an image lies, white, what is done to scores, and the version of the format.
    otherwise = {"apply", "centre_crop", "letterbox", "top_left", "none", "BGR", "1"}
    contract = example(name)
    text = describe(replace(contract, pixels=replace(contract.pixels, background=(11, 12, 13))))
    document = replace(contract, pixels=replace(contract.pixels, background=(11, 12, 13))).to_json()
    assert {value for value in values_within(document) if value not in text} <= otherwise


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("turned upright", "centred square"),
        ("centred square", "resized to 224 x 224"),
        ("resized to 224 x 224", "Colours become"),
        ("Colours become", "Each number x"),
        ("Each number x", "The model is fed"),
        ("The model is fed", "softmax"),
    ],
)
def test_sentences_come_in_the_order_of_what_they_tell(earlier: str, later: str) -> None:
    text = describe(example("efficientnet-lite0"))
    assert 0 <= text.index(earlier) < text.index(later)


def test_the_range_that_the_model_sees_is_told() -> None:
    text = describe(with_numbers(example("efficientnet-lite0"), scale=1, mean=127.5, std=127.5))
    assert "black (0) becomes -1, and white (255) 1" in text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"colour": Colour.BGR}, "blue, green, red"),
        ({"colour": Colour.GREY, "channels": 1}, "Colours become grey"),
        ({"height": 100}, "box of 224 : 100"),
    ],
)
def test_what_is_special_about_an_input_is_told(change: dict[str, Any], sentence: str) -> None:
    contract = example("efficientnet-lite0")
    assert sentence in describe(replace(contract, input=replace(contract.input, **change)))


def test_a_contract_that_ignores_exif_says_so() -> None:
    contract = example("efficientnet-lite0")
    assert "EXIF is ignored" in describe(replace(contract, pixels=replace(contract.pixels, exif=Exif.IGNORE)))


def test_a_contract_that_ignores_colour_profiles_says_so() -> None:
    contract = example("efficientnet-lite0")
    said = "colour profiles are ignored"
    assert said in describe(replace(contract, pixels=replace(contract.pixels, icc=Icc.IGNORE)))
    assert said not in describe(contract)


def test_a_model_of_uint8_is_fed_what_is_packed() -> None:
    assert "takes uint8" in describe(replace(example("efficientnet-lite0"), numbers=None))


def test_the_documentation_shows_what_is_told_of_the_example() -> None:
    documentation = (Path(__file__).parents[2] / "docs/contract.md").read_text(encoding="utf-8")
    assert describe(example("efficientnet-lite0")) in documentation


def test_the_precision_of_a_gpu_is_told_where_it_is_not_float32() -> None:
    contract = example("efficientnet-lite0")
    assert "On a GPU the model computes in bfloat16." in describe(replace(contract, precision=Precision.BFLOAT16))
    assert "On a GPU" not in describe(contract)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "The original is sent as it lies in S3, one a request, declared as application/x-image."),
        ({}, "An original of more than 6 MB is not sent: it is failed."),
        ({}, "At once are sent as many as the container asks for, or else one."),
        ({"max_concurrent_transforms": 4}, "At once are sent up to 4."),
        ({}, "'predictions.0.scores' of an object of JSON has a number for each class; they are taken as they are."),
    ],
)
def test_what_goes_to_a_container_that_is_not_ours_is_told(changes: dict[str, Any], sentence: str) -> None:
    foreign = {
        "version": 1,
        "name": "foreign",
        "task": "classification",
        "payload": {"kind": "image", "content_type": "application/x-image", **changes},
        "output": {"format": "json_object", "field": "predictions.0.scores", "activation": "none"},
    }
    assert sentence in describe(parse_contract(foreign, images=True))
