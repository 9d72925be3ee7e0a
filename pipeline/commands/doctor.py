"""`imagebatch doctor`: what a failure means, and what settles it."""

import argparse
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import EXIT_FAILED, EXIT_USAGE

if TYPE_CHECKING:
    from pipeline.doctor import Diagnosis, Finding, Line

STANDARD_INPUT = Path("-")
_WIDTH = 100


def add_to(commands: Any) -> None:
    doctor = commands.add_parser(
        "doctor",
        help="tell the cause of a failure, and the remedy, from a log or an error message",
        description="Find the well-known failures in logs and error messages, and tell each one's cause and remedy. The"
        " exit code is 0 when something was recognised, 1 when nothing was.",
    )
    doctor.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="a log, the folder of a run, or an error as JSON; - is standard input",
    )
    doctor.add_argument(
        "--text", metavar="TEXT", help="a message, such as a job's FailureReason or an execution's Cause"
    )
    doctor.set_defaults(command=_doctor)


def _doctor(options: argparse.Namespace) -> int:
    from pipeline.doctor import diagnose

    if not options.files and options.text is None:
        print("imagebatch: name a log or a run's folder, - for standard input, or give --text.", file=sys.stderr)
        return EXIT_USAGE
    try:
        diagnosis = diagnose(_lines(options))
    except OSError as error:
        print(
            f"imagebatch: {error.filename} cannot be read: {error.strerror}. Name a log, or the folder of a run.",
            file=sys.stderr,
        )
        return EXIT_USAGE
    if diagnosis.findings:
        print(_told(diagnosis))
        return 0
    print(_not_recognised(diagnosis))
    return EXIT_FAILED


def _lines(options: argparse.Namespace) -> "Iterator[Line]":
    from pipeline.doctor import lines_in_stream, lines_in_text, lines_of

    if options.text is not None:
        yield from lines_in_text(options.text)
    for path in options.files:
        if path == STANDARD_INPUT:
            yield from lines_in_stream(sys.stdin.buffer, "standard input")
        else:
            yield from lines_of(path)


def _told(diagnosis: "Diagnosis") -> str:
    several = len(diagnosis.findings) > 1
    heading = [f"{len(diagnosis.findings)} failures, the likeliest cause first"] if several else []
    return "\n\n".join([*heading, *(_of(number, each) for number, each in enumerate(diagnosis.findings, start=1))])


def _of(number: int, finding: "Finding") -> str:
    from pipeline.doctor import Depth
    from pipeline.given import printable

    ailment = finding.ailment
    times = f" ({finding.count:,} times)" if finding.count > 1 else ""
    kind = ", a symptom" if ailment.depth is Depth.SYMPTOM else ""
    rows = {"seen": printable(finding.example)}
    if finding.first.place:
        rows["where"] = printable(finding.first.place)
    if finding.objects:
        rows["object"] = ", ".join(printable(uri) for uri in finding.objects)
    rows |= {"why": ailment.why, "do": ailment.remedy}
    body = [
        textwrap.fill(
            text,
            _WIDTH,
            initial_indent=f"   {name:<8}",
            subsequent_indent=" " * 11,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for name, text in rows.items()
    ]
    return "\n".join([f"{number}. {ailment.title}{times}{kind}", *body])


def _not_recognised(diagnosis: "Diagnosis") -> str:
    from pipeline.given import printable

    if diagnosis.lines == 0:
        return "There is nothing to read: no lines, and in the folder of a run no failed.csv and no logs."
    read = "the one line" if diagnosis.lines == 1 else f"{diagnosis.lines:,} lines"
    sentences = [f"Nothing that is known was found in {read}."]
    if diagnosis.unexplained:
        line = diagnosis.unexplained
        where = f" ({printable(line.place)})" if line.place else ""
        sentences.append(f"The first that looks like an error{where}:\n   {printable(line.text.strip()[:1000])}")
    else:
        sentences.append("Nor does any of it look like an error.")
    sentences.append(
        "Look next into the container's own log: CloudWatch groups /aws/sagemaker/ProcessingJobs and TransformJobs\n"
        "for jobs, /aws/lambda/<function> for functions; for a run on this machine out/<run_id>/logs."
    )
    return "\n".join(sentences)
