"""What pieces of a shard come to is published once, when all of them are there."""

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from pipeline.inference.arrays import ArrayWriter
from pipeline.inference.assembly import Answers, Assembly, ShardOutcome, partial_array
from pipeline.inference.division import Piece
from pipeline.inference.predictions import ShardFailure

PIECES = [Piece(Path("b-0.safetensors"), start, start + 2, rows=6) for start in (0, 2, 4)]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_lines_lie_in_the_order_of_rows_whichever_piece_came_first(tmp_path: Path, order: tuple[int, ...]) -> None:
    assembly = Assembly(tmp_path)
    outcomes = [assembly.add(PIECES[number], Answers((f"{2 * number}\n", f"{2 * number + 1}\n"))) for number in order]
    assert outcomes == [None, None, ShardOutcome("b-0", images=6)]
    assert (tmp_path / "b-0.jsonl").read_text().split() == list("012345")


def test_nothing_is_published_while_a_piece_is_missing(tmp_path: Path) -> None:
    assembly = Assembly(tmp_path)
    for piece in PIECES[1:]:
        assembly.add(piece, Answers(("line\n", "line\n")))
    assert names(tmp_path) == []


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_failure_is_that_of_the_first_rows_that_failed(tmp_path: Path, order: tuple[int, ...]) -> None:
    answers = [Answers(("line\n", "line\n")), *(Answers(failure=ShardFailure("b-0", name, "")) for name in "AB")]
    assembly = Assembly(tmp_path)
    for number in order:
        assembly.add(PIECES[number], answers[number])
    assert names(tmp_path) == ["b-0.failed.json"]
    assert json.loads((tmp_path / "b-0.failed.json").read_text())["error"] == "A"


def with_arrays(folder: Path, shapes: list[tuple[int, ...]]) -> ShardOutcome | None:
    """What becomes of a shard whose pieces answer in these shapes."""
    assembly, outcome = Assembly(folder), None
    partial_array(folder, "b-0").touch()
    for piece, shape in zip(PIECES, shapes, strict=True):
        with partial_array(folder, "b-0").open("r+b") as file:
            ArrayWriter(file, piece.rows, piece.start).append(np.full((2, *shape), piece.start))
        outcome = assembly.add(piece, Answers(("line\n", "line\n"), array_shape=shape))
    return outcome


def test_an_array_is_published_with_the_lines_that_name_it(tmp_path: Path) -> None:
    with_arrays(tmp_path, [(1,)] * 3)
    assert names(tmp_path) == ["b-0.jsonl", "b-0.npy"]
    assert np.load(tmp_path / "b-0.npy").ravel().tolist() == [0, 0, 2, 2, 4, 4]


def test_pieces_whose_answers_make_no_array_fail_their_shard(tmp_path: Path) -> None:
    outcome = with_arrays(tmp_path, [(2, 3), (2, 3), (3, 2)])
    assert outcome
    assert outcome.failure
    assert "[2, 3] for one image and [3, 2] for another" in outcome.failure.cause
    assert names(tmp_path) == ["b-0.failed.json"]
