"""The gradient of one logit: followed downhill, derived, and checked by differences of the loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xent._live.controls import choice, pop, preset, presets, push, slider
from xent._live.lines import LiveLine
from xent._live.page import MOST, Live
from xent._live.picture import Picture, Role
from xent._live.widgets import code, stage
from xent._report.expression import (
    Derivative,
    Expression,
    Number,
    Symbol,
    call,
    log,
    same,
    sigmoid,
)
from xent.learn.lessons.gradient.descent import NOW, PROGRAM, SHARE, STEPS, THEN, G, L, P, Z, loss

AFTER, LIMIT, RATE = Symbol("after"), Symbol("limit"), Symbol("rate")
Y, ETA = Symbol("y"), Symbol("η")

STATE = {
    "z": -3.0,
    "share": 1,
    "rate": 1.0,
    "rates": [],
    "k": 5,
    "x": [1.5, -2.0],
    "w": [0.4, 0.8],
    "b": 0.5,
}


def build(state: Mapping[str, Any] = STATE) -> tuple[Live, dict[str, str]]:
    """The lesson's numbers and pictures."""
    live = Live(state, PROGRAM, ("rates",))
    parts = {
        "walk": _walk(live),
        "label-1": live.number(P - 1),
        "label-0": live.number(P),
        "check": _check(live),
        "row": _row(live),
        "python": _python(live),
    }
    return live, parts


def _slope(formula: Expression, value: Expression) -> LiveLine:
    return LiveLine(Derivative(L, Z), value, formula, {P: P, Y: SHARE}, rounded=None)


# ---- a walk downhill


def _walk(live: Live) -> str:
    n = live.number
    change = live.choose(
        (AFTER < L - 5e-5, f"lowers the loss from {n(L)} to {n(AFTER)}."),
        (AFTER > L + 5e-5, f"<em>raises</em> the loss from {n(L)} to {n(AFTER)}."),
        otherwise=f"hardly changes the loss, {n(L)}.",
    )
    summary = (
        f"At z = {n(NOW)} and p = {n(P)} the gradient p&nbsp;−&nbsp;y is {n(G)}. The next step "
        f"moves z to {n(THEN)} and {change}"
    )
    controls = [
        slider(live, "z", "start z", -8, 8),
        slider(live, "rate", "rate η", 0.5, 15, 0.5),
        choice(live, "share", "target y", {0: "0", 1: "1", 0.5: "0.5"}),
        presets(
            [
                push("Take a step", "rates", "rate"),
                pop("Undo", "rates"),
                preset("No steps", rates=[]),
                f"<span>Steps: {n(Symbol('rates_count'))}</span>",
            ]
        ),
        presets(
            [
                preset("Confident and wrong", z=-6, share=1, rate=1, rates=[1, 1, 1]),
                preset("A rate that overshoots", z=-3, share=0.5, rate=15, rates=[15, 15]),
            ]
        ),
    ]
    shares = -(Y * log(P)) - (1 - Y) * log(1 - P)
    onward = LiveLine(
        Symbol("z", "new"),
        THEN,
        Z - ETA * (P - Y),
        {Z: NOW, ETA: RATE, P: P, Y: SHARE},
        rounded=None,
    )
    formulas = [
        live.formula(
            "loss",
            LiveLine(L, L, shares, {P: P, Y: SHARE}, rounded=None),
        ),
        live.formula("slope", _slope(P - Y, G)),
        live.formula("onward", onward),
    ]
    pictures = [_valley(live), _slopes(live)]
    return stage(pictures, controls, summary, formulas, name="walked", compact=True)


def _valley(live: Live) -> str:
    picture = Picture(
        live,
        "valley",
        (-12, 12),
        (0, 8),
        "logit z",
        "loss, nats",
        (-12, -8, -4, 0, 4, 8, 12),
        (0, 2, 4, 6, 8),
        height=250,
    )
    x, i = Symbol("x"), "i"
    picture.curve(loss(x), "x", "loss")
    picture.segment((NOW - 3, L - 3 * G), (NOW + 3, L + 3 * G), "plain", "rule dashed")
    walked = Symbol("u", i), Symbol("l", i)
    picture.trail(*walked, i, MOST + 1, "true", "thin")
    picture.dots(*walked, i, MOST + 1, "true")
    picture.point(THEN, AFTER, "true", style="hollow", tell="onward", label="After one more step")
    picture.point(NOW, L, "loss", tell="loss", label="The loss now")
    picture.handle(Z, Symbol("l", "0"), "start z", drag_x="z", x_span=(-8, 8), tell="loss")
    picture.text(0, 7.5, "● now   ○ after the next step")
    bounces = call("and", same(SHARE, 0.5), call("abs", NOW) > Number("1e-3"))
    picture.text(0, 6.7, ["a rate above ", LIMIT, " raises the loss"], seen=bounces, style="small")
    return picture.svg(
        "The loss, its tangent, and the steps",
        "The loss against the logit, with its tangent at the present logit, the path of the steps "
        "taken, and a ring where the next step leads.",
    )


def _slopes(live: Live) -> str:
    picture = Picture(
        live,
        "slopes",
        (-12, 12),
        (-1, 1),
        "logit z",
        "gradient p − y",
        (-12, -8, -4, 0, 4, 8, 12),
        (-1, -0.5, 0, 0.5, 1),
        height=250,
    )
    picture.curve(sigmoid(Symbol("x")) - SHARE, "x", "other")
    role: Role = "pull"
    picture.segment((NOW, 0), (NOW, G), role, "rule")
    picture.segment((-12, 0), (12, 0), "plain", "axis")
    picture.point(NOW, G, role, tell="slope", label="The gradient now")
    # Above the curve, which rises; but not over the axis.
    height = call("min", G, 0.8)
    picture.text(NOW, height, G, dx=-8, dy=-10, anchor="end", role=role, seen=NOW > -9)
    picture.text(NOW, height, G, dx=10, dy=-12, anchor="start", role=role, seen=NOW <= -9)
    return picture.svg(
        "Its slope, the gradient p − y",
        "The gradient against the logit: the S-shaped curve of the sigmoid, lower by the target.",
    )


# ---- derivation and check


def _logarithm(error: Expression) -> Expression:
    """Of 10, and no lower than the picture."""
    return log(call("max", error, Number("1e-16"))) / log(10)


def _check(live: Live) -> str:
    n = live.number
    one, two, far, near = (Symbol(name, "n") for name in ("one", "two", "far", "near"))
    h = Symbol("h", "n")
    told = ("L(z + h)", "L(z − h)", "L(z)")
    above, below, here = (Symbol(each) for each in told)
    rise = {above: Symbol("loss", "1,n"), here: Symbol("loss", "0,n"), Symbol("h"): h}
    both = {above: Symbol("loss", "1,n"), below: Symbol("loss", "2,n"), Symbol("h"): h}
    step = Symbol("h")
    formulas = [
        live.formula("one", LiveLine(Symbol("one-sided"), one, (above - here) / step, rise, 8)),
        live.formula(
            "two", LiveLine(Symbol("two-sided"), two, (above - below) / (2 * step), both, 8)
        ),
    ]
    summary = (
        f"At z = {n(Z)} the gradient p&nbsp;−&nbsp;y is {n(Symbol('true'), 8)}. With h = {n(h, 2)} "
        f"the one-sided quotient is off by {n(far, 2)}, the two-sided one by {n(near, 2)}."
    )
    controls = [
        slider(live, "k", "k, in h = 10⁻ᵏ", 1, 12, 0.25),
        slider(live, "z", "start z", -8, 8),
        presets(
            [
                preset("h = 1e−5 at z = 1", z=1, share=1, k=5, rates=[]),
                preset("Too small an h", z=-3, share=1, k=12, rates=[]),
            ]
        ),
    ]
    return stage([_errors(live)], controls, summary, formulas, name="checked", split=True)


def _errors(live: Live) -> str:
    powers = (1, 3, 5, 7, 9, 11), (0, -4, -8, -12, -16)
    picture = Picture(
        live,
        "errors",
        (1, 12),
        (-16, 0),
        "step h, smaller to the right",
        "error of the quotient",
        {k: f"1e−{k}" for k in powers[0]},
        {k: f"1e−{-k}" if k else "1" for k in powers[1]},
        left=62,
        height=230,
    )
    i = "n"
    k, count = 1 + Symbol(i) / 4, len(STEPS)
    for name in ("bend", "wave", "grain"):
        picture.raw('<g clip-path="url(#errors-clip)">')
        picture.trail(k, _logarithm(Symbol(name, i)), i, count, "other", "thin dashed")
        picture.raw("</g>")
    both: tuple[tuple[str, str, Role, str], ...] = (
        ("far", "one", "push", ""),
        ("near", "two", "true", "squares"),
    )
    for name, _, role, shape in both:
        picture.dots(k, _logarithm(Symbol(name, i)), i, count, role, shape)
    for name, tell, role, _ in both:
        error, label = _logarithm(Symbol(name, i)), f"The {tell}-sided quotient"
        picture.point(Symbol("k"), error, role, style="hollow", tell=tell, label=label)
    picture.text(1.2, -0.9, "● one-sided", role="push", anchor="start")
    picture.text(4.3, -0.9, "■ two-sided", role="true", anchor="start")
    picture.text(4.9, -3.6, "truncation ↘", anchor="start", style="small")
    picture.text(11.8, -0.9, "rounding, at most ↗", anchor="end", style="small")
    return picture.svg(
        "How far the quotient is from p − y",
        "The errors of both quotients against h. From the left they fall as h shrinks, the "
        "two-sided one faster, and then they rise again, scattered below a line.",
    )


# ---- weights, and code


def _row(live: Live) -> str:
    b, miss, score = Symbol("b"), Symbol("miss"), Symbol("score")
    w1, w2, x1, x2 = (Symbol(letter, place) for letter in "wx" for place in "12")
    given = {w1: _of("w", 0), w2: _of("w", 1), x1: _of("x", 0), x2: _of("x", 1), b: b}
    row = {P: Symbol("chance"), Y: SHARE}
    whole = LiveLine(Z, score, w1 * x1 + w2 * x2 + b, given, rounded=None)
    gradients = [
        ("w₁", w1, _of("d", 0), (P - Y) * x1, {**row, x1: given[x1]}),
        ("w₂", w2, _of("d", 1), (P - Y) * x2, {**row, x2: given[x2]}),
        ("b", b, miss, P - Y, row),
    ]
    picture = Picture(
        live,
        "row",
        (0, 4),
        (-3, 3),
        "",
        "gradient",
        {place: f"∂L/∂{each[0]}" for place, each in enumerate(gradients, 1)},
        (-3, -2, -1, 0, 1, 2, 3),
        height=230,
    )
    picture.segment((0, 0), (4, 0), "plain", "axis")
    formulas = []
    for place, (name, symbol, value, formula, operands) in enumerate(gradients, 1):
        line = LiveLine(Derivative(L, symbol, partial=True), value, formula, operands, rounded=None)
        formulas.append(live.formula(name, whole, line))
        picture.bar(place, value, "pull", width=46, tell=name, label=f"The gradient for {name}")
        picture.text(place, call("min", 2.6, call("max", value, 0)), value, dy=-6)
    controls = [
        slider(live, "x.0", "feature x₁", -3, 3),
        slider(live, "x.1", "feature x₂", -3, 3),
        slider(live, "w.0", "weight w₁", -2, 2),
        slider(live, "w.1", "weight w₂", -2, 2),
        slider(live, "b", "bias b", -2, 2),
    ]
    summary = (
        f"z = w · x + b = {live.number(score)} and p = {live.number(Symbol('chance'))}. The target "
        f"y is {live.number(SHARE)}, as above."
    )
    drawn = picture.svg(
        "The gradient for two weights and a bias",
        "Three bars, above or below zero: the gradient for each weight and for the bias.",
    )
    return stage([drawn], controls, summary, formulas, name="row-told", split=True)


def _of(name: str, place: int) -> Symbol:
    """An element of a list."""
    return Symbol(name, str(place))


PYTHON = """
import xent

z, y = {z}, {y}
loss, slope = xent.binary_cross_entropy(z, y, return_grad=True)
print(loss, slope)  # ≈ {L}, {g}
print(xent.sigmoid(z) - y)  # ≈ {g}

h = 1e-5
above, below = xent.binary_cross_entropy(z + h, y), xent.binary_cross_entropy(z - h, y)
print((above - below) / (2 * h))  # ≈ {g}

print(xent.check.gradient(
    xent.binary_cross_entropy,
    lambda z, y: xent.binary_cross_entropy(z, y, return_grad=True)[1],
    z,
    y,
))
"""


def _python(live: Live) -> str:
    l0 = Symbol("l", "0")
    return code(live, PYTHON, {"z": Z, "y": SHARE, "L": (l0, 4), "g": (Symbol("true"), 4)})
