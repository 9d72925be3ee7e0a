"""`imagebatch contract check`: whether a contract fits its model, and whether another one would do better."""

import argparse
import importlib.util
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import EXIT_FAILED, EXIT_USAGE, arguments
from pipeline.errors import UnusablePhotos

if TYPE_CHECKING:
    from pipeline.contract.checking.findings import Finding
    from pipeline.contract.checking.survey import Row, Survey


def add_to(commands: Any) -> None:
    check = commands.add_parser(
        "check",
        help="check a contract against its model, and against its neighbours",
        description="Check contract.json, the model's own signature and a few images through the runtime. With photos,"
        " also what the neighbouring contracts would give: other colours, scales, sizes.",
    )
    check.add_argument(
        "model", type=Path, metavar="MODEL_DIR", help="a model package: contract.json, labels.txt, model.onnx"
    )
    check.add_argument("--photos", type=Path, metavar="DIR", help="photos of the kind that the model is for")
    check.add_argument(
        "--labels", type=Path, metavar="CSV", help="what is on the photos: a file with the columns file and label"
    )
    arguments.add_json_option(check)
    check.set_defaults(command=_check)


def _check(options: argparse.Namespace) -> int:
    from pipeline.contract.model_files import ModelFile

    if (options.model / ModelFile.ONNX).is_file() and importlib.util.find_spec("onnxruntime") is None:
        print(
            "imagebatch: a check runs the model, in ONNX Runtime: pip install 'imagebatch[inference]'", file=sys.stderr
        )
        return EXIT_USAGE
    from pipeline.contract.checking.check import Check

    if options.labels and not options.photos:
        print("imagebatch: --labels says what is on photos: name their folder with --photos", file=sys.stderr)
        return EXIT_USAGE
    if not options.model.is_dir():
        print(f"imagebatch: {options.model} is not a folder; MODEL_DIR has contract.json in it", file=sys.stderr)
        return EXIT_USAGE
    check = Check(options.model, _silent if options.json else _print)
    try:
        report = check.run(options.photos, options.labels)
    except UnusablePhotos as error:
        print(f"imagebatch: {error}", file=sys.stderr)
        return EXIT_USAGE
    if options.json:
        rows = [_as_json(row) for row in report.survey.rows] if report.survey else []
        findings = [finding.to_json() for finding in report.findings]
        print(json.dumps({"passed": report.passed, "findings": findings, "neighbours": rows}, indent=2))
    elif report.survey:
        print()
        print("\n".join(_table(report.survey)))
    return 0 if report.passed else EXIT_FAILED


def _print(finding: "Finding") -> None:
    print(f"{finding.outcome:<6}{finding.section:<11} {finding.sentence}", flush=True)


def _silent(finding: "Finding") -> None:
    """The JSON document has them all."""


def _table(survey: "Survey") -> list[str]:
    head = f"{'contract':<24}{'confidence':>11}{'agreement':>11}{'recognition':>13}{'accuracy':>10}  photos say"
    lines = [head, "-" * len(head)]
    for row in survey.rows:
        numbers = f"{_shown(row.confidence):>11}{_shown(row.agreement):>11}{_shown(row.recognition):>13}"
        lines.append(f"{row.name:<24}{numbers}{_shown(row.accuracy):>10}  {row.verdict or ''}".rstrip())
    return lines


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _as_json(row: "Row") -> dict[str, Any]:
    return {
        "name": row.name,
        "fix": row.neighbour.fix if row.neighbour else None,
        "confidence": row.confidence,
        "agreement": row.agreement,
        "recognition": row.recognition,
        "accuracy": row.accuracy,
        "label_probability": row.label_probability,
        "gained": row.tally.gained if row.tally else None,
        "lost": row.tally.lost if row.tally else None,
        "verdict": row.verdict,
    }
