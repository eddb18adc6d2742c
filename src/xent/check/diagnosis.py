"""From the numbers to the mistake: what the loss follows, what the gradient follows, and why.

Three gradients are held against each other: the one that the user gives, the numerical one of the
user's loss, and that of the loss that is meant. Where the numerical one follows another formula
than what is meant, the loss is wrong; where the given one does not follow the numerical one, it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from xent._report import Finding
from xent._validation import Array
from xent.check import fitting
from xent.check.case import Case
from xent.check.factors import Counts, names_of, near
from xent.check.fitting import Match, Measured
from xent.check.formulas import (
    LEFT_OUT,
    Formula,
    Meant,
    wrong_gradients,
    wrong_losses,
    wrong_options,
)
from xent.check.frameworks import PRECISION
from xent.check.mistakes import FOLLOWS, found
from xent.check.problem import Problem


def findings(case: Case) -> list[Finding]:
    """What is wrong, the likeliest cause first."""
    if not case.steady:
        return [found("not deterministic", "The same logits gave another loss.")]
    told = list(_at_the_edges(case))
    numeric, given = case.measured()
    # A mean over no weight at all may be what one likes.
    if case.meant is None or not (case.meant.total or case.problem.per_row):
        if (case.failed.any() or case.elsewhere) and not told:
            told += _against_the_loss(case, numeric, given)
        return told
    loss, match, meant = _loss(case, numeric)
    told += loss
    if case.astray.any() or case.elsewhere:
        told += _gradient(replace(case, meant=meant), numeric, given, match, bool(loss))
    return told


def _at_the_edges(case: Case) -> Iterator[Finding]:
    """Masked classes, ignored rows, numbers that are none."""
    problem, grad = case.problem, case.analytic
    masked = np.isneginf(problem.logits)
    marked = np.zeros(len(grad), dtype=bool) if case.meant is None else case.meant.ignored
    pushed = masked & ~marked[:, None] & (grad != 0)  # NaN is not 0 either
    if pushed.any():
        what = f"{_at(problem, pushed)} is {grad[pushed][0]:.6g}, where the logit is -inf"
        yield found("masked class given gradient", f"{what}{_more(pushed)}.")
    losses = problem.losses(problem.logits)
    counted = _counted(case, marked, losses)
    if counted.any():
        row = int(counted.argmax())
        what = f"is {losses[row]:.6g}" if problem.per_row else "counts"
        seen = f"The loss of row {_row(problem, row)} {what}, and it is ignored{_more(counted)}."
        yield found("ignored rows given loss", seen)
    pushed = (marked & ~counted)[:, None] & (grad != 0)
    if pushed.any():
        what = f"{_at(problem, pushed)} is {grad[pushed][0]:.6g} in a row that is ignored"
        yield found("ignored rows given gradient", f"{what}{_more(pushed)}.")
    with np.errstate(all="ignore"):
        due = case.meant.losses() if case.meant is not None else np.zeros(len(grad))
    if problem.per_row:
        broken = ~np.isfinite(losses) & np.isfinite(due)
        if broken.any():
            row = int(broken.argmax())
            value = f", where {due[row]:.6g} is due" if case.meant is not None else ""
            seen = f"The loss of row {_row(problem, row)} is {losses[row]:g}{value}{_more(broken)}."
            yield found("not a number", seen)
    elif not np.isfinite(losses) and np.isfinite(due).all():
        none = " where no row counts" if case.meant is not None and not case.meant.total else ""
        yield found("not a number", f"The loss is {losses:g}{none}.")
    broken = ~np.isfinite(grad) & ~masked & ~marked[:, None] & np.isfinite(due)[:, None]
    if broken.any():
        seen = f"{_at(problem, broken)} is {grad[broken][0]:g}{_more(broken)}."
        yield found("not a number", seen)


def _counted(case: Case, marked: Array, losses: Array) -> Array:
    """Ignored rows that the loss counts: by its value, or by its derivative."""
    if case.problem.per_row:
        return np.asarray(marked & (losses != 0))
    counted = np.zeros(len(marked), dtype=bool)
    d = case.numeric
    with np.errstate(invalid="ignore"):
        counted[d.row[np.abs(d.value) > 4 * d.error + case.grain]] = True
    return counted & marked


def _loss(case: Case, numeric: Measured) -> tuple[list[Finding], Match | None, Meant]:
    """What is wrong with the loss; which formula it follows; what is meant, options found added."""
    meant = case.meant
    assert meant is not None
    if case.tied and not _wrong_axis(case, numeric):
        return [found("rows depend on each other", "Moving one row changes another's loss.")], \
            None, meant  # fmt: skip
    notes: list[Finding] = []
    wanted = Counts.of(meant).wanted(case.reduction, case.problem.per_row)
    right = Formula("", meant.gradient())
    fitting_scale = (w for w in wanted if numeric.agrees(numeric.at(right.gradient), w))
    scale = next(fitting_scale, None)
    match = Match(right, scale) if scale else fitting.first_match(numeric, [right])
    if match is None:
        # An option that was asked for and left out comes before any that nobody spoke of.
        asked = (f for f in wrong_options(meant) if f.mistake in LEFT_OUT)
        match = fitting.first_match(numeric, asked, wanted)
    if match is None:
        match, meant, notes = _options(numeric, meant, wanted)
    if match is None:
        lost = _digits_lost(case, numeric, meant, wanted)
        if lost is not None:
            return [lost], None, meant
        clip = fitting.clipping(numeric, meant, wanted)
        if clip is not None:
            return [found("clipping", _clipped(clip, "loss"))], None, meant
        match = fitting.first_match(numeric, wrong_losses(meant), wanted)
        match = match or fitting.permutation(numeric, meant, wanted)
    if match is None:
        return [_unknown(case, meant, wanted)], None, meant
    told = [] if not match.formula.mistake else [_named(match, "loss", meant)]
    names = _scale_names(match, meant, case)
    told += [_factor(name, match.scale, "loss", wanted[0]) for name in names]
    if not told and not notes:
        told += _chance(case, meant, [match.scale, *wanted])
    return told + notes, match, meant


def _scale_names(match: Match, meant: Meant, case: Case) -> list[str]:
    """What is wrong with the factor of a loss."""
    option = LEFT_OUT.get(match.formula.mistake)
    for given in (meant.changed(**{option: None}), meant) if option else (meant,):
        counts = Counts.of(given)
        names = names_of(match.scale, counts, counts.wanted(case.reduction, case.problem.per_row))
        if not names:
            break
    return names


def _options(
    numeric: Measured, meant: Meant, wanted: list[float]
) -> tuple[Match | None, Meant, list[Finding]]:
    """Smoothing or class weights that were not spoken of."""
    smooth = fitting.smoothing(numeric, meant)
    if smooth is not None:
        share, smoothed = smooth
        note = found(
            "smoothed labels", f"The loss is cross-entropy with label_smoothing={share:.4g}."
        )
        return smoothed, meant.changed(label_smoothing=share), [note]
    weights = fitting.class_weights(numeric, meant)
    if weights is None:
        return None, meant, []
    divided = min(wanted) < 1  # then only their ratios are known
    weighted = meant.changed(class_weight=weights if not divided else weights / weights.mean())
    match = fitting.first_match(numeric, [Formula("", weighted.gradient())])
    shown = ", ".join(f"{w:.4g}" for w in weighted.options["class_weight"][:8])
    more = ", ..." if len(weights) > 8 else ""
    seen = f"The loss is cross-entropy with class_weight=[{shown}{more}]"
    note = found("weighted classes", f"{seen}{', up to a factor' if divided else ''}.")
    return match, weighted, [note]


def _gradient(
    case: Case, numeric: Measured, given: Measured, loss: Match | None, accused: bool
) -> list[Finding]:
    """What is wrong with the gradient: it is not that of the loss."""
    meant = case.meant
    assert meant is not None
    counts = Counts.of(meant)
    wanted = counts.wanted(case.reduction, case.problem.per_row)
    scale = loss.scale if loss is not None else wanted[0]
    if not np.nan_to_num(case.analytic).any():
        return [found("gradient is zero", "Every entry is 0.")]
    own = [] if loss is None else [Formula("", loss.formula.gradient)]
    match = fitting.first_match(given, [*own, Formula("", meant.gradient())])
    if match is not None and accused and any(near(match.scale, w) for w in wanted):
        return []  # the gradient is as it should be, and the loss is told to be wrong
    if match is None:
        clip = fitting.clipping(given, meant, [scale])
        if clip is not None:
            return [found("clipping", _clipped(clip, "gradient"))]
        match = fitting.first_match(given, wrong_gradients(meant), [scale])
        match = match or fitting.permutation(given, meant, [scale])
    if match is None:
        smooth = fitting.smoothing(given, meant)
        if smooth is not None:
            name = "label smoothing in the gradient only"
            formula = Formula(name, smooth[1].formula.gradient, f"smoothing {smooth[0]:.4g}")
            match = Match(formula, smooth[1].scale)
    if match is None:
        return _against_the_loss(case, numeric, given)
    told = [] if not match.formula.mistake else [_named(match, "gradient", meant)]
    names = names_of(match.scale, counts, [scale])
    told += [_factor(name, match.scale, "gradient", scale) for name in names]
    return told or [_nothing_known(case)]


def _against_the_loss(case: Case, numeric: Measured, given: Measured) -> list[Finding]:
    """Without a formula to go by: is the gradient a multiple of the loss's own derivative?"""
    if not np.nan_to_num(case.analytic).any():
        return [found("gradient is zero", "Every entry is 0.")]
    both = replace(given, error=given.error + np.abs(numeric.error))
    ratio = both.factor_of(numeric.value)
    if ratio is None:
        return [_nothing_known(case)]
    rows, classes = case.problem.logits.shape
    counts = Counts(rows, float(rows), rows, classes)
    base = 1.0 if case.problem.per_row else 1 / rows
    names = names_of(ratio * base, counts, [base])
    return [_factor(name, ratio, "gradient", 1.0) for name in names] or [_nothing_known(case)]


def _chance(case: Case, meant: Meant, scales: list[float]) -> list[Finding]:
    """Is the loss log K where all logits are 0?"""
    zeros = np.where(np.isneginf(case.problem.logits), -np.inf, 0.0)
    got = case.problem.losses(zeros)
    due = meant.changed(logits=zeros).losses()
    if case.problem.per_row:
        got = np.where(meant.ignored, due, got)  # their loss is told of elsewhere
    if not case.problem.per_row:
        sums = [float(np.sum(due)) * scale for scale in scales]
        due = np.array(min(sums, key=lambda value: abs(value - float(got))))
    with np.errstate(invalid="ignore"):
        off = np.abs(got - due) > 20 * case.relative * np.abs(due)
    off &= np.isfinite(due) & np.isfinite(got)
    if not np.any(off):
        return []
    row = int(np.argmax(off))
    got, due = np.ravel(got)[row], np.ravel(due)[row]
    return [found("not at chance", f"With all logits 0 the loss is {got:.6g}; {due:.6g} is due.")]


def _unknown(case: Case, meant: Meant, wanted: list[float]) -> Finding:
    chance = _chance(case, meant, wanted)
    if chance:
        return chance[0]
    got, due = case.problem.losses(case.problem.logits), meant.losses()
    row = int(np.nan_to_num(np.abs(got - due), posinf=0).argmax()) if case.problem.per_row else None
    return found("not cross-entropy", _beside(case, got, due, wanted, row))


def _beside(case: Case, got: Array, due: Array, wanted: list[float], row: int | None) -> str:
    """A row's loss, or the whole, beside what it should be."""
    if row is not None:
        where = _row(case.problem, row)
        return f"The loss of row {where} is {got[row]:.6g}; {due[row]:.6g} is due."
    sums = [float(np.sum(due)) * w for w in wanted]
    nearest = min(sums, key=lambda value: abs(value - float(got)))
    return f"The loss is {float(got):.6g}; {nearest:.6g} is due."


def _digits_lost(
    case: Case, numeric: Measured, meant: Meant, wanted: list[float]
) -> Finding | None:
    """Is it log(1 - p), right but for what is lost where p is nearly 1?"""
    if meant.kind != "binary":
        return None
    right, p = numeric.at(meant.gradient()), meant.probabilities[:, 0]
    unit = 2.0 ** -PRECISION[case.precision]
    got, due = case.problem.losses(case.problem.logits), meant.losses()
    with np.errstate(divide="ignore"):
        slack = np.minimum(4 * unit / np.minimum(p, 1 - p), 1)
    for scale in wanted:
        off = np.abs(numeric.value - scale * right) > numeric.error + case.relative * scale
        rows = np.unique(numeric.row[off])
        if not len(rows) or (slack[rows] < np.sqrt(unit)).any():
            continue
        row = int(rows[slack[rows].argmax()])
        if case.problem.per_row:
            alike = bool((np.abs(got - due) <= slack + case.relative * due)[rows].all())
            seen = _beside(case, got, due, wanted, row)
        else:
            alike = bool(np.abs(got - scale * np.sum(due)) <= scale * slack.sum())
            seen = _beside(case, got, due, [scale], None)
        if alike or not np.isfinite(got).all():
            where = f"In row {_row(case.problem, row)} the probability is nearly 1 or 0."
            return found("digits lost", f"{where} {seen}")
    return None


def _wrong_axis(case: Case, numeric: Measured) -> bool:
    """Is it the softmax over the rows that ties them together?"""
    assert case.meant is not None
    across = [f for f in wrong_losses(case.meant) if f.mistake == "softmax over the wrong axis"]
    return fitting.first_match(numeric, across) is not None


def _named(match: Match, what: str, meant: Meant) -> Finding:
    is_what = FOLLOWS[match.formula.mistake].format(match.formula.detail)
    seen = f"In every entry that was looked at the {what} is {is_what}."
    if match.formula.mistake == "softmax applied twice" and what == "loss":
        classes = meant.logits.shape[1]
        floor = np.log1p((classes - 1) / np.e)
        seen = f"{seen} It never falls below {floor:.4f}."
    return found(match.formula.mistake, seen)


def _factor(name: str, scale: float, what: str, wanted: float) -> Finding:
    if (name, what) == ("mean missing", "loss"):
        name = "sum for mean"
    times = scale / wanted
    inverse = round(1 / times)
    size = f"{times:.6g}" if abs(times) >= 1e-3 else f"1/{1 / times:.6g}"
    if abs(inverse) > 1 and abs(inverse * times - 1) < 1e-5:
        size = f"{'-' * (times < 0)}1/{abs(inverse)}"
    of = "the loss's derivative" if what == "gradient" else "what is due"
    return found(name, f"The {what} is {size} times {of}.")


def _clipped(clip: fitting.Clip, what: str) -> str:
    rows = f"{len(clip.rows)} row{'s' * (len(clip.rows) != 1)}"
    if clip.hard:
        return (
            f"The {what} does not react in {rows} whose true class has a probability below "
            f"{clip.floor:.3g}."
        )
    return f"The {what} fades in {rows}, as if {clip.floor:.3g} were added to the probability."


def _nothing_known(case: Case) -> Finding:
    """Where the disagreement is, if it is not everywhere."""
    if case.elsewhere:
        seen = (
            "The entries that were looked at do not disagree, but random directions through all "
            "entries do: others are wrong."
        )
        return found("no known mistake", seen)
    bad = case.astray if case.meant is not None else case.failed
    row, column = case.numeric.row[bad], case.numeric.column[bad]
    total = len(case.numeric.row)
    seen = f"{bad.sum()} of {total} entries disagree"
    columns, rows = np.unique(column), np.unique(row)
    if len(columns) == 1 < case.problem.classes:
        seen += f", all of them of class {columns[0]}"
    elif len(rows) <= 3 < len(case.problem.logits):
        shown = ", ".join(_row(case.problem, int(r)) for r in rows)
        seen += f", all of them in row{'s' * (len(rows) > 1)} {shown}"
    elif case.meant is not None and case.meant.labels is not None:
        labels = np.unique(case.meant.labels[row])
        others = np.setdiff1d(case.meant.labels, labels)
        if len(labels) == 1 and others.size:
            seen += f", all of them in rows of label {labels[0]}"
        elif (column == case.meant.labels[row]).all() and case.problem.classes > 1:
            seen += ", all of them at the label"
        elif (column != case.meant.labels[row]).all() and case.problem.classes > 1:
            seen += ", none of them at the label"
    return found("no known mistake", seen + ".")


def _row(problem: Problem, row: int) -> str:
    index = problem.index(row)
    return str(index[0]) if len(index) == 1 else str(index)


def _at(problem: Problem, mask: Array) -> str:
    row, column = (int(i[0]) for i in np.nonzero(mask))
    return problem.place("grad", row, column)


def _more(mask: Array) -> str:
    more = int(mask.sum()) - 1
    return f" ({more} more like it)" if more else ""
