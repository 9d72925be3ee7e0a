"""The page in a real browser: what it shows, its filters, the keyboard, and that a hostile key is text."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.given import printable
from pipeline.report import render
from pipeline.report.content import Content

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no browser is installed: apt-get install chromium, or Chrome from elsewhere"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, content: Content, tmp_path: Path) -> Iterator[Any]:
    """A report in a window. Whatever its console says of errors, or a dialog that opens, fails the test."""
    path = tmp_path / "report.html"
    path.write_text(render(content), encoding="utf-8")
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    page = context.new_page()
    said: list[str] = []

    def dismiss(dialog: Any) -> None:
        said.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def hear(message: Any) -> None:
        if message.type in ("error", "warning"):
            said.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", dismiss)
    page.goto(path.as_uri())
    yield page
    context.close()
    assert not said


def names(page: Any) -> list[str]:
    found: list[str] = page.locator("#sheet .name").all_text_contents()
    return found


def test_every_image_has_a_card_the_least_certain_first(page: Any, content: Content) -> None:
    ordered = sorted(content.images, key=lambda image: image.certainty)
    assert names(page) == [printable(image.key.rpartition("/")[2]) for image in ordered]


def test_a_key_of_html_is_shown_as_text(page: Any) -> None:
    assert page.locator("#sheet img").count() == 0
    assert page.get_by_text("<img src=x onerror=alert(1)>.jpg").first.is_visible()


def test_a_mark_that_turns_the_writing_around_is_told_and_turns_nothing(page: Any) -> None:
    assert page.locator("#sheet .name", has_text="\\u202egpj.exe").count() == 1
    assert "\u202e" not in page.locator("body").inner_text()


def test_a_thumbnail_is_painted_once_it_is_seen(page: Any) -> None:
    page.locator('#sheet .thumbnail[style*="url("]').first.wait_for()


def test_a_label_filters_the_images(page: Any) -> None:
    page.locator("select[name=label]").select_option(label="label <b>3</b> (1)")
    assert len(names(page)) == 1
    assert page.locator("output[name=shown]").text_content() == "1 of 1 shown"


def test_a_text_filters_the_images_by_their_keys(page: Any) -> None:
    page.get_by_label("Name holds").fill("CAF\u00c9")
    assert names(page) == ["\U0001f408 caf\u00e9.webp"]


def test_scores_filter_the_images(page: Any, content: Content) -> None:
    page.get_by_label("Score from").fill("0.5")
    assert len(names(page)) == sum(image.certainty >= 0.5 for image in content.images)


def test_show_all_takes_the_filters_back(page: Any, content: Content) -> None:
    page.get_by_label("Name holds").fill("nothing has this name")
    page.get_by_role("button", name="Show all").click()
    page.locator("#sheet li").nth(len(content.images) - 1).wait_for()
    assert len(names(page)) == len(content.images)


def test_a_card_opens_and_closes_by_the_keyboard(page: Any) -> None:
    page.locator("#sheet button").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("dialog").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("dialog").is_hidden()


def test_every_control_has_a_name_for_who_cannot_see_it(page: Any) -> None:
    unnamed = page.evaluate("""() => [...document.querySelectorAll('button, input, select, [role=img], svg[role]')]
        .filter((it) => !(it.getAttribute('aria-label') || it.textContent.trim() || it.labels?.length))
        .map((it) => it.outerHTML.slice(0, 100))""")
    assert unnamed == []


def test_no_letter_of_a_chart_is_cut_off(browser: Any, content: Content, tmp_path: Path) -> None:
    labels = {
        "black-and-tan coonhound": 1_176_000,
        "\u9ed2\u8910\u8272\u30af\u30fc\u30f3\u30cf\u30a6\u30f3\u30c9\u72ac": 999_999,
        "cat": 1,
    }
    path = tmp_path / "charts.html"
    path.write_text(render(replace(content, labels=labels, scores=[1, 2, 3, 4_000_000])), encoding="utf-8")
    window = browser.new_page()
    window.goto(path.as_uri())
    outside = window.evaluate("""() => [...document.querySelectorAll('figure svg')].flatMap((svg) => {
        const room = svg.getBoundingClientRect();
        return [...svg.querySelectorAll('text')].filter((it) => {
            const box = it.getBoundingClientRect();
            return box.width && (box.left < room.left || box.right > room.right);
        }).map((it) => it.textContent);
    })""")
    window.close()
    assert outside == []


@pytest.mark.parametrize("width", [390, 1280])
def test_no_width_makes_the_page_scroll_sideways(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(page: Any, scheme: str) -> None:
    """WCAG 2.2, 1.4.3: a contrast of at least 4.5."""
    page.emulate_media(color_scheme=scheme)
    ratios = page.evaluate("""() => {
        const light = (colour) => {
            const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((it) => it / 255)
                .map((it) => (it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const ground = (it) => {
            const colour = getComputedStyle(it).backgroundColor;
            return colour === 'rgba(0, 0, 0, 0)' && it.parentElement ? ground(it.parentElement) : colour;
        };
        return [...document.querySelectorAll('h1, h2, .dim, dt, dd, b, .score, .name, .verdict, td, th, a')]
            .filter((it) => it.offsetParent && it.textContent.trim())
            .map((it) => {
                const [a, b] = [light(getComputedStyle(it).color), light(ground(it))].sort((x, y) => y - x);
                return [(a + 0.05) / (b + 0.05), it.outerHTML.slice(0, 80)];
            }).filter(([ratio]) => ratio < 4.5);
    }""")
    assert ratios == []


def test_more_images_come_when_they_are_asked_for(browser: Any, content: Content, images: Any, tmp_path: Path) -> None:
    path = tmp_path / "many.html"
    path.write_text(render(replace(content, images=images(450), sheets=())), encoding="utf-8")
    window = browser.new_page()
    window.goto(path.as_uri())
    counts = [window.locator("#sheet li").count()]
    for _ in range(2):
        window.get_by_role("button", name="Show more").click()
        counts.append(window.locator("#sheet li").count())
    window.close()
    assert counts == [200, 400, 450]


@pytest.mark.parametrize("has", ["thumbnails", "images", "nothing"])
def test_the_benchmark_ends_whatever_a_page_has_to_show(has: str, content: Content, tmp_path: Path) -> None:
    shown = {
        "thumbnails": content,
        "images": replace(content, images=[image._replace(thumbnail=None) for image in content.images], sheets=()),
        "nothing": replace(content, images=(), sheets=()),
    }[has]
    path = tmp_path / "report.html"
    path.write_text(render(shown), encoding="utf-8")
    command = [sys.executable, "-m", "bench.report", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == ["desktop", "phone"]
