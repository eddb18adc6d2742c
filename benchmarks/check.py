"""Time of a gradient check of 10^6 entries, beside 20 evaluations of the loss it checks.

python benchmarks/check.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import machine
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - everyone's name for it
from scipy import special

import xent

ROWS, CLASSES, REPETITIONS = 100_000, 10, 5


def scipy_loss(z: Any, y: Any) -> Any:
    return -special.log_softmax(z, axis=1)[np.arange(len(y)), y]


def scipy_grad(z: Any, y: Any) -> Any:
    return special.softmax(z, axis=1) - np.eye(CLASSES)[y]


def focal_loss(z: Any, y: Any) -> Any:
    """A loss that the check cannot name, which takes its longest search."""
    log_p = special.log_softmax(z, axis=1)[np.arange(len(y)), y]
    return -((1 - np.exp(log_p)) ** 2) * log_p


def mean(loss: Any) -> Any:
    return lambda z, y: loss(z, y).mean()


def seconds(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def ratio(loss: Any, grad: Any, z: Any, y: Any) -> list[float]:
    """Time of a check over that of 20 evaluations, in turns."""
    found = []
    for _ in range(REPETITIONS):
        alone = seconds(lambda: [loss(z, y) for _ in range(20)])
        found.append(seconds(lambda: xent.check.gradient(loss, grad, z, y, progress=False)) / alone)
    return found


def main() -> None:
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(ROWS, CLASSES)) * 2, rng.integers(CLASSES, size=ROWS)
    cases = {
        "SciPy": (scipy_loss, scipy_grad, z, y),
        "torch": (
            lambda z, y: F.cross_entropy(z, y, reduction="none"),
            None,
            torch.from_numpy(z),
            torch.from_numpy(y),
        ),
        "SciPy, mean": (mean(scipy_loss), lambda z, y: scipy_grad(z, y) / len(y), z, y),
        "no known loss": (focal_loss, scipy_grad, z, y),
        "its mean": (mean(focal_loss), lambda z, y: scipy_grad(z, y) / len(y), z, y),
    }
    print(f"{machine.today()}, {machine.processor()}, {machine.cores()} cores")
    print(f"{ROWS:,} rows of {CLASSES} classes, over 20 evaluations:")
    for name, case in cases.items():
        times = ratio(*case)
        print(f"{name:13} {median(times):.2f} ({min(times):.2f} to {max(times):.2f})")


if __name__ == "__main__":
    main()
