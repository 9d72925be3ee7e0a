"""The work of a partition, divided so that no process waits for another's last shard: guided self-scheduling.

Whoever is free takes what comes next, and that is at most the share of one process in all that is left. So shards go
whole until the last of them, which are cut into pieces that become smaller and smaller. However fast each process is,
all end at nearly the same time (Polychronopoulos and Kuck, "Guided Self-Scheduling", IEEE Transactions on Computers,
1987).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import shards

LEAST_ROWS = 16
"""A piece takes a millisecond or two beside its forward passes, which is as much as those of one image may take."""

ROWS_WORTH_A_PROCESS = 64
"""A process loads the model first, in the time that some twenty or forty images take: 0.1 s, or seconds."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows `start` to `stop` of a shard that has `rows` of them."""

    path: Path
    start: int
    stop: int
    rows: int

    @classmethod
    def whole(cls, path: Path, rows: int) -> "Piece":
        """All of a shard."""
        return cls(path, 0, rows, rows)

    @property
    def is_whole(self) -> bool:
        """Whether nobody else predicts a part of the shard."""
        return self.stop - self.start == self.rows

    @property
    def shard_id(self) -> str:
        """As predictions name the shard."""
        return self.path.name.removesuffix(shards.SUFFIX)

    def in_batches(self, size: int) -> slice:
        """The rows, with edges moved to those of batches: a shard has the same batches, whether it was cut or not.

        A model may answer a little differently for the same image in a smaller batch.
        """
        start, stop = (min(-(-edge // size) * size, self.rows) for edge in (self.start, self.stop))
        return slice(start, stop)


def processes_for(sizes: Sequence[int], most: int) -> int:
    """How many processes, `most` at most, have work in shards of so many rows."""
    return min(most, max(len(sizes), sum(sizes) // ROWS_WORTH_A_PROCESS))


def divide(wholes: Sequence[Piece], processes: int) -> Iterator[Piece]:
    """Shards, cut where they have to be. All pieces of a shard follow each other, in the order of its rows."""
    left = sum(whole.rows for whole in wholes)
    for whole in wholes:
        start = 0
        while start < whole.rows:
            share = max(-(-left // processes), LEAST_ROWS)
            rest = whole.rows - start
            size = share if rest - share >= LEAST_ROWS else rest
            yield Piece(whole.path, start, start + size, whole.rows)
            start += size
            left -= size
