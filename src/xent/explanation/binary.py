"""Steps for one binary logit, given as such, as features and weights, or as a probability."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from xent.explanation import derivation
from xent.explanation.expression import (
    Binary,
    Call,
    Derivative,
    Expression,
    Number,
    Symbol,
    exp,
    log,
    log1p,
    plus,
    reproduces,
    shown,
    with_numbers,
)
from xent.explanation.meaning import interpretation, rounding_remark
from xent.explanation.steps import Explanation, Line, Step, computed
from xent.functions import sigmoid
from xent.losses import binary_cross_entropy

F, P, Q, Y, L = Symbol("f"), Symbol("p"), Symbol("q"), Symbol("y"), Symbol("L")
STEP = 1e-5
"""Step of the numerical derivative, as in the study of it: small, yet far above rounding."""


def from_logit(
    logit: float, label: int, names: Sequence[str], before: Sequence[Step] = ()
) -> Explanation:
    """Logit -> probability -> loss -> gradient, checked and derived."""
    p, other = float(sigmoid(logit)), float(sigmoid(-logit))
    loss, gradient = _loss_and_gradient(logit, label)
    decay = math.inf if logit < -709 else float(np.exp(-logit))
    odds = Symbol("e^-f")
    steps = [
        *before,
        computed(
            "Prediction",
            "Exponential",
            (exp(-F),),
            exp(-F),
            {F: logit},
            decay,
            "The logit f is the raw score: the log of the odds p / (1 - p).",
        ),
        computed(
            "Prediction",
            f"Probability of {names[1]}",
            (P, Call("σ", (F,)), 1 / (1 + exp(-F))),
            1 / (1 + odds),
            {odds: decay},
            p,
            "The sigmoid σ squeezes any score into the range from 0 to 1; f = 0 gives 1/2.",
        ),
    ]
    steps += _loss_steps(p, other, label, loss, names, logit)
    steps.append(_gradient_step(p, label, gradient))
    return _explanation(
        f"Binary cross-entropy of logit {shown(logit)}, {names[label]}",
        steps,
        logit,
        label,
        loss,
        gradient,
        p,
    )


def from_features(
    features: Sequence[float],
    weights: Sequence[float],
    bias: float,
    label: int,
    names: Sequence[str],
) -> Explanation:
    """f = w·x + b first, and the gradient carried on to the weights and the bias."""
    logit = float(np.dot(weights, features) + bias)
    x = [Symbol("x", str(i)) for i in range(len(features))]
    w = [Symbol("w", str(i)) for i in range(len(weights))]
    b = Symbol("b")
    values = dict(
        zip([*w, *x, b], [*map(float, weights), *map(float, features), bias], strict=True)
    )
    formula = plus(*(a * c for a, c in zip(w, x, strict=True)), b)
    first = computed(
        "Prediction",
        "Logit",
        (F, formula),
        formula,
        values,
        logit,
        "Each feature x_i moves the score by its weight w_i; b is the score of no features.",
    )
    base = from_logit(logit, label, names, [first])
    gradient = float(base.gradient)
    g = Symbol("g")
    lines = []
    for i, value in enumerate(features):
        product = gradient * float(value)
        substituted = with_numbers(g * x[i], {g: gradient, x[i]: float(value)}, product)
        lines.append(Line(Derivative(L, w[i], partial=True), substituted, product))
    lines.append(Line(Derivative(L, b, partial=True), None, gradient))
    x_i = Symbol("x", "i")
    on_weights = Step(
        "Gradient",
        "Gradient for the weights and the bias",
        (Derivative(L, Symbol("w", "i"), partial=True), Derivative(L, F) * x_i, (P - Y) * x_i),
        tuple(lines),
        "The chain rule: f grows by x_i for each unit of w_i, and by 1 for each unit of b.",
    )
    after = next(n for n, s in enumerate(base.steps) if s.name == "Gradient for the logit") + 1
    return Explanation(
        title=f"Binary cross-entropy of {len(features)} features, {names[label]}",
        steps=(*base.steps[:after], on_weights, *base.steps[after:]),
        loss=base.loss,
        gradient=base.gradient,
        probabilities=base.probabilities,
        inputs={
            "features": [*map(float, features)],
            "weights": [*map(float, weights)],
            "bias": float(bias),
            "label": label,
        },
    )


def from_probability(p: float, label: int, names: Sequence[str]) -> Explanation:
    """A probability given as such: the loss, and the gradient for the logit behind it."""
    other = 1 - p
    q = p if label else other
    loss = 0.0 if q == 1 else float(-np.log(q)) if q > 0 else math.inf
    steps = _loss_steps(p, other, label, loss, names, None)
    gradient = p - label
    steps.append(_gradient_step(p, label, gradient))
    inside = 0 < p < 1
    logit = math.log(p) - math.log1p(-p) if inside else math.inf if p else -math.inf
    title = f"Binary cross-entropy of probability {shown(p)}, {names[label]}"
    result = _explanation(title, steps, logit, label, loss, gradient, p)
    return Explanation(
        result.title,
        result.steps,
        loss,
        result.gradient,
        result.probabilities,
        {"probability": p, "label": label},
    )


def _loss_and_gradient(logit: float, label: int) -> tuple[float, float]:
    loss, gradient = binary_cross_entropy(logit, label, return_grad=True)
    return float(loss), float(gradient)


def _loss_steps(
    p: float,
    other: float,
    label: int,
    loss: float,
    names: Sequence[str],
    logit: float | None,
) -> list[Step]:
    """The loss from the probability and, for a logit, in the form that loses no digits."""
    q = p if label else other
    steps = []
    if not label:
        steps.append(
            computed(
                "Loss",
                f"Probability of {names[0]}",
                (Q, 1 - P),
                1 - P,
                {P: p},
                other,
                "What the model left for the true label.",
            )
        )
        if not reproduces(steps[-1].lines[0].substituted or Number("nan"), other):
            steps[-1] = Step(
                "Loss",
                f"Probability of {names[0]}",
                (Q, 1 - P, Call("σ", (-F,))),
                (Line(Q, None, other),),
                "What the model left for the true label: so little that 1 - p would lose it.",
            )
    true = P if label else Q
    general = (-(Y * log(P))) - (1 - Y) * log(1 - P)
    node = with_numbers(-log(true), {true: q}, loss)
    enough = reproduces(node, loss)
    why = (
        f"For y = {label} the other term vanishes: the loss is the surprise at {names[label]}."
        if enough
        else f"For y = {label} the other term vanishes. But p is rounded so near its limit that "
        "the logarithm can no longer tell; the next step keeps the digits."
    )
    lines = (Line(L, node, loss),) if enough else ()
    steps.append(Step("Loss", "Loss", (L, general, -log(true)), lines, why))
    if logit is not None:
        steps.append(_safe_step(logit, label, loss))
    if enough:
        steps += rounding_remark(q, loss, "p" if label else "q")
    return steps


def _safe_step(logit: float, label: int, loss: float) -> Step:
    """max(±f, 0) + log1p(e^-|f|), which neither overflows nor cancels."""
    size = Symbol("a")
    away = max(-logit if label else logit, 0.0)
    margin: Expression = Call("max", (-F if label else F, Number("0")))
    formula = margin + log1p(exp(-Call("abs", (F,))))
    top = Symbol("m")
    node = with_numbers(top + log1p(exp(-size)), {top: away, size: abs(logit)}, loss)
    return Step(
        "Loss",
        "The same loss without overflow or cancellation",
        (L, formula),
        (Line(L, node, loss),),
        "This is how xent computes it: both terms are at least 0, e^-|f| cannot overflow, and "
        "log1p(x) = log(1 + x) keeps a small x.",
    )


def _gradient_step(p: float, label: int, gradient: float) -> Step:
    node: Expression | None = with_numbers(P - Y, {P: p, Y: float(label)}, gradient)
    formula: tuple[Expression, ...] = (Derivative(L, F), P - Y)
    if node is not None and not reproduces(node, gradient):  # p rounds to 1: p - 1 would show 0
        node, formula = None, (*formula, -Call("σ", (-F,)))
    direction = "raise" if label else "lower"
    return Step(
        "Gradient",
        "Gradient for the logit",
        formula,
        (Line(Derivative(L, F), node, gradient),),
        f"{'Negative' if label else 'Positive'}: to lower the loss, {direction} the logit. "
        f"It fades as p approaches {label}: a right and certain row teaches little.",
    )


def _check_step(logit: float, label: int, gradient: float, p: float, other: float) -> Step:
    """Numerical derivatives beside the analytic one, and why they differ."""
    around = np.array([logit - STEP, logit, logit + STEP])
    below, here, above = binary_cross_entropy(around, [label] * 3, reduction="none").tolist()
    h = Symbol("h")
    up, at, down = Symbol("L", "+"), Symbol("L", "0"), Symbol("L", "-")
    forward, central = (above - here) / STEP, (above - below) / (2 * STEP)
    lines = (
        Line(
            Symbol("forward"),
            with_numbers((up - at) / h, {up: above, at: here, h: STEP}, forward, 9),
            forward,
            9,
        ),
        Line(
            Symbol("central"),
            with_numbers(
                Binary("/", up - down, 2 * h), {up: above, down: below, h: STEP}, central, 9
            ),
            central,
            9,
        ),
        Line(Symbol("analytic"), None, gradient, 9),
        Line(Symbol("forward - analytic"), None, forward - gradient, 2),
        Line(Symbol("central - analytic"), None, central - gradient, 2),
        Line(Symbol("h/2 · p (1 - p)"), None, STEP / 2 * p * other, 2),
    )
    shifted = Call("L", (F + h,))
    return Step(
        "Numerical check",
        "Numerical derivative beside the analytic one",
        (Derivative(L, F), Call("lim", ((shifted - Call("L", (F,))) / h,))),
        lines,
        f"With h = {STEP:g}. The one-sided difference is off by about h/2 times the second "
        "derivative, p (1 - p); the two-sided one cancels that and is left with rounding, about "
        f"{np.finfo(float).eps:.1g} · L / h.",
    )


def _explanation(
    title: str,
    steps: list[Step],
    logit: float,
    label: int,
    loss: float,
    gradient: float,
    p: float,
) -> Explanation:
    if math.isfinite(logit):
        steps.append(_check_step(logit, label, gradient, p, float(sigmoid(-logit))))
    steps += derivation.binary(label)
    steps += interpretation(loss, 2)
    return Explanation(
        title,
        tuple(steps),
        loss,
        np.asarray(gradient),
        np.asarray(p),
        {"logit": logit, "label": label},
    )
