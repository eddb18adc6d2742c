"""The stage of focal loss: what it leaves of the loss of easy rows."""

from __future__ import annotations

from xent._live.controls import beside, preset, presets, slider
from xent._live.lines import LiveLine
from xent._live.page import Live
from xent._live.picture import Picture
from xent._live.program import Program, define
from xent._live.widgets import stage
from xent._report.expression import Expression, Symbol, Total, case, log, sigmoid
from xent.learn.lessons.accuracy.program import in_favour, softplus
from xent.learn.lessons.accuracy.training import EPOCHS, ROWS

CHANCE, GAMMA, FACTOR, PLAIN, FOCAL = (
    Symbol(name) for name in ("chance", "gamma", "factor", "plain", "focal")
)
HIGHEST = 4.0


def of_focal_loss() -> Program:
    """Both losses of a row that gives the truth `chance`, and of the rows at the lowest loss."""
    m = in_favour(Symbol("logit", "best,i"))
    right = case(m > 0, 1, 0)
    return Program(
        [
            define("factor", (1 - CHANCE) ** GAMMA),
            define("plain", -log(CHANCE)),
            define("focal", FACTOR * PLAIN),
            define("f_i", sigmoid(-m) ** GAMMA * softplus(-m), ROWS),
            define("easy", _of_right(right, softplus(-m))),
            define("eased", _of_right(right, Symbol("f", "i"))),
        ]
    )


def _of_right(right: Expression, loss: Expression) -> Expression:
    """The share of right rows in the sum of all losses."""
    return Total("i", right * loss, ROWS) / Total("i", loss, ROWS)


def focal(live: Live) -> str:
    """The stage."""
    number = live.number
    summary = (
        f"A row with p = {number(CHANCE)} costs {number(PLAIN)} nats by cross-entropy. Focal loss "
        f"multiplies it by (1 − p)<sup>γ</sup> ≈ {number(FACTOR)}: {number(FOCAL)} is left. At "
        f"epoch {EPOCHS[int(live.values['best'])]} of the run above, the rows that are right "
        f"account for {_percent(live, 'easy')} % of the cross-entropy and "
        f"{_percent(live, 'eased')} % of the focal loss."
    )
    controls = [
        beside(
            slider(live, "gamma", "γ", 0, 5, 0.5),
            slider(live, "chance", "p", 0.02, 1, 0.01),
        ),
        presets(
            [
                preset("easy row", chance=0.9, gamma=2),
                preset("hard row", chance=0.1, gamma=2),
                preset("γ = 0: cross-entropy", gamma=0),
            ]
        ),
    ]
    p, gamma, loss = Symbol("p"), Symbol("γ"), Symbol("L")
    now = {p: CHANCE, gamma: GAMMA}
    told = [
        live.formula("plain", LiveLine(loss, PLAIN, -log(p), {p: CHANCE}, rounded=None)),
        live.formula("focal", LiveLine(loss, FOCAL, (1 - p) ** gamma * -log(p), now, rounded=None)),
        live.formula("easy", LiveLine(Symbol("share"), Symbol("easy"))),
        live.formula("eased", LiveLine(Symbol("share"), Symbol("eased"))),
    ]
    return stage([_curves(live), _shares(live)], controls, summary, told, name="focal")


def _percent(live: Live, name: str) -> str:
    return live.number(100 * Symbol(name), 1)


def _curves(live: Live) -> str:
    picture = Picture(
        live,
        "curves",
        (0, 1.02),
        (0, HIGHEST),
        "probability p of the truth",
        "loss, nats",
        (0, 0.25, 0.5, 0.75, 1),
        (0, 1, 2, 3, 4),
        height=200,
    )
    x = Symbol("x")
    picture.curve(-log(x), "x", "loss", span=(0, 1))
    picture.curve((1 - x) ** GAMMA * -log(x), "x", "push", span=(0, 1), style="dashed")
    picture.text(0.98, 3.6, "solid: cross-entropy", role="loss", anchor="end")
    picture.text(0.98, 3.1, "dashed: focal loss", role="push", anchor="end")
    picture.point(CHANCE, FOCAL, "push", tell="focal", label="The focal loss")
    picture.point(CHANCE, PLAIN, "loss")
    picture.handle(
        CHANCE, PLAIN, "p of the truth", drag_x="chance", x_span=(0.02, 1), step=0.01, tell="plain"
    )
    return picture.svg(
        "One row",
        "Two curves over the probability of the truth: cross-entropy, and below it focal loss, "
        "which is near it where the probability is low and far below it where it is high.",
    )


def _shares(live: Live) -> str:
    picture = Picture(
        live,
        "shares",
        (-0.5, 1.9),
        (0, 1),
        "",
        "share of the loss",
        {0: "cross-entropy", 1: "focal loss"},
        (0, 0.25, 0.5, 0.75, 1),
        height=200,
    )
    for x, (name, told) in enumerate((("easy", "cross-entropy"), ("eased", "focal loss"))):
        part: Expression = Symbol(name)
        label = f"The share of right rows in the {told}"
        picture.bar(x, 1, "bad", bottom=part, width=50, style="fill pale")
        picture.bar(x, part, "good", width=50, tell=name, label=label)
        picture.text(x, 1, "wrong rows", role="bad", anchor="start", dx=31, dy=18)
        picture.text(x, 0, "right rows", role="good", anchor="start", dx=31, dy=-8)
    return picture.svg(
        f"All {ROWS} rows, at the lowest loss",
        "Two bars: how much of the cross-entropy, and of the focal loss, comes from rows that are "
        "right and how much from rows that are wrong.",
    )
