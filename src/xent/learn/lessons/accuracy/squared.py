"""The stage of squared error: its gradient vanishes where the model is confident and wrong."""

from __future__ import annotations

from xent._live.controls import preset, presets, slider
from xent._live.lines import LiveLine
from xent._live.page import Live
from xent._live.picture import Picture
from xent._live.program import Program, define
from xent._live.widgets import stage
from xent._report.expression import Derivative, Expression, Symbol, log, sigmoid
from xent.learn.lessons.accuracy.program import softplus

Z, P, CE, SQ, GC, GS = (Symbol(name) for name in ("z", "p", "ce", "sq", "gc", "gs"))
SPAN = (-8.0, 8.0)


def of_two_losses() -> Program:
    """Both losses of a row with the label 1, and their derivatives for its logit z."""
    return Program(
        [
            define("p", sigmoid(Z)),
            define("ce", softplus(-Z)),
            define("sq", _square(Z)),
            define("gc", -sigmoid(-Z)),
            define("gs", -_slope(Z)),
            define("ratio", Symbol("gc") / Symbol("gs")),
        ]
    )


def _square(z: Expression) -> Expression:
    """(1 - p)²"""
    return sigmoid(-z) * sigmoid(-z)


def _slope(z: Expression) -> Expression:
    """The size of its derivative: 2 p (1 - p)²."""
    return 2 * sigmoid(z) * _square(z)


def squared(live: Live) -> str:
    """The stage."""
    number = live.number
    summary = (
        f"At z = {number(Z)} the model gives the truth {number(P)}. The gradient of cross-entropy "
        f"is {number(GC)}, that of squared error {number(GS)}: {number(Symbol('ratio'), 1)} times "
        "smaller."
    )
    controls = [
        slider(live, "z", "logit z", *SPAN),
        presets(
            [
                preset("confident and wrong", z=-6),
                preset("no idea", z=0),
                preset("confident and right", z=4),
            ]
        ),
    ]
    loss, slope = Symbol("L"), Derivative(Symbol("L"), Z)
    told = [
        live.formula(name, LiveLine(symbol, value, formula, {P: P}, rounded=None))
        for name, symbol, value, formula in (
            ("ce", loss, CE, -log(P)),
            ("sq", loss, SQ, (1 - P) ** 2),
            ("gc", slope, GC, P - 1),
            ("gs", slope, GS, -2 * P * (1 - P) ** 2),
        )
    ]
    return stage([_losses(live), _slopes(live)], controls, summary, told, name="squared")


def _losses(live: Live) -> str:
    picture = Picture(
        live,
        "losses",
        SPAN,
        (0, 8),
        "logit z",
        "loss",
        (-8, -4, 0, 4, 8),
        (0, 2, 4, 6, 8),
        height=200,
    )
    x = Symbol("x")
    picture.curve(softplus(-x), "x", "loss")
    picture.curve(_square(x), "x", "push", style="dashed")
    picture.text(-4.2, 5.6, "cross-entropy", role="loss", anchor="start")
    picture.text(-7.8, 1.75, "squared error", role="push", anchor="start")
    picture.point(Z, SQ, "push", tell="sq", label="The squared error")
    picture.point(Z, CE, "loss")
    picture.handle(Z, CE, "logit z, on cross-entropy", drag_x="z", tell="ce")
    return picture.svg(
        "Two losses of a row with the label 1",
        "Over the logit, cross-entropy grows without limit to the left; squared error stops at 1.",
    )


def _slopes(live: Live) -> str:
    picture = Picture(
        live,
        "slopes",
        SPAN,
        (-1.1, 0.1),
        "logit z",
        "gradient",
        (-8, -4, 0, 4, 8),
        (-1, -0.5, 0),
        height=200,
    )
    x = Symbol("x")
    picture.curve(-sigmoid(-x), "x", "loss")
    picture.curve(-_slope(x), "x", "push", style="dashed")
    picture.text(0.6, -0.8, "cross-entropy", role="loss", anchor="start")
    picture.text(-7.8, -0.2, "squared error", role="push", anchor="start")
    picture.point(Z, GS, "push", tell="gs", label="The gradient of squared error")
    picture.point(Z, GC, "loss", tell="gc", label="The gradient of cross-entropy")
    return picture.svg(
        "Their gradients",
        "The gradient of cross-entropy is near −1 wherever the model is confident and wrong; that "
        "of squared error is near 0 there, and largest where p is one third.",
    )
