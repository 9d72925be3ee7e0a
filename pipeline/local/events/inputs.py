"""What a target gets of an event: the event, a part of it, a constant, or what an input transformer makes of it.

Source: EventBridge User Guide, "Amazon EventBridge input transformation". A variable outside quotes becomes JSON, with
the quotes that a string needs; inside quotes its text, escaped. The guide says that a variable whose path leads nowhere
"isn't created and won't appear in the output": it becomes null, and nothing inside quotes, so that JSON stays JSON.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pipeline.local.events.paths import NOTHING, compile_path

Input = Callable[[Mapping[str, Any], str], str]
"""Makes what a target gets of an event and the time it came, an ISO 8601 timestamp."""

_RESERVED = "aws.events."
_VARIABLE = re.compile(r"<([^<>\s]+)>")
_STRING_PART = re.compile(r'\\.|"', re.DOTALL)


def input_of(target: Mapping[str, Any], rule_name: str, rule_arn: str) -> Input:
    """How a target of PutTargets gets its input.

    Raises:
        ValueError: the target says it in two ways, or in one that makes no sense.
    """
    ways = [name for name in ("Input", "InputPath", "InputTransformer") if name in target]
    if len(ways) > 1:
        raise ValueError(
            f"Only one of Input, InputPath, or InputTransformer must be provided for target {target['Id']}."
        )
    if ways == ["Input"]:
        constant = str(target["Input"])
        _check_json(constant, f"JSON syntax error in input for target {target['Id']}.")
        return lambda _event, _time: constant
    if ways == ["InputPath"]:
        find = compile_path(target["InputPath"])
        return lambda event, _time: dumps(None if (found := find(event)) is NOTHING else found)
    if ways == ["InputTransformer"]:
        return _Transformer(target, rule_name, rule_arn)
    return lambda event, _time: dumps(event)


def dumps(value: Any) -> str:
    """JSON as EventBridge writes it: compact, and as Unicode."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class _Transformer:
    """An input transformer, compiled."""

    def __init__(self, target: Mapping[str, Any], rule_name: str, rule_arn: str) -> None:
        transformer = target["InputTransformer"]
        self._paths = {name: compile_path(path) for name, path in transformer.get("InputPathsMap", {}).items()}
        reserved = next((name for name in self._paths if name.lower().startswith("aws.")), None)
        if reserved is not None:
            raise ValueError(
                f"InputPathsMap for target {target['Id']} defines {reserved}: names from AWS. on are reserved"
            )
        self._rule = {"aws.events.rule-name": rule_name, "aws.events.rule-arn": rule_arn}
        self._parts = list(_parts(transformer["InputTemplate"]))
        known = {*self._paths, *self._rule, *_EVENT_VARIABLES}
        unknown = [name for name, _ in self._variables() if name not in known]
        if unknown:
            raise ValueError(
                f"Invalid InputTemplate for target {target['Id']}: placeholder {unknown[0]} is not in InputPathsMap"
            )
        sample = "".join(part if isinstance(part, str) else "" if part[1] else "null" for part in self._parts)
        _check_template(sample, f"Invalid InputTemplate for target {target['Id']}")

    def __call__(self, event: Mapping[str, Any], time: str) -> str:
        values: dict[str, Any] = {name: find(event) for name, find in self._paths.items()}
        values |= self._rule | {"aws.events.event.ingestion-time": time}
        values |= {
            "aws.events.event": {name: value for name, value in event.items() if name != "detail"},
            "aws.events.event.json": event,
        }
        return "".join(part if isinstance(part, str) else _written(values[part[0]], *part) for part in self._parts)

    def _variables(self) -> Iterator[tuple[str, bool]]:
        return (part for part in self._parts if not isinstance(part, str))


_EVENT_VARIABLES = ("aws.events.event", "aws.events.event.json", "aws.events.event.ingestion-time")


def _written(value: Any, name: str, quoted: bool) -> str:
    if value is NOTHING:
        return "" if quoted else "null"
    if not quoted:
        return dumps(value)
    if name in _EVENT_VARIABLES[:2]:
        return dumps(value)  # "can only be used as a value for a JSON field, as its contents are not escaped"
    return dumps(value if isinstance(value, str) else dumps(value))[1:-1]


def _parts(template: str) -> Iterator[str | tuple[str, bool]]:
    """The text of a template, and its variables: each with whether it stands inside quotes."""
    quoted, position = False, 0
    for variable in _VARIABLE.finditer(template):
        text = template[position : variable.start()]
        quoted ^= sum(part[0] == '"' for part in _STRING_PART.finditer(text)) % 2 == 1
        yield text
        yield variable[1], quoted
        position = variable.end()
    yield template[position:]


def _check_template(sample: str, what: str) -> None:
    """A template makes one JSON value, or one string a line."""
    try:
        json.loads(sample)
    except ValueError as error:
        for line in filter(None, map(str.strip, sample.splitlines())):
            try:
                whole = json.loads(line)
            except ValueError:
                whole = None
            if not isinstance(whole, str):
                message = f"{what}: it is neither JSON nor a string in quotes on each line ({error})"
                raise ValueError(message) from error  # noqa: TRY004 - of a text that a user wrote


def _check_json(text: str, what: str) -> None:
    try:
        json.loads(text)
    except ValueError as error:
        raise ValueError(f"{what} {error}") from error
