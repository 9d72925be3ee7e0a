"""How runs stand, in words: for a terminal of any width, and for whoever reads it in a log.

Keys, names and causes are other people's text: what does not print in them is escaped.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pipeline import objects
from pipeline.deployed import triggers
from pipeline.deployed.executions import Execution
from pipeline.deployed.overview import Row
from pipeline.deployed.progress import Progress
from pipeline.deployed.standing import Standing
from pipeline.durations import duration
from pipeline.given import printable
from pipeline.results import causes

_JOBS_TOLD = 10
_PREFIXES_TOLD = 3
_TELLING_TYPES = ("Task", "Map", "Fail")
"""What takes time, or ends a run. Other states are told while the run is in them."""


def standing(found: Standing) -> str:
    """Everything about one run, a subject a line."""
    return "\n".join(f"{name:<11}{text}".rstrip() for name, text in _lines(found))


def _lines(found: Standing) -> Iterator[tuple[str, str]]:
    execution, progress = found.execution, found.progress
    yield "run", found.run_id or "none: StartRun has not answered" if execution.is_running else found.run_id or "none"
    yield "execution", printable(execution.name)
    yield "status", f"{_status(found)}, {_when(found)}, started {triggers.TOLD[found.trigger]}"
    if found.is_duplicate:
        yield "", note(found.pointer)
        return
    for number, line in enumerate(_stages(found)):
        yield "" if number else "states", line
    if progress.listed:
        yield "images", images(progress)
    elif found.summary is not None:
        yield "images", _no_images(found.pointer or {})
    if progress.batches:
        yield "batches", f"{progress.batches_done:,} of {progress.batches:,} validated"
    if progress.shards:
        failed = f", {progress.shards_failed:,} failed" if progress.shards_failed else ""
        yield "shards", f"{progress.shards_predicted:,} of {progress.shards:,} predicted{failed}"
    for number, line in enumerate(_jobs(found)):
        yield "" if number else "jobs", line
    if execution.error or execution.cause:
        yield "error", printable(execution.error or "none was given")
        for number, line in enumerate(causes.readable(execution.cause).splitlines()):
            yield "" if number else "cause", printable(line)
    if found.results:
        yield "results", found.results


def _no_images(pointer: Mapping[str, Any]) -> str:
    """What a run over nothing was told to look at: a prefix that is misspelt is a run that succeeds."""
    prefixes = [
        objects.s3_uri(source["bucket"], source["prefix"])
        for source in pointer.get("sources", ())
        if source["kind"] == "prefix"
    ]
    told = ", ".join(map(printable, prefixes[:_PREFIXES_TOLD])) + (", ..." if len(prefixes) > _PREFIXES_TOLD else "")
    return f"none: no image is under {told}" if prefixes else "none: the listings name no image"


def note(pointer: Mapping[str, Any] | None) -> str:
    """Why an execution did nothing whose run another one has."""
    said = (pointer or {}).get("note")
    return printable(said) if said else "another execution has this run: the same trigger started it before"


def outcome(execution: Execution) -> str:
    """How an execution ended, in a sentence."""
    return f"The run {ended(execution)}."


def ended(execution: Execution) -> str:
    """How an execution ended, and after how long."""
    return f"{_ENDED.get(execution.status, execution.status.lower())} after {duration(execution.seconds)}"


_ENDED = {
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "TIMED_OUT": "timed out",
    "ABORTED": "was stopped",
}


def images(progress: Progress) -> str:
    """The counts of a run, so far."""
    counts = [("listed", progress.listed), ("validated", progress.validated), ("rejected", progress.rejected)]
    counts += [("predicted", progress.predicted), ("failed", progress.failed), ("skipped", progress.skipped)]
    told = (f"{count:,} {name}" for name, count in counts if count or name in ("listed", "validated", "predicted"))
    return ", ".join(told)


def _status(found: Standing) -> str:
    return "DUPLICATE" if found.is_duplicate else found.execution.status


def _when(found: Standing) -> str:
    execution = found.execution
    verb = "for" if execution.is_running else "after"
    return f"{verb} {duration(execution.seconds)}, since {moment(execution.started)}"


def _stages(found: Standing) -> Iterator[str]:
    """The states a run has come to, how often, and how long it was or is in each."""
    now = datetime.now(UTC)
    for stage in found.stages:
        is_open = stage.is_open and found.execution.is_running
        if stage.type not in _TELLING_TYPES and not is_open:
            continue
        end = now if is_open else stage.last
        times = f", {stage.left:,} of {stage.entered:,} times left" if is_open and stage.entered > 1 else ""
        times = f", {stage.entered:,} times" if not is_open and stage.entered > 1 else times
        mark = "now" if is_open else "done" if stage.left == stage.entered else "ended here"
        yield f"{stage.name:<24}{mark:<11}{duration((end - stage.first).total_seconds())}{times}"


def _jobs(found: Standing) -> Iterator[str]:
    """How many jobs are how; and those that are of interest, by name: what is under way, and what failed."""
    if found.jobs_refused:
        yield f"they cannot be listed: {found.jobs_refused}"
    if not found.jobs:
        return
    by_status = Counter(job.status for job in found.jobs)
    yield ", ".join(f"{count:,} {status}" for status, count in sorted(by_status.items()))
    interesting = [job for job in found.jobs if job.status != "Completed"]
    for job in interesting[:_JOBS_TOLD]:
        reason = f": {printable(' '.join(job.reason.split()))[:300]}" if job.reason else ""
        yield f"{job.name} {job.status}{reason}"
    if len(interesting) > _JOBS_TOLD:
        yield f"and {len(interesting) - _JOBS_TOLD:,} more"


def table(rows: Sequence[Row]) -> str:
    """The rows as a table. Columns are as wide as what stands in them; the last one takes what is left."""
    head = ("RUN", "TRIGGER", "STARTED", "DURATION", "STATUS", "LISTED", "PREDICTED", "REJECTED", "FAILED", "STATE")
    lines = [head, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if head[column] in _NUMBERS else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


_NUMBERS = {"DURATION", "LISTED", "PREDICTED", "REJECTED", "FAILED"}


def _cells(row: Row) -> tuple[str, ...]:
    counts = ("-" if count is None else f"{count:,}" for count in (row.listed, row.predicted, row.rejected, row.failed))
    # A run without an id has only its execution's name to be asked for by.
    name = row.run_id if row.run_id and row.status != "DUPLICATE" else printable(row.name)
    started = moment(datetime.fromisoformat(row.started_at))
    return (
        name,
        row.trigger,
        started,
        duration(row.seconds),
        row.status,
        *counts,
        printable(row.state or row.error or ""),
    )


def moment(when: datetime) -> str:
    """A time in UTC, as run ids have it, to the minute."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M}Z"
