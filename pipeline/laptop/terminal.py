"""What a run looks like in a terminal when it has ended."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pipeline.costs import telling as costs
from pipeline.given import printable
from pipeline.results.causes import readable
from pipeline.runs.keys import REPORT

if TYPE_CHECKING:
    from pipeline.laptop.run_local import RunReport

REJECTED_SHOWN = 20
LABELS_SHOWN = 10


def show_report(console: Console, report: "RunReport") -> None:
    """The end of a run for a person: labels, rejections, where the results are, and the message that was sent."""
    if report.summary:
        _show_labels(console, report.summary)
        _show_rejections(console, report.summary)
    if report.faults:
        console.print(_faults_table(report.faults))
    for note in report.notes:
        console.print(Text(note, style="yellow"), soft_wrap=True)
    if not report.succeeded:
        console.print(Text(f"\nThe run {report.status.lower().replace('_', ' ')}: {report.error}", style="bold red"))
    if report.message:
        console.print(Text("\nThe message that would have been sent", style="bold"))
        console.print(Text(f"  {report.message['subject']}\n", style="cyan"), soft_wrap=True)
        for line in report.message["body"].splitlines():
            console.print(Text(f"  {line}"), soft_wrap=True)
    elif report.cause:
        console.print(Text(readable(report.cause)), soft_wrap=True)
    if report.results:
        console.print(Text.assemble("\nResults: ", (f"{report.results}/", "bold"), _speed(report)), soft_wrap=True)
        if (page := report.results / REPORT).exists():
            console.print(Text.assemble("Report:  ", (str(page), "bold")), soft_wrap=True)
    for line in costs.on_a_laptop(report.summary.get("cost")):
        console.print(Text(line), soft_wrap=True)


def _faults_table(faults: list[dict[str, Any]]) -> Table:
    table = Table(title="\nwhat went wrong on purpose", title_justify="left", show_edge=False)
    for column in ("on", "fault"):
        table.add_column(column)
    for column in ("calls that fit", "faults"):
        table.add_column(column, justify="right")
    for rule in faults:
        table.add_row(escape(rule["on"]), rule["fault"], f"{rule['fitted']:,}", f"{rule['struck']:,}")
    return table


def report_document(report: "RunReport") -> dict[str, Any]:
    """The same for a program."""
    return {**asdict(report), "results": str(report.results) if report.results else None}


def _speed(report: "RunReport") -> str:
    if not report.summary:
        return ""
    images, seconds = report.summary["counts"]["listed"], report.seconds
    return (
        f"  ({images:,} images in {seconds['run']:.1f} s, {images / seconds['run']:,.0f} a second, "
        f"after {seconds['startup']:.1f} s of start-up)"
    )


def _show_labels(console: Console, summary: dict[str, Any]) -> None:
    predicted = f"{_images(summary['counts']['predicted'])} predicted"
    if summary["top_labels"]:
        console.print(_labels_table(predicted, summary))
    else:
        console.print(Text(predicted, style="italic"))
    if summary["without_boxes"]:
        console.print(Text(f"{_images(summary['without_boxes'])} without a box", style="dim"))


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count:,} images"


def _labels_table(title: str, summary: dict[str, Any]) -> Table:
    is_detection = summary["task"] == "detection"
    table = Table(title=title, title_justify="left", show_edge=False)
    table.add_column("label")
    for column in ("images", *(["boxes"] if is_detection else []), "mean score"):
        table.add_column(column, justify="right")
    for row in summary["top_labels"][:LABELS_SHOWN]:
        boxes = [f"{row['boxes']:,}"] if is_detection else []
        table.add_row(escape(printable(row["label"])), f"{row['images']:,}", *boxes, f"{row['mean_score']:.2f}")
    return table


def _show_rejections(console: Console, summary: dict[str, Any]) -> None:
    rejected = summary["counts"]["rejected"]
    if not rejected:
        return
    table = Table(title=f"\n{_images(rejected)} rejected", title_justify="left", show_edge=False)
    table.add_column("file", overflow="fold")
    table.add_column("reason", no_wrap=True)
    table.add_column("the decoder's words", style="dim")
    for row in summary["rejected_examples"][:REJECTED_SHOWN]:
        table.add_row(escape(printable(row["key"])), row["reason"], escape(printable(row["detail"])))
    console.print(table)
    if rejected > REJECTED_SHOWN:
        console.print(Text(f"and {rejected - REJECTED_SHOWN:,} more, in rejected.csv", style="dim"))
