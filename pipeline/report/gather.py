"""Gather a report of what a run left in S3, and of the history of its execution.

    results/summary.json, predictions.parquet, rejected.csv, failed.csv     what is shown
    shards/<shard>.safetensors                                             the thumbnails: single rows of it are read
    GetExecutionHistory, DescribeStateMachineForExecution                  how long each state took, and the graph

Shards are deleted after some days, and histories after 90: a report that is built again later lacks what they gave.
"""

import csv
import io
import json
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
from botocore.exceptions import ClientError

from pipeline import objects
from pipeline.contract import ModelContract
from pipeline.read_ahead import read_ahead
from pipeline.report import timeline
from pipeline.report.choose import Chooser
from pipeline.report.content import (
    MOST_BYTES,
    MOST_IMAGES,
    MOST_REJECTED,
    Answer,
    Content,
    FailedImage,
    RejectedImage,
    Sheet,
    ShownImage,
    Span,
)
from pipeline.report.thumbnails import Pixels, SheetMaker
from pipeline.results import tables
from pipeline.runs import keys
from pipeline.runs.run import Run
from pipeline.shards import MEBIBYTE

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_THUMBNAIL_BYTES = MOST_BYTES * 2 // 3
"""As the page holds them. The rest is for keys and labels, some 1.5 MB of ten thousand images, and the charts."""

_ANSWERS_SHOWN = 3
_ROWS_AT_ONCE = 4_096
_THREADS = 8
_BYTES_AHEAD = 64 * MEBIBYTE

_COLUMNS = ["bucket", "key", "width", "height", "labels", "scores", "shard", "shard_row"]

Place = tuple[str, int]
"""A shard, and a row of it."""


def gather(run: Run, s3: "S3Client", stepfunctions: Any = None, console: str | None = None) -> Content:
    """The content of a run's report. Without `stepfunctions` it has neither times nor a graph."""
    summary = objects.get_json(s3, run.bucket, keys.result_key(run.run_id, keys.SUMMARY))
    chooser = Chooser(MOST_IMAGES)
    places: dict[str, Place] = {}
    for image, place in _predictions(run, s3):
        chooser.add(image)
        if place is not None:
            places[image.uri] = place
    images, sheets = _with_thumbnails(run, s3, chooser.chosen(), places)
    spans, definition = _execution(stepfunctions, run.execution_arn) if stepfunctions else ([], None)
    return Content(
        summary=summary,
        images=images,
        labels=chooser.labels,
        scores=chooser.scores,
        rejected=_rejected(run, s3),
        failed=_failed(run, s3) if summary["counts"]["failed"] else (),
        sheets=sheets,
        spans=spans,
        definition=definition,
        console=console,
    )


def _predictions(run: Run, s3: "S3Client") -> Iterator[tuple[ShownImage, Place | None]]:
    with TemporaryFile() as file:
        s3.download_fileobj(run.bucket, keys.result_key(run.run_id, tables.PREDICTIONS), file)
        parquet = pq.ParquetFile(file)
        for batch in parquet.iter_batches(_ROWS_AT_ONCE, columns=_COLUMNS):
            for row in batch.to_pylist():
                yield _image(row), None if row["shard"] is None else (row["shard"], row["shard_row"])


def _image(row: Mapping[str, Any]) -> ShownImage:
    answers = zip(row["labels"] or (), row["scores"] or (), strict=True)
    shown = tuple(Answer(label, score) for label, score in answers)[:_ANSWERS_SHOWN]
    return ShownImage(row["key"], objects.s3_uri(row["bucket"], row["key"]), row["width"], row["height"], shown)


def _with_thumbnails(
    run: Run, s3: "S3Client", images: Sequence[ShownImage], places: Mapping[str, Place]
) -> tuple[list[ShownImage], Sequence[Sheet]]:
    maker = SheetMaker(len(images), _THUMBNAIL_BYTES)
    by_shard: defaultdict[str, list[int]] = defaultdict(list)
    for index, image in enumerate(images):
        if image.uri in places:
            by_shard[places[image.uri][0]].append(index)
    shown = list(images)

    def read(shard: str) -> list[tuple[int, Pixels]]:
        rows = [places[images[index].uri][1] for index in by_shard[shard]]
        return list(zip(by_shard[shard], _rows(run, s3, shard, rows), strict=False))

    def weight(shard: str) -> int:
        return len(by_shard[shard]) * run.contract.input.bytes_per_image

    for _, found in read_ahead(read, by_shard, threads=_THREADS, budget=_BYTES_AHEAD, weight=weight):
        for index, pixels in found:
            shown[index] = replace(images[index], thumbnail=maker.add(pixels))
        if maker.is_full:
            break
    maker.finish()
    return shown, maker.sheets


def _rows(run: Run, s3: "S3Client", shard: str, rows: Sequence[int]) -> Iterator[Pixels]:
    """The images of some rows of a shard, uint8 [H, W, C], as far as the shard is still there."""
    key = keys.shard_key(run.run_id, shard)
    try:
        (header,) = struct.unpack("<Q", objects.get_range(s3, run.bucket, key, 0, 8))
        for first, count in _stretches(rows):
            size = run.contract.input.bytes_per_image
            data = objects.get_range(s3, run.bucket, key, 8 + header + first * size, count * size)
            yield from _pixels(data, count, run.contract)
    except ClientError as error:
        if not objects.is_missing(error):
            raise


def _stretches(rows: Sequence[int]) -> list[tuple[int, int]]:
    """Rows that follow one another, in the order given, as (first, how many): one request each."""
    stretches: list[tuple[int, int]] = []
    for row in rows:
        if stretches and row == sum(stretches[-1]):
            stretches[-1] = (stretches[-1][0], stretches[-1][1] + 1)
        else:
            stretches.append((row, 1))
    return stretches


def _pixels(data: bytes, count: int, contract: ModelContract) -> Iterable[Pixels]:
    return np.frombuffer(data, np.uint8).reshape(count, *contract.input.pixel_shape)


def _rejected(run: Run, s3: "S3Client") -> list[RejectedImage]:
    return [
        RejectedImage(row["key"], objects.s3_uri(row["bucket"], row["key"]), row["reason"], row["detail"])
        for row in _csv(run, s3, tables.REJECTED, "reason")
    ]


def _failed(run: Run, s3: "S3Client") -> list[FailedImage]:
    return [
        FailedImage(row["key"], objects.s3_uri(row["bucket"], row["key"]), row["error"], row["detail"])
        for row in _csv(run, s3, tables.FAILED, "error")
    ]


def _csv(run: Run, s3: "S3Client", name: str, kind: str) -> list[dict[str, str]]:
    """Rows of a table, so many that no kind pushes out another."""
    kinds: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
    with TemporaryFile() as file:
        s3.download_fileobj(run.bucket, keys.result_key(run.run_id, name), file)
        file.seek(0)
        for row in _csv_rows(file):
            if len(kinds[row[kind]]) < MOST_REJECTED:
                kinds[row[kind]].append(row)
    each = MOST_REJECTED // max(len(kinds), 1)
    return [row for rows in kinds.values() for row in rows[: max(each, MOST_REJECTED - _others(kinds, rows))]]


def _others(kinds: Mapping[str, Sequence[Any]], rows: Sequence[Any]) -> int:
    return sum(map(len, kinds.values())) - len(rows)


def _csv_rows(file: IO[bytes]) -> Iterator[dict[str, str]]:
    yield from csv.DictReader(io.TextIOWrapper(file, encoding="utf-8", newline=""))


def _execution(stepfunctions: Any, arn: str) -> tuple[list[Span], Mapping[str, Any] | None]:
    pages = stepfunctions.get_paginator("get_execution_history").paginate(
        executionArn=arn, includeExecutionData=False, PaginationConfig={"PageSize": 1_000}
    )
    spans = timeline.spans(event for page in pages for event in page["events"])
    machine = stepfunctions.describe_state_machine_for_execution(executionArn=arn)
    return spans, json.loads(machine["definition"])
