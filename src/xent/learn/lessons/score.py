"""One logit, its probability and its loss, for both labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xent._live.controls import choice, preset, presets, slider
from xent._live.lines import LiveLine
from xent._live.page import Live
from xent._live.picture import Picture
from xent._live.widgets import code, fact, lines, stage
from xent._report.expression import Call, Number, Symbol, call, case, exp, log, log1p, same, sigmoid
from xent.explanation.quantities import of_one_logit
from xent.losses import binary_cross_entropy

Z, P, L, SHARE = Symbol("z"), Symbol("p"), Symbol("L"), Symbol("share")
P1, Q = Symbol("p", "1"), case(same(SHARE, 1), Symbol("p", "1"), Symbol("p", "0"))


STATE = {"z": 2.0, "share": 1, "weight": [1, 1], "eps": 0, "h": 1e-5}


def build(state: Mapping[str, Any] = STATE) -> tuple[Live, dict[str, str]]:
    """The lesson's numbers and pictures."""
    live = Live(state, of_one_logit())
    p, q = live.number(P1), live.number(Symbol("p", "0"))
    summary = live.choose(
        (
            same(SHARE, 1),
            f"The logit {live.number(Z)} gives label 1 the probability {p}. The true label is 1, "
            f"so the loss is −log {live.number(P1)} ≈ {live.number(L)} nats.",
        ),
        otherwise=f"The logit {live.number(Z)} leaves label 0 the probability {q}. The true label "
        f"is 0, so the loss is −log {live.number(Symbol('p', '0'))} ≈ {live.number(L)} nats.",
    )
    controls = [
        slider(live, "z", "logit z", -10, 10),
        choice(live, "share", "true label", {0: "0", 1: "1"}),
        presets(
            [
                preset("right and confident", z=4, share=1),
                preset("no idea", z=0, share=1),
                preset("confident and wrong", z=-6, share=1),
                preset("z = 1.5", z=1.5, share=1),
            ]
        ),
    ]
    right, wrong = (float(binary_cross_entropy(z, 1)) for z in (2.0, -2.0))
    parts = {
        "stage": stage(
            [_sigmoid(live), _loss(live)],
            controls,
            summary,
            [live.formula("p", _probability()), live.formula("loss", *_losses())],
        ),
        "steps": lines(live, _power(), _probability(), *_losses(), *_safe()),
        "python": code(
            live,
            """
import xent

print(xent.sigmoid({z}))  # ≈ {p}
print(xent.binary_cross_entropy({z}, {y}))  # ≈ {L}
print(xent.explain({z}, label={y}))
""",
            {"z": Z, "y": SHARE, "p": (P1, 4), "L": (L, 4)},
        ),
        "right": fact(right, 2),
        "wrong": fact(wrong, 2),
    }
    return live, parts


def _sigmoid(live: Live) -> str:
    picture = Picture(
        live,
        "sigmoid",
        (-10, 10),
        (0, 1),
        "logit z",
        "probability of label 1",
        (-10, -5, 0, 5, 10),
        (0, 0.25, 0.5, 0.75, 1),
    )
    picture.curve(sigmoid(Symbol("x")), "x", "other")
    true = case(same(SHARE, 1), 1, 0)
    picture.segment((Z, P1), (Z, true), "true")
    picture.point(Z, P1, "true", tell="p", label="The probability")
    picture.handle(Z, P1, "logit z", drag_x="z", tell="p")
    return picture.svg(
        "The sigmoid: from a logit to a probability",
        "An S-shaped curve from 0 to 1. A point on it shows the logit's probability.",
    )


def _loss(live: Live) -> str:
    picture = Picture(
        live,
        "loss",
        (-10, 10),
        (0, 10),
        "logit z",
        "loss, nats",
        (-10, -5, 0, 5, 10),
        (0, 2, 4, 6, 8, 10),
    )
    x = Symbol("x")
    for label, sign in ((1, -x), (0, x)):
        curve = call("max", sign, 0) + log1p(exp(-call("abs", x)))
        picture.curve(curve, "x", "loss" if label else "other", style="" if label else "dashed")
    picture.text(-7.5, 9.2, "label 1", role="loss")
    picture.text(7.5, 9.2, "label 0", role="other")
    picture.point(Z, L, "loss", tell="loss", label="The loss")
    picture.handle(Z, L, "logit z, on the loss", drag_x="z", tell="loss")
    return picture.svg(
        "The loss for each label",
        "Two curves, mirror images: the loss of label 1 falls as the logit grows, that of label 0 "
        "rises. A point shows the loss of the true label.",
    )


def _power() -> LiveLine:
    return LiveLine(exp(-Z), exp(-Z), exp(-Z), {Z: Z})


def _probability() -> LiveLine:
    return LiveLine(P, P1, 1 / (1 + exp(-Z)), {Z: Z})


def _losses() -> list[LiveLine]:
    """-log of the true label's probability: p, or 1 - p."""
    one, other = -log(P), -log(1 - P)
    return [
        LiveLine(L, L, one, {P: P1}, rounded=None, when=same(SHARE, 1)),
        LiveLine(L, L, other, {P: P1}, rounded=None, when=same(SHARE, 0)),
    ]


def _safe() -> list[LiveLine]:
    """The form that neither overflows nor cancels, for each label."""
    rest = log1p(exp(-Call("abs", (Z,))))
    return [
        LiveLine(L, L, Call("max", (sign, Number("0"))) + rest, {Z: Z}, when=same(SHARE, label))
        for label, sign in ((1, -Z), (0, Z))
    ]
