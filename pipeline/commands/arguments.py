"""Options of several commands that say what a run does, and how their text is read."""

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
