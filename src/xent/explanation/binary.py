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
from xent.explanation.steps import Step, computed, direction, line_of
from xent.functions import sigmoid
from xent.losses import binary_cross_entropy
from xent.metrics import log_loss

F, P, Q, Y, L = Symbol("f"), Symbol("p"), Symbol("q"), Symbol("y"), Symbol("L")


def from_logit(logit: float, label: int, names: Sequence[str]) -> Explanation:
    """Logit -> probability -> loss -> gradient, checked and derived."""
    row = _row(logit, label, names)
    return _explanation(f"logit {shown(logit)}", _sigmoid_steps(row), row, {"logit": logit})


def from_features(
    features: Sequence[float],
    weights: Sequence[float],
    bias: float,
    label: int,
    names: Sequence[str],
) -> Explanation:
    """f = w·x + b first, and the gradient carried on to the weights and the bias."""
    row = _row(_dot(weights, features, bias), label, names)
    first = [_dot_step(features, weights, bias, row), *_sigmoid_steps(row)]
    inputs = {"features": list(features), "weights": list(weights), "bias": bias}
    on_weights = [_weights_step(features, row)]
    return _explanation(counted(len(features), "feature"), first, row, inputs, on_weights)


def from_probability(p: float, label: int, names: Sequence[str]) -> Explanation:
    """A probability given as such: the loss, and the gradient for the logit behind it."""
    loss = float(log_loss([label], [p]))
    steps, logit = [], math.inf if p else -math.inf
    if 0 < p < 1:
        logit = math.log(p) - math.log1p(-p)
        odds = log(P / (1 - P))
        why = "The log of the odds: the raw score whose sigmoid is p."
        name = "Logit behind the probability"
        steps.append(computed("Prediction", name, (F, odds), odds, {P: p}, logit, why))
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
    logit, power = float(row.logits[1]), Symbol("e^-f")
    decay = float(np.exp(-logit))
    why = "The logit f is the raw score: the log of the odds p / (1 - p)."
    if math.isinf(decay):
        why += (
            " Here e^-f is beyond the largest double; the safe form of the loss below does "
            "without it."
        )
    return [
        computed("Prediction", "Exponential", (exp(-F),), exp(-F), {F: logit}, decay, why),
        computed(
            "Prediction",
            f"Probability of {row.names[1]}",
            (P, Call("σ", (F,)), 1 / (1 + exp(-F))),
            1 / (1 + power),
            {power: decay},
            float(row.p[1]),
            "The sigmoid σ squeezes any score into the range from 0 to 1; f = 0 gives 1/2.",
            rounded=not row.exact[1],
            true=row.label == 1,
        ),
    ]


def _dot(weights: Sequence[float], features: Sequence[float], bias: float) -> float:
    """w·x + b of the numbers as they are written, rounded once: what is shown must add up."""
    pairs = zip(map(_written, weights), map(_written, features), strict=True)
    total = sum((w * x for w, x in pairs), _written(bias))
    try:
        return float(total)
    except OverflowError:
        return math.inf if total > 0 else -math.inf


def _written(value: float) -> Fraction:
    return Fraction(repr(float(value)))


def _dot_step(features: Sequence[float], weights: Sequence[float], bias: float, row: Row) -> Step:
    """f = w·x + b, with every product shown; a long formula is written as a sum."""
    x = [Symbol("x", str(i)) for i in range(len(features))]
    w = [Symbol("w", str(i)) for i in range(len(weights))]
    b = Symbol("b")
    products = plus(*(a * c for a, c in zip(w, x, strict=True)), b)
    short = Total("i", Symbol("w", "i") * Symbol("x", "i")) + b
    chain = (F, products if len(features) <= 4 else short)
    values = dict(zip([*w, *x, b], [*weights, *features, bias], strict=True))
    why = "Each feature x_i moves the score by its weight w_i; b is the score of no features."
    line = line_of(F, products, values, float(row.logits[1]), rounded=None)
    return Step("Prediction", "Logit", chain, (line,), why)


def _weights_step(features: Sequence[float], row: Row) -> Step:
    """The gradient for the logit carried on to the weights and the bias."""
    g, x, on_bias, rounded = Symbol("g"), Symbol("x", "i"), row.slope, not row.exact[1]
    lines = []
    for i, value in enumerate(features):
        symbol, product = Derivative(L, Symbol("w", str(i)), partial=True), on_bias * value
        values, role = {g: on_bias, x: value}, direction(product)
        lines.append(line_of(symbol, g * x, values, product, rounded=rounded, role=role))
    symbol = Derivative(L, Symbol("b"), partial=True)
    lines.append(Line(symbol, None, on_bias, rounded=rounded, role=direction(on_bias)))
    return Step(
        "Gradient",
        "Gradient for the weights and the bias",
        (Derivative(L, Symbol("w", "i"), partial=True), Derivative(L, F) * x, (P - Y) * x),
        tuple(lines),
        "The chain rule: f grows by x_i for each unit of w_i, and by 1 for each unit of b.",
    )


def _loss_steps(row: Row) -> list[Step]:
    """The loss from the probability and, for a logit, in the form that loses no digits."""
    true = P if row.label else Q
    chain = (L, (-(Y * log(P))) - (1 - Y) * log(1 - P), -log(true))
    opening = f"For y = {row.label} the other term vanishes"
    loss = log_step(row, chain, true, opening, row.names[row.label])
    if row.given and not loss.lines:
        kept, values = -log1p(-P), {P: float(row.p[1])}
        digits = "only log1p(x) = log(1 + x) keeps the digits"
        why = f"{opening}. But {true.name} is rounded so near 1 that {digits}."
        loss = computed("Loss", "Loss", (*chain, kept), kept, values, row.loss, why, role="loss")
    steps = [loss] if row.label else [_other_step(row), loss]
    if not row.given:
        steps.append(_safe_step(row))
    return [*steps, *rounding_remark(row.q, row.loss, true.name)]


def _other_step(row: Row) -> Step:
    """q = 1 - p, unless 1 - p of the rounded p is not q any more."""
    name = f"Probability of {row.names[0]}"
    why = "What the model left for the true label"
    other, p = row.p.tolist()
    node = with_numbers(1 - P, {P: p}, other)
    if row.given or (reproduces(node, other) and 0 < p < 1):
        line = Line(Q, node, other, rounded=not row.exact[1], true=True)
        return Step("Loss", name, (Q, 1 - P), (line,), f"{why}.")
    line = Line(Q, None, other, rounded=True, true=True)
    much, little = "next to nothing is missing from 1", "so little that 1 - p would lose it"
    why = f"{why}: {much if other > 0.5 else little}."
    return Step("Loss", name, (Q, 1 - P, Call("σ", (-F,))), (line,), why)


def _safe_step(row: Row) -> Step:
    """max(±f, 0) + log1p(e^-|f|), which neither overflows nor cancels."""
    margin: Expression = Call("max", (-F if row.label else F, Number("0")))
    formula = margin + log1p(exp(-Call("abs", (F,))))
    return computed(
        "Loss",
        "The same loss without overflow or cancellation",
        (L, formula),
        formula,
        {F: float(row.logits[1])},
        row.loss,
        "This is how xent computes it: both terms are at least 0, e^-|f| cannot overflow, and "
        "log1p(x) = log(1 + x) keeps a small x.",
        role="loss",
    )


def _gradient_step(row: Row) -> Step:
    """p - y, or -σ(-f) where p rounds to 1 and p - 1 would show 0."""
    slope, role, rounded = Derivative(L, F), direction(row.slope), not row.exact[1]
    values = {P: float(row.p[1]), Y: float(row.label)}
    line = line_of(slope, P - Y, values, row.slope, rounded=rounded, role=role)
    chain: tuple[Expression, ...] = (slope, P - Y)
    if line.substituted is None:
        chain = (*chain, -Call("σ", (-F,)))
    sign, change = ("Negative", "raise") if row.label else ("Positive", "lower")
    why = f"{sign}: to lower the loss, {change} the logit."
    if row.slope == 0:
        why = "Zero: there is nothing left to learn here."
        if rounded:
            why = "Too small for a double, though not zero: next to nothing is left to learn here."
    why += f" It fades as p approaches {row.label}: a right and certain row teaches little."
    return Step("Gradient", "Gradient for the logit", chain, (line,), why)


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
    return Step(
        "Numerical check",
        "Numerical derivative beside the analytic one",
        (Derivative(L, F), Call("lim", ((Call("L", (F + h,)) - Call("L", (F,))) / h,))),
        lines,
        f"With h = {STEP:g}. The one-sided difference is off by about h/2 times the second "
        "derivative, p (1 - p); the two-sided one cancels that. Rounding adds about "
        f"{row.noise:.1g} to both.",
    )
