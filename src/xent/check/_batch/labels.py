"""Labels that are not classes: what they were probably meant to be."""

from __future__ import annotations

import numpy as np

from xent._plausible import FEW, within
from xent._report import Finding
from xent._validation import Array
from xent.check._batch.given_labels import GivenLabels
from xent.check._batch.significance import ENOUGH, mean, significantly_positive
from xent.check.mistakes import found
from xent.check.naming import figure

MARKS = (-1, 255)
"""Labels other than -100 that often mark a row to leave out."""

WHOLES = (255, 100)
"""What targets between 0 and 1 are often multiplied by."""

REPAIRED = (
    "labels one-based", "labels off by one", "labels -1 and +1", "labels outside 0 to 1",
    "labels not counted from 0", "labels modulo K",
)  # fmt: skip
"""Mistakes after which the rest of the report uses other labels than the given ones."""


def repaired(given: GivenLabels) -> tuple[Array, list[Finding]]:
    """Labels as they were meant, where that is clear, and what was wrong with them."""
    if not given.bad.any():
        return given.labels, []
    whole = bool(np.isfinite(given.labels).all() and (given.labels % 1 == 0).all())
    if whole and (predicted := _predicted_classes(given)):
        return given.labels, [predicted]
    if np.isfinite(given.labels).all():
        two_classes = given.classes == 2 and (_of_two_values(given) or _parts_of_a_whole(given))
        fixed = two_classes or (whole and _counted_otherwise(given))
        if fixed:
            labels, name, seen, fix = fixed
            return labels, [found(name, seen, fix=fix)]
    return given.labels, [_out_of_range(given)]


Repair = tuple[Array, str, str, str]
"""Labels as meant; name, what was seen, and the fix if it is not the catalogue's."""


def _of_two_values(given: GivenLabels) -> Repair | None:
    """Two classes with other labels than 0 and 1."""
    labels, values = given.labels, given.values
    if set(values) <= {1, 2}:
        return _one_based(given)
    if set(values) <= {-1, 1}:
        seen = f"{(labels == -1).sum()} of {len(labels)} labels are -1 and the others 1."
        seen += " The rest of this report uses 0 in place of -1."
        return (labels + 1) // 2, "labels -1 and +1", seen, ""
    # One unknown value is the other class only if there are no labels left for that class.
    low, high = values[0], values[-1]
    if len(values) > 2 or low < 0 or (len(values) == 1 and high not in WHOLES):
        return None
    few = len(labels) < ENOUGH and high not in WHOLES  # they may be classes of many
    if few or low % 1 or high % 1:
        return None
    top = int((labels == high).sum())
    if low in (0, high):
        seen = f"{top} of {len(labels)} labels are {high:g}, and the others 0."
        if low == high:
            seen = f"All {top} labels are {high:g}."
        seen += f" The rest of this report uses 1 in place of {high:g}."
        fix = f"Pass targets > 0, or targets / {high:g}."
        fix += f" Do not pass ignore_index={high:g}: that would leave out every row of label 1."
    else:
        seen = f"{top} of {len(labels)} labels are {high:g}, and the others {low:g}. The rest of "
        seen += "this report uses 1 and 0 in their place."
        fix = f"Pass targets == {high:g}, if that is the class that the score is for."
    return (labels == high).astype(np.int64), "labels outside 0 to 1", seen, fix


def _parts_of_a_whole(given: GivenLabels) -> Repair | None:
    """Targets between 0 and 1, times 255 or 100: grey values, or percentages."""
    labels = given.labels
    if not given.binary or labels.min() < 0 or len(given.values) < 4:
        return None
    for whole in WHOLES:
        shares = labels / whole
        if not 0.8 < shares.max() <= 1:
            continue
        ends = float(((shares < 0.1) | (shares > 0.9)).mean())
        # Of labels of many classes few are at the ends, and the scores do not follow their order.
        if (ends < 0.9 or len(labels) < ENOUGH) and not given.fits(shares):
            continue
        seen = f"The labels run from {labels.min():g} to {labels.max():g}, and {ends:.0%} of them "
        seen += f"are within a tenth of 0 or {whole}. The rest of this report uses them divided "
        seen += f"by {whole}."
        fix = f"Pass targets / {whole}; or targets > {whole / 2:g}, if each should be 0 or 1."
        return shares, "labels outside 0 to 1", seen, fix
    return None


def _one_based(given: GivenLabels) -> Repair:
    labels, classes = given.labels, given.classes
    top = int((labels == classes).sum())
    seen = (
        f"The labels run from {labels.min():g} to {labels.max():g}; {top} of {len(labels)} are "
        f"{classes}, and the {classes} classes are counted from 0 to {classes - 1}. The "
        "rest of this report uses the labels minus 1."
    )
    return labels - 1, "labels one-based", seen, ""


def _counted_otherwise(given: GivenLabels) -> Repair | None:
    """Classes whose count starts elsewhere, or went on past K."""
    if given.binary:
        return None
    labels, classes = given.labels, given.classes
    low, high = int(labels.min()), int(labels.max())
    if low == -1 and high < classes - 1 and _beats(given, labels + 1, labels):
        seen = f"The labels run from -1 to {high}, and with 1 added they fit the scores better"
        return (
            labels + 1,
            "labels off by one",
            f"{seen}: the mean loss is {_loss(given, labels + 1)}, and {_loss(given, labels)} for "
            "the labels as given, where they are classes. The rest of this report uses the labels "
            "plus 1.",
            "Pass targets + 1. Do not pass ignore_index=-1: -1 stands for class 0.",
        )
    one_based = low >= 1 and high == classes
    start = labels - low if not one_based else labels - 1
    spans = low > 0 and high - low < classes
    for base in (classes, 256):
        rest = labels % base
        if base < classes or rest.max() >= classes or (base == 256 and low >= 0):
            continue
        # Rows that are classes as they are do not tell.
        if given.fits(rest, given.bad) and not (spans and not _beats(given, rest, start)):
            return _modulo(given, rest, base)
    if one_based:
        return _one_based(given)
    if not spans:
        return None
    # Of many labels, that every class occurs is enough; otherwise the scores must tell.
    if given.fits(start) or (len(given.values) == classes and len(labels) >= 5 * classes):
        seen = f"The labels run from {low} to {high}, and the {classes} classes are counted from "
        seen += f"0 to {classes - 1}. The rest of this report uses the labels minus {low}."
        return start, "labels not counted from 0", seen, f"Pass targets - {low}."
    return None


def _modulo(given: GivenLabels, rest: Array, base: int) -> Repair:
    labels = given.labels
    there = mean(given.losses(rest, given.bad))
    seen = (
        f"{int(given.bad.sum())} of {len(labels)} labels are no classes (they run from "
        f"{labels.min():g} to {labels.max():g}), but their remainders modulo {base} fit the "
        f"scores: their mean loss is {figure(there)}. The rest of this report uses the remainders."
    )
    fix = f"Pass targets % {base}; then find out where the labels are made, and why."
    if labels.max() == base == given.classes:
        fix = f"Label {base} stands for class 0: pass targets % {base}."
    elif base == 256:
        fix = "8-bit integers end at 127: pass targets % 256, and keep labels in a wider type."
    return rest, "labels modulo K", seen, fix


def _beats(given: GivenLabels, labels: Array, others: Array) -> bool:
    """Do these labels fit better than chance, and clearly better than the others?"""
    both = (others >= 0) & (others < given.classes)
    here, there = (given.losses(columns, both) for columns in (labels, others))
    return given.fits(labels) and significantly_positive(there - here)


def _loss(given: GivenLabels, labels: Array) -> str:
    return figure(mean(given.losses(labels)))


def _predicted_classes(given: GivenLabels) -> Finding | None:
    """One score per row that is the number of a class, as the label is."""
    if not given.binary or given.labels.min() < 0 or len(given.labels) < FEW:
        return None
    scores, most = given.scores[given.kept], given.labels.max()
    if not within(scores, 0, most) or scores.max() < 2 or (scores % 1 != 0).any():
        return None
    right = float((scores == given.labels).mean())
    seen = f"Every score of all {len(scores)} rows is a whole number from 0 to {most:g}, as the "
    seen += f"labels are; in {right:.0%} of the rows they agree."
    fix = "Save probabilities, as predict_proba returns them, one column per class."
    return found("predicted labels given as scores", seen, fix=fix)


def shares_of_rows(targets: Array, axis: int) -> tuple[Array, list[Finding]]:
    """One-hot rows, or rows of probabilities, that sum to 255 or 100: divided by it."""
    if targets.dtype.kind not in "fiu":
        return targets, []
    sums = targets.sum(axis=axis, dtype=np.float64)
    for whole in WHOLES:
        if (np.abs(sums - whole) <= 1e-3 * whole).all() and (targets >= 0).all():
            seen = f"All {sums.size} rows of targets sum to {whole}. The rest of this report uses "
            seen += f"them divided by {whole}."
            fix = f"Pass targets / {whole}."
            return targets / whole, [found("labels outside 0 to 1", seen, fix=fix)]
    return targets, []


def _out_of_range(given: GivenLabels) -> Finding:
    labels, bad = given.labels, given.bad
    values = np.unique(labels[bad])
    shown = ", ".join(f"{value:g}" for value in values[:5].tolist())
    shown += f" and {len(values) - 5} other values" if len(values) > 5 else ""
    expected = "0, 1 or a probability" if given.binary else f"0 to {given.classes - 1}"
    number, first = int(bad.sum()), given.names.row(given.kept[bad.argmax()])
    verb, left_out = ("is", "Its row is") if number == 1 else ("are", "Their rows are")
    seen = (
        f"{number} of {len(labels)} labels {verb} {shown}, where {expected} is expected; the "
        f"first is in {first}. {left_out} left out of the rest."
    )
    return found("labels out of range", seen, fix=_way_out(given))


def _way_out(given: GivenLabels) -> str:
    """What to do about labels out of range; empty if there is nothing special to say."""
    labels, bad, binary = given.labels, given.bad, given.binary
    values = set(np.unique(labels[bad]).tolist())
    if len(values) == 1 and values <= set(MARKS):
        return _way_out_of_a_mark(given, int(values.pop()))
    if not np.isfinite(labels).all():
        return "Fill in the labels that are missing, or leave their rows out."
    if binary and bool((labels % 1 == 0).all()) and labels.min() >= 0:
        way_out = "For more than two classes pass one logit per class, shape (rows, classes)."
        if within(given.scores[given.kept], 1 / (labels.max() + 1), 1):
            way_out += " A confidence in the predicted label alone does not tell the loss."
        return way_out
    if binary:
        return "Pass 0 and 1, or probabilities of label 1."
    if labels.min() >= 0:
        outputs = f"{int(labels.max()) + 1} outputs"
        return (
            f"Give the model {outputs}, or check how the labels are made; it has {given.classes}."
        )
    return ""


def _way_out_of_a_mark(given: GivenLabels, mark: int) -> str:
    """-1 or 255 may mark rows to leave out, or be a class: leaving those out would lose it."""
    leave_out = f"If {mark} marks rows to leave out, pass ignore_index={mark}."
    if mark == -1:
        return leave_out
    others = given.labels[~given.bad]
    if not others.any():
        return "If 255 is the second class, as in an 8-bit mask, pass targets > 0."
    if given.classes == 2:
        as_one = np.where(given.bad, 1, given.labels)
        if given.fits(as_one, given.bad):
            loss = figure(mean(given.losses(as_one, given.bad)))
            return f"Read as 1, the labels 255 fit the scores (mean loss {loss}): pass targets > 0."
        if given.bad.sum() > (given.labels == 1).sum():
            return "Find out what 255 stands for: label 1, as in an 8-bit mask, or no class at all."
    if given.bad.sum() > len(others):
        return "Find out what 255 stands for: most rows have it."
    return leave_out
