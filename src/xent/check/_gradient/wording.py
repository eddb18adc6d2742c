"""How mistakes of a loss or a gradient are told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from xent._report import Finding
from xent._validation import Array
from xent.check._gradient.case import Case
from xent.check._gradient.composition.explanation import Explanation
from xent.check._gradient.formulas import Formula
from xent.check._gradient.reference import Reference
from xent.check.mistakes import catalogue, found

DISTILLED = (
    "Nothing, if a teacher is distilled whose logits are divided by T too: T² keeps the size of "
    "the gradient. Otherwise use the logits as they are."
)


def named(match: Formula, what: str, factors: list[str], expected: float) -> Iterator[Finding]:
    """The mistake of a formula, if it is one, and those that its factor indicates."""
    if match.mistake:
        yield part(match.mistake, match.detail, what, match.gradient.shape[1])
    for name in factors:
        yield factor(name, match.scale, what, expected)


def part(name: str, detail: str, what: str, classes: int, others: Sequence[str] = ()) -> Finding:
    """A mistake of a loss or gradient, by the formula that it follows."""
    is_what = catalogue()[name].formula.format(detail)
    seen = f"In every entry checked, the {what} is {is_what}."
    if others:
        seen = f"{seen} This is so together with: {', '.join(others)}."
    if name == "softmax applied twice" and what == "loss":
        seen = f"{seen} It never falls below {np.log1p((classes - 1) / np.e):.4f}."
    return found(name, seen)


def explanation(explained: Explanation, reference: Reference) -> list[Finding]:
    """The parts that a loss is composed of."""
    told, names = [], explained.names
    for name, detail in explained.parts:
        others = [other for other in names if other != name]
        finding = part(name, detail, "loss", reference.logits.shape[1], others)
        if explained.distilled:
            # As in distillation, where it is meant.
            finding = found(name, finding.seen, level="note", fix=DISTILLED)
        told.append(finding)
    if told and explained.also:
        same = f" The same numbers follow from: {', '.join(explained.also)}."
        told[0] = replace(told[0], seen=told[0].seen + same)
    told += [
        factor(name, explained.scale, "loss", explained.expected) for name in explained.factors
    ]
    if explained.less_entropy:
        seen = "In every row the loss is cross-entropy less the entropy of the targets."
        if told:
            seen = "The entropy of the targets is taken off the loss of every row."
        told.append(found("entropy of the targets taken off", seen))
    if explained.constant:
        seen = f"A constant of {explained.constant:.6g} is added to the loss."
        told.append(found("not at chance", seen))
    return told


def smoothed(share: float, reference: Reference, others: list[Finding]) -> list[Finding]:
    """The note on label smoothing that was not requested, and what else is wrong."""
    classes = reference.logits.shape[1]
    seen = f"The loss is cross-entropy with label_smoothing={share:.4g}."
    if reference.task == "classes" and classes > 2:
        seen += f" The other classes have {share * (classes - 1) / classes:.4g} together."
    return [*others, found("smoothed labels", seen)]


def weighted(weights: Array, up_to_factor: bool) -> Finding:
    """The note on class weights that were not requested."""
    shown = ", ".join(f"{w:.4g}" for w in weights[:8]) + ", ..." * (len(weights) > 8)
    more = ", up to a factor" * up_to_factor
    seen = f"The loss is cross-entropy with class_weight=[{shown}]{more}."
    return found("weighted classes", seen)


def factor(name: str, scale: float, what: str, expected: float) -> Finding:
    """A mistake that the factor of a loss or gradient indicates."""
    if (name, what) == ("mean missing", "loss"):
        name = "sum for mean"
    times = scale / expected
    inverse = round(1 / times)
    if abs(inverse) > 1 and abs(inverse * times - 1) < 1e-5:
        size = f"{'-' * (times < 0)}1/{abs(inverse)}"
    else:
        size = f"{times:.6g}" if abs(times) >= 1e-3 else f"1/{1 / times:.6g}"
    of = "the loss's derivative" if what == "gradient" else "what is expected"
    return found(name, f"The {what} is {size} times {of}.")


def nothing_known(case: Case) -> Finding:
    """Without a known mistake: where the disagreements are, if they have something in common."""
    if case.only_directions_failed:
        seen = "No checked entry disagrees, but random directions through all entries do: some of "
        return found("no known mistake", f"{seen}the other entries are wrong.")
    bad = case.unexplained if case.reference is not None else case.failed
    total = len(case.numeric.row)
    common = _in_common(case, case.numeric.row[bad], case.numeric.column[bad])
    return found("no known mistake", f"{bad.sum()} of {total} entries disagree{common}.")


def _in_common(case: Case, row: Array, column: Array) -> str:
    columns, rows = np.unique(column), np.unique(row)
    if len(columns) == 1 < case.problem.classes:
        return f", all of them of class {columns[0]}"
    if len(rows) <= 3 < len(case.problem.logits):
        return f", all of them in {' and '.join(case.problem.row_name(int(r)) for r in rows)}"
    labels = None if case.reference is None else case.reference.labels
    if labels is None:
        return ""
    of_rows = np.unique(labels[row])
    if len(of_rows) == 1 and np.setdiff1d(labels, of_rows).size:
        return f", all of them in rows of label {of_rows[0]}"
    if case.problem.classes > 1 and (column == labels[row]).all():
        return ", all of them at the label"
    if case.problem.classes > 1 and (column != labels[row]).all():
        return ", none of them at the label"
    return ""
