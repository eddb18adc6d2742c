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
    Number,
    Symbol,
    Total,
    exp,
    log,
    log1p,
    plus,
)
from xent._validation import Array
from xent.explanation import derivation
from xent.explanation.common import explained, log_step
from xent.explanation.meaning import cut_off, rounding_remark
from xent.explanation.result import Explanation
from xent.explanation.row import STEP, Row
from xent.explanation.steps import Step, computed, direction, line_of
from xent.functions import softmax
from xent.losses import cross_entropy
from xent.metrics import log_loss

L, M = Symbol("L"), Symbol("m")


def from_logits(logits: Array, label: int, names: Sequence[str]) -> Explanation:
    """Logits -> exponentials -> probabilities -> loss -> gradient, checked and derived."""
    if np.isnan(logits).any() or (logits == np.inf).any() or not np.isfinite(logits).any():
        msg = f"logits are {logits.tolist()}; an explanation needs finite ones, or -inf for a mask."
        raise ValueError(msg)
    loss, gradient = cross_entropy(logits, label, return_grad=True)
    row = Row(logits, softmax(logits), label, float(loss), gradient, names)
    why = f"One raw score per class; {_legend(row)}"
    if row.masked.any():
        why += " A score of -inf masks its class: it can never be the answer."
    scores = Step("Prediction", "Logits", (), _given("z", logits, row), f"{why}{_left_out(row)}")
    check = [_check_step(row)] if row.checkable else []
    steps = [scores, *_softmax_steps(row), *_log_steps(row), _safe_step(row), _gradient_step(row)]
    title = f"Softmax cross-entropy of {len(logits)} logits, label {row.called}"
    every = [*steps, *check, *derivation.multiclass()]
    return explained(title, every, row, {"logits": logits.tolist()})


def from_probabilities(p: Array, label: int, names: Sequence[str]) -> Explanation:
    """Probabilities given as such: the loss, and the gradient for the logits behind them."""
    gradient = p - (np.arange(len(p)) == label)
    row = Row(np.log(p), p, label, float(log_loss([1], [p[label]])), gradient, names, given=True)
    why = f"As given; {_legend(row)}{_left_out(row)}"
    given = Step("Prediction", "Probabilities", (), _given("p", p, row), why)
    title = f"Cross-entropy of {len(p)} probabilities, label {row.called}"
    every = [given, *_log_steps(row), _gradient_step(row), *derivation.multiclass()]
    return explained(title, every, row, {"probabilities": p.tolist()})


def _given(symbol: str, values: Array, row: Row) -> tuple[Line, ...]:
    """The numbers that the rest is computed from."""
    return tuple(
        Line(Symbol(symbol, str(j)), None, float(values[j]), true=j == row.label)
        for j in row.chosen
    )


def _legend(row: Row) -> str:
    text = f"the true class is y = {row.label}."
    named = [f"{j} is {row.names[j]}" for j in row.chosen if row.names[j] != f"class {j}"]
    return f"{text} Of the classes, {', '.join(named)}." if named else text


def _left_out(row: Row) -> str:
    count = len(row.p)
    few = len(row.chosen) < count
    return f" Of {count} classes the label and the likeliest are shown." if few else ""


def _softmax_steps(row: Row) -> list[Step]:
    """Exponentials (of the distance to the largest logit where that is large), sum, softmax."""
    logits, masked, classes = row.logits, row.masked, row.chosen
    shift = float(logits.max()) if np.abs(logits[~masked]).max() > 20 else 0.0
    e = np.exp(logits - shift)
    rounded = not ((logits == shift) | masked).all()

    def power(index: str) -> Expression:
        z = Symbol("z", index)
        return exp(z - M if shift else z)

    a, s, total = Symbol("a"), Symbol("S"), float(e.sum())
    lines, quotients, terms = [], [], {}
    for j in classes:
        index, true, e_j = str(j), j == row.label, float(e[j])
        values = {Symbol("z", index): float(logits[j]), M: shift}
        lines.append(line_of(power(index), power(index), values, e_j, true=true))
        marks: dict[str, Any] = {"rounded": rounded and not masked[j], "true": true}
        share = line_of(Symbol("p", index), a / s, {a: e_j, s: total}, float(row.p[j]), **marks)
        quotients.append(share)
        terms[Symbol("E", index)] = e_j
    if rest := len(logits) - len(classes):
        others = float(np.delete(e, classes).sum())
        lines.append(Line(Symbol(f"the other {rest}"), None, others, rounded=rounded))
        terms[Symbol("rest")] = others
    zero = ", but for 0 where a class is masked" if masked.any() else ""
    why = f"Larger scores count exponentially more; every term is positive{zero}."
    if shift:
        why += (
            f" The largest score, m = {shown(shift)}, is taken off first: it cancels in the "
            "quotient, and no exponential can overflow."
        )
    sums, chain = "Sum of the exponentials", (s, Total("k", power("k")))
    probability = (Symbol("p", "j"), power("j") / s)
    uneven = _uneven(row.p[classes])
    remark = f"Each exponential over their sum: the softmax. They add up to 1.{uneven}"
    return [
        Step("Prediction", "Exponentials", (power("j"),), tuple(lines), why),
        computed("Prediction", sums, chain, plus(*terms), terms, total, rounded=rounded),
        Step("Prediction", "Probabilities", probability, tuple(quotients), remark),
    ]


def _uneven(p: Array) -> str:
    """A probability whose third place depends on whether it is rounded or cut off."""
    for value in reversed(p.tolist()):
        rounded, cut = f"{value:.3f}", f"{cut_off(value):.3f}"
        if 1e-3 <= value < 0.9995 and rounded != cut:
            return f" To three places {shown(value)} is {rounded}; cut off it would read {cut}."
    return ""


def _log_steps(row: Row) -> list[Step]:
    """Loss = -log p_y, and whether rounding p_y on the way would show."""
    p_y = Symbol("p", str(row.label))
    chain = (L, -Total("j", Symbol("y", "j") * log(Symbol("p", "j"))), -log(Symbol("p", "y")))
    step = log_step(row, chain, p_y, "Only the true class has y_j = 1", "it")
    return [step, *rounding_remark(row.q, row.loss, f"p_{row.label}")]


def _safe_step(row: Row) -> Step:
    """(m - z_y) + log1p(R), which neither overflows nor cancels."""
    k, masked = int(row.logits.argmax()), bool(row.masked[row.label])
    m, others = float(row.logits[k]), np.delete(row.logits, k)
    z_y, r, total = Symbol("z", "y"), Symbol("R"), float(np.exp(others - m).sum())
    rounded = not ((others == m) | np.isneginf(others)).all()
    first = Line(r, None, total, rounded=rounded)
    if len(others) <= 4:
        terms = {Symbol("z", str(j)): float(v) for j, v in enumerate(others)}
        sums = plus(*(exp(t - M) for t in terms))
        first = line_of(r, sums, {**terms, M: m}, total, rounded=None)
    values = {M: m, z_y: float(row.logits[row.label]), r: total}
    safe, known = (M - z_y) + log1p(r), None if row.certain else True
    last = line_of(L, safe, values, row.loss, rounded=known, role="loss")
    huge = math.isinf(row.loss) and not masked
    beyond = " Here the loss is beyond the largest double." if huge else ""
    return Step(
        "Loss",
        "The same loss without overflow or cancellation",
        (L, (M - z_y) + log1p(Total("j≠k", exp(Symbol("z", "j") - M)))),
        (first, last),
        f"This is how xent computes it: m = z_k is the largest logit (k = {k}) and R the sum "
        "over the others. Both terms are at least 0, and log1p(x) = log(1 + x) keeps a small "
        f"x.{beyond}",
    )


def _gradient_step(row: Row) -> Step:
    """p_j - y_j for each class, and their sum."""
    lines = []
    for j in row.chosen:
        p_j, value, true = Symbol("p", str(j)), float(row.gradient[j]), j == row.label
        marks: dict[str, Any] = {
            "rounded": not row.exact[j],
            "role": direction(value),
            "true": true,
        }
        difference = p_j - Number(str(int(true)))
        lines.append(line_of(_slope(j), difference, {p_j: float(row.p[j])}, value, **marks))
    total = math.fsum(row.gradient.tolist())
    total = 0.0 if abs(total) < 1e-15 else total
    lines.append(Line(Symbol("sum of all"), None, total))
    if math.isinf(row.loss) and row.given:
        why = "The true class was called impossible: no finite change of its logit mends that."
    elif math.isinf(row.loss) and row.slope == 0:
        why = "The true class is masked: it cannot be pulled up, and the others are pushed down."
    else:
        but = " but for the rounding of the probabilities given" if total else ""
        why = (
            "The true class is pulled up by what its probability lacks to 1, each other is pushed "
            f"down by its probability; the pulls and pushes sum to 0{but}."
        )
    chain = (_slope("j"), Symbol("p", "j") - Symbol("y", "j"))
    return Step("Gradient", "Gradient for the logits", chain, tuple(lines), why)


def _check_step(row: Row) -> Step:
    """Central differences, one logit at a time, beside the analytic gradient."""
    lines, worst, rounded = [], 0.0, not row.certain
    h, up, down = Symbol("h"), Symbol("L", "+"), Symbol("L", "-")
    quotient = (up - down) / (2 * h)
    for j in (j for j in row.chosen if not row.masked[j]):
        pair = np.stack([row.logits, row.logits])
        pair[:, j] += STEP, -STEP
        above, below = cross_entropy(pair, [row.label] * 2, reduction="none").tolist()
        slope = (above - below) / (2 * STEP)
        values = {up: above, down: below, h: STEP}
        lines.append(line_of(_slope(j), quotient, values, slope, 9, rounded=rounded))
        worst = max(worst, abs(slope - float(row.gradient[j])))
    lines.append(Line(Symbol("largest difference"), None, worst, 2, rounded=rounded))
    return Step(
        "Numerical check",
        "Numerical gradient beside the analytic one",
        (_slope("j"), quotient),
        tuple(lines),
        f"Each logit moved by ±h, h = {STEP:g}: L_+ and L_- are the losses there. Rounding alone "
        f"adds about {row.noise:.1g}.",
    )


def _slope(index: int | str) -> Derivative:
    """The derivative of the loss for the logit of a class."""
    return Derivative(L, Symbol("z", str(index)), partial=True)
