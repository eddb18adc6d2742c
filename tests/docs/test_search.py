"""A reader's words, typed into the site's search, lead to the answer among the first results."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import browser

SEARCHES = tomllib.loads(Path(__file__).with_name("searches.toml").read_text("utf-8"))
FIRST = 3
RESULT = ".md-search-result__link"


def results(page: Any, text: str) -> list[str]:
    """The links that a reader sees for some words, in order; "more on this page" is folded away.

    The words come all at once, so that the list goes from empty to complete. The search looks at
    its field when a key is let go.
    """
    page.keyboard.press("f")
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    page.wait_for_function(f"!document.querySelector('{RESULT}')")
    page.keyboard.insert_text(text)
    page.keyboard.press("End")
    page.locator(RESULT).first.wait_for()
    links: list[str] = page.evaluate(
        f"[...document.querySelectorAll('{RESULT}')].filter(link => link.checkVisibility())"
        ".map(link => new URL(link.href)).map(url => url.pathname.slice(1) + url.hash)"
    )
    return links


def test_search_finds_a_word(chromium: Any, address: str) -> None:
    with browser.page(chromium) as page:
        page.goto(f"{address}/index.html", wait_until="networkidle")
        assert results(page, "softplus")[0] == "explanation/derivations.html"


def test_search_works_from_a_file(chromium: Any, site: Path) -> None:
    with browser.page(chromium) as page:
        page.goto((site / "howto" / "score.html").as_uri(), wait_until="networkidle")
        assert results(page, "softplus")[0].endswith("/explanation/derivations.html")


def test_names_lead_to_the_reference(chromium: Any, address: str) -> None:
    with browser.page(chromium) as page:
        page.goto(f"{address}/index.html", wait_until="networkidle")
        for name in ("cross_entropy", "linear_cross_entropy", "xent.check"):
            found = results(page, name)[:FIRST]
            assert any(link.startswith("reference/") for link in found), (name, found)


def test_searches_lead_to_answers(chromium: Any, address: str) -> None:
    missed = []
    with browser.page(chromium) as page:
        page.goto(f"{address}/index.html", wait_until="networkidle")
        for anchor, searches in SEARCHES.items():
            for text in searches:
                found = results(page, text)[:FIRST]
                if f"questions.html#{anchor}" not in found:
                    missed.append(f"{text!r} should find #{anchor}, but finds {', '.join(found)}")
    assert not missed, f"{len(missed)} missed:\n" + "\n".join(missed)
