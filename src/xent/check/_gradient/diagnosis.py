"""From the numbers to the mistake: which formula the loss follows, and which the gradient.

Three gradients are compared: the given one, the numerical one of the given loss, and that of the
reference, the intended loss. If the numerical one is not that of the reference, the loss is wrong,
and its values show what it is composed of; if the given one does not follow the numerical one, the
gradient is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xent._report import Finding
from xent.check._gradient import edges, fitting, values, wording
from xent.check._gradient.behaviour import is_deterministic
from xent.check._gradient.case import Case
from xent.check._gradient.composition.changes import in_order
from xent.check._gradient.composition.search import Probes
from xent.check._gradient.explaining import explained_by
from xent.check._gradient.factors import Counts, names_of, near
from xent.check._gradient.fitting import Measured, first_match
from xent.check._gradient.formulas import Formula, wrong_gradients
from xent.check._gradient.reference import Reference
from xent.check.mistakes import found

UNEXPLAINED = {"not at chance", "not cross-entropy", "rows depend on each other"}


@dataclass(frozen=True)
class Loss:
    """What is known about a loss."""

    findings: list[Finding]
    reference: Reference
    """The intended loss, with options that were found without having been requested."""
    formula: Formula | None = None
    """The gradient that its derivatives follow."""


def findings(case: Case) -> list[Finding]:
    """What is wrong, the likeliest cause first."""
    named = _found(case) if case.behaviour.deterministic else []
    # What nothing explains may be a loss that changes now and then.
    unexplained = UNEXPLAINED & {finding.name for finding in named}
    if not case.behaviour.deterministic or (unexplained and not is_deterministic(case.problem)):
        return [found("not deterministic", "The same logits gave different losses.")]
    return named


def _found(case: Case) -> list[Finding]:
    named = list(edges.findings(case))
    numeric, given = case.measured()
    zero = not np.nan_to_num(case.analytic).any()
    all_zero = [found("gradient is zero", "Every entry is 0.")] if zero else []
    # A mean over a total weight of 0 has no correct value, so there is nothing to compare with.
    if case.reference is None or not (case.reference.total or case.problem.per_row):
        if case.reference is None and not named:
            named += _constant(case, numeric)
        if (case.failed.any() or case.only_directions_failed) and not named:
            named += all_zero or _against_the_loss(case, numeric, given)
        return named
    loss = _loss(case, case.reference, numeric)
    named += loss.findings
    if case.unexplained.any() or case.only_directions_failed:
        known = {finding.name for finding in named}  # a mistake made in both is told once
        wrong = all_zero or _gradient(case, loss, numeric, given)
        named += [finding for finding in wrong if finding.name not in known]
    return named


def _loss(case: Case, reference: Reference, numeric: Measured) -> Loss:
    """Findings on the loss, and the formula that it follows."""
    infinite = np.isposinf(case.problem.losses(case.problem.logits)).all()
    if infinite and np.isposinf(Probes.of(case.problem).losses).all():
        seen = (
            "The loss is infinite whatever the logits, as the logarithm of a target of 0 makes it."
        )
        return Loss([found("prediction and target exchanged", seen)], reference)
    # With one class, a softmax makes every loss constant.
    varies = (reference.total and reference.gradient().any()) or case.problem.classes == 1
    if varies and (constant := _constant(case, numeric)):
        return Loss(constant, reference)
    match = None if case.behaviour.rows_coupled else _right(case, reference, numeric)
    if match is not None and not _is_merely_scaled(case, reference, match):
        return _up_to_a_constant(case, reference, match)
    # An option that was requested and left out comes before any that was not requested.
    explained = explained_by(case, reference)
    if match is not None and (explained is None or not explained.parts):
        # The derivatives of few rows may be a multiple of the right ones by chance.
        if explained is not None:
            return _up_to_a_constant(case, reference, match)
        return Loss(values.unknown_loss(case, reference), reference)
    if explained is not None and explained.parts:
        formula = Formula("", explained.composition.gradient(), scale=explained.scale)
        return Loss(wording.explanation(explained, reference), reference, formula)
    if case.behaviour.rows_coupled:
        seen = "Changing one row's logits changes another row's loss."
        return Loss([found("rows depend on each other", seen)], reference)
    scales = [*case.scales, *([explained.scale] if explained is not None else [])]
    if loss := _unrequested(case, reference, numeric):
        return loss
    if lost := values.digits_lost(case, reference, numeric):
        return Loss([lost], reference)
    if clip := fitting.fit_clipping(numeric, reference, scales):
        return Loss([found("clipping", f"The loss {clip}")], reference)
    if not numeric.value.any() and not np.isnan(numeric.error).any():
        seen = "No derivative of the loss differs from 0, though the loss does change."
        return Loss([found("gradient is zero", seen)], reference)
    if loss := _other_weights(case, reference, numeric):
        return loss
    match = first_match(numeric, fitting.permuted(numeric, reference, case.scales))
    if match is None:
        return Loss(values.unknown_loss(case, reference), reference)
    return Loss(_told(case, reference, match), reference, match)


def _constant(case: Case, numeric: Measured) -> list[Finding]:
    """Is the loss the same, whatever the logits?"""
    targets = case.problem.targets
    if targets is None or numeric.value.any() or (targets < 0).all() or not case.probes.constant:
        return []
    value = np.ravel(case.probes.losses)[0] + 0.0  # without the sign of a zero
    return [found("loss is constant", f"The loss is {value:.6g}, whatever the logits.")]


def _right(case: Case, reference: Reference, numeric: Measured) -> Formula | None:
    """The reference's gradient, if the derivatives of the loss follow it up to a factor."""
    right = Formula("", reference.gradient())
    # A loss may agree with the reference even though no factor can be fitted: all derivatives of a
    # saturated loss are within their error of 0.
    for scale in case.scales:
        if numeric.agrees(numeric.at(right.gradient), scale):
            return replace(right, scale=scale)
    return first_match(numeric, [right])


def _is_merely_scaled(case: Case, reference: Reference, match: Formula) -> bool:
    """Has the factor no name, so that only one row's derivatives may follow it?"""
    counts = Counts.of(reference)
    expected = counts.expected(case.reduction, case.problem.per_row)
    return "scaled" in names_of(match.scale, counts, expected)


def _up_to_a_constant(case: Case, reference: Reference, match: Formula) -> Loss:
    """A loss with the right derivatives: its factor, and whether a constant is added."""
    named = _told(case, reference, match)
    added = values.at_zero_logits(case, reference, [match.scale, *case.scales])
    if not named and added:
        explained = explained_by(case, reference)
        if explained is not None and explained.less_entropy and not explained.names:
            added = wording.explanation(explained, reference)
    return Loss(named or added, reference, match)


def _told(case: Case, reference: Reference, match: Formula) -> list[Finding]:
    """The mistake of a formula, and those that its factor indicates."""
    counts = Counts.of(reference)
    factors = names_of(match.scale, counts, counts.expected(case.reduction, case.problem.per_row))
    return list(wording.named(match, "loss", factors, case.scales[0]))


def _unrequested(case: Case, reference: Reference, numeric: Measured) -> Loss | None:
    """Smoothing or class weights that were not requested, as notes."""
    if smoothing := fitting.fit_smoothing(numeric, reference.changed(label_smoothing=None)):
        share, match = smoothing
        smoothed = reference.changed(label_smoothing=share)
        if requested := reference.options.get("label_smoothing"):
            seen = f"s = {share:.4g}, where {requested:.4g} is requested"
            name = "another label smoothing"
            return Loss(_told(case, smoothed, replace(match, mistake=name, detail=seen)), smoothed,
                        match)  # fmt: skip
        total = match.scale / case.scales[0]
        if total > 1 and "scaled" in {told.name for told in _told(case, smoothed, match)}:
            name = "smoothed targets do not sum to 1"
            match = replace(match, mistake=name, detail=f"that sum to {total:.4g}")
            return Loss([wording.part(name, match.detail, "loss", 0)], smoothed, match)
        loss = _up_to_a_constant(case, smoothed, match)
        return replace(loss, findings=wording.smoothed(share, reference, loss.findings))
    if "class_weight" in reference.options:
        return None
    weights = fitting.fit_class_weights(numeric, reference)
    if weights is None:
        return None
    up_to_factor = min(case.scales) < 1  # a mean divides by them, so only their ratios are known
    weights = weights / weights.mean() if up_to_factor else weights
    weighted = reference.changed(class_weight=weights)
    other = first_match(numeric, [Formula("", weighted.gradient())])
    assert other is not None  # or the weights would not have been found
    note = wording.weighted(weights, up_to_factor)
    return Loss([*_told(case, weighted, other), note], weighted, other)


def _other_weights(case: Case, reference: Reference, numeric: Measured) -> Loss | None:
    """Class weights that were requested, in an order that no table has, or other ones."""
    weight = reference.options.get("class_weight")
    if weight is None or not np.ndim(weight) or reference.labels is None:
        return None
    fitted = fitting.fit_class_weights(numeric, reference.changed(class_weight=None))
    weight = np.asarray(weight, dtype=np.float64)
    counted = np.unique(reference.labels[~reference.ignored])
    if fitted is None:
        return None
    order = fitting.order_of(fitted, weight, counted)
    if order is None:
        name, moved = "other class weights", reference.changed(class_weight=fitted)
        detail = f"[{', '.join(f'{w:.4g}' for w in fitted[:8])}{', ...' * (len(fitted) > 8)}]"
    else:
        change = in_order(weight, order)
        name, moved, detail = change.mistake, change.reference(reference), change.detail
    other = first_match(numeric, [Formula(name, moved.gradient(), detail)])
    return None if other is None else Loss(_told(case, moved, other), moved, other)


def _gradient(case: Case, loss: Loss, numeric: Measured, given: Measured) -> list[Finding]:
    """What is wrong with a gradient that is not that of the loss."""
    reference = loss.reference
    wrong = any(finding.level == "mistake" for finding in loss.findings)
    counts = Counts.of(reference)
    scales = counts.expected(case.reduction, case.problem.per_row)
    scale = loss.formula.scale if loss.formula is not None else scales[0]
    # A gradient that is right up to a factor needs no other formula.
    own = [] if loss.formula is None else [replace(loss.formula, mistake="")]
    match = first_match(given, [*own, Formula("", reference.gradient())])
    if match is not None and wrong and any(near(match.scale, s) for s in scales):
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
    named = list(wording.named(match, "gradient", factors, scale))
    return named or [wording.nothing_known(case)]


def _against_the_loss(case: Case, numeric: Measured, given: Measured) -> list[Finding]:
    """Without a formula to go by: is the gradient a multiple of the loss's own derivative?"""
    # Here both sides are measured, so the errors add.
    both = replace(given, error=given.error + np.abs(numeric.error))
    ratio = both.factor_of(numeric.value)
    if ratio is None:
        return [wording.nothing_known(case)]
    # Nothing is known about weights, so rows are counted.
    rows, classes = case.problem.logits.shape
    base = 1.0 if case.problem.per_row else 1 / rows
    names = names_of(ratio * base, Counts(rows, float(rows), rows, classes), [base])
    told = [wording.factor(name, ratio, "gradient", 1.0) for name in names]
    return told or [wording.nothing_known(case)]
