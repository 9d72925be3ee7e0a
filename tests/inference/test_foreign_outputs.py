import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contract import Answer, AnswerFormat
from pipeline.errors import InvalidPrediction
from pipeline.inference.foreign_outputs import read_scores

ARRAY = Answer(AnswerFormat.JSON_ARRAY)
CSV = Answer(AnswerFormat.CSV)
KEY = "incoming/roof 7.jpg"

scores = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=20)
names = st.text(min_size=1, max_size=8).filter(lambda name: "." not in name)


def at(*path: str) -> Answer:
    return Answer(AnswerFormat.JSON_OBJECT, ".".join(path))


@given(scores)
def test_an_array_of_json_reads_as_the_numbers_in_it(expected: list[float]) -> None:
    assert read_scores(json.dumps(expected).encode(), ARRAY, KEY).tolist() == expected


@given(scores)
def test_a_line_of_csv_reads_as_the_numbers_in_it(expected: list[float]) -> None:
    assert read_scores(",".join(map(repr, expected)).encode() + b"\r\n", CSV, KEY).tolist() == expected


@given(scores, st.lists(st.one_of(names, st.integers(0, 3)), max_size=5), names)
def test_a_path_leads_through_objects_and_lists(expected: list[float], steps: list[str | int], first: str) -> None:
    document: object = expected
    for step in reversed(steps):
        document = {step: document} if isinstance(step, str) else [*([None] * step), document]
    body = json.dumps({first: document}).encode()
    if len(steps) and steps[-1] == 0:
        steps = steps[:-1]  # a batch of one is its row, whether or not the path says so
    assert read_scores(body, at(first, *map(str, steps)), KEY).tolist() == expected


@given(scores)
def test_a_batch_of_one_is_its_row(expected: list[float]) -> None:
    assert read_scores(json.dumps([expected]).encode(), ARRAY, KEY).tolist() == expected


@given(st.binary(max_size=200), st.sampled_from([ARRAY, CSV, at("scores"), at("a", "0")]))
def test_any_body_is_scores_or_a_refusal_that_names_the_photo(body: bytes, output: Answer) -> None:
    refusal = ""
    try:
        found = read_scores(body, output, KEY)
    except InvalidPrediction as error:
        refusal = str(error)
    assert refusal.startswith(f"{KEY}: ") if refusal else np.isfinite(found).all()


@pytest.mark.parametrize(
    ("body", "output", "why"),
    [
        (b"", ARRAY, "it is no JSON"),
        (b'{"scores": [1]}', ARRAY, "the answer is no list of numbers"),
        (b"[]", ARRAY, "it holds no score at all"),
        (b"[0.5, NaN]", ARRAY, "score 1 is nan, which is no finite number"),
        (b"[1e39]", ARRAY, "score 0 is 1e[+]39, which is no finite number"),
        (b"[1" + b"0" * 400 + b"]", ARRAY, "score 0 is 10"),
        (b"[0.5, true]", ARRAY, "score 1 is True"),
        (b'["0.5"]', ARRAY, "score 0 is '0.5'"),
        (b"[[1], [2]]", ARRAY, r"score 0 is \[1\]"),
        (b"\xff\xfe", ARRAY, "it is not UTF-8 text"),
        (b"[" * 100_000, ARRAY, "it is no JSON"),
        (b"[1]", at("scores"), "it is no object"),
        (b'{"score": [1]}', at("scores"), "the answer has no 'scores'; it has 'score'"),
        (b'{"a": {"b": 1}}', at("a", "b"), "a.b is no list of numbers"),
        (b'{"a": [1]}', at("a", "1"), "a has 1 elements, and no '1'"),
        (b'{"a": 1}', at("a", "b"), "a is neither an object nor a list"),
        (b"0.1,0.9\n0.2,0.8\n", CSV, "it has 2 lines; one photo has one"),
        (b"cat,dog\n", CSV, "it is no line of numbers: could not convert"),
        (b"0.1,1_0\n", CSV, "it is no line of numbers: '1_0' is no number"),
        ("0.1,\u0661\n".encode(), CSV, "it is no line of numbers: '\u0661' is no number"),
        (b"0.1,inf\n", CSV, "score 1 is inf"),
        (b"", CSV, "it has 0 lines"),
    ],
)
def test_an_answer_of_another_shape_is_refused_in_words(body: bytes, output: Answer, why: str) -> None:
    with pytest.raises(InvalidPrediction, match=f"does not read as {output.format}: {why}"):
        read_scores(body, output, KEY)
