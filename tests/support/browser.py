"""A browser for tests: its pages may speak to this machine alone, and must not complain.

    with browser.served(folder) as address, browser.page(width=390) as page:
        page.goto(f"{address}/index.html")

On leaving the block, whatever the page asked of another machine, could not load, or reported as an
error fails the test. Several pages share one Chromium with the fixture `chromium`:
`browser.page(chromium)`.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",  # containers often run as root, where the sandbox does not start
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",  # this and the next two: the browser's own requests
    "--disable-component-update",
    "--disable-sync",
]
LOCAL = re.compile(
    r"^(?:(?:about|blob|data|file):|\w+://(?:127\.0\.0\.1|localhost|\[::1\])(?:[:/]|$))"
)
"""Addresses that reach no other machine."""
PATIENCE = 180_000
"""Milliseconds after which a page is taken to hang: far more than a busy machine needs."""
ELSEWHERE = re.compile(rf"^(?!{LOCAL.pattern[1:]})")


def executable() -> str:
    """Where Chromium is; without it a test fails in CI and is skipped elsewhere."""
    for name in NAMES:
        found = shutil.which(name)
        if found:
            return found
    message = (
        "Chromium is not installed; on Debian: apt-get install --no-install-recommends chromium"
    )
    if os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@contextmanager
def launched() -> Iterator[Any]:
    """A running Chromium without a window."""
    from playwright.sync_api import sync_playwright

    path = executable()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield chromium
        finally:
            chromium.close()


@contextmanager
def page(
    chromium: Any = None,
    *,
    width: int = 1280,
    height: int = 900,
    dark: bool = False,
    offline_allowed: bool = False,
    workers_allowed: bool = False,
) -> Iterator[Any]:
    """A page of its own context (no cookies, no storage); complaints are raised at the end.

    With `offline_allowed` a request to this machine may fail: for tests that stop a server. With
    `workers_allowed` a page may have a service worker, whose own requests pass the guard by.
    """
    with ExitStack() as stack:
        if chromium is None:
            chromium = stack.enter_context(launched())
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            service_workers="allow" if workers_allowed else "block",
        )
        stack.callback(context.close)
        complaints: list[str] = []
        _watch(context, complaints, offline_allowed=offline_allowed)
        opened = context.new_page()
        opened.set_default_timeout(PATIENCE)
        try:
            yield opened
        except Exception as error:
            error.add_note(_listed(complaints))
            raise
        assert not complaints, _listed(complaints)


def _listed(complaints: list[str]) -> str:
    return "the page complained of:\n" + "\n".join(dict.fromkeys(complaints) or ["nothing"])


def _watch(context: Any, complaints: list[str], *, offline_allowed: bool) -> None:
    def guard(route: Any) -> None:
        complaints.append(f"asked another machine: {route.request.url}")
        route.abort()

    def failed(request: Any) -> None:
        # A page that is left cancels what it was loading; that is no failure.
        if request.failure != "net::ERR_ABORTED" and not offline_allowed:
            complaints.append(f"could not load: {request.url} ({request.failure})")

    def answered(response: Any) -> None:
        if response.status >= 400:
            complaints.append(f"could not load: {response.url} ({response.status})")

    def said(message: Any) -> None:
        if message.type == "error" and not (offline_allowed and "net::ERR" in message.text):
            complaints.append(f"console: {message.text}")

    def socket(connection: Any) -> None:
        complaints.append(f"asked another machine: {connection.url}")
        connection.close()  # it was never connected

    context.route(ELSEWHERE, guard)
    context.route_web_socket(ELSEWHERE, socket)
    context.on("requestfailed", failed)
    context.on("response", answered)
    context.on("console", said)
    context.on("weberror", lambda error: complaints.append(f"error: {error.error}"))


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Keep the tests' output free of requests."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on the loopback interface, and give its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
