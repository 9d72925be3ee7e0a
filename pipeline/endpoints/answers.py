"""What an endpoint answers for one image, in every format that is read. The content type decides, then the bytes.

    application/jsonlines, json    ours: {"top": [...]}, {"boxes": [...]} or {"values": [...]}
                                   {"predictions": X}, with probabilities, scores, logits, outputs or output in its
                                   place, or X alone, where X is [0.1, 0.9], or a list of one X; beside it, "labels"
                                   [{"label": "daisy", "score": 0.9}, ...], the best first or not
    text/csv                       0.1,0.9
    application/x-npy              an array [classes] or [1, classes]
    ...sagemaker-triton...         triton_protocol.py; of several outputs, the contract's, or ensemble_output

Containers are careless with content types, so JSON is also known by its first character, and an array by its magic.
Where the contract is for a container that is not ours, it says how that answers, and nothing else is read.
"""

import codecs
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np

from pipeline.contract import Activation, ModelContract
from pipeline.contract import Answer as AnswerPlace
from pipeline.endpoints import triton_protocol
from pipeline.endpoints.triton_protocol import Array, MalformedTensorsError, TritonError
from pipeline.errors import ContractMismatch, EndpointRefused, InvalidPrediction, UnexpectedAnswer
from pipeline.inference.foreign_outputs import read_scores
from pipeline.inference.predictions import Box, Ranked
from pipeline.inference.ranking import Scores, activate, top_k

UNKNOWN_INDEX = -1
"""Of a label that the endpoint names, and the labels at hand do not have."""
ENSEMBLE_OUTPUT = "ensemble_output"

_NPY = b"\x93NUMPY"
_INDEX = re.compile(r"[0-9]{1,9}")
_CONTAINERS = ("predictions", "probabilities", "scores", "logits", "outputs", "output")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint says about one image: one of the first three.

    `ranked` are answers that it ranked itself, with `boxes` where each of them has one. `values` are an embedding.
    `scores` float32 [classes] are the model's output, to which the contract's activation has not been applied, unless
    they `are_probabilities`. `contract` is the digest that the endpoint says it follows.
    """

    ranked: tuple[Ranked, ...] | None = None
    values: tuple[float, ...] = ()
    scores: Scores | None = None
    boxes: tuple[Box, ...] | None = None
    are_probabilities: bool = False
    contract: str = ""

    def top(self, contract: ModelContract | None, labels: Sequence[str], k: int) -> tuple[Ranked, ...]:
        """The best `k`, or all that there are; of boxes all, for the contract has limited them.

        Without labels, a class is called by its index. Raises ContractMismatch where labels and classes are not as
        many, and UnexpectedAnswer where the answer ranks nothing.
        """
        if self.ranked is not None:
            known = {label: index for index, label in reversed(list(enumerate(labels)))}
            ranked = tuple(
                each if each.index >= 0 else Ranked(each.label, known.get(each.label, UNKNOWN_INDEX), each.score)
                for each in self.ranked
            )
            return ranked if self.boxes is not None else ranked[:k]
        if self.scores is None:
            raise UnexpectedAnswer("it is an embedding, which has no labels")
        if labels and len(labels) != len(self.scores):
            raise ContractMismatch(
                f"it has {len(self.scores)} scores, and there are {len(labels)} labels. There has to be one label for"
                " each class: give the package of the model that the endpoint serves."
            )
        activation = contract.output.activation if contract and not self.are_probabilities else Activation.NONE
        scores = activate(self.scores, activation)
        best = top_k(scores[np.newaxis], k)[0].tolist()
        return tuple(Ranked(labels[index] if labels else str(index), index, float(scores[index])) for index in best)


def read(body: bytes, content_type: str, contract: ModelContract | None, output: str = "") -> Answer:
    """The answer in a body.

    `output` names the tensor to read where there are several; the contract's, if it is empty. Raises UnexpectedAnswer,
    whose text says what is wrong with the body, or EndpointRefused, whose text is the endpoint's own.
    """
    if contract and contract.output.answer:
        return Answer(scores=_declared(body, contract.output.answer))
    output = output or (contract.output.name if contract else "")
    media_type = content_type.partition(";")[0].strip().lower()
    start = body[:64].removeprefix(codecs.BOM_UTF8).lstrip()
    try:
        if media_type == triton_protocol.MEDIA_TYPE:
            return _tensors(triton_protocol.decode(body, triton_protocol.header_size(content_type)), output)
        if media_type == "application/x-npy" or body.startswith(_NPY):
            return Answer(scores=_row(_array(body)))
        if start[:1] in (b"{", b"["):
            return _json(body, output)
        if media_type in ("text/csv", "text/plain"):
            return Answer(scores=_row(_csv(body)))
    except MalformedTensorsError as error:
        raise UnexpectedAnswer(str(error)) from error
    except TritonError as error:
        raise EndpointRefused(str(error)) from error
    raise UnexpectedAnswer("expected JSON, CSV, a .npy array or Triton's tensors")


def _declared(body: bytes, answer: AnswerPlace) -> Scores:
    try:
        return read_scores(body, answer, "the image")
    except InvalidPrediction as error:
        raise UnexpectedAnswer(str(error)) from error


def _json(body: bytes, output: str) -> Answer:
    try:
        lines = [line for line in body.decode("utf-8-sig").splitlines() if line.strip()]
        # JSON Lines of one line are JSON; a document over several lines is not JSON Lines.
        value: Any = json.loads("\n".join(lines))
    except UnicodeDecodeError as error:
        raise UnexpectedAnswer(f"it is no UTF-8 text: {error}") from error
    except (ValueError, RecursionError) as error:
        if _all_are_json(lines):
            raise UnexpectedAnswer(f"it has {len(lines)} lines of JSON for one image") from error
        raise UnexpectedAnswer(f"it is no JSON: {error}") from error
    try:
        return _value(value, output)
    except RecursionError as error:
        raise UnexpectedAnswer("it is JSON, nested deeper than any prediction") from error


def _all_are_json(lines: Iterable[str]) -> bool:
    try:
        return all(isinstance(json.loads(line), dict | list) for line in lines)
    except (ValueError, RecursionError):
        return False


def _value(value: Any, output: str) -> Answer:
    if isinstance(value, dict):
        return _object(value, output)
    if isinstance(value, list):
        if value and all(isinstance(each, dict) and {"label", "score"} <= set(each) for each in value):
            return Answer(ranked=tuple(sorted(map(_ranked, value), key=lambda each: -each.score)))
        if len(value) == 1 and isinstance(value[0], dict | list):
            return _value(value[0], output)
        return Answer(scores=_row(value))
    raise UnexpectedAnswer("it is JSON, but neither an object nor a list")


def _object(value: Mapping[str, Any], output: str) -> Answer:
    _check_is_no_error(value)
    digest = str(value.get("contract", ""))
    match value:
        case {"boxes": [*boxes]} if all(isinstance(each, dict) and "box" in each for each in boxes):
            ranked = tuple(map(_ranked, boxes))
            return Answer(ranked=ranked, boxes=tuple(_box(each["box"]) for each in boxes), contract=digest)
        case {"top": [*top]}:
            return Answer(ranked=tuple(map(_ranked, top)), contract=digest)
        case {"values": [*values]}:
            return Answer(values=tuple(_row(values).tolist()), contract=digest)
        case {"outputs": [{"datatype": str()}, *_]}:
            return _tensors(triton_protocol.outputs(value, memoryview(b"")), output)
        case {"label": _, "score": _}:
            return Answer(ranked=(_ranked(value),))
    names = [output, *_CONTAINERS] if output else _CONTAINERS
    name = next((name for name in names if name in value), None)
    if name is None:
        has = ", ".join(map(repr, value)) or "nothing"
        raise UnexpectedAnswer(f"it is an object that has {has:.200}; expected top, {', '.join(_CONTAINERS)}")
    answer = _value(value[name], output)
    is_final = name == "probabilities" or answer.are_probabilities
    return _labelled(Answer(answer.ranked, answer.values, answer.scores, answer.boxes, is_final), value.get("labels"))


def _check_is_no_error(value: Mapping[str, Any]) -> None:
    """An endpoint may say with status 200 that it has no prediction: Triton does, and a form's line may."""
    match value:
        case {"reason": str(reason), "detail": str(detail)}:
            raise EndpointRefused(f"{reason}: {detail}")
        case {"error": str(text) | {"message": str(text)}}:
            raise EndpointRefused(text)


def _labelled(answer: Answer, labels: Any) -> Answer:
    """Scores whose labels stand beside them are ranked by their own, as JumpStart's image classifiers mean it."""
    if answer.scores is None or not isinstance(labels, list) or len(labels) != len(answer.scores):
        return answer
    if not answer.are_probabilities or not all(isinstance(label, str) for label in labels):
        return answer
    order = np.argsort(-answer.scores, kind="stable").tolist()
    return Answer(ranked=tuple(Ranked(labels[index], index, float(answer.scores[index])) for index in order))


def _tensors(arrays: Mapping[str, Array], output: str) -> Answer:
    array = next(iter(arrays.values())) if len(arrays) == 1 else arrays.get(output, arrays.get(ENSEMBLE_OUTPUT))
    if array is None:
        names = ", ".join(map(repr, arrays)) or "none"
        raise UnexpectedAnswer(f"its outputs are {names:.200}; expected {output or ENSEMBLE_OUTPUT!r}")
    if array.dtype == object:
        return Answer(ranked=tuple(map(_classified, array.ravel().tolist())))
    return Answer(scores=_row(array))


def _classified(text: bytes) -> Ranked:
    """`0.93:281:tabby`: score, index and label, as Triton's classification extension writes them."""
    score, _, rest = text.decode("utf-8", "replace").partition(":")
    index, _, label = rest.partition(":")
    if not _INDEX.fullmatch(index):
        raise UnexpectedAnswer(f"the text {text[:80]!r} is no classification; expected score:index:label")
    return Ranked(label or index, int(index), _number(score))


def _ranked(value: Any) -> Ranked:
    match value:
        case {"label": str(label), "score": score}:
            index = value.get("index", UNKNOWN_INDEX)
            if type(index) is int:
                return Ranked(label, index, _number(score))
    raise UnexpectedAnswer(f"{json.dumps(value)[:80]} has no label and score")


def _box(value: Any) -> Box:
    match value:
        case [x0, y0, x1, y1]:
            return _number(x0), _number(y0), _number(x1), _number(y1)
    raise UnexpectedAnswer(f"{json.dumps(value)[:80]} is no box; expected x0, y0, x1, y1")


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise UnexpectedAnswer(f"{value!r:.80} is no finite number")
    return number


def _row(value: Sequence[Any] | Array) -> Scores:
    """The scores float32 [classes] of one image, from [classes] or a batch of one."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise UnexpectedAnswer(f"it is no list of numbers: {error}") from error
    if array.dtype.kind not in "iuf":
        raise UnexpectedAnswer(f"it is no list of numbers but of {array.dtype}")
    if array.ndim == 0 or array.size == 0 or array.size != array.shape[-1]:
        raise UnexpectedAnswer(f"its numbers have shape {list(array.shape)}; one image has [classes] or [1, classes]")
    with np.errstate(over="ignore"):
        scores = array.reshape(-1).astype(np.float32)
    if not np.isfinite(scores).all():
        raise UnexpectedAnswer("one of its numbers is NaN or infinite")
    return scores


def _csv(body: bytes) -> list[list[float]]:
    try:
        lines = [line for line in body.decode("utf-8-sig").splitlines() if line.strip()]
        return [[float(cell) for cell in line.split(",")] for line in lines]
    except ValueError as error:
        raise UnexpectedAnswer(f"it is no line of numbers: {error}") from error


def _array(body: bytes) -> Array:
    try:
        array: Array = np.load(BytesIO(body), allow_pickle=False)
    except Exception as error:  # the header is Python, and a broken one raises whatever Python's parser does
        raise UnexpectedAnswer(f"it is no .npy array: {error}") from error
    return array
