"""Write the test vectors: exact inputs, and losses and gradients to 50 digits.

python scripts/make_vectors.py            writes src/xent/check/vectors.json
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mpmath
import numpy as np

from xent import oracle
from xent.check.dtypes import rounded

FILE = Path(__file__).parents[1] / "src" / "xent" / "check" / "vectors.json"
DIGITS = 50
CLASSES, ROWS = 5, 12
STRATA = {  # by which margin the label's logit exceeds the others, as far as each dtype goes
    "margin below 0": (-1.0, 0.0),
    "margin 0 to 5": (0.0, 5.0),
    "margin 5 to 16": (5.0, 16.0),
    "margin 16 to 36": (16.0, 36.0),
    "margin above 36": (36.0, 1.0),
}
FURTHEST = {"float64": 700.0, "float32": 85.0, "bfloat16": 85.0, "float16": 9.0}
HUGE = {"float64": 8e307, "float32": 1.5e38, "bfloat16": 1.5e38, "float16": 3e4}
ABOUT = (
    "Cross-entropy in nats. Numbers under logits are exact: read as float64 they are numbers of "
    "the dtype. losses and gradients (with respect to the logits, of the row's own loss) are "
    f"decimal strings of {DIGITS} digits. Infinities are the strings Infinity and -Infinity. A "
    "binary logit z with label 1 costs log(1 + exp(-z)), with label 0 log(1 + exp(z))."
)


def margins(dtype: str) -> Iterator[tuple[str, float, float]]:
    """Name and bounds of each stratum that the dtype reaches."""
    furthest = FURTHEST[dtype]
    for name, (low, high) in STRATA.items():
        low = -furthest if low == -1.0 else low
        high = furthest if high == 1.0 else min(high, furthest)
        if low < high:
            yield name, low, high


def class_groups(dtype: str, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    for name, low, high in margins(dtype):
        z = rng.normal(size=(ROWS, CLASSES)) * 2
        labels = np.arange(ROWS) % CLASSES
        others = np.where(np.arange(CLASSES) == labels[:, None], -np.inf, z).max(axis=1)
        z[np.arange(ROWS), labels] = others + rng.uniform(low, high, size=ROWS)
        yield classes(name, dtype, rounded(z, dtype), labels)
    h = HUGE[dtype]
    z = np.array([[h, h, -h, 0, 1], [-h, -h, -h, -h, -h], [h, 0, h, 0, h], [0, h / 2, 3, -h, h]])
    yield classes("huge logits", dtype, rounded(z, dtype), np.array([0, 3, 1, 1]))
    inf = np.inf
    z = np.array(
        [[1.5, -inf, 0.25, -inf, -1], [-inf, 3, -inf, -inf, -inf], [-inf, -2, 8, 0.5, -inf]]
    )
    yield classes("masked classes", dtype, z, np.array([2, 1, 3]))
    yield classes("label on a masked class", dtype, z[:1], np.array([1]))


def binary_groups(dtype: str, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    for name, low, high in margins(dtype):
        labels = np.arange(2 * ROWS) % 2
        z = rng.uniform(low, high, size=2 * ROWS) * (2 * labels - 1)
        yield binary(name, dtype, rounded(z, dtype), labels)
    h = HUGE[dtype]
    z = rounded(np.array([h, -h, h, -h]), dtype)
    yield binary("huge logits", dtype, z, np.array([1, 0, 0, 1]))


def classes(name: str, dtype: str, logits: Any, labels: Any) -> dict[str, Any]:
    rows = [exact_row(z, int(y)) for z, y in zip(logits, labels, strict=True)]
    return group("classes", name, dtype, logits, labels, rows)


def exact_row(logits: Any, label: int) -> tuple[str, list[str]]:
    """Loss and gradient; masked classes are left out of the sum, and have gradient 0."""
    kept = np.flatnonzero(~np.isneginf(logits))
    if label not in kept:  # what remains of the row pushes its probability, the label cannot move
        p = oracle.label_row(logits[kept], 0).grad
        grad = {int(j): g + (i == 0) for i, (j, g) in enumerate(zip(kept, p, strict=True))}
        return "Infinity", [digits(grad.get(j, mpmath.mpf(0))) for j in range(len(logits))]
    row = oracle.label_row(logits[kept], int(np.flatnonzero(kept == label)[0]))
    grad = dict(zip(kept.tolist(), row.grad, strict=True))
    return digits(row.loss), [digits(grad.get(j, mpmath.mpf(0))) for j in range(len(logits))]


def binary(name: str, dtype: str, logits: Any, labels: Any) -> dict[str, Any]:
    rows = []
    for z, y in zip(logits, labels, strict=True):
        row = oracle.binary(float(z), float(y))
        rows.append((digits(row.loss), digits(row.grad[0])))
    return group("binary", name, dtype, logits, labels, rows)


def group(
    kind: str, name: str, dtype: str, logits: Any, labels: Any, rows: list[Any]
) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "dtype": dtype,
        "logits": [numbers(row) for row in logits.tolist()],
        "labels": labels.tolist(),
        "losses": [row[0] for row in rows],
        "gradients": [row[1] for row in rows],
    }


def numbers(value: Any) -> Any:
    """JSON has no infinities."""
    if isinstance(value, list):
        return [numbers(part) for part in value]
    return value if np.isfinite(value) else "Infinity" if value > 0 else "-Infinity"


def digits(value: Any) -> str:
    """Decimal digits; what no dtype can hold is 0."""
    if abs(value) < mpmath.mpf("1e-400"):
        return "0.0"
    return str(mpmath.nstr(value, DIGITS, strip_zeros=True))


def vectors() -> dict[str, Any]:
    groups = []
    with mpmath.workprec(oracle.BITS):
        for number, dtype in enumerate(FURTHEST):
            groups += class_groups(dtype, np.random.default_rng(number))
            groups += binary_groups(dtype, np.random.default_rng(100 + number))
    return {"format": 1, "about": ABOUT, "classes": CLASSES, "groups": groups}


def dump(found: dict[str, Any]) -> str:
    """JSON with a group to a line, so that a change is a readable diff."""
    head = {key: value for key, value in found.items() if key != "groups"}
    lines = ",\n".join("  " + json.dumps(g) for g in found["groups"])
    return f'{json.dumps(head)[:-1]}, "groups": [\n{lines}\n]}}\n'


if __name__ == "__main__":
    FILE.write_text(dump(vectors()), encoding="utf-8")
    print(f"wrote {FILE.name}")
