"""Two days' forecasts whose surprises add, and two distributions with their entropies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from xent._live.page import Live
from xent._live.widgets import code, fact, lines
from xent._report.expression import Symbol
from xent.learn.lessons.surprise.forecasts import of_outcomes
from xent.learn.lessons.surprise.outcomes import SURE, UNSURE, D, H, K, L, sums, units, weather
from xent.learn.lessons.surprise.two_days import BOTH, day, days, of_two_days
from xent.metrics import log_loss

STATE: dict[str, Any] = {"day": [0.9, 0.1], "truth": UNSURE, "forecast": SURE}


def build(state: Mapping[str, Any] = STATE) -> tuple[Live, dict[str, str]]:
    """The lesson's numbers and pictures."""
    live = Live(state, of_two_days() + of_outcomes(K))
    parts = {
        "days": days(live),
        "weather": weather(live),
        "sums": lines(live, *sums()),
        "units": lines(live, *units()),
        "back": live.number(Symbol("back")),
        "forth": live.number(D),
        "alike": live.when(D < 1e-9, " (They are equal now: choose another forecast.)"),
        "python": code(
            live,
            """
import numpy as np
import xent

print(xent.log_loss([1, 1], [{a}, {b}], reduction="sum"))  # ≈ {both}
truth = np.array([[{t0}, {t1}, {t2}, {t3}]], dtype=float)
forecast = [[{f0}, {f1}, {f2}, {f3}]]
entropy = xent.log_loss(truth, truth)
loss = xent.log_loss(truth, forecast)
print(entropy, loss, loss - entropy)  # ≈ {H}, {L}, {D}
print(loss / np.log(2), np.exp(loss))  # ≈ {bits}, {perplexity}
""",
            {
                "a": day(0),
                "b": day(1),
                "both": (BOTH, 4),
                "H": (H, 4),
                "L": (L, 4),
                **{f"t{j}": Symbol("y", f"{j}") for j in range(K)},
                **{f"f{j}": Symbol("p", f"{j}") for j in range(K)},
                **{name: (Symbol(name), 4) for name in ("D", "bits", "perplexity")},
            },
        ),
        **_facts(),
    }
    return live, parts


def _facts() -> dict[str, str]:
    """Numbers of the text: two forecasters over four days, and guesses among so many outcomes."""
    rained = [1, 1, 1, 0]
    losses = {name: [p] * 4 for name, p in (("ann", 0.9), ("ben", 0.6))}
    total = {name: float(log_loss(rained, p, reduction="sum")) for name, p in losses.items()}
    guesses = {f"log-{n}": fact(np.log(n), 3) for n in (2, 4, 10, 1000, 50257)}
    return {
        **{f"money-{name}": fact(2**4 * np.exp(-each), 2) for name, each in total.items()},
        **{f"total-{name}": fact(each, 2) for name, each in total.items()},
        **guesses,
        "bits-1000": fact(np.log2(1000), 2),
        "bits-10": fact(np.log2(10), 2),
        "bits-50257": fact(np.log2(50257), 2),
        "hit": fact(log_loss([1], [0.9]), 3),
        "miss": fact(log_loss([0], [0.9]), 3),
    }
