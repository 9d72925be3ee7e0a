"""What the pieces of a shard come to, put together and published once all of them are there.

    <shard>.jsonl           the lines of all pieces, in the order of the shard's rows
    <shard>.npy             the array into which each piece has written its rows, where the task is raw
    <shard>.failed.json     instead of both: why the first piece of those that failed did

A file appears under its name whole or not at all: SageMaker uploads the folder while the job runs. What is not whole
yet lies in the same folder: each output is a mount of its own, and no file is renamed across.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipeline.errors import InvalidPrediction
from pipeline.inference import arrays
from pipeline.inference.division import Piece
from pipeline.inference.predictions import FAILURE_SUFFIX, PREDICTIONS_SUFFIX, ShardFailure

PARTIAL_SUFFIX = ".partial"
"""Ends the name of a file that is being written. One that is uploaded by chance is read by nobody."""


@dataclass(frozen=True, slots=True)
class ShardOutcome:
    """What became of one shard: so many images predicted, or why none was."""

    shard: str
    images: int = 0
    failure: ShardFailure | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """What a piece came to: lines of predictions, or why there are none."""

    lines: tuple[str, ...] = ()
    array_shape: tuple[int, ...] | None = None
    """Of a row that was written into the shard's array."""
    failure: ShardFailure | None = None


class Assembly:
    """Answers of pieces, until those of their whole shard are there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: dict[Path, list[tuple[Piece, Answers]]] = {}

    def add(self, piece: Piece, answers: Answers | ShardOutcome) -> ShardOutcome | None:
        """What became of the piece's shard; None while other pieces of it are missing."""
        if isinstance(answers, ShardOutcome):
            return answers
        found = self._found.setdefault(piece.path, [])
        found.append((piece, answers))
        if sum(each.stop - each.start for each, _ in found) < piece.rows:
            return None
        del self._found[piece.path]
        found.sort(key=lambda each: each[0].start)
        return assemble(self._folder, piece.shard_id, [answered for _, answered in found])


def assemble(folder: Path, shard_id: str, answers: Sequence[Answers]) -> ShardOutcome:
    """Publishes what the pieces of a shard came to, in their order: their predictions, or the first failure."""
    failure = next((each.failure for each in answers if each.failure), None) or _contradiction(shard_id, answers)
    array = partial_array(folder, shard_id)
    if failure:
        array.unlink(missing_ok=True)
        _publish(folder / f"{shard_id}{FAILURE_SUFFIX}", [failure.to_json()])
        return ShardOutcome(shard_id, failure=failure)
    if any(each.array_shape is not None for each in answers):
        array.replace(folder / arrays.file_name(shard_id))  # before any line names it
    _publish(folder / f"{shard_id}{PREDICTIONS_SUFFIX}", (line for each in answers for line in each.lines))
    return ShardOutcome(shard_id, sum(len(each.lines) for each in answers))


def partial_array(folder: Path, shard_id: str) -> Path:
    """Where pieces write a shard's array."""
    return folder / f"{arrays.file_name(shard_id)}{PARTIAL_SUFFIX}"


def _contradiction(shard_id: str, answers: Sequence[Answers]) -> ShardFailure | None:
    """Each piece of an array has one shape; this is why they do not make one array, if they do not."""
    shapes = [each.array_shape for each in answers if each.array_shape is not None]
    try:
        for shape in shapes[1:]:
            arrays.check_shapes(shapes[0], shape)
    except InvalidPrediction as error:
        return ShardFailure.of(shard_id, error)
    return None


def _publish(path: Path, lines: Iterable[str]) -> None:
    with _publishing(path) as file:
        file.writelines(line.encode("ascii") for line in lines)


@contextmanager
def _publishing(path: Path) -> Iterator[IO[bytes]]:
    partial = path.with_name(f"{path.name}{PARTIAL_SUFFIX}")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
