"""Losses of other kinds get no name that is made up: what fits by chance is no name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import planted
import pytest

import xent


def p_of(z: Any, y: Any) -> Any:
    return planted.softmax(z)[np.arange(len(z)), y]


def margin(z: Any, y: Any) -> Any:
    return planted.rows(z - 2 * np.eye(z.shape[1])[y], y)


OTHERS: dict[str, Callable[..., Any]] = {
    "focal": lambda z, y: -((1 - p_of(z, y)) ** 2) * np.log(p_of(z, y)),
    "focal, gamma 1": lambda z, y: -(1 - p_of(z, y)) * np.log(p_of(z, y)),
    "generalised": lambda z, y: (1 - p_of(z, y) ** 0.7) / 0.7,
    "poly": lambda z, y: planted.rows(z, y) + 1 - p_of(z, y),
    "less confident": lambda z, y: (
        planted.rows(z, y) + 0.1 * (planted.softmax(z) * np.log(planted.softmax(z))).sum(axis=1)
    ),
    "decay of logits": lambda z, y: planted.rows(z, y) + 0.01 * (z**2).sum(axis=1),
    "z-loss": lambda z, y: planted.rows(z, y) + 0.01 * xent.logsumexp(z) ** 2,
    "square root": lambda z, y: np.sqrt(planted.rows(z, y)),
    "square": lambda z, y: planted.rows(z, y) ** 2,
    "margin": margin,
    "squared error of logits": lambda z, y: ((z - np.eye(z.shape[1])[y]) ** 2).sum(axis=1),
    "weights of rows": lambda z, y: planted.rows(z, y) * np.linspace(1, 2, len(z)),
    "hinge": planted.hinge_of,
}


@pytest.mark.parametrize("reduce", [lambda rows: rows, np.mean], ids=["rows", "mean"])
@pytest.mark.parametrize("shape", [(12, 4), (6, 2), (40, 3), (3, 3)])
@pytest.mark.parametrize("name", OTHERS)
def test_no_name_is_made_up(name: str, shape: tuple[int, int], reduce: Any) -> None:
    rng = np.random.default_rng(shape)
    z, y = rng.normal(size=shape), rng.integers(shape[1], size=shape[0])
    loss = OTHERS[name]
    report = xent.check.gradient(
        lambda z, y: reduce(loss(z, y)), lambda z, y: np.zeros_like(z), z, y
    )
    named = set(report.mistakes) - {"gradient is zero"}
    assert named <= {"not at chance", "not cross-entropy"}
    assert named
    assert not [finding for finding in report.findings if finding.level == "note"]


@pytest.mark.parametrize("name", ["focal", "generalised", "poly", "square root", "square"])
def test_one_row_does_not_make_another_loss_a_multiple(name: str) -> None:
    z, y = np.random.default_rng(0).normal(size=(1, 5)), np.array([2])
    report = xent.check.gradient(OTHERS[name], lambda z, y: np.zeros_like(z), z, y)
    assert "scaled" not in report.mistakes
