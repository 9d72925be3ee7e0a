"""The parts of a report: which images, their thumbnails, the times, the graph."""

import io
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.report import charts, graph, timeline
from pipeline.report.choose import BINS, Chooser
from pipeline.report.content import Answer, ShownImage
from pipeline.report.thumbnails import SheetMaker

BEGAN = datetime(2026, 11, 20, 2, tzinfo=UTC)


def image(number: int, label: str, score: float) -> ShownImage:
    return ShownImage(f"{number}.jpg", f"s3://b/{number}.jpg", 10, 10, (Answer(label, score),))


SCORED = st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1)), max_size=60)


@given(SCORED, st.integers(1, 80))
def test_no_more_images_are_chosen_than_fit_and_all_where_they_fit(scored: list[tuple[str, float]], most: int) -> None:
    chooser = Chooser(most)
    for number, (label, score) in enumerate(scored):
        chooser.add(image(number, label, score))
    chosen = chooser.chosen()
    assert len({shown.uri for shown in chosen}) == len(chosen) <= most
    if len(scored) <= most:
        assert len(chosen) == len(scored)


@given(SCORED, st.integers(10, 80))
def test_the_least_certain_images_are_always_chosen(scored: list[tuple[str, float]], most: int) -> None:
    chooser = Chooser(most)
    for number, (label, score) in enumerate(scored):
        chooser.add(image(number, label, score))
    least = sorted(score for _, score in scored)[: int(most * 0.3)]
    assert [shown.certainty for shown in chooser.chosen()][: len(least)] == least


@given(SCORED)
def test_every_image_is_counted_whether_it_is_shown_or_not(scored: list[tuple[str, float]]) -> None:
    chooser = Chooser(3)
    for number, (label, score) in enumerate(scored):
        chooser.add(image(number, label, score))
    assert chooser.labels == Counter(label for label, _ in scored)
    assert (sum(chooser.scores), len(chooser.scores)) == (len(scored), BINS)


def test_a_rare_label_is_shown_among_many_of_a_common_one() -> None:
    chooser = Chooser(100)
    for number in range(5_000):
        chooser.add(image(number, "common", 0.5 + number / 20_000))
    chooser.add(image(5_000, "rare", 0.99))
    assert "rare" in {shown.answers[0].label for shown in chooser.chosen()}


@pytest.mark.parametrize("channels", [1, 3])
def test_a_thumbnail_stands_where_its_place_says(channels: int) -> None:
    maker = SheetMaker(10_000_000)
    colours = np.random.default_rng(3).integers(30, 256, (123, channels), np.uint8)
    blank = np.ones((60, 80, channels), np.uint8)
    places = [maker.add(Image.fromarray((blank * colour).squeeze())) for colour in colours]
    maker.finish()
    for colour, place in zip(colours, places, strict=True):
        assert place is not None
        sheet = next(sheet for sheet in reversed(maker.sheets) if sheet.first <= place)
        picture = np.asarray(Image.open(io.BytesIO(sheet.data)).convert("RGB")).astype(int)
        row, column = divmod(place - sheet.first, sheet.columns)
        centre = picture[row * sheet.side + sheet.side // 2, column * sheet.side + sheet.side // 2]
        assert abs(centre - np.broadcast_to(colour, 3)).max() < 30


def test_thumbnails_end_where_their_budget_does() -> None:
    noise = np.random.default_rng(1)
    maker = SheetMaker(200_000)
    places = [maker.add(Image.fromarray(noise.integers(0, 256, (96, 96, 3), np.uint8))) for _ in range(1_000)]
    maker.finish()
    assert None in places
    assert sum(len(sheet.data) for sheet in maker.sheets) * 4 / 3 < 2_000_000


def events(*steps: tuple[float, str, str]) -> list[dict[str, Any]]:
    """(seconds, kind, state): kind is entered, exited or the type of another event."""
    found = []
    for seconds, kind, name in steps:
        event: dict[str, Any] = {"timestamp": BEGAN + timedelta(seconds=seconds), "type": kind}
        if kind in ("entered", "exited"):
            event = {**event, "type": f"TaskState{kind.title()}", f"state{kind.title()}EventDetails": {"name": name}}
        found.append(event)
    return found


def test_a_state_takes_from_its_first_entry_to_its_last_exit() -> None:
    history = events((0, "entered", "A"), (1, "exited", "A"), (2, "entered", "A"), (5, "exited", "A"))
    (span,) = timeline.spans(history)
    assert (span.seconds, span.visits, span.status) == (5, 2, "succeeded")


@pytest.mark.parametrize(
    ("end", "status"), [("ExecutionFailed", "failed"), ("ExecutionTimedOut", "failed"), ("ExecutionAborted", "stopped")]
)
def test_a_state_that_was_not_left_is_how_the_execution_ended(end: str, status: str) -> None:
    (span,) = timeline.spans(events((0, "entered", "A"), (3, end, "")))
    assert (span.seconds, span.status) == (3, status)


def test_a_state_that_is_not_left_yet_is_running() -> None:
    assert timeline.spans(events((0, "entered", "A")))[0].status == "running"


NAMES = st.sampled_from(["A", "B", "C", "D", "E", "<F>"])


@st.composite
def definitions(draw: st.DrawFn, depth: int = 2) -> dict[str, Any]:
    """Machines of any shape, with ways back and with states that nothing leads to."""
    names = draw(st.lists(NAMES, min_size=1, unique=True))
    states: dict[str, Any] = {}
    for name in names:
        state: dict[str, Any] = {"Type": "Choice", "Choices": [{"Next": draw(st.sampled_from(names))}]}
        if draw(st.booleans()):
            state = {"Type": "Task", "Next": draw(st.sampled_from(names)), "Catch": [{"Next": names[0]}]}
        if depth and draw(st.booleans()):
            state = {**state, "Type": "Map", "ItemProcessor": draw(definitions(depth - 1))}
        states[name] = state
    return {"StartAt": names[0], "States": states}


@given(definitions())
def test_a_graph_shows_each_state_that_can_be_reached_once(definition: dict[str, Any]) -> None:
    def reached(machine: dict[str, Any]) -> Counter[str]:
        found: set[str] = set()
        waiting = [machine["StartAt"]]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                state = machine["States"][name]
                ways = [
                    state.get("Next"),
                    *(way["Next"] for way in (*state.get("Choices", ()), *state.get("Catch", ()))),
                ]
                waiting += [way for way in ways if way]
        inner = (machine["States"][name].get("ItemProcessor") for name in found)
        return sum((reached(processor) for processor in inner if processor), Counter(found))

    drawn = ElementTree.fromstring(graph.draw(definition, {"A": "succeeded"}))
    assert Counter(text.text for text in drawn.iter("text")) == reached(definition)


@given(definitions())
def test_the_boxes_of_a_graph_do_not_overlap(definition: dict[str, Any]) -> None:
    layout = graph._layout(definition)
    boxes = list(layout.boxes.values())
    for number, one in enumerate(boxes):
        for other in boxes[number + 1 :]:
            apart = (
                one.x + one.width <= other.x
                or other.x + other.width <= one.x
                or one.y + one.height <= other.y
                or other.y + other.height <= one.y
            )
            assert apart, (one.name, other.name)


def test_a_chart_has_no_script_and_labels_are_text() -> None:
    drawn = ElementTree.fromstring(charts.labels({"<script>alert(1)</script>": 3}))
    assert not [element for element in drawn.iter() if str(element.tag).endswith("script")]
    assert any("<script>" in (element.text or "") for element in drawn.iter())


@given(st.integers(1, 10**9), st.integers(4, 6))
def test_an_axis_has_a_few_round_whole_numbers_up_to_the_most(most: int, steps: int) -> None:
    ticks = charts._ticks(most, steps)
    assert ticks[0] == 0
    assert most <= ticks[-1] < most + ticks[1]
    assert len(ticks) <= steps + 1


def test_scores_below_the_threshold_are_a_series_of_their_own(images: Callable[..., Any]) -> None:
    drawn = ElementTree.fromstring(charts.scores([1, 2, 3, 4], 0.5))
    bars = [element.get("class", "") for element in drawn.iter() if "series" in (element.get("class") or "")]
    assert {name.split()[1] for name in bars} == {"serie-0", "serie-1"}
