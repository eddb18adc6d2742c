"""The reports in a browser: nothing is asked of another machine, and axe is content."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browser
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

import xent


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("reports")
    rng = np.random.default_rng(0)
    z = rng.normal(0, 1.5, 1000)
    y = (rng.random(1000) < 1 / (1 + np.exp(-z))).astype(int)
    table = {"logit": 2 * z, "label": y, "group": rng.choice(["a", "<b>", "x" * 300], 1000)}
    (folder / "binary.html").write_text(xent.score(table, by=["group"]).to_page(), "utf-8")
    labels = rng.integers(0, 12, 600)
    many = rng.normal(size=(600, 12))
    many[np.arange(600), labels] += 3
    classes = xent.score({"logit": many, "label": labels})
    (folder / "classes.html").write_text(classes.to_page(), "utf-8")
    both = {f"prob_{m}": 1 / (1 + np.exp(-k * z)) for m, k in (("fit", 1), ("over", 2))}
    compared = xent.compare({**both, "label": y, "group": table["group"]}, by=["group"])
    (folder / "comparison.html").write_text(compared.to_page(), "utf-8")
    names = {f"{m}_{k}": many[:, k] for m in ("<i>", "m" * 80, "third") for k in range(12)}
    several = xent.compare({**names, "label": labels}, kind="logits")
    (folder / "several.html").write_text(several.to_page(), "utf-8")
    nine = {f"prob_model_{k}": 1 / (1 + np.exp(-(0.6 + k / 5) * z)) for k in range(9)}
    of_nine = xent.compare({**nine, "label": y, "country": rng.choice(["Austria", "Chile"], 1000)},
                           by=["country"])  # fmt: skip
    (folder / "nine.html").write_text(of_nine.to_page(), "utf-8")
    with browser.served(folder) as where:
        yield where


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["binary", "classes", "comparison", "several", "nine"])
def test_the_report(chromium: Any, address: str, name: str, width: int, dark: bool) -> None:
    with browser.page(chromium, width=width, dark=dark) as page:
        page.goto(f"{address}/{name}.html")
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        found = Axe().run(page, options={"resultTypes": ["violations"], "preload": False})
        bad = [
            f"{kind['id']}: {node['html'][:200]}"
            for kind in found.response["violations"]
            if kind["impact"] in ("serious", "critical")
            for node in kind["nodes"]
        ]
        assert bad == []
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, "only boxes of their own scroll"
        ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert (ground == "rgb(255, 255, 255)") != dark
        for picture in page.query_selector_all("figure svg"):
            assert picture.bounding_box()["width"] > 250


def test_tables_of_nine_models_fit_a_phone(chromium: Any, address: str) -> None:
    with browser.page(chromium, width=390) as page:
        page.goto(f"{address}/nine.html")
        wide = page.evaluate(
            "[...document.querySelectorAll('table')]"
            ".filter(each => each.offsetWidth > each.parentElement.clientWidth + 1)"
            ".map(each => each.rows[0].innerText)"
        )
        assert wide == [], "none scrolls sideways"
