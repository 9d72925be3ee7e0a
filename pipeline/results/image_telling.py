"""What is known of an image, in words. Keys, labels and details are other people's: what does not print is escaped."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from pipeline.given import printable
from pipeline.ledger import Entry
from pipeline.results.finding import Finding
from pipeline.results.image_history import History

_ANSWERS_TOLD = 10
_NUMBERS_TOLD = 6
_RUNS_TOLD = 10


def told(asked: str, history: History) -> Iterator[str]:
    """The lines for a person who has asked for an image."""
    yield printable(asked)
    for finding in history.findings:
        yield f"  {finding.run_id}  {finding.outcome}, {_moment(finding.finished_at)}"
        for name, text in _facts(finding):
            yield f"    {name:<13}{text}"
    if history.entries:
        yield "  the ledger remembers"
        yield from (f"    {_entry(entry)}" for entry in history.entries)
    if not history.is_known:
        yield "  Not known."
    yield from _looked(history)


def _looked(history: History) -> Iterator[str]:
    """Where was looked: an answer that an image is not known is as good as that."""
    runs = history.looked_through
    if not runs:
        none = "No run was looked through" if history.problems else "There are no results of runs"
        yield f"  {none} in {history.where}."
    elif history.is_known:
        yield f"  Looked through {_runs(len(runs))} in {history.where}."
    else:
        yield f"  Looked through {_runs(len(runs))} in {history.where}: {_named(runs)}."
    if history.unfinished:
        yield f"  Without results, and so not looked through: {_named(history.unfinished)}."
    if history.older:
        all_runs = len(runs) + len(history.unfinished) + history.older
        are, them = ("is", "it") if history.older == 1 else ("are", "them")
        yield f"  {_runs(history.older)} more {are} older: --runs {all_runs} looks through {them}, too."


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count:,} runs"


def _named(runs: Sequence[str]) -> str:
    more = f" and {len(runs) - _RUNS_TOLD:,} more" if len(runs) > _RUNS_TOLD else ""
    return ", ".join(map(printable, runs[:_RUNS_TOLD])) + more


def _facts(finding: Finding) -> Iterator[tuple[str, str]]:
    facts = finding.facts
    yield from _answers(facts)
    if "reason" in facts:
        yield "reason", f"{facts['reason']}: {printable(facts.get('detail', ''))}"
    if "error" in facts:
        yield "error", f"{facts['error']} in {facts.get('partition', '?')}: {printable(facts.get('detail', ''))}"
    if "quarantined" in facts:
        yield "quarantined", printable(facts["quarantined"])
    yield "object", printable(finding.image_uri)
    yield "", ", ".join(_bytes(finding))
    verdict = finding.verdict
    if verdict is not None:
        yield "conversions", "; ".join(verdict["conversions"]) or "none"
        if verdict["notes"]:
            yield "notes", printable("; ".join(verdict["notes"]))
    elif finding.outcome == "predicted":
        yield "conversions", "not known: the run's verdicts are not there"
    if "notes" in facts:
        yield "notes", printable(facts["notes"])
    yield "model", f"{finding.model}, contract {finding.contract}"
    yield "results", printable(finding.results)


def _answers(facts: Any) -> Iterator[tuple[str, str]]:
    labels, scores = facts.get("labels"), facts.get("scores")
    boxes = facts.get("boxes")
    if labels is not None:
        name = "boxes" if boxes is not None else "labels"
        if not labels:
            yield name, "nothing was found"
        for number, (label, score) in enumerate(zip(labels[:_ANSWERS_TOLD], scores, strict=False)):
            yield "" if number else name, f"{score:.3f}  {printable(label)}{_box(boxes, number)}"
        if len(labels) > _ANSWERS_TOLD:
            yield "", f"and {len(labels) - _ANSWERS_TOLD:,} more"
    if "values" in facts:
        values = facts["values"]
        first = " ".join(f"{value:.4g}" for value in values[:_NUMBERS_TOLD])
        yield "values", f"{len(values):,} numbers: {first}{' ...' if len(values) > _NUMBERS_TOLD else ''}"
    if "array" in facts:
        yield "array", f"row {facts['array_row']} of {facts['array']}"


def _box(boxes: Any, number: int) -> str:
    if boxes is None:
        return ""
    box = boxes[number]
    return f", from {box['x0']:.0f}, {box['y0']:.0f} to {box['x1']:.0f}, {box['y1']:.0f}"


def _bytes(finding: Finding) -> Iterator[str]:
    if finding.verdict is not None:
        yield finding.verdict["format"]
    if "width" in finding.facts:
        yield f"{finding.facts['width']:,} x {finding.facts['height']:,} pixels"
    yield "1 byte" if finding.size == 1 else f"{finding.size:,} bytes"
    yield f"ETag {printable(finding.etag) or 'none'}"


def _entry(entry: Entry) -> str:
    answer = "no label" if entry.label is None else printable(entry.label)
    score = "" if entry.score is None else f" {entry.score:.3f}"
    return f"{printable(entry.model)}: {answer}{score}, of ETag {printable(entry.etag)}, in {printable(entry.run_id)}"


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M}Z"
