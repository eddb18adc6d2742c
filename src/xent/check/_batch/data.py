"""A batch: rows of scores with a label each, checked and brought into one shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xent._kind import Kind, check_kind
from xent._options import LossOptions
from xent._report import Finding
from xent._target_checks import SUM_TOLERANCE, check_binary_shapes
from xent._targets import class_targets
from xent._validation import Array, as_floats, check_number, class_axis, class_names, to_numpy
from xent.check._batch.given_labels import GivenLabels
from xent.check._batch.labels import repaired, shares_of_rows
from xent.check.arguments import are_distributions
from xent.check.frameworks import framework_of
from xent.check.mistakes import found
from xent.check.naming import Names

IGNORED = -100
"""PyTorch's label of a row that is left out."""

BLOCK = 1 << 18
"""Scores that are processed at a time."""


@dataclass(frozen=True)
class Batch:
    """Scores as given, and the rows that are not ignored, with their labels.

    `labels`, `valid` and `soft` have one entry for each of the `kept` rows.
    """

    scores: Array
    """All rows: (total, K), or (total,) if each score is a binary row of its own."""
    kept: Array
    """Indices of the rows that are not ignored, in order."""
    labels: Array
    valid: Array
    """Is the label a class?"""
    soft: Array | None
    """Targets that are probabilities."""
    kind: Kind
    dtype: str
    tolerance: float
    names: Names
    findings: list[Finding]

    @property
    def binary(self) -> bool:
        """Is each score a row of its own?"""
        return self.scores.ndim == 1

    @property
    def classes(self) -> int:
        """Number of classes; two if there is one score per row."""
        return 2 if self.binary else self.scores.shape[1]

    def blocks(self) -> Iterator[tuple[slice, Array]]:
        """Rows block by block: where they are among the kept ones, and their scores in float64."""
        step = max(1, BLOCK // max(1, self.scores[:1].size))
        for start in range(0, len(self.kept), step):
            part = slice(start, min(start + step, len(self.kept)))
            yield part, self.scores[self.kept[part]].astype(np.float64)


def batch_of(
    logits: Any,
    targets: Any,
    kind: Kind,
    axis: int,
    ignore_index: int | None,
    names: Sequence[str] | None,
    tolerance: float | None,
) -> Batch:
    """Check the arguments, and bring them into one shape."""
    kind = check_kind(kind)
    scores = as_floats(_as_numpy(logits), "logits", "targets")
    if not scores.size:
        msg = f"logits has shape {scores.shape}: there is nothing to diagnose."
        raise ValueError(msg)
    # PyTorch's bfloat16 becomes float32 in NumPy; its rows sum to 1 with bfloat16's error.
    dtype = str(getattr(logits, "dtype", "")).removeprefix("torch.")
    dtype = dtype if dtype in SUM_TOLERANCE else scores.dtype.name
    tolerance = SUM_TOLERANCE[dtype] if tolerance is None else tolerance
    tolerance = check_number(tolerance, "tolerance", 0, 1)
    given = to_numpy(_as_numpy(targets), "targets")
    if given.dtype.name == "bfloat16":
        given = given.astype(np.float32)
    findings: list[Finding] = []
    if given.shape == scores.shape and scores.ndim > 1:
        given, findings = shares_of_rows(given, class_axis(scores, axis))
    if _is_binary(scores, given, axis):
        rows, labels, shape = *_binary(scores, given, ignore_index), scores.shape
    else:
        rows, labels, shape = _classes(scores, given, axis, ignore_index)
    classes = 2 if rows.ndim == 1 else rows.shape[1]
    own_names = Names(shape, _class_names(names, classes))
    mark = IGNORED if ignore_index is None else ignore_index
    kept = np.flatnonzero(labels != mark) if labels.ndim == 1 else np.arange(len(rows))
    if len(kept) < len(rows):
        findings.append(_left_out(labels, kept, mark))
    labels, soft = labels[kept], None
    if labels.ndim == 2:
        soft, labels = labels, labels.argmax(axis=1)
    else:
        as_given = GivenLabels(labels, classes, rows, kept, own_names, kind, dtype)
        labels, more = repaired(as_given)
        findings += more
    valid = (labels >= 0) & (labels <= classes - 1)
    # Binary targets as floats are probabilities of label 1; if all are 0 or 1, they are labels.
    if labels.dtype.kind == "f":
        soft, labels = labels, labels >= 0.5
        if bool(np.isin(soft, (0, 1)).all()):
            soft = None
    labels = np.where(valid, labels, 0).astype(np.int64)
    return Batch(rows, kept, labels, valid, soft, kind, dtype, tolerance, own_names, findings)


def _as_numpy(value: Any) -> Any:
    """Another library's array as NumPy's; anything else unchanged."""
    library = framework_of(value)
    return value if library.name == "numpy" else library.to_numpy(value)


def _left_out(labels: Array, kept: Array, mark: int) -> Finding:
    rows = len(labels)
    if not len(kept):
        seen = f"All {rows} rows have the label {mark}, which marks rows to leave out."
        return found("every row ignored", seen)
    left = f"{rows - len(kept)} of {rows} rows ({(rows - len(kept)) / rows:.0%})"
    seen = f"{left} have the label {mark} and are left out, as with ignore_index={mark}."
    fix = ""
    if mark > 0 and not labels[kept].any():
        seen += " All others have the label 0."
        fix = f"If {mark} marks the positive class, as in an 8-bit mask, pass targets > 0 instead."
    return found("ignored rows", seen, fix=fix)


def _is_binary(scores: Array, targets: Array, axis: int) -> bool:
    """Is each score a row of its own? Yes, unless the targets fit a class axis."""
    if targets.shape != scores.shape:
        return scores.ndim == 1 and targets.ndim > 0
    if scores.ndim < 2 or targets.dtype.kind not in "fiu":
        return True
    tolerance = SUM_TOLERANCE.get(targets.dtype.name, 0)
    return not are_distributions(targets, class_axis(scores, axis), tolerance)


def _binary(scores: Array, targets: Array, ignore_index: int | None) -> tuple[Array, Array]:
    """Scores and targets as one row each; labels stay integers where they are."""
    check_binary_shapes(targets, scores.shape, LossOptions(ignore_index=ignore_index).checked())
    whole = targets.dtype.kind in "biu"
    return scores.reshape(-1), targets.reshape(-1).astype(np.int64 if whole else np.float64)


def _classes(
    scores: Array, targets: Array, axis: int, ignore_index: int | None
) -> tuple[Array, Array, tuple[int, ...]]:
    """Scores as (rows, K), targets as labels (rows,) or probabilities, and the rows' shape."""
    axis = class_axis(scores, axis)
    classes, shape = scores.shape[axis], scores.shape[:axis] + scores.shape[axis + 1 :]
    if classes == 1:
        msg = (
            f"logits has shape {scores.shape}: one class along axis {axis}, whose loss is 0 "
            f"whatever the label. One logit per row is binary: pass logits.reshape({shape})."
        )
        raise ValueError(msg)
    # Integers in the logits' shape got here because their rows sum to 1: they are one-hot.
    if targets.shape == scores.shape and targets.dtype.kind in "iu":
        targets = targets.astype(np.float64)
    options = LossOptions(ignore_index=ignore_index).checked()
    class_targets(targets, scores.shape, axis, options, defer_label_check=True)
    rows = np.moveaxis(scores, axis, -1).reshape(-1, classes)
    if targets.dtype.kind in "iu":
        return rows, targets.reshape(-1).astype(np.int64), shape
    soft = np.moveaxis(targets, axis, -1).reshape(-1, classes).astype(np.float64)
    one_hot = bool(np.isin(soft, (0, 1)).all())
    return rows, soft.argmax(axis=1) if one_hot else soft, shape


def _class_names(names: Sequence[str] | None, classes: int) -> tuple[str, ...]:
    return () if names is None else tuple(class_names(names, classes))
