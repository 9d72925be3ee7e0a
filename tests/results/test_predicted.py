"""Predictions as columns: read by pyarrow where it reads as Python does, line by line where it does not."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import CorruptPredictions
from pipeline.inference.predictions import Prediction, Ranked, read_lines
from pipeline.results import predicted
from pipeline.results.predicted import Predicted
from pipeline.shards import Row

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
count = st.integers(0, 2**31 - 1)
number = st.floats(-1e30, 1e30)
row = st.builds(Row, bucket=text, key=text, etag=text, size=st.integers(0, 2**62), width=count, height=count)
ranked = st.builds(Ranked, label=text, index=count, score=number)
box = st.tuples(*[st.floats(0, 1e6, width=32)] * 4)
tops = st.lists(ranked, min_size=1, max_size=4).map(tuple)
answers = st.one_of(
    st.fixed_dictionaries({"top": tops}),
    st.fixed_dictionaries({"values": st.lists(number, min_size=1, max_size=5).map(tuple)}),
    st.fixed_dictionaries({"array_row": count}),
    st.lists(st.tuples(ranked, box), max_size=3).map(
        lambda found: {"top": tuple(each for each, _ in found), "boxes": tuple(each for _, each in found)}
    ),
)
predictions = st.lists(st.tuples(row, answers).map(lambda pair: prediction(*pair)), max_size=6)

LINE: dict[str, Any] = {
    "image_uri": "s3://images/a.jpg",
    "bucket": "images",
    "key": "a.jpg",
    "etag": "e",
    "size": 10,
    "width": 4,
    "height": 3,
    "model": "tiny",
    "contract": "digest",
    "run_id": "run",
    "shard": "b-0",
    "top": [{"label": "cat", "index": 0, "score": 0.75}],
}
VECTOR = {**{name: value for name, value in LINE.items() if name != "top"}, "values": [0.5, -1.0]}


def prediction(row: Row, answer: dict[str, Any]) -> Prediction:
    return Prediction(row, "tiny", "digest", "run", "b-0", **answer)


def lines(*documents: dict[str, Any]) -> bytes:
    return "".join(json.dumps(document) + "\n" for document in documents).encode()


@settings(max_examples=200, deadline=None)
@given(predictions=predictions)
def test_lines_read_as_the_predictions_that_wrote_them(predictions: list[Prediction]) -> None:
    written = "".join(prediction.to_line() for prediction in predictions).encode()

    assert Predicted.parse(written).columns.equals(Predicted.of(predictions).columns)


@pytest.mark.parametrize("line", [LINE, VECTOR], ids=["labels", "values"])
def test_lines_as_nearly_all_runs_have_them_are_read_without_python(
    monkeypatch: pytest.MonkeyPatch, line: dict[str, Any]
) -> None:
    monkeypatch.delattr(predicted, "read_lines")

    assert len(Predicted.parse(lines(line, line))) == 2


@pytest.mark.parametrize(
    "broken",
    [
        b'{"key": "incoming/0.jpg"',
        lines(LINE)[:-20],
        lines(LINE).rstrip() + lines(LINE),
        lines(LINE).rstrip() + b"\r" + lines(LINE),
        lines({**LINE, "key": None}),
        lines({**LINE, "size": -1}),
        lines({**LINE, "size": 1.5}),
        lines({**LINE, "width": True}),
        lines({name: value for name, value in LINE.items() if name != "etag"}),
        lines({**LINE, "top": []}),
        lines({**LINE, "top": [None]}),
        lines({**LINE, "top": [{"label": "cat", "score": 0.5}]}),
        lines({**LINE, "top": [{"label": "cat", "index": 0, "score": float("nan")}]}),
        lines({**LINE, "top": [{"label": "cat", "index": 0, "score": float("inf")}]}),
        lines({**VECTOR, "values": [0.5, float("nan")]}),
        lines({**VECTOR, "values": [0.5, None]}),
        lines({**VECTOR, "values": []}),
        lines(LINE).replace(b"0.75", b"1e999"),
        lines(LINE).replace(b"a.jpg", b"\xff.jpg"),
        b"[1]\n",
    ],
)
def test_a_line_that_is_no_prediction_is_corrupt(broken: bytes) -> None:
    with pytest.raises(CorruptPredictions):
        Predicted.parse(broken)


@pytest.mark.parametrize(
    "unusual",
    [
        lines(LINE) + b"\n" + lines(LINE),
        lines(LINE).rstrip(),
        lines({**LINE, "note": "from another version"}),
        lines(LINE, VECTOR),
        lines({**LINE, "values": [0.5]}),
        lines({**LINE, "key": "\u2028ü.jpg"}).decode("unicode_escape").encode(),
    ],
    ids=["an empty line", "no newline", "another field", "two tasks", "two answers", "no ASCII"],
)
def test_what_is_out_of_the_ordinary_reads_as_it_does_line_by_line(unusual: bytes) -> None:
    expected = Predicted.of(read_lines(unusual.split(b"\n")))

    assert Predicted.parse(unusual).columns.equals(expected.columns)


def test_a_detector_answers_with_every_box() -> None:
    found = prediction(
        Row("images", "a", "e", 1, 1, 1), {"top": (Ranked("cat", 0, 0.75),) * 2, "boxes": ((0,) * 4,) * 2}
    )
    empty = prediction(Row("images", "b", "e", 1, 1, 1), {"boxes": ()})
    boxes = Predicted.of([found, empty])

    assert (list(boxes.answers), boxes.without_boxes) == ([[("cat", 0.75), ("cat", 0.75)], []], 1)
