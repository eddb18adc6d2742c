"""Labels that are not classes: which they are, and what they were probably meant to be."""

from __future__ import annotations

import numpy as np

from xent._report import Finding
from xent._validation import Array
from xent.check.mistakes import found
from xent.check.naming import Names, plural

MARKS = (-1, 255)
"""Labels that often mark a row to be left out."""


def repaired(
    labels: Array, classes: int, rows: Array, names: Names, *, binary: bool
) -> tuple[Array, list[Finding]]:
    """Labels as they were meant, where that is clear, and what was wrong with them.

    `rows` are the indices of the labels, to name them by.
    """
    bad = ~((labels >= 0) & (labels <= classes - 1))
    if not bad.any():
        return labels, []
    values = set(np.unique(labels).tolist())
    # Of classes, some labels may not occur; that the highest is K and none is 0 is enough.
    if values <= {1, 2} if binary else labels.min() >= 1 and labels.max() == classes:
        top = int((labels == classes).sum())
        seen = (
            f"The labels run from {labels.min():g} to {labels.max():g}; {top} of {len(labels)} are "
            f"{classes}, and the {classes} classes are counted from 0 to {classes - 1}. What "
            "follows is for the labels less 1."
        )
        return labels - 1, [found("labels one-based", seen)]
    if binary and values <= {-1, 1}:
        seen = (
            f"{int((labels == -1).sum())} of {len(labels)} labels are -1 and the others 1. What "
            "follows is for 0 in place of -1."
        )
        return (labels + 1) // 2, [found("labels -1 and +1", seen)]
    return labels, [_out_of_range(labels, bad, classes, rows, names, binary=binary)]


def _out_of_range(
    labels: Array, bad: Array, classes: int, rows: Array, names: Names, *, binary: bool
) -> Finding:
    values = np.unique(labels[bad])
    shown = ", ".join(f"{value:g}" for value in values[:5].tolist())
    shown += f" and {len(values) - 5} other values" if len(values) > 5 else ""
    expected = "0, 1 or a probability" if binary else f"0 to {classes - 1}"
    number = int(bad.sum())
    seen = (
        f"{number} of {len(labels)} labels {plural(number, 'is', 'are')} {shown}, where "
        f"{expected} is expected; the first is that of {names.row(int(rows[bad.argmax()]))}. "
        f"{plural(number, 'Its row is', 'Their rows are')} left out of what follows."
    )
    return found("labels out of range", seen, fix=_way_out(labels, bad, classes, binary=binary))


def _way_out(labels: Array, bad: Array, classes: int, *, binary: bool) -> str:
    """What to do about labels out of range; empty if there is nothing special to say."""
    values = set(np.unique(labels[bad]).tolist())
    if len(values) == 1 and values <= set(MARKS):
        mark = int(values.pop())
        return f"If {mark} marks rows to be left out, pass ignore_index={mark}."
    if not np.isfinite(labels).all():
        return "Fill in the labels that are missing, or leave their rows out."
    if binary and bool((labels % 1 == 0).all()) and labels.min() >= 0:
        return "For more than two classes pass one logit per class, shape (rows, classes)."
    if binary:
        return "Pass 0 and 1, or probabilities of label 1."
    if labels.min() >= 0:
        return (
            f"Give the model {int(labels.max()) + 1} outputs, or look at how the labels are made; "
            f"it has {classes}."
        )
    return ""
