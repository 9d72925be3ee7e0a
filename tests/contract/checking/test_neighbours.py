"""Neighbouring contracts differ in one thing each, are contracts themselves, and are not the declared one."""

from dataclasses import replace

import pytest

from pipeline.contract import (
    Colour,
    DataType,
    Exif,
    Interpolation,
    Layout,
    ModelContract,
    Numbers,
    Squash,
    parse_contract,
)
from pipeline.contract.checking.neighbours import Aspect, Neighbour, neighbours
from pipeline.contract.signature import Signature, TensorType

OPEN = Signature((TensorType("input", "float32", None),), (TensorType("logits", "float32", ("n", 4)),))
FIXED = replace(OPEN, inputs=(TensorType("input", "float32", ("n", 3, 8, 8)),))


def around(contract: ModelContract, signature: Signature = FIXED) -> dict[str, Neighbour]:
    return {neighbour.name: neighbour for neighbour in neighbours(contract, signature)}


def of(contract: ModelContract, aspect: Aspect, signature: Signature = FIXED) -> set[str]:
    return {each.name for each in neighbours(contract, signature) if each.aspect is aspect}


def with_colour(contract: ModelContract, colour: Colour, numbers: Numbers) -> ModelContract:
    tensor = replace(contract.input, colour=colour, channels=colour.channels)
    return replace(contract, input=tensor, numbers=numbers)


def test_each_is_a_contract_of_its_own(contract: ModelContract) -> None:
    found = [neighbour.contract for neighbour in neighbours(contract, OPEN)]
    assert all(parse_contract(each.to_json()) == each for each in found)
    assert len({each.digest for each in found} | {contract.digest}) == len(found) + 1


def test_each_says_which_field_to_set(contract: ModelContract) -> None:
    fixes = {neighbour.aspect: neighbour.fix for neighbour in neighbours(contract, OPEN)}
    assert fixes == {
        Aspect.SCALE: "numbers to scale 1, mean [123.675, 116.28, 103.53], std 1",
        Aspect.COLOUR: "input.colour to BGR",
        Aspect.LAYOUT: "input.layout to NHWC",
        Aspect.RESIZE: "pixels.resize to letterbox with fill [114, 114, 114]",
        Aspect.INTERPOLATION: "pixels.resize.interpolation to nearest",
        Aspect.EXIF: "pixels.exif to ignore",
    }


def test_what_is_declared_is_no_neighbour(contract: ModelContract) -> None:
    scaled = replace(contract, numbers=Numbers(1 / 255, (0.0,) * 3, (1.0,) * 3))
    assert "0..1" not in of(scaled, Aspect.SCALE)
    assert "squash" not in of(replace(contract), Aspect.RESIZE)


def test_colours_the_other_way_round_take_their_numbers_along(contract: ModelContract) -> None:
    declared = with_colour(contract, Colour.BGR, Numbers(1.0, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0)))
    other = around(declared)["RGB"]
    assert other.contract.numbers == Numbers(1.0, (3.0, 2.0, 1.0), (6.0, 5.0, 4.0))
    assert other.fix == "input.colour to RGB, and mean and std to the same order"


def test_numbers_are_in_the_order_of_the_channels(contract: ModelContract) -> None:
    declared = with_colour(contract, Colour.BGR, Numbers(1.0, (0.0,) * 3, (1.0,) * 3))
    numbers = around(declared)["ImageNet mean and std"].contract.numbers
    assert numbers is not None
    assert numbers.mean == (0.406, 0.456, 0.485)


def test_a_grey_image_has_no_other_order_of_colours_and_one_mean(contract: ModelContract) -> None:
    declared = with_colour(contract, Colour.GREY, Numbers(1.0, (0.0,), (1.0,)))
    numbers = around(declared, OPEN)["ImageNet mean and std"].contract.numbers
    assert of(declared, Aspect.COLOUR) == set()
    assert numbers is not None
    assert numbers.mean == pytest.approx((0.449,))


def test_a_model_that_takes_pixels_as_they_are_has_no_other_numbers(contract: ModelContract) -> None:
    declared = replace(contract, numbers=None, input=replace(contract.input, dtype=DataType.UINT8))
    assert of(declared, Aspect.SCALE) == set()
    assert of(declared, Aspect.COLOUR) == {"BGR"}


def test_a_layout_is_tried_where_the_model_leaves_it_open(contract: ModelContract) -> None:
    assert of(contract, Aspect.LAYOUT, FIXED) == set()
    assert of(contract, Aspect.LAYOUT, OPEN) == {Layout.NHWC}


def test_pixels_are_brought_to_size_otherwise_with_the_declared_filter(contract: ModelContract) -> None:
    lanczos = replace(contract, pixels=replace(contract.pixels, resize=Squash(Interpolation.LANCZOS)))
    assert of(lanczos, Aspect.RESIZE) == {"centre crop of 0.875", "centre crop of 1.0", "letterbox"}
    resizes = [each.contract.pixels.resize for each in neighbours(lanczos, FIXED) if each.aspect is Aspect.RESIZE]
    assert {resize.interpolation for resize in resizes} == {Interpolation.LANCZOS}
    assert len(of(lanczos, Aspect.INTERPOLATION)) == 3


def test_exif_is_tried_the_other_way(contract: ModelContract) -> None:
    ignoring = replace(contract, pixels=replace(contract.pixels, exif=Exif.IGNORE))
    assert around(ignoring)["EXIF applied"].contract.pixels == contract.pixels
