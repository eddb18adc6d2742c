"""Steps for a target with shares of several classes, or with weights: soft labels and options."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from xent._report import Line
from xent._report.expression import Call, Expression, Number, Symbol, Total, exp, log, log1p, plus
from xent._report.lines import line_of
from xent.explanation.row import Row
from xent.explanation.steps import Step, step

L, M, R, V, H, D = (Symbol(name) for name in "LmRVHD")
EPS, K = Symbol("ε"), Symbol("K")

MOST = 4
"""Sums of more terms are not written out."""


class Part(NamedTuple):
    """A class that adds to the loss: its mass times -log of its probability."""

    j: int
    mass: Expression
    p: Symbol
    values: dict[Symbol, float]
    """The numbers of the symbols in both."""
    loss: float


def target_steps(row: Row) -> list[Step]:
    """The target as given, smoothed, and weighted."""
    target, steps = row.target, []
    classes = [1] if row.binary else row.chosen
    if target.label is None:
        given = "t" if target.smoothing else "y"
        lines = [Line(row.name(given, j), None, float(target.given[j])) for j in classes]
        steps.append(step("target", (), lines, ["one" if row.binary else "why"]))
    if target.smoothing:
        t, y = row.name("t", -1), row.name("y", -1)
        spread = (1 - EPS) * t + EPS / (Number("2") if row.binary else K)
        known = {EPS: target.smoothing, K: float(len(target.given))}
        lines = [
            line_of(
                row.name("y", j),
                spread,
                {t: float(target.given[j]), **known},
                float(target.shares[j]),
                rounded=None,
                true=j == target.label,
            )
            for j in classes
        ]
        steps.append(step("smoothing", (y, spread), lines))
    if target.weights is not None:
        steps.append(_weights_step(row, target.weights.tolist()))
    return steps


def _weights_step(row: Row, weights: list[float]) -> Step:
    """v_j = weight_j · y_j, and their sum."""
    target, lines = row.target, []
    for j in [1, 0] if row.binary else row.chosen:
        weight, y = Symbol("weight", str(j)), float(target.shares[j])
        values = {weight: weights[j], **row.values("y", j, y)}
        v, product, mass = Symbol("v", str(j)), weight * row.share("y", j), float(target.masses[j])
        lines.append(line_of(v, product, values, mass, rounded=None, true=j == target.label))
    lines.append(Line(V, None, target.total, rounded=len(lines) > 1))
    return step("weights", (Symbol("v", "j"), Symbol("weight", "j") * Symbol("y", "j")), lines)


def loss_steps(row: Row) -> list[Step]:
    """The loss class by class; the form that keeps the digits; entropy and KL divergence."""
    target, parts = row.target, _parts(row)
    steps = [_sum_step(row, parts)]
    if not row.from_probabilities:
        steps.append(_safe_binary_step(row) if row.binary else _safe_step(row, parts))
    if target.weights is None and not target.one_hot:
        steps += _entropy_steps(row)
    return steps


def _parts(row: Row) -> list[Part]:
    letter, masses, found = row.target.letter, row.target.masses.tolist(), []
    for j in [1, 0] if row.binary else range(len(masses)):
        if masses[j]:
            p = row.name("p", j)
            values = {p: float(row.p[j]), **row.values(letter, j, masses[j])}
            loss = masses[j] * float(row.surprises[j])
            found.append(Part(j, row.share(letter, j), p, values, loss))
    return found


def _sum_step(row: Row, parts: list[Part]) -> Step:
    """-v_j · log(p_j) of each class, and their sum."""
    letter, rounded = row.target.letter, not row.certain
    whole: Expression = -Total("j", row.share(letter, -1) * log(row.name("p", -1)))
    if row.binary:
        p, q = row.name("p", 1), row.name("p", 0)
        whole = -(row.share(letter, 1) * log(p)) - row.share(letter, 0) * log(q)
    if len(parts) == 1:
        (part,) = parts
        alone = -(part.mass * log(part.p))
        line = line_of(L, alone, part.values, row.loss, rounded=rounded, role="loss")
        named = alone if row.binary else -(Symbol(letter, "y") * log(Symbol("p", "y")))
        return step("loss of shares", (L, whole, named), [line], ["one"])
    shown = [part for part in parts if part.j in row.chosen or row.binary]
    lines = []
    for part in shown:
        term = -(part.mass * log(part.p))
        true = part.j == row.label
        lines.append(line_of(term, term, part.values, part.loss, rounded=rounded, true=true))
    terms = {Symbol("term", str(part.j)): part.loss for part in shown}
    if hidden := len(parts) - len(shown):
        rest = math.fsum(part.loss for part in parts if part not in shown)
        terms[Symbol("rest")] = rest
        lines.append(Line(Symbol(f"the other {hidden}"), None, rest, rounded=rounded))
    lines.append(line_of(L, plus(*terms), terms, row.loss, rounded=rounded, role="loss"))
    return step("loss of shares", (L, whole), lines, ["shared"])


def rest_line(row: Row) -> tuple[int, Line]:
    """The largest logit's class k, and R, the sum of the others' e^(z_j - z_k)."""
    k = int(row.logits.argmax())
    m, others = float(row.logits[k]), np.delete(row.logits, k)
    total = float(np.exp(others - m).sum())
    if len(others) > MOST:
        return k, Line(R, None, total, rounded=not ((others == m) | np.isneginf(others)).all())
    terms = {row.name(row.scaling.letter, j): float(z) for j, z in enumerate(others)}
    sums = plus(*(exp(z - M) for z in terms))
    return k, line_of(R, sums, {**terms, M: m}, total, rounded=None)


def _safe_step(row: Row, parts: list[Part]) -> Step:
    """V · log1p(R) + Σ v_j (m - z_j): every term is at least 0."""
    k, first = rest_line(row)
    z, letter = row.scaling.letter, row.target.letter
    values = {V: row.target.total, R: first.value, M: float(row.logits[k])}
    margins: list[Expression] = []
    for part in parts:
        z_j = row.name(z, part.j)
        values |= {z_j: float(row.logits[part.j]), **part.values}
        margins.append(part.mass * (M - z_j))
    node = _scaled(row, log1p(R))
    formula = plus(node, *margins)
    last = Line(L, None, row.loss, rounded=not row.certain, role="loss")
    if len(parts) <= MOST:
        last = line_of(L, formula, values, row.loss, rounded=not row.certain, role="loss")
    chain = (L, node + Total("j", row.share(letter, -1) * (M - row.name(z, -1))))
    return step("safe loss of shares", chain, [first, last], k=k, z=z)


def _safe_binary_step(row: Row) -> Step:
    """Both terms as max(±z, 0) + log1p(e^-|z|)."""
    z, letter, zero = Symbol(row.scaling.letter), row.target.letter, Number("0")
    both = [
        (row.share(letter, 1), Call("max", (-z, zero))),
        (row.share(letter, 0), Call("max", (z, zero))),
    ]
    formula = _scaled(row, log1p(exp(-Call("abs", (z,)))))
    for mass, margin in both:
        formula = formula + mass * margin
    values = {z: float(row.logits[1]), V: row.target.total}
    for j in (0, 1):
        values |= row.values(letter, j, float(row.target.masses[j]))
    line = line_of(L, formula, values, row.loss, rounded=not row.certain, role="loss")
    return step("safe loss of both labels", (L, formula), [line], z=z.name)


def _scaled(row: Row, node: Expression) -> Expression:
    """Times V, where that is not 1."""
    return node if row.target.total == 1 else V * node


def _entropy_steps(row: Row) -> list[Step]:
    """The loss as the entropy of the target and the divergence from it."""
    target = row.target
    wanted = [j for j in ([1, 0] if row.binary else range(len(target.shares))) if target.shares[j]]
    terms: list[Expression] = []
    values: dict[Symbol, float] = {}
    for j in wanted:
        y = row.share("y", j)
        terms.append(y * log(y))
        values |= row.values("y", j, float(target.shares[j]))
    negative = -terms[0]
    for term in terms[1:]:
        negative = negative - term
    entropy = Line(H, None, target.entropy, rounded=True)
    if len(wanted) <= MOST:
        entropy = line_of(H, negative, values, target.entropy, rounded=True)
    general = negative if row.binary else -Total("j", row.share("y", -1) * log(row.share("y", -1)))
    divergence = line_of(D, L - H, {L: row.loss, H: target.entropy}, row.divergence, rounded=True)
    told = ["why" if row.divergence else "equal"]
    if math.isinf(row.divergence):
        divergence, told = Line(D, None, row.divergence), ["beyond"]
    return [
        step("entropy of the target", (H, general), [entropy]),
        step("divergence", (L, H + D), [divergence], told),
    ]


def difference(row: Row, j: int) -> tuple[Expression, dict[Symbol, float]]:
    """p_j - y_j with its numbers, or V · p_j - v_j."""
    target, p, letter = row.target, row.name("p", j), row.target.letter
    node = _scaled(row, p) - row.share(letter, j)
    mass = row.values(letter, j, float(target.masses[j]))
    return node, {p: float(row.p[j]), V: target.total, **mass}
