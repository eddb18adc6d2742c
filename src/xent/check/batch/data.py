"""What arrives, as one batch: rows of scores, a label each, and what had to be put right first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xent._report import Finding
from xent._targets import SUM_TOLERANCE, binary_targets, class_targets, ignored_rows
from xent._validation import Array, as_floats, check_number, class_axis, to_numpy
from xent.check.batch.repair import repaired
from xent.check.batch.words import Words
from xent.check.frameworks import framework_of

KINDS = ("logits", "probabilities", "log-probabilities")
IGNORED = -100
"""PyTorch's label of a row that is left out."""

BLOCK = 1 << 18
"""Scores that are worked on at a time."""


@dataclass(frozen=True)
class Batch:
    """Rows that are not ignored, and their labels.

    `scores` holds all rows as they came, of shape (total, K), or (total,) where they are binary;
    `kept` the rows that are not ignored, in order. `labels`, `valid` and `soft` go by `kept`.
    """

    scores: Array
    kept: Array
    labels: Array
    valid: Array
    """Is the label a class?"""
    soft: Array | None
    """Targets that are probabilities."""
    kind: str
    dtype: str
    tolerance: float
    words: Words
    findings: tuple[Finding, ...]

    @property
    def binary(self) -> bool:
        """Is each score a row of its own?"""
        return self.scores.ndim == 1

    @property
    def classes(self) -> int:
        """Number of classes; two where there is one score per row."""
        return 2 if self.binary else self.scores.shape[1]

    @property
    def total(self) -> int:
        """Number of rows, ignored ones included."""
        return len(self.scores)

    def blocks(self) -> Iterator[tuple[slice, Array]]:
        """Rows block by block: where they are among the kept ones, and their scores in float64."""
        step = max(1, BLOCK // max(1, self.scores[:1].size))
        for start in range(0, len(self.kept), step):
            part = slice(start, min(start + step, len(self.kept)))
            yield part, self.scores[self.kept[part]].astype(np.float64)


def batch_of(
    logits: Any,
    targets: Any,
    *,
    kind: str,
    axis: int,
    ignore_index: int | None,
    names: Sequence[str] | None,
    tolerance: float | None,
) -> Batch:
    """Check what is no batch at all, and bring the rest into one shape."""
    if kind not in KINDS:
        msg = f"kind is {kind!r}; expected 'logits', 'probabilities' or 'log-probabilities'."
        raise ValueError(msg)
    scores = as_floats(_here(logits), "logits", "targets")
    if not scores.size:
        msg = f"logits has shape {scores.shape}: there is nothing to diagnose."
        raise ValueError(msg)
    dtype = _dtype(logits, scores)
    if tolerance is None:
        tolerance = SUM_TOLERANCE[dtype]
    tolerance = check_number(tolerance, "tolerance", 0, 1)
    given = to_numpy(_here(targets), "targets")
    if given.dtype.name == "bfloat16":
        given = given.astype(np.float32)
    if _is_binary(scores, given, axis):
        rows, labels = _binary(scores, given, ignore_index)
        words = Words(scores.shape, _named(names, 2))
    else:
        rows, labels, shape = _classes(scores, given, axis, ignore_index)
        words = Words(shape, _named(names, rows.shape[1]))
    return _assembled(rows, labels, ignore_index, kind, dtype, tolerance, words)


def _here(value: Any) -> Any:
    """Another library's array as NumPy has it; anything else as it came."""
    library = framework_of(value)
    return value if library.name == "numpy" else library.get(value)


def _dtype(logits: Any, scores: Array) -> str:
    """The dtype the scores came in: PyTorch's bfloat16 reaches NumPy as float32."""
    name = str(getattr(logits, "dtype", "")).removeprefix("torch.")
    return name if name in SUM_TOLERANCE else scores.dtype.name


def _assembled(
    rows: Array,
    labels: Array,
    ignore_index: int | None,
    kind: str,
    dtype: str,
    tolerance: float,
    words: Words,
) -> Batch:
    soft, found = None, []
    mark = IGNORED if ignore_index is None else ignore_index
    ignored = ignored_rows(labels, mark) if labels.ndim == 1 else None
    kept = np.arange(len(rows)) if ignored is None else np.flatnonzero(~ignored)
    labels = labels[kept]
    if ignored is not None:
        found.append(_left_out(len(kept), len(rows), mark))
    classes = 2 if rows.ndim == 1 else rows.shape[1]
    if labels.ndim == 2:
        soft, labels = labels, labels.argmax(axis=1)
    else:
        labels, more = repaired(labels, classes, kept, words, binary=rows.ndim == 1)
        found += more
    valid = (labels >= 0) & (labels <= classes - 1)
    if labels.dtype.kind == "f":  # probabilities of label 1
        soft, labels = labels, labels >= 0.5
        if bool(np.isin(soft, (0, 1)).all()):
            soft = None
    labels = np.where(valid, labels, 0).astype(np.int64)
    return Batch(rows, kept, labels, valid, soft, kind, dtype, tolerance, words, tuple(found))


def _left_out(kept: int, rows: int, mark: int) -> Finding:
    left = rows - kept
    if not kept:
        return Finding(
            "every row ignored",
            f"All {rows} rows have the label {mark}, which marks rows to be left out.",
            "There is nothing to learn from: the loss is 0, or NaN where it divides by the rows.",
            "Look at how the labels are made (padding, a mask that hides everything).",
        )
    return Finding(
        "ignored rows",
        f"{left} of {rows} rows ({left / rows:.0%}) have the label {mark} and are left out.",
        "They count neither in the loss nor in its mean.",
        f"Nothing, if so meant. xent.cross_entropy wants to be told: ignore_index={mark}.",
        "note",
    )


def _is_binary(scores: Array, targets: Array, axis: int) -> bool:
    """Is each score a row of its own? So unless a class axis makes sense of the targets."""
    if targets.shape != scores.shape:
        return scores.ndim == 1 and targets.ndim > 0
    if scores.ndim < 2:
        return True
    if targets.dtype.kind not in "fiu":
        return True
    axis = class_axis(scores, axis)
    with np.errstate(invalid="ignore"):
        sums = targets.sum(axis=axis, dtype=np.float64)
        inside = bool(((targets >= 0) & (targets <= 1)).all())
    one = bool((np.abs(sums - 1) <= SUM_TOLERANCE.get(targets.dtype.name, 0)).all())
    return not (scores.shape[axis] > 1 and inside and one)


def _binary(scores: Array, targets: Array, ignore_index: int | None) -> tuple[Array, Array]:
    """Scores and targets in a row; labels stay integers where they are."""
    binary_targets(targets, scores.shape, ignore_index=ignore_index, values_later=True)
    whole = targets.dtype.kind in "biu"
    return scores.reshape(-1), targets.reshape(-1).astype(np.int64 if whole else np.float64)


def _classes(
    scores: Array, targets: Array, axis: int, ignore_index: int | None
) -> tuple[Array, Array, tuple[int, ...]]:
    """Scores as (rows, K), targets as labels (rows,) or probabilities, and the rows' shape."""
    axis = class_axis(scores, axis)
    shape = scores.shape[:axis] + scores.shape[axis + 1 :]
    if scores.shape[axis] == 1:
        msg = (
            f"logits has shape {scores.shape}: one class along axis {axis}, whose loss is 0 "
            f"whatever the label. One logit per row is binary: pass logits.reshape({shape})."
        )
        raise ValueError(msg)
    if targets.shape == scores.shape and targets.dtype.kind in "iu":  # one-hot rows
        targets = targets.astype(np.float64)
    class_targets(targets, scores.shape, axis, ignore_index=ignore_index, labels_later=True)
    classes = scores.shape[axis]
    rows = np.moveaxis(scores, axis, -1).reshape(-1, classes)
    if targets.dtype.kind in "iu":
        return rows, targets.reshape(-1).astype(np.int64), shape
    soft = np.moveaxis(targets, axis, -1).reshape(-1, classes).astype(np.float64)
    if bool(np.isin(soft, (0, 1)).all()):
        return rows, soft.argmax(axis=1), shape
    return rows, soft, shape


def _named(names: Sequence[str] | None, classes: int) -> tuple[str, ...]:
    if names is None:
        return ()
    if isinstance(names, str) or len(names) != classes:
        msg = (
            f"names is {names!r:.60}; expected one name per class, {classes} in the order of the "
            "scores."
        )
        raise ValueError(msg)
    return tuple(map(str, names))
