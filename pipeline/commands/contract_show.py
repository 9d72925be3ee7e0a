"""`imagebatch contract show`: a contract with every default filled in, in sentences or as JSON."""

import argparse
import sys
from pathlib import Path
from typing import Any

from pipeline.commands import EXIT_FAILED


def add_to(commands: Any) -> None:
    show = commands.add_parser(
        "show",
        help="tell in sentences what a contract does to a photo",
        description="What a contract does to a photo, step by step, with every default filled in, and its digest.",
    )
    show.add_argument(
        "contract", type=Path, metavar="CONTRACT", help="a contract.json, or the model package it lies in"
    )
    show.add_argument("--json", action="store_true", help="print the contract with its defaults, as JSON, instead")
    show.set_defaults(command=_show)


def _show(options: argparse.Namespace) -> int:
    from pipeline.contract import CONTRACT_FILE, parse_contract
    from pipeline.contract.text import describe, to_text
    from pipeline.errors import InvalidContract

    path = options.contract / CONTRACT_FILE if options.contract.is_dir() else options.contract
    try:
        contract = parse_contract(path.read_bytes(), source=str(path), images=True)
    except (OSError, InvalidContract) as error:
        print(f"imagebatch: {error}", file=sys.stderr)
        return EXIT_FAILED
    print(to_text(contract) if options.json else describe(contract) + "\n", end="")
    return 0
