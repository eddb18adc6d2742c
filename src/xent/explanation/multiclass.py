"""Steps for K logits, or K probabilities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from xent._format import shown
from xent._report import Line
from xent._report.expression import (
    Derivative,
    Expression,
    Symbol,
    Total,
    exp,
    log,
    log1p,
    plus,
)
from xent._report.lines import line_of
from xent._validation import Array
from xent.explanation import derivation, shares
from xent.explanation.common import explained, log_step
from xent.explanation.meaning import cut_off, rounding_remark
from xent.explanation.result import Explanation
from xent.explanation.row import STEP, Row
from xent.explanation.scaling import Scaling
from xent.explanation.steps import Step, direction, step
from xent.explanation.target import Target

L, M = Symbol("L"), Symbol("m")


def from_logits(
    logits: Array, target: Target, scaling: Scaling, names: Sequence[str]
) -> Explanation:
    """Logits -> exponentials -> probabilities -> loss -> gradient, checked and derived."""
    if np.isnan(logits).any() or (logits == np.inf).any() or not np.isfinite(logits).any():
        msg = f"logits are {logits.tolist()}; an explanation needs finite ones, or -inf for a mask."
        raise ValueError(msg)
    row = Row.of_logits(logits, target, scaling, names)
    scores = _scores_step("logits", "z", logits, row)
    scaled = row.scaling.steps(logits, row.chosen, row.name)
    check = [_check_step(row)] if row.checkable else []
    loss = [*_log_steps(row), _safe_step(row)] if target.plain else shares.loss_steps(row)
    steps = [scores, *scaled, *_softmax_steps(row), *shares.target_steps(row), *loss]
    title = f"Softmax cross-entropy of {len(logits)} logits, {row.called}"
    every = [
        *steps,
        *_gradient_steps(row),
        *check,
        *derivation.multiclass(target, row.scaling.letter),
    ]
    return explained(title, every, row, {"logits": logits.tolist()})


def from_probabilities(p: Array, target: Target, _: Scaling, names: Sequence[str]) -> Explanation:
    """Probabilities given as such: the loss, and the gradient for the logits behind them."""
    row = Row.of_probabilities(p, np.log(p), target, names, binary=False)
    given = _scores_step("probabilities given", "p", p, row)
    loss = _log_steps(row) if target.plain else shares.loss_steps(row)
    title = f"Cross-entropy of {len(p)} probabilities, {row.called}"
    steps = [given, *shares.target_steps(row), *loss, *_gradient_steps(row)]
    return explained(
        title,
        [*steps, *derivation.multiclass(target, row.scaling.letter)],
        row,
        {"probabilities": p.tolist()},
    )


def _scores_step(key: str, symbol: str, values: Array, row: Row) -> Step:
    """The numbers that the rest is computed from."""
    lines = [
        Line(Symbol(symbol, str(j)), None, float(values[j]), true=j == row.label)
        for j in row.chosen
    ]
    legend = "the label is shared." if row.label is None else f"the true class is y = {row.label}."
    if named := [f"{j} is {row.names[j]}" for j in row.chosen if row.names[j] != f"class {j}"]:
        legend += f" Of the classes, {', '.join(named)}."
    few = "few_shared" if row.label is None else "few"
    remarks = {"masked": row.masked.any(), few: len(row.chosen) < len(row.p)}
    told = ["why", *(name for name, holds in remarks.items() if holds)]
    return step(key, (), lines, told, legend=legend, count=len(row.p))


def _softmax_steps(row: Row) -> list[Step]:
    """Exponentials (of the distance to the largest logit where that is large), sum, softmax."""
    logits, masked, classes = row.logits, row.masked, row.chosen
    shift = float(logits.max()) if np.abs(logits[~masked]).max() > 20 else 0.0
    e = np.exp(logits - shift)
    rounded, letter = not ((logits == shift) | masked).all(), row.scaling.letter

    def power(index: str) -> Expression:
        z = Symbol(letter, index)
        return exp(z - M if shift else z)

    a, s, total = Symbol("a"), Symbol("S"), float(e.sum())
    lines, quotients, terms = [], [], {}
    for j in classes:
        index, true, e_j = str(j), j == row.label, float(e[j])
        values = {Symbol(letter, index): float(logits[j]), M: shift}
        lines.append(line_of(power(index), power(index), values, e_j, true=true))
        marks: dict[str, Any] = {"rounded": rounded and not masked[j], "true": true}
        share = line_of(Symbol("p", index), a / s, {a: e_j, s: total}, float(row.p[j]), **marks)
        quotients.append(share)
        terms[Symbol("E", index)] = e_j
    if rest := len(logits) - len(classes):
        others = float(np.delete(e, classes).sum())
        lines.append(Line(Symbol(f"the other {rest}"), None, others, rounded=rounded))
        terms[Symbol("rest")] = others
    chain, probability = (s, Total("k", power("k"))), (Symbol("p", "j"), power("j") / s)
    told = ["masked" if masked.any() else "why", *(["shifted"] if shift else [])]
    sum_line = line_of(s, plus(*terms), terms, total, rounded=rounded)
    uneven = _uneven(row.p[classes])
    return [
        step("exponentials", (power("j"),), lines, told, shift=shown(shift)),
        step("sum", chain, [sum_line]),
        step("softmax", probability, quotients, ["why", "cut"] if uneven else ["why"], **uneven),
    ]


def _uneven(p: Array) -> dict[str, str]:
    """A probability whose third place depends on whether it is rounded or cut off, if any."""
    for value in reversed(p.tolist()):
        rounded, cut = f"{value:.3f}", f"{cut_off(value):.3f}"
        if 1e-3 <= value < 0.9995 and rounded != cut:
            return {"value": shown(value), "rounded": rounded, "cut": cut}
    return {}


def _log_steps(row: Row) -> list[Step]:
    """Loss = -log p_y, and whether rounding p_y on the way would show."""
    p_y = Symbol("p", str(row.label))
    chain = (L, -Total("j", Symbol("y", "j") * log(Symbol("p", "j"))), -log(Symbol("p", "y")))
    loss = log_step(row, chain, p_y, "Only the true class has y_j = 1", "it")
    return [loss, *rounding_remark(row.q, row.loss, f"p_{row.label}")]


def _safe_step(row: Row) -> Step:
    """(m - z_y) + log1p(R), which neither overflows nor cancels."""
    k, first = shares.rest_line(row)
    z, label = row.scaling.letter, row.label or 0
    z_y, r = Symbol(z, "y"), Symbol("R")
    values = {M: float(row.logits[k]), z_y: float(row.logits[label]), r: first.value}
    safe, known = (M - z_y) + log1p(r), None if row.certain else True
    last = line_of(L, safe, values, row.loss, rounded=known, role="loss")
    chain = (L, (M - z_y) + log1p(Total("j≠k", exp(Symbol(z, "j") - M))))
    huge = math.isinf(row.loss) and not row.masked[label]
    told = ["why", "beyond"] if huge else ["why"]
    return step("safe loss of classes", chain, [first, last], told, k=k, z=z)


def _gradient_steps(row: Row) -> list[Step]:
    """p_j - y_j for each class, and their sum; then back to the logits as given."""
    lines, z, target = [], row.scaling.letter, row.target
    for j in row.chosen:
        value, true = float(row.inner[j]), j == row.label
        formula, values = shares.difference(row, j)
        rounded = not row.exact[j] or not target.one_hot
        marks: dict[str, Any] = {"role": direction(value), "true": true, "rounded": rounded}
        lines.append(line_of(_slope(z, j), formula, values, value, **marks))
    total = math.fsum(row.inner.tolist())
    total = 0.0 if abs(total) < 1e-15 * max(1.0, target.total) else total
    lines.append(Line(Symbol("sum of all"), None, total))
    told = "why" if target.one_hot else "soft"
    if target.weights is not None:
        told = "weighted"
    if total:
        told = "uneven" if row.from_probabilities else "masked_share"
    if math.isinf(row.loss) and target.one_hot:
        told = "impossible" if row.from_probabilities else "masked" if row.slope == 0 else told
    p, y = Symbol("p", "j"), row.share(target.letter, -1)
    chain = (_slope(z, "j"), (p if target.total == 1 else Symbol("V") * p) - y)
    first = step("gradient of classes", chain, lines, [told])
    back = row.scaling.gradients(row.given, row.inner, row.gradient, row.chosen, row.name)
    return [first, *back]


def _check_step(row: Row) -> Step:
    """Central differences, one logit at a time, beside the analytic gradient."""
    lines, worst, rounded = [], 0.0, not row.certain
    h, up, down = Symbol("h"), Symbol("L", "+"), Symbol("L", "-")
    quotient = (up - down) / (2 * h)
    for j in (j for j in row.chosen if not row.masked[j]):
        pair = np.stack([row.given, row.given])
        pair[:, j] += STEP, -STEP
        above, below = row.scaling.of_loss(row.target.losses, pair)[0].tolist()
        slope = (above - below) / (2 * STEP)
        values = {up: above, down: below, h: STEP}
        lines.append(line_of(_slope("z", j), quotient, values, slope, 9, rounded=rounded))
        worst = max(worst, abs(slope - float(row.gradient[j])))
    lines.append(Line(Symbol("largest difference"), None, worst, 2, rounded=rounded))
    chain = (_slope("z", "j"), quotient)
    return step("check of classes", chain, lines, h=STEP, noise=row.noise)


def _slope(z: str, index: int | str) -> Derivative:
    """The derivative of the loss for the logit of a class."""
    return Derivative(L, Symbol(z, str(index)), partial=True)
