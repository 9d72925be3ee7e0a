"""The charts of a report, drawn by pygal as SVG that the page's own style sheet colours, dark or light."""

import sys
import unicodedata
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

import pygal  # type: ignore[import-untyped, unused-ignore]
from markupsafe import Markup
from pygal.style import DefaultStyle  # type: ignore[import-untyped, unused-ignore]

from pipeline.given import printable

# Importing pygal leaves a finder of its plug-ins behind, of a kind that Python no longer asks and warns about.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

MOST_LABELS = 20
_LONGEST_LABEL = 22
_MARGIN, _LETTER = 4, 7
_WIDTH = 480
"""Of a chart, in the units of its letters: about as wide as half a page, and not too wide for a phone."""


def labels(counts: Mapping[str, int]) -> Markup:
    """How many images each of the commonest labels is the best of."""
    commonest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_LABELS]
    # A horizontal bar chart begins at the bottom. The count stands beside the bar: in a short one it has no room.
    names = [f"{_cut(label)}\u2002{count:,}" for label, count in reversed(commonest)]
    chart = pygal.HorizontalBar(
        **_PLAIN, height=60 + 24 * len(names), width=_WIDTH, spacing=6, margin_left=_MARGIN + _room(names)
    )
    chart.value_formatter = lambda value: f"{value:,.0f}"
    chart.x_labels = names
    chart.y_labels = _ticks(commonest[0][1], 4)
    chart.add("images", [count for _, count in reversed(commonest)])
    return _svg(chart)


def scores(histogram: Sequence[int], threshold: float) -> Markup:
    """How many images have a best score in each part of 0 to 1; those below the threshold are a series of their own."""
    width = 1 / len(histogram)
    bars = [(count, index * width, (index + 1) * width) for index, count in enumerate(histogram)]
    chart = pygal.Histogram(**_PLAIN, height=260, width=_WIDTH)
    chart.value_formatter = lambda value: f"{value:,.0f}"
    chart.x_value_formatter = lambda value: f"{value:.1f}"
    chart.x_labels = [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    chart.y_labels = _ticks(max(histogram), 6)
    chart.add("certain", [bar for bar in bars if bar[1] >= threshold])
    chart.add("not certain", [bar for bar in bars if bar[1] < threshold])
    return _svg(chart)


# Neither style sheets nor scripts of pygal's own: the page has its own, and runs no other.
_PLAIN = {
    "css": (),
    "js": (),
    "show_legend": False,
    "disable_xml_declaration": True,
    "explicit_size": False,
    "margin": _MARGIN,
    # The number of the last tick is as wide as this beyond it.
    "margin_right": 36,
    # What the page's style sheet says, too: pygal leaves room by it.
    "style": DefaultStyle(label_font_size=12, major_label_font_size=12),
}


def _cut(label: str) -> str:
    text = printable(label)
    if _columns(text) <= _LONGEST_LABEL:
        return text
    while _columns(text) >= _LONGEST_LABEL:
        text = text[:-1]
    return f"{text}\u2026"


def _columns(text: str) -> int:
    """Letters of Chinese, Japanese and Korean are two columns wide (Unicode Standard Annex 11)."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _room(names: Sequence[str]) -> int:
    """What wide letters take beyond what pygal leaves room for, to which all letters are one column."""
    return _LETTER * (max(map(_columns, names)) - max(map(len, names)))


def _ticks(most: int, steps_at_most: int) -> list[int]:
    """Some whole numbers from 0 to `most` or just beyond, a round step apart: images come in no halves."""
    steps = (factor * 10**power for power in range(20) for factor in (1, 2, 5))
    step = next(step for step in steps if step * steps_at_most > most)
    return list(range(0, most + step, step))


def _svg(chart: "pygal.graph.graph.Graph") -> Markup:
    """The tree of elements that pygal builds, in which labels are text, without its script and its comments."""
    # Else a number by chance: the same run gives the same report.
    chart.uuid = type(chart).__name__
    tree = chart.render_tree()
    for parent in tree.iter():
        for child in list(parent):
            if child.tag is ElementTree.Comment or str(child.tag).endswith("script"):
                parent.remove(child)
    return Markup(ElementTree.tostring(tree, encoding="unicode"))  # noqa: S704
