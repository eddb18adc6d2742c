"""The steps that derive the gradient p - y, for one logit and for K."""

from __future__ import annotations

from xent._report.expression import Binary, Derivative, Expression, Symbol, Total, exp, log
from xent.explanation.steps import Step

SECTION = "Why the gradient is so"


def binary(label: int) -> list[Step]:
    """p = σ(f), dp/df = p (1 - p), and dL/df by the chain rule for the given label."""
    f, p, loss = Symbol("f"), Symbol("p"), Symbol("L")
    grow = 1 + exp(-f)
    sigmoid = Step(
        SECTION,
        "Write the sigmoid as a power",
        (p, 1 / grow, grow**-1),
        why="So the chain rule applies to the power and what is inside it. f is the logit.",
    )
    slope = Step(
        SECTION,
        "Derivative of the sigmoid",
        (
            Derivative(p, f),
            -(grow**-2 * -exp(-f)),
            exp(-f) / grow**2,
            (1 / grow) * (exp(-f) / grow),
            p * (1 - p),
        ),
        why="Since 1 - p = e^-f / (1 + e^-f). The slope is largest, 1/4, at p = 1/2.",
    )
    if label == 1:
        steps: tuple[Expression, ...] = (
            Derivative(loss, f),
            -(1 / p * Derivative(p, f)),
            -(p * (1 - p) / p),
            p - 1,
        )
        why = (
            "L = -log p, and p cancels. (Where log p itself is called the loss, its derivative "
            "reads 1 - p: log p is the log-likelihood, to be made large; the loss is its negative.)"
        )
    else:
        steps = (
            Derivative(loss, f),
            1 / (1 - p) * Derivative(p, f),
            p * (1 - p) / (1 - p),
            p,
        )
        why = (
            "L = -log(1 - p), and 1 - p cancels. (Where log(1 - p) itself is called the loss, its "
            "derivative reads -p: it is the log-likelihood; the loss is its negative.)"
        )
    chain = Step(SECTION, f"Derivative of the loss for label {label}", steps, why=why)
    both = Step(
        SECTION,
        "Both labels in one",
        (Derivative(loss, f), p - Symbol("y")),
        why="Prediction minus truth: the same form for y = 1 and y = 0.",
    )
    return [sigmoid, slope, chain, both]


def multiclass() -> list[Step]:
    """∂L/∂z_j = p_j - y_j, from L = log of the sum of exponentials, less z_y."""
    z_j, z_k, z_y = Symbol("z", "j"), Symbol("z", "k"), Symbol("z", "y")
    p_j, p_y, y_j = Symbol("p", "j"), Symbol("p", "y"), Symbol("y", "j")
    loss, partition = Symbol("L"), Symbol("A")
    total = Total("k", exp(z_k))
    return [
        Step(
            SECTION,
            "The loss without the quotient",
            (loss, -log(p_y), -log(exp(z_y) / total), log(total) - z_y, partition - z_y),
            why="A, the log of the sum of exponentials, is all that couples the classes.",
        ),
        Step(
            SECTION,
            "Derivative of A",
            (Derivative(partition, z_j, partial=True), exp(z_j) / total, p_j),
            why="The outer derivative is 1/sum, the inner one e^z_j: the softmax is A's gradient.",
        ),
        Step(
            SECTION,
            "Derivative of the loss",
            (Derivative(loss, z_j, partial=True), Binary("-", p_j, y_j)),
            why="-z_y adds -1 at the label only: y_j is 1 for j = y, and 0 for every other class.",
        ),
    ]
