"""A run under way, redrawn in place on a terminal: its course, its counts, its pace."""

from collections.abc import Iterator
from datetime import UTC, datetime

from rich.console import Console, Group, OverflowMethod, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipeline.deployed.course import PREDICTS, VALIDATES, Step
from pipeline.deployed.pace import Pace
from pipeline.deployed.progress import Progress
from pipeline.deployed.telling import images
from pipeline.durations import duration

_MARKS = {"done": "✓", "running": "●", "waiting": "○"}
_ASCII_MARKS = {"done": "+", "running": ">", "waiting": "."}
_MARK_STYLES = {"done": "green", "running": "bold cyan", "waiting": "dim"}
_NAME_STYLES = {"done": "default", "running": "bold default", "waiting": "dim default"}
_NARROW = 60
"""Columns below which counts are told of the run as a whole alone."""
_BAR = 40


def draw(progress: Progress, pace: Pace, console: Console, now: datetime | None = None) -> RenderableType:
    """What a look at a run shows, for the width of `console`."""
    now = now or datetime.now(UTC)
    end: OverflowMethod = "ellipsis" if _is_unicode(console) else "crop"
    parts: list[RenderableType] = []
    if progress.run_id:
        began = next((step.entered for step in progress.steps if step.entered), None)
        took = f"  {duration((now - began).total_seconds())}" if began else ""
        parts.append(Text.assemble((progress.run_id, "bold"), took, no_wrap=True, overflow=end))
    if progress.steps:
        parts.append(_graph(progress, console, now, end))
    parts.extend(_pace(pace))
    if progress.listed:
        parts.append(Text(images(progress)))
    elif not progress.steps:
        parts.append(Text(progress.state or "starting"))
    return Group(*parts)


def _is_unicode(console: Console) -> bool:
    return console.encoding.lower().startswith("utf")


def _graph(progress: Progress, console: Console, now: datetime, end: OverflowMethod) -> Text:
    """A line for each state, from the first to the last: its mark, its name, how long it took, what it came to."""
    marks = _MARKS if _is_unicode(console) else _ASCII_MARKS
    names = [f"or {step.name}" if step.is_alternative else step.name for step in progress.steps]
    took = [
        duration(((step.left or now) - step.entered).total_seconds()) if step.entered else "" for step in progress.steps
    ]
    time_width = max(map(len, took))
    name_width = min(max(map(len, names)), max(console.width - time_width - 3, 1))
    lines = []
    for step, name, time in zip(progress.steps, names, took, strict=True):
        kind = _kind(step)
        line = Text(marks[kind], style=_MARK_STYLES[kind], no_wrap=True, overflow=end)
        line.append(f" {name:<{name_width}.{name_width}}", style=_NAME_STYLES[kind])
        line.append(f" {time:>{time_width}}", style="not bold not dim default")
        if console.width >= _NARROW:
            line.append(f"  {_detail(step, progress)}", style="not bold dim default")
        line.truncate(console.width, overflow=end)
        line.rstrip()
        lines.append(line)
    return Text("\n", no_wrap=True, overflow=end).join(lines)


def _kind(step: Step) -> str:
    if step.entered is None:
        return "waiting"
    return "running" if step.left is None else "done"


def _detail(step: Step, progress: Progress) -> str:
    """What a step has come to."""
    if step.entered is None:
        return ""
    if step.does == VALIDATES and progress.listed:
        batches = f", {progress.batches_done:,} of {progress.batches:,} batches" if progress.batches else ""
        return f"{progress.validated:,} of {progress.listed:,} images{batches}"
    if step.does == PREDICTS and progress.accepted:
        jobs = f", {step.jobs_ended:,} of {step.jobs:,} {'job' if step.jobs == 1 else 'jobs'}" if step.jobs else ""
        return f"{progress.predicted:,} of {progress.accepted:,} images{jobs}"
    return ""


def _pace(pace: Pace) -> Iterator[RenderableType]:
    if pace.does and pace.total:
        # A bar does not end its line by itself: what follows would stand beside it.
        bar = Table.grid()
        bar.add_column()
        bar.add_row(
            ProgressBar(
                total=pace.total,
                completed=min(pace.done, pace.total),
                width=_BAR,
                complete_style="cyan",
                finished_style="cyan",
            )
        )
        yield bar
    if pace.told:
        yield Text(pace.told)
