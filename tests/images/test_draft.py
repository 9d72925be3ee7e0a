"""JPEGs that are decoded at a half, a quarter or an eighth: the same verdicts, and as good as the same pixels.

An image that is loaded before it is fitted is never drafted: that is what every one of these is compared with.
"""

import io
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from pipeline.contract import Anchor, CentreCrop, Interpolation, Letterbox, ModelContract, Squash
from pipeline.contract.packages import load_package
from pipeline.images.decode import Decoded, Reason, Rejection, decode
from pipeline.images.geometry import SPARE, reduction
from pipeline.images.pixels import fit
from pipeline.inference.predictions import Prediction
from pipeline.inference.predictor import open_predictor
from pipeline.shards import Row, Shard

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "examples/models/efficientnet-lite0"
CLEAR_MARGIN = 0.05
SMOOTH = [Interpolation.BILINEAR, Interpolation.BICUBIC, Interpolation.LANCZOS]

quick = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
sizes = st.tuples(st.integers(90, 500), st.integers(90, 500))
targets = st.tuples(st.integers(4, 24), st.integers(4, 24))
resizes = st.one_of(
    st.builds(CentreCrop, st.floats(0.5, 1), st.sampled_from(SMOOTH)),
    st.builds(Squash, st.sampled_from(SMOOTH)),
    st.builds(Letterbox, st.just((9, 9, 9)), st.sampled_from(Anchor), st.sampled_from(SMOOTH)),
)


def aimed(
    contract: ModelContract, target: tuple[int, int], resize: CentreCrop | Squash | Letterbox | None = None
) -> ModelContract:
    """The contract with another input size and another way to get there."""
    resize = resize or Squash(Interpolation.BILINEAR)
    size = replace(contract.input, width=target[0], height=target[1])
    return replace(contract, input=size, pixels=replace(contract.pixels, resize=resize))


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    """Large soft shapes with fine grain on them, as photos have both."""
    random = np.random.default_rng(seed)
    shapes = Image.fromarray(random.integers(0, 256, (5, 6, 3), np.uint8)).resize((width, height), 3)
    grain = random.normal(0, 12, (height, width, 3))
    return Image.fromarray(np.clip(np.asarray(shapes) + grain, 0, 255).astype(np.uint8))


def jpeg(image: Image.Image, orientation: int = 1, **options: object) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90, exif=exif, **options)
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def loaded(data: bytes) -> Image.Image:
    image = opened(data)
    image.load()
    return image


def difference(data: bytes, contract: ModelContract) -> npt.NDArray[np.int64]:
    """What drafting changes, in levels."""
    return fit(opened(data), contract).pixels.astype(int) - fit(loaded(data), contract).pixels.astype(int)


@given(width=st.integers(1, 9000), height=st.integers(1, 9000), target=targets)
def test_at_least_two_and_a_half_times_the_target_is_left(width: int, height: int, target: tuple[int, int]) -> None:
    times = reduction((0, 0, width, height), target)
    assert times == 1 or (width / times >= SPARE * target[0] and height / times >= SPARE * target[1])


@pytest.mark.parametrize(("side", "left"), [(39, 39), (40, 20), (80, 20), (160, 20), (1000, 125)])
def test_a_jpeg_is_decoded_no_larger_than_the_target_needs(contract: ModelContract, side: int, left: int) -> None:
    image = opened(jpeg(picture(side, side)))
    fit(image, contract)
    assert image.size == (left, left)


def test_what_counts_is_the_part_that_the_resize_reads(contract: ModelContract) -> None:
    """The image is 16 times the input, the box in its middle 6 times: a half is left of that."""
    image = opened(jpeg(picture(128, 128)))
    fit(image, aimed(contract, (8, 8), CentreCrop(0.375, Interpolation.BILINEAR)))
    assert image.size == (64, 64)


@pytest.mark.parametrize("interpolation", [Interpolation.NEAREST, Interpolation.BOX])
def test_a_resize_that_picks_pixels_picks_them_from_the_whole_picture(
    contract: ModelContract, interpolation: Interpolation
) -> None:
    data = jpeg(picture(200, 200))
    assert not difference(data, aimed(contract, (8, 8), Squash(interpolation))).any()


@quick
@given(size=sizes, target=targets, resize=resizes, orientation=st.integers(1, 8), seed=st.integers(0, 9))
def test_the_pixels_are_as_good_as_the_same(
    contract: ModelContract,
    size: tuple[int, int],
    target: tuple[int, int],
    resize: CentreCrop | Squash | Letterbox,
    orientation: int,
    seed: int,
) -> None:
    change = np.abs(difference(jpeg(picture(*size, seed), orientation), aimed(contract, target, resize)))
    assert change.mean() < 4


@quick
@given(size=sizes, orientation=st.integers(1, 8))
def test_a_side_that_does_not_divide_shifts_nothing(
    contract: ModelContract, size: tuple[int, int], orientation: int
) -> None:
    """On a ramp, a picture that is wider by one pixel in twenty is darker at its end by twelve levels."""
    ramp = np.broadcast_to(np.linspace(0, 255, size[0])[None, :, None], (size[1], size[0], 3))
    data = jpeg(Image.fromarray(ramp.astype(np.uint8)), orientation)
    assert np.abs(difference(data, contract)).max() <= 3


@pytest.mark.parametrize("mode", ["L", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True], ids=["baseline", "progressive"])
def test_other_kinds_of_jpeg_are_drafted_too(contract: ModelContract, mode: str, progressive: bool) -> None:
    data = jpeg(picture(300, 200).convert(mode), progressive=progressive)
    image = opened(data)
    fit(image, contract)
    assert image.size == (38, 25)
    assert np.abs(difference(data, contract)).mean() < 2


def test_a_multi_picture_file_is_drafted_too(contract: ModelContract) -> None:
    file = io.BytesIO()
    picture(300, 200).save(file, "MPO", save_all=True, append_images=[picture(300, 200, 1)])
    image = opened(file.getvalue())
    assert image.format == "MPO"
    fit(image, contract)
    assert image.size == (38, 25)
    assert np.abs(difference(file.getvalue(), contract)).mean() < 2


def test_a_lossless_jpeg_is_decoded_whole(contract: ModelContract) -> None:
    """Grey all over (T.81, annex H): every sample is what was predicted, which takes one bit of zero."""
    frame = b"\xff\xc3\0\x0b\x08\0\xc8\0\xc8\1\1\x11\0"  # 200 x 200, one component of 8 bits
    table = b"\xff\xc4\0\x14\0\1" + bytes(15) + b"\0"  # one code of one bit, for "no difference"
    scan = b"\xff\xda\0\x08\1\1\0\1\0\0" + bytes(200 * 200 // 8)  # predicted from the left
    data = b"\xff\xd8" + frame + table + scan + b"\xff\xd9"
    outcome = decode(data, contract)
    assert isinstance(outcome, Decoded)
    assert (outcome.pixels == 128).all()


def test_the_size_on_the_verdict_is_the_originals(contract: ModelContract) -> None:
    decoded = decode(jpeg(picture(301, 203), orientation=6), contract)
    assert isinstance(decoded, Decoded)
    assert (decoded.width, decoded.height) == (203, 301)


@pytest.mark.parametrize("progressive", [False, True], ids=["baseline", "progressive"])
@quick
@given(fraction=st.floats(0.02, 0.98))
def test_a_large_upload_that_broke_off_is_rejected(contract: ModelContract, progressive: bool, fraction: float) -> None:
    data = jpeg(picture(640, 480), progressive=progressive)
    outcome = decode(data[: int(len(data) * fraction)], contract)
    assert isinstance(outcome, Rejection)
    assert outcome.reason in {Reason.TRUNCATED, Reason.CORRUPT}


@pytest.mark.parametrize("progressive", [False, True], ids=["baseline", "progressive"])
@quick
@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255), seed=st.integers(0, 3))
def test_damage_is_found_or_missed_as_it_is_in_the_whole_picture(
    contract: ModelContract, progressive: bool, place: float, value: int, seed: int
) -> None:
    data = bytearray(jpeg(picture(300, 200, seed), progressive=progressive))
    data[int(place * len(data))] = value
    small, whole = decode(bytes(data), contract), decode(bytes(data), aimed(contract, (300, 200)))
    assert getattr(small, "reason", None) == getattr(whole, "reason", None)


@pytest.fixture(scope="module")
def predictions() -> list[tuple[str, Prediction, Prediction]]:
    """Each photo at 12 megapixels: its name, the prediction from the drafted and from the whole picture.

    The photos are the examples, or those of the folder PHOTOS.
    """
    package = load_package(MODEL)
    predictor = open_predictor(package, "run", 5)
    folder = Path(os.environ.get("PHOTOS", ROOT / "examples/photos"))
    photos = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    drafted, whole, names = [], [], []
    for path in photos:
        if isinstance(decode(path.read_bytes(), package.contract), Rejection):
            continue
        with Image.open(path) as photo:
            upright = ImageOps.exif_transpose(photo).convert("RGB")
        data = jpeg(ImageOps.contain(upright, (4000, 4000), Image.Resampling.BICUBIC))
        image = opened(data)
        drafted.append(fit(image, package.contract).pixels)
        assert max(image.size) <= 2000, "draft did not happen"
        whole.append(fit(loaded(data), package.contract).pixels)
        names.append(path.name)

    def predict(images: list[npt.NDArray[np.uint8]]) -> list[Prediction]:
        rows = tuple(Row("images", name, "etag", 1, 1, 1) for name in names)
        return list(predictor.predict(Shard(np.stack(images), rows, package.contract.digest), "shard"))

    return list(zip(names, predict(drafted), predict(whole), strict=True))


def test_the_best_class_of_a_photo_stays_the_best(predictions: list[tuple[str, Prediction, Prediction]]) -> None:
    """Between two classes that are level, the last bit of any pixel decides; those photos prove nothing."""
    clear = [
        (name, small.top[0].index, full.top[0].index)
        for name, small, full in predictions
        if full.top[0].score - full.top[1].score > CLEAR_MARGIN
    ]
    assert len(clear) > len(predictions) / 2
    assert [each for each in clear if each[1] != each[2]] == []


def test_scores_hardly_move(predictions: list[tuple[str, Prediction, Prediction]]) -> None:
    moved = [abs(small.top[0].score - full.top[0].score) for _, small, full in predictions]
    assert sum(moved) / len(moved) < 0.02


def test_pictures_in_other_formats_are_decoded_whole(contract: ModelContract, photo: Callable[..., bytes]) -> None:
    image = opened(photo(200, 200, format="WEBP"))
    fit(image, contract)
    assert image.size == (200, 200)
