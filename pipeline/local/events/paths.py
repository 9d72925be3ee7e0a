"""The JSON paths of EventBridge: `$.detail.object.key`, array indices and wildcards.

Source: EventBridge User Guide, "Amazon EventBridge input transformation": dots, dashes, underscores, letters and
digits, slashes, array indices, and `*`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

NOTHING = object()
"""What a path gives that leads nowhere in an event."""

_STEP = re.compile(r"\.(?P<name>[\w/-]+)|\['(?P<quoted>[^']+)'\]|\[(?P<index>\d+)\]|(?P<wildcard>\.\*|\[\*\])")


def compile_path(text: str) -> Callable[[Any], Any]:
    """What a path leads to in an event, or NOTHING; all that a wildcard leads to is a list.

    Raises:
        ValueError: it is no path that EventBridge supports.
    """
    if not text.startswith("$"):
        raise ValueError(f"{text!r} is no JSON path: it has to begin with $")
    steps: list[re.Match[str]] = []
    position = 1
    while position < len(text):
        step = _STEP.match(text, position)
        if step is None:
            raise ValueError(f"{text!r} is no JSON path that is supported: {text[position:]!r} is not understood")
        steps.append(step)
        position = step.end()

    def find(event: Any) -> Any:
        found, several = [event], False
        for step in steps:
            several |= step["wildcard"] is not None
            found = [inner for value in found for inner in _step(step, value)]
        if several:
            return found or NOTHING
        return found[0] if found else NOTHING

    return find


def _step(step: re.Match[str], value: Any) -> list[Any]:
    if step["wildcard"]:
        return list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list) else []
    if step["index"]:
        index = int(step["index"])
        return [value[index]] if isinstance(value, list) and index < len(value) else []
    name = step["name"] or step["quoted"]
    return [value[name]] if isinstance(value, Mapping) and name in value else []
