"""Chromium for tests; only those that open a page import this, and with it Playwright."""

import contextlib
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --disable-background-networking --disable-component-update "
    "--disable-sync --no-first-run"
)


@contextlib.contextmanager
def chromium(*options: str) -> Iterator[Browser]:
    """Headless Chromium with further options; where it is missing, the test is skipped."""
    program = shutil.which("chromium")
    if not program:
        pytest.skip("Chromium is not installed: `apt-get install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*QUIET.split(), *options])
        yield browser
        browser.close()
