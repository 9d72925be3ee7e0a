"""The graph of a state machine as SVG: every state a box, coloured by what became of it; a Map's states inside its own.

Rows are the longest way from the first state, so that an edge goes downwards unless it leads back.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from pipeline import state_graph

_HEIGHT, _GAP_X, _GAP_Y, _PADDING, _TITLE = 30, 18, 26, 14, 22
_CHARACTER = 7.4


@dataclass
class _Box:
    name: str
    kind: str
    width: float
    height: float
    inner: "_Layout | None" = None
    x: float = 0
    y: float = 0


@dataclass
class _Layout:
    boxes: dict[str, _Box]
    edges: list[tuple[str, str, bool]]
    width: float
    height: float


def draw(definition: Mapping[str, Any], states: Mapping[str, str]) -> Markup:
    """The graph of a definition in the Amazon States Language.

    `states` says what became of those states that ran: succeeded, failed or stopped; `running` is the one that
    makes the page, or that was under way when somebody had it made, and `ahead` are those after it, of which the page
    cannot know. The others are shown as not run.
    """
    layout = _layout(definition)
    body = Markup("").join(_draw(layout, 1, 1, states))
    return Markup(
        '<svg class="states" viewBox="0 0 {0:.0f} {1:.0f}" style="max-width:{0:.0f}px" role="img"'
        ' aria-label="The states of the run">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
        ' orient="auto-start-reverse"><path d="M0 0L8 4L0 8z"/></marker></defs>{2}</svg>'
    ).format(layout.width + 2, layout.height + 2, body)


def _layout(machine: Mapping[str, Any]) -> _Layout:
    states: Mapping[str, Any] = machine["States"]
    edges = state_graph.edges(machine)
    rows: dict[int, list[_Box]] = {}
    for name, number in state_graph.rows(machine["StartAt"], edges).items():
        rows.setdefault(number, []).append(_box(name, states[name]))
    total = max(sum(box.width for box in row) + _GAP_X * (len(row) - 1) for row in rows.values())
    y = 0.0
    for number in sorted(rows):
        row = rows[number]
        x = (total - sum(box.width for box in row) - _GAP_X * (len(row) - 1)) / 2
        tallest = max(box.height for box in row)
        for box in row:
            box.x, box.y = x, y
            x += box.width + _GAP_X
        y += tallest + _GAP_Y
    return _Layout({box.name: box for row in rows.values() for box in row}, edges, total, y - _GAP_Y)


def _box(name: str, state: Mapping[str, Any]) -> _Box:
    width = max(len(name) * _CHARACTER + 20, 60)
    inner = [_layout(machine) for machine in state_graph.inner(state)]
    if not inner:
        return _Box(name, state["Type"], width, _HEIGHT)
    joined = _side_by_side(inner)
    return _Box(
        name,
        state["Type"],
        max(width, joined.width + 2 * _PADDING),
        _TITLE + joined.height + 2 * _PADDING,
        joined,
    )


def _side_by_side(layouts: list[_Layout]) -> _Layout:
    x = 0.0
    boxes: dict[str, _Box] = {}
    for layout in layouts:
        for box in layout.boxes.values():
            box.x += x
        boxes |= layout.boxes
        x += layout.width + _GAP_X
    edges = [edge for layout in layouts for edge in layout.edges]
    return _Layout(boxes, edges, x - _GAP_X, max(layout.height for layout in layouts))


def _draw(layout: _Layout, x: float, y: float, states: Mapping[str, str]) -> Iterator[Markup]:
    for one, other, is_error in layout.edges:
        if one in layout.boxes and other in layout.boxes:
            yield _edge(layout.boxes[one], layout.boxes[other], x, y, is_error)
    for box in layout.boxes.values():
        status = states.get(box.name, "idle")
        left, top = x + box.x, y + box.y
        label_y = top + (_TITLE / 2 + 4 if box.inner else box.height / 2)
        yield Markup(
            '<g class="state {0}"><title>{1}: {2}, {3}</title>'
            '<rect x="{4:.1f}" y="{5:.1f}" width="{6:.1f}" height="{7:.1f}" rx="6"/>'
            '<text x="{8:.1f}" y="{9:.1f}">{1}</text>'
        ).format(
            status, box.name, box.kind, _WORDS[status], left, top, box.width, box.height, left + box.width / 2, label_y
        )
        if box.inner:
            inner_x = left + (box.width - box.inner.width) / 2
            yield from _draw(box.inner, inner_x, top + _TITLE + _PADDING, states)
        yield Markup("</g>")


_WORDS = {
    "idle": "did not run",
    "running": "was under way when this page was made",
    "ahead": "came after this page",
    "succeeded": "succeeded",
    "failed": "failed",
    "stopped": "was stopped",
}


def _edge(one: _Box, other: _Box, x: float, y: float, is_error: bool) -> Markup:
    x1, y1 = x + one.x + one.width / 2, y + one.y + one.height
    x2, y2 = x + other.x + other.width / 2, y + other.y - 2
    bend = max((y2 - y1) / 2, 18)
    path = f"M{x1:.1f} {y1:.1f}C{x1:.1f} {y1 + bend:.1f} {x2:.1f} {y2 - bend:.1f} {x2:.1f} {y2:.1f}"
    return Markup('<path class="{0}" d="{1}" marker-end="url(#tip)"/>').format(
        escape("way error" if is_error else "way"), path
    )
