"""What a contract says of a model's output: what it means, and how much of it makes a prediction."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pipeline.contract.payload import Answer, parse_answer
from pipeline.contract.reader import Fields, choice, identifier, number, text, whole

if TYPE_CHECKING:
    from pipeline.inference.schemes import Scheme

LARGEST_TOP_K = 100
MOST_BOXES = 1000


class Task(StrEnum):
    """What the output means: one class of many, several of many, boxes, a vector, or whatever the model says."""

    CLASSIFICATION = "classification"
    MULTILABEL = "multilabel"
    DETECTION = "detection"
    EMBEDDING = "embedding"
    RAW = "raw"

    @property
    def is_ranked(self) -> bool:
        """Whether an output is a list of classes, of which the top-k are the prediction."""
        return self in {Task.CLASSIFICATION, Task.MULTILABEL}

    @property
    def is_labelled(self) -> bool:
        """Whether an answer names classes."""
        return self.is_ranked or self is Task.DETECTION


ANSWERED_IN_NUMBERS = (Task.CLASSIFICATION, Task.MULTILABEL, Task.EMBEDDING)
"""The tasks whose answer for a photo is one list of numbers, which a container that is not ours can be asked for."""


class Activation(StrEnum):
    """What is applied to the output to make scores of it; `none` where the graph already does."""

    NONE = "none"
    SOFTMAX = "softmax"
    SIGMOID = "sigmoid"


@dataclass(frozen=True, slots=True)
class Detection:
    """Which boxes of a detector's output make a prediction.

    `decode` says how the output reads as boxes. At most `max_boxes` are kept, of those that score above
    `score_threshold`; and of two of one class that overlap by more than `iou_threshold`, intersection over union, the
    better one.
    """

    decode: "Scheme"
    score_threshold: float
    iou_threshold: float
    max_boxes: int


@dataclass(frozen=True, slots=True)
class Output:
    """The output tensor, and how much of it makes a prediction. `labels` is a file of the package.

    `top_k` means something where the task ranks classes; `detection` is there for the task detection alone, and
    `answer`, in place of a tensor's `name`, for a container that is not ours.
    """

    name: str
    activation: Activation
    top_k: int
    labels: str | None
    detection: Detection | None = None
    answer: Answer | None = None

    def to_json(self, task: Task) -> dict[str, Any]:
        document = asdict(self)
        detection = document.pop("detection")
        del document["answer"]
        if detection is not None:
            decode = {name: value for name, value in detection["decode"].items() if value is not None}
            document.update(detection, decode={"scheme": decode.pop("scheme"), **decode})
        if self.answer is not None:
            del document["name"]
            document |= self.answer.to_json()
        if not task.is_ranked:
            del document["top_k"]
        if self.labels is None:
            del document["labels"]
        return document


def parse_output(fields: Fields, task: Task, *, is_ours: bool) -> Output:
    """The field `output` of a contract, for a model of ours or for a container that is not."""
    _refuse_other_tasks(fields, task)
    is_detection = task is Task.DETECTION
    answer = None
    if is_ours:
        for name in ("format", "field"):
            fields.refuse(name, because="payload is a shard: what a model of ours answers needs no reading")
    else:
        fields.refuse("name", because="payload is an image: the container answers no tensors")
        answer = parse_answer(fields)
    output = Output(
        name=fields.take("name", text) if is_ours else "",
        # Softmax makes the scores of a box's classes compete, and its objectness is none of them.
        activation=fields.take(
            "activation", choice(Activation, [Activation.NONE, Activation.SIGMOID] if is_detection else None)
        ),
        top_k=fields.take("top_k", whole(1, LARGEST_TOP_K), 5),
        labels=fields.take("labels", identifier("the name of a file in the package, such as labels.txt"), None),
        detection=_parse_detection(fields) if is_detection else None,
        answer=answer,
    )
    fields.close()
    return output


def _parse_detection(fields: Fields) -> Detection:
    # With numpy, which nobody needs for any other task.
    from pipeline.inference.schemes import parse_scheme

    return Detection(
        decode=parse_scheme(fields.fields("decode")),
        score_threshold=fields.take("score_threshold", number(0, 1)),
        iou_threshold=fields.take("iou_threshold", number(0, 1)),
        max_boxes=fields.take("max_boxes", whole(1, MOST_BOXES), 100),
    )


def _refuse_other_tasks(fields: Fields, task: Task) -> None:
    """Fields of `output` that mean nothing for this task."""
    if not task.is_ranked:
        instead = "max_boxes says how many answers there are" if task is Task.DETECTION else "it ranks no classes"
        fields.refuse("top_k", because=f"task is {task}: {instead}")
    if not task.is_labelled:
        fields.refuse("labels", because=f"task is {task}: its output is not a list of classes")
    if task is not Task.DETECTION:
        for name in ("decode", "score_threshold", "iou_threshold", "max_boxes"):
            fields.refuse(name, because=f"task is {task}: its output holds no boxes")
