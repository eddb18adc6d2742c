"""The stage of the temperature: overconfident rows, and the division that mends them."""

from __future__ import annotations

from xent._live.controls import beside, preset, presets, slider, take
from xent._live.lines import LiveLine
from xent._live.page import Live
from xent._live.picture import Picture
from xent._live.widgets import stage
from xent._report.expression import Symbol, call
from xent.learn.lessons.accuracy.overfitting import epochs
from xent.learn.lessons.accuracy.program import BINS, mean_at

T, A, LT, SURE, GAP, FITTED, LEAST = (
    Symbol(name) for name in ("T", "A", "LT", "sure", "gap", "fitted", "least")
)
SPAN, STEP, HIGHEST = (0.2, 8), 0.1, 1.4
CLOSE = 0.03
"""Mean confidence and accuracy that differ by less are called equal."""


def temperature(live: Live) -> str:
    """The stage."""
    number = live.number
    verdict = live.choose(
        (SURE - A > CLOSE, "the model is overconfident"),
        (A - SURE > CLOSE, "the model is underconfident"),
        otherwise="they nearly match",
    )
    summary = (
        f"At T = {number(T)} the mean confidence is {number(SURE, 3)} and the accuracy "
        f"{number(A, 3)}: {verdict}. The mean loss is {number(LT, 3)} nats; the lowest is "
        f"{number(LEAST, 3)}, at T ≈ {number(FITTED, 2)}. The calibration error is "
        f"{number(GAP, 3)}."
    )
    # The button sets a place of the slider, so that both agree.
    nearest = call("floor", FITTED / STEP + 0.5) * STEP
    controls = [
        beside(slider(live, "T", "temperature T", *SPAN, STEP), epochs(live)),
        presets(
            [preset("T = 1", T=1), take(live, "fitted T", "T", nearest), preset("T too high", T=8)]
        ),
    ]
    told = [
        live.formula("LT", LiveLine(Symbol("L"), LT)),
        *(live.formula(f"bin{b}", *_bin(b)) for b in range(BINS)),
    ]
    return stage(
        [_reliability(live), _fit(live)],
        controls,
        summary,
        told,
        "Bars: the share of rows that is right. Outlined: from there to the mean confidence. "
        "Numbers: how many rows.",
        name="calibration",
    )


def _bin(b: int) -> list[LiveLine]:
    """The share of a bin's rows that are right, and their mean confidence."""
    count, hit, share, trust = (Symbol(name, f"{b}") for name in ("count", "hit", "share", "trust"))
    right, rows, sure = Symbol("right"), Symbol("rows"), Symbol("confidence")
    return [
        LiveLine(Symbol("accuracy"), share, right / rows, {right: hit, rows: count}),
        LiveLine(sure, trust),
    ]


def _reliability(live: Live) -> str:
    picture = Picture(
        live,
        "reliability",
        (0.5, 1),
        (0, 1.12),
        "confidence: probability of the prediction",
        "share that is right",
        (0.5, 0.6, 0.7, 0.8, 0.9, 1),
        (0, 0.25, 0.5, 0.75, 1),
        height=200,
    )
    picture.segment((0.5, 0.5), (1, 1), "plain", "rule dashed")
    for b in range(BINS):
        low = 0.5 + b * 0.5 / BINS
        sides = (low + 0.004, low + 0.5 / BINS - 0.004)
        right, sure = (Symbol(name, f"{b}") for name in ("share", "trust"))
        told = f"Rows of confidence {low:.1f} to {low + 0.5 / BINS:.1f}"
        picture.box(sides, (0, right), "push", tell=f"bin{b}", label=told)
        picture.box(sides, (right, sure), "bad", style="outline")
        middle = low + 0.25 / BINS
        picture.text(middle, call("max", right, sure), Symbol("count", f"{b}"), dy=-5)
    return picture.svg(
        "Calibration: confidence and accuracy",
        "Bars in five bins of confidence: the share of the bin’s rows that is right. An outlined "
        "box is the gap between this share and the mean confidence. On the diagonal both are "
        "equal. Above each bar is the number of rows.",
    )


def _fit(live: Live) -> str:
    picture = Picture(
        live,
        "fit",
        (0, SPAN[1]),
        (0, HIGHEST),
        "temperature T",
        "mean loss, nats",
        (0, 1, 2, 4, 6, 8),
        (0, 0.5, 1),
        height=200,
    )
    picture.curve(mean_at(1 / Symbol("x")), "x", "loss", span=SPAN)
    inside = call("max", SPAN[0], call("min", SPAN[1], FITTED))
    picture.segment((inside, 0), (inside, call("min", LEAST, HIGHEST)), "true", "rule dashed")
    picture.text(inside, 0.06, "fitted", role="true", anchor="start", dx=5)
    place = call("min", LT, HIGHEST)
    picture.point(T, place, "loss", tell="LT", label="The mean loss at T")
    picture.handle(T, place, "temperature T", drag_x="T", x_span=SPAN, step=STEP, tell="LT")
    return picture.svg(
        "Mean loss over the temperature",
        "A curve with one minimum, at the fitted temperature. A point shows the loss at T.",
    )
