"""The numbers of the lesson on a data set: ten points, a model, its descent, and a map.

The weights before step i are ws_i and bs_i, and W and B are the last. With them the point j has the
logit z_j and the probability p_j of label 1, t_j of its own label, and the loss s_j; their mean is
L. One more step, of length `step`, leads to the mean loss `after`.

Bars must not overlap: place_j is where that of the point j stands, at its x or beside a neighbour.

The `lowest` loss of the map is at wm and bm. From there rays go out at RAYS angles. Along the ray
a, ray_a,r is the root of what the loss is above the lowest at the distance D_r, and the loss stays
below level_k as far as reach_k,a.
"""

from __future__ import annotations

import math

from xent._live.page import MOST
from xent._live.program import Definition, Loop, Program, Table, define
from xent._report.expression import (
    Expression,
    Symbol,
    Total,
    call,
    case,
    same,
    sigmoid,
    softplus,
)

POINTS = [-2.2, -1.4, -0.8, 0.2, 0.4, 0.8, 1.2, 2.2, 2.9, 4.6]
LABELS = [0, 0, 1, 0, 1, 1, 1, 1, 1, 1]
"""Godoy's ten points."""
N = len(POINTS)
ACROSS, GAP = (-5.0, 6.5), 0.32
"""The axis of the feature, and how near bars may come."""
WEIGHTS, BIASES = (-1.0, 9.0), (-3.0, 4.0)
"""What the map shows."""
RAYS, ROWS, HALVINGS = 48, 14, 10
DISTANCES = [13 * (r / ROWS) ** 2 for r in range(ROWS + 1)]
"""Dense near the lowest loss, where the loss bends; the last is more than the map's diagonal."""
LEVELS = [0.02, 0.07, 0.2, 0.5, 1.0, 2.0]
"""Of the contours, above the lowest loss."""

W, B = Symbol("W"), Symbol("B")
X, Y, SIGN = Symbol("x", "j"), Symbol("y", "j"), Symbol("sign", "j")


def miss(w: Expression, b: Expression) -> Expression:
    """Prediction minus label of the point j."""
    return sigmoid(w * X + b) - Y


def mean_loss(w: Expression, b: Expression) -> Expression:
    """Of all points."""
    return Total("j", softplus(SIGN * (w * X + b)), N) / N


def descent() -> list[Definition | Loop]:
    """Steps taken, each of its own length, and one more."""
    w, b, length = Symbol("ws", "i"), Symbol("bs", "i"), Symbol("rates", "i")
    taken, gw, gb, step = (
        Symbol("i") < Symbol("rates_count"),
        Symbol("gw"),
        Symbol("gb"),
        Symbol("step"),
    )
    return [
        define("ws_0", Symbol("w")),
        define("bs_0", Symbol("b")),
        Loop(
            "i",
            MOST,
            (
                define("ws_i+1", case(taken, w - length * Total("j", miss(w, b) * X, N) / N, w)),
                define("bs_i+1", case(taken, b - length * Total("j", miss(w, b), N) / N, b)),
            ),
        ),
        define("W", Symbol("ws", str(MOST))),
        define("B", Symbol("bs", str(MOST))),
        define("z_j", call("exact", W * X + B), N),
        define("p_j", sigmoid(Symbol("z", "j")), N),
        define("t_j", sigmoid(-SIGN * Symbol("z", "j")), N),
        define("s_j", softplus(SIGN * Symbol("z", "j")), N),
        define("L", Total("j", Symbol("s", "j"), N) / N),
        define("gw", Total("j", miss(W, B) * X, N) / N),
        define("gb", Total("j", miss(W, B), N) / N),
        define("step", case(same(Symbol("reduction"), 1), N * Symbol("rate"), Symbol("rate"))),
        define("after", mean_loss(W - step * gw, B - step * gb)),
    ]


def places() -> list[Definition | Loop]:
    """Where bars stand: in the order of their points, moved right, or left from the end."""
    rank, other = Symbol("rank", "j"), Symbol("x", "i")
    i, j, k = (Symbol(index) for index in "ijk")
    before = case(call("or", other < X, call("and", same(other, X), i < j)), 1, 0)
    nth = Total("j", case(same(rank, k), X, 0), N)
    last = ACROSS[1] - 2 * GAP
    room = last - GAP * (N - 1 - k)
    found = Total("k", case(same(rank, k), call("min", Symbol("pushed", "k"), room), 0), N)
    pushed = case(same(k, 0), nth, call("max", nth, Symbol("end") + GAP))
    return [
        define("rank_j", Total("i", before, N), N),
        define("end", 0),
        Loop("k", N, (define("pushed_k", pushed), define("end", Symbol("pushed", "k")))),
        define("place_j", found, N),
    ]


def surface() -> list[Definition | Loop | Table]:
    """The lowest loss of the map, by halving, and the contours around it, ray by ray."""
    wm, bm = Symbol("wm"), Symbol("bm")
    w = wm + Symbol("cos", "a") * Symbol("D", "r")
    b = bm + Symbol("sin", "a") * Symbol("D", "r")
    # Near its lowest place the loss is like a square, so its root is almost straight in between.
    root = call("sqrt", call("max", 0, mean_loss(w, b) - Symbol("lowest")))
    start, end, level = Symbol("ray", "a,r"), Symbol("ray", "a,r+1"), Symbol("root", "k")
    # The loss is convex: along a ray it falls, perhaps, and then it rises.
    part = call("max", 0, call("min", 1, (level - start) / (end - start)))
    gap = Symbol("D", "r+1") - Symbol("D", "r")
    reach = Total("r", gap * case(end <= start, 1, part), ROWS)
    angles = [2 * math.pi * a / RAYS for a in range(RAYS)]
    return [
        Table("D", DISTANCES),
        Table("above", LEVELS),
        Table("root", [math.sqrt(above) for above in LEVELS]),
        Table("cos", [math.cos(a) for a in angles]),
        Table("sin", [math.sin(a) for a in angles]),
        *_halved("w", WEIGHTS, Total("j", miss(wm, bm) * X, N), _bias()),
        define("lowest", mean_loss(wm, bm)),
        define("ray_a,r", root, RAYS, ROWS + 1),
        define("level_k", Symbol("lowest") + Symbol("above", "k"), len(LEVELS)),
        define("reach_k,a", reach, len(LEVELS), RAYS),
    ]


def _bias() -> list[Definition | Loop]:
    """The best bias for the weight wm."""
    return _halved("b", BIASES, Total("j", miss(Symbol("wm"), Symbol("bm")), N), [])


def _halved(
    name: str, span: tuple[float, float], slope: Expression, before: list[Definition | Loop]
) -> list[Definition | Loop]:
    """The middle of an interval that is halved until the slope in it is almost 0."""
    low, high, middle, uphill = (Symbol(f"{name}{end}") for end in ("l", "h", "m", "u"))
    body = (
        define(f"{name}m", (low + high) / 2),
        *before,
        define(f"{name}u", case(slope > 0, 1, 0)),
        define(f"{name}l", case(same(uphill, 1), low, middle)),
        define(f"{name}h", case(same(uphill, 1), middle, high)),
    )
    return [
        define(f"{name}l", span[0]),
        define(f"{name}h", span[1]),
        Loop(f"{name}turn", HALVINGS, body),
    ]


LABELLED = [Table("y", LABELS), Table("sign", [1 - 2 * label for label in LABELS])]
PROGRAM = Program([*LABELLED, *descent(), *places(), *surface()])
