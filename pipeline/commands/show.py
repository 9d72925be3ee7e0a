"""`imagebatch show`: what every run made of one image."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import EXIT_FAILED, EXIT_USAGE, arguments, cloud, print_json

if TYPE_CHECKING:
    from pipeline.results.image_history import History

_MOST_RUNS = 10_000


def add_to(commands: Any) -> None:
    show = commands.add_parser(
        "show",
        help="show what the runs made of an image",
        description="Show what the latest runs made of one image: its verdict, what was done to its pixels, and its "
        "prediction. Without --stack, --profile, --region and --local these are the runs of this machine, in the "
        "folder of --out; else those of a deployed stack, with what its ledger remembers. The exit code is 1 where "
        "nothing is known of the image.",
    )
    show.add_argument(
        "image", metavar="IMAGE", help="s3://bucket/key, the key as it is in S3; a key alone; or a file of this machine"
    )
    show.add_argument(
        "--runs", type=_runs, default=50, metavar="N", help="look through the N latest runs (default: %(default)s)"
    )
    show.add_argument(
        "--out", type=Path, default=Path("out"), metavar="DIR", help="results of this machine's runs (default: out)"
    )
    arguments.add_json_option(show)
    cloud.add_options(show)
    show.set_defaults(command=_show)


def _runs(text: str) -> int:
    return arguments.whole_number(text, _MOST_RUNS)


def _show(options: argparse.Namespace) -> int:
    try:
        from pipeline.laptop.kept_results import on_this_machine
        from pipeline.results.image_history import Image, in_stack
    except ImportError as error:
        print(f"imagebatch: to read results takes {error.name}: pip install 'imagebatch[results]'", file=sys.stderr)
        return EXIT_USAGE

    try:
        image = Image.parse(options.image)
        if not _names_a_stack(options):
            return _tell(options, on_this_machine(options.out, options.image, options.runs))
    except ValueError as error:
        print(f"imagebatch: {error}", file=sys.stderr)
        return EXIT_USAGE

    def in_cloud(deployed: cloud.Cloud) -> int:
        dynamodb = deployed.client("dynamodb") if deployed.deployment.ledger else None
        where = f"the stack {deployed.stack}"
        return _tell(options, in_stack(deployed.deployment, deployed.s3, dynamodb, image, options.runs, where))

    return cloud.carry_out(options, in_cloud)


def _names_a_stack(options: argparse.Namespace) -> bool:
    named = options.stack or options.profile or options.region or os.environ.get(cloud.STACK_VARIABLE)
    return bool(named) or options.local is not None


def _tell(options: argparse.Namespace, history: "History") -> int:
    from pipeline.results.image_telling import told

    if options.json:
        print_json({"image": options.image, **history.to_json()})
    else:
        print("\n".join(told(options.image, history)))
    for problem in history.problems:
        print(f"imagebatch: {problem}", file=sys.stderr)
    return 0 if history.is_known else EXIT_FAILED
