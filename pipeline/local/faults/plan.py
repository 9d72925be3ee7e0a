"""The plan of faults: a JSON document, read strictly.

    {"seed": 7, "retry_pace": 0.1,
     "faults": [
       {"on": "function", "name": "*ValidateImages*", "fault": "killed", "occurrences": [2]},
       {"on": "request", "service": "s3", "operation": "GetObject", "fault": "unavailable", "probability": 0.1}
     ]}

A rule says on what (`on`, and for requests `service` and `operation`), of which name, which fault, and when: at the
calls with these numbers, counted from 1 among those that the rule fits, or with a probability, so many times at most.
"""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

EVERYWHERE = ("cloud_killed", "executions_stopped")
KINDS: Mapping[str, tuple[str, ...]] = {
    "function": ("killed", "out_of_memory", "timed_out", "throttled", "twice"),
    "processing_job": ("killed", "stopped", "no_capacity", "hanging"),
    "transform_job": ("killed", "stopped", "no_capacity", "hanging"),
    "request": (
        "throttled",
        "limit_exceeded",
        "internal_error",
        "unavailable",
        "slow",
        "reset",
        "answer_lost",
        "old_version",
    ),
}
"""Which faults there are, by what they strike; those of EVERYWHERE strike everything."""

_REQUEST_ONLY = ("service", "operation")
_FIELDS = ("on", "name", "fault", "occurrences", "probability", "times", "seconds")
_SECONDS = {"slow": (0.5, 2.0), "hanging": (0.5, 2.0)}
"""How long a fault takes, or how late it comes, where the rule does not say; from 0 to 1 for all others."""
_LONGEST = 3600


class FaultPlanError(ValueError):
    """A plan that does not read: which field, what was expected."""


@dataclass(frozen=True)
class Rule:
    """One fault of a plan. The patterns are those of the shell: `*`, `?`, `[...]`."""

    on: str
    fault: str
    name: str = "*"
    service: str = "*"
    operation: str = "*"
    occurrences: frozenset[int] = frozenset()
    probability: float | None = None
    times: int | None = None
    seconds: tuple[float, float] = (0.0, 1.0)

    def __str__(self) -> str:
        """What it strikes, for people: `function *-validate-images`, `request s3 GetObject`."""
        patterns = (self.service, self.operation, self.name)
        return " ".join([self.on, *(pattern for pattern in patterns if pattern != "*")])


@dataclass(frozen=True)
class FaultPlan:
    """Which faults there are. The same seed makes the same choices, call by call."""

    rules: tuple[Rule, ...] = ()
    seed: int = 0
    retry_pace: float = 1.0
    """Which part of the time is waited before a retry of a state machine, and in its Wait states: a rehearsal need not
    take a night."""

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """Raises FaultPlanError."""
        _check_object(document, "the plan", ("seed", "retry_pace", "faults"))
        faults = document.get("faults")
        if not isinstance(faults, list):
            raise _expected("faults", "a list of objects", faults)
        return cls(
            tuple(_rule(each, f"faults[{number}]") for number, each in enumerate(faults)),
            _whole(document, "seed", "seed", 0),
            _number(document.get("retry_pace", 1), "retry_pace", 0, 1),
        )


def load_plan(path: Path) -> FaultPlan:
    """The plan in a file. Raises FaultPlanError, which names the file."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return FaultPlan.from_json(document)
    except OSError as error:
        raise FaultPlanError(f"The fault plan {str(path)!r} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise FaultPlanError(f"The fault plan {str(path)!r} does not read: {error}. See docs/faults.md") from error


def refuse_end_of_cloud(plan: FaultPlan) -> None:
    """For a cloud that nobody starts again. Raises FaultPlanError where the plan kills it."""
    for number, rule in enumerate(plan.rules):
        if rule.fault == "cloud_killed":
            raise FaultPlanError(
                f"faults[{number}].fault: cloud_killed would end the command, and nothing would be left to go on"
                " with. Rehearse it with `imagebatch up --faults`, which is started again on the same folder"
            )


def _rule(document: Any, path: str) -> Rule:
    _check_object(document, path, (*_FIELDS, *_REQUEST_ONLY))
    on = _one_of(document, path, "on", tuple(KINDS))
    fault = _one_of(document, path, "fault", (*KINDS[on], *EVERYWHERE))
    for name in _REQUEST_ONLY:
        if on != "request" and name in document:
            raise FaultPlanError(f"{path}.{name} is for requests, and this rule is on {on!r}: leave it out")
    patterns = {name: _text(document, path, name) for name in ("name", *_REQUEST_ONLY) if name in document}
    if fault in ("old_version", "limit_exceeded"):
        service = {"old_version": "s3", "limit_exceeded": "sagemaker"}[fault]
        if patterns.setdefault("service", service) != service:
            raise _expected(f"{path}.service", f"{service!r}, where the fault is {fault!r}", patterns["service"])
    if fault == "old_version" and patterns.setdefault("operation", "GetObject") not in ("GetObject", "HeadObject"):
        raise _expected(f"{path}.operation", "GetObject or HeadObject, of what was", patterns["operation"])
    if ("occurrences" in document) == ("probability" in document):
        raise FaultPlanError(f"{path}: expected either occurrences, as in [1, 3], or probability, as in 0.1")
    occurrences = document.get("occurrences", [])
    if not isinstance(occurrences, list) or not all(_is_whole(each) and each > 0 for each in occurrences):
        raise _expected(f"{path}.occurrences", "a list of whole numbers from 1", occurrences)
    probability = document.get("probability")
    times = document.get("times")
    if times is not None and (not _is_whole(times) or times < 1):
        raise _expected(f"{path}.times", "a whole number from 1", times)
    return Rule(
        on,
        fault,
        **patterns,
        occurrences=frozenset(occurrences),
        probability=None if probability is None else _number(probability, f"{path}.probability", 0, 1),
        times=times,
        seconds=_seconds(document.get("seconds", _SECONDS.get(fault, (0.0, 1.0))), f"{path}.seconds"),
    )


def _seconds(value: Any, path: str) -> tuple[float, float]:
    """A number, or the least and the most."""
    pair = value if isinstance(value, list | tuple) else [value, value]
    if len(pair) != 2:
        raise _expected(path, "a number, or two: the least and the most", value)
    least, most = (_number(each, path, 0, _LONGEST) for each in pair)
    if least > most:
        raise _expected(path, "the least before the most", value)
    return least, most


def _check_object(value: Any, path: str, known: tuple[str, ...]) -> None:
    if not isinstance(value, dict):
        raise _expected(path, "an object {...}", value)
    for name in value:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise FaultPlanError(
                f"{path} has an unknown field {name!r}{f'; did you mean {near[0]!r}?' if near else ''}"
                f" It may have {', '.join(known)}"
            )


def _one_of(document: Mapping[str, Any], path: str, name: str, allowed: tuple[str, ...]) -> str:
    value = document.get(name)
    if value not in allowed:
        raise _expected(f"{path}.{name}", f"one of {', '.join(allowed)}", value)
    return str(value)


def _text(document: Mapping[str, Any], path: str, name: str) -> str:
    value = document[name]
    if not isinstance(value, str) or not value:
        raise _expected(f"{path}.{name}", "a pattern, as in '*Validate*'", value)
    return value


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _whole(document: Mapping[str, Any], path: str, name: str, default: int) -> int:
    value = document.get(name, default)
    if not _is_whole(value):
        raise _expected(path, "a whole number", value)
    return int(value)


def _number(value: Any, path: str, least: float, most: float) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
        raise _expected(path, f"a number from {least} to {most}", value)
    return float(value)


def _expected(path: str, what: str, got: Any) -> FaultPlanError:
    return FaultPlanError(f"{path}: expected {what}, got {json.dumps(got, default=str)}")
