"""Errors of answers against exact ones, in units of the last place (ULP) of a dtype."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

try:
    import mpmath
except ModuleNotFoundError:
    message = "an audit needs mpmath: pip install mpmath, or xent with its extra check"
    raise ModuleNotFoundError(message, name="mpmath") from None

import numpy as np
import numpy.typing as npt

from xent.check.dtypes import PRECISION, SMALLEST_EXPONENT

DIGITS = 60  # more than the 50 of the exact answers
NEGLIGIBLE = 2.0**-149
"""The smallest float32: answers below it may as well be 0."""


@dataclass(frozen=True)
class Errors:
    """Errors of answers where the exact value is a normal number of the dtype.

    Answers of 0, infinity or NaN are counted separately.
    """

    compared: int
    largest: float
    median: float
    zeros: int
    not_finite: int

    def __str__(self) -> str:
        if not self.compared:
            return "-"
        others = {"zero": self.zeros, "inf or NaN": self.not_finite}
        wrong = ", ".join(f"{number} {what}" for what, number in others.items() if number)
        if self.zeros + self.not_finite == self.compared:
            return wrong
        figures = f"{_figure(self.largest)} ({_figure(self.median)})"
        return f"{figures}, {wrong}" if wrong else figures


def _figure(ulps: float) -> str:
    if ulps < 0.01:  # an answer in a wider dtype
        return "< 0.01"
    if ulps < 100:
        return f"{ulps:.2g}"
    return f"{ulps:.0f}" if ulps < 1000 else f"{ulps:.0e}".replace("e+0", "e").replace("e+", "e")


def errors(answers: npt.ArrayLike, exact: Iterable[str], dtype: str) -> Errors:
    """Compare answers with exact values, in units of the last place of the dtype."""
    found, zeros, broken = [], 0, 0
    with mpmath.workdps(DIGITS):
        for answer, text in zip(np.ravel(answers).tolist(), exact, strict=True):
            value = number(text)
            if not mpmath.isfinite(value) or abs(value) < mpmath.mpf(2) ** SMALLEST_EXPONENT[dtype]:
                continue
            if not np.isfinite(answer):
                broken += 1
            elif not answer:
                zeros += 1
            else:
                found.append(float(abs(mpmath.mpf(answer) - value) / unit(value, dtype)))
    largest, median = (float(f(found or [0.0])) for f in (np.max, np.median))
    return Errors(len(found) + zeros + broken, largest, median, zeros, broken)


def unit(value: mpmath.mpf, dtype: str) -> mpmath.mpf:
    """Distance of the dtype's numbers at the value."""
    exponent = mpmath.frexp(value)[1]
    return mpmath.mpf(2) ** (exponent - PRECISION[dtype])


def number(text: str) -> mpmath.mpf:
    """An exact answer, from its decimal digits."""
    return mpmath.inf if text == "Infinity" else mpmath.mpf(text)


def negative_log(p: float, *, of_other: bool = False) -> str:
    """-log p, or -log(1 - p), as decimal digits."""
    with mpmath.workdps(DIGITS):
        exact = 1 - mpmath.mpf(p) if of_other else mpmath.mpf(p)
        return "Infinity" if exact == 0 else str(mpmath.nstr(-mpmath.log(exact), 50))


def matches(answer: float, text: str, relative: float) -> bool:
    """Is the answer the exact value, within a relative error, also if that is infinite?"""
    with mpmath.workdps(DIGITS):
        value = number(text)
        if mpmath.isinf(value) or not np.isfinite(answer):
            return bool(float(value) == answer)
        if abs(value) < NEGLIGIBLE:
            return bool(abs(answer) < NEGLIGIBLE)
        return bool(abs(mpmath.mpf(answer) - value) <= relative * abs(value))
