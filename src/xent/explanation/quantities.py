"""The numbers of a row as formulas of its logits and its target, each from those before it.

Tests compare them with the library. A page computes them anew when its reader moves a logit.

    z_j       logits; after softcap c_j, and after a temperature u_j
    t_j, y_j  the target's shares, before and after smoothing by eps
    v_j, V    the shares times weight_j, and their sum
    m, k, R   the largest logit, its class, and the sum of e^(z_j - m) over the other classes
    p_j, s_j  probabilities, and -log p_j
    L         the loss
    g_j, G_j  the gradient for the logits that become probabilities, and for z_j
    H, D      entropy of the shares, and the divergence of the probabilities from them
    above_i, below_i, slope_i      losses for z_i + h and z_i - h, and their difference over 2h

One logit z has the classes 0 and 1. There are no m, k and R, and g, G, above, below and slope are
numbers.
"""

from __future__ import annotations

from collections.abc import Callable

from xent._live.program import Definition, Program, define
from xent._report.expression import (
    Expression,
    Extreme,
    Number,
    Symbol,
    Total,
    call,
    case,
    exp,
    log,
    log1p,
    same,
    sigmoid,
    softplus,
)
from xent.explanation.scaling import UNSCALED, Scaling

J, M, R, V, LABEL, EPS, CAP, T, STEP = (
    Symbol(name) for name in ("j", "m", "R", "V", "label", "eps", "cap", "T", "h")
)
MASKED = Number("-inf")
Logits = Callable[[str], Expression]
"""Gives the logit of a class by its index."""


def of_classes(count: int, scaling: Scaling = UNSCALED, *, hard: bool = True) -> Program:
    """A row of logits z_j whose target is the class `label` if `hard`, or else the shares t_j."""
    u = _elements(scaling.letter)
    above = _loss(lambda j: _scaled(scaling, _moved(j, Symbol("z", j) + STEP)), count)
    below = _loss(lambda j: _scaled(scaling, _moved(j, Symbol("z", j) - STEP)), count)
    p, v = _elements("p"), _elements("v")
    pushed = p("j") * Total("i≠j", v("i"), count) - v("j") * Total("i≠j", p("i"), count)
    return Program(
        [
            *([define("t_j", case(same(J, LABEL), 1, 0), count)] if hard else []),
            *_stages(scaling, count),
            *_masses(count),
            define("m", Extreme("max", "j", u("j"), count)),
            define("k", Extreme("argmax", "j", u("j"), count)),
            define("R", Total("j≠k", exp(u("j") - M), count)),
            define("p_j", exp(u("j") - M) / (1 + R), count),
            define("s_j", (M - u("j")) + log1p(R), count),
            define("L", V * log1p(R) + _margins(u, M, count)),
            define("g_j", case(same(u("j"), MASKED), 0, pushed), count),
            define("G_j", _back(scaling, "j"), count),
            *_entropies(count),
            define("above_i", above, count),
            define("below_i", below, count),
            define("slope_i", _quotient("i"), count),
        ]
    )


def of_one_logit(scaling: Scaling = UNSCALED) -> Program:
    """A row of one logit z, whose target is a `share` of the label 1: the label itself, or less."""
    u, v, p = Symbol(scaling.letter), _elements("v"), _elements("p")

    def loss(z: Expression) -> Expression:
        return Total("j", _times(v("j"), softplus(case(same(J, 1), -z, z))), 2)

    return Program(
        [
            define("t_j", case(same(J, 1), Symbol("share"), 1 - Symbol("share")), 2),
            *_stages(scaling),
            *_masses(2),
            define("p_j", sigmoid(case(same(J, 1), u, -u)), 2),
            define("s_j", softplus(case(same(J, 1), -u, u)), 2),
            define("L", loss(u)),
            define("g", v("0") * p("1") - v("1") * p("0")),
            define("G", _back(scaling, "")),
            *_entropies(2),
            define("above", loss(_scaled(scaling, Symbol("z") + STEP))),
            define("below", loss(_scaled(scaling, Symbol("z") - STEP))),
            define("slope", _quotient("")),
        ]
    )


def _elements(name: str) -> Callable[[str], Symbol]:
    return lambda index: Symbol(name, index)


def _scaled(scaling: Scaling, z: Expression) -> Expression:
    """A logit after softcap and temperature."""
    for key, _ in scaling.stages:
        z = _after(key, z)
    return z


def _after(key: str, z: Expression) -> Expression:
    """A logit after one of them. A masked class stays masked."""
    return z / T if key == "temperature" else case(same(z, MASKED), z, CAP * call("tanh", z / CAP))


def _stages(scaling: Scaling, *size: int) -> list[Definition]:
    """The logits after each of them; `size` is empty for one logit."""
    index, before, made = "j" if size else "", "z", []
    for key, letter in scaling.stages:
        name = f"{letter}_j" if size else letter
        made.append(define(name, _after(key, Symbol(before, index)), *size))
        before = letter
    return made


def _back(scaling: Scaling, index: str) -> Expression:
    """The gradient for the logits as given. The derivative of cap · tanh(x) is cap / cosh² x."""
    node: Expression = Symbol("g", index)
    for key, _ in reversed(scaling.stages):
        if key == "temperature":
            node = node / T
        else:
            x = Symbol("z", index) / CAP
            node = node * (2 / (exp(x) + exp(-x))) ** Number("2")
    return node


def _masses(count: int) -> list[Definition]:
    """Shares after smoothing, and times the weights."""
    v = _elements("v")
    smoothed = (1 - EPS) * Symbol("t", "j") + EPS / Number(str(count))
    return [
        define("y_j", smoothed, count),
        define("v_j", Symbol("weight", "j") * Symbol("y", "j"), count),
        define("V", Total("j", v("j"), count)),
    ]


def _times(mass: Expression, loss: Expression) -> Expression:
    """A product that is 0 where the mass is 0, though the loss may be infinite."""
    return case(same(mass, 0), 0, mass * loss)


def _margins(u: Logits, m: Expression, count: int) -> Expression:
    return Total("j", _times(Symbol("v", "j"), m - u("j")), count)


def _loss(u: Logits, count: int) -> Expression:
    """The loss of any logits with the target v_j, in one formula."""
    m, k = (Extreme(function, "j", u("j"), count) for function in ("max", "argmax"))
    others = Total("j", case(same(J, k), 0, exp(u("j") - m)), count)
    return V * log1p(others) + _margins(u, m, count)


def _moved(j: str, there: Expression) -> Expression:
    """The logit of a class: `there` if it is the class i, otherwise z_j."""
    return case(same(Symbol(j), Symbol("i")), there, Symbol("z", j))


def _quotient(index: str) -> Expression:
    return (Symbol("above", index) - Symbol("below", index)) / (2 * STEP)


def _entropies(count: int) -> list[Definition]:
    y = Symbol("y", "j")
    return [
        define("H", -Total("j", _times(y, log(y)), count)),
        define("D", Total("j", _times(y, log(y) + Symbol("s", "j")), count)),
    ]
