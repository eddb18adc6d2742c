"""The surprises of two days: they add where the probabilities multiply."""

from __future__ import annotations

from xent._live.controls import beside, preset, presets, slider
from xent._live.lines import LiveLine
from xent._live.page import Live
from xent._live.picture import Picture, Role
from xent._live.program import Program, define
from xent._live.widgets import stage
from xent._report.expression import Expression, Number, Symbol, call, case, log, same

BOTH, TOP_OF_CURVE, TOP_OF_SUM = Symbol("both"), 5.3, 10.0
DAYS: tuple[Role, Role] = ("push", "pull")
LINE = 0.6
"""How far apart two lines of text on the curve are, in nats."""


def day(number: int) -> Symbol:
    """The probability of what happened on a day."""
    return Symbol("day", f"{number}")


def of_two_days() -> Program:
    """The surprises of both days, and of both together."""
    return Program(
        [
            define("cost_j", -log(Symbol("day", "j")), 2),
            define("product", day(0) * day(1)),
            define("both", Symbol("cost", "0") + Symbol("cost", "1")),
        ]
    )


def days(live: Live) -> str:
    """The stage of the two days."""
    a, b = (live.number(day(i)) for i in range(2))
    costs = [live.number(Symbol("cost", f"{i}")) for i in range(2)]
    raw = Symbol("product")  # of two decimals with two places each
    product = live.number(case(raw < 1e-4, raw, call("placed", raw, 4)))
    summary = live.choose(
        (
            same(Symbol("product"), 0),
            "Something happened that had the probability 0. Its surprise is infinite, and so is "
            "the sum: a forecaster who bets nothing on what happens loses everything.",
        ),
        otherwise=f"What happened had the probability {a} on day 1 and {b} on day 2. The "
        f"probabilities multiply to {product}. The surprises, {costs[0]} and {costs[1]}, add up to "
        f"{live.number(BOTH)} nats.",
    )
    controls = [
        beside(*(slider(live, f"day.{i}", f"day {i + 1}: p", 0, 1, 0.01) for i in (0, 1))),
        presets(
            [
                preset("certain and right", day=[1, 1]),
                preset("a coin flip", day=[0.5, 0.5]),
                preset("confident and wrong", day=[0.9, 0.01]),
                preset("said to be impossible", day=[0.9, 0]),
            ]
        ),
    ]
    told = [
        *(live.formula(f"day{i}", _one_day(i)) for i in range(2)),
        live.formula("both", *_both_days()),
    ]
    return stage([_curve(live), _added(live)], controls, summary, told)


def _one_day(i: int) -> LiveLine:
    p = Symbol("p", f"{i + 1}")
    return LiveLine(Symbol("s", f"{i + 1}"), Symbol("cost", f"{i}"), -log(p), {p: day(i)})


def _both_days() -> list[LiveLine]:
    p, s = ([Symbol(name, f"{i}") for i in (1, 2)] for name in "ps")
    costs = {s[i]: Symbol("cost", f"{i}") for i in range(2)}
    return [
        LiveLine(-log(p[0] * p[1]), BOTH, -log(p[0] * p[1]), {p[i]: day(i) for i in range(2)}),
        LiveLine(s[0] + s[1], BOTH, s[0] + s[1], costs, rounded=None),
    ]


def _curve(live: Live) -> str:
    picture = Picture(
        live,
        "curve",
        (0, 1.25),
        (0, 6.4),
        "probability p of what happened",
        "surprise −log p, nats",
        (0, 0.25, 0.5, 0.75, 1),
        (0, 2, 4, 6),
        height=182,
    )
    picture.curve(-log(Symbol("x")), "x", "other", span=(0, 1))
    first, second, product = day(0), day(1), Symbol("product")
    marks: list[tuple[Symbol, Role, str, str, Expression]] = [
        (product, "loss", "both days", "both", _near(product, first) + _near(product, second)),
        (second, DAYS[1], "day 2", "day1", _near(second, first)),
        (first, DAYS[0], "day 1", "day0", Number("0")),
    ]
    for p, role, name, tell, close in marks:
        place = _height(p)
        if name == "both days":
            picture.point(p, place, role, tell=tell, label="The surprise of both days")
        else:
            picture.point(p, place, role)
        picture.text(p, place + close * LINE, name, role=role, anchor="start", dx=9, dy=-6)
    endless = same(product, 0)
    picture.text(
        0, TOP_OF_CURVE, "▲ infinite", anchor="start", dx=84, dy=0, role="loss", seen=endless
    )
    for i in (0, 1):
        picture.handle(
            day(i),
            _height(day(i)),
            f"p of day {i + 1}",
            drag_x=f"day.{i}",
            x_span=(0, 1),
            step=0.01,
            tell=f"day{i}",
        )
    return picture.svg(
        "The less probable, the more surprising",
        "A curve that falls from infinity at probability 0 to zero at probability 1. Points on it "
        "show the surprise of day 1, of day 2 and of both.",
    )


def _height(p: Expression) -> Expression:
    return call("min", -log(p), TOP_OF_CURVE)


def _near(one: Expression, other: Expression) -> Expression:
    """1 where the names of two points would overlap, else 0."""
    apart = call("abs", _height(one) - _height(other))
    close = call("and", call("abs", one - other) < 0.3, apart < LINE)
    return case(close, 1, 0)


def _added(live: Live) -> str:
    picture = Picture(
        live,
        "added",
        (-0.5, 2.5),
        (0, TOP_OF_SUM + 1.4),
        "",
        "surprise, nats",
        {0: "day 1", 1: "day 2", 2: "both days"},
        (0, 2, 4, 6, 8, 10),
        height=182,
    )
    first, second = (call("min", Symbol("cost", f"{i}"), TOP_OF_SUM) for i in (0, 1))
    both = call("min", BOTH, TOP_OF_SUM)
    for i, cost in enumerate((first, second)):
        label = f"The surprise of day {i + 1}"
        picture.bar(i, cost, DAYS[i], width=44, tell=f"day{i}", label=label)
        picture.text(i, cost, Symbol("cost", f"{i}"), role=DAYS[i], dy=-5)
    label = "The surprise of both days"
    picture.bar(2, first, DAYS[0], width=44)
    picture.bar(2, both, DAYS[1], bottom=first, width=44, tell="both", label=label)
    picture.text(2, both, BOTH, role="loss", dy=-5)
    return picture.svg(
        "Surprises add",
        "Three bars: the surprise of day 1, that of day 2, and both stacked, which is the surprise "
        "of both days together.",
    )
