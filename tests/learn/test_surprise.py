"""The lesson on surprise: its numbers are the library's, and its bars are dragged as it says."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import browser
import numpy as np
import pytest

import xent
from xent._report.evaluation import evaluate
from xent.learn import lesson, pages
from xent.learn.lessons import surprise
from xent.learn.lessons.surprise import outcomes
from xent.learn.lessons.surprise.forecasts import moved, of_outcomes

RNG = np.random.default_rng(5)
PAIRS = [
    (outcomes.UNSURE, outcomes.SURE),
    (outcomes.UNSURE, outcomes.UNSURE),
    (outcomes.UNSURE, outcomes.EVEN),
    (outcomes.RAIN, outcomes.RAIN),
    (outcomes.RAIN, [0.97, 0.01, 0.01, 0.01]),
    *(tuple(RNG.dirichlet(np.ones(4), 2).tolist()) for _ in range(20)),
]


@pytest.mark.parametrize(("y", "p"), PAIRS)
def test_entropies_are_those_of_the_library(y: list[float], p: list[float]) -> None:
    values = of_outcomes(4).compute({"truth": y, "forecast": p})
    y, p = values["y"], values["p"]
    entropy, loss = xent.log_loss([y], [y]), xent.log_loss([y], [p])
    assert values["H"] == pytest.approx(entropy, rel=1e-12)
    assert values["L"] == pytest.approx(loss, rel=1e-12)
    assert values["D"] == pytest.approx(loss - entropy, rel=1e-12, abs=1e-12)
    assert values["D"] >= 0
    assert values["perplexity"] == pytest.approx(np.exp(loss), rel=1e-12)
    assert values["bits"] == pytest.approx(loss / np.log(2), rel=1e-12)
    with np.errstate(divide="ignore"):
        logits = np.log(p)
    assert values["L"] == pytest.approx(xent.cross_entropy(logits, np.array(y)), rel=1e-12)


def test_a_probability_of_zero_for_what_happens_costs_infinity() -> None:
    values = of_outcomes(2).compute({"truth": [0.999, 0.001], "forecast": [1, 0]})
    assert values["L"] == values["D"] == math.inf
    assert values["back"] == pytest.approx(-np.log(0.999))
    never = of_outcomes(2).compute({"truth": [1, 0], "forecast": [1, 0]})
    assert never["L"] == never["D"] == 0


@pytest.mark.parametrize("given", [[2, 1, 1, 0], [0, 0, 0, 0], [0.4, 0.3, 0.2, 0.1]])
def test_any_numbers_are_made_a_distribution(given: list[float]) -> None:
    y = of_outcomes(4).compute({"truth": given, "forecast": given})["y"]
    assert sum(y) == pytest.approx(1)
    if sum(given):
        np.testing.assert_allclose(y, np.array(given) / sum(given), rtol=1e-15)
    if sum(given) == 1:
        assert y == given


def test_surprises_add() -> None:
    for a, b in [(0.9, 0.1), (1, 1), (0.5, 0.02)]:
        values = surprise.build({**surprise.STATE, "day": [a, b]})[0].values
        assert values["both"] == pytest.approx(xent.log_loss([1, 1], [a, b], reduction="sum"))
        assert values["both"] == pytest.approx(-np.log(a * b))
    assert surprise.build({**surprise.STATE, "day": [0.9, 0]})[0].values["both"] == math.inf


def test_ben_ends_up_richer() -> None:
    money = {
        name: np.prod([2 * p, 2 * p, 2 * p, 2 * (1 - p)]) for name, p in [("a", 0.9), ("b", 0.6)]
    }
    assert money["b"] > money["a"]
    text = pages.fragment(lesson("surprise"))
    assert f"each euro becomes {money['b']:.2f}, Ann's only {money['a']:.2f}" in text
    totals = [-np.log(p**3 * (1 - p)) for p in (0.9, 0.6)]
    assert f"Her surprises sum to {totals[0]:.2f}, Ben's to\n{totals[1]:.2f}" in text


def test_moving_one_keeps_the_ratios_of_the_others() -> None:
    y = [0.4, 0.3, 0.2, 0.1]

    def after(y: list[float], which: int, to: float) -> list[float]:
        return [evaluate(moved("y", which, 4), {"y": y, "j": j, "to": to}) for j in range(4)]

    assert after(y, 1, 0.65) == pytest.approx([0.2, 0.65, 0.1, 0.05])
    assert after(y, 1, 1) == [0, 1, 0, 0]
    assert after([0, 1, 0, 0], 1, 0.4) == pytest.approx([0.2, 0.4, 0.2, 0.2])


def test_a_bar_is_dragged_and_the_others_follow(tmp_path: Path, chromium: Any) -> None:
    path = tmp_path / "surprise.html"
    path.write_text(pages.page(lesson("surprise")), "utf-8")
    with browser.page(chromium) as page:
        page.goto(path.as_uri())
        handle = page.get_by_role("slider", name="target of cloud")
        handle.scroll_into_view_if_needed()
        box = handle.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x, y - 40)
        page.mouse.up()
        first = shares(page)["truth"]
        assert first[1] > 0.4
        assert sum(first) == pytest.approx(1)
        assert first[0] / first[3] == pytest.approx(4)
        assert float(handle.get_attribute("aria-valuenow")) == pytest.approx(first[1])
        moved_box = handle.bounding_box()
        assert moved_box["y"] + moved_box["height"] / 2 == pytest.approx(y - 40, abs=2)

        handle.press("Shift+ArrowUp")
        assert shares(page)["truth"][1] == pytest.approx(first[1] + 0.1)
        for _ in range(9):
            handle.press("Shift+ArrowUp")
        assert shares(page)["truth"] == [0, 1, 0, 0]
        handle.press("ArrowDown")
        assert sum(shares(page)["truth"]) == pytest.approx(1)


def shares(page: Any) -> dict[str, list[float]]:
    """The distributions in the page's address."""
    found = re.findall(r"(\w+)=([\d.,]+)", page.url)
    return {name: [float(each) for each in text.split(",")] for name, text in found}
