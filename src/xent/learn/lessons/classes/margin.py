"""The loss against the margin of the true logit over K - 1 equal ones.

As it should be, with label smoothing, and with the softmax applied twice.
"""

from __future__ import annotations

from xent._live.controls import choice, slider
from xent._live.page import Live
from xent._live.picture import Picture
from xent._live.program import Program, define
from xent._live.widgets import stage
from xent._report.expression import Expression, Number, Symbol, call, exp, log, log1p

A, K, X, SMOOTH = (Symbol(name) for name in ("a", "K", "x", "smooth"))
ONCE, AGAIN, LIMIT, BEST, LEAST = (
    Symbol(name) for name in ("once", "again", "limit", "best", "least")
)
STATE = {"a": 5.0, "K": 3, "smooth": 0.1}
TRUE_SHARE = 1 - 2 * SMOOTH / 3
"""Of three classes, the target of the true one; each other has a third of the smoothing."""


def _once(margin: Expression, count: Expression) -> Expression:
    """The loss of a margin over count - 1 equal logits."""
    return log1p((count - 1) * exp(-margin))


def _twice(margin: Expression, count: Expression) -> Expression:
    """The loss where the probabilities of these logits are taken for logits."""
    first = 1 / (1 + (count - 1) * exp(-margin))
    rest = 1 / (exp(margin) + (count - 1))
    return _once(first - rest, count)


def _smoothed(margin: Expression) -> Expression:
    """The loss of three classes for a target that is smoothed."""
    return _once(margin, Number("3")) + (1 - TRUE_SHARE) * margin


def program() -> Program:
    """What both stages show."""
    return Program(
        [
            define("once", _once(A, K)),
            define("again", _twice(A, K)),
            define("limit", log1p((K - 1) / exp(1))),
            define("best", log(TRUE_SHARE / (SMOOTH / 3))),
            define("least", _smoothed(BEST)),
        ]
    )


def twice(live: Live) -> str:
    """The stage of the softmax before the loss."""
    picture = Picture(
        live,
        "twice",
        (-6, 14),
        (0, 6),
        "margin a of the true logit",
        "loss, nats",
        (-5, 0, 5, 10),
        (0, 1, 2, 3, 4, 5, 6),
    )
    picture.segment((-6, LIMIT), (14, LIMIT), "plain", "rule thin")
    picture.curve(_once(X, K), "x", "good")
    picture.curve(_twice(X, K), "x", "bad", style="dashed")
    picture.point(A, call("min", ONCE, 6), "good")
    picture.text(A, 6, "▲", role="good", dy=-9, seen=ONCE > 6)
    picture.point(A, AGAIN, "bad")
    summary = (
        f"Margin {live.number(A)}: the loss of the logits is {live.number(ONCE)}. With a softmax "
        f"in the model as well it reads {live.number(AGAIN)}, and it can never fall below "
        f'<span class="kept">log(1 + (K − 1)/e)</span> ≈ {live.number(LIMIT)}.'
    )
    drawn = picture.svg(
        "Solid: softmax once. Dashed: twice",
        "The loss against the margin of the true logit. With one softmax it falls to 0; with two "
        "it stops at a limit above 0.",
    )
    controls = [
        slider(live, "a", "margin a", -6, 14),
        choice(live, "K", "classes K", {2: "2", 3: "3", 10: "10", 100: "100"}),
    ]
    return stage([drawn], controls, summary, name="twice-summary", split=True)


def smoothing(live: Live) -> str:
    """The stage of label smoothing."""
    picture = Picture(
        live,
        "smoothing",
        (0, 12),
        (0, 2),
        "margin of the true logit",
        "loss, nats",
        (0, 2, 4, 6, 8, 10, 12),
        (0, 0.5, 1, 1.5, 2),
    )
    picture.curve(_once(X, Number("3")), "x", "other", style="dashed")
    picture.curve(_smoothed(X), "x", "loss")
    picture.point(BEST, LEAST, "loss")
    summary = (
        f"With ε = {live.number(SMOOTH)} the true class should get {live.number(TRUE_SHARE)}. The "
        f"loss is lowest at the margin {live.number(BEST, 2)}, where p = y. There it is "
        f"{live.number(LEAST)}, and beyond it rises again."
    )
    drawn = picture.svg(
        "Solid: label smoothing. Dashed: none",
        "The loss of three classes against the margin of the true logit. Without smoothing it "
        "falls towards 0; with smoothing it has a lowest point and rises again.",
    )
    controls = [slider(live, "smooth", "smoothing ε", 0.01, 0.5, 0.01)]
    return stage([drawn], controls, summary, name="smoothing-summary", split=True)
