"""`imagebatch run`: the batch state machine on this machine, over a folder or an s3:// prefix."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import EXIT_FAILED, EXIT_USAGE, arguments, local, print_json
from pipeline.laptop.run_request import EXAMPLE_MODEL, RunRequest
from pipeline.limits import Quarantine
from pipeline.runs.run_input import ENGINES, PROCESSING

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.laptop.run_local import RunReport


def add_to(commands: Any) -> None:
    run = commands.add_parser(
        "run",
        help="run the batch state machine on this machine, over a folder or an s3:// prefix",
        description="Deploy infra/template.yaml into a local cloud and run the batch state machine over PATH.",
    )
    run.add_argument("source", metavar="PATH", help="a folder of images, hidden files left out, or s3://bucket/prefix/")
    run.add_argument(
        "--model",
        type=Path,
        metavar="DIR",
        default=EXAMPLE_MODEL,
        help="a model package: contract.json, labels.txt, model.onnx (default: the example model)",
    )
    run.add_argument(
        "--out", type=Path, default=Path("out"), metavar="DIR", help="results go to DIR/RUN_ID (default: out)"
    )
    run.add_argument("--engine", choices=ENGINES, default=PROCESSING, help="what runs the model (default: %(default)s)")
    run.add_argument(
        "--top-k",
        type=arguments.top_k,
        metavar="K",
        help="labels kept for an image, where the model ranks classes (default: the contract's)",
    )
    arguments.add_limit_option(run)
    run.add_argument(
        "--quarantine",
        choices=[policy.value for policy in Quarantine],
        default=Quarantine.LEAVE.value,
        help="what becomes of rejected images: left alone, copied to DIR/RUN_ID/quarantine, or tagged in S3 "
        "(default: %(default)s)",
    )
    arguments.add_parameters_option(run, "Decoders=my_module:register")
    arguments.add_max_cost_option(run)
    arguments.add_faults_option(run)
    local.add_output_options(run)
    run.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    if not local.is_installed("run"):
        return EXIT_USAGE
    # Imported here: `imagebatch --help` and a wrong option answer at once.
    from pipeline.local import forks

    forks.prepare()
    if not options.source.startswith("s3://"):
        local.load_botocore_without_awscrt()
    from pipeline.laptop.run_local import run_local
    from pipeline.laptop.terminal import report_document, show_report

    request = RunRequest(
        source=options.source,
        model=options.model,
        out=options.out,
        engine=options.engine,
        top_k=options.top_k,
        limits=arguments.merged(options.limit),
        quarantine=Quarantine(options.quarantine),
        parameters=arguments.merged(options.param),
        max_cost_usd=options.max_cost,
        faults=options.faults,
    )

    def show(console: "Console", report: "RunReport") -> int:
        if options.json:
            print_json(report_document(report))
        else:
            show_report(console, report)
        return 0 if report.succeeded else EXIT_FAILED

    return local.carry_out(options, lambda live: run_local(request, live), show)
