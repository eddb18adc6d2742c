"""Steps for K logits, or K probabilities."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from xent.arrays import Array
from xent.explanation import derivation
from xent.explanation.expression import (
    Binary,
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
    shown,
    with_numbers,
)
from xent.explanation.meaning import interpretation, rounding_remark
from xent.explanation.steps import Explanation, Line, Step, computed
from xent.functions import softmax
from xent.losses import cross_entropy

L, M, Y = Symbol("L"), Symbol("m"), Symbol("y")
STEP = 1e-5
SHOWN = 10
"""Up to so many classes are all shown; of more, the label and the likeliest."""


def from_logits(logits: Array, label: int, names: Sequence[str]) -> Explanation:
    """Logits -> exponentials -> probabilities -> loss -> gradient, checked and derived."""
    p = softmax(logits)
    loss_array, gradient = cross_entropy(logits, label, return_grad=True)
    loss = float(loss_array)
    classes = _chosen(p, label)
    steps = [_scores_step(logits, label, names, classes)]
    steps += _softmax_steps(logits, p, classes)
    steps += _loss_steps(logits, p, label, loss)
    steps += _gradient_steps(p, gradient, label, classes, loss)
    steps.append(_check_step(logits, label, gradient, classes))
    steps += derivation.multiclass()
    steps += interpretation(loss, len(logits))
    return Explanation(
        title=f"Softmax cross-entropy of {len(logits)} logits, label {_called(label, names)}",
        steps=tuple(steps),
        loss=loss,
        gradient=gradient,
        probabilities=p,
        inputs={"logits": logits.tolist(), "label": label},
    )


def from_probabilities(p: Array, label: int, names: Sequence[str]) -> Explanation:
    """Probabilities given as such: the loss, and the gradient for the logits behind them."""
    q = float(p[label])
    loss = abs(float(-np.log(q))) if q > 0 else math.inf
    gradient = p.copy()
    gradient[label] -= 1
    classes = _chosen(p, label)
    lines = tuple(Line(Symbol("p", str(j)), None, float(p[j])) for j in classes)
    steps = [
        Step(
            "Prediction", "Probabilities", (), lines, f"As given; {_legend(label, names, classes)}"
        ),
        *_log_step(q, label, loss),
        *_gradient_steps(p, gradient, label, classes, loss),
        *derivation.multiclass(),
        *interpretation(loss, len(p)),
    ]
    return Explanation(
        title=f"Cross-entropy of {len(p)} probabilities, label {_called(label, names)}",
        steps=tuple(steps),
        loss=loss,
        gradient=gradient,
        probabilities=p,
        inputs={"probabilities": p.tolist(), "label": label},
    )


def _chosen(p: Array, label: int) -> list[int]:
    """All classes if few; else the label and the likeliest, in order."""
    if len(p) <= SHOWN:
        return list(range(len(p)))
    likeliest = np.argsort(-p, kind="stable")[: SHOWN // 2].tolist()
    return sorted({label, *likeliest})


def _scores_step(logits: Array, label: int, names: Sequence[str], classes: list[int]) -> Step:
    lines = tuple(Line(Symbol("z", str(j)), None, float(logits[j])) for j in classes)
    why = f"One raw score per class; {_legend(label, names, classes)}"
    if len(classes) < len(logits):
        why += f" Of {len(logits)} classes the label and the likeliest are shown."
    return Step("Prediction", "Logits", (), lines, why)


def _called(label: int, names: Sequence[str]) -> str:
    """`7`, or `7 (cat)` where the classes have names of their own."""
    return str(label) if names[label] == f"class {label}" else f"{label} ({names[label]})"


def _legend(label: int, names: Sequence[str], classes: list[int]) -> str:
    text = f"the true class is y = {label}."
    named = [f"{j} is {names[j]}" for j in classes if names[j] != f"class {j}"]
    return f"{text} Of the classes, {', '.join(named)}." if named else text


def _softmax_steps(logits: Array, p: Array, classes: list[int]) -> list[Step]:
    """Exponentials (of the distance to the largest logit where that is large), sum, softmax."""
    largest = float(logits.max())
    finite = logits[np.isfinite(logits)]
    shift = largest if len(finite) and np.abs(finite).max() > 20 else 0.0
    with np.errstate(under="ignore"):
        e = np.exp(logits - shift)
    z_j, z_k, p_j = Symbol("z", "j"), Symbol("z", "k"), Symbol("p", "j")
    of: Expression = z_j - M if shift else z_j
    lines, terms = [], {}
    for j in classes:
        z = Symbol("z", str(j))
        top = z - M if shift else z
        node = with_numbers(exp(top), {z: float(logits[j]), M: shift}, float(e[j]))
        lines.append(Line(exp(top), node, float(e[j])))
        terms[Symbol("E", str(j))] = float(e[j])
    total = float(e.sum())
    rest = len(logits) - len(classes)
    if rest:
        mask = np.ones(len(logits), bool)
        mask[classes] = False
        others = float(e[mask].sum())
        lines.append(Line(Symbol(f"the other {rest}"), None, others))
        terms[Symbol("rest")] = others
    why = "Larger scores count exponentially more; every term is positive."
    if shift:
        why += (
            f" The largest score, m = {shown(shift)}, is taken off first: it cancels in the "
            "quotient, and no exponential can overflow."
        )
    total_formula = Total("k", exp(z_k - M if shift else z_k))
    s = Symbol("S")
    quotients = []
    for j in classes:
        node = with_numbers(Symbol("a") / s, {Symbol("a"): float(e[j]), s: total}, float(p[j]))
        quotients.append(Line(Symbol("p", str(j)), node, float(p[j])))
    uneven = [v for v in p[classes].tolist() if v >= 1e-3 and f"{v:.3f}" != f"{_cut(v):.3f}"]
    remark = "Each exponential over their sum: the softmax. They add up to 1."
    if uneven:
        remark += (
            f" To three places {shown(uneven[-1])} is {uneven[-1]:.3f}; cut off it would read "
            f"{_cut(uneven[-1]):.3f}."
        )
    return [
        Step("Prediction", "Exponentials", (exp(of),), tuple(lines), why),
        computed(
            "Prediction", "Sum of the exponentials", (s, total_formula), plus(*terms), terms, total
        ),
        Step("Prediction", "Probabilities", (p_j, exp(of) / s), tuple(quotients), remark),
    ]


def _cut(value: float) -> float:
    return math.floor(value * 1000) / 1000


def _log_step(q: float, label: int, loss: float) -> list[Step]:
    """Loss = -log p_y, and whether rounding p_y on the way would show."""
    p_y = Symbol("p", str(label))
    chain = (L, -Total("j", Symbol("y", "j") * log(Symbol("p", "j"))), -log(Symbol("p", "y")))
    node = with_numbers(-log(p_y), {p_y: q}, loss)
    if reproduces(node, loss):
        why = "Only the true class has y_j = 1: the loss is the surprise at it."
        return [
            Step("Loss", "Loss", chain, (Line(L, node, loss),), why),
            *rounding_remark(q, loss, f"p_{label}"),
        ]
    why = (
        "Only the true class has y_j = 1. But p_y is rounded so near its limit that the "
        "logarithm can no longer tell; the next step keeps the digits."
    )
    return [Step("Loss", "Loss", chain, (), why)]


def _loss_steps(logits: Array, p: Array, label: int, loss: float) -> list[Step]:
    k = int(logits.argmax())
    m = float(logits[k])
    with np.errstate(under="ignore"):
        e = np.exp(logits - m)
    e[k] = 0.0
    gap, rest = m - float(logits[label]), float(e.sum())
    a, s = Symbol("a"), Symbol("S")
    node = with_numbers(a + log1p(s), {a: gap, s: rest}, loss)
    z_y, z_j = Symbol("z", "y"), Symbol("z", "j")
    return [
        *_log_step(float(p[label]), label, loss),
        Step(
            "Loss",
            "The same loss without overflow or cancellation",
            (L, (M - z_y) + log1p(Total("j≠k", exp(z_j - M)))),
            (Line(L, node, loss),),
            f"This is how xent computes it: m = z_k is the largest logit (k = {k}), both terms are "
            "at least 0, and log1p(x) = log(1 + x) keeps a small x.",
        ),
    ]


def _gradient_steps(
    p: Array, gradient: Array, label: int, classes: list[int], loss: float
) -> list[Step]:
    z_j, p_j, y_j = Symbol("z", "j"), Symbol("p", "j"), Symbol("y", "j")
    lines = []
    for j in classes:
        pj, value = Symbol("p", str(j)), float(gradient[j])
        y = Number("1" if j == label else "0")
        node: Expression | None = with_numbers(pj - y, {pj: float(p[j])}, value)
        if node is not None and not reproduces(node, value):
            node = None
        lines.append(Line(Derivative(L, Symbol("z", str(j)), partial=True), node, value))
    total = math.fsum(gradient.tolist())
    sums = Line(Symbol("sum of all"), None, 0.0 if abs(total) < 1e-15 else total)
    why = (
        "The true class is pulled up by what its probability lacks to 1, each other is pushed "
        "down by its probability; the pulls and pushes sum to 0."
    )
    if math.isinf(loss):
        why = "The true class is masked or impossible: only the others can be pushed down."
    return [
        Step(
            "Gradient",
            "Gradient for the logits",
            (Derivative(L, z_j, partial=True), Binary("-", p_j, y_j)),
            (*lines, sums),
            why,
        )
    ]


def _check_step(logits: Array, label: int, gradient: Array, classes: list[int]) -> Step:
    """Central differences, one logit at a time, beside the analytic gradient."""
    lines, worst = [], 0.0
    h = Symbol("h")
    up, down = Symbol("L", "+"), Symbol("L", "-")
    for j in classes:
        if not np.isfinite(logits[j]):
            continue
        pair = np.stack([logits, logits])
        pair[0, j] += STEP
        pair[1, j] -= STEP
        above, below = cross_entropy(pair, [label, label], reduction="none").tolist()
        slope = (above - below) / (2 * STEP)
        if not math.isfinite(slope):
            continue
        node = with_numbers(
            Binary("/", up - down, 2 * h), {up: above, down: below, h: STEP}, slope, 9
        )
        lines.append(Line(Derivative(L, Symbol("z", str(j)), partial=True), node, slope, 9))
        worst = max(worst, abs(slope - float(gradient[j])))
    lines.append(Line(Symbol("largest difference"), None, worst, 2))
    return Step(
        "Numerical check",
        "Numerical gradient beside the analytic one",
        (Derivative(L, Symbol("z", "j"), partial=True), (up - down) / (2 * h)),
        tuple(lines),
        f"Each logit moved by ±h, h = {STEP:g}: L+ and L- are the losses there. What is left is "
        f"rounding, about {np.finfo(float).eps:.1g} · L / h.",
    )
