"""Labels that are no classes: which, and what they were probably meant to be."""

from __future__ import annotations

import numpy as np

from xent._report import Finding
from xent._validation import Array
from xent.check.batch.words import Words

MARKS = (-1, 255)
"""Labels that often mark a row to be left out."""


def repaired(
    labels: Array, classes: int, rows: Array, words: Words, *, binary: bool
) -> tuple[Array, list[Finding]]:
    """Labels as they were meant, as far as that is plain, and what was wrong with them.

    `rows` are the indices of the labels, to name them by.
    """
    bad = ~((labels >= 0) & (labels <= classes - 1))
    if not binary and bad.any() and labels.min() >= 1 and labels.max() == classes:
        return labels - 1, [_one_based(labels, classes)]
    if not bad.any():
        return labels, []
    if binary and set(np.unique(labels).tolist()) <= {1, 2}:
        return labels - 1, [_one_based(labels, 2)]
    if binary and set(np.unique(labels).tolist()) <= {-1, 1}:
        return (labels + 1) // 2, [_signs(labels)]
    return labels, [_out_of_range(labels, bad, classes, rows, words, binary=binary)]


def _one_based(labels: Array, classes: int) -> Finding:
    top = int((labels == classes).sum())
    return Finding(
        "labels one-based",
        f"The labels run from {labels.min():g} to {labels.max():g}; {top} of {len(labels)} are "
        f"{classes}, and the {classes} classes are counted from 0 to {classes - 1}. What follows "
        "is for the labels less 1.",
        f"Label {classes} is an error or an index out of bounds, and every other label names its "
        "neighbour's class.",
        "Subtract 1 where the labels are made: targets - 1.",
    )


def _signs(labels: Array) -> Finding:
    return Finding(
        "labels -1 and +1",
        f"{int((labels == -1).sum())} of {len(labels)} labels are -1 and the others 1. What "
        "follows is for 0 in place of -1.",
        "The formula -y log p - (1 - y) log(1 - p) is for 0 and 1: with y = -1 it rewards "
        "lowering p without end, and the loss goes below 0.",
        "Pass (targets + 1) / 2.",
    )


def _out_of_range(
    labels: Array, bad: Array, classes: int, rows: Array, words: Words, *, binary: bool
) -> Finding:
    values = np.unique(labels[bad])
    shown = ", ".join(f"{value:g}" for value in values[:5].tolist())
    shown += f" and {len(values) - 5} other values" if len(values) > 5 else ""
    expected = "0, 1 or a probability" if binary else f"0 to {classes - 1}"
    number = int(bad.sum())
    seen = (
        f"{number} of {len(labels)} labels {'is' if number == 1 else 'are'} {shown}, where "
        f"{expected} is expected; the first is that of {words.row(int(rows[bad.argmax()]))}. "
        f"{'Its row is' if number == 1 else 'Their rows are'} left out of what follows."
    )
    return Finding(
        "labels out of range",
        seen,
        "There is no such class: the loss is an error, or a number read from beyond the array.",
        _way_out(labels, bad, classes, binary=binary),
    )


def _way_out(labels: Array, bad: Array, classes: int, *, binary: bool) -> str:
    values = set(np.unique(labels[bad]).tolist())
    if len(values) == 1 and values <= set(MARKS):
        mark = int(values.pop())
        return f"If {mark} marks rows to be left out, pass ignore_index={mark}."
    whole = bool((labels[np.isfinite(labels)] % 1 == 0).all())
    if not np.isfinite(labels).all():
        return "Fill in the labels that are missing, or leave their rows out."
    if binary and whole and labels.min() >= 0:
        return "For more than two classes pass one logit per class, shape (rows, classes)."
    if binary:
        return "Pass 0 and 1, or probabilities of label 1."
    if labels.min() >= 0:
        return (
            f"Give the model {int(labels.max()) + 1} outputs, or look at how the labels are made; "
            f"it has {classes}."
        )
    return "Look at how the labels are made; class indices count from 0."
