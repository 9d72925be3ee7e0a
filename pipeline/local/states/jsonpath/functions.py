"""The functions that may end a path, as in `$.items.length()`: Jayway's aggregates, over numbers and containers."""

import math
import statistics
from collections.abc import Callable, Mapping

from pipeline.local.states.scope import Json


def _numbers(value: Json) -> list[float]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, int | float) and not isinstance(item, bool)]


def _length(value: Json) -> Json:
    return len(value) if isinstance(value, list | dict | str) else None


def _keys(value: Json) -> Json:
    return list(value) if isinstance(value, dict) else None


def _aggregate(function: Callable[[list[float]], float]) -> Callable[[Json], Json]:
    def apply(value: Json) -> Json:
        numbers = _numbers(value)
        return function(numbers) if numbers else None

    return apply


FUNCTIONS: Mapping[str, Callable[[Json], Json]] = {
    "length": _length,
    "keys": _keys,
    "min": _aggregate(min),
    "max": _aggregate(max),
    "sum": _aggregate(math.fsum),
    "avg": _aggregate(statistics.fmean),
    "stddev": _aggregate(statistics.pstdev),
}
