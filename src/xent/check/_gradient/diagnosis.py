"""From the numbers to the mistake: which formula the loss follows, and which the gradient.

Three gradients are compared: the given one, the numerical one of the given loss, and that of the
reference, the intended loss. If the numerical one follows another formula than the reference, the
loss is wrong; if the given one does not follow the numerical one, the gradient is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from xent._report import Finding
from xent._validation import Array
from xent.check._gradient import edges, fitting
from xent.check._gradient.case import Case
from xent.check._gradient.fitting import Counts, Measured, first_match, names_of, near
from xent.check._gradient.formulas import Formula, options_left_out, wrong_gradients, wrong_losses
from xent.check._gradient.reference import Reference
from xent.check.dtypes import unit_roundoff
from xent.check.mistakes import catalogue, found


def findings(case: Case) -> list[Finding]:
    """What is wrong, the likeliest cause first."""
    if not case.behaviour.deterministic:
        return [found("not deterministic", "The same logits gave different losses.")]
    named = list(edges.findings(case))
    numeric, given = case.measured()
    zero = not np.nan_to_num(case.analytic).any()
    all_zero = [found("gradient is zero", "Every entry is 0.")] if zero else []
    # A mean over a total weight of 0 has no correct value, so there is nothing to compare with.
    if case.reference is None or not (case.reference.total or case.problem.per_row):
        if (case.failed.any() or case.only_directions_failed) and not named:
            named += all_zero or _against_the_loss(case, numeric, given)
        return named
    wrong, match, reference = _loss(case, case.reference, numeric)
    named += wrong
    if case.unexplained.any() or case.only_directions_failed:
        named += all_zero or _gradient(case, reference, numeric, given, match, bool(wrong))
    return named


def _loss(
    case: Case, reference: Reference, numeric: Measured
) -> tuple[list[Finding], Formula | None, Reference]:
    """Findings on the loss, the formula it follows, and the reference with any options found."""
    if case.behaviour.rows_coupled and not _is_softmax_over_rows(reference, numeric):
        seen = "Changing one row's logits changes another row's loss."
        return [found("rows depend on each other", seen)], None, reference
    scales = case.scales
    right = Formula("", reference.gradient())
    # A loss may agree with the reference even though no factor can be fitted: all derivatives of a
    # saturated loss are within their error of 0.
    scale = next((s for s in scales if numeric.agrees(numeric.at(right.gradient), s)), None)
    match = replace(right, scale=scale) if scale else first_match(numeric, [right])
    # An option that was requested and left out comes before any that was not requested.
    match = match or first_match(numeric, options_left_out(reference), scales)
    notes: list[Finding] = []
    if match is None:
        match, reference, notes = _unasked_options(numeric, reference, scales)
    if match is None:
        if lost := _digits_lost(case, reference, numeric):
            return [lost], None, reference
        if clip := fitting.fit_clipping(numeric, reference, scales):
            return [found("clipping", f"The loss {clip}")], None, reference
        match = first_match(numeric, wrong_losses(reference), scales)
        match = match or first_match(numeric, fitting.permuted(numeric, reference, scales))
    if match is None:
        return _unknown_loss(case, reference), None, reference
    factors = _loss_factors(case, reference, match)
    named = [*_named(match, "loss", reference, factors, scales[0]), *notes]
    return named or _at_zero_logits(case, reference, [match.scale, *scales]), match, reference


def _loss_factors(case: Case, reference: Reference, match: Formula) -> list[str]:
    """Mistakes that explain the factor of a loss.

    If an option was left out, the divisor of the mean may be without it or still with it.
    """
    option = catalogue()[match.mistake].option if match.mistake else ""
    for given in (reference.changed(**{option: None}), reference) if option else (reference,):
        counts = Counts.of(given)
        expected = counts.expected(case.reduction, case.problem.per_row)
        names = names_of(match.scale, counts, expected)
        if not names:
            break
    return names


def _unasked_options(
    numeric: Measured, reference: Reference, scales: list[float]
) -> tuple[Formula | None, Reference, list[Finding]]:
    """Smoothing or class weights that were not requested; the reference with them."""
    if smoothing := fitting.fit_smoothing(numeric, reference):
        share, match = smoothing
        seen = f"The loss is cross-entropy with label_smoothing={share:.4g}."
        return match, reference.changed(label_smoothing=share), [found("smoothed labels", seen)]
    weights = fitting.fit_class_weights(numeric, reference)
    if weights is None:
        return None, reference, []
    if min(scales) < 1:  # a mean divides by them, so only their ratios are known
        weights = weights / weights.mean()
    weighted = reference.changed(class_weight=weights)
    shown = ", ".join(f"{w:.4g}" for w in weights[:8]) + ", ..." * (len(weights) > 8)
    factor = ", up to a factor" * (min(scales) < 1)
    seen = f"The loss is cross-entropy with class_weight=[{shown}]{factor}."
    found_match = first_match(numeric, [Formula("", weighted.gradient())])
    return found_match, weighted, [found("weighted classes", seen)]


def _gradient(
    case: Case,
    reference: Reference,
    numeric: Measured,
    given: Measured,
    loss: Formula | None,
    loss_is_wrong: bool,
) -> list[Finding]:
    """What is wrong with a gradient that is not that of the loss."""
    counts = Counts.of(reference)
    scales = counts.expected(case.reduction, case.problem.per_row)
    scale = loss.scale if loss is not None else scales[0]
    # A gradient that is right up to a factor needs no other formula.
    own = [] if loss is None else [replace(loss, mistake="")]
    match = first_match(given, [*own, Formula("", reference.gradient())])
    if match is not None and loss_is_wrong and any(near(match.scale, s) for s in scales):
        return []  # the gradient is that of the reference, and the loss has its finding
    if match is None:
        if clip := fitting.fit_clipping(given, reference, [scale]):
            return [found("clipping", f"The gradient {clip}")]
        match = first_match(given, wrong_gradients(reference), [scale])
        match = match or first_match(given, fitting.permuted(given, reference, [scale]))
    if match is None:
        smoothing = fitting.fit_smoothing(given, reference)
        if smoothing is None:
            return _against_the_loss(case, numeric, given)
        share, match = smoothing
        name = "label smoothing in the gradient only"
        match = replace(match, mistake=name, detail=f"smoothing {share:.4g}")
    factors = names_of(match.scale, counts, [scale])
    named = list(_named(match, "gradient", reference, factors, scale))
    return named or [_nothing_known(case)]


def _against_the_loss(case: Case, numeric: Measured, given: Measured) -> list[Finding]:
    """Without a formula to go by: is the gradient a multiple of the loss's own derivative?"""
    # Here both sides are measured, so the errors add.
    both = replace(given, error=given.error + np.abs(numeric.error))
    ratio = both.factor_of(numeric.value)
    if ratio is None:
        return [_nothing_known(case)]
    # Nothing is known about weights, so rows are counted.
    rows, classes = case.problem.logits.shape
    base = 1.0 if case.problem.per_row else 1 / rows
    names = names_of(ratio * base, Counts(rows, float(rows), rows, classes), [base])
    return [_factor(name, ratio, "gradient", 1.0) for name in names] or [_nothing_known(case)]


def _at_zero_logits(case: Case, reference: Reference, scales: list[float]) -> list[Finding]:
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


def _unknown_loss(case: Case, reference: Reference) -> list[Finding]:
    if off_at_zero := _at_zero_logits(case, reference, case.scales):
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


def _digits_lost(case: Case, reference: Reference, numeric: Measured) -> Finding | None:
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


def _is_softmax_over_rows(reference: Reference, numeric: Measured) -> bool:
    """Is it the softmax over the rows that couples them?"""
    across = (f for f in wrong_losses(reference) if f.mistake == "softmax over the wrong axis")
    return first_match(numeric, across) is not None


def _named(
    match: Formula, what: str, reference: Reference, factors: list[str], expected: float
) -> Iterator[Finding]:
    """The mistake of a formula, if it is one, and those that its factor indicates."""
    if name := match.mistake:
        is_what = catalogue()[name].formula.format(match.detail)
        seen = f"In every entry checked, the {what} is {is_what}."
        if name == "softmax applied twice" and what == "loss":
            floor = np.log1p((reference.logits.shape[1] - 1) / np.e)
            seen = f"{seen} It never falls below {floor:.4f}."
        yield found(name, seen)
    for factor in factors:
        yield _factor(factor, match.scale, what, expected)


def _factor(name: str, scale: float, what: str, expected: float) -> Finding:
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


def _nothing_known(case: Case) -> Finding:
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
