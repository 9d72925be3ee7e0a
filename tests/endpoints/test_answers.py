"""Answers of every kind of container, and what is none."""

import io
import json
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contract import ModelContract
from pipeline.endpoints import answers, triton_protocol
from pipeline.endpoints.answers import Answer
from pipeline.errors import ContractMismatch, EndpointRefused, ImageBatchError, UnexpectedAnswer
from pipeline.inference.predictions import Ranked

JSON, LINES, CSV, NPY = "application/json", "application/jsonlines", "text/csv", "application/x-npy"
LABELS = ("cat", "dog", "bird")


def read(body: Any, content_type: str = JSON, contract: ModelContract | None = None) -> Answer:
    return answers.read(body if isinstance(body, bytes) else json.dumps(body).encode(), content_type, contract)


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def tensors(**outputs: Any) -> tuple[bytes, str]:
    """A body of Triton's with these outputs, and its content type; made by tritonclient."""
    given = []
    for name, array in outputs.items():
        datatype = "BYTES" if array.dtype == object else triton.np_to_triton_dtype(array.dtype)
        given.append(triton.InferInput(name, list(array.shape), datatype))
        given[-1].set_data_from_numpy(array)
    body, size = triton.InferenceServerClient.generate_request_body(given)
    head = json.dumps({"outputs": json.loads(body[:size])["inputs"]}).encode()
    return head + body[size:], triton_protocol.content_type(len(head))


SCORES = np.array([0.25, 0.5, 0.125], np.float32)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ([0.25, 0.5, 0.125], JSON),
        ([[0.25, 0.5, 0.125]], JSON),
        ({"predictions": [[0.25, 0.5, 0.125]]}, JSON),
        ({"predictions": [{"probabilities": [0.25, 0.5, 0.125], "classes": 1}]}, JSON),
        ({"scores": [0.25, 0.5, 0.125], "took_ms": 3}, JSON),
        ({"outputs": {"logits": [[0.25, 0.5, 0.125]]}}, JSON),
        (b"[0.25, 0.5, 0.125]\n", LINES),
        (b"  [0.25,\n 0.5, 0.125]", "text/html; charset=utf-8"),
        (b"\xef\xbb\xbf[0.25, 0.5, 0.125]", JSON),
        (b"0.25,0.5,0.125\n", CSV),
        (b"0.25, 0.5, 0.125", "text/csv; charset=utf-8"),
        (npy(SCORES), NPY),
        (npy(SCORES[None].astype(">f8")), "application/octet-stream"),
        tensors(anything=SCORES[None]),
        tensors(other=np.zeros(2, np.int64), ensemble_output=SCORES.astype(np.float16)),
        ({"outputs": [{"name": "y", "datatype": "FP32", "shape": [1, 3], "data": [0.25, 0.5, 0.125]}]}, JSON),
    ],
)
def test_scores_are_read_from(body: Any, content_type: str) -> None:
    found = read(body, content_type).scores
    assert found is not None
    assert found.dtype == np.float32
    assert found.tolist() == [0.25, 0.5, 0.125]


def test_the_contract_says_which_output_is_meant(contract: ModelContract) -> None:
    body, content_type = tensors(features=np.zeros((1, 9), np.float32), logits=SCORES[None])
    found = read(body, content_type, contract).scores
    assert found is not None
    assert found.tolist() == SCORES.tolist()


def test_an_answer_of_our_server_is_ranked_already() -> None:
    line = {"image": 0, "contract": "abc", "top": [{"label": "dog", "index": 1, "score": 0.5}]}
    assert read(line, LINES) == Answer(ranked=(Ranked("dog", 1, 0.5),), contract="abc")


def test_boxes_of_our_server_stay_together() -> None:
    line = {"boxes": [{"label": "dog", "index": 1, "score": 0.5, "box": [1, 2, 3, 4]}]}
    found = read(line, LINES)
    assert found.boxes == ((1, 2, 3, 4),)
    assert found.top(None, (), 5) == (Ranked("dog", 1, 0.5),)


def test_an_image_without_any_box_is_answered_too() -> None:
    assert read({"boxes": []}, LINES).top(None, (), 5) == ()


def test_an_embedding_is_values() -> None:
    assert read({"values": [0.5, 1]}, LINES).values == (0.5, 1.0)


def test_labels_and_scores_are_ranked_by_score_and_find_their_index() -> None:
    answer = read([{"label": "dog", "score": 0.2}, {"label": "bird", "score": 0.7}, {"label": "eel", "score": 0.1}])
    assert answer.top(None, LABELS, 3) == (Ranked("bird", 2, 0.7), Ranked("dog", 1, 0.2), Ranked("eel", -1, 0.1))


def test_labels_beside_probabilities_are_those_of_the_classes() -> None:
    answer = read({"probabilities": [0.25, 0.75], "labels": ["tench", "goldfish"], "predicted_label": "goldfish"})
    assert answer.top(None, (), 1) == (Ranked("goldfish", 1, 0.75),)


def test_classifications_of_triton_are_ranked_already() -> None:
    body, content_type = tensors(ensemble_output=np.array([b"0.75:1:dog", b"0.25:0"], object))
    assert read(body, content_type).top(None, (), 5) == (Ranked("dog", 1, 0.75), Ranked("0", 0, 0.25))


@pytest.mark.parametrize("text", [b"0.75:one:dog", b"0.75", b"0.75:" + b"9" * 5000])
def test_a_text_of_triton_that_is_no_classification_is_refused(text: bytes) -> None:
    body, content_type = tensors(ensemble_output=np.array([text], object))
    with pytest.raises(UnexpectedAnswer, match="is no classification; expected score:index:label"):
        read(body, content_type)


def test_the_contracts_activation_makes_scores_of_logits(contract: ModelContract) -> None:
    top = read([1.0, 3.0, 2.0]).top(contract, LABELS, 2)
    exponentials = np.exp([1.0, 3.0, 2.0])
    assert [(each.label, each.index) for each in top] == [("dog", 1), ("bird", 2)]
    assert [each.score for each in top] == pytest.approx(sorted(exponentials / exponentials.sum())[:0:-1])


@pytest.mark.parametrize("body", [{"probabilities": [0.2, 0.8]}, {"predictions": [{"probabilities": [[0.2, 0.8]]}]}])
def test_probabilities_are_taken_as_they_are(contract: ModelContract, body: Any) -> None:
    (best,) = read(body).top(contract, ("cat", "dog"), 1)
    assert best.score == pytest.approx(0.8)


def test_without_labels_a_class_is_called_by_its_index() -> None:
    assert read([0.25, 0.5]).top(None, (), 1) == (Ranked("1", 1, 0.5),)


def test_labels_of_another_model_are_refused() -> None:
    with pytest.raises(ContractMismatch, match="2 scores, and there are 3 labels"):
        read([0.25, 0.5]).top(None, LABELS, 1)


def test_an_embedding_has_no_labels() -> None:
    with pytest.raises(UnexpectedAnswer, match="embedding"):
        read({"values": [0.5]}).top(None, (), 1)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"image": 0, "reason": "truncated", "detail": "ends early"}, "truncated: ends early"),
        ({"error": "no such model"}, "no such model"),
        ({"error": {"code": 3, "message": "no such model"}}, "no such model"),
    ],
)
def test_an_error_that_comes_with_success_is_raised(body: Any, told: str) -> None:
    with pytest.raises(EndpointRefused, match=told):
        read(body)


def test_an_error_of_triton_is_raised() -> None:
    body = b'{"error": "unexpected inference input"}'
    with pytest.raises(EndpointRefused, match="unexpected inference input"):
        read(body, triton_protocol.content_type(len(body)))


@pytest.mark.parametrize(
    ("body", "content_type", "told"),
    [
        (b"", JSON, "expected JSON"),
        (b"<!DOCTYPE html><html>busy</html>", "text/html", "expected JSON, CSV"),
        (b"\x00\x01", "application/octet-stream", "expected JSON"),
        (b"[0.5, 0.5", JSON, "no JSON"),
        (b"[" * 100_000, JSON, "no JSON"),
        (b"[\xff]", JSON, "no UTF-8"),
        (b'{"top": []}\n{"top": []}\n', LINES, "2 lines of JSON for one image"),
        ([], JSON, "shape [0]"),
        ([[0.1], [0.2]], JSON, "shape [2, 1]"),
        ([[0.1], [0.2, 0.3]], JSON, "no list of numbers"),
        (["a", "b"], JSON, "no list of numbers"),
        ([True, False], JSON, "no list of numbers"),
        (b"[NaN, 1]", JSON, "NaN or infinite"),
        ([1e300], JSON, "NaN or infinite"),
        ({"status": "ok"}, JSON, "has 'status'"),
        ({}, JSON, "has nothing"),
        ({"predictions": "none"}, JSON, "neither an object nor a list"),
        ({"top": [{"label": "cat"}]}, LINES, "no label and score"),
        ({"top": [{"label": "cat", "score": "high"}]}, LINES, "'high' is no finite number"),
        ({"boxes": [{"label": "cat", "score": 1, "box": [1, 2]}]}, LINES, "no box"),
        (b"0.1,cat", CSV, "no line of numbers"),
        (b"0.1,0.2\n0.3,0.4\n", CSV, "shape [2, 2]"),
        (b"\x93NUMPY\x01\x00nonsense", NPY, "no .npy array"),
        (npy(np.zeros((2, 3))), NPY, "shape [2, 3]"),
        (npy(np.array(["a"])), NPY, "no list of numbers"),
        (tensors(a=np.zeros(2, np.float32), b=np.zeros(2, np.float32)), "", "its outputs are 'a', 'b'"),
        (tensors(a=np.array([b"cat"], object)), "", "expected score:index:label"),
        (tensors(a=np.array([b"cat:1"], object)), "", "'cat' is no finite number"),
    ],
)
def test_what_is_no_prediction_is_refused_with_what_it_is(body: Any, content_type: str, told: str) -> None:
    if isinstance(body, tuple):
        body, content_type = body
    with pytest.raises(UnexpectedAnswer) as refused:
        read(body, content_type)
    assert told in str(refused.value)


def test_pickles_are_not_loaded() -> None:
    file = io.BytesIO()
    np.save(file, np.array([{}], object), allow_pickle=True)
    with pytest.raises(UnexpectedAnswer, match=r"no \.npy array"):
        read(file.getvalue(), NPY)


NAMES = (
    "top boxes values box label score index predictions outputs labels error probabilities datatype shape name data"
    " reason detail"
)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES.split()), inner, max_size=5),
    max_leaves=20,
)


@given(DOCUMENTS)
def test_no_document_makes_it_raise_anything_else(document: Any) -> None:
    try:
        read(document).top(None, (), 5)
    except ImageBatchError:
        pass


@given(st.binary(max_size=100), st.sampled_from([JSON, LINES, CSV, NPY, "", triton_protocol.content_type(20)]))
def test_no_bytes_make_it_raise_anything_else(body: bytes, content_type: str) -> None:
    try:
        read(body, content_type)
    except ImageBatchError:
        pass


def test_a_container_that_is_not_ours_answers_where_its_contract_says(foreign: ModelContract) -> None:
    body = {"predictions": [9, 9], "result": [{"confidence": [0.25, 0.75]}]}
    assert read(body, contract=foreign).top(foreign, ("cat", "dog"), 1) == (Ranked("dog", 1, 0.75),)


def test_an_answer_elsewhere_than_its_contract_says_is_none(foreign: ModelContract) -> None:
    with pytest.raises(UnexpectedAnswer, match="result"):
        read({"predictions": [0.25, 0.75]}, contract=foreign)
