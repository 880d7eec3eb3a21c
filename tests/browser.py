"""A real browser for the tests of pages: Chromium of the system, driven by playwright.

Playwright's own download of a browser is not used: `CHROME_BIN` or `chromium` on the PATH is.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_browser() -> str | None:
    """The browser's program; None where there is none."""
    named = os.environ.get("CHROME_BIN")
    return shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def running_browser() -> Iterator[Any]:
    """A headless browser; skips aloud where the machine has none."""
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium on the PATH or in CHROME_BIN: pages are not opened")
    playwright = pytest.importorskip("playwright.sync_api")
    # Chromium refuses its sandbox to root, which tests in a container run as.
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, headless=True, args=flags)
        yield browser
        browser.close()


@dataclass
class Visitor:
    """Opens pages from disk and takes down what they complain about and what they ask for."""

    browser: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def visit(
        self, path: Path, link: str = "", size: tuple[int, int] = (1440, 900), light: bool = False
    ) -> Any:
        """The opened page in a window of its own."""
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="light" if light else "dark",
        )
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda told: self.complaints.append(told.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(path.as_uri() + link)
        return page

    def close(self) -> None:
        """Closes all windows."""
        for context in self.browser.contexts:
            context.close()
