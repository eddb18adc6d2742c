"""Loss and accuracy part ways: overfitting, calibration, squared error and focal loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from xent._live.page import Live
from xent._live.widgets import code, fact
from xent._report.expression import Number, Symbol
from xent.learn.lessons.accuracy.focal import focal, of_focal_loss
from xent.learn.lessons.accuracy.overfitting import LAST, overfitting
from xent.learn.lessons.accuracy.program import COLDEST, HALVINGS, HOTTEST, of_rows, of_temperature
from xent.learn.lessons.accuracy.squared import of_two_losses, squared
from xent.learn.lessons.accuracy.temperature import temperature
from xent.learn.lessons.accuracy.training import EPOCHS, logits_and_labels
from xent.losses import binary_cross_entropy

STATE: dict[str, Any] = {
    "checkpoint": LAST,
    "T": 1,
    "z": -6,
    "chance": 0.9,
    "gamma": 2,
}


def build(state: Mapping[str, Any] = STATE) -> tuple[Live, dict[str, str]]:
    """The lesson's numbers and pictures."""
    logits, labels = logits_and_labels()
    program = of_rows() + of_temperature() + of_two_losses() + of_focal_loss()
    live = Live(state, program, data={"logit": logits, "y": labels})
    parts = {
        "overfitting": overfitting(live),
        "temperature": temperature(live),
        "squared": squared(live),
        "focal": focal(live),
        "python": code(
            live,
            """
import numpy as np
import xent
from xent.learn.lessons.accuracy.training import logits_and_labels

logits, labels = logits_and_labels()
z, y = np.array(logits[{checkpoint}]), np.array(labels)
print(((z > 0) == y).mean(), xent.binary_cross_entropy(z, y))  # ≈ {A}, {L}
print(xent.binary_cross_entropy(z / {T}, y))  # ≈ {LT}

low, high = {low}, {high}  # the inverse of T
for _ in range({halvings}):
    middle = (low + high) / 2
    _, gradient = xent.binary_cross_entropy(middle * z, y, return_grad=True)
    low, high = (middle, high) if (gradient * z).sum() < 0 else (low, middle)
print(1 / low, xent.binary_cross_entropy(low * z, y))  # ≈ {fitted}, {least}

print(*xent.binary_cross_entropy({z}, 1, return_grad=True))  # ≈ {ce}, {gc}
""",
            {
                **{name: Symbol(name) for name in ("checkpoint", "T", "z")},
                **{name: (Symbol(name), 4) for name in ("A", "L", "LT", "fitted", "least")},
                **{name: (Symbol(name), 4) for name in ("ce", "gc")},
                "low": Number(f"{1 / HOTTEST}"),
                "high": Number(f"{1 / COLDEST}"),
                "halvings": Number(f"{HALVINGS}"),
            },
        ),
        **_facts(np.array(logits), np.array(labels)),
    }
    return live, parts


def _facts(logits: np.ndarray, labels: np.ndarray) -> dict[str, str]:
    """Numbers of the text: the epoch of the lowest loss, and the last."""
    losses = np.array([binary_cross_entropy(z, labels, reduction="none") for z in logits])
    wrong = (logits > 0) != labels
    best = int(losses.mean(1).argmin())
    found = {"best": f"{EPOCHS[best]}", "last": f"{EPOCHS[-1]}"}
    for name, k in (("best", best), ("last", LAST)):
        found[f"acc-{name}"] = fact(1 - wrong[k].mean(), 3)
        found[f"loss-{name}"] = fact(losses[k].mean(), 3)
        found[f"wrong-{name}"] = fact(losses[k][wrong[LAST]].mean(), 2)
    return found | {
        "turned": f"{(wrong[best] & ~wrong[LAST]).sum()}",
        "still": f"{wrong[LAST].sum()}",
        "least-last": fact(_least(logits, labels), 3),
        "focal-best": fact(_lowest_of_focal(0.9, 2), 2),
    }


def _least(logits: np.ndarray, labels: np.ndarray) -> float:
    """The mean loss of the last epoch at the temperature that fits."""
    values = (of_rows() + of_temperature()).compute(
        {"checkpoint": LAST, "T": 1, "logit": logits.tolist(), "y": labels.tolist()}
    )
    return float(values["least"])


def _lowest_of_focal(share: float, gamma: float) -> float:
    """The p of the lowest mean focal loss, where this share of rows has the label."""
    p = np.linspace(0, 1, 100_001)[1:-1]
    losses = share * (1 - p) ** gamma * -np.log(p) + (1 - share) * p**gamma * -np.log1p(-p)
    return float(p[losses.argmin()])
