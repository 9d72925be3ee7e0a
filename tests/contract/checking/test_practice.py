"""What hardly any model is trained with is noted, and nothing else is."""

from dataclasses import replace

import pytest

from pipeline.contract import Anchor, CentreCrop, Interpolation, Letterbox, ModelContract, Squash, Task
from pipeline.contract.checking.findings import Outcome
from pipeline.contract.checking.practice import unusual

Resize = CentreCrop | Squash | Letterbox
BICUBIC, NEAREST = Interpolation.BICUBIC, Interpolation.NEAREST
LETTERBOX = Letterbox((114, 114, 114), Anchor.CENTRE, BICUBIC)


def resized(contract: ModelContract, resize: Resize) -> ModelContract:
    return replace(contract, pixels=replace(contract.pixels, resize=resize))


@pytest.mark.parametrize(
    ("resize", "field"),
    [(Squash(NEAREST), "pixels.resize.interpolation"), (LETTERBOX, "pixels.resize")],
    ids=["nearest", "letterbox"],
)
def test_what_is_rare_is_noted_with_the_field_to_look_at(contract: ModelContract, resize: Resize, field: str) -> None:
    (finding,) = unusual(resized(contract, resize))
    assert finding.outcome is Outcome.NOTE
    assert f"Set {field} to " in finding.sentence


@pytest.mark.parametrize("resize", [Squash(BICUBIC), CentreCrop(0.875, BICUBIC), CentreCrop(1.0, Interpolation.BOX)])
def test_what_is_usual_is_not_spoken_of(contract: ModelContract, resize: Resize) -> None:
    assert list(unusual(resized(contract, resize))) == []


def test_letterbox_is_usual_where_there_are_no_classes_to_rank(contract: ModelContract) -> None:
    assert list(unusual(replace(resized(contract, LETTERBOX), task=Task.RAW))) == []
