"""How many digits of a loss are right: four ways to compute it, over the logit and at one."""

from __future__ import annotations

from xent._live.page import Live
from xent._live.picture import Picture, Role
from xent._report.expression import Expression, Symbol, call, case, log
from xent.learn.precision import STOPS, WAYS

NAMES = tuple(WAYS)
ROLES: tuple[Role, ...] = ("bad", "other", "push", "good")
STYLES = ("", "dashed thin", "dashed", "")
HEIGHT, BELOW, LINE = 205, 76, 17
MOST = 17.0
"""Digits at the upper border."""
TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500)


def over_logits(live: Live) -> str:
    """Digits against z, on an axis of its powers of ten, for each way until it breaks."""
    n = Symbol("n")
    picture = Picture(
        live,
        "digits",
        (0, 2.95),
        (0, MOST),
        "logit z",
        "right digits",
        y_ticks=(0, 4, 8, 12, 16),
        height=HEIGHT + BELOW,
        bottom=BELOW,
    )
    for tick in TICKS:
        picture.text(Symbol("x", str(STOPS.index(tick))), 0, str(tick), dy=15, style="small light")
    now = Symbol("x", "place")
    picture.segment((now, 0), (now, MOST), "plain", "rule thin")
    for way in (3, 1, 0, 2):
        end = Symbol(f"end{way}")
        inside = n < end
        x = case(inside, Symbol("x", "n"), Symbol("x", end.name))
        y = case(
            inside,
            Symbol("digits", f"{way},kind,label,n"),
            Symbol("digits", f"{way},kind,label,{end.name}"),
        )
        picture.trail(x, y, "n", len(STOPS), ROLES[way], STYLES[way])
    last, broke = Symbol("digits", "0,kind,label,end0"), Symbol("broke", "kind")
    picture.text(log(broke) / log(10), last, "✕", role="bad", dy=5)
    across, high = (4, 92, 184, 304), picture.height - 24
    for way, name in enumerate(NAMES):
        at = picture.left + across[way]
        line = f'x1="{at}" x2="{at + 20}" y1="{high - 4}" y2="{high - 4}"'
        picture.raw(f'<line class="curve {STYLES[way]}" data-role="{ROLES[way]}" {line}/>')
        picture.raw(f'<text class="small" x="{at + 25}" y="{high}">{name}</text>')
    ends: list[str | Expression] = ["✕ textbook: inf or nan from z = ", broke]
    picture.text(0, 0, ends, role="bad", anchor="start", dx=4, dy=BELOW - 6, style="small")
    return picture.svg(
        "Right digits of the loss",
        "How many digits of the loss are right, against the logit, for four ways to compute it. "
        "The textbook formula loses them one by one when it is right; xent's has them all.",
    )


def at_one(live: Live) -> str:
    """Digits at the z that is set, with the losses and the gradients below."""
    picture = Picture(
        live,
        "ways",
        (-0.5, len(NAMES) - 0.5),
        (0, MOST),
        y_label="right digits",
        y_ticks=(0, 4, 8, 12, 16),
        height=HEIGHT + BELOW,
        bottom=BELOW,
    )
    for title, row in (("loss", 2), ("gradient", 3)):
        picture.text(-0.5, 0, title, anchor="end", dx=-4, dy=LINE * row, style="small light")
    for way, name in enumerate(NAMES):
        digits = Symbol("digits", f"{way},kind,label,place")
        picture.bar(way, digits, ROLES[way], width=40)
        picture.text(way, digits, call("floor", digits + 0.05), dy=-5)
        picture.bar(way, MOST, "plain", width=84, style="area", tell=f"way{way}", label=name)
        picture.text(way, 0, name, dy=LINE)
        picture.text(way, 0, Symbol("loss", str(way)), dy=2 * LINE, digits=3, style="light")
        slope = _rounded(Symbol("grad", str(way)))
        picture.text(way, 0, slope, dy=3 * LINE, digits=3, style="light")
    return picture.svg(
        "At this z",
        "A bar for each of four ways to compute the loss: how many of its digits are right. Below "
        "stand the loss and the gradient.",
    )


def _rounded(slope: Expression) -> Expression:
    """To four places near -1, for which a column has room; small ones in full."""
    return case(slope < -0.5, call("floor", slope * 10000 + 0.5) / 10000, slope)
