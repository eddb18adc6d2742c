"""axe has no serious or critical finding on any page, light or dark, wide or narrow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browser
import pytest
from axe_playwright_python.sync_playwright import Axe
from commands import command

HARMFUL = {"serious", "critical"}
ALL = {"resultTypes": ["violations"], "preload": False}
CONTRAST = {**ALL, "runOnly": ["color-contrast"]}
"""Of all rules only this one sees whether a page is dark."""

LONG = {"exclude": [["tr:nth-child(n + 9)"], ["li:nth-child(n + 9)"]]}
"""What is left out of that to save time: rows of a table have the colours of those before."""

LOOKS: dict[str, tuple[int, bool, dict[str, Any], dict[str, Any] | None]] = {
    "narrow and light": (390, False, ALL, None),
    "wide and dark": (1280, True, CONTRAST, LONG),
}


def findings(page: Any, rules: dict[str, Any], parts: dict[str, Any] | None = None) -> list[str]:
    """What axe finds on a page, with the element."""
    found = Axe().run(page, context=parts, options=rules).response["violations"]
    return [
        f"{kind['id']}: {' '.join(map(str, node['target']))}: {node['html'][:200]}"
        for kind in found
        if kind["impact"] in HARMFUL
        for node in kind["nodes"]
    ]


def of_all(chromium: Any, folder: Path, address: str, look: str) -> list[str]:
    """What axe finds on all pages in a folder."""
    width, dark, rules, parts = LOOKS[look]
    found = []
    with browser.page(chromium, width=width, dark=dark) as page:
        for path in sorted(folder.rglob("*.html")):
            name = path.relative_to(folder)
            page.goto(f"{address}/{name}")
            found += [f"{name}: {each}" for each in findings(page, rules, parts)]
    return found


@pytest.mark.parametrize("look", LOOKS)
def test_pages_of_the_site(chromium: Any, site: Path, address: str, look: str) -> None:
    assert of_all(chromium, site, address, look) == []


def test_a_wide_page(chromium: Any, address: str) -> None:
    """The tabs and both tables of contents are the same on every page."""
    with browser.page(chromium) as page:
        page.goto(f"{address}/tutorial.html")
        assert findings(page, ALL) == []


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages that the command writes."""
    folder = tmp_path_factory.mktemp("made")
    file = folder / "predictions.csv"
    file.write_text("prob,label\n" + "0.9,1\n0.2,0\n0.4,1\n0.7,0\n" * 20, "utf-8")
    for arguments in (
        ("explain", "2.0", "--label", "1", "--glossary", "--output", folder / "binary.html"),
        ("explain", "2.0", "1.0", "0.1", "--label", "0", "--output", folder / "classes.html"),
        ("explain", "--features", "1,-2.5,3,4,5,6,7,8,9", "--weights", "1,2,3,4,5,6,7,8,9",
         "--label", "0", "--output", folder / "features.html"),
        ("score", file, "--output", folder / "score.html"),
        ("diagnose", file, "--output", folder / "diagnose.html"),
        ("audit", "xent:cross_entropy", "--output", folder / "audit.html"),
        ("learn", "--static", folder / "course"),
    ):  # fmt: skip
        assert command(*arguments).code == 0, arguments
    return folder


@pytest.fixture(scope="module")
def made_address(made: Path) -> Iterator[str]:
    with browser.served(made) as where:
        yield where


@pytest.mark.parametrize("look", LOOKS)
def test_pages_that_the_command_writes(
    chromium: Any, made: Path, made_address: str, look: str
) -> None:
    assert len(list(made.rglob("*.html"))) > 10
    assert of_all(chromium, made, made_address, look) == []


BAD = "<!doctype html><html lang=en><title>t</title><link rel=icon href='data:,'><main>"


@pytest.mark.parametrize(
    ("look", "body", "rule"),
    [
        ("narrow and light", "<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>", "image-alt"),
        ("narrow and light", "<button></button>", "button-name"),
        ("wide and dark", "<p style='color:#777;background:#888'>grey</p>", "color-contrast"),
    ],
)
def test_axe_finds(chromium: Any, tmp_path: Path, look: str, body: str, rule: str) -> None:
    (tmp_path / "bad.html").write_text(BAD + body, "utf-8")
    with browser.served(tmp_path) as address:
        (found,) = of_all(chromium, tmp_path, address, look)
    assert found.startswith(f"bad.html: {rule}:")
