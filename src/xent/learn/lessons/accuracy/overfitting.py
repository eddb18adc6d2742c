"""The stage of the training run: accuracy and mean loss rise together."""

from __future__ import annotations

from xent._live.controls import preset, presets, slider
from xent._live.lines import LiveLine
from xent._live.page import Live
from xent._live.picture import Picture, Role
from xent._live.widgets import stage
from xent._report.expression import Symbol, call, exp, log
from xent.learn.lessons.accuracy.program import softplus
from xent.learn.lessons.accuracy.training import EPOCHS, ROWS

LAST = len(EPOCHS) - 1
FURTHEST = (-12, 21)
MARKED: tuple[tuple[int, str, Role, tuple[float, float]], ...] = (
    (25, "a", "bad", (13, -4)),
    (16, "b", "bad", (-13, 12)),
    (52, "c", "good", (8, -14)),
)
"""Rows with a name, and where it stands: two that get worse and worse, and one that turns right."""
CHECKPOINT, EPOCH, HITS = Symbol("checkpoint"), Symbol("epoch"), Symbol("hits")
A, L, W = Symbol("A"), Symbol("L"), Symbol("W")


def overfitting(live: Live) -> str:
    """The stage."""
    number = live.number
    percent = number(call("floor", 100 * W / L + 0.5))
    summary = (
        f"After epoch {number(EPOCH)}, {number(HITS)} of {ROWS} validation rows are right: "
        f"accuracy {number(A, 3)}. The mean loss is {number(L, 3)} nats, and the "
        f"{number(ROWS - HITS)} wrong rows account for {percent} % of it."
    )
    best = int(live.values["best"])
    controls = [
        epochs(live),
        presets(
            [
                preset("first epoch", checkpoint=0),
                preset("lowest loss", checkpoint=best),
                preset("last epoch", checkpoint=LAST),
            ]
        ),
    ]
    told = [
        live.formula("acc", _accuracy()),
        *(live.formula(f"row{name}", *_row(i)) for i, name, _, _ in MARKED),
    ]
    return stage([_course(live), _rows(live)], controls, summary, told)


def epochs(live: Live) -> str:
    """The slider for the epoch, which moves from one power of two to the next."""
    return slider(live, "checkpoint", "epoch", 0, LAST, 1, shows=EPOCH)


def _accuracy() -> LiveLine:
    return LiveLine(Symbol("accuracy"), A, HITS / ROWS, {HITS: HITS})


def _row(i: int) -> list[LiveLine]:
    """A row's probability and loss; z is its logit in favour of the truth."""
    z, p = Symbol("z"), Symbol("p")
    logit, loss = Symbol("m", f"{i}"), Symbol("l", f"{i}")
    probability = 1 / (1 + exp(-z))
    chance = exp(-loss)
    return [
        LiveLine(p, chance, probability, {z: logit}),
        LiveLine(-log(p), loss, -log(p), {p: chance}, rounded=None),
    ]


def _course(live: Live) -> str:
    picture = Picture(
        live,
        "course",
        (0, LAST),
        (0, 1.2),
        "epoch",
        "",
        {k: f"{EPOCHS[k]}" for k in range(0, LAST + 1, 2)},
        (0, 0.25, 0.5, 0.75, 1),
        height=196,
        left=40,
    )
    steps = range(LAST + 1)
    picture.path([(k, Symbol("acc", f"{k}")) for k in steps], "good", "curve dashed")
    picture.path([(k, Symbol("mean", f"{k}")) for k in steps], "loss")
    picture.text(3, live.values["acc"][3], "accuracy", role="good", dy=-9)
    picture.text(6.4, live.values["mean"][6], "mean loss, nats", role="loss", anchor="start", dy=14)
    picture.segment((CHECKPOINT, 0), (CHECKPOINT, 1.2), "plain", "grid")
    picture.point(CHECKPOINT, A, "good", tell="acc", label="The accuracy")
    picture.point(CHECKPOINT, L, "loss")
    picture.handle(CHECKPOINT, L, "checkpoint, on the loss", drag_x="checkpoint", step=1)
    return picture.svg(
        "Validation rows during training",
        "Accuracy and mean loss over the epochs. The accuracy rises to the end; the loss falls, "
        "and from the middle on it rises, too.",
    )


def _rows(live: Live) -> str:
    picture = Picture(
        live,
        "rows",
        FURTHEST,
        (0, 12),
        "logit in favour of the truth",
        "loss, nats",
        (-10, 0, 10, 20),
        (0, 4, 8, 12),
        height=196,
    )
    picture.curve(softplus(-Symbol("x")), "x", "loss", style="thin")
    picture.segment((0, 0), (0, 12), "plain", "grid")
    picture.text(-0.6, 11, "← wrong", role="bad", anchor="end")
    picture.text(0.6, 11, "right →", role="good", anchor="start")
    picture.dots(Symbol("m", "i"), Symbol("l", "i"), "i", ROWS, "other")
    for i, name, role, (dx, dy) in MARKED:
        m, loss = Symbol("m", f"{i}"), Symbol("l", f"{i}")
        picture.point(m, loss, role, tell=f"row{name}", label=f"The loss of row {name}")
        picture.text(m, loss, name, role=role, dx=dx, dy=dy)
    return picture.svg(
        f"The {ROWS} rows, each on the loss curve",
        "The loss over the logit in favour of the truth, with a point for each row. Wrong rows are "
        "left of zero, where the loss grows without limit; right ones are right of it, near 0.",
    )
