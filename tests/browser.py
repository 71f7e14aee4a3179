"""A real browser for tests of pages: Debian's Chromium, without a window, driven by Playwright."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser; tests are skipped where it is not installed."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed: no page is looked at")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Seen:
    """A page that is open, and what it did meanwhile: requests beside its own, and complaints."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@contextmanager
def opened(browser: Browser, path: Path, width: int = 1200, **options: Any) -> Iterator[Seen]:
    """A page from a file.

    Args:
        options: of Playwright's `new_context`, such as `color_scheme`.
    """
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    seen = Seen(context.new_page())
    address = path.resolve().as_uri()
    seen.page.on("request", lambda one: seen.requests.append(one.url) if one.url != address else None)
    seen.page.on("console", lambda one: seen.complaints.append(one.text) if one.type in ("error", "warning") else None)
    seen.page.on("pageerror", lambda one: seen.complaints.append(str(one)))
    seen.page.goto(address)
    yield seen
    context.close()


def barriers(page: Page) -> list[str]:
    """What axe-core finds that keeps people out, seriously or worse: the rule, and where."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['target'][0]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
