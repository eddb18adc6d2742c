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
from xent.explanation.binary import LARGEST_CHECKED, STEP
from xent.explanation.meaning import interpretation, rounding_remark
from xent.explanation.result import Explanation
from xent.explanation.steps import Step, computed, computed_line, direction, line_of
from xent.explanation.summary import summary
from xent.functions import softmax
from xent.losses import cross_entropy
from xent.metrics import log_loss

L, M, Y = Symbol("L"), Symbol("m"), Symbol("y")
SHOWN = 10
"""Up to so many classes are all shown; of more, the label and the likeliest."""


def from_logits(logits: Array, label: int, names: Sequence[str]) -> Explanation:
    """Logits -> exponentials -> probabilities -> loss -> gradient, checked and derived."""
    p = softmax(logits)
    loss_array, gradient = cross_entropy(logits, label, return_grad=True)
    loss = float(loss_array)
    classes = _chosen(p, label)
    masked = int(np.isneginf(logits).sum())
    certain = masked == len(logits) - 1 or bool(np.isneginf(logits[label]))
    steps = [_scores_step(logits, label, names, classes)]
    steps += _softmax_steps(logits, p, label, classes)
    steps += _loss_steps(logits, p, label, loss)
    steps.append(_gradient_step(p, gradient, label, classes, loss, _known(logits)))
    if math.isfinite(loss) and np.abs(logits[np.isfinite(logits)]).max() <= LARGEST_CHECKED:
        steps.append(_check_step(logits, label, gradient, classes, loss, certain=certain))
    meaning = interpretation(loss, len(p), masked, certain=certain)
    return Explanation(
        title=f"Softmax cross-entropy of {len(logits)} logits, label {_called(label, names)}",
        steps=(*steps, *derivation.multiclass(), *meaning),
        loss=loss,
        gradient=gradient,
        probabilities=p,
        inputs={"logits": logits.tolist(), "label": label},
        summary=summary(p, label, loss, float(gradient[label]), names, masked, certain=certain),
    )


def from_probabilities(p: Array, label: int, names: Sequence[str]) -> Explanation:
    """Probabilities given as such: the loss, and the gradient for the logits behind them."""
    q, loss = float(p[label]), float(log_loss([1], [p[label]]))
    gradient = p.copy()
    gradient[label] -= 1
    classes, certain = _chosen(p, label), q in (0, 1)
    why = f"As given; {_legend(label, names, classes)}{_chosen_remark(len(p), classes)}"
    exact = np.ones(len(p), bool)
    steps = [
        Step("Prediction", "Probabilities", (), _given("p", p, label, classes), why),
        *_log_step(q, label, loss, exact=True),
        _gradient_step(p, gradient, label, classes, loss, exact, given=True),
    ]
    meaning = interpretation(loss, len(p), certain=certain)
    return Explanation(
        title=f"Cross-entropy of {len(p)} probabilities, label {_called(label, names)}",
        steps=(*steps, *derivation.multiclass(), *meaning),
        loss=loss,
        gradient=gradient,
        probabilities=p,
        inputs={"probabilities": p.tolist(), "label": label},
        summary=summary(p, label, loss, float(gradient[label]), names, certain=certain),
    )


def _chosen(p: Array, label: int) -> list[int]:
    """All classes if few; else the label and the likeliest, in order."""
    if len(p) <= SHOWN:
        return list(range(len(p)))
    likeliest = np.argsort(-p, kind="stable")[: SHOWN // 2].tolist()
    return sorted({label, *likeliest})


def _given(symbol: str, values: Array, label: int, classes: list[int]) -> tuple[Line, ...]:
    """The numbers that the rest is computed from."""
    return tuple(
        Line(Symbol(symbol, str(j)), None, float(values[j]), true=j == label) for j in classes
    )


def _scores_step(logits: Array, label: int, names: Sequence[str], classes: list[int]) -> Step:
    why = f"One raw score per class; {_legend(label, names, classes)}"
    if np.isneginf(logits).any():
        why += " A score of -inf masks its class: it can never be the answer."
    why += _chosen_remark(len(logits), classes)
    return Step("Prediction", "Logits", (), _given("z", logits, label, classes), why)


def _chosen_remark(count: int, classes: list[int]) -> str:
    if len(classes) == count:
        return ""
    return f" Of {count} classes the label and the likeliest are shown."


def _called(label: int, names: Sequence[str]) -> str:
    """`7`, or `7 (cat)` where the classes have names of their own."""
    return str(label) if names[label] == f"class {label}" else f"{label} ({names[label]})"


def _legend(label: int, names: Sequence[str], classes: list[int]) -> str:
    text = f"the true class is y = {label}."
    named = [f"{j} is {names[j]}" for j in classes if names[j] != f"class {j}"]
    return f"{text} Of the classes, {', '.join(named)}." if named else text


def _softmax_steps(logits: Array, p: Array, label: int, classes: list[int]) -> list[Step]:
    """Exponentials (of the distance to the largest logit where that is large), sum, softmax."""
    largest = float(logits.max())
    finite = logits[np.isfinite(logits)]
    shift = largest if len(finite) and np.abs(finite).max() > 20 else 0.0
    e = np.exp(logits - shift)
    masked = np.isneginf(logits)
    exact = bool(((logits == shift) | masked).all())

    def power(index: str) -> Expression:
        z = Symbol("z", index)
        return exp(z - M if shift else z)

    a, s, total = Symbol("a"), Symbol("S"), float(e.sum())
    lines, quotients, terms = [], [], {}
    for j in classes:
        true, e_j = j == label, float(e[j])
        values = {Symbol("z", str(j)): float(logits[j]), M: shift}
        lines.append(line_of(power(str(j)), power(str(j)), values, e_j, true=true))
        values, rounded = {a: e_j, s: total}, not (exact or masked[j])
        share = Symbol("p", str(j))
        quotients.append(line_of(share, a / s, values, float(p[j]), rounded=rounded, true=true))
        terms[Symbol("E", str(j))] = e_j
    rest = len(logits) - len(classes)
    if rest:
        others = float(np.delete(e, classes).sum())
        lines.append(Line(Symbol(f"the other {rest}"), None, others, rounded=not exact))
        terms[Symbol("rest")] = others
    why = "Larger scores count exponentially more; every term is positive."
    if masked.any():
        why = why.replace(".", ", but for 0 where a class is masked.")
    if shift:
        why += (
            f" The largest score, m = {shown(shift)}, is taken off first: it cancels in the "
            "quotient, and no exponential can overflow."
        )
    sums = "Sum of the exponentials"
    chain = (s, Total("k", power("k")))
    probability = (Symbol("p", "j"), power("j") / s)
    remark = f"Each exponential over their sum: the softmax. They add up to 1.{_uneven(p[classes])}"
    return [
        Step("Prediction", "Exponentials", (power("j"),), tuple(lines), why),
        computed("Prediction", sums, chain, plus(*terms), terms, total, exact=exact),
        Step("Prediction", "Probabilities", probability, tuple(quotients), remark),
    ]


def _uneven(p: Array) -> str:
    """A probability whose third place depends on whether it is rounded or cut off."""
    shares = [v for v in p.tolist() if 1e-3 <= v < 0.9995 and f"{v:.3f}" != f"{_cut(v):.3f}"]
    if not shares:
        return ""
    rounded, cut = f"{shares[-1]:.3f}", f"{_cut(shares[-1]):.3f}"
    return f" To three places {shown(shares[-1])} is {rounded}; cut off it would read {cut}."


def _cut(value: float) -> float:
    return math.floor(value * 1000) / 1000


def _log_step(q: float, label: int, loss: float, *, exact: bool) -> list[Step]:
    """Loss = -log p_y, and whether rounding p_y on the way would show."""
    p_y = Symbol("p", str(label))
    chain = (L, -Total("j", Symbol("y", "j") * log(Symbol("p", "j"))), -log(Symbol("p", "y")))
    line = line_of(L, -log(p_y), {p_y: q}, loss, rounded=not exact, role="loss")
    if line.substituted is not None:
        why = "Only the true class has y_j = 1: the loss is the surprise at it."
        step = Step("Loss", "Loss", chain, (line,), why)
        return [step, *rounding_remark(q, loss, f"p_{label}")]
    why = (
        "Only the true class has y_j = 1. But p_y is rounded so near its limit that the "
        "logarithm cannot tell any more; the next step can."
    )
    return [Step("Loss", "Loss", chain, (), why)]


def _loss_steps(logits: Array, p: Array, label: int, loss: float) -> list[Step]:
    """The loss from the probability, and from the logits in the form that loses no digits."""
    k = int(logits.argmax())
    m, z = float(logits[k]), float(logits[label])
    others = np.delete(logits, k)
    e = np.exp(others - m)
    z_y, z_j, r = Symbol("z", "y"), Symbol("z", "j"), Symbol("R")
    rest = Total("j≠k", exp(z_j - M))
    known = bool(((others == m) | np.isneginf(others)).all())
    lines = [Line(r, None, float(e.sum()), rounded=not known)]
    if len(others) <= 4:
        terms = {Symbol("z", str(j)): float(v) for j, v in enumerate(others)}
        sums = plus(*(exp(t - M) for t in terms))
        lines = [computed_line(r, sums, {**terms, M: m}, float(e.sum()))]
    values = {M: m, z_y: z, r: float(e.sum())}
    masked = z == -math.inf
    beyond = (
        " Here the loss is beyond the largest double." if loss == math.inf and not masked else ""
    )
    exact = masked or bool(np.isneginf(others).all())
    lines.append(computed_line(L, (M - z_y) + log1p(r), values, loss, exact=exact, role="loss"))
    return [
        *_log_step(float(p[label]), label, loss, exact=exact),
        Step(
            "Loss",
            "The same loss without overflow or cancellation",
            (L, (M - z_y) + log1p(rest)),
            tuple(lines),
            f"This is how xent computes it: m = z_k is the largest logit (k = {k}) and R the sum "
            "over the others. Both terms are at least 0, and log1p(x) = log(1 + x) keeps a small "
            f"x.{beyond}",
        ),
    ]


def _known(logits: Array) -> Array:
    """Classes whose probability is exact: masked ones, and all if the others are equal."""
    masked = np.isneginf(logits)
    return np.asarray(masked | (np.ptp(logits[~masked]) == 0))


def _gradient_step(
    p: Array,
    gradient: Array,
    label: int,
    classes: list[int],
    loss: float,
    known: Array,
    *,
    given: bool = False,
) -> Step:
    """p_j - y_j for each class, and their sum; `known` are those whose p_j is not rounded."""
    lines = []
    for j in classes:
        p_j, value = Symbol("p", str(j)), float(gradient[j])
        difference = p_j - Number(str(int(j == label)))
        marks: dict[str, Any] = {"role": direction(value), "true": j == label}
        symbol = Derivative(L, Symbol("z", str(j)), partial=True)
        values = {p_j: float(p[j])}
        lines.append(line_of(symbol, difference, values, value, rounded=not known[j], **marks))
    total = math.fsum(gradient.tolist())
    total = 0.0 if abs(total) < 1e-15 else total
    why = (
        "The true class is pulled up by what its probability lacks to 1, each other is pushed "
        "down by its probability; the pulls and pushes sum to 0."
    )
    if total:
        why = why.replace("sum to 0", "sum to 0 but for the rounding of the probabilities given")
    if math.isinf(loss) and given:
        why = "The true class was called impossible: no finite change of its logit mends that."
    elif gradient[label] == 0 and math.isinf(loss):
        why = "The true class is masked: it cannot be pulled up, and the others are pushed down."
    chain = (Derivative(L, Symbol("z", "j"), partial=True), Symbol("p", "j") - Symbol("y", "j"))
    lines.append(Line(Symbol("sum of all"), None, total))
    return Step("Gradient", "Gradient for the logits", chain, tuple(lines), why)


def _check_step(
    logits: Array, label: int, gradient: Array, classes: list[int], loss: float, *, certain: bool
) -> Step:
    """Central differences, one logit at a time, beside the analytic gradient."""
    lines, worst = [], 0.0
    h, up, down = Symbol("h"), Symbol("L", "+"), Symbol("L", "-")
    for j in (j for j in classes if np.isfinite(logits[j])):
        pair = np.stack([logits, logits])
        pair[0, j] += STEP
        pair[1, j] -= STEP
        above, below = cross_entropy(pair, [label, label], reduction="none").tolist()
        slope = (above - below) / (2 * STEP)
        symbol = Derivative(L, Symbol("z", str(j)), partial=True)
        values = {up: above, down: below, h: STEP}
        quotient = (up - down) / (2 * h)
        lines.append(line_of(symbol, quotient, values, slope, 9, rounded=not certain))
        worst = max(worst, abs(slope - float(gradient[j])))
    lines.append(Line(Symbol("largest difference"), None, worst, 2, rounded=not certain))
    finite = np.isfinite(logits)
    moved = np.abs(logits[finite] * gradient[finite]).max()
    noise = np.finfo(float).eps * (loss + moved) / STEP
    return Step(
        "Numerical check",
        "Numerical gradient beside the analytic one",
        (Derivative(L, Symbol("z", "j"), partial=True), (up - down) / (2 * h)),
        tuple(lines),
        f"Each logit moved by ±h, h = {STEP:g}: L_+ and L_- are the losses there. Rounding alone "
        f"adds about {noise:.1g}.",
    )
