"""Where formulas overflow, cancel or vanish: the textbook's beside those that do not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from xent._live.controls import choice, preset, presets, slider, stops
from xent._live.lines import LiveLine
from xent._live.page import Live
from xent._live.program import Program, define
from xent._live.widgets import code, fact, lines, stage
from xent._report.expression import (
    Expression,
    Extreme,
    Number,
    Symbol,
    call,
    case,
    exp,
    log,
    log1p,
    same,
)
from xent._report.notation import HTML
from xent.explanation.quantities import of_one_logit
from xent.learn.lessons.breaks.digits import NAMES, at_one, over_logits
from xent.learn.naive import CLIP
from xent.learn.precision import DTYPES, LARGEST, STOPS, begins, tables

Z, LABEL, BITS, L = (Symbol(name) for name in ("z", "label", "bits", "L"))
POWER, S, Q, R = (Symbol(name) for name in ("power", "S", "q", "R"))
"""e^z, the sum of both exponentials, the probability of the true class, and e^-z."""
KEPT, ROWS = Symbol("kept"), Symbol("rows")
FLOAT64 = BITS >= 64
OWN = case(same(LABEL, 0), Z, 0)
"""The logit of the true class: class 0 has z, and class 1 has 0."""

COUNT = len(STOPS)

STATE = {
    "z": 40,
    "label": 0,
    "bits": 64,
    "kept": 3,
    "rows": 24,
    "weight": [1, 1],
    "eps": 0,
    "h": 1e-5,
}

FIND = """
import numpy as np
import xent

logits = np.array([[2.0, 1.0, 0.1], [0.3, np.nan, 0.2], [1.0, 0.0, 5.0]])
labels = np.array([0, 1, 2])
losses = xent.cross_entropy(logits, labels, reduction="none")
print(*np.flatnonzero(~np.isfinite(losses)))  # gives 1: the second row
"""


def build(state: Mapping[str, Any] = STATE) -> tuple[Live, dict[str, str]]:
    """The lesson's numbers and pictures."""
    live = Live(state, _program())
    parts = {
        "stage": _main_stage(live),
        "textbook": _textbook(live),
        "safe": _safe(live),
        "begins": _begins(),
        "highest": fact(-math.log(CLIP)),
        "rounding": _rounding(live),
        "halves": _halves(live),
        "find": code(live, FIND, {}),
        "python": _python(live),
    }
    return live, parts


def _program() -> Program:
    """The tables, the safe loss, and the textbook's formulas as they are typed in."""
    small, large = Number(repr(CLIP)), Number(repr(1 - CLIP))
    clipped = case(small > Q, small, case(large < Q, large, Q))
    held = call("or", small > Q, large < Q)
    probability = exp(OWN) / (exp(Z) + exp(0))
    shifted = exp(OWN - Z) / (1 + exp(-Z))
    losses = [-log(Q), -log(clipped), Z + log(1 + exp(-Z)) - OWN, L]
    slopes = [Q - 1, case(held, 0, Q - 1), shifted - 1, -Symbol("p", "wrong")]
    here = [
        define("place", Extreme("argmax", "n", case(same(Symbol("stops", "n"), Z), 1, 0), COUNT)),
        define("kind", case(FLOAT64, 0, case(same(BITS, 32), 1, 2))),
        define("half", case(same(BITS, 16), 1, 0)),
        define("share", case(same(LABEL, 0), 1, 0)),
        define("wrong", LABEL),
        *(define(f"end{way}", Symbol("ends", f"{way},kind,label")) for way in range(len(NAMES))),
    ]
    shown = [
        define("power", case(FLOAT64, exp(Z), Symbol("powers", "half,place"))),
        define("S", case(FLOAT64, exp(Z) + exp(0), Symbol("sums", "half,place"))),
        define("q", case(FLOAT64, probability, Symbol("shares", "half,label,place"))),
        define("R", case(FLOAT64, exp(-Z), Symbol("rests", "place"))),
        *(define(f"loss_{k}", _either(each, "losses", k)) for k, each in enumerate(losses)),
        *(define(f"grad_{k}", _either(each, "slopes", k)) for k, each in enumerate(slopes)),
    ]
    return Program([*tables(), *here]) + of_one_logit() + Program(shown)


def _either(formula: Expression, table: str, way: int) -> Expression:
    """What a way gives: by its formula in float64, from a table in other dtypes."""
    return case(FLOAT64, formula, Symbol(table, f"{way},half,label,place"))


def _loss(way: int) -> Symbol:
    return Symbol("loss", str(way))


def _main_stage(live: Live) -> str:
    right, wrong = {"label": 0}, {"label": 1}
    controls = [
        stops(live, "z", "logit z", STOPS),
        choice(live, "label", "true class", {0: "0, so it is right", 1: "1, so it is wrong"}),
        choice(live, "bits", "numbers", {64: "float64", 32: "float32", 16: "float16"}),
        presets(
            [
                preset("the loss is exactly 0", z=40, bits=64, **right),
                preset("the loss is nan", z=800, bits=64, **right),
                preset("the loss is inf", z=800, bits=64, **wrong),
                preset("nan in float16", z=12, bits=16, **right),
                preset("the loss stays at 16.12", z=20, bits=64, **wrong),
            ]
        ),
    ]
    formulas = [
        live.formula(f"way{k}", line, told=f"<br>Right digits: {live.number(_whole(k))}")
        for k, line in enumerate(_ways())
    ]
    return stage([over_logits(live), at_one(live)], controls, _summary(live), formulas)


def _whole(way: int) -> Expression:
    """Right digits, as a whole number: 15.95 are 16."""
    return call("floor", Symbol("digits", f"{way},kind,label,place") + 0.05)


def _summary(live: Live) -> str:
    """What became of the textbook's loss and of the clipped one, and what the safe one is."""
    loss, dtype = _loss(0), f"float{live.number(BITS)}"
    large = f"e<sup>z</sup> is too large for {dtype} and becomes inf"
    textbook = live.choose(
        (
            call("not", same(loss, loss)),
            f"The textbook loss is nan: {large}, and inf/inf is nan. Clipping keeps the nan.",
        ),
        (
            same(loss, Number("inf")),
            f"The textbook loss is inf: {large}, so p is 1/inf = 0, and −log 0 is inf.",
        ),
        (
            same(loss, 0),
            f"The textbook loss is 0: {dtype} rounds the sum e<sup>z</sup> + 1 to "
            "e<sup>z</sup>, so p is 1. The gradient p − 1 is 0, too.",
        ),
        otherwise=f"Right digits of the textbook loss: {live.number(_whole(0))}.",
    )
    stuck = call("and", same(Symbol("grad", "1"), 0), call("not", same(loss, 0)))
    clipped = live.when(stuck, f" Clipping makes it {live.number(_loss(1))}, and the gradient 0.")
    wider = live.when(same(BITS, 16), ", computed in float32,")
    tiny = live.when(same(_loss(3), 0), ", since the exact one is too small for any number but 0")
    return f"{textbook}{clipped} xent's loss{wider} is {live.number(_loss(3))}{tiny}."


def _ways() -> list[LiveLine]:
    """The four formulas, with their numbers where these give the result in double precision."""
    first, second, own, m = (Symbol("z", "0"), Symbol("z", "1"), Symbol("z", "y"), Symbol("m"))
    p = Symbol("p", "clipped")
    logits = {own: OWN, first: Z, second: Number("0")}
    limited = call("min", call("max", Q, CLIP), 1 - CLIP)
    summed = exp(first - m) + exp(second - m)
    shifted = {first: Z, second: Number("0"), own: OWN, m: Z}
    return [
        LiveLine(L, _loss(0), -log(exp(own) / (exp(first) + exp(second))), logits),
        LiveLine(L, _loss(1), -log(p), {p: limited}),
        LiveLine(L, _loss(2), m + log(summed) - own, shifted),
        LiveLine(L, _loss(3), (m - own) + log1p(exp(second - m)), shifted),
    ]


def _textbook(live: Live) -> str:
    """The steps of the textbook's formula, with the number that each gives."""
    first, second, own = (HTML.write(exp(Symbol("z", index))) for index in "01y")
    one = live.number(Number("1"))
    top = live.choose((same(LABEL, 0), live.number(POWER)), otherwise=one)
    undefined, certain = call("not", same(Q, Q)), same(Q, 1)
    steps = [
        (first, f"<i>e</i><sup>{live.number(Z)}</sup>", POWER),
        (f"<i>S</i> = {first} + {second}", f"{live.number(POWER)} + {one}", S),
        (f"<i>p</i> = {own} / <i>S</i>", f"{top} / {live.number(S)}", Q),
        ("<i>L</i> = −log(<i>p</i>)", f"−log({live.number(Q)})", _loss(0)),
    ]
    remarks = [
        live.when(same(POWER, Number("inf")), "too large"),
        "",
        live.choose((undefined, "undefined"), (certain, "rounded"), otherwise=""),
        "",
    ]
    return _steps(live, "The textbook's steps", steps, remarks)


def _safe(live: Live) -> str:
    """The steps of the form in which nothing overflows or cancels."""
    first, second, own, m = (*(Symbol("z", index) for index in "01y"), Symbol("m"))
    loss = HTML.write((m - own) + log1p(Symbol("R")))
    steps = [
        (f"<i>m</i> = {HTML.write(call('max', first, second))}", f"max({live.number(Z)}, 0)", Z),
        (
            f"<i>R</i> = {HTML.write(exp(second - m))}",
            f"<i>e</i><sup>{live.number(-Z)}</sup>",
            R,
        ),
        (f"<i>L</i> = {loss}", f"{live.number(Z - OWN)} + log1p({live.number(R)})", _loss(3)),
    ]
    remarks = ["", live.when(same(R, 0), "too small, and harmless"), ""]
    return _steps(live, "xent's steps", steps, remarks)


def _steps(
    live: Live, title: str, steps: Sequence[tuple[str, str, Expression]], remarks: Sequence[str]
) -> str:
    """What is computed, of which numbers, what the machine makes of it, and a remark."""
    made = "".join(
        f'<span class="line">{formula} = {numbers} → <b>{live.number(value)}</b> {remark}</span>'
        for (formula, numbers, value), remark in zip(steps, remarks, strict=True)
    )
    return f'<div class="lines" tabindex="0"><b>{title}</b>{made}</div>'


def _begins() -> str:
    """The first whole logit at which something happens, in each dtype."""
    rows = [
        ("textbook, right: the loss is 0", "textbook", 0, _zero),
        ("textbook: nan if right, inf if wrong", "textbook", 1, math.isinf),
        ("log-sum-exp, right: the loss is 0", "log-sum-exp", 0, _zero),
        (
            "xent (float16 in float32), right: 0, as the exact loss is too small",
            "xent",
            0,
            _zero,
        ),
    ]
    made = "<tr><th>first whole z with</th>"
    made += "".join(f"<th>{dtype}</th>" for dtype in DTYPES) + "</tr>"
    for title, way, label, broken in rows:
        found = ("never" if z is None else str(z) for z in begins(broken, way, label))
        made += f"<tr><td>{title}</td>{''.join(f'<td>{each}</td>' for each in found)}</tr>"
    return f'<table class="steps">{made}</table>'


def _zero(loss: float) -> bool:
    return loss == 0


def _rounding(live: Live) -> str:
    """An example: the probability with few digits, cut off and rounded."""
    z, p, scale = Number("1.5"), Symbol("p"), Number("10") ** KEPT
    share = 1 / (1 + exp(-z))
    cut, rounded = (call("floor", share * scale + more) / scale for more in (0, 0.5))
    symbol = Symbol("z")
    made = lines(
        live,
        LiveLine(p, share, 1 / (1 + exp(-symbol)), {symbol: z}, 7),
        LiveLine(Symbol("L", "cut"), -log(cut), -log(p), {p: cut}, 6, rounded=True),
        LiveLine(Symbol("L", "rounded"), -log(rounded), -log(p), {p: rounded}, 6, rounded=True),
        LiveLine(L, log1p(exp(-z)), log1p(exp(-symbol)), {symbol: z}, 6),
    )
    return f'<div class="controls">{slider(live, "kept", "decimals of p", 1, 6, 1)}</div>{made}'


def _halves(live: Live) -> str:
    """Means over many rows in float16, and the gradients of their rows."""
    count = Number("2") ** ROWS
    loss, slope = log1p(exp(Number("-1"))), 1 / (1 + exp(1))
    cells = [
        ("rows N", live.number(count, 16)),
        ("mean of the losses, by a running sum in float16", live.number(Symbol("means", "rows"))),
        ("the same by xent", live.number(loss)),
        ("gradient of the mean for one logit", live.number(slope / count)),
        ("the same in float16", live.number(Symbol("small", "rows"))),
    ]
    made = "".join(f"<tr><td>{title}</td><td>{number}</td></tr>" for title, number in cells)
    control = slider(live, "rows", "N = 2<sup>k</sup>, k", 0, LARGEST, 1)
    return f'<div class="controls">{control}</div><table class="steps">{made}</table>'


def _python(live: Live) -> str:
    return code(
        live,
        """
import numpy as np
import xent
from xent.learn import naive

logits = np.array([{z}, 0], dtype=np.float{bits})
print(xent.cross_entropy(logits, {label}, reduction="none"))  # ≈ {loss}
print(naive.textbook(logits, {label}))  # gives {naive}
""",
        {"z": Z, "bits": BITS, "label": LABEL, "loss": (_loss(3), 4), "naive": (_loss(0), 4)},
    )
