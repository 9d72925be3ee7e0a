"""Prediction lines survive every key, and a line that is no prediction is refused."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import CorruptPredictions
from pipeline.inference.predictions import Prediction, Ranked, ShardFailure, read_lines
from pipeline.shards import Row

texts = st.text(st.characters(exclude_categories=["Cs"]))
finite = st.floats(allow_nan=False, allow_infinity=False)
rows = st.builds(Row, texts, texts, texts, *(st.integers(0, 2**40) for _ in range(3)))
ranked = st.builds(Ranked, texts, st.integers(0, 10_000), finite)
common = {"row": rows, "model": texts, "contract": texts, "run_id": texts, "shard": texts}
predictions = st.one_of(
    st.builds(Prediction, **common, top=st.lists(ranked, min_size=1, max_size=5).map(tuple)),
    st.builds(Prediction, **common, values=st.lists(finite, min_size=1, max_size=5).map(tuple)),
    st.builds(Prediction, **common, array_row=st.integers(0, 200)),
    st.lists(st.tuples(ranked, st.tuples(finite, finite, finite, finite)), max_size=5).flatmap(
        lambda found: st.builds(
            Prediction,
            **common,
            top=st.just(tuple(answer for answer, _ in found)),
            boxes=st.just(tuple(box for _, box in found)),
        )
    ),
)

PREDICTION = Prediction(
    row=Row("images", "a.jpg", "etag", 1, 2, 3),
    model="m",
    contract="c",
    run_id="r",
    shard="s",
    top=(Ranked("cat", 3, 0.5),),
)


def changed(**fields: object) -> str:
    return json.dumps(json.loads(PREDICTION.to_line()) | fields)


@given(predictions)
def test_a_prediction_reads_back_from_its_line(prediction: Prediction) -> None:
    assert Prediction.from_line(prediction.to_line()) == prediction


@given(predictions)
def test_no_key_breaks_a_line(prediction: Prediction) -> None:
    line = prediction.to_line()
    assert line.isascii()
    assert line.splitlines(keepends=True) == [line]


def test_a_line_says_what_people_look_for() -> None:
    assert json.loads(PREDICTION.to_line()) == {
        "image_uri": "s3://images/a.jpg",
        "bucket": "images",
        "key": "a.jpg",
        "etag": "etag",
        "size": 1,
        "width": 2,
        "height": 3,
        "model": "m",
        "contract": "c",
        "run_id": "r",
        "shard": "s",
        "top": [{"label": "cat", "index": 3, "score": 0.5}],
    }


def test_a_line_has_a_box_with_each_answer_of_a_detector() -> None:
    line = json.loads(replace(PREDICTION, boxes=((1.5, 2, 3, 4),)).to_line())
    assert "top" not in line
    assert line["boxes"] == [{"label": "cat", "index": 3, "score": 0.5, "box": [1.5, 2, 3, 4]}]


def test_a_line_without_a_box_is_a_prediction_too() -> None:
    line = replace(PREDICTION, top=(), boxes=()).to_line()
    assert json.loads(line)["boxes"] == []
    assert Prediction.from_line(line).boxes == ()


def test_a_line_names_the_file_and_the_row_of_an_array() -> None:
    line = json.loads(replace(PREDICTION, top=(), array_row=7).to_line())
    assert (line["array"], line["array_row"]) == ("s.npy", 7)


@given(st.text(max_size=200))
def test_text_that_is_no_prediction_is_refused(text: str) -> None:
    with pytest.raises(CorruptPredictions):
        Prediction.from_line(text)


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "{}",
        changed(top=[]),
        changed(top=[{"label": "cat"}]),
        changed(top=[{"label": "cat", "index": 3, "score": float("nan")}]),
        changed(key=7),
        changed(size=-1),
        changed(top="cat"),
        changed(boxes=[{"label": "cat", "index": 3, "score": 0.5}]),
        changed(boxes=[{"label": "cat", "index": 3, "score": 0.5, "box": [1, 2, 3]}]),
        changed(boxes=[{"label": "cat", "index": 3, "score": 0.5, "box": [1, 2, 3, float("inf")]}]),
        changed(boxes=7),
        changed(array_row=-1),
        changed(array_row="first"),
        changed(array_row=1.5),
        PREDICTION.to_line()[:-9],
    ],
)
def test_a_line_that_says_less_than_a_prediction_is_refused(line: str) -> None:
    with pytest.raises(CorruptPredictions):
        Prediction.from_line(line)


def test_a_refusal_shows_the_line() -> None:
    with pytest.raises(CorruptPredictions, match="no such line"):
        Prediction.from_line("no such line")


def test_a_score_that_is_not_finite_is_not_written() -> None:
    infinite = Prediction(PREDICTION.row, "m", "c", "r", "s", (Ranked("cat", 3, float("inf")),))
    with pytest.raises(ValueError, match="JSON compliant"):
        infinite.to_line()


def test_empty_lines_are_passed_over() -> None:
    lines = [PREDICTION.to_line().encode(), b"\n", b"", PREDICTION.to_line().encode()]
    assert list(read_lines(lines)) == [PREDICTION, PREDICTION]


@given(st.builds(ShardFailure, texts, texts, texts))
def test_a_failure_reads_back_from_its_json(failure: ShardFailure) -> None:
    assert ShardFailure.from_json(failure.to_json()) == failure


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"shard": "s"}'])
def test_a_document_that_is_no_failure_is_refused(text: str) -> None:
    with pytest.raises(CorruptPredictions):
        ShardFailure.from_json(text)
