"""Ten points, in four frames from the sigmoid to the mean loss, and a map of that loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from xent._live.controls import RESET, choice, pop, preset, presets, push, slider
from xent._live.lines import LiveLine
from xent._live.page import MOST, Live
from xent._live.picture import Picture, Role
from xent._live.widgets import code, fact, stage
from xent._report.expression import (
    Expression,
    Number,
    Operand,
    Symbol,
    call,
    case,
    exp,
    log,
    same,
    sigmoid,
)
from xent.learn.lessons.dataset.points import (
    ACROSS,
    BIASES,
    LABELS,
    LEVELS,
    POINTS,
    PROGRAM,
    RAYS,
    WEIGHTS,
    B,
    N,
    W,
)
from xent.losses import binary_cross_entropy

FRAME, L, AFTER, STEP = Symbol("frame"), Symbol("L"), Symbol("after"), Symbol("step")
SPAN = (-4.0, 5.5)
"""Where points may be dragged."""
HIGHEST = 4.0
"""Losses above it are cut off in the picture."""
BAR, OUTLINE = 8, 2.5
"""Width of a bar in pixels, less than GAP, and of its outline, as in the style sheet."""
ROLES: tuple[Role, Role] = ("push", "true")
BASE = float(binary_cross_entropy(np.full(N, np.log(0.7 / 0.3)), LABELS))
"""The loss of saying for each point that 7 of 10 have label 1: the entropy of the labels."""
FRAMES: dict[float, str] = {1: "1 points", 2: "2 probability", 3: "3 −log p", 4: "4 mean"}
BAD_LABEL = [*POINTS[:9], -3.5]
SEPARATE = [-2.2, -1.4, 0.2, -0.8, *POINTS[4:]]
"""The third and the fourth have changed places."""

STATE = {
    "x": POINTS,
    "w": 1.0,
    "b": 0.5,
    "frame": 1,
    "rate": 1.0,
    "reduction": 0,
    "rates": [],
}


def build(state: Mapping[str, Any] = STATE) -> tuple[Live, dict[str, str]]:
    """The lesson's numbers and pictures."""
    live = Live(state, PROGRAM, ("rates",))
    rare = float(binary_cross_entropy(np.log(0.01 / 0.99), 0.01))
    parts = {
        "stage": _stage(live),
        "base": fact(BASE),
        "rare": fact(rare, 3),
        "fitted": fact(fitted(0.0)),
        "penalised": fact(fitted(1.0)),
        "python": _python(live),
    }
    return live, parts


def fitted(penalty: float) -> float:
    """The mean loss of the best weights, by Newton's method, with a penalty on the weight."""
    features = np.stack([np.array(POINTS), np.ones(N)], axis=1)
    labels, weights, held = np.array(LABELS), np.zeros(2), np.array([penalty / N, 0])
    for _ in range(30):
        _, slope = binary_cross_entropy(features @ weights, labels, return_grad=True)
        p = 1 / (1 + np.exp(-features @ weights))
        bend = (features.T * (p * (1 - p))) @ features / N + np.diag(held)
        weights -= np.linalg.solve(bend, np.asarray(slope) @ features + held * weights)
    return float(binary_cross_entropy(features @ weights, labels))


# ---- the stage


def _stage(live: Live) -> str:
    n = live.number
    worst = call("max", *(Symbol("s", str(j)) for j in range(N)))
    least = call("min", *(Symbol("t", str(j)) for j in range(N)))
    saved = 1 - L / Number(repr(BASE))
    against = live.choose(
        (saved > 0, f"That is {n(100 * saved, 0)} % below"),
        (saved < Number("-0.005"), f"That is {n(-100 * saved, 0)} % above"),
        otherwise="That is about the same as",
    )
    summary = live.choose(
        (
            same(FRAME, 1),
            f"The curve is the probability of label 1, with w = {n(W, 2)} and b = {n(B, 2)}. "
            "Points of label 1 should be high on it, points of label 0 low.",
        ),
        (
            same(FRAME, 2),
            "A bar is the probability of the true label: p from below for label 1, 1 − p from "
            f"above for label 0. The shortest is {n(least)}.",
        ),
        (
            same(FRAME, 3),
            "Each bar is now −log of that probability: the shorter it was, the taller it is. The "
            f"tallest is {n(worst)} nats.",
        ),
        otherwise=f"The mean of the ten is the loss, {n(L)} nats. {against} the base rate, "
        f"{fact(BASE)}.",
    )
    next_step = live.choose(
        (AFTER < L - 5e-5, f"The next step lowers the mean loss from {n(L)} to {n(AFTER)}."),
        (
            AFTER > L + 5e-5,
            f"The next step <em>raises</em> the mean loss from {n(L)} to {n(AFTER)}.",
        ),
        otherwise=f"The next step hardly changes the mean loss, {n(L)}.",
    )
    controls = [
        f'<div class="wide">{choice(live, "frame", "frame", FRAMES)}</div>',
        slider(live, "w", "start w", *WEIGHTS, 0.05),
        slider(live, "b", "start b", *BIASES, 0.05),
        slider(live, "rate", "rate η", 0.5, 12, 0.5),
        choice(live, "reduction", "step along the", {0: "mean's gradient", 1: "sum's gradient"}),
        presets(
            [
                push("Take a step", "rates", "step"),
                push("10 steps", "rates", "step", 10),
                pop("Undo", "rates"),
                RESET,
            ]
        ),
        f'<div class="two-lines">Steps: {n(Symbol("rates_count"))}. {next_step}</div>',
        '<div class="wide">',
        presets(
            [
                preset("Trained", x=POINTS, w=1.65, b=0.8, rates=[]),
                preset("Base rate only", w=0, b=0.85, rates=[], frame=4),
                preset("One outlier", x=BAD_LABEL, w=1.65, b=0.8, rates=[], frame=4),
                preset("No overlap", x=SEPARATE, w=6, b=1.8, rates=[], frame=2),
                preset("Too long a step", x=POINTS, w=0, b=0, rate=10, reduction=0, rates=[10]),
                preset("Forgotten 1/N", x=POINTS, w=0, b=0, rate=1, reduction=1, rates=[10]),
            ]
        ),
        "</div>",
    ]
    formulas = [_formula(live, j) for j in range(N)]
    pictures = [
        live.when(FRAME <= 2, _sigmoid(live), "div"),
        live.when(FRAME > 2, _losses(live), "div"),
        _map(live),
    ]
    return stage(pictures, controls, summary, formulas, compact=True)


def _at(name: str, j: int) -> Symbol:
    return Symbol(name, str(j))


def _formula(live: Live, j: int) -> str:
    """Of a point: its logit, the probability of its label, and its loss."""
    w, x, b, z, p = (Symbol(name) for name in ("w", "x", "b", "z", "p"))
    at = _at("z", j)
    chance = LiveLine(p, _at("p", j), 1 / (1 + exp(-z)), {z: at}, rounded=None)
    logit = LiveLine(z, at, w * x + b, {w: W, x: _at("x", j), b: B}, rounded=None)
    truth = p if LABELS[j] else 1 - p
    cost = LiveLine(L, _at("s", j), -log(truth), {p: _at("p", j)}, rounded=None)
    return live.formula(f"point-{j}", logit, chance, cost)


def _axes(live: Live, name: str, top: float, label: str, ticks: tuple[float, ...]) -> Picture:
    return Picture(
        live, name, ACROSS, (0, top), "feature x", label, (-4, -2, 0, 2, 4, 6), ticks, height=260
    )


def _sigmoid(live: Live) -> str:
    picture = _axes(live, "points", 1, "probability of label 1", (0, 0.25, 0.5, 0.75, 1))
    picture.curve(sigmoid(W * Symbol("u") + B), "u", "other")
    bars = same(FRAME, 2)
    picture.raw(_hidden_unless(live, bars))
    for j, label in enumerate(LABELS):
        p = _at("p", j)
        ends: tuple[Operand, Operand] = (0, p) if label else (p, 1)
        _bar(picture, j, *ends)
    picture.raw("</g>")
    for j, label in enumerate(LABELS):
        x = case(bars, _at("place", j), _at("x", j))
        style = "point" if label else "hollow"
        picture.point(x, _at("p", j), ROLES[label], radius=6, style=style)
    for j, label in enumerate(LABELS):
        x = case(bars, _at("place", j), _at("x", j))
        picture.handle(
            x,
            _at("p", j),
            f"x of point {j + 1}, label {label}",
            drag_x=f"x.{j}",
            x_span=SPAN,
            tell=f"point-{j}",
        )
    picture.text(-4.7, 0.9, "● label 1", role=ROLES[1], anchor="start")
    picture.text(-4.7, 0.8, "○ label 0", role=ROLES[0], anchor="start")
    title = live.choose(
        (bars, "2. The probability of the true label"), otherwise="1. Ten points on the sigmoid"
    )
    return picture.svg(
        title,
        "Ten points on the S-shaped curve of the model. In frame 2 each has a bar: up to its point "
        "for label 1, and from its point up to 1 for label 0. Points can be moved sideways.",
    )


def _bar(picture: Picture, j: int, bottom: Operand, top: Operand, told: str = "") -> None:
    """Of a point: full for label 1, an outline for label 0."""
    style, width = ("fill", BAR) if LABELS[j] else ("hollow", BAR - OUTLINE)
    picture.bar(
        _at("place", j),
        top,
        ROLES[LABELS[j]],
        bottom=bottom,
        width=width,
        tell=f"point-{j}",
        label=told,
        style=style,
    )


def _hidden_unless(live: Live, condition: Expression) -> str:
    """The start of a group that is there where the condition holds."""
    return live.when(condition, "", "g").removesuffix("</g>")


def _losses(live: Live) -> str:
    picture = _axes(live, "losses", HIGHEST, "loss −log p, nats", (0, 1, 2, 3, 4))
    for j, label in enumerate(LABELS):
        loss = _at("s", j)
        told = f"The loss of point {j + 1}, label {label}"
        _bar(picture, j, 0, call("min", loss, HIGHEST), told)
        picture.text(_at("place", j), HIGHEST, "▲", dy=-1, role=ROLES[label], seen=loss > HIGHEST)
    picture.raw(_hidden_unless(live, same(FRAME, 4)))
    low, high = ACROSS
    height = call("min", L, HIGHEST)
    picture.segment((low, BASE), (high, BASE), "plain", "rule dashed")
    picture.segment((low, height), (high, height), "loss")
    # Between the lines there may be no room.
    below = call("and", L < BASE, L > 0.27)
    top = call("min", L, HIGHEST - 0.3)
    for dy, seen in ((-6, call("not", below)), (15, below)):
        picture.text(high, top, ["mean ", L], anchor="end", dy=dy, role="loss", seen=seen)
    for dy, seen in ((-6, L < BASE), (14, L >= BASE)):
        picture.text(high, BASE, "base rate", anchor="end", dy=dy, style="small", seen=seen)
    picture.raw("</g>")
    title = live.choose((same(FRAME, 4), "4. Their mean"), otherwise="3. The same bars as −log")
    title += " (■ label 1, □ label 0)"
    return picture.svg(
        title,
        "A bar for each point: minus the logarithm of the probability of its label. In frame 4 a "
        "line shows their mean, and a dashed one the loss of the base rate.",
    )


def _map(live: Live) -> str:
    picture = Picture(
        live,
        "map",
        WEIGHTS,
        BIASES,
        "weight w",
        "bias b",
        (0, 2, 4, 6, 8),
        (-3, -2, -1, 0, 1, 2, 3, 4),
        height=260,
    )
    middle, turn = (Symbol("wm"), Symbol("bm")), (Symbol("cos", "a"), Symbol("sin", "a"))
    for k in range(len(LEVELS)):
        reach = Symbol("reach", f"{k},a")
        x, y = (start + reach * way for start, way in zip(middle, turn, strict=True))
        picture.region(x, y, "a", RAYS, "good")
    for k in range(len(LEVELS)):
        _contour_label(picture, k, middle)
    picture.raw('<g clip-path="url(#map-clip)">')
    trail = Symbol("ws", "i"), Symbol("bs", "i")
    picture.trail(*trail, "i", MOST + 1, "true", "thin")
    picture.dots(*trail, "i", MOST + 1, "true")
    picture.point(W, B, "loss")
    picture.raw("</g>")
    outside = call("or", WEIGHTS[1] < W, WEIGHTS[0] > W, BIASES[1] < B, BIASES[0] > B)
    picture.text(sum(WEIGHTS) / 2, BIASES[0], "outside the map", dy=-8, role="loss", seen=outside)
    picture.handle(Symbol("w"), Symbol("b"), "start w and b", drag_x="w", drag_y="b", step=0.05)
    return picture.svg(
        "The mean loss for each w and b",
        "A map of the mean loss over weight and bias. Nested areas show where it is low; their "
        "borders have their loss written on them. A point stands at the weight and the bias of the "
        "model, and a path shows the steps taken.",
    )


def _contour_label(picture: Picture, k: int, middle: tuple[Symbol, Symbol]) -> None:
    """The loss of a contour, above the lowest loss; at the left of it if that is at the right."""
    (w, b), level = middle, Symbol("level", str(k))
    top, left = (Symbol("reach", f"{k},{part * RAYS // 4}") for part in (1, 2))
    aside = w > WEIGHTS[1] - 0.5
    within = call("and", call("not", aside), b + top < BIASES[1] - 0.1)
    picture.text(w, b + top, level, dy=4, style="small", seen=within)
    within = call("and", aside, w - left > WEIGHTS[0] + 0.5)
    picture.text(w - left, b, level, style="small", seen=within)


# ---- code

PYTHON = """
import xent

x = [{x}]
y = [{y}]
w, b = {w}, {b}
logits = [w * each + b for each in x]
print(xent.binary_cross_entropy(logits, y))  # ≈ {L}
print(xent.binary_cross_entropy(logits, y, reduction="sum"))  # ≈ {total}

share = sum(y) / len(y)  # the base rate
print(xent.log_loss(y, [share] * len(y)))  # ≈ {base}
"""


def _python(live: Live) -> str:
    listed = ", ".join(f"{{x{j}}}" for j in range(N))
    text = PYTHON.replace("{x}", listed).replace("{y}", ", ".join(map(str, LABELS)))
    numbers: dict[str, Expression | tuple[Expression, int]] = {
        **{f"x{j}": _at("x", j) for j in range(N)},
        "w": W,
        "b": B,
        "L": (L, 4),
        "total": (N * L, 4),
        "base": (Number(repr(BASE)), 4),
    }
    return code(live, text, numbers)
