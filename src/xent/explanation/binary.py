"""Steps for one binary logit, given as such, as features and weights, or as a probability."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from xent._format import counted, shown
from xent._report import Line
from xent._report.evaluation import reproduces, with_numbers
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
)
from xent._report.lines import line_of
from xent.explanation import derivation, shares
from xent.explanation.common import explained, log_step
from xent.explanation.meaning import rounding_remark
from xent.explanation.result import Explanation
from xent.explanation.row import STEP, Row
from xent.explanation.scaling import Scaling
from xent.explanation.steps import Step, direction, step
from xent.explanation.target import Target
from xent.functions import sigmoid

Z, P, Q, Y, L = Symbol("z"), Symbol("p"), Symbol("q"), Symbol("y"), Symbol("L")

Floats = list[float]


def from_logit(logit: float, target: Target, scaling: Scaling, names: Sequence[str]) -> Explanation:
    """Logit -> probability -> loss -> gradient, checked and derived."""
    row = _row(logit, target, scaling, names)
    return _explanation(f"logit {shown(logit)}", _sigmoid_steps(row), row, {"logit": logit})


def from_features(
    layer: tuple[Floats, Floats, float], target: Target, scaling: Scaling, names: Sequence[str]
) -> Explanation:
    """z = w·x + b first, and the gradient carried on to the weights and the bias."""
    features, weights, bias = layer
    row = _row(_dot(weights, features, bias), target, scaling, names)
    first = [_dot_step(features, weights, bias, row), *_sigmoid_steps(row)]
    inputs = {"features": features, "weights": weights, "bias": bias}
    on_weights = [_weights_step(features, row)]
    return _explanation(counted(len(features), "feature"), first, row, inputs, on_weights)


def from_probability(p: float, target: Target, _: Scaling, names: Sequence[str]) -> Explanation:
    """A probability given as such: the loss, and the gradient for the logit behind it."""
    steps, logit = [], math.inf if p else -math.inf
    if 0 < p < 1:
        logit = math.log(p) - math.log1p(-p)
        odds = log(P / (1 - P))
        line = line_of(Z, odds, {P: p}, logit)
        steps.append(step("logit from probability", (Z, odds), [line]))
    logits, both = np.array([0, logit]), np.array([1 - p, p])
    row = Row.of_probabilities(both, logits, target, names, binary=True)
    return _explanation(f"probability {shown(p)}", steps, row, {"probability": p})


def _row(logit: float, target: Target, scaling: Scaling, names: Sequence[str]) -> Row:
    """A row with its results, of a logit that must be finite."""
    if not math.isfinite(logit):
        msg = f"the logit is {logit}; an explanation needs a finite one."
        raise ValueError(msg)
    return Row.of_logits(np.asarray(logit, float), target, scaling, names)


def _explanation(
    what: str, first: Iterable[Step], row: Row, inputs: dict[str, Any], last: Iterable[Step] = ()
) -> Explanation:
    """All steps: the `first` lead to the probability, the `last` use the gradient for the logit."""
    check = [_check_step(row)] if row.checkable else []
    target = shares.target_steps(row)
    steps = [*first, *target, *_loss_steps(row), *_gradient_steps(row), *last, *check]
    title = f"Binary cross-entropy of {what}, {row.called}"
    return explained(
        title, [*steps, *derivation.binary(row.target, row.scaling.letter)], row, inputs
    )


def _sigmoid_steps(row: Row) -> list[Step]:
    """Softcap and temperature, the exponential and the probability."""
    logit, z = float(row.logits[1]), Symbol(row.scaling.letter)
    power = Symbol(f"e^-{z.name}")
    decay = float(np.exp(-logit))
    grown = line_of(exp(-z), exp(-z), {z: logit}, decay)
    marks: dict[str, Any] = {"rounded": not row.exact[1], "true": row.label == 1}
    squeezed = line_of(P, 1 / (1 + power), {power: decay}, float(row.p[1]), **marks)
    chain = (P, Call("σ", (z,)), 1 / (1 + exp(-z)))
    told = ["scaled" if row.scaling.stages else "why", *["beyond"] * math.isinf(decay)]
    return [
        *row.scaling.steps(row.given, [1], row.name),
        step("exponential", (exp(-z),), [grown], told, z=z.name),
        step("sigmoid", chain, [squeezed], name=row.names[1], z=z.name),
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
    line = line_of(Z, products, values, float(row.given[1]), rounded=None)
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
    chain: tuple[Expression, ...] = (
        Derivative(L, Symbol("w", "i"), partial=True),
        Derivative(L, Z) * x,
    )
    if row.target.total == 1 and not row.scaling.stages:
        chain = (*chain, (P - Y) * x)
    return step("gradient for weights", chain, lines)


def _loss_steps(row: Row) -> list[Step]:
    """The loss from the probability and, for a logit, in the form that loses no digits."""
    if not row.target.plain:
        other = [] if row.label == 1 and row.target.one_hot else [_other_step(row)]
        return [*other, *shares.loss_steps(row)]
    true = P if row.label else Q
    chain = (L, (-(Y * log(P))) - (1 - Y) * log(1 - P), -log(true))
    opening = f"For y = {row.label} the other term vanishes"
    loss = log_step(row, chain, true, opening, row.names[row.label or 0])
    if row.from_probabilities and not loss.lines:
        kept = -log1p(-P)
        line = line_of(L, kept, {P: float(row.p[1])}, row.loss, role="loss")
        loss = step("loss", (*chain, kept), [line], ["log1p"], opening=opening, p=true.name)
    steps = [loss] if row.label else [_other_step(row), loss]
    if not row.from_probabilities:
        steps.append(_safe_step(row))
    return [*steps, *rounding_remark(row.q, row.loss, true.name)]


def _other_step(row: Row) -> Step:
    """q = 1 - p, unless 1 - p of the rounded p is not q any more."""
    other, p = row.p.tolist()
    node, true = with_numbers(1 - P, {P: p}, other), row.label == 0
    if row.from_probabilities or (reproduces(node, other) and 0 < p < 1):
        line = Line(Q, node, other, rounded=not row.exact[1], true=true)
        told = ["why" if row.target.one_hot else "shared"]
        return step("other", (Q, 1 - P), [line], told, name=row.names[0])
    line = Line(Q, None, other, rounded=True, true=true)
    told = ["much" if other > 0.5 else "little"]
    chain = (Q, 1 - P, Call("σ", (-Symbol(row.scaling.letter),)))
    return step("other", chain, [line], told, name=row.names[0])


def _safe_step(row: Row) -> Step:
    """max(±z, 0) + log1p(e^-|z|), which neither overflows nor cancels."""
    z = Symbol(row.scaling.letter)
    margin: Expression = Call("max", (-z if row.label else z, Number("0")))
    formula = margin + log1p(exp(-Call("abs", (z,))))
    line = line_of(L, formula, {z: float(row.logits[1])}, row.loss, role="loss")
    return step("safe loss", (L, formula), [line], z=z.name)


def _gradient_steps(row: Row) -> list[Step]:
    """p - y, or -σ(-z) where p rounds to 1 and p - 1 would show 0; then back to z."""
    target, z = row.target, Symbol(row.scaling.letter)
    inner = float(row.inner)
    slope, role, rounded = Derivative(L, z), direction(inner), not row.exact[1]
    formula, values = shares.difference(row, 1)
    line = line_of(slope, formula, values, inner, rounded=rounded, role=role)
    chain: tuple[Expression, ...] = (slope, formula)
    if line.substituted is None and target.plain:
        chain = (*chain, -Call("σ", (-z,)))
    change = "raise" if inner < 0 else "lower"
    if inner == 0:
        change = "tiny" if rounded else "zero"
    told = [change, "why" if target.one_hot else "soft"]
    first = step("gradient", chain, [line], told, label=row.label, z=z.name)
    every = (np.broadcast_to(row.inner, 2), np.broadcast_to(row.gradient, 2))
    return [first, *row.scaling.gradients(row.given, *every, [1], row.name)]


def _check_step(row: Row) -> Step:
    """Numerical derivatives beside the analytic one, and why they differ."""
    z, p, gradient, target = float(row.given[1]), float(row.p[1]), row.slope, row.target
    around = np.array([z - STEP, z, z + STEP])
    below, here, above = row.scaling.of_loss(target.losses, around)[0].tolist()
    h, up, at, down = Symbol("h"), Symbol("L", "+"), Symbol("L", "0"), Symbol("L", "-")
    values = {up: above, at: here, down: below, h: STEP}
    forward, central = (above - here) / STEP, (above - below) / (2 * STEP)
    exact = row.exact[1] and target.plain and _written(p) - (row.label or 0) == _written(gradient)
    numerical, two_sided, analytic = Symbol("forward"), Symbol("central"), Symbol("analytic")
    lines = [
        line_of(numerical, (up - at) / h, values, forward, 9, rounded=True),
        line_of(two_sided, (up - down) / (2 * h), values, central, 9, rounded=True),
        Line(analytic, None, gradient, 9, rounded=not exact),
        Line(numerical - analytic, None, forward - gradient, 2, rounded=True),
        Line(two_sided - analytic, None, central - gradient, 2, rounded=True),
    ]
    told = ["options"]
    if target.total == 1 and not row.scaling.stages:
        theory, expected = h / 2 * P * (1 - P), STEP / 2 * p * float(sigmoid(-z))
        lines.append(line_of(theory, theory, {h: STEP, P: p}, expected, 2, rounded=True))
        told = ["why"]
    limit = Call("lim", ((Call("L", (Z + h,)) - Call("L", (Z,))) / h,))
    return step("check", (Derivative(L, Z), limit), lines, told, h=STEP, noise=row.noise)
