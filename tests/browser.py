"""A headless Chromium, and pages that note whatever should not happen in them."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--force-prefers-reduced-motion",
]  # fmt: skip
SIZE = {"width": 1280, "height": 800}


def find_browser() -> str:
    found = os.environ.get("ARGEN_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.fail(
            "No Chromium was found. Install one (apt install chromium), or name it: ARGEN_CHROMIUM=/path/to/chromium.",
            pytrace=False,
        )
    return found


# Not for the whole session: the loop that it leaves running would break every test that runs asyncio after it.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = find_browser()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield started
        started.close()


class Opened:
    """A page with what it asked for and complained about."""

    def __init__(self, browser: Browser, folder: Path, size: dict[str, int] = SIZE) -> None:
        self.context = browser.new_context(viewport=size, accept_downloads=True, reduced_motion="reduce")
        self.page: Page = self.context.new_page()
        self.folder, self.requests, self.complaints = folder, [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: (self.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))

    def show(self, html: str, name: str = "network.html") -> Page:
        file = self.folder / name
        file.write_text(html, encoding="utf-8")
        self.page.goto(file.as_uri())
        return self.page

    def check_silent(self) -> None:
        """Nothing but files of the test and data inside the page was asked for; no error, warning or message."""
        assert not self.complaints
        own = self.folder.as_uri()
        assert [url for url in self.requests if not url.startswith((own, "data:", f"blob:{own}", "blob:null"))] == []


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Opened]:
    """Fails if the page was not silent."""
    one = Opened(browser, tmp_path)
    yield one
    one.context.close()
    one.check_silent()
