"""The steps that derive the gradient p - y, for one logit and for K."""

from __future__ import annotations

from xent._report.expression import Derivative, Expression, Symbol, Total, exp, log
from xent.explanation.steps import Step, step

L = Symbol("L")


def binary(label: int) -> list[Step]:
    """p = σ(z), dp/dz = p (1 - p), and dL/dz by the chain rule for the given label."""
    z, p = Symbol("z"), Symbol("p")
    grow, squeeze, slope = 1 + exp(-z), Derivative(p, z), Derivative(L, z)
    inner = (-(grow**-2 * -exp(-z)), exp(-z) / grow**2, (1 / grow) * (exp(-z) / grow), p * (1 - p))
    chain: tuple[Expression, ...] = (slope, -(1 / p * squeeze), -(p * (1 - p) / p), p - 1)
    if label == 0:
        chain = (slope, 1 / (1 - p) * squeeze, p * (1 - p) / (1 - p), p)
    return [
        step("power of the sigmoid", (p, 1 / grow, grow**-1)),
        step("slope of the sigmoid", (squeeze, *inner)),
        step(f"slope for label {label}", chain),
        step("both labels", (slope, p - Symbol("y"))),
    ]


def multiclass() -> list[Step]:
    """∂L/∂z_j = p_j - y_j, from L = log of the sum of exponentials, less z_y."""
    z_j, z_k, z_y = Symbol("z", "j"), Symbol("z", "k"), Symbol("z", "y")
    p_j, p_y, y_j, partition = Symbol("p", "j"), Symbol("p", "y"), Symbol("y", "j"), Symbol("A")
    total = Total("k", exp(z_k))
    quotient = -log(exp(z_y) / total)
    return [
        step("loss without quotient", (L, -log(p_y), quotient, log(total) - z_y, partition - z_y)),
        step("slope of A", (Derivative(partition, z_j, partial=True), exp(z_j) / total, p_j)),
        step("slope of the loss", (Derivative(L, z_j, partial=True), p_j - y_j)),
    ]
