"""Exact losses and gradients of a batch, and how far from them an answer is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, TypedDict

import mpmath
import numpy as np
from inputs import Batch
from peers import Array

from xent import oracle


class Exact(NamedTuple):
    """Numbers of more than 100 bits: (high + low) * 2**exponent."""

    high: Array
    low: Array
    exponent: Array

    def reshape(self, *shape: int) -> Exact:
        return Exact(*(part.reshape(shape) for part in self))

    def where(self, mask: Array) -> Exact:
        return Exact(*(part[mask] for part in self))


class Figure(TypedDict):
    """Errors of one library; `max` and `median` are in ULP, of the answers not counted apart."""

    zeros: int
    not_finite: int
    max: float | None
    median: float | None


def answers(batch: Batch) -> tuple[Exact, Exact]:
    """Exact losses and gradients of a batch."""
    of_row = oracle.binary if batch.kind == "binary" else oracle.label_row
    rows = zip(batch.logits.tolist(), batch.labels.tolist(), strict=True)
    exact = [of_row(logits, label) for logits, label in rows]
    gradient = _pack(entry for row in exact for entry in row.grad)
    return _pack(row.loss for row in exact), gradient.reshape(*batch.logits.shape)


def normal(exact: Exact, dtype: str) -> Array:
    """Which values are normal numbers of `dtype`; below those, an ULP says nothing."""
    value = np.ldexp(exact.high, exact.exponent)
    return np.asarray(np.abs(value) >= np.finfo(dtype).tiny)


def errors(got: Array, exact: Exact, dtype: str) -> Array:
    """Errors in ULP: units of the last place of the exact value rounded to `dtype`.

    Agrees with `oracle.ulps`, but for arrays. Everything is scaled by the value's own power of
    two, so that nothing is lost near the smallest numbers.
    """
    rounded = np.abs(np.ldexp(exact.high, exact.exponent)).astype(dtype)
    unit = np.ldexp(np.spacing(rounded).astype(np.float64), -exact.exponent)
    scaled = np.ldexp(got.astype(np.float64), -exact.exponent)
    return np.asarray(np.abs((scaled - exact.high) - exact.low) / unit)


def figure(got: Array, exact: Exact, dtype: str) -> Figure:
    """Summary of the errors of answers to normal values."""
    zero, finite = got == 0, np.isfinite(got)
    usual = finite & ~zero
    error = errors(got[usual], exact.where(usual), dtype)
    return Figure(
        zeros=int(zero.sum()),
        not_finite=int((~finite).sum()),
        max=float(f"{error.max():.4g}") if error.size else None,
        median=float(f"{np.median(error):.4g}") if error.size else None,
    )


def _pack(values: Iterable[Any]) -> Exact:
    parts = []
    with mpmath.workprec(oracle.BITS):
        for value in values:
            mantissa, exponent = mpmath.frexp(value)
            high = float(mantissa)
            parts.append((high, float(mantissa - high), exponent))
    highs, lows, exponents = zip(*parts, strict=True)
    return Exact(np.array(highs), np.array(lows), np.array(exponents, dtype=np.int64))
