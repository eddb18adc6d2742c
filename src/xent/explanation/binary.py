"""Steps for one binary logit, given as such, as features and weights, or as a probability."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from xent._format import counted
from xent._live.conditions import Condition, every, no
from xent._live.lines import LiveLine
from xent._live.words import Prose, choice, number
from xent._report.evaluation import evaluate
from xent._report.expression import (
    Call,
    Derivative,
    Expression,
    Number,
    Symbol,
    Total,
    call,
    exp,
    log,
    log1p,
    plus,
    same,
)
from xent.explanation import derivation, scaling, shares
from xent.explanation.common import CHECKABLE, NOISE, called, log_loss, rounding_remark
from xent.explanation.form import Form, alike, unlike
from xent.explanation.meaning import interpretation
from xent.explanation.quantities import STEP
from xent.explanation.row import Row
from xent.explanation.scaling import Scaling
from xent.explanation.steps import Chain, LiveStep, speaker, step, words
from xent.explanation.target import Target

Z, P, Q, Y, L, V, H = (Symbol(name) for name in ("z", "p", "q", "y", "L", "V", "h"))
P1, P0 = Symbol("p", "1"), Symbol("p", "0")

Floats = list[float]


# Rows of what is given.


def from_logit(logit: float, target: Target, scaling: Scaling, names: Sequence[str]) -> Row:
    """A row of one logit, which must be finite."""
    return _row(logit, target, scaling, names)


def from_features(
    layer: tuple[Floats, Floats, float], target: Target, scaling: Scaling, names: Sequence[str]
) -> Row:
    """A row whose logit is w·x + b."""
    x, w, b = layer
    given: dict[str, Any] = {"x": x, "w": w, "b": b}
    return _row(evaluate(dot(len(x)), given), target, scaling, names, given)


def from_probability(p: float, target: Target, _: Scaling, names: Sequence[str]) -> Row:
    """A row of a probability given as such."""
    logit = math.log(p) - math.log1p(-p) if 0 < p < 1 else math.inf if p else -math.inf
    logits, both = np.array([0, logit]), np.array([1 - p, p])
    return Row.of_probabilities(both, logits, target, names, binary=True)


def _row(
    logit: float,
    target: Target,
    scaling: Scaling,
    names: Sequence[str],
    layer: dict[str, Any] | None = None,
) -> Row:
    if not math.isfinite(logit):
        msg = f"the logit is {logit}; an explanation needs a finite one."
        raise ValueError(msg)
    return Row.of_logits(np.asarray(logit, float), target, scaling, names, layer)


# What is told of them.


def title(form: Form) -> Prose:
    """What is explained."""
    what: dict[str, Prose] = {
        "features": (counted(form.features, "feature"),),
        "logits": ("logit ", *number(Z)),
        "probabilities": ("probability ", *number(P1)),
    }
    return ("Binary cross-entropy of ", *what[form.source], ", ", *called(form))


def steps(form: Form) -> Iterator[LiveStep]:
    """From the logit to the loss and its gradient, checked and derived."""
    if form.given_p:
        yield _odds_step()
    if form.features:
        yield _dot_step(form.features)
    if not form.given_p:
        yield from scaling.steps(form)
        yield from _sigmoid_steps(form)
    yield from shares.target_steps(form)
    yield from _loss_steps(form)
    yield from _gradient_steps(form)
    if form.features:
        yield _weights_step(form)
    yield _check_step(form)
    yield from derivation.binary(form)
    yield interpretation(form)


def _odds_step() -> LiveStep:
    """A probability as a logit, unless it is 0 or 1."""
    odds = log(P / (1 - P))
    inside = every(P1 > 0, P1 < 1)
    return step("logit from probability", (Z, odds), [LiveLine(Z, Z, odds, {P: P1})], when=inside)


def _products(count: int) -> Expression:
    """w·x + b with every product."""
    pairs = ((Symbol("w", str(i)), Symbol("x", str(i))) for i in range(count))
    return plus(*(w * x for w, x in pairs), Symbol("b"))


def dot(count: int) -> Expression:
    """w·x + b of the numbers as they are written, rounded once: what is shown must add up."""
    return call("exact", _products(count))


def _dot_step(count: int) -> LiveStep:
    """z = w·x + b, with every product shown; a long formula is written as a sum."""
    products = _products(count)
    short = Total("i", Symbol("w", "i") * Symbol("x", "i")) + Symbol("b")
    known = {
        Symbol(letter, str(i)): Symbol(letter, str(i)) for letter in "wx" for i in range(count)
    }
    line = LiveLine(Z, Z, products, {**known, Symbol("b"): Symbol("b")}, rounded=None)
    return step("logit from features", (Z, products if count <= 4 else short), [line])


def _sigmoid_steps(form: Form) -> Iterator[LiveStep]:
    """The exponential and the probability."""
    z = Symbol(form.letter)
    power, decay = Symbol(f"e^-{z.name}"), exp(-z)
    say = speaker("exponential", z=z.name)
    which = "scaled" if form.stages else "features" if form.features else "why"
    told = [say(which), say("beyond", same(decay, Number("inf")))]
    yield step("exponential", (decay,), [LiveLine(decay, decay, decay, {z: z})], told)
    line = LiveLine(
        P,
        P1,
        1 / (1 + power),
        {power: decay},
        rounded=no(form.exact(1)),
        true=form.is_label(1),
    )
    formula = (P, Call("σ", (z,)), 1 / (1 + decay))
    yield step("sigmoid", formula, [line], name=form.names[1], z=z.name)


def _loss_steps(form: Form) -> Iterator[LiveStep]:
    """The loss from the probability and, for a logit, in the form that loses no digits."""
    if not form.plain:
        yield _other_step(form, no(form.is_label(1)) if form.one_hot else True)
        yield from shares.loss_steps(form)
        return
    yield _other_step(form, form.is_label(0))
    for label in form.labels:
        yield _log_step(form, label)
    if not form.given_p:
        yield _safe_step(form)
    yield from rounding_remark(form, {0: "q", 1: "p"})


def _log_step(form: Form, label: int) -> LiveStep:
    """-log p or -log q, or with log1p where that has lost the digits of a given probability."""
    true = P if label else Q
    formula: Chain = (L, (-(Y * log(P))) - (1 - Y) * log(1 - P), -log(true))
    line, whole = log_loss(form, label, true)
    opening = f"For y = {label} the other term vanishes"
    say = speaker("loss", opening=opening, whom=form.names[label], p=true.name)
    kept = -log1p(-P)
    chains: list[tuple[Condition, Chain]] = [(True, formula)]
    lines, lost = [replace(line, when=whole)], "rounded"
    if form.given_p:
        lines.append(LiveLine(L, L, kept, {P: P1}, role="loss", when=no(whole)))
        chains, lost = [(whole, formula), (True, (*formula, kept))], "log1p"
    told = choice((whole, say("why")), (True, say(lost)))
    return step("loss", chains, lines, [told], when=form.is_label(label))


def _other_step(form: Form, when: Condition) -> LiveStep:
    """q = 1 - p, unless 1 - p of the rounded p is not q any more."""
    true = form.is_label(0)
    kept: Condition = every(alike(1 - P1, P0), P1 > 0, P1 < 1)
    if form.given_p:
        kept = True
    lines = [
        LiveLine(Q, P0, 1 - P, {P: P1}, rounded=no(form.exact(1)), true=true, when=kept),
        LiveLine(Q, P0, rounded=True, true=true, when=no(kept)),
    ]
    say = speaker("other")
    told = choice(
        (kept, say("why" if form.one_hot else "shared")),
        (P0 > 0.5, say("much")),
        (True, say("little")),
    )
    chains = [(kept, (Q, 1 - P)), (True, (Q, 1 - P, Call("σ", (-Symbol(form.letter),))))]
    return step("other", chains, lines, [told], when=when, name=form.names[0])


def _safe_step(form: Form) -> LiveStep:
    """max(±z, 0) + log1p(e^-|z|), which neither overflows nor cancels."""
    z, chains, lines = Symbol(form.letter), [], []
    for label in form.labels:
        margin = Call("max", (-z if label else z, Number("0")))
        formula, held = margin + log1p(exp(-Call("abs", (z,)))), form.is_label(label)
        chains.append((held, (L, formula)))
        lines.append(LiveLine(L, L, formula, {z: z}, role="loss", when=held))
    return step("safe loss", chains, lines, z=z.name)


def _gradient_steps(form: Form) -> Iterator[LiveStep]:
    """p - y, or -σ(-z) where p rounds to 1 and p - 1 would show 0; then back to z."""
    z, g, exact = Symbol(form.letter), Symbol("g"), form.exact(1)
    slope = Derivative(L, z)
    chains: list[tuple[Condition, Chain]] = []
    lost = every(form.plain, unlike(P1 - Symbol("y", "1"), g))
    for held, difference in shares.differences(form, 1):
        if lost is not False:
            chains.append((every(held, lost), (slope, difference, -Call("σ", (-z,)))))
        chains.append((held, (slope, difference)))
    lines = shares.difference_lines(form, 1, slope, no(exact))
    say = speaker("gradient", z=z.name, label=number(form.y))
    change = choice(
        (g < 0, say("raise")),
        (g > 0, say("lower")),
        (exact, say("zero")),
        (True, say("tiny")),
    )
    yield step("gradient", chains, lines, [change, say("why" if form.one_hot else "soft")])
    yield from scaling.gradients(form)


def _weights_step(form: Form) -> LiveStep:
    """The gradient for the logit carried on to the weights and the bias."""
    g, x, on_bias, rounded = Symbol("g"), Symbol("x", "i"), Symbol("G"), no(form.exact(1))
    lines = []
    for i in range(form.features):
        symbol = Derivative(L, Symbol("w", str(i)), partial=True)
        each = Symbol("x", str(i))
        known = {g: on_bias, x: each}
        line = LiveLine(symbol, on_bias * each, g * x, known, rounded=rounded, role="gradient")
        lines.append(line)
    symbol = Derivative(L, Symbol("b"), partial=True)
    lines.append(LiveLine(symbol, on_bias, rounded=rounded, role="gradient"))
    formula: Chain = (Derivative(L, Symbol("w", "i"), partial=True), Derivative(L, Z) * x)
    alone = False if form.stages else form.unit
    return step("gradient for weights", [(alone, (*formula, (P - Y) * x)), (True, formula)], lines)


def _check_step(form: Form) -> LiveStep:
    """Numerical derivatives beside the analytic one, and why they differ."""
    up, at, down = Symbol("L", "+"), Symbol("L", "0"), Symbol("L", "-")
    above, below, gradient = Symbol("above"), Symbol("below"), Symbol("G")
    known = {up: above, at: L, down: below, H: H}
    forward, central = (above - L) / H, (above - below) / (2 * H)
    exact = every(form.exact(1), form.plain, same(call("exact", P1 - Symbol("y", "1")), gradient))
    numerical, two_sided, analytic = Symbol("forward"), Symbol("central"), Symbol("analytic")
    theory, alone = H / 2 * P * (1 - P), False if form.stages else form.unit
    lines = [
        LiveLine(numerical, forward, (up - at) / H, known, 9, rounded=True),
        LiveLine(two_sided, central, (up - down) / (2 * H), known, 9, rounded=True),
        LiveLine(analytic, gradient, digits=9, rounded=no(exact)),
        LiveLine(numerical - analytic, forward - gradient, digits=2, rounded=True),
        LiveLine(two_sided - analytic, central - gradient, digits=2, rounded=True),
        LiveLine(theory, H / 2 * P1 * P0, theory, {H: H, P: P1}, 2, rounded=True, when=alone),
    ]
    facts = {"h": STEP, "noise": NOISE}
    told = choice(
        (alone, words("check", "why", **facts)), (True, words("check", "options", **facts))
    )
    limit = Call("lim", ((Call("L", (Z + H,)) - Call("L", (Z,))) / H,))
    return step("check", (Derivative(L, Z), limit), lines, [told], when=CHECKABLE)
