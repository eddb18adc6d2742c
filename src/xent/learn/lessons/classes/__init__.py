"""Three logits: their probabilities as bars, the gradient as arrows, and what the loss ignores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xent._live.controls import choice, preset, presets, slider
from xent._live.lines import LiveLine
from xent._live.page import Live
from xent._live.program import Program, define
from xent._live.widgets import code, fact, lines, stage
from xent._report.expression import (
    Call,
    Derivative,
    Expression,
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
)
from xent._report.notation import HTML
from xent.explanation.quantities import of_classes
from xent.functions import softmax
from xent.learn.lessons.classes import margin
from xent.learn.lessons.classes.bars import COUNT, bars, pairs
from xent.losses import binary_cross_entropy, cross_entropy

SHARED = COUNT
"""The number of the choice "shared", after those of the classes."""
SHARES = (0.7, 0.2, 0.1)
WRONG = exp(1) + exp(0.1)
"""e^z_1 + e^z_2 in the example whose logits are 2, 1 and 0.1."""
L, H, D, M, S, EPS, STEP = (Symbol(name) for name in ("L", "H", "D", "M", "S", "eps", "h"))
TRUTH, LABEL, SPLIT, SHIFT = (Symbol(name) for name in ("truth", "label", "split", "c"))
J = Symbol("j")
HARD = call("and", TRUTH < SHARED, same(EPS, 0))
"""Is the target one class alone?"""

STATE = {
    "z": [2.0, 1.0, 0.1],
    "truth": 0,
    "eps": 0.0,
    "split": 0.71,
    "c": 0.0,
    "weight": [1, 1, 1],
    "h": 1e-4,
    **margin.STATE,
}


def build(state: Mapping[str, Any] = STATE) -> tuple[Live, dict[str, str]]:
    """The lesson's numbers and pictures."""
    own = Program([*_target(), *_moved(), *_others()])
    live = Live(state, own + of_classes(COUNT, hard=False) + margin.program())
    parts = {
        "bars": _main_stage(live),
        "softmax": lines(live, _total_line(), *(_share(j) for j in range(COUNT))),
        "gradient": lines(live, *_losses(live), *map(_slope, range(COUNT)), _zero_sum()),
        "unseen": _unseen_stage(live),
        "kinds": _kinds_stage(live),
        "two": lines(live, *_two_classes()),
        "twice": margin.twice(live),
        "smoothing": margin.smoothing(live),
        "entropy": lines(live, *_entropies()),
        "check": lines(live, *_quotients()),
        "python": _python(live),
        "chance10": fact(float(cross_entropy([0.0] * 10, 3))),
        "chance1000": fact(float(cross_entropy([0.0] * 1000, 3))),
        "limit10": fact(float(cross_entropy([1.0] + [0.0] * 9, 0))),
        "pair": fact(float(cross_entropy([2.0, 0.0], 0))),
        "single": fact(float(binary_cross_entropy(2.0, 1))),
        "third": fact(float(softmax([2.0, 1.0, 0.1])[2])),
    }
    return live, parts


def _at(name: str, j: int | str) -> Symbol:
    return Symbol(name, str(j))


def _target() -> list[Any]:
    """The shares t_j of the class chosen, or those of the choice "shared"."""
    shares = case(same(J, 0), SHARES[0], case(same(J, 1), SHARES[1], SHARES[2]))
    hard = case(same(J, TRUTH), 1, 0)
    return [
        define("label", case(same(TRUTH, SHARED), 0, TRUTH)),
        define("t_j", case(same(TRUTH, SHARED), shares, hard), COUNT),
    ]


def _moved() -> list[Any]:
    """The example with the wrong classes' mass moved, and c added to every logit.

    The logits are b_j, their probabilities q_j, the loss of class 0 is M, and its gradient r_j.
    """
    b = [_at("b", j) for j in range(COUNT)]
    rest = plus(*(exp(each - b[0]) for each in b[1:]))  # b_0 is the largest for every split
    pull = -plus(*(_at("q", j) for j in range(1, COUNT)))
    return [
        define("b_0", 2 + SHIFT),
        define("b_1", log(SPLIT * WRONG) + SHIFT),
        define("b_2", log((1 - SPLIT) * WRONG) + SHIFT),
        define("q_j", exp(_at("b", "j") - b[0]) / (1 + rest), COUNT),
        define("M", log1p(rest)),
        define("r_j", case(same(J, 0), pull, _at("q", "j")), COUNT),
    ]


def _others() -> list[Any]:
    """Sigmoids o_j of the single logits, and the sum S of the exponentials."""
    return [
        define("o_j", sigmoid(_at("z", "j")), COUNT),
        define("S", Total("j", exp(_at("z", "j")), COUNT)),
    ]


def _sliders(live: Live) -> list[str]:
    return [slider(live, f"z.{j}", f"logit z<sub>{j}</sub>", -8, 8) for j in range(COUNT)]


def _main_stage(live: Live) -> str:
    y = ", ".join(live.number(call("placed", _at("y", j), 4)) for j in range(COUNT))
    p, push = live.number(_at("p", LABEL.name)), live.number(-_at("g", LABEL.name))
    summary = live.choose(
        (
            HARD,
            f"The loss of class {live.number(LABEL)} is −log {p} ≈ {live.number(L)} nats. Its "
            f"logit is pulled up by {push}, the others are pushed down by {push} in total.",
        ),
        otherwise=f"The target is {y}. The loss is {live.number(L)} nats. At best it is the "
        f"target's entropy, {live.number(H)}, where p = y. The arrows sum to 0.",
    )
    hard, soft = {"truth": 0, "eps": 0}, {"truth": SHARED, "eps": 0}
    controls = [
        *_sliders(live),
        choice(
            live,
            "truth",
            "target class",
            {0: "0", 1: "1", 2: "2", SHARED: "shared"},
        ),
        slider(live, "eps", "smoothing ε", 0, 0.5, 0.05),
        presets(
            [
                preset("2, 1, 0.1", z=[2, 1, 0.1], **hard),
                preset("no idea", z=[0, 0, 0], **hard),
                preset("confident, wrong", z=[-6, 4, 1], **hard),
                preset("missed share", z=[-6, 1, 0.3], **soft),
                preset("too sure", z=[7, 0, -1], truth=0, eps=0.1),
            ]
        ),
    ]
    picture = bars(
        live,
        "class",
        z=lambda j: _at("z", j),
        p=lambda j: _at("p", j),
        y=lambda j: _at("y", j),
        slope=lambda j: _at("g", j),
        true=lambda j: same(TRUTH, j),
        height=240,
    )
    formulas = [live.formula(f"class{j}", _share(j), _slope(j)) for j in range(COUNT)]
    return stage([picture], controls, summary, formulas, split=True)


def _unseen_stage(live: Live) -> str:
    picture = bars(
        live,
        "moved",
        z=lambda j: _at("b", j),
        p=lambda j: _at("q", j),
        y=lambda j: case(same(j, 0), 1, 0),
        slope=lambda j: _at("r", j),
        true=lambda j: same(j, 0),
        height=115,
    )
    summary = (
        f"The loss stays −log {live.number(_at('q', 0))} ≈ {live.number(M)} nats. The arrows of "
        f"classes 1 and 2 are {live.number(-_at('r', 1))} and {live.number(-_at('r', 2))}: each "
        f"wrong class is pushed down by its own probability."
    )
    controls = [
        slider(live, "split", "class 1's part", 0.01, 0.99, 0.01),
        slider(live, "c", "constant c", -50, 50, 1),
    ]
    formulas = [
        live.formula(f"moved{j}", _share(j, "b", "q"), _slope(j, "q", "r")) for j in range(COUNT)
    ]
    return stage([picture], controls, summary, formulas, name="unseen", split=True)


def _kinds_stage(live: Live) -> str:
    picture = pairs(
        live,
        "kind",
        z=lambda j: _at("z", j),
        left=lambda j: _at("p", j),
        right=lambda j: _at("o", j),
    )
    together = plus(*(_at("o", j) for j in range(COUNT)))
    summary = (
        "The softmax divides 1 among the classes. The sigmoids answer three questions, and sum to "
        f"{live.number(together)}."
    )
    formulas = [live.formula(f"kind{j}", _share(j), _sigmoid(j)) for j in range(COUNT)]
    return stage([picture], _sliders(live), summary, formulas, name="kinds", split=True)


def _total_line() -> LiveLine:
    z = [_at("z", j) for j in range(COUNT)]
    return LiveLine(S, S, plus(*map(exp, z)), {each: each for each in z})


def _share(j: int, logits: str = "z", result: str = "p") -> LiveLine:
    """p_j = e^z_j / S, of the logits and the probabilities with these letters."""
    z = _at("z", j)
    total = Total("j", exp(_at(logits, "j")), COUNT)
    return LiveLine(_at("p", j), _at(result, j), exp(z) / S, {z: _at(logits, j), S: total})


def _losses(live: Live) -> list[str]:
    """-log p_y, or the sum over the classes where the target is shared."""
    p, y = Symbol("p", "y"), [_at("y", j) for j in range(COUNT)]
    hard = live.line(LiveLine(L, L, -log(p), {p: _at("p", LABEL.name)}, rounded=None))
    terms = [y[j] * log(_at("p", j)) for j in range(COUNT)]
    numbers = {symbol: symbol for j in range(COUNT) for symbol in (y[j], _at("p", j))}
    definition = HTML.write(-Total("j", _at("y", "j") * log(_at("p", "j"))))
    soft = live.line(LiveLine(L, L, -plus(*terms), numbers, rounded=None), formula=False)
    whole = f'<span class="line">{HTML.write(L)} = {definition}</span>'
    return [live.when(HARD, hard, "div"), live.when(call("not", HARD), whole + soft, "div")]


def _slope(j: int, shares: str = "p", slopes: str = "g") -> LiveLine:
    p, y = _at("p", j), _at("y", j)
    target: Expression = y if shares == "p" else case(same(j, 0), 1, 0)
    slope = Derivative(L, _at("z", j), partial=True)
    numbers = {p: _at(shares, j), y: target}
    return LiveLine(slope, _at(slopes, j), p - y, numbers, rounded=None)


def _zero_sum() -> LiveLine:
    total = Total("j", _at("g", "j"), COUNT)  # of rounded numbers: 0, or 1e-17
    return LiveLine(Symbol("their sum"), case(call("abs", total) < 1e-12, 0, total))


def _sigmoid(j: int) -> LiveLine:
    z = _at("z", j)
    return LiveLine(Call("σ", (z,)), _at("o", j), 1 / (1 + exp(-z)), {z: z})


def _two_classes() -> list[LiveLine]:
    """The softmax of two logits, and the sigmoid of their difference."""
    a, b = _at("z", 0), _at("z", 1)
    value, numbers = sigmoid(a - b), {a: a, b: b}
    return [
        LiveLine(_at("p", 0), value, exp(a) / (exp(a) + exp(b)), numbers),
        LiveLine(Call("σ", (a - b,)), value, 1 / (1 + exp(-(a - b))), numbers),
    ]


def _entropies() -> list[LiveLine]:
    return [
        LiveLine(H, H),
        LiveLine(D, D),
        LiveLine(L, L, H + D, {H: H, D: D}, rounded=None),
    ]


def _quotients() -> list[LiveLine]:
    """Central differences beside the gradient."""
    up, down = Symbol("L", "+"), Symbol("L", "-")
    made = []
    for j in range(COUNT):
        numbers = {up: _at("above", j), down: _at("below", j), STEP: STEP}
        slope = Derivative(L, _at("z", j), partial=True)
        quotient = (up - down) / (2 * STEP)
        made.append(LiveLine(slope, _at("slope", j), quotient, numbers, rounded=True))
        made.append(_slope(j))
    return made


def _python(live: Live) -> str:
    trees: dict[str, Any] = {
        **{f"z{j}": _at("z", j) for j in range(COUNT)},
        **{f"t{j}": _at("t", j) for j in range(COUNT)},
        **{f"p{j}": (_at("p", j), 4) for j in range(COUNT)},
        **{f"g{j}": (_at("g", j), 4) for j in range(COUNT)},
        "eps": EPS,
        "L": (L, 4),
    }
    return code(
        live,
        """
import numpy as np
import xent

logits = np.array([{z0}, {z1}, {z2}], dtype=float)
target = np.array([{t0}, {t1}, {t2}], dtype=float)
print(*xent.softmax(logits))  # ≈ {p0}, {p1}, {p2}
loss, gradient = xent.cross_entropy(
    logits, target, label_smoothing={eps}, return_grad=True
)
print(loss)  # ≈ {L}
print(*gradient)  # ≈ {g0}, {g1}, {g2}
""",
        trees,
    )
