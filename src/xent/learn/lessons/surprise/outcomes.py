"""A target and a forecast: entropy, cross-entropy and KL divergence as areas."""

from __future__ import annotations

from xent._live.conditions import Condition, differ, every
from xent._live.controls import preset, presets
from xent._live.lines import LiveLine
from xent._live.page import Live
from xent._live.picture import Picture, Role
from xent._live.widgets import stage
from xent._report.expression import (
    Expression,
    Number,
    Symbol,
    call,
    case,
    exp,
    log,
    plus,
    same,
)
from xent.learn.lessons.surprise.forecasts import moved

NAMES = ("sun", "cloud", "rain", "snow")
K = len(NAMES)
UNSURE, SURE = [0.4, 0.3, 0.2, 0.1], [0.85, 0.05, 0.05, 0.05]
EVEN, RAIN = [0.25] * K, [0, 0, 1, 0]
H, L, D = Symbol("H"), Symbol("L"), Symbol("D")
HIGHEST = 5.2
BAR = (1.07, 1.16)
"""Where the bar of the sum stands, right of the areas, which end at 1."""


def weather(live: Live) -> str:
    """The stage of target and forecast."""
    entropy, loss, divergence = (live.number(each) for each in (H, L, D))
    summary = live.choose(
        (
            same(L, Number("inf")),
            "The forecast gives probability 0 to something that does happen. However rare it is, "
            "the cross-entropy is infinite.",
        ),
        (
            same(L, 0),
            "One outcome always happens, and the forecast is certain of it: the cross-entropy is "
            "0, and so are the entropy and the divergence.",
        ),
        (
            D < 1e-9,
            f"The forecast equals the target, so the KL divergence is 0. The cross-entropy is not: "
            f"it is the entropy, {entropy} nats, and no forecast does better.",
        ),
        (
            H < 1e-9,
            f"One outcome always happens, as with a class label, so the entropy is 0. The whole "
            f"cross-entropy, {loss} nats, is KL divergence.",
        ),
        otherwise=f"The mean surprise of the forecast is {loss} nats, the cross-entropy. No "
        f"forecast has less than {entropy}, the entropy. The difference, {divergence}, is the KL "
        f"divergence.",
    )
    controls = [
        presets(
            [
                preset("too sure of sun", truth=UNSURE, forecast=SURE),
                preset("forecast = target", truth=UNSURE, forecast=UNSURE),
                preset("uniform", truth=UNSURE, forecast=EVEN),
                preset("certain and right", truth=RAIN, forecast=RAIN),
                preset("confident and wrong", truth=RAIN, forecast=[0.97, 0.01, 0.01, 0.01]),
                preset("snow: 0", truth=UNSURE, forecast=[0.45, 0.35, 0.2, 0]),
            ]
        )
    ]
    told = [live.formula(f"term{j}", *_terms(j)) for j in range(K)]
    return stage(
        [_bars(live), _areas(live)],
        controls,
        summary,
        told,
        "Drag the top of a bar, or move it with the arrow keys; the other three keep their ratios. "
        "On the right, filled areas add up to the cross-entropy, outlined ones to the entropy.",
        name="average",
    )


def _terms(j: int) -> list[LiveLine]:
    """What an outcome adds to the cross-entropy, and to the entropy."""
    y, p = (Symbol(name, NAMES[j]) for name in "yp")
    now = {y: Symbol("y", f"{j}"), p: Symbol("p", f"{j}")}
    areas = Symbol("filled area"), Symbol("outlined area")
    values = _term(j, "s"), _term(j, "h")
    formulas = y * -log(p), y * -log(y)
    return [
        LiveLine(area, value, formula, now, rounded=_rounded(value))
        for area, value, formula in zip(areas, values, formulas, strict=True)
    ]


def _term(j: int, cost: str) -> Expression:
    y = Symbol("y", f"{j}")
    return case(same(y, 0), 0, y * Symbol(cost, f"{j}"))


def _bars(live: Live) -> str:
    picture = Picture(
        live,
        "bars",
        (-0.5, K - 0.5),
        (0, 1.34),
        "",
        "probability",
        dict(enumerate(NAMES)),
        (0, 0.25, 0.5, 0.75, 1),
        height=225,
    )
    sides: tuple[tuple[str, str, str, float, Role], ...] = (
        ("truth", "y", "target", -0.215, "true"),
        ("forecast", "p", "forecast", 0.215, "push"),
    )
    for given, letter, name, side, role in sides:
        for j in range(K):
            share = Symbol(letter, f"{j}")
            picture.bar(j + side, share, role, style="fill" if side < 0 else "fill pale")
            picture.point(j + side, share, role, radius=6)
            picture.text(j + side, share, share, role=role, dy=-12)
            picture.handle(
                j + side,
                share,
                f"{name} of {NAMES[j]}",
                drag_y=f"{given}",
                y_span=(0, 1),
                step=0.01,
                tell=f"term{j}",
                moves=(share, moved(letter, j, K), K),
            )
    picture.text(-0.45, 1.27, "left: target y", role="true", anchor="start")
    picture.text(K - 0.55, 1.27, "right: forecast p", role="push", anchor="end")
    return picture.svg(
        "What happens, and what is forecast",
        "For each outcome two bars: on the left how often it happens, on the right the probability "
        "that the forecast gives it. Their tops can be dragged.",
    )


def _areas(live: Live) -> str:
    picture = Picture(
        live,
        "areas",
        (0, 1.62),
        (0, HIGHEST),
        "target y, as widths",
        "surprise, nats",
        {0: "0", 0.5: "0.5", 1: "1"},
        (0, 1, 2, 3, 4, 5),
        height=225,
    )

    def within(tree: Expression) -> Expression:
        return call("min", tree, HIGHEST)

    mean, least = within(L), within(H)
    for j in range(K):
        start, share = Symbol("Y", f"{j}"), Symbol("y", f"{j}")
        width = (start, start + share)
        cost, own = (within(Symbol(name, f"{j}")) for name in "sh")
        label = f"The surprise at {NAMES[j]}"
        picture.box(width, (0, cost), "push", tell=f"term{j}", label=label, style="fill pale")
        picture.box(width, (0, own), "true", style="outline")
        endless = call("and", same(Symbol("p", f"{j}"), 0), share > 0)
        picture.text(start + share / 2, HIGHEST, "▲", dy=-1, role="push", seen=endless)
        seen = live.places(opacity=case(share < 0.15, 0, 1))
        picture.raw(f"<g{seen}>")
        picture.text(start + share / 2, 0, NAMES[j], dy=-5, style="small")
        picture.raw("</g>")
    picture.segment((0, least), (BAR[1], least), "true")
    picture.segment((0, mean), (BAR[1], mean), "loss")
    picture.box(BAR, (0, least), "true")
    picture.box(BAR, (least, mean), "loss")
    picture.text(BAR[1], HIGHEST, "▲", dx=-8, dy=-1, role="loss", seen=same(L, Number("inf")))
    low = call("max", 0.3, least / 2)
    picture.text(BAR[1], low, "entropy", role="true", anchor="start", dx=5, dy=5)
    middle = call("max", low + 0.5, (least + mean) / 2)
    picture.text(BAR[1], middle, "KL", role="loss", anchor="start", dx=5, dy=5)
    high = call("max", middle + 0.5, mean)
    picture.text(BAR[1], high, "cross-entropy", role="loss", anchor="start", dx=5, dy=5)
    return picture.svg(
        "Width × height: share × surprise",
        "For each outcome a rectangle: its width is how often it happens, its height the "
        "forecast’s surprise. All areas together are the cross-entropy. Outlines show the same for "
        "a forecast that equals the target: the entropy. Beside them the two as one bar, with the "
        "KL divergence between them.",
    )


def sums() -> list[LiveLine]:
    """Entropy, cross-entropy and KL, each with its numbers."""
    y, p = ([Symbol(name, f"{j}") for j in range(K)] for name in "yp")
    shares = {each: each for each in y}
    entropy = plus(*(y[j] * -log(y[j]) for j in range(K)))
    loss = plus(*(y[j] * -log(p[j]) for j in range(K)))
    return [
        LiveLine(H, H, entropy, shares, rounded=_rounded(H)),
        LiveLine(L, L, loss, {**shares, **{each: each for each in p}}, rounded=_rounded(L)),
        LiveLine(D, D, L - H, {L: L, H: H}, rounded=None),
    ]


def _rounded(value: Expression) -> Condition:
    """Is it neither 0 nor infinite, which are exact?"""
    return every(differ(value, 0), differ(value, Number("inf")))


def units() -> list[LiveLine]:
    """The cross-entropy in bits, and as perplexity."""
    return [
        LiveLine(Symbol("bits"), Symbol("bits"), L / log(2), {L: L}, rounded=None),
        LiveLine(Symbol("perplexity"), Symbol("perplexity"), exp(L), {L: L}, rounded=None),
    ]
