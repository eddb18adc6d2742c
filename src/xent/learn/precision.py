"""What naive formulas give in each dtype: tables for a page, which can compute in float64 only.

The rows have two classes and the logits (z, 0). A table is indexed by the way of computing, by the
dtype, by the true class and by the place of z among the stops, as far as it depends on them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from functools import cache

import numpy as np

from xent._live.program import Table
from xent._validation import Array
from xent.learn import naive
from xent.losses import cross_entropy

DTYPES = ("float64", "float32", "float16")
STOPS = (
    *range(1, 51),
    *(55, 60, 65, 70, 75, 80, 85, 86, 87, 88, 89, 90, 95, 100, 103, 104, 110, 120, 130, 140, 150),
    *(160, 180, 200, 220, 250, 280, 320, 350, 400, 450, 500, 550, 600, 650, 700),
    *(708, 709, 710, 711, 720, 740, 745, 746, 750, 775, 800),
)
"""Whole logits, which every dtype holds exactly: many where formulas lose digits or break."""
LARGEST, GROWS = 26, 12
"""Of the means in half precision: over 2 to this power of rows; and from how many on a running sum
no longer grows."""
LONG = 60
"""From this logit on, log(1 + e^-z) is e^-z to 25 digits."""
Way = Callable[[Array, int], Array]
"""Losses, or slopes, of rows of logits and the number of their true class."""


def library(z: Array, label: int) -> Array:
    """The losses by xent, in float32 for half precision."""
    labels = np.full(len(z), label)
    return np.asarray(cross_entropy(z, labels, reduction="none"))


WAYS: dict[str, Way] = {
    "textbook": naive.textbook,
    "clipped": naive.clipped,
    "log-sum-exp": naive.log_sum_exp,
    "xent": library,
}


@cache
def tables() -> list[Table]:
    """All that the lesson shows and its page does not compute."""
    halves = DTYPES[1:]
    with np.errstate(all="ignore"):
        powers = [np.exp(rows(dtype)) for dtype in halves]
        return [
            Table("x", [round(math.log10(z), 4) for z in STOPS]),
            Table("stops", STOPS),
            Table("losses", [[_of_labels(way, each) for each in halves] for way in WAYS.values()]),
            Table("slopes", [[_of_labels(way, each) for each in halves] for way in SLOPES]),
            Table("digits", [[_digits(way, each) for each in DTYPES] for way in WAYS.values()]),
            Table("ends", [[_ends(way, each) for each in DTYPES] for way in WAYS.values()]),
            Table("powers", [_short(each[:, 0]) for each in powers]),
            Table("sums", [_short(each.sum(axis=1)) for each in powers]),
            Table("shares", [_of_labels(naive.probability, each) for each in halves]),
            Table("broke", begins(lambda loss: not math.isfinite(loss), "textbook", 0)),
            Table("rests", _short(np.exp(-rows("float32")[:, 0]))),
            *_half_precision(),
        ]


def rows(dtype: str) -> Array:
    """The logits of all stops."""
    z = np.array(STOPS, dtype=dtype)
    return np.stack([z, 0 * z], axis=1)


def digits_right(loss: float, exact: Decimal, most: float) -> float:
    """Decimal digits of a loss that are right: at most those that its dtype has, and none of 0."""
    if not math.isfinite(loss):
        return 0.0
    error = abs(Decimal(loss) - exact) / exact
    return min(max(-float(error.log10()), 0.0), most) if error else most


@cache
def exact_loss(z: int, label: int) -> Decimal:
    """The loss of the logits (z, 0) to 40 digits."""
    with localcontext(prec=40):
        right = ((-Decimal(z)).exp() + 1).ln() if z < LONG else (-Decimal(z)).exp()
        return right + z * label


def _digits(way: Way, dtype: str) -> list[list[float]]:
    """For each label and stop."""
    found = []
    for label in (0, 1):
        losses = way(rows(dtype), label)
        most = -math.log10(np.finfo(losses.dtype).eps / 2)
        exact = [exact_loss(z, label) for z in STOPS]
        pairs = zip(losses.tolist(), exact, strict=True)
        found.append([round(digits_right(*pair, most), 1) + 0.0 for pair in pairs])
    return found


def _ends(way: Way, dtype: str) -> list[int]:
    """For each label, the place of the last stop with a finite loss."""
    finite = (np.isfinite(way(rows(dtype), label)) for label in (0, 1))
    return [int(np.flatnonzero(each).max()) for each in finite]


def _textbook_slope(z: Array, label: int) -> Array:
    """The gradient for the true logit, p - 1, with the probability as computed."""
    return np.asarray(naive.probability(z, label) - 1)


def _clipped_slope(z: Array, label: int) -> Array:
    """The same, but 0 where the probability is clipped: there the loss is constant."""
    p = naive.probability(z, label)
    held = (p < naive.CLIP) | (p > 1 - naive.CLIP)
    return np.where(held, 0, p - 1)


def _shifted_slope(z: Array, label: int) -> Array:
    """The same, with the largest logit subtracted."""
    return _textbook_slope(z - z.max(axis=-1, keepdims=True), label)


def _library_slope(z: Array, label: int) -> Array:
    labels = np.full(len(z), label)
    _, gradient = cross_entropy(z, labels, reduction="sum", return_grad=True)
    return np.asarray(gradient)[:, label]


SLOPES = (_textbook_slope, _clipped_slope, _shifted_slope, _library_slope)


def _of_labels(way: Way, dtype: str) -> list[list[float]]:
    return [_short(way(rows(dtype), label)) for label in (0, 1)]


def _short(values: Array) -> list[float]:
    """With as many digits as a page may show."""
    return [float(f"{each + 0.0:.6g}") for each in values.tolist()]


def _half_precision() -> list[Table]:
    """Means over 2^k rows in float16: of one loss by a running sum, and of its gradient."""
    loss = library(np.array([[1, 0]], dtype=np.float16), 0).astype(np.float16)[0]
    _, gradient = cross_entropy([1.0, 0.0], 0, return_grad=True)
    sums = np.cumsum(np.full(2**GROWS, loss), dtype=np.float16)
    counts = [2**k for k in range(LARGEST + 1)]
    means = [float(sums[min(count, 2**GROWS) - 1]) / count for count in counts]
    slopes = np.array([gradient[1] / count for count in counts]).astype(np.float16)
    return [Table("means", _short(np.array(means))), Table("small", _short(slopes))]


def begins(broken: Callable[[float], bool], way: str, label: int) -> list[int | None]:
    """The first whole logit of each dtype at which a way breaks."""
    with np.errstate(all="ignore"):
        return [naive.first_break(WAYS[way], label, dtype, broken) for dtype in DTYPES]
