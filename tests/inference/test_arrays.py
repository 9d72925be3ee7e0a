"""Arrays are read by NumPy itself, and hold what was appended."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from pipeline.errors import InvalidPrediction
from pipeline.inference.arrays import ArrayWriter

shapes = arrays_of.array_shapes(min_dims=1, max_dims=4, max_side=4)
answers = shapes.flatmap(lambda shape: arrays_of.arrays(np.float32, shape, elements=st.floats(-1e6, 1e6, width=32)))


def written(rows: int, *batches: Any) -> Any:
    file = io.BytesIO()
    writer = ArrayWriter(file, rows)
    for batch in batches:
        writer.append(batch)
    return np.load(io.BytesIO(file.getvalue()), allow_pickle=False)


@given(answers, st.integers(1, 3))
def test_an_array_that_was_written_in_batches_reads_back_as_one(whole: Any, size: int) -> None:
    batches = [whole[start : start + size] for start in range(0, len(whole), size)]
    found = written(len(whole), *batches)
    assert found.dtype == np.float32
    assert np.array_equal(found, whole)


@given(answers, st.integers(0, 4), st.booleans())
def test_an_array_that_two_write_reads_back_as_one(whole: Any, edge: int, is_last_first: bool) -> None:
    file = io.BytesIO()
    for part in sorted((slice(0, edge), slice(edge, None)), key=lambda part: part.start, reverse=is_last_first):
        if len(whole[part]):
            file.seek(0)
            ArrayWriter(file, len(whole), part.start).append(whole[part])
    assert np.array_equal(np.load(io.BytesIO(file.getvalue()), allow_pickle=False), whole)


def test_rows_that_lie_scattered_in_memory_are_written_in_their_order() -> None:
    whole = np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(0, 2, 1)
    assert np.array_equal(written(2, whole), whole)


def test_numbers_of_another_type_become_float32() -> None:
    assert written(1, np.array([[1.5, 2]], ">f8")).tolist() == [[1.5, 2]]


def test_an_answer_of_another_shape_is_refused() -> None:
    with pytest.raises(InvalidPrediction, match=r"answers \[2\] for one image and \[3\] for another"):
        written(2, np.zeros((1, 2), np.float32), np.zeros((1, 3), np.float32))
