"""Arithmetic that gives the same bits in NumPy and in compiled code: its errors, and its edges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

from xent._engine.cpu import portable
from xent.oracle import ulps

RNG = np.random.default_rng(0)
N = 300
LOGS = -np.concatenate(
    [
        RNG.uniform(0, 1, N),
        RNG.uniform(0, 40, N),
        RNG.uniform(0, 740, N),
        10 ** RNG.uniform(-18, 0, N),
    ]
)
UNITS = np.concatenate(
    [RNG.uniform(0, 1, N), 10 ** RNG.uniform(-320, 0, N), 1 - 10 ** RNG.uniform(-15, 0, N)]
)
ONES, ZEROS = np.ones(4 * N, int), np.zeros(4 * N, int)


def of_label(function: Callable[..., Any], label: Any) -> Callable[[Any], Any]:
    return lambda x: function(x, label[: len(x)])[0]


CASES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], Any, float]] = {
    "exp": (lambda x: portable.exp(x, 0.0), mpmath.exp, LOGS, 1.1),
    "1 - exp": (lambda x: portable.one_minus_exp(x)[0], lambda x: -mpmath.expm1(x), LOGS, 1.4),
    "log1p": (lambda q: portable.log1p(q, 0.0), mpmath.log1p, np.append(UNITS, 1 / UNITS[:N]), 0.9),
    "log1p of a unit": (portable.log1p_unit, mpmath.log1p, UNITS, 0.9),
    "p, label 1": (
        of_label(portable.binary_probability, ONES), lambda p: -mpmath.log(p), UNITS, 0.9,
    ),
    "p, label 0": (
        of_label(portable.binary_probability, ZEROS), lambda p: -mpmath.log1p(-p), UNITS, 0.9,
    ),
    "log p, label 0": (
        of_label(portable.binary_log_probability, ZEROS),
        lambda x: -mpmath.log(-mpmath.expm1(x)), LOGS, 1.5,
    ),
    "z, label 0": (
        of_label(portable.binary_logit, ZEROS), lambda z: mpmath.log1p(mpmath.exp(z)),
        np.concatenate([LOGS[: 3 * N], -LOGS[:N]]), 1.7,
    ),
}  # fmt: skip
"""A function, the exact one, arguments, and the largest error in ULP."""


@pytest.mark.parametrize("name", CASES)
def test_errors(name: str) -> None:
    function, exact, arguments, most = CASES[name]
    found = function(arguments)
    with mpmath.workprec(2400):  # 1 - p, for the smallest p
        errors = [
            ulps(value, exact(mpmath.mpf(x)), np.float64)
            for value, x in zip(found.tolist(), arguments.tolist(), strict=True)
        ]
    assert max(errors) <= most


def test_edges() -> None:
    inf = np.inf
    z, labels = np.array([inf, -inf, inf, -inf, 0.0]), np.array([1, 0, 0, 1, 1])
    np.testing.assert_array_equal(portable.binary_logit(z, labels)[0], [0, 0, inf, inf, np.log(2)])
    p = np.array([1.0, 0.0, 1.0, 0.0])
    with np.errstate(all="ignore"):
        loss, other, odds = portable.binary_probability(p, labels[:4])
        np.testing.assert_array_equal(loss, [0, 0, inf, inf])
        np.testing.assert_array_equal(other, [0, 0, 1, 1])
        np.testing.assert_array_equal(odds, 0)
        log_p = np.array([0.0, -inf, 1e-9, -inf])
        loss, other, _ = portable.binary_log_probability(log_p, labels[:4])
    np.testing.assert_array_equal(loss, [0, 0, inf, inf])
    np.testing.assert_array_equal(other, [0, 0, 1, 1])
    assert not np.signbit(loss[:2]).any()


def test_bins_follow_the_logit() -> None:
    z = np.linspace(-30, 30, 2001)
    odds = np.exp(-np.abs(z))
    keys = portable.key_of(odds, z > 0)
    assert (np.diff(keys) >= 0).all()
    assert keys[0] == 0
    assert keys[-1] == portable.KEYS - 1


@pytest.mark.parametrize("count", range(1, 20))
def test_halves(count: int) -> None:
    half = portable.half_of(count)
    assert half < max(count, 2)
    assert 2 * half >= count
    assert half & (half - 1) == 0
