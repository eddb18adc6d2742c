"""The steps that derive the gradient p - y, for one logit and for K."""

from __future__ import annotations

from xent._report.expression import Derivative, Expression, Symbol, Total, exp, log
from xent.explanation.steps import Step, step
from xent.explanation.target import Target

L = Symbol("L")


def binary(target: Target, letter: str) -> list[Step]:
    """p = σ(z), dp/dz = p (1 - p), and dL/dz by the chain rule for the given label."""
    z, p, y, label = Symbol(letter), Symbol("p"), Symbol("y"), target.label
    grow, squeeze, slope = 1 + exp(-z), Derivative(p, z), Derivative(L, z)
    inner = (-(grow**-2 * -exp(-z)), exp(-z) / grow**2, (1 / grow) * (exp(-z) / grow), p * (1 - p))
    chain: tuple[Expression, ...] = (slope, -(1 / p * squeeze), -(p * (1 - p) / p), p - 1)
    if label == 0:
        chain = (slope, 1 / (1 - p) * squeeze, p * (1 - p) / (1 - p), p)
    known = "slope for any label"
    if target.one_hot:
        known = f"slope for label {label}"
    else:
        chain = (slope, (1 - y) / (1 - p) * squeeze - y / p * squeeze, (1 - y) * p - y * (1 - p))
    return [
        step("power of the sigmoid", (p, 1 / grow, grow**-1)),
        step("slope of the sigmoid", (squeeze, *inner), z=letter),
        step(known, chain),
        step("both labels", (slope, p - y)),
        *_weighted(target, slope, p, Symbol("v", "1")),
    ]


def _weighted(target: Target, slope: Expression, p: Expression, v: Expression) -> list[Step]:
    """What weights change."""
    if target.weights is None:
        return []
    return [step("weighted slope", (slope, Symbol("V") * p - v))]


def multiclass(target: Target, letter: str) -> list[Step]:
    """∂L/∂z_j = p_j - y_j, from L = log of the sum of exponentials, less z_y."""
    z_j, z_k, z_y = (Symbol(letter, index) for index in "jky")
    p_j, p_y, y_j, partition = Symbol("p", "j"), Symbol("p", "y"), Symbol("y", "j"), Symbol("A")
    total = Total("k", exp(z_k))
    quotient = -log(exp(z_y) / total)
    slope, told = Derivative(L, z_j, partial=True), "why" if target.one_hot else "shared"
    chain: tuple[Expression, ...] = (L, -log(p_y), quotient, log(total) - z_y, partition - z_y)
    if not target.one_hot:
        logs, scores = Total("j", y_j * log(p_j)), Total("j", y_j * z_j)
        chain = (L, -logs, partition - scores)
    return [
        step("loss without quotient", chain, told=[told]),
        step(
            "slope of A",
            (Derivative(partition, z_j, partial=True), exp(z_j) / total, p_j),
            z=letter,
        ),
        step("slope of the loss", (slope, p_j - y_j), told=[told], z=letter),
        *_weighted(target, slope, p_j, Symbol("v", "j")),
    ]
