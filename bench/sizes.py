"""A benchmark over several sizes: each is measured in a process of its own, so that its memory is its own."""

import argparse
import json
from collections.abc import Callable, Sequence
from typing import Any

from bench.processes import measure

Json = dict[str, Any]


def parser(description: str, what: str, sizes: Sequence[int]) -> argparse.ArgumentParser:
    """Options of a benchmark over numbers of `what`, such as images."""
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument(f"--{what}", dest="sizes", nargs="+", type=int, default=sizes)
    options.add_argument("--json", action="store_true")
    options.add_argument("--one", type=int, help=f"measure this many {what} here, and print JSON")
    return options


def carry_out(
    options: argparse.Namespace,
    module: str,
    measure_here: Callable[[int], Json],
    show: Callable[[list[Json]], None],
    peak: str,
) -> None:
    """Measure each size by `python -m module --one SIZE`, and show the rows; `peak` names the memory of all of it."""
    if options.one:
        print(json.dumps(measure_here(options.one)))
        return
    rows = []
    for size in options.sizes:
        measured = measure(["-m", module, "--one", str(size)])
        rows.append({**measured.printed, peak: measured.peak_bytes})
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        show(rows)
