"""What an imported contract makes of a photo, against what the libraries themselves made of it.

tests/data/contract_import/record.py recorded their tensors, so that neither has to be installed here.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from pipeline.contract import ModelContract
from pipeline.contract.importing import Effect, Imported, complete, from_hf, from_timm
from pipeline.images.pixels import fit
from pipeline.inference.tensors import TensorMaker

ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests/data/contract_import"
RECORDED = json.loads((DATA / "configurations.json").read_text(encoding="utf-8"))
TENSORS = np.load(DATA / "tensors.npz")
CASES = [f"{model}/{photo}" for kind in ("hf", "timm") for model in RECORDED[kind] for photo in RECORDED["photos"]]
# A squash and a crop at once: the notes say that only square photos come out alike.
DIFFERENT = {"deit/wide"}
# These crop an odd number of pixels off a square photo: half a pixel more on one side than on the other.
ODD = {"dinov2", "convnext-small", "timm-lite0", "timm-resnet50", "timm-vit"}
# Mean difference in levels of 0..255: half precision, and Pillow's rounding to whole levels at another moment.
EXACT = 1.0


def imported(model: str) -> Imported:
    if model in RECORDED["hf"]:
        return complete(from_hf(RECORDED["hf"][model]), None)
    return complete(from_timm(RECORDED["timm"][model]), None)


def tensor_of(contract: ModelContract, photo: str) -> npt.NDArray[Any]:
    with Image.open(ROOT / "examples/photos" / RECORDED["photos"][photo]) as image:
        pixels = fit(image, contract).pixels
    return np.array(TensorMaker(contract, 1)(pixels[np.newaxis])[0])


def levels(difference: npt.NDArray[Any], contract: ModelContract) -> npt.NDArray[Any]:
    """A difference of tensors in levels of the 0..255 that a photo has."""
    assert contract.numbers is not None
    factor = contract.numbers.scale / np.array(contract.numbers.std)
    return np.abs(difference) / factor[:, np.newaxis, np.newaxis]


def half_a_pixel(tensor: npt.NDArray[Any], contract: ModelContract) -> float:
    """The mean difference, in levels, that moving a picture by half a pixel both ways makes."""
    return float(sum(levels(np.diff(tensor, axis=axis) / 2, contract).mean() for axis in (1, 2)))


@pytest.mark.parametrize("case", [case for case in CASES if case not in DIFFERENT])
def test_an_imported_contract_makes_the_tensor_that_the_library_makes(case: str) -> None:
    model, photo = case.split("/")
    result = imported(model)
    theirs = TENSORS[case].astype(np.float64)
    ours = tensor_of(result.contract, photo)
    assert ours.shape == theirs.shape
    rounds = any(note.effect is Effect.ROUNDS for note in result.notes)
    allowed = half_a_pixel(theirs, result.contract) if rounds else EXACT
    assert levels(ours - theirs, result.contract).mean() <= allowed


@pytest.mark.parametrize("model", [model for kind in ("hf", "timm") for model in RECORDED[kind] if model not in ODD])
def test_numbers_and_channels_are_exact_where_nothing_is_rounded(model: str) -> None:
    contract = imported(model).contract
    assert levels(tensor_of(contract, "square") - TENSORS[f"{model}/square"], contract).mean() <= EXACT / 10


@pytest.mark.parametrize("case", sorted(DIFFERENT))
def test_a_contract_that_makes_another_tensor_says_so(case: str) -> None:
    model, photo = case.split("/")
    result = imported(model)
    difference = levels(tensor_of(result.contract, photo) - TENSORS[case], result.contract)
    assert difference.mean() > half_a_pixel(TENSORS[case].astype(np.float64), result.contract)
    assert any(note.effect is Effect.DIFFERS for note in result.notes)


@pytest.mark.parametrize("model", [*RECORDED["hf"], *RECORDED["timm"]])
def test_nothing_is_said_to_differ_where_nothing_does(model: str) -> None:
    differs = [note.sentence for note in imported(model).notes if note.effect is Effect.DIFFERS]
    assert bool(differs) == any(case.startswith(f"{model}/") for case in DIFFERENT)
