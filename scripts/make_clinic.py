"""Train and check the cases of the lesson *Debugging clinic*, and write what is found.

    python scripts/make_clinic.py

The page would take seconds if it did this each time. A test compares the file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import xent
from xent.learn import buggy_examples, training

FILE = Path(training.__file__).parent / "lessons" / "clinic.json"
ROWS = 24
RATES = (0.25, 1.0, 2.0)
"""Learning rates: these multiples of the one that shows the symptom."""
ROW = 18
"""The row whose gradient is shown: all mistakes change it."""
DIGITS = 4
HIGHEST = 16.0
"""The largest loss that the picture shows."""
ROUND = (1.2, 1.6, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, HIGHEST)
"""Where the axis of losses may end."""


def batch() -> tuple[Any, Any]:
    """The logits and labels that are checked."""
    return 2 * np.random.default_rng(20).normal(size=(ROWS, 4)), np.arange(ROWS) % 4


def case(example: Any, curves: list[list[float]]) -> dict[str, Any]:
    """What is found of one case; its curves are added to those of all, if they are new."""
    return {"name": example.__name__} | checked(example) | trained(example, curves)


def checked(example: Any) -> dict[str, Any]:
    """The verdict of the gradient check, and the gradient of one row."""
    z, y = batch()
    report = xent.check.gradient(example.loss, example.grad, z, y, progress=False)
    numeric = report.numeric.value.reshape(z.shape)[ROW]
    return {
        "verdict": report.verdict,
        "entries": [report.passed, report.failed, report.inconclusive],
        "findings": [each.to_dict() for each in report.findings],
        "gradient": np.round(example.grad(z, y)[ROW], 6).tolist(),
        "numeric": (np.round(numeric, 6) + 0.0).tolist(),
        "fixed": xent.check.gradient(*example.fix(), z, y, progress=False).verdict,
    }


def trained(example: Any, curves: list[list[float]]) -> dict[str, Any]:
    """At each rate: the numbers of its curves (true, reported, with the fix), and accuracies."""
    found: dict[str, list[Any]] = {"rates": [], "curves": [], "tops": [], "accuracy": []}
    for factor in RATES:
        rate = example.rate * factor
        buggy, fixed = (
            training.train(*code, ROWS, rate=rate, start=example.start)
            for code in ((example.loss, example.grad), example.fix())
        )
        shown = buggy.true, buggy.reported, fixed.true
        found["rates"].append(rate)
        found["curves"].append([number(each, curves) for each in shown])
        found["tops"].append(min(top for top in ROUND if top >= min(HIGHEST, np.max(shown))))
        found["accuracy"].append([buggy.accuracy, fixed.accuracy])
    return found


def number(curve: list[float], curves: list[list[float]]) -> int:
    """The place of a curve among all, where it is added if it is new."""
    rounded = [round(each, DIGITS) for each in curve]
    if rounded not in curves:
        curves.append(rounded)
    return curves.index(rounded)


def clinic() -> dict[str, Any]:
    """All that the page shows of the cases."""
    z, y = batch()
    curves: list[list[float]] = []
    cases = [case(example, curves) for example in buggy_examples.PATIENTS]
    row = {"logits": np.round(z[ROW], 6).tolist(), "label": int(y[ROW]), "rows": ROWS}
    return {"row": row, "factors": list(RATES), "cases": cases, "curves": curves}


def written(found: dict[str, Any]) -> str:
    """As JSON: a line for each case and each curve."""
    parts = []
    for name, value in found.items():
        lines = ",\n".join(json.dumps(each) for each in value) if name[0] == "c" else ""
        parts.append(f'"{name}": ' + (f"[\n{lines}\n]" if lines else json.dumps(value)))
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    FILE.write_text(written(clinic()), "utf-8")
    sys.stdout.write(f"{FILE}: {FILE.stat().st_size} bytes\n")
