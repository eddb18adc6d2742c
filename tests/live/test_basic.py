"""Functions of basic operations: accurate, and in a browser the same to the last bit."""

from __future__ import annotations

import math
from typing import Any

import browser
import numpy as np

from xent._live.basic import decay, log_of_1_plus
from xent._live.javascript import LOOPS
from xent._live.program import Program
from xent._report.expression import Symbol

PROGRAM = Program([*decay("E", Symbol("a")), *log_of_1_plus("M", Symbol("E"))])


def some_numbers() -> list[float]:
    rng = np.random.default_rng(1)
    return [0.0, 1e-16, 0.5, math.log(2), 1.0, 20.0, 700.0, *rng.uniform(0, 12, 500).tolist()]


def test_they_are_accurate() -> None:
    for a in some_numbers():
        found = PROGRAM.compute({"a": a})
        np.testing.assert_allclose(found["E"], math.exp(-a), rtol=max(2e-15, 2e-16 * a))
        np.testing.assert_allclose(found["M"], math.log1p(found["E"]), rtol=2e-15)


def test_a_browser_computes_the_same_bits(chromium: Any) -> None:
    numbers = some_numbers()
    code = f"(all) => all.map((a) => {{ const v = {{ a }}; {PROGRAM.javascript()} return v }})"
    with browser.page(chromium) as page:
        page.goto("about:blank")
        page.add_script_tag(content=LOOPS)
        found = page.evaluate(code, numbers)
    for a, got in zip(numbers, found, strict=True):
        wanted = PROGRAM.compute({"a": a})
        assert (got["E"], got["M"]) == (wanted["E"], wanted["M"]), a
