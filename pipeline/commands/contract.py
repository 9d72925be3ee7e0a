"""`imagebatch contract`: what a model expects, made, shown and checked. Each subcommand is a module beside this one."""

from typing import Any

from pipeline.commands import contract_check, contract_import, contract_show


def add_to(commands: Any) -> None:
    contract = commands.add_parser(
        "contract",
        help="make, show and check a model's contract",
        description="What tensor a model expects, and how its output reads: docs/contract.md.",
    )
    subcommands = contract.add_subparsers(title="commands", required=True, metavar="COMMAND")
    contract_check.add_to(subcommands)
    contract_import.add_to(subcommands)
    contract_show.add_to(subcommands)
