"""Steps for one binary logit, given as such, as features and weights, or as a probability."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from xent._format import shown
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
from xent.explanation.meaning import interpretation, rounding_remark
from xent.explanation.result import Explanation
from xent.explanation.steps import Step, computed, direction, line_of
from xent.explanation.summary import summary
from xent.functions import sigmoid
from xent.losses import binary_cross_entropy
from xent.metrics import log_loss

F, P, Q, Y, L = Symbol("f"), Symbol("p"), Symbol("q"), Symbol("y"), Symbol("L")
STEP = 1e-5
"""Step of the numerical derivative: small, yet far above rounding."""

LARGEST_CHECKED = 1e5
"""Beyond this a logit plus or minus the step is rounded too much to say anything."""


@dataclass(frozen=True)
class _Row:
    """The numbers of a row, computed by the library."""

    logit: float
    p: float
    other: float
    """The probability of label 0."""
    label: int
    loss: float
    gradient: float
    names: Sequence[str]
    given: bool
    """Was the probability given, and not the logit?"""

    @property
    def exact(self) -> bool:
        """Is p what it stands for, and not rounded when computed?"""
        return self.given or self.logit == 0


def from_logit(
    logit: float, label: int, names: Sequence[str], before: Sequence[Step] = ()
) -> Explanation:
    """Logit -> probability -> loss -> gradient, checked and derived."""
    if not math.isfinite(logit):
        msg = f"the logit is {logit}; an explanation needs a finite one."
        raise ValueError(msg)
    p, other = float(sigmoid(logit)), float(sigmoid(-logit))
    loss, gradient = map(float, binary_cross_entropy(logit, label, return_grad=True))
    row = _Row(logit, p, other, label, loss, gradient, names, given=False)
    decay = float(np.exp(-logit))
    power = Symbol("e^-f")
    why = "The logit f is the raw score: the log of the odds p / (1 - p)."
    if math.isinf(decay):
        why += (
            " Here e^-f is beyond the largest double; the safe form of the loss below does "
            "without it."
        )
    first = [
        *before,
        computed("Prediction", "Exponential", (exp(-F),), exp(-F), {F: logit}, decay, why),
        computed(
            "Prediction",
            f"Probability of {names[1]}",
            (P, Call("σ", (F,)), 1 / (1 + exp(-F))),
            1 / (1 + power),
            {power: decay},
            p,
            "The sigmoid σ squeezes any score into the range from 0 to 1; f = 0 gives 1/2.",
            exact=row.exact,
            true=label == 1,
        ),
    ]
    return _explanation(f"logit {shown(logit)}", first, row, {"logit": logit})


def from_features(
    features: Sequence[float],
    weights: Sequence[float],
    bias: float,
    label: int,
    names: Sequence[str],
) -> Explanation:
    """f = w·x + b first, and the gradient carried on to the weights and the bias."""
    logit = _dot(weights, features, bias)
    base = from_logit(logit, label, names, [_dot_step(features, weights, bias, logit)])
    on_weights = _weights_step(features, float(base.gradient), exact=logit == 0)
    after = base.steps.index(base.step("Gradient for the logit")) + 1
    count = "1 feature" if len(features) == 1 else f"{len(features)} features"
    inputs = {"features": list(features), "weights": list(weights), "bias": bias}
    return replace(
        base,
        title=_title(count, label, names),
        steps=(*base.steps[:after], on_weights, *base.steps[after:]),
        inputs={**inputs, "label": label},
    )


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


def _dot_step(
    features: Sequence[float], weights: Sequence[float], bias: float, logit: float
) -> Step:
    """f = w·x + b, with every product shown; a long formula is written as a sum."""
    x = [Symbol("x", str(i)) for i in range(len(features))]
    w = [Symbol("w", str(i)) for i in range(len(weights))]
    b = Symbol("b")
    products = plus(*(a * c for a, c in zip(w, x, strict=True)), b)
    short = Total("i", Symbol("w", "i") * Symbol("x", "i")) + b
    return computed(
        "Prediction",
        "Logit",
        (F, products if len(features) <= 4 else short),
        products,
        dict(zip([*w, *x, b], [*weights, *features, bias], strict=True)),
        logit,
        "Each feature x_i moves the score by its weight w_i; b is the score of no features.",
    )


def _weights_step(features: Sequence[float], gradient: float, *, exact: bool) -> Step:
    """The gradient for the logit, exact or not, carried on to the weights and the bias."""
    g, x, w_i = Symbol("g"), Symbol("x", "i"), Symbol("w", "i")
    lines = []
    for i, value in enumerate(features):
        symbol = Derivative(L, Symbol("w", str(i)), partial=True)
        product, values = gradient * value, {g: gradient, x: value}
        role = direction(product)
        lines.append(line_of(symbol, g * x, values, product, rounded=not exact, role=role))
    on_bias, role = Derivative(L, Symbol("b"), partial=True), direction(gradient)
    lines.append(Line(on_bias, None, gradient, rounded=not exact, role=role))
    return Step(
        "Gradient",
        "Gradient for the weights and the bias",
        (Derivative(L, w_i, partial=True), Derivative(L, F) * x, (P - Y) * x),
        tuple(lines),
        "The chain rule: f grows by x_i for each unit of w_i, and by 1 for each unit of b.",
    )


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
    row = _Row(logit, p, 1 - p, label, loss, p - label, names, given=True)
    return _explanation(f"probability {shown(p)}", steps, row, {"probability": p})


def _title(what: str, label: int, names: Sequence[str]) -> str:
    """What is explained, and its label, with its name if it has one of its own."""
    plain = f"label {label}"
    called = plain if names[label] == plain else f"{plain} ({names[label]})"
    return f"Binary cross-entropy of {what}, {called}"


def _loss_steps(row: _Row) -> list[Step]:
    """The loss from the probability and, for a logit, in the form that loses no digits."""
    q, true = (row.p, P) if row.label else (row.other, Q)
    line = line_of(L, -log(true), {true: q}, row.loss, rounded=not row.given, role="loss")
    chain = (L, (-(Y * log(P))) - (1 - Y) * log(1 - P), -log(true))
    steps = [] if row.label else [_other_step(row)]
    safe = [] if row.given else [_safe_step(row)]
    vanishes = f"For y = {row.label} the other term vanishes"
    if line.substituted is not None:
        why = f"{vanishes}: the loss is the surprise at {row.names[row.label]}."
        loss = Step("Loss", "Loss", chain, (line,), why)
        return [*steps, loss, *safe, *rounding_remark(q, row.loss, true.name)]
    why = f"{vanishes}. But {true.name} is rounded so near "
    if not row.given:
        why += "its limit that the logarithm cannot tell any more; the next step can."
        return [*steps, Step("Loss", "Loss", chain, (), why), *safe]
    why += "1 that only log1p(x) = log(1 + x) keeps the digits."
    kept = -log1p(-P)
    line = line_of(L, kept, {P: row.p}, row.loss, role="loss")
    return [*steps, Step("Loss", "Loss", (*chain, kept), (line,), why)]


def _other_step(row: _Row) -> Step:
    """q = 1 - p, unless 1 - p of the rounded p is not q any more."""
    name = f"Probability of {row.names[0]}"
    why = "What the model left for the true label"
    node = with_numbers(1 - P, {P: row.p}, row.other)
    if row.given or (reproduces(node, row.other) and 0 < row.p < 1):
        line = Line(Q, node, row.other, rounded=not row.exact, true=True)
        return Step("Loss", name, (Q, 1 - P), (line,), f"{why}.")
    line = Line(Q, None, row.other, rounded=True, true=True)
    much = row.other > 0.5
    why += (
        ": next to nothing is missing from 1." if much else ": so little that 1 - p would lose it."
    )
    return Step("Loss", name, (Q, 1 - P, Call("σ", (-F,))), (line,), why)


def _safe_step(row: _Row) -> Step:
    """max(±f, 0) + log1p(e^-|f|), which neither overflows nor cancels."""
    margin: Expression = Call("max", (-F if row.label else F, Number("0")))
    formula = margin + log1p(exp(-Call("abs", (F,))))
    return Step(
        "Loss",
        "The same loss without overflow or cancellation",
        (L, formula),
        (line_of(L, formula, {F: row.logit}, row.loss, role="loss"),),
        "This is how xent computes it: both terms are at least 0, e^-|f| cannot overflow, and "
        "log1p(x) = log(1 + x) keeps a small x.",
    )


def _gradient_step(row: _Row) -> Step:
    """p - y, or -σ(-f) where p rounds to 1 and p - 1 would show 0."""
    slope, role = Derivative(L, F), direction(row.gradient)
    values = {P: row.p, Y: float(row.label)}
    line = line_of(slope, P - Y, values, row.gradient, rounded=not row.exact, role=role)
    formula: tuple[Expression, ...] = (slope, P - Y)
    if line.substituted is None:
        formula = (*formula, -Call("σ", (-F,)))
    sign, change = ("Negative", "raise") if row.label else ("Positive", "lower")
    why = f"{sign}: to lower the loss, {change} the logit."
    if row.gradient == 0:
        why = "Zero: there is nothing left to learn here."
        if not row.exact:
            why = "Too small for a double, though not zero: next to nothing is left to learn here."
    why += f" It fades as p approaches {row.label}: a right and certain row teaches little."
    return Step("Gradient", "Gradient for the logit", formula, (line,), why)


def _check_step(row: _Row) -> Step:
    """Numerical derivatives beside the analytic one, and why they differ."""
    z, gradient = row.logit, row.gradient
    around = np.array([z - STEP, z, z + STEP])
    below, here, above = binary_cross_entropy(around, [row.label] * 3, reduction="none").tolist()
    h, up, at, down = Symbol("h"), Symbol("L", "+"), Symbol("L", "0"), Symbol("L", "-")
    values = {up: above, at: here, down: below, h: STEP}
    forward, central = (above - here) / STEP, (above - below) / (2 * STEP)
    theory = h / 2 * P * (1 - P)
    expected = STEP / 2 * row.p * float(sigmoid(-z))
    exact = row.exact and _written(row.p) - row.label == _written(gradient)
    numerical, two_sided, analytic = Symbol("forward"), Symbol("central"), Symbol("analytic")
    lines = (
        line_of(numerical, (up - at) / h, values, forward, 9, rounded=True),
        line_of(two_sided, (up - down) / (2 * h), values, central, 9, rounded=True),
        Line(analytic, None, gradient, 9, rounded=not exact),
        Line(numerical - analytic, None, forward - gradient, 2, rounded=True),
        Line(two_sided - analytic, None, central - gradient, 2, rounded=True),
        line_of(theory, theory, {h: STEP, P: row.p}, expected, 2, rounded=True),
    )
    shifted = Call("L", (F + h,))
    noise = np.finfo(float).eps * (here + abs(z * gradient)) / STEP
    return Step(
        "Numerical check",
        "Numerical derivative beside the analytic one",
        (Derivative(L, F), Call("lim", ((shifted - Call("L", (F,))) / h,))),
        lines,
        f"With h = {STEP:g}. The one-sided difference is off by about h/2 times the second "
        "derivative, p (1 - p); the two-sided one cancels that. Rounding adds about "
        f"{noise:.1g} to both.",
    )


def _explanation(
    what: str, first: Sequence[Step], row: _Row, inputs: dict[str, float]
) -> Explanation:
    """The steps from the probability on, behind the first ones."""
    certain = not math.isfinite(row.logit)
    p = np.array([row.other, row.p])
    steps = [*first, *_loss_steps(row), _gradient_step(row)]
    if abs(row.logit) <= LARGEST_CHECKED:
        steps.append(_check_step(row))
    steps += derivation.binary(row.label)
    steps += interpretation(row.loss, 2, certain=certain)
    return Explanation(
        _title(what, row.label, row.names),
        tuple(steps),
        row.loss,
        np.asarray(row.gradient),
        np.asarray(row.p),
        {**inputs, "label": row.label},
        summary(p, row.label, row.loss, row.gradient, row.names, certain=certain),
    )
