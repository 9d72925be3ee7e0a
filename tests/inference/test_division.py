"""How shards are shared out among processes."""

from itertools import groupby
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipeline.inference.division import LEAST_ROWS, Piece, divide, processes_for

sizes = st.lists(st.integers(1, 200), min_size=1, max_size=40).map(lambda each: sorted(each, reverse=True))
processes = st.integers(1, 20)


def shards_of(rows: list[int]) -> list[Piece]:
    return [Piece.whole(Path(f"b-{number}.safetensors"), count) for number, count in enumerate(rows)]


def pieces_of(rows: list[int], processes: int) -> list[list[Piece]]:
    """The pieces of each shard."""
    return [list(group) for _, group in groupby(divide(shards_of(rows), processes), lambda piece: piece.path)]


@given(sizes, processes, st.integers(1, 200))
def test_pieces_have_each_row_once_whatever_the_size_of_batches(
    sizes: list[int], processes: int, batch_size: int
) -> None:
    rows = [
        [row for piece in pieces for row in range(*piece.in_batches(batch_size).indices(1000))]
        for pieces in pieces_of(sizes, processes)
    ]
    assert rows == [list(range(size)) for size in sizes]


@given(sizes, processes, st.integers(1, 200))
def test_a_piece_begins_where_a_batch_of_its_whole_shard_does(
    sizes: list[int], processes: int, batch_size: int
) -> None:
    for piece in divide(shards_of(sizes), processes):
        rows = piece.in_batches(batch_size)
        assert rows.start == piece.rows or rows.start % batch_size == 0


@given(sizes, processes)
def test_a_shard_is_cut_where_it_is_more_than_the_share_of_a_process_in_what_is_left(
    sizes: list[int], processes: int
) -> None:
    for number, pieces in enumerate(pieces_of(sizes, processes)):
        is_fair = sizes[number] * processes <= sum(sizes[number:])
        assert not is_fair or [piece.is_whole for piece in pieces] == [True]


@given(sizes, processes)
def test_no_piece_is_too_small_to_be_worth_it(sizes: list[int], processes: int) -> None:
    assert all(
        piece.is_whole or piece.stop - piece.start >= LEAST_ROWS for piece in divide(shards_of(sizes), processes)
    )


@given(sizes)
def test_one_process_has_whole_shards(sizes: list[int]) -> None:
    assert list(divide(shards_of(sizes), 1)) == shards_of(sizes)


@given(sizes, processes)
def test_nobody_works_longer_than_a_fair_share_and_a_small_piece(sizes: list[int], processes: int) -> None:
    ends = [0] * processes
    for piece in divide(shards_of(sizes), processes):
        ends.sort()
        ends[0] += piece.stop - piece.start
    assert max(ends) <= sum(sizes) / processes + 2 * LEAST_ROWS


def test_the_last_of_seven_shards_keeps_two_processes_busy() -> None:
    cut = [[piece.stop - piece.start for piece in pieces] for pieces in pieces_of([143] * 7, 2)]
    assert cut == [[143]] * 6 + [[72, 36, 18, 17]]


def test_there_is_a_process_for_each_shard_and_for_so_many_rows_as_are_worth_one() -> None:
    assert [processes_for(sizes, 4) for sizes in ([30], [2, 2, 2], [160], [160] * 3, [1] * 9)] == [1, 3, 2, 4, 4]
