"""What the values of a loss show: constants, digits that are lost, and the loss of a row."""

from __future__ import annotations

import numpy as np

from xent._report import Finding
from xent.check._gradient.case import Case
from xent.check._gradient.fitting import Measured
from xent.check._gradient.reference import Reference
from xent.check.dtypes import unit_roundoff
from xent.check.mistakes import found


def at_zero_logits(case: Case, reference: Reference, scales: list[float]) -> list[Finding]:
    """Is the loss log K if all logits are 0? An added constant shows in no derivative."""
    zeros = np.where(np.isneginf(case.problem.logits), -np.inf, 0.0)
    flat = reference.changed(logits=zeros)
    got, expected = np.asarray(case.problem.losses(zeros)), flat.losses()
    if case.problem.per_row:
        got = np.where(reference.ignored, expected, got)  # their loss has a finding of its own
    else:
        expected = np.array(_nearest(flat, scales, float(got)))
    off = np.abs(got - expected) > 20 * case.tolerance * np.abs(expected)
    off &= np.isfinite(expected) & np.isfinite(got)
    if not np.any(off):
        return []
    got, expected = got[off], expected[off]
    seen = f"With all logits 0 the loss is {got[0]:.6g}; {expected[0]:.6g} is expected."
    return [found("not at chance", seen)]


def _nearest(reference: Reference, scales: list[float], value: float) -> float:
    """The expected value of a loss that is one number, at the scale nearest to `value`."""
    summed = reference.summed()
    return min((summed * scale for scale in scales), key=lambda other: abs(other - value))


def unknown_loss(case: Case, reference: Reference) -> list[Finding]:
    if off_at_zero := at_zero_logits(case, reference, case.scales):
        return off_at_zero
    off = np.abs(case.problem.losses(case.problem.logits) - reference.losses())
    row = int(np.nan_to_num(off, posinf=0).argmax())
    return [found("not cross-entropy", _loss_and_expected(case, reference, case.scales, row))]


def _loss_and_expected(case: Case, reference: Reference, scales: list[float], row: int) -> str:
    """The loss of a row, or of all rows if there is only one number, and what it should be."""
    got = case.problem.losses(case.problem.logits)
    if not case.problem.per_row:
        expected = _nearest(reference, scales, float(got))
        return f"The loss is {float(got):.6g}; {expected:.6g} is expected."
    name, expected = case.problem.row_name(row), reference.losses()[row]
    return f"The loss of {name} is {got[row]:.6g}; {expected:.6g} is expected."


def digits_lost(case: Case, reference: Reference, numeric: Measured) -> Finding | None:
    """Is it log(1 - p), right except for the digits that are lost where p is nearly 1?"""
    if reference.task != "binary":
        return None
    right, p = numeric.at(reference.gradient()), reference.probabilities[:, 0]
    unit = unit_roundoff(case.behaviour.precision)
    got, expected = case.problem.losses(case.problem.logits), reference.losses()
    # 1 - p has an absolute error of one unit, so its logarithm one of unit / (1 - p).
    slack = np.minimum(4 * unit / np.minimum(p, 1 - p), 1)
    for scale in case.scales:
        off = np.abs(numeric.value - scale * right) > numeric.error + case.tolerance * scale
        rows = np.unique(numeric.row[off])
        # Only rows where digits are lost may be off.
        if not len(rows) or (slack[rows] < np.sqrt(unit)).any():
            continue
        row = int(rows[slack[rows].argmax()])
        if case.problem.per_row:
            near_enough = np.abs(got - expected) <= slack + case.tolerance * expected
            alike = bool(near_enough[rows].all())
        else:
            alike = bool(np.abs(got - scale * reference.summed()) <= scale * slack.sum())
        if alike or not np.isfinite(got).all():
            where = f"In {case.problem.row_name(row)} the probability is nearly 1 or 0."
            values = _loss_and_expected(case, reference, [scale], row)
            return found("digits lost", f"{where} {values}")
    return None
