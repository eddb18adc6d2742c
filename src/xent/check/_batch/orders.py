"""Other orders in which the scores may belong to the rows: reshaped, transposed, shifted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from xent._plausible import are_logs_of_shares, are_shares
from xent._report import Finding
from xent._validation import Array
from xent.check._batch.data import Batch
from xent.check._batch.scores import sum_by_column
from xent.check._batch.statistics import Statistics
from xent.check.mistakes import found
from xent.functions import logsumexp

FURTHEST = 8
"""Rows by which labels may be shifted."""


@dataclass(frozen=True)
class Order:
    """Another row for each row of scores."""

    name: str
    """The mistake, if this order is right."""
    change: str
    """The change in words."""
    fix: str
    """What to do about it; empty if the catalogue says it."""
    take: Callable[[Array, Array], Array]
    """The scores of some rows, from all scores."""

    def applied(self, batch: Batch) -> Batch:
        """The batch in this order."""
        return replace(batch, scores=self.take(batch.scores, np.arange(len(batch.scores))))


def orders(batch: Batch) -> Iterator[Order]:
    """All orders worth testing, the likelier first."""
    yield from _reshaped(batch)
    shape = batch.names.row_shape
    if not batch.binary or len(shape) < 2:
        yield from _shifted()
    elif len(shape) == 2:
        code = f"logits.ravel().reshape({shape[1]}, {shape[0]}).T"
        order = _of_transposed_rows(shape[0], shape[1])
        name, change = "reshaped in the wrong order", f"read as {code}"
        yield replace(order, name=name, change=change, fix=f"Pass {code}.")
    # Otherwise each score would go with another label of the row, whose bias may fit better.
    if batch.binary and len(shape) > 1:
        return
    change, fix = "with the scores in reverse order", "Reverse the scores: logits[::-1]."
    yield Order("rows in another order", change, fix, lambda z, rows: z[len(z) - 1 - rows])
    for first, second in _factors(batch):
        yield _of_transposed_rows(first, second)


def _factors(batch: Batch) -> list[tuple[int, int]]:
    """Sizes of two axes that the rows may have had: their own first."""
    rows, shape = len(batch.scores), batch.names.row_shape
    own = [(shape[0], rows // shape[0])] if len(shape) > 1 else []
    small = [d for d in range(2, int(rows**0.5) + 1) if rows % d == 0]
    each = [pair for d in small for pair in ((d, rows // d), (rows // d, d))]
    return [pair for pair in dict.fromkeys([*own, *each]) if min(pair) > 1]


def _reshaped(batch: Batch) -> Iterator[Order]:
    """Scores of each class together (class-major), read as those of each row together."""
    if batch.binary:
        return
    rows, classes = batch.scores.shape
    yield _class_major(1, classes, rows)
    name, change = "reshaped in the wrong order", "with the order of the axes undone"
    code = f"logits.T.ravel().reshape({rows}, {classes})"
    yield Order(name, f"{change}, {code},", f"Pass {code}.", _row_major)
    for blocks, length in _factors(batch):
        yield _class_major(blocks, classes, length)


def _class_major(blocks: int, classes: int, length: int) -> Order:
    def take(z: Array, rows: Array) -> Array:
        in_blocks = z.reshape(blocks, classes, length)
        return np.asarray(in_blocks[rows // length, :, rows % length])

    code = f"logits.ravel().reshape({classes}, {length}).T"
    was = f"({classes}, {length})"
    if blocks > 1:
        was = f"({blocks}, {classes}, {length})"
        code = f"logits.reshape({blocks}, {classes}, {length}).swapaxes(1, 2)"
        code += f".reshape({blocks * length}, {classes})"
    change = f"read as an array of shape {was}, {code},"
    return Order("reshaped in the wrong order", change, f"Pass {code}.", take)


def _row_major(z: Array, rows: Array) -> Array:
    places = rows[:, None] * z.shape[1] + np.arange(z.shape[1])
    return np.asarray(z[places % len(z), places // len(z)])


def _of_transposed_rows(first: int, second: int) -> Order:
    """The scores of rows that were laid out as (second, first) and not as (first, second)."""

    def take(z: Array, rows: Array) -> Array:
        return np.asarray(z[rows % second * first + rows // second])

    change = f"with the rows of scores read as an array of shape ({second}, {first}) and transposed"
    fix = (
        f"The rows of the scores run over axes of sizes {second} and {first} in the opposite order "
        "to the labels: transpose one of them before it is flattened."
    )
    return Order("rows in another order", change, fix, take)


def _shifted() -> Iterator[Order]:
    for lag in range(1, FURTHEST + 1):
        for step, other, pairs in (
            (-lag, "after", f"logits[:-{lag}] with targets[{lag}:]"),
            (lag, "before", f"logits[{lag}:] with targets[:-{lag}]"),
        ):
            name = "labels one row off" if lag == 1 else "labels several rows off"
            where = "the next row" if step == -1 else "the previous row"
            where = where if lag == 1 else f"the row {lag} rows {other} it"
            change = f"with the label of {where} ({pairs})"
            yield Order(name, change, "", _rolled(step))


def _rolled(step: int) -> Callable[[Array, Array], Array]:
    return lambda z, rows: np.asarray(z[(rows + step) % len(z)])


def by_sums(statistics: Statistics) -> tuple[Finding, Batch] | None:
    """Probabilities, percentages or log-probabilities whose rows have their sums elsewhere."""
    batch = statistics.batch
    if batch.binary or len(batch.kept) < 4 or sum_by_column(statistics):
        return None
    if not np.isfinite(batch.scores).all():
        return None
    # Where most rows nearly sum to 1 (or 100) as they are, nothing was reshaped.
    wholes = (statistics.total, statistics.total / 100, statistics.mass)
    if any(np.quantile(np.abs(sums - 1), 0.75) < 0.1 for sums in wholes):
        return None
    inside = bool((batch.scores >= 0).all() and (batch.scores <= 100).all())
    if not (inside or bool((batch.scores <= 0).all())):
        return None
    for order in _reshaped(batch):
        few = order.take(batch.scores, np.arange(min(64, len(batch.scores))))
        if not _sums(few, batch.tolerance):
            continue
        reordered = order.applied(batch)
        if whole := _sums(reordered.scores, batch.tolerance):
            seen = f"The rows do not sum to {whole}; {order.change} all {len(batch.scores)} do."
            return found(order.name, seen, fix=order.fix), reordered
    return None


def _sums(scores: Array, tolerance: float) -> str:
    """What rows of shares sum to: 1, 100 or, if they are logarithms, 1; empty if they are none."""
    scores = scores.astype(np.float64)
    low, high, sums = scores.min(axis=1), scores.max(axis=1), scores.sum(axis=1)
    for whole in (1, 100):
        if are_shares(low, high, sums, tolerance, whole):
            return str(whole)
    if are_logs_of_shares(high, np.exp(logsumexp(scores)), tolerance):
        return "1 (their exponentials)"
    return ""
