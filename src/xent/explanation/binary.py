"""Steps for one binary logit, given as such, as features and weights, or as a probability."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
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
from xent.explanation.steps import Step, computed, direction
from xent.explanation.summary import summary
from xent.functions import sigmoid
from xent.losses import binary_cross_entropy
from xent.metrics import log_loss

F, P, Q, Y, L = Symbol("f"), Symbol("p"), Symbol("q"), Symbol("y"), Symbol("L")
STEP = 1e-5
"""Step of the numerical derivative: small, yet far above rounding."""

LARGEST_CHECKED = 1e5
"""Beyond this a logit plus or minus the step is rounded too much to say anything."""


def from_logit(
    logit: float, label: int, names: Sequence[str], before: Sequence[Step] = ()
) -> Explanation:
    """Logit -> probability -> loss -> gradient, checked and derived."""
    if not math.isfinite(logit):
        msg = f"the logit is {logit}; an explanation needs a finite one."
        raise ValueError(msg)
    p, other = float(sigmoid(logit)), float(sigmoid(-logit))
    loss, gradient = _loss_and_gradient(logit, label)
    decay = float(np.exp(-logit))
    power = Symbol("e^-f")
    why = "The logit f is the raw score: the log of the odds p / (1 - p)."
    if math.isinf(decay):
        why += (
            " Here e^-f is beyond the largest double; the safe form of the loss below does "
            "without it."
        )
    steps = [
        *before,
        computed(
            "Prediction",
            "Exponential",
            (exp(-F),),
            exp(-F),
            {F: logit},
            decay,
            why,
        ),
        computed(
            "Prediction",
            f"Probability of {names[1]}",
            (P, Call("σ", (F,)), 1 / (1 + exp(-F))),
            1 / (1 + power),
            {power: decay},
            p,
            "The sigmoid σ squeezes any score into the range from 0 to 1; f = 0 gives 1/2.",
            exact=logit == 0,
            true=label == 1,
        ),
    ]
    steps += _loss_steps(p, other, label, loss, names, logit)
    steps.append(_gradient_step(p, label, gradient, exact=logit == 0))
    return _explanation(
        f"Binary cross-entropy of logit {shown(logit)}, {_called(label, names)}",
        steps,
        logit,
        label,
        loss,
        gradient,
        (other, p),
        names,
    )


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
    return replace(
        base,
        title=f"Binary cross-entropy of {count}, {_called(label, names)}",
        steps=(*base.steps[:after], on_weights, *base.steps[after:]),
        inputs={
            "features": list(features),
            "weights": list(weights),
            "bias": bias,
            "label": label,
        },
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
    g, x, b = Symbol("g"), Symbol("x", "i"), Symbol("b")
    lines = []
    for i, value in enumerate(features):
        product = gradient * value
        node = with_numbers(g * x, {g: gradient, x: value}, product)
        w = Derivative(L, Symbol("w", str(i)), partial=True)
        role = direction(product)
        lines.append(Line(w, node, product, rounded=not exact, role=role))
    on_bias, role = Derivative(L, b, partial=True), direction(gradient)
    lines.append(Line(on_bias, None, gradient, rounded=not exact, role=role))
    return Step(
        "Gradient",
        "Gradient for the weights and the bias",
        (Derivative(L, Symbol("w", "i"), partial=True), Derivative(L, F) * x, (P - Y) * x),
        tuple(lines),
        "The chain rule: f grows by x_i for each unit of w_i, and by 1 for each unit of b.",
    )


def from_probability(p: float, label: int, names: Sequence[str]) -> Explanation:
    """A probability given as such: the loss, and the gradient for the logit behind it."""
    loss, gradient = float(log_loss([label], [p])), p - label
    steps, logit = [], math.inf if p else -math.inf
    if 0 < p < 1:
        logit = math.log(p) - math.log1p(-p)
        steps.append(
            computed(
                "Prediction",
                "Logit behind the probability",
                (F, log(P / (1 - P))),
                log(P / (1 - P)),
                {P: p},
                logit,
                "The log of the odds: the raw score whose sigmoid is p.",
            )
        )
    steps += _loss_steps(p, 1 - p, label, loss, names, None)
    steps.append(_gradient_step(p, label, gradient, exact=True))
    title = f"Binary cross-entropy of probability {shown(p)}, {_called(label, names)}"
    result = _explanation(title, steps, logit, label, loss, gradient, (1 - p, p), names)
    return replace(result, inputs={"probability": p, "label": label})


def _called(label: int, names: Sequence[str]) -> str:
    """`label 1`, or `label 1 (spam)` where the labels have names of their own."""
    plain = f"label {label}"
    return plain if names[label] == plain else f"{plain} ({names[label]})"


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
    q, true = (p, P) if label else (other, Q)
    node = with_numbers(-log(true), {true: q}, loss)
    general = (-(Y * log(P))) - (1 - Y) * log(1 - P)
    chain = (L, general, -log(true))
    steps = [] if label else [_other_step(p, other, names[0], logit)]
    if reproduces(node, loss):
        why = (
            f"For y = {label} the other term vanishes: the loss is the surprise at {names[label]}."
        )
        line = Line(L, node, loss, rounded=logit is not None, role="loss")
        steps.append(Step("Loss", "Loss", chain, (line,), why))
        safe = [_safe_step(logit, label, loss)] if logit is not None else []
        return [*steps, *safe, *rounding_remark(q, loss, "p" if label else "q")]
    why = f"For y = {label} the other term vanishes. But {'p' if label else 'q'} is rounded so "
    if logit is not None:
        why += "near its limit that the logarithm cannot tell any more; the next step can."
        return [*steps, Step("Loss", "Loss", chain, (), why), _safe_step(logit, label, loss)]
    why += "near 1 that only log1p(x) = log(1 + x) keeps the digits."
    kept = -log1p(-P)
    line = Line(L, with_numbers(kept, {P: p}, loss), loss, role="loss")
    return [*steps, Step("Loss", "Loss", (*chain, kept), (line,), why)]


def _other_step(p: float, other: float, name: str, logit: float | None) -> Step:
    """q = 1 - p, unless 1 - p of the rounded p is not q any more."""
    name = f"Probability of {name}"
    left = "What the model left for the true label"
    node = with_numbers(1 - P, {P: p}, other)
    if logit is None or (reproduces(node, other) and 0 < p < 1):
        line = Line(Q, node, other, rounded=bool(logit), true=True)
        return Step("Loss", name, (Q, 1 - P), (line,), f"{left}.")
    line = Line(Q, None, other, rounded=True, true=True)
    if other > 0.5:
        why = f"{left}: next to nothing is missing from 1."
    else:
        why = f"{left}: so little that 1 - p would lose it."
    return Step("Loss", name, (Q, 1 - P, Call("σ", (-F,))), (line,), why)


def _safe_step(logit: float, label: int, loss: float) -> Step:
    """max(±f, 0) + log1p(e^-|f|), which neither overflows nor cancels."""
    margin: Expression = Call("max", (-F if label else F, Number("0")))
    formula = margin + log1p(exp(-Call("abs", (F,))))
    return Step(
        "Loss",
        "The same loss without overflow or cancellation",
        (L, formula),
        (Line(L, with_numbers(formula, {F: logit}, loss), loss, role="loss"),),
        "This is how xent computes it: both terms are at least 0, e^-|f| cannot overflow, and "
        "log1p(x) = log(1 + x) keeps a small x.",
    )


def _gradient_step(p: float, label: int, gradient: float, *, exact: bool) -> Step:
    """p - y; `exact` says that p is not rounded."""
    node: Expression | None = with_numbers(P - Y, {P: p, Y: float(label)}, gradient)
    formula: tuple[Expression, ...] = (Derivative(L, F), P - Y)
    if node is not None and not reproduces(node, gradient):  # p rounds to 1: p - 1 would show 0
        node, formula = None, (*formula, -Call("σ", (-F,)))
    sign, change = ("Negative", "raise") if label else ("Positive", "lower")
    why = f"{sign}: to lower the loss, {change} the logit. "
    if gradient == 0:
        why = "Zero: there is nothing left to learn here. "
        if not exact:
            why = "Too small for a double, though not zero: next to nothing is left to learn here. "
    why += f"It fades as p approaches {label}: a right and certain row teaches little."
    line = Line(Derivative(L, F), node, gradient, rounded=not exact, role=direction(gradient))
    return Step("Gradient", "Gradient for the logit", formula, (line,), why)


def _check_step(
    logit: float, label: int, gradient: float, p: float, other: float, *, exact: bool
) -> Step:
    """Numerical derivatives beside the analytic one, exact or not, and why they differ."""
    around = np.array([logit - STEP, logit, logit + STEP])
    below, here, above = binary_cross_entropy(around, [label] * 3, reduction="none").tolist()
    h, up, at, down = Symbol("h"), Symbol("L", "+"), Symbol("L", "0"), Symbol("L", "-")
    values = {up: above, at: here, down: below, h: STEP}
    forward, central = (above - here) / STEP, (above - below) / (2 * STEP)
    theory = h / 2 * P * (1 - P)
    expected = STEP / 2 * p * other
    put_in = with_numbers(theory, {h: STEP, P: p}, expected, 2)
    numerical, two_sided, analytic = Symbol("forward"), Symbol("central"), Symbol("analytic")
    lines = (
        Line(numerical, with_numbers((up - at) / h, values, forward, 9), forward, 9, True),
        Line(two_sided, with_numbers((up - down) / (2 * h), values, central, 9), central, 9, True),
        Line(analytic, None, gradient, 9, rounded=not exact),
        Line(numerical - analytic, None, forward - gradient, 2, rounded=True),
        Line(two_sided - analytic, None, central - gradient, 2, rounded=True),
        Line(theory, put_in if reproduces(put_in, expected, 2) else None, expected, 2, True),
    )
    shifted = Call("L", (F + h,))
    noise = np.finfo(float).eps * (here + abs(logit * gradient)) / STEP
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
    title: str,
    steps: list[Step],
    logit: float,
    label: int,
    loss: float,
    gradient: float,
    p: tuple[float, float],
    names: Sequence[str],
) -> Explanation:
    if abs(logit) <= LARGEST_CHECKED:
        exact = not steps[-1].lines[0].rounded and _written(p[1]) - label == _written(gradient)
        other = float(sigmoid(-logit))
        steps.append(_check_step(logit, label, gradient, p[1], other, exact=exact))
    steps += derivation.binary(label)
    certain = not math.isfinite(logit)
    steps += interpretation(loss, 2, certain=certain)
    return Explanation(
        title,
        tuple(steps),
        loss,
        np.asarray(gradient),
        np.asarray(p[1]),
        {"logit": logit, "label": label},
        summary(np.array(p), label, loss, gradient, names, certain=certain),
    )
