"""The page: one HTML file with its style, its script, its data and its pictures, and nothing from anywhere else.

Everything that a run brings (keys, labels, details) passes through Jinja's escaping or lies in a JSON block that the
script reads and shows as text. A Content Security Policy allows that one script, by its hash, and no address.
"""

import base64
import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from pipeline import state_graph
from pipeline.costs import telling as costs
from pipeline.durations import duration
from pipeline.given import printable
from pipeline.images.thumbnails import MEDIA_TYPE
from pipeline.report import charts, graph
from pipeline.report.content import PICTURE_OF, Content, ShownImage
from pipeline.results.messages import HINTS

_FILES = Path(__file__).with_name("page")
_PAGE = "page.html"


def render(content: Content) -> str:
    """The page as text, to be stored as UTF-8."""
    script = _file("page.js")
    states = _states(content, content.definition) if content.definition else {}
    return _ENVIRONMENT.get_template(_PAGE).render(
        content=content,
        summary=content.summary,
        counts=content.summary["counts"],
        style=Markup(_file("page.css")),  # noqa: S704  (ours)
        script=Markup(script),  # noqa: S704  (ours)
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        label_chart=charts.labels(content.labels) if content.labels else None,
        score_chart=charts.scores(content.scores, content.threshold) if any(content.scores) else None,
        graph=graph.draw(content.definition, states) if content.definition else None,
        is_ahead="ahead" in states.values(),
        costs=_costs(content.summary.get("cost")),
        timeline=_timeline(content),
        data=_json(_data(content)),
        sheets=[_sheet(sheet.data) for sheet in content.sheets],
        reasons=_by_reason(content),
        hints=HINTS,
        picture_of=PICTURE_OF,
    )


def _file(name: str) -> str:
    return (_FILES / name).read_text(encoding="utf-8")


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FILES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = lambda number: f"{number:,}"
    environment.filters["duration"] = duration
    environment.filters["data_uri"] = _data_uri
    environment.filters["printable"] = printable
    environment.filters["usd"] = costs.amount_or_unknown
    environment.filters["quantity"] = costs.quantity
    environment.filters["duration_or_unknown"] = costs.duration_or_unknown
    environment.globals["dated"] = costs.dated
    return environment


def _data(content: Content) -> dict[str, Any]:
    """What the script shows. Labels are numbers into a list: ten thousand images share few of them."""
    numbers: dict[str, int] = {}
    images = [_image(image, numbers) for image in content.images]
    return {
        "labels": list(numbers),
        "images": images,
        "sheets": [[sheet.first, sheet.columns, sheet.rows, sheet.side, sheet.media_type] for sheet in content.sheets],
        "threshold": content.threshold,
        # Not for the script: for a report that is made when the history is gone (pipeline/report/earlier.py).
        "spans": [
            [span.state, span.started.isoformat(), span.ended.isoformat(), span.visits, span.status]
            for span in content.spans
        ],
        "definition": content.definition,
        "failure": content.failure and [content.failure.error, content.failure.cause],
    }


def _image(image: ShownImage, numbers: dict[str, int]) -> list[Any]:
    answers = [[numbers.setdefault(answer.label, len(numbers)), round(answer.score, 4)] for answer in image.answers]
    return [image.key, image.uri.removesuffix(image.key), image.width, image.height, answers, image.thumbnail]


def _json(value: Any) -> Markup:
    """JSON that can stand in a script element: no tag begins in it (HTML Standard, "Restrictions for contents of
    script elements"). Half of a surrogate pair, which JSON may escape, stays escaped.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    text = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return Markup(text.encode("utf-8", "backslashreplace").decode())  # noqa: S704


def _sheet(data: bytes) -> Markup:
    return Markup(base64.b64encode(data).decode())  # noqa: S704  (letters, digits, +, / and =)


def _data_uri(picture: bytes) -> str:
    return f"data:{MEDIA_TYPE};base64,{base64.b64encode(picture).decode()}"


def _states(content: Content, machine: Mapping[str, Any]) -> Mapping[str, str]:
    """What became of each state. The children of a distributed map are executions of their own, of which the history
    tells nothing but that they began.
    """
    states = {span.state: span.status for span in content.spans}
    for name, state in state_graph.all_states(machine):
        if name in states and state_graph.is_distributed(state):
            states[state["ItemProcessor"]["StartAt"]] = states[name]
    # The page is made in a state of the run, and what comes after that has not been yet.
    usual = [edge for edge in state_graph.edges(machine) if not edge[2]]
    running = [name for name in machine["States"] if states.get(name) == "running"]
    ahead = {name for latest in running for name in state_graph.rows(latest, usual)}
    return dict.fromkeys(ahead, "ahead") | states


def _timeline(content: Content) -> list[dict[str, Any]]:
    """Each state as part of the whole, in percent."""
    if not content.spans:
        return []
    begin = min(span.started for span in content.spans)
    whole = max((max(span.ended for span in content.spans) - begin).total_seconds(), 0.001)
    return [
        {
            "span": span,
            "left": 100 * (span.started - begin).total_seconds() / whole,
            "width": max(100 * span.seconds / whole, 0.4),
        }
        for span in content.spans
        # The state that makes this page is still running.
        if span.status in ("failed", "stopped") or (span.status == "succeeded" and span.seconds > 0.002 * whole)
    ]


def _costs(cost: Mapping[str, Any] | None) -> tuple[list[Any], list[Any]]:
    """The lines of a bill, the dearest first, and those of next to nothing. A line without a price comes first."""
    lines: list[Any] = list(cost["lines"]) if cost else []

    def dearest(line: Mapping[str, Any]) -> float:
        amounts = (line["used_usd"], line["estimated_usd"])
        return math.inf if None in amounts else float(max(amounts))

    lines.sort(key=dearest, reverse=True)
    large = [line for line in lines if dearest(line) >= costs.LEAST_USD]
    return large, lines[len(large) :]


def _by_reason(content: Content) -> dict[str, list[Any]]:
    reasons: dict[str, list[Any]] = {}
    for image in content.rejected:
        reasons.setdefault(image.reason, []).append(image)
    counted: Mapping[str, int] = content.summary["rejected_by_reason"]
    return dict(sorted(reasons.items(), key=lambda item: -counted.get(item[0], 0)))


_ENVIRONMENT = _environment()
# Compiled when a function starts and not when a run waits for its page; compiled again where the file has changed.
_ENVIRONMENT.get_template(_PAGE)
