"""Photos that a contract is tried on: those that decode, shots of one scene as one, and no more than memory holds."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.contract import LARGEST_SIDE, ModelContract
from pipeline.contract.checking.photo_set import MOST_PHOTOS, load_photos, most_photos
from pipeline.images.decode import Reason
from pipeline.limits import DEFAULT_LIMITS


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Four pictures of coloured blotches."""
    random = np.random.default_rng(0)
    for number in range(4):
        blotches = Image.fromarray(random.integers(0, 256, (4, 4, 3), np.uint8))
        blotches.resize((64, 64), Image.Resampling.NEAREST).save(tmp_path / f"{number}.png")
    return sorted(tmp_path.iterdir())


def reasons(paths: list[Path], contract: ModelContract) -> list[Reason]:
    return [rejected.reason for _, rejected in load_photos(paths, contract, {}).rejected]


def test_a_picture_of_each_photo_is_larger_than_the_input(contract: ModelContract, photos: list[Path]) -> None:
    assert [canvas.shape for canvas in load_photos(photos, contract, {}).canvases] == [(16, 16, 3)] * 4


def test_shots_of_one_scene_are_one_group(contract: ModelContract, photos: list[Path]) -> None:
    copy = photos[1].with_name("copy.jpg")
    with Image.open(photos[1]) as image:
        image.save(copy, quality=95)
    found = load_photos([*photos, copy], contract, {})
    assert found.groups.tolist() == [0, 1, 2, 3, 1]


def test_a_photo_that_lies_turned_in_its_file_is_the_same_photo(contract: ModelContract, photos: list[Path]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(photos[0]) as image:
        image.transpose(Image.Transpose.ROTATE_90).save(photos[0].with_name("turned.png"), exif=exif)
    found = load_photos([*photos, photos[0].with_name("turned.png")], contract, {})
    assert found.groups.tolist() == [0, 1, 2, 3, 0]


def test_values_are_the_mean_of_a_groups_photos(contract: ModelContract, photos: list[Path]) -> None:
    shutil.copy(photos[0], photos[0].with_name("copy.png"))
    found = load_photos([*photos, photos[0].with_name("copy.png")], contract, {})
    chosen = np.array([True, False, True, True, True])
    assert found.by_group(np.array([1.0, 9.0, 2.0, 3.0, 5.0]), chosen).tolist() == [3.0, 2.0, 3.0]


def test_labels_belong_to_their_photos_where_one_does_not_decode(contract: ModelContract, photos: list[Path]) -> None:
    photos[1].write_bytes(b"")
    found = load_photos(photos, contract, {photos[0]: 7, photos[2]: 8})
    assert found.labels == (7, 8, None)
    assert found.labelled.tolist() == [True, True, False]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_file_that_may_not_be_read_is_left_out(contract: ModelContract, photos: list[Path]) -> None:
    photos[0].chmod(0)
    assert reasons(photos, contract) == [Reason.UNREADABLE]


def test_a_file_that_is_gone_is_left_out(contract: ModelContract, photos: list[Path]) -> None:
    photos[0].unlink()
    assert reasons(photos, contract) == [Reason.UNREADABLE]


def test_a_film_is_not_read_into_memory(contract: ModelContract, photos: list[Path]) -> None:
    with photos[0].open("wb") as film:
        film.truncate(DEFAULT_LIMITS.max_bytes + 1)
    assert reasons(photos, contract) == [Reason.TOO_MANY_BYTES]


def test_of_large_inputs_fewer_photos_are_held(contract: ModelContract) -> None:
    large = replace(contract, input=replace(contract.input, height=LARGEST_SIDE, width=LARGEST_SIDE))
    assert most_photos(contract) == MOST_PHOTOS
    assert 5 <= most_photos(large) < 10
