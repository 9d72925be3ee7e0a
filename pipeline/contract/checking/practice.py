"""What a contract says that hardly any published model was trained with: worth a second look, without any photo.

Photos without labels cannot tell how they should be brought to size (survey.py). What authors do can, up to a point:
these declarations are more often a default that somebody left standing than what a model was trained with.
"""

from collections.abc import Iterator

from pipeline.contract import Interpolation, Letterbox, ModelContract
from pipeline.contract.checking.findings import Finding, note

_SECTION = "practice"
_ASK = "unless the code that trained the model says so."


def unusual(contract: ModelContract) -> Iterator[Finding]:
    """A note for each declaration that is rare, with what is usual in its place."""
    resize = contract.pixels.resize
    if resize.interpolation is Interpolation.NEAREST:
        yield note(
            _SECTION,
            "hardly any model is trained on photos that are resized by nearest. Set pixels.resize.interpolation to"
            f" bicubic or bilinear, {_ASK}",
        )
    if isinstance(resize, Letterbox) and contract.task.is_ranked:
        yield note(
            _SECTION,
            "letterbox is for detectors: models that name classes are nearly all trained on centre_crop or squash. Set"
            f" pixels.resize to one of these, {_ASK}",
        )
