"""The steps that derive the gradient p - y, for one logit and for K."""

from __future__ import annotations

from collections.abc import Iterator

from xent._report.expression import Derivative, Expression, Symbol, Total, exp, log
from xent.explanation.form import Form
from xent.explanation.steps import Chain, LiveStep, speaker, step

L = Symbol("L")


def binary(form: Form) -> Iterator[LiveStep]:
    """p = σ(z), dp/dz = p (1 - p), and dL/dz by the chain rule for the given label."""
    z, p, y = Symbol(form.letter), Symbol("p"), Symbol("y")
    grow, squeeze, slope = 1 + exp(-z), Derivative(p, z), Derivative(L, z)
    inner = (-(grow**-2 * -exp(-z)), exp(-z) / grow**2, (1 / grow) * (exp(-z) / grow), p * (1 - p))
    yield step("power of the sigmoid", (p, 1 / grow, grow**-1))
    yield step("slope of the sigmoid", (squeeze, *inner), z=z.name)
    chains: dict[int, Chain] = {
        0: (slope, 1 / (1 - p) * squeeze, p * (1 - p) / (1 - p), p),
        1: (slope, -(1 / p * squeeze), -(p * (1 - p) / p), p - 1),
    }
    for label in form.labels if form.one_hot else ():
        yield step(f"slope for label {label}", chains[label], when=form.is_label(label))
    if not form.one_hot:
        terms = (1 - y) / (1 - p) * squeeze - y / p * squeeze
        yield step("slope for any label", (slope, terms, (1 - y) * p - y * (1 - p)))
    yield step("both labels", (slope, p - y))
    if form.weighted:
        yield _weighted(slope, p, Symbol("v", "1"))


def _weighted(slope: Expression, p: Expression, v: Expression) -> LiveStep:
    """What weights change."""
    return step("weighted slope", (slope, Symbol("V") * p - v))


def multiclass(form: Form) -> Iterator[LiveStep]:
    """∂L/∂z_j = p_j - y_j, from L = log of the sum of exponentials, less z_y."""
    z_j, z_k, z_y = (Symbol(form.letter, index) for index in "jky")
    p_j, p_y, y_j, partition = Symbol("p", "j"), Symbol("p", "y"), Symbol("y", "j"), Symbol("A")
    total = Total("k", exp(z_k))
    quotient = -log(exp(z_y) / total)
    slope, told = Derivative(L, z_j, partial=True), "why" if form.one_hot else "shared"
    chain: Chain = (L, -log(p_y), quotient, log(total) - z_y, partition - z_y)
    if not form.one_hot:
        logs, scores = Total("j", y_j * log(p_j)), Total("j", y_j * z_j)
        chain = (L, -logs, partition - scores)
    yield step("loss without quotient", chain, (), [speaker("loss without quotient")(told)])
    rise = (Derivative(partition, z_j, partial=True), exp(z_j) / total, p_j)
    yield step("slope of A", rise, z=form.letter)
    say = speaker("slope of the loss", z=form.letter)
    yield step("slope of the loss", (slope, p_j - y_j), (), [say(told)])
    if form.weighted:
        yield _weighted(slope, p_j, Symbol("v", "j"))
