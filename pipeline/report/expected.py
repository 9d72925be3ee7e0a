"""What a report expects of summary.json: each field that the page shows. Other versions may have written less."""

from collections.abc import Mapping
from typing import Any

from pipeline.given import shown
from pipeline.runs import keys

_Kinds = Mapping[str, tuple[type, ...]]

_TEXT, _TRUTH, _LIST, _OBJECT = (str,), (bool,), (list,), (dict,)
_NUMBER, _NUMBER_OR_NOTHING = (int, float), (int, float, type(None))

_TOLD = {_TEXT: "text", _TRUTH: "true or false", _LIST: "an array", _OBJECT: "an object", _NUMBER: "a number"}

_SUMMARY: _Kinds = {
    **dict.fromkeys(("run_id", "model", "contract", "engine", "execution_arn", "started_at", "results"), _TEXT),
    **dict.fromkeys(("seconds", "problem_count"), _NUMBER),
    **dict.fromkeys(("problems", "sources", "partitions"), _LIST),
    **dict.fromkeys(("counts", "rejected_by_reason"), _OBJECT),
    "adds_up": _TRUTH,
}
_COUNTS: _Kinds = dict.fromkeys(("listed", "predicted", "rejected", "failed", "skipped"), _NUMBER)
_PARTITION: _Kinds = {"instance_type": _TEXT}
_COST: _Kinds = {
    **dict.fromkeys(("used_usd", "used_seconds", "estimate_usd", "estimate_seconds", "limit_usd"), _NUMBER_OR_NOTHING),
    **dict.fromkeys(("lines", "unknown"), _LIST),
    "prices_dated": (list, type(None)),
    "region": _TEXT,
}
_LINE: _Kinds = {
    **dict.fromkeys(("what", "unit"), _TEXT),
    **dict.fromkeys(("used", "estimated"), _NUMBER),
    **dict.fromkeys(("used_usd", "estimated_usd"), _NUMBER_OR_NOTHING),
}


def check(summary: Mapping[str, Any]) -> None:
    """Raises ValueError, which names the field, where the page would lack something."""
    _check("", summary, _SUMMARY)
    _check("counts.", summary["counts"], _COUNTS)
    _check("rejected_by_reason.", summary["rejected_by_reason"], dict.fromkeys(summary["rejected_by_reason"], _NUMBER))
    for name in ("sources", "problems"):
        for number, text in enumerate(summary[name]):
            _check_kind(f"{name}[{number}]", text, _TEXT)
    for number, partition in enumerate(summary["partitions"]):
        _check(f"partitions[{number}].", partition, _PARTITION)
    if cost := summary.get("cost"):
        _check("cost.", cost, _COST)
        for number, line in enumerate(cost["lines"]):
            _check(f"cost.lines[{number}].", line, _LINE)


def _check(where: str, found: Any, kinds: _Kinds) -> None:
    for name, kind in kinds.items():
        if not isinstance(found, dict) or name not in found:
            raise ValueError(
                f"{keys.SUMMARY} has no {where}{name}, which a report shows: another version wrote it, or no run did"
            )
        _check_kind(f"{where}{name}", found[name], kind)


def _check_kind(where: str, value: Any, kind: tuple[type, ...]) -> None:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind != _TRUTH):
        told = _TOLD.get(kind, f"{_TOLD.get(kind[:-1], 'a number')} or null")
        raise ValueError(f"{keys.SUMMARY}: {where}: expected {told}, got {shown(value)}")
