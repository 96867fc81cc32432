"""Debian's Chromium as the tests drive it: pages that behave, and a record of everything that went wrong in them."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    Playwright,
    Request,
    async_playwright,
)

from tests.support.project import ROOT

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Under this name an attacker's DNS may answer with the address of this machine.
REBOUND = "rebound.example"
ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1",
)
# A page that goes on to another one lets its own requests go.
LET_GO = "net::ERR_ABORTED"
TELL = """document.addEventListener("securitypolicyviolation", (event) => easyflowTellViolation(
    `${event.effectiveDirective} forbids ${event.blockedURI} in ${event.sourceFile}:${event.lineNumber}`))"""


def find_chromium() -> str:
    """The path of Chromium; fails, saying how to install it, when there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    assert found, "Chromium is not here: install it (on Debian: apt-get install chromium fonts-liberation)."
    return found


@asynccontextmanager
async def running_browser() -> AsyncIterator[Browser]:
    """One Chromium without a window."""
    # Chromium's own sandbox refuses to work for root, who may do everything anyway.
    arguments = [*ARGUMENTS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    async with async_playwright() as playwright:
        browser = await _launched(playwright, arguments)
        yield browser
        await browser.close()


async def _launched(playwright: Playwright, arguments: list[str]) -> Browser:
    return await playwright.chromium.launch(executable_path=find_chromium(), args=arguments)


def pictures_wanted() -> bool:
    """Whether this run takes the pictures of the documents."""
    return "EASYFLOW_TEST_PICTURES" in os.environ


async def take_picture(page: Page, name: str) -> None:
    """Keep a picture of the page for the documents, in the folder EASYFLOW_TEST_PICTURES; without it, do nothing."""
    if pictures_wanted():
        folder = ROOT / os.environ["EASYFLOW_TEST_PICTURES"]
        # Nothing is under the pointer, and notes about acts are gone.
        await page.mouse.move(0, 0)
        await page.evaluate("document.activeElement?.blur()")
        await page.screenshot(path=folder / f"{name}.png", animations="disabled", caret="hide", scale="css")


class Visits:
    """The pages of one test, each person in a context of their own, and what went wrong in any of them."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._seen: list[str] = []
        self._expected: list[re.Pattern[str]] = []

    async def open(self, address: str | None = None, *, trusted: bool = True, **options: Any) -> Page:
        """Another person's browser, at an address if one is given; `options` are Playwright's for a context.

        What goes wrong in it fails the test at its end, unless it was expected or the page is not `trusted`.
        """
        context = await self._browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        self._contexts.append(context)
        context.set_default_timeout(20_000)
        if trusted:
            await self._watch(context)
        page = await context.new_page()
        if address:
            await page.goto(address)
        return page

    def expect(self, *patterns: str) -> None:
        """Let complaints that match one of these pass: the test provokes them."""
        self._expected += map(re.compile, patterns)

    @property
    def complaints(self) -> list[str]:
        """What went wrong so far and was not expected."""
        return [each for each in self._seen if not any(pattern.search(each) for pattern in self._expected)]

    async def close(self) -> None:
        """Close all pages."""
        for context in self._contexts:
            await context.close()

    async def _watch(self, context: BrowserContext) -> None:
        await context.expose_function("easyflowTellViolation", lambda said: self._seen.append(f"policy: {said}"))
        await context.add_init_script(TELL)
        context.on("console", self._hear)
        context.on("weberror", lambda thrown: self._seen.append(f"thrown: {_text_of(thrown.error)}"))
        context.on("requestfailed", self._note_failure)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._seen.append(f"console {message.type}: {message.text} ({message.location.get('url', '')})")

    def _note_failure(self, request: Request) -> None:
        if request.failure != LET_GO:
            self._seen.append(f"request: {request.method} {request.url} {request.failure}")


def _text_of(error: Error) -> str:
    return f"{error.message}\n{error.stack}"
