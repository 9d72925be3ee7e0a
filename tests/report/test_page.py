"""The page as text: what it says, and that nothing of a run can be more than text in it."""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.report import render
from pipeline.report.content import Answer, Content, FailedImage, Failure, RejectedImage, ShownImage, Span
from pipeline.report.thumbnails import SheetMaker


class Elements(HTMLParser):
    """The elements of a page, and the text of its scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.scripts: list[str] = []
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.text += data


def data(page: str) -> dict[str, Any]:
    (block,) = (
        text
        for (tag, attributes), text in zip(
            (it for it in Elements(page).tags if it[0] == "script"), Elements(page).scripts, strict=True
        )
        if attributes.get("id") == "data"
    )
    document: dict[str, Any] = json.loads(block)
    return document


def with_summary(content: Content, **changes: Any) -> Content:
    counts = {**content.summary["counts"], **changes.pop("counts", {})}
    return replace(content, summary={**content.summary, **changes, "counts": counts})


def test_a_run_without_a_fault_says_that_all_is_well(content: Content) -> None:
    page = render(with_summary(content, counts={"rejected": 0}))
    assert "All is well. Every image is predicted." in page


def test_a_run_all_of_whose_images_were_rejected_is_not_well(content: Content) -> None:
    page = render(with_summary(content, counts={"listed": 2, "predicted": 0, "rejected": 2}))
    assert "Nothing is predicted: all 2 images were rejected." in page
    assert '<header class="bad">' in page


def test_a_run_that_does_not_add_up_says_not_to_use_it(content: Content) -> None:
    page = render(with_summary(content, adds_up=False, problem_count=1, problems=["one image <is> lost"]))
    assert "do not use its results" in page
    assert "one image &lt;is&gt; lost" in page


def test_failed_images_come_before_everything_else(content: Content) -> None:
    page = render(with_summary(content, counts={"failed": 3}))
    assert "3 of 8 images could not be predicted." in Elements(page).text


def test_a_run_that_failed_says_so_first_and_how_to_go_on(content: Content) -> None:
    page = Elements(render(replace(content, failure=Failure("TooManyFailed", "3 images, <and> more"))))
    assert page.text.split("Skip to the images")[0].strip().startswith("Failed: ")
    assert "This run failed: TooManyFailed. 6 of 8 images are predicted, and these results are kept." in page.text
    assert "3 images, <and> more" in page.text
    assert "imagebatch resume 2026-11-20T0200-incoming-7f3a9c" in page.text


def test_rejected_images_that_can_be_seen_come_with_what_to_do(content: Content) -> None:
    page = Elements(render(content))
    assert [attributes["data-of"] for tag, attributes in page.tags if tag == "img"] == [content.rejected[0].uri]
    assert "Upload the file again: the upload broke off." in page.text
    assert content.rejected[1].key in page.text


def test_the_same_run_gives_the_same_page(content: Content) -> None:
    assert render(content) == render(content)


def test_the_page_asks_nothing_of_any_network(content: Content) -> None:
    addresses = {
        value
        for tag, attributes in Elements(render(content)).tags
        for name, value in attributes.items()
        if name in ("src", "href", "xlink:href", "action", "data") and value and not value.startswith(("#", "data:"))
    }
    assert not addresses


def test_the_policy_of_the_page_allows_its_own_script_and_no_other(content: Content) -> None:
    page = render(content)
    scripts = [
        text
        for (_, attributes), text in zip(
            [it for it in Elements(page).tags if it[0] == "script"], Elements(page).scripts, strict=True
        )
        if "type" not in attributes
    ]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    allowed = re.search(r"script-src 'sha256-([^']+)'", page)
    assert allowed is not None
    assert hashes == [allowed[1]]


def test_keys_and_labels_are_in_the_data_byte_for_byte(content: Content) -> None:
    found = data(render(content))
    assert [image[0] for image in found["images"]] == [image.key for image in content.images]
    assert found["labels"] == list(dict.fromkeys(answer.label for image in content.images for answer in image.answers))


def test_the_first_state_of_a_distributed_maps_children_ran_where_the_map_did(content: Content) -> None:
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED"}, "StartAt": "Child", "States": {"Child": {"Type": "Pass"}}}
    machine = {"StartAt": "First", "States": {"First": {"Type": "Map", "ItemProcessor": processor, "End": True}}}
    assert "<title>Child: Pass, succeeded</title>" in render(replace(content, definition=machine))


def test_a_page_that_its_run_makes_tells_of_the_states_after_it_that_they_came_after_it(content: Content) -> None:
    began = content.spans[0].started
    states = {
        "First": {"Type": "Task", "Next": "Report", "Catch": [{"Next": "Repair"}]},
        "Report": {"Type": "Task", "Next": "Notify"},
        "Notify": {"Type": "Task", "Catch": [{"Next": "Repair"}], "End": True},
        "Repair": {"Type": "Pass", "End": True},
    }
    spans = [Span("First", began, began), Span("Report", began, began, status="running")]
    page = render(replace(content, definition={"StartAt": "First", "States": states}, spans=spans))
    told = dict(re.findall(r"<title>(\w+): \w+, ([^<]+)</title>", page))
    assert told == {
        "First": "succeeded",
        "Report": "was under way when this page was made",
        "Notify": "came after this page",
        "Repair": "did not run",
    }
    assert "dashed, came after it" in page


def test_a_page_of_a_run_that_has_ended_has_no_state_after_it(content: Content) -> None:
    assert "came after" not in render(content)


def test_a_bill_begins_with_the_dearest_line_and_folds_what_costs_next_to_nothing(content: Content) -> None:
    lines = [
        {"what": what, "unit": "units", "used": 1, "used_usd": used, "estimated": 1, "estimated_usd": estimated}
        for what, used, estimated in [("little", 1e-6, 4e-5), ("some", 0.0, 0.2), ("much", 3.0, 0.1), ("?", None, 0)]
    ]
    amounts = dict.fromkeys(("used_usd", "used_seconds", "estimate_usd", "estimate_seconds", "limit_usd"), 1.0)
    cost = {**amounts, "lines": lines, "unknown": [], "region": "us-east-1", "prices_dated": None}
    page = render(with_summary(content, cost=cost))
    order = re.findall(r'<th scope="row">(\?|little|some|much) ', page)
    assert order == ["?", "much", "some", "little"]
    assert page.index("1 more, less than $0.0001 each") < page.index(">little ")


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=40) | st.sampled_from(
    ["</script>", "<!--<script>", "]]>", "<img src=x onerror=alert(1)>", "\u2028"]
)


def shape(page: str) -> Iterator[str]:
    """The elements of a page in their order, with the names of their attributes."""
    return (f"{tag} {sorted(attributes)}" for tag, attributes in Elements(page).tags)


@settings(deadline=None)
@given(key=TEXTS, label=TEXTS.filter(str.strip), detail=TEXTS)
def test_no_text_of_a_run_becomes_an_element(key: str, label: str, detail: str) -> None:
    def page(key: str, label: str, detail: str) -> str:
        return render(
            Content(
                summary=MINIMAL | {"sources": [f"s3://b/{key}"], "problems": [detail]},
                images=[ShownImage(key, f"s3://b/{key}", 1, 1, (Answer(label, 0.5),))],
                labels={label: 3},
                rejected=[RejectedImage(key, f"s3://b/{key}", "truncated", detail)],
            )
        )

    assert list(shape(page(key, label, detail))) == list(shape(page("plain", "plain", "plain")))


MINIMAL = {
    "run_id": "run",
    "model": "m",
    "contract": "c",
    "engine": "processing",
    "started_at": "2026-11-20T02:00:00+00:00",
    "seconds": 1.0,
    "counts": {"listed": 2, "predicted": 1, "rejected": 1, "failed": 0, "skipped": 0},
    "adds_up": False,
    "problem_count": 1,
    "rejected_by_reason": {"truncated": 1},
    "partitions": [],
    "results": "s3://results/",
}


@pytest.mark.parametrize("count", [0, 1])
def test_a_run_of_next_to_nothing_has_a_report(images: Callable[..., Any], count: int) -> None:
    summary = MINIMAL | {"sources": [], "problems": [], "adds_up": True}
    assert "<h1>run</h1>" in render(Content(summary=summary, images=images(count)))


def test_ten_thousand_images_stay_under_fifteen_megabytes(images: Callable[..., Any]) -> None:
    maker = SheetMaker(10_000_000)
    shown = images(10_000, maker)
    page = render(Content(summary=MINIMAL | {"sources": [], "problems": []}, images=shown, sheets=maker.sheets))
    assert len(page.encode()) < 15_000_000


def test_of_a_long_table_the_first_rows_stand_open_and_the_others_can_be_opened(content: Content) -> None:
    rejected = [RejectedImage(f"{n}.jpg", f"s3://images/{n}.jpg", "empty", "no bytes", None) for n in range(30)]
    failed = [FailedImage(f"{n}.png", f"s3://images/{n}.png", "JobFailed", "it died") for n in range(30)]
    page = render(
        replace(
            with_summary(content, counts={"rejected": 30, "failed": 30}, rejected_by_reason={"empty": 30}),
            rejected=rejected,
            failed=failed,
        )
    )
    assert page.count("<summary>10 more</summary>") == 2
    assert all(f"<code>{image.key}</code>" in page for image in (*rejected, *failed))
