"""Options that several commands have, in the same words, and how their text is read."""

import argparse
import math
from pathlib import Path
from typing import Any

from pipeline.contract import LARGEST_TOP_K
from pipeline.limits import DEFAULT_LIMITS, from_text


def add_faults_option(command: argparse.ArgumentParser) -> None:
    """What goes wrong on purpose."""
    command.add_argument(
        "--faults",
        type=Path,
        metavar="PLAN",
        help="rehearse failures: let go wrong what the JSON file PLAN says (docs/faults.md)",
    )


def add_max_cost_option(command: argparse.ArgumentParser) -> None:
    """What a run may cost."""
    command.add_argument(
        "--max-cost",
        type=usd,
        metavar="USD",
        help="refuse to start jobs where the run would cost more in AWS than this; 0 for no limit but the stack's",
    )


def add_parameters_option(command: argparse.ArgumentParser, example: str) -> None:
    """Parameters of the stack; `example` is one that belongs to the command."""
    command.add_argument(
        "--param",
        type=parameter,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"a parameter of infra/template.yaml, as in {example}; may be given more than once",
    )


def add_limit_option(command: argparse.ArgumentParser) -> None:
    """What a run accepts."""
    command.add_argument(
        "--limit",
        type=limit,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change what is accepted, as in max_pixels=100000000, max_bytes=..., min_side=..., formats=jpeg,png or "
        "animated=reject; may be given more than once",
    )


def add_json_option(command: argparse.ArgumentParser) -> None:
    """What is printed for programs."""
    command.add_argument("--json", action="store_true", help="print one JSON document, and nothing else")


def add_verbose_option(command: argparse.ArgumentParser) -> None:
    command.add_argument("-v", "--verbose", action="store_true", help="say more on standard error")


def merged(given: list[dict[str, Any]]) -> dict[str, Any]:
    """What an option gave that may be given more than once: the last of a name counts."""
    return {name: value for pair in given for name, value in pair.items()}


def usd(text: str) -> float:
    """An amount of US dollars."""
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 <= amount < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of US dollars, such as 2.50")
    return amount


def top_k(text: str) -> int:
    """A number of labels."""
    return whole_number(text, LARGEST_TOP_K)


def whole_number(text: str, largest: int) -> int:
    """A number from 1 to `largest`."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number <= largest:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {largest}")
    return number


def limit(text: str) -> dict[str, Any]:
    """`NAME=VALUE` of a limit, in the types that it has."""
    name, _, value = text.partition("=")
    changed = from_text({name: value})
    try:
        DEFAULT_LIMITS.changed(changed)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return changed


def parameter(text: str) -> dict[str, str]:
    """`NAME=VALUE` of a parameter of infra/template.yaml."""
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, got {text!r}")
    return {name: value}
