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
    uneven  how many logits are below m: where none is, all probabilities are the same
    shift   m, where a logit is large, or else 0; E_j is e^(z_j - shift), and S their sum
    unlike  how many logits are not the shift: the exponentials of the others are exact
    best    the likeliest class, and tied how many are as likely
    net     the sum of all g_j
    reach, moved      the largest |z_j|, and the largest |z_j G_j|

One logit z has the classes 0 and 1, but no m, k, R, E and S, and g, G, above, below and slope are
numbers.
"""

from __future__ import annotations

from collections.abc import Callable

from xent._live.conditions import differ
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
    plus,
    same,
    sigmoid,
    softplus,
    substitute,
)
from xent.explanation.scaling import UNSCALED, Scaling

SHIFT, NET = Symbol("shift"), Symbol("net")
J, M, R, V, LABEL, EPS, CAP, T, H = (
    Symbol(name) for name in ("j", "m", "R", "V", "label", "eps", "cap", "T", "h")
)
MASKED = Number("-inf")

STEP = 1e-5
"""h: small, yet far above rounding."""
LARGEST_UNSHIFTED = 20.0
"""Beyond this m is subtracted before exponentials are taken."""
SMALLEST_DIVERGENCE = 1e-15
"""Less than this is rounding: the forecast is the target."""
NO_GRADIENT = 4e-15
"""A sum of gradients below it, for a target of total 1, is rounding."""
TIE = 1e-4
"""Probabilities that differ by less, relative to the larger, are called alike."""
ROUNDING = 1e-12
"""A sum of shares that is this near to 1 is 1."""

Logits = Callable[[str], Expression]
"""Gives the logit of a class by its index."""


def of_classes(count: int, scaling: Scaling = UNSCALED, *, hard: bool = True) -> Program:
    """A row of logits z_j whose target is the class `label` if `hard`, or else the shares t_j."""
    u = _elements(scaling.letter)
    above = _loss(lambda j: scaled(scaling, _moved(j, Symbol("z", j) + H)), count)
    below = _loss(lambda j: scaled(scaling, _moved(j, Symbol("z", j) - H)), count)
    p, v = _elements("p"), _elements("v")
    largest = Extreme("max", "j", call("abs", u("j")), count)
    # Where V p_j and v_j are near each other, their difference would lose digits.
    even, vp = same(Symbol("uneven"), 0), V * p("j")
    apart = call("or", even, vp < v("j") / 2, vp > 2 * v("j"))
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
            define("uneven", _how_many(differ(u("j"), M), count)),
            define("g_j", case(same(u("j"), MASKED), 0, case(apart, vp - v("j"), pushed)), count),
            define("G_j", _back(scaling, "j"), count),
            *_entropies(count),
            define("above_i", above, count),
            define("below_i", below, count),
            define("slope_i", _quotient("i"), count),
            define("shift", case(largest > LARGEST_UNSHIFTED, M, 0)),
            define("E_j", exp(u("j") - SHIFT), count),
            define("S", Total("j", Symbol("E", "j"), count)),
            define("unlike", _how_many(differ(u("j"), SHIFT), count)),
            define("reach", Extreme("max", "j", call("abs", Symbol("z", "j")), count)),
            define(
                "moved",
                Extreme("max", "j", call("abs", Symbol("z", "j") * Symbol("G", "j")), count),
            ),
            define("net", Total("j", Symbol("g", "j"), count)),
            define("net", case(call("abs", NET) < call("max", 1, V) * NO_GRADIENT, 0, NET)),
            define("best", Symbol("k")),
            _tied(count),
        ]
    )


def of_one_logit(scaling: Scaling = UNSCALED) -> Program:
    """A row of one logit z, whose target is a `share` of the label 1: the label itself, or less."""
    u, v, p = Symbol(scaling.letter), _elements("v"), _elements("p")
    return Program(
        [
            *_both_shares(),
            *_stages(scaling),
            *_masses(2),
            define("p_j", sigmoid(case(same(J, 1), u, -u)), 2),
            define("s_j", softplus(case(same(J, 1), -u, u)), 2),
            define("L", loss_of_one(u)),
            define("g", v("0") * p("1") - v("1") * p("0")),
            define("G", _back(scaling, "")),
            *_of_one(scaling),
        ]
    )


def of_features(count: int, scaling: Scaling = UNSCALED) -> Program:
    """A row of one logit that is w·x + b. It is computed as written: what is shown must add up."""
    products = (Symbol("w", str(i)) * Symbol("x", str(i)) for i in range(count))
    z = call("exact", plus(*products, Symbol("b")))
    return Program([define("z", z)]) + of_one_logit(scaling)


def of_one_probability() -> Program:
    """A row of one probability `given`, and the logit behind it."""
    p, v = Symbol("given"), _elements("v")
    return Program(
        [
            *_both_shares(),
            *_masses(2),
            define("z", log(p) - log1p(-p)),
            define("p_j", case(same(J, 1), p, 1 - p), 2),
            define("s_j", -case(same(J, 1), log(p), log1p(-p)), 2),
            define("L", Total("j", _times(v("j"), Symbol("s", "j")), 2)),
            define("g", V * p - v("1")),
            define("G", Symbol("g")),
            *_of_one(UNSCALED),
        ]
    )


def _both_shares() -> list[Definition]:
    """Of the labels 0 and 1."""
    return [define("t_j", case(same(J, 1), Symbol("share"), 1 - Symbol("share")), 2)]


def _of_one(scaling: Scaling) -> list[Definition]:
    """What else is known of one logit."""
    z, p = Symbol("z"), _elements("p")
    return [
        *_entropies(2),
        define("above", loss_of_one(scaled(scaling, z + H))),
        define("below", loss_of_one(scaled(scaling, z - H))),
        define("slope", _quotient("")),
        define("uneven", case(same(Symbol(scaling.letter), 0), 0, 1)),
        define("reach", call("abs", z)),
        define("moved", call("abs", z * Symbol("G"))),
        define("best", case(p("1") > p("0"), 1, 0)),
        _tied(2),
    ]


def loss_of_one(u: Expression) -> Expression:
    """The loss of a logit as it becomes a probability."""
    return Total("j", _times(Symbol("v", "j"), softplus(case(same(J, 1), -u, u))), 2)


def gradient_of_one(scaling: Scaling, z: Expression) -> Expression:
    """The gradient for any logit z."""
    u = scaled(scaling, z)
    inner = Symbol("v", "0") * sigmoid(u) - Symbol("v", "1") * sigmoid(-u)
    return substitute(_back(scaling, ""), {Symbol("g"): inner, Symbol("z"): z})


def _elements(name: str) -> Callable[[str], Symbol]:
    return lambda index: Symbol(name, index)


def scaled(scaling: Scaling, z: Expression) -> Expression:
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
        define("V", call("exact", plus(*(v(str(j)) for j in range(count))))),
        define("V", case(call("abs", V - 1) < ROUNDING, 1, V)),
    ]


def _tied(count: int) -> Definition:
    p = _elements("p")
    return define("tied", _how_many(p("j") >= (1 - TIE) * p("best"), count))


def _how_many(condition: Expression, count: int) -> Expression:
    return Total("j", case(condition, 1, 0), count)


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
    return (Symbol("above", index) - Symbol("below", index)) / (2 * H)


def _entropies(count: int) -> list[Definition]:
    y = Symbol("y", "j")
    return [
        define("H", -Total("j", _times(y, log(y)), count)),
        define("D", Total("j", _times(y, log(y) + Symbol("s", "j")), count)),
        define("D", case(Symbol("D") > SMALLEST_DIVERGENCE, Symbol("D"), 0)),
    ]
