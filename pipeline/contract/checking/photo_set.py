"""The photos that a contract is tried on: those that decode, and which of them show the same.

Photos that show the same are one group, and count as one: ten shots of one scene are not ten witnesses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.contract import CentreCrop, Exif, ModelContract
from pipeline.contract.checking.recognition import CANVAS, Floats, Pixels
from pipeline.images import decode as images
from pipeline.images.decode import Decoded, Reason, Rejection
from pipeline.limits import DEFAULT_LIMITS

MOST_PHOTOS = 200
# Of pixels that are held at a time: of a photo its canvas, at least so many views, and itself as two contracts want it.
_MOST_BYTES = 1024**3
FEWEST_VIEWS, PIXELS_HELD = 4, 2
# Pictures of 16 x 16 in 0..255 that differ by less, on average, are of one photo.
_THUMBNAIL, _SAME_PHOTO = 16, 4.0


@dataclass(frozen=True)
class PhotoSet:
    """Photos that decode. `groups[i]` is the number of the photo's group, `labels[i]` its class where one is known."""

    paths: tuple[Path, ...]
    groups: npt.NDArray[np.intp]
    labels: tuple[int | None, ...]
    rejected: tuple[tuple[Path, Rejection], ...]
    canvases: tuple[Pixels, ...]
    """A picture of each group that views are cut from: as the contract wants it, but larger, upright and uncropped."""

    def by_group(self, values: Floats, chosen: npt.NDArray[np.bool_]) -> Floats:
        """The mean of the chosen photos' values in each group that has one."""
        groups = self.groups[chosen]
        sums = np.bincount(groups, values[chosen], len(self.canvases))
        counts = np.bincount(groups, minlength=len(self.canvases))
        means: Floats = sums[counts > 0] / counts[counts > 0]
        return means

    @property
    def labelled(self) -> npt.NDArray[np.bool_]:
        """Which photos have a label: bool [N]."""
        return np.array([label is not None for label in self.labels], bool)


def most_photos(contract: ModelContract) -> int:
    """How many photos there is memory for; fewer, the larger the model's input is."""
    held = CANVAS**2 + FEWEST_VIEWS + PIXELS_HELD
    return min(MOST_PHOTOS, _MOST_BYTES // (held * contract.input.bytes_per_image))


def load_photos(paths: Sequence[Path], contract: ModelContract, labels: Mapping[Path, int]) -> PhotoSet:
    """The photos of these files, as far as they decode."""
    larger = replace(contract.input, height=CANVAS * contract.input.height, width=CANVAS * contract.input.width)
    resize = contract.pixels.resize
    if isinstance(resize, CentreCrop):
        resize = replace(resize, crop_fraction=1.0)
    upright = replace(contract, input=larger, pixels=replace(contract.pixels, exif=Exif.APPLY, resize=resize))
    good: list[Path] = []
    groups: list[int] = []
    rejected: list[tuple[Path, Rejection]] = []
    canvases: list[Pixels] = []
    thumbnails: list[Floats] = []
    for path in paths:
        decoded = _decode(path, upright)
        if isinstance(decoded, Rejection):
            rejected.append((path, decoded))
            continue
        thumbnail = _thumbnail(decoded.pixels)
        group = next((number for number, other in enumerate(thumbnails) if _is_same(thumbnail, other)), len(thumbnails))
        if group == len(thumbnails):
            thumbnails.append(thumbnail)
            canvases.append(decoded.pixels)
        good.append(path)
        groups.append(group)
    return PhotoSet(
        tuple(good),
        np.array(groups, np.intp),
        tuple(labels.get(path) for path in good),
        tuple(rejected),
        tuple(canvases),
    )


def _decode(path: Path, contract: ModelContract) -> Decoded | Rejection:
    """A photo, or why it is none, also where the file cannot be read or is too large to be."""
    try:
        if path.stat().st_size > DEFAULT_LIMITS.max_bytes:
            return Rejection(Reason.TOO_MANY_BYTES, f"the limit is {DEFAULT_LIMITS.max_bytes} bytes")
        return images.decode(path.read_bytes(), contract)
    except OSError as error:
        return Rejection(Reason.UNREADABLE, error.strerror or str(error))


def _thumbnail(pixels: Pixels) -> Floats:
    height, width = (min(_THUMBNAIL, side) for side in pixels.shape[:2])
    rows = np.array_split(pixels.astype(np.float64), height)
    cells = [[cell.mean(axis=(0, 1)) for cell in np.array_split(row, width, axis=1)] for row in rows]
    return np.array(cells)


def _is_same(thumbnail: Floats, other: Floats) -> bool:
    return bool(np.abs(thumbnail - other).mean() < _SAME_PHOTO)
