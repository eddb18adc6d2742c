"""The browser of the tests sees what it is there to see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import browser
import pytest

PAGE = "<!doctype html><meta charset='utf-8'><link rel='icon' href='data:,'><title>t</title><body>"


@pytest.fixture
def address(tmp_path: Path) -> Any:
    for name, body in {
        "good": "<p>here</p>",
        "elsewhere": "<script>fetch('http://192.0.2.1/x').catch(() => {})</script>",
        "socket": "<script>new WebSocket('ws://192.0.2.1/x')</script>",
        "missing": "<img src='none.png' alt=''>",
        "console": "<script>console.error('spilt milk')</script>",
        "throws": "<script>throw new Error('broken')</script>",
    }.items():
        (tmp_path / f"{name}.html").write_text(PAGE + body, "utf-8")
    with browser.served(tmp_path) as served:
        yield served


def test_a_good_page_passes(chromium: Any, address: str) -> None:
    with browser.page(chromium, width=390, dark=True) as page:
        page.goto(f"{address}/good.html")
        assert page.inner_text("p") == "here"
        assert page.evaluate("innerWidth") == 390
        assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("elsewhere", "asked another machine: http://192.0.2.1/x"),
        ("socket", "asked another machine: ws://192.0.2.1/x"),
        ("missing", r"could not load: http://127.0.0.1:\d+/none.png \(404\)"),
        ("console", "console: spilt milk"),
        ("throws", "error: .*broken"),
    ],
)
def test_a_complaint_fails_the_test(chromium: Any, address: str, name: str, complaint: str) -> None:
    with (
        pytest.raises(AssertionError, match=complaint),
        browser.page(chromium) as page,
    ):
        page.goto(f"{address}/{name}.html", wait_until="networkidle")


def test_a_request_that_no_one_answers_fails(chromium: Any, tmp_path: Path) -> None:
    with browser.served(tmp_path) as gone:
        pass
    (tmp_path / "a.html").write_text(f"{PAGE}<script src='{gone}/x.js'></script>", "utf-8")
    with (
        browser.served(tmp_path) as address,
        pytest.raises(AssertionError, match=r"could not load: .*ERR_CONNECTION_REFUSED"),
        browser.page(chromium) as page,
    ):
        page.goto(f"{address}/a.html")
    with (
        browser.served(tmp_path) as address,
        browser.page(chromium, offline_allowed=True) as page,
    ):
        page.goto(f"{address}/a.html")


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:8000/x", True),
        ("http://localhost/x", True),
        ("ws://[::1]:9/x", True),
        ("data:text/plain,x", True),
        ("file:///x", True),
        ("http://192.0.2.1/x", False),
        ("http://127.0.0.1.example/x", False),
        ("ftp://example/127.0.0.1/", False),
    ],
)
def test_only_this_machine_is_local(url: str, local: bool) -> None:
    assert bool(browser.LOCAL.match(url)) == local
    assert bool(browser.ELSEWHERE.match(url)) != local


def test_without_chromium_ci_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "NAMES", ("no-such-browser",))
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="Chromium is not installed"):
        browser.executable()
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="apt-get install"):
        browser.executable()
