"""What a report shows, whatever it was gathered from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

MOST_IMAGES = 10_000
"""Images on a page. Of a larger run the least certain are shown, and a sample of every label."""

MOST_REJECTED = 2_000

MOST_BYTES = 15_000_000
"""The whole file."""

CERTAIN = 0.8
"""The score from which on an answer counts as certain, where nobody says otherwise: as infra/template.yaml has it."""

PICTURE_OF = "data-of"
"""The attribute of a picture that says whose it is, for a report that is made when the picture is gone."""


ShardRow: TypeAlias = tuple[str, int]
"""A shard, and a row of it."""


# Tuples, of which there are three and one for each image of a run: a frozen dataclass takes four times as long to make.
class Answer(NamedTuple):
    label: str
    score: float


class ShownImage(NamedTuple):
    """One card of the contact sheet. `answers` are the best first; empty where the task has none."""

    key: str
    uri: str
    width: int
    height: int
    answers: tuple[Answer, ...]
    thumbnail: int | None = None
    """Its place among the thumbnails."""
    pixels: ShardRow | None = None
    """Where they are; none of a photo that was sent as it is."""

    @property
    def certainty(self) -> float:
        """The best score; an image that nothing was found in comes before all others."""
        return self.answers[0].score if self.answers else 0.0


@dataclass(frozen=True, slots=True)
class RejectedImage:
    key: str
    uri: str
    reason: str
    detail: str
    thumbnail: bytes | None = None
    """A JPEG of what there is of it."""


@dataclass(frozen=True, slots=True)
class FailedImage:
    key: str
    uri: str
    error: str
    detail: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """Thumbnails side by side in one picture, row by row, `columns` in each."""

    data: bytes
    media_type: str
    columns: int
    rows: int
    side: int
    """Pixels of a thumbnail's place; a thumbnail is as large or smaller, and centred."""
    first: int
    """The place of its first thumbnail among all."""


@dataclass(frozen=True, slots=True)
class Span:
    """How long a state took: from when it was entered first until it was left last."""

    state: str
    started: datetime
    ended: datetime
    visits: int = 1
    status: str = "succeeded"
    """succeeded, failed, stopped or running."""

    @property
    def seconds(self) -> float:
        return (self.ended - self.started).total_seconds()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an execution failed, or was stopped."""

    error: str
    cause: str


@dataclass(frozen=True, slots=True)
class Content:
    """A report. `summary` is summary.json, from which the page takes its counts."""

    summary: Mapping[str, Any]
    images: Sequence[ShownImage] = ()
    labels: Mapping[str, int] = field(default_factory=dict)
    """Images that a label is the best of, of the whole run."""
    scores: Sequence[int] = ()
    """The histogram of the best scores of the whole run: equal parts of 0 to 1."""
    threshold: float = CERTAIN
    """Below it an answer is not certain."""
    rejected: Sequence[RejectedImage] = ()
    failed: Sequence[FailedImage] = ()
    sheets: Sequence[Sheet] = ()
    spans: Sequence[Span] = ()
    definition: Mapping[str, Any] | None = None
    """The state machine, in the Amazon States Language."""
    console: str | None = None
    """The address of the execution's page."""
    failure: Failure | None = None
    """Of a run that failed after its results were written."""
