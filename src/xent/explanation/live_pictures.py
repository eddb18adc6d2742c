"""Pictures of a row that move with its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from xent._live.conditions import Condition, code, every, holds
from xent._live.lines import LiveLine
from xent._live.page import Live
from xent._live.picture import Picture, Role
from xent._report.expression import Expression, Symbol, call, log, log1p, sigmoid
from xent.explanation.form import Form
from xent.explanation.live_controls import reach as reach_of
from xent.explanation.live_controls import round_up
from xent.explanation.plan import Plan
from xent.explanation.quantities import gradient_of_one, loss_of_one, scaled
from xent.explanation.row import Row

X, Z, L, G, V, GIVEN = (Symbol(name) for name in ("x", "z", "L", "G", "V", "given"))
P1 = Symbol("p", "1")
SLOTS = (62, 42)
"""Pixels for a class, of five or of more."""
BARS = (26, 18)
LETTER = 7.5
"""Pixels of a letter."""


def pictures(live: Live, row: Row) -> list[str]:
    """Of one logit the sigmoid, the loss and the gradient; of several their bars."""
    if not row.binary:
        return [_bars(live, row.form)]
    if row.form.given_p:
        return [_loss_of_probability(live)]
    reach = reach_of(row)
    return [
        _sigmoid(live, row, reach),
        _curve(live, row, reach, "loss"),
        _curve(live, row, reach, "gradient"),
    ]


def formulas(live: Live, plan: Plan) -> list[str]:
    """What bars and points tell under focus."""
    form = plan.form
    if not form.binary:
        return [live.formula(f"class{j}", *_of_class(plan, j)) for j in form.chosen]
    return [
        live.formula("p", *_lines(plan, "logit from probability" if form.given_p else "sigmoid")),
        live.formula("loss", *_lines(plan, *(["loss"] if form.plain else ["loss of shares"]))),
        live.formula("gradient", *_lines(plan, "gradient")),
    ]


def _lines(plan: Plan, key: str) -> Iterator[LiveLine]:
    """The lines of a step, each where it holds."""
    for step in plan.steps:
        if step.key == key:
            for line in step.lines:
                yield replace(line, when=every(step.when, line.when))


def _of_class(plan: Plan, j: int) -> Iterator[LiveLine]:
    """The probability of a class, and its gradient."""
    for key, letter in (("softmax", "p"), ("gradient of classes", "g")):
        for line in _lines(plan, key):
            if line.value == Symbol(letter, str(j)):
                yield line


# One logit.


def _sigmoid(live: Live, row: Row, reach: float) -> str:
    ticks = (-reach, -reach / 2, 0, reach / 2, reach)
    picture = Picture(
        live, "sigmoid", (-reach, reach), (0, 1), "logit z", "probability of label 1",
        ticks, (0, 0.25, 0.5, 0.75, 1), width=340, height=180,
    )  # fmt: skip
    picture.curve(sigmoid(scaled(row.scaling, X)), "x", "other")
    z = _within(Z, -reach, reach)
    picture.segment((z, P1), (z, Symbol("v", "1") / V), "true")
    picture.point(z, P1, "true", tell="p", label="The probability")
    _handle(picture, row, z, P1, "p")
    return picture.svg(
        "The probability",
        "An S-shaped curve from 0 to 1. A point on it shows the probability of label 1, and a line "
        "from there leads to the target.",
    )


def _curve(live: Live, row: Row, reach: float, what: str) -> str:
    """The loss or its gradient over the logit, for this target."""
    loss = what == "loss"
    size = _scale(row, reach)
    low, high = (0, size * reach) if loss else (-size, size)
    ticks = [low + (high - low) * i / 4 for i in range(5)]
    picture = Picture(
        live, what, (-reach, reach), (low, high), "logit z", "loss, nats" if loss else "dL/dz",
        (-reach, -reach / 2, 0, reach / 2, reach), ticks, width=340, height=180,
    )  # fmt: skip
    tree = loss_of_one(scaled(row.scaling, X)) if loss else gradient_of_one(row.scaling, X)
    picture.curve(tree, "x", "loss" if loss else "push")
    z, y = _within(Z, -reach, reach), _within(L if loss else G, low, high)
    picture.point(z, y, "loss" if loss else "push", tell=what, label=f"The {what}")
    _handle(picture, row, z, y, what)
    if loss:
        return picture.svg(
            "The loss", "A curve of the loss over the logit, for this target. A point is at z."
        )
    return picture.svg(
        "The gradient",
        "A curve of the gradient over the logit, for this target: below 0 a step down the gradient "
        "raises the logit. A point is at z.",
    )


def _scale(row: Row, reach: float) -> float:
    """How steep the loss can be, roughly, as a round number."""
    steepest = max(float(row.target.masses.max()), 1e-3) / row.scaling.temperature
    if row.scaling.softcap is not None:
        steepest = min(steepest, steepest * row.scaling.softcap / reach * 1.2)
    return round_up(max(steepest, 0.1) if row.form.weighted or row.form.stages else 1.0)


def _handle(picture: Picture, row: Row, x: Expression, y: Expression, tell: str) -> None:
    """What is dragged, unless the logit is made of features."""
    if not row.form.features:
        step = (picture.x[1] - picture.x[0]) / 200
        picture.handle(x, y, f"logit z, by the {tell}", drag_x="z", step=step, tell=tell)


def _within(tree: Expression, low: float, high: float) -> Expression:
    return call("max", low, call("min", high, tree))


def _loss_of_probability(live: Live) -> str:
    """The loss over the probability, for this target."""
    picture = Picture(
        live, "loss", (0, 1), (0, 5), "probability of label 1", "loss, nats",
        (0, 0.25, 0.5, 0.75, 1), (0, 1, 2, 3, 4, 5),
    )  # fmt: skip
    inside = _within(X, 1e-9, 1 - 1e-9)
    tree = Symbol("v", "1") * -log(inside) + Symbol("v", "0") * -log1p(-inside)
    picture.curve(tree, "x", "loss")
    y = _within(L, 0, 5)
    picture.point(GIVEN, y, "loss", tell="loss", label="The loss")
    picture.handle(GIVEN, y, "probability", drag_x="given", step=0.01, tell="loss")
    return picture.svg(
        "The loss for each probability",
        "A curve of the loss over the probability, for this target. A point is at the one given.",
    )


# Several logits.


@contextmanager
def _role(
    live: Live, picture: Picture, condition: Condition, then: Role, otherwise: Role
) -> Iterator[None]:
    """Marks within have one role or the other."""
    mark = live.bind("role", f'v => {code(condition)} ? "{then}" : "{otherwise}"')
    now = then if holds(condition, live.values) else otherwise
    picture.raw(f'<g data-role="{now}"{mark}>')
    yield
    picture.raw("</g>")


def _bars(live: Live, form: Form) -> str:
    """A bar for each probability, a line at its target, and an arrow from the one to the other."""
    count, many = form.count, form.count > 5
    width = max(420, 54 + SLOTS[many] * count + 12)
    picture = Picture(
        live, "bars", (-0.5, count - 0.5), (0, 1), "", "probability", (), (0, 0.25, 0.5, 0.75, 1),
        width=width, height=270,
    )  # fmt: skip
    room = int((width - 66) / count / LETTER)
    for j in range(count):
        p, target = Symbol("p", str(j)), Symbol("v", str(j)) / V
        name = form.names[j]
        with _role(live, picture, form.is_label(j), "true", "other"):
            picture.bar(j - 0.08, p, "", width=BARS[many], tell=f"class{j}", label=name)
        picture.text(j - 0.08, p, p, dy=-5, style="small")
        if form.hard and not form.smoothed:
            pulled: Condition = form.is_label(j)
        else:
            pulled = target > p
        with _role(live, picture, pulled, "pull", "push"):
            picture.arrow(j + 0.33, p, target, "")
        picture.segment((j - 0.3, target), (j + 0.43, target), "plain", "rule target")
        picture.text(j, 0, name if len(name) <= room else str(j), dy=16)
    return picture.svg(
        "Probabilities, and where the loss pulls them",
        "A bar for each class shows its probability, and a dashed line its target. An arrow leads "
        "from the one to the other: up for a class that is pulled up, down for one pushed down.",
    )
