"""Steps for one binary logit, given as such, as features and weights, or as a probability."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from xent._format import counted, shown
from xent._report import Line
from xent._report.expression import (
    Call,
    Derivative,
    Expression,
    Number,
    Symbol,
    Total,
    exp,
    log,
    log1p,
    plus,
    reproduces,
    with_numbers,
)
from xent.explanation import derivation
from xent.explanation.common import explained, log_step
from xent.explanation.meaning import rounding_remark
from xent.explanation.result import Explanation
from xent.explanation.row import STEP, Row
from xent.explanation.steps import Step, direction, line_of, step
from xent.functions import sigmoid
from xent.losses import binary_cross_entropy
from xent.metrics import log_loss

Z, P, Q, Y, L = Symbol("z"), Symbol("p"), Symbol("q"), Symbol("y"), Symbol("L")

Floats = list[float]


def from_logit(logit: float, label: int, names: Sequence[str]) -> Explanation:
    """Logit -> probability -> loss -> gradient, checked and derived."""
    row = _row(logit, label, names)
    return _explanation(f"logit {shown(logit)}", _sigmoid_steps(row), row, {"logit": logit})


def from_features(
    features: Floats, weights: Floats, bias: float, label: int, names: Sequence[str]
) -> Explanation:
    """z = w·x + b first, and the gradient carried on to the weights and the bias."""
    row = _row(_dot(weights, features, bias), label, names)
    first = [_dot_step(features, weights, bias, row), *_sigmoid_steps(row)]
    inputs = {"features": features, "weights": weights, "bias": bias}
    on_weights = [_weights_step(features, row)]
    return _explanation(counted(len(features), "feature"), first, row, inputs, on_weights)


def from_probability(p: float, label: int, names: Sequence[str]) -> Explanation:
    """A probability given as such: the loss, and the gradient for the logit behind it."""
    loss = float(log_loss([label], [p]))
    steps, logit = [], math.inf if p else -math.inf
    if 0 < p < 1:
        logit = math.log(p) - math.log1p(-p)
        odds = log(P / (1 - P))
        line = line_of(Z, odds, {P: p}, logit)
        steps.append(step("logit from probability", (Z, odds), [line]))
    logits, both = np.array([0, logit]), np.array([1 - p, p])
    row = Row(logits, both, label, loss, np.asarray(p - label), names, given=True)
    return _explanation(f"probability {shown(p)}", steps, row, {"probability": p})


def _row(logit: float, label: int, names: Sequence[str]) -> Row:
    """A row with its results, of a logit that must be finite."""
    if not math.isfinite(logit):
        msg = f"the logit is {logit}; an explanation needs a finite one."
        raise ValueError(msg)
    loss, gradient = binary_cross_entropy(logit, label, return_grad=True)
    both = np.array([float(sigmoid(-logit)), float(sigmoid(logit))])
    return Row(np.array([0, logit]), both, label, float(loss), np.asarray(float(gradient)), names)


def _explanation(
    what: str, first: Iterable[Step], row: Row, inputs: dict[str, Any], last: Iterable[Step] = ()
) -> Explanation:
    """All steps: the `first` lead to the probability, the `last` use the gradient for the logit."""
    check = [_check_step(row)] if row.checkable else []
    steps = [*first, *_loss_steps(row), _gradient_step(row), *last, *check]
    title = f"Binary cross-entropy of {what}, label {row.called}"
    return explained(title, [*steps, *derivation.binary(row.label)], row, inputs)


def _sigmoid_steps(row: Row) -> list[Step]:
    """The exponential and the probability."""
    logit, power = float(row.logits[1]), Symbol("e^-z")
    decay = float(np.exp(-logit))
    grown = line_of(exp(-Z), exp(-Z), {Z: logit}, decay)
    marks: dict[str, Any] = {"rounded": not row.exact[1], "true": row.label == 1}
    squeezed = line_of(P, 1 / (1 + power), {power: decay}, float(row.p[1]), **marks)
    chain = (P, Call("σ", (Z,)), 1 / (1 + exp(-Z)))
    return [
        step(
            "exponential", (exp(-Z),), [grown], ["why", "beyond"] if math.isinf(decay) else ["why"]
        ),
        step("sigmoid", chain, [squeezed], name=row.names[1]),
    ]


def _dot(weights: Floats, features: Floats, bias: float) -> float:
    """w·x + b of the numbers as they are written, rounded once: what is shown must add up."""
    pairs = zip(map(_written, weights), map(_written, features), strict=True)
    total = sum((w * x for w, x in pairs), _written(bias))
    try:
        return float(total)
    except OverflowError:
        return math.inf if total > 0 else -math.inf


def _written(value: float) -> Fraction:
    return Fraction(repr(float(value)))


def _dot_step(features: Floats, weights: Floats, bias: float, row: Row) -> Step:
    """z = w·x + b, with every product shown; a long formula is written as a sum."""
    x = [Symbol("x", str(i)) for i in range(len(features))]
    w = [Symbol("w", str(i)) for i in range(len(weights))]
    b = Symbol("b")
    products = plus(*(a * c for a, c in zip(w, x, strict=True)), b)
    short = Total("i", Symbol("w", "i") * Symbol("x", "i")) + b
    chain = (Z, products if len(features) <= 4 else short)
    values = dict(zip([*w, *x, b], [*weights, *features, bias], strict=True))
    line = line_of(Z, products, values, float(row.logits[1]), rounded=None)
    return step("logit from features", chain, [line])


def _weights_step(features: Floats, row: Row) -> Step:
    """The gradient for the logit carried on to the weights and the bias."""
    g, x, on_bias, rounded = Symbol("g"), Symbol("x", "i"), row.slope, not row.exact[1]
    lines = []
    for i, value in enumerate(features):
        symbol, product = Derivative(L, Symbol("w", str(i)), partial=True), on_bias * value
        values, role = {g: on_bias, x: value}, direction(product)
        lines.append(line_of(symbol, g * x, values, product, rounded=rounded, role=role))
    symbol = Derivative(L, Symbol("b"), partial=True)
    lines.append(Line(symbol, None, on_bias, rounded=rounded, role=direction(on_bias)))
    chain = (Derivative(L, Symbol("w", "i"), partial=True), Derivative(L, Z) * x, (P - Y) * x)
    return step("gradient for weights", chain, lines)


def _loss_steps(row: Row) -> list[Step]:
    """The loss from the probability and, for a logit, in the form that loses no digits."""
    true = P if row.label else Q
    chain = (L, (-(Y * log(P))) - (1 - Y) * log(1 - P), -log(true))
    opening = f"For y = {row.label} the other term vanishes"
    loss = log_step(row, chain, true, opening, row.names[row.label])
    if row.given and not loss.lines:
        kept = -log1p(-P)
        line = line_of(L, kept, {P: float(row.p[1])}, row.loss, role="loss")
        loss = step("loss", (*chain, kept), [line], ["log1p"], opening=opening, p=true.name)
    steps = [loss] if row.label else [_other_step(row), loss]
    if not row.given:
        steps.append(_safe_step(row))
    return [*steps, *rounding_remark(row.q, row.loss, true.name)]


def _other_step(row: Row) -> Step:
    """q = 1 - p, unless 1 - p of the rounded p is not q any more."""
    other, p = row.p.tolist()
    node = with_numbers(1 - P, {P: p}, other)
    if row.given or (reproduces(node, other) and 0 < p < 1):
        line = Line(Q, node, other, rounded=not row.exact[1], true=True)
        return step("other", (Q, 1 - P), [line], name=row.names[0])
    line = Line(Q, None, other, rounded=True, true=True)
    told = ["much" if other > 0.5 else "little"]
    return step("other", (Q, 1 - P, Call("σ", (-Z,))), [line], told, name=row.names[0])


def _safe_step(row: Row) -> Step:
    """max(±z, 0) + log1p(e^-|z|), which neither overflows nor cancels."""
    margin: Expression = Call("max", (-Z if row.label else Z, Number("0")))
    formula = margin + log1p(exp(-Call("abs", (Z,))))
    line = line_of(L, formula, {Z: float(row.logits[1])}, row.loss, role="loss")
    return step("safe loss", (L, formula), [line])


def _gradient_step(row: Row) -> Step:
    """p - y, or -σ(-z) where p rounds to 1 and p - 1 would show 0."""
    slope, role, rounded = Derivative(L, Z), direction(row.slope), not row.exact[1]
    values = {P: float(row.p[1]), Y: float(row.label)}
    line = line_of(slope, P - Y, values, row.slope, rounded=rounded, role=role)
    chain: tuple[Expression, ...] = (slope, P - Y)
    if line.substituted is None:
        chain = (*chain, -Call("σ", (-Z,)))
    change = "raise" if row.label else "lower"
    if row.slope == 0:
        change = "tiny" if rounded else "zero"
    return step("gradient", chain, [line], [change, "why"], label=row.label)


def _check_step(row: Row) -> Step:
    """Numerical derivatives beside the analytic one, and why they differ."""
    z, p, gradient = float(row.logits[1]), float(row.p[1]), row.slope
    around = np.array([z - STEP, z, z + STEP])
    below, here, above = binary_cross_entropy(around, [row.label] * 3, reduction="none").tolist()
    h, up, at, down = Symbol("h"), Symbol("L", "+"), Symbol("L", "0"), Symbol("L", "-")
    values = {up: above, at: here, down: below, h: STEP}
    forward, central = (above - here) / STEP, (above - below) / (2 * STEP)
    theory = h / 2 * P * (1 - P)
    expected = STEP / 2 * p * float(sigmoid(-z))
    exact = row.exact[1] and _written(p) - row.label == _written(gradient)
    numerical, two_sided, analytic = Symbol("forward"), Symbol("central"), Symbol("analytic")
    lines = (
        line_of(numerical, (up - at) / h, values, forward, 9, rounded=True),
        line_of(two_sided, (up - down) / (2 * h), values, central, 9, rounded=True),
        Line(analytic, None, gradient, 9, rounded=not exact),
        Line(numerical - analytic, None, forward - gradient, 2, rounded=True),
        Line(two_sided - analytic, None, central - gradient, 2, rounded=True),
        line_of(theory, theory, {h: STEP, P: p}, expected, 2, rounded=True),
    )
    limit = Call("lim", ((Call("L", (Z + h,)) - Call("L", (Z,))) / h,))
    return step("check", (Derivative(L, Z), limit), lines, h=STEP, noise=row.noise)
