"""How large a report is, and how soon a browser has it: from asking for the file to the first images on the page, if it
has any.

    python -m bench.report out/RUN_ID/report.html

Chromium or Chrome has to be installed, and playwright (the development tools bring it).
"""

import argparse
import shutil
import statistics
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROUNDS = 5
WIDTHS = {"desktop": (1280, 900), "phone": (390, 844)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    path = parser.parse_args().report.resolve()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        raise SystemExit("no browser is installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        print(f"{path.stat().st_size / 1e6:.1f} MB, {browser.browser_type.name} {browser.version}")
        for name, (width, height) in WIDTHS.items():
            seconds = [_open(browser, path, width, height) for _ in range(ROUNDS)]
            print(f"{name:<10}{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})")
        browser.close()


def _open(browser: Browser, path: Path, width: int, height: int) -> float:
    context = browser.new_context(viewport={"width": width, "height": height}, offline=True)
    page = context.new_page()
    began = time.perf_counter()
    page.goto(path.as_uri())
    if page.locator("#sheet").count():
        page.locator("#sheet li").first.scroll_into_view_if_needed()
    if page.locator("script.thumbnails").count():
        page.locator('#sheet .thumbnail[style*="url("]').first.wait_for()
    seconds = time.perf_counter() - began
    context.close()
    return seconds


if __name__ == "__main__":
    main()
