"""Gather a report of what a run left, in S3 or in a folder, and of the history of its execution.

    results/summary.json, predictions.parquet, rejected.csv, failed.csv     what is shown
    thumbnails/<shard>.jpg                                                 those of the images that are shown
    previews/<batch>.jsonl                                                 pictures of rejected images
    GetExecutionHistory, DescribeStateMachineForExecution                  how long each state took, and the graph
    results/report.html                                                    an earlier report, for what is gone of these

Thumbnails and previews are deleted after some days, and histories after 90.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import pyarrow.parquet as pq
from botocore.exceptions import ClientError

from pipeline import objects
from pipeline.report import earlier, expected, thumbnails, timeline, unpredicted
from pipeline.report.choose import Chooser
from pipeline.report.content import (
    MOST_BYTES,
    MOST_IMAGES,
    Answer,
    Content,
    Failure,
    RejectedImage,
    Sheet,
    ShownImage,
    Span,
)
from pipeline.report.earlier import Earlier
from pipeline.runs import keys
from pipeline.runs.files import RunFiles, load_summary

_THUMBNAIL_BYTES = MOST_BYTES * 2 // 3
"""As the page holds them. The rest is for keys and labels, some 1.5 MB of ten thousand images, and the charts."""

_ANSWERS_SHOWN = 3
_ROWS_AT_ONCE = 4_096

_COLUMNS = ["bucket", "key", "width", "height", "labels", "scores", "shard", "shard_row"]


def gather(
    files: RunFiles, stepfunctions: Any = None, console: str | None = None, threshold: float | None = None
) -> Content:
    """The content of a run's report. Without `stepfunctions`, times and the graph are those of an earlier report, and
    so is what counts as certain without a `threshold`.

    Raises FileNotFoundError where the run has no results, and ValueError, KeyError or TypeError for what no run wrote.
    """
    summary = load_summary(files)
    expected.check(summary)
    chooser = Chooser(MOST_IMAGES)
    for image in _predictions(files):
        chooser.add(image)
    before = _Before(files)
    images, sheets = _with_thumbnails(files, chooser.chosen(), before)
    spans, definition, failure = _execution(stepfunctions, summary["execution_arn"], before)
    counts = summary["counts"]
    return Content(
        summary=summary,
        images=images,
        labels=chooser.labels,
        scores=chooser.scores,
        threshold=before.report.threshold if threshold is None else threshold,
        rejected=_rejected(files, before) if counts["rejected"] else (),
        failed=unpredicted.failed(files) if counts["failed"] else (),
        sheets=sheets,
        spans=spans,
        definition=definition,
        console=console,
        failure=failure,
    )


class _Before:
    """The earlier report, read only where something is gone."""

    def __init__(self, files: RunFiles) -> None:
        self._files = files

    @cached_property
    def report(self) -> Earlier:
        try:
            with self._files.fetch(f"results/{keys.REPORT}") as file:
                return earlier.read(file.read().decode(errors="replace"))
        except FileNotFoundError:
            return Earlier()


def _predictions(files: RunFiles) -> Iterator[ShownImage]:
    with files.fetch(f"results/{keys.PREDICTIONS}") as file:
        for batch in pq.ParquetFile(file).iter_batches(_ROWS_AT_ONCE, columns=_COLUMNS):
            # Column by column: a row would be made as a dictionary first.
            yield from map(_image, *(batch[name].to_pylist() for name in _COLUMNS))


def _image(
    bucket: str,
    key: str,
    width: int,
    height: int,
    labels: Sequence[str] | None,
    scores: Sequence[float] | None,
    shard: str | None,
    row: int,
) -> ShownImage:
    answers = tuple(map(Answer, labels[:_ANSWERS_SHOWN], scores[:_ANSWERS_SHOWN])) if labels and scores else ()
    pixels = None if shard is None else (shard, row)
    return ShownImage(key, objects.s3_uri(bucket, key), width, height, answers, None, pixels)


def _with_thumbnails(
    files: RunFiles, images: Sequence[ShownImage], before: _Before
) -> tuple[list[ShownImage], Sequence[Sheet]]:
    packed = [image.pixels for image in images if image.pixels]
    places, sheets = thumbnails.find(files, packed, _THUMBNAIL_BYTES)
    if sheets or not packed:
        return [image._replace(thumbnail=image.pixels and places.get(image.pixels)) for image in images], sheets
    report = before.report
    return [image._replace(thumbnail=report.places.get(image.uri)) for image in images], report.sheets


def _rejected(files: RunFiles, before: _Before) -> Sequence[RejectedImage]:
    return unpredicted.rejected(files, unpredicted.read_previews(files) or before.report.rejected)


def _execution(
    stepfunctions: Any, arn: str, before: _Before
) -> tuple[Sequence[Span], Mapping[str, Any] | None, Failure | None]:
    if stepfunctions is not None:
        pages = stepfunctions.get_paginator("get_execution_history").paginate(
            executionArn=arn, includeExecutionData=False, PaginationConfig={"PageSize": 1_000}
        )
        try:
            events = [event for page in pages for event in page["events"]]
            machine = stepfunctions.describe_state_machine_for_execution(executionArn=arn)
            return timeline.spans(events), json.loads(machine["definition"]), timeline.failure(events)
        except ClientError as error:
            if objects.error_code(error) != "ExecutionDoesNotExist":
                raise
    return before.report.spans, before.report.definition, before.report.failure
