"""What the explanations of one logit and of several share."""

from __future__ import annotations

from collections.abc import Iterator

from xent._live.conditions import Condition, differ, every, no, some
from xent._live.lines import LiveLine
from xent._live.words import Prose, Shown, number
from xent._report.expression import Expression, Number, Symbol, call, log
from xent.explanation.form import Form, alike
from xent.explanation.quantities import STEP
from xent.explanation.steps import LiveStep, step, words

L = Symbol("L")
LARGEST_CHECKED = 1e5
"""Beyond this a logit plus or minus the step is rounded too much to say anything."""
PRECISION = Number("2.220446049250313e-16")
CHECKABLE = every(Number("inf") > L, Symbol("reach") <= LARGEST_CHECKED)
"""Does a numerical derivative say anything?"""
NOISE = PRECISION * (L + Symbol("moved")) / STEP
"""How far rounding alone moves it."""


def called(form: Form) -> Prose:
    """`label 7`, `label 7 (cat)` or the shares, and the options."""
    kind = "label" if form.binary else "class"
    if form.hard:
        own = {j: "" if n == f"{kind} {j}" else f" ({n})" for j, n in enumerate(form.names)}
        told = form.by_label({j: f"label {j}{own[j]}" for j in form.labels})
    elif form.binary:
        told = ("soft label ", *number(Symbol("t", "1")))
    elif len(form.chosen) < form.count:
        told = (f"soft label of {form.count} classes",)
    else:
        shares = (part for j in form.chosen for part in (", ", *number(Symbol("t", str(j)))))
        told = ("soft label (", *list(shares)[1:], ")")
    if form.smoothed:
        told = (*told, ", label smoothing ", *number(Symbol("eps")))
    if form.weighted:
        told = (*told, ", weighted")
    for key, _ in form.stages:
        told = (*told, f", {key} ", *number(Symbol("cap" if key == "softcap" else "T")))
    return told


def log_loss(form: Form, label: int, true: Symbol) -> tuple[LiveLine, Condition]:
    """The loss as -log of the true class's probability, and whether that has the digits."""
    q = form.number("p", label)
    exact = some(form.given_p, form.certain)
    line = LiveLine(L, L, -log(true), {true: q}, rounded=no(exact), role="loss")
    return line, alike(-log(q), L)


def rounding_remark(form: Form, symbols: dict[int, str]) -> Iterator[LiveStep]:
    """A step that warns if a probability cut to three digits gives another loss.

    `symbols` are those of the true class's probability.
    """
    q = form.of_true("p")
    cut = cut_off(q)
    wrong = -log(cut)
    # Three decimals show next to nothing of a loss below 0.01, however it was computed.
    shows = every(differ(cut, 0), differ(cut, q), L >= 0.01, differ(_placed(wrong), _placed(L)))
    lines = []
    for j, name in symbols.items():
        true = Symbol(name)
        label = form.is_label(j)
        lines.append(LiveLine(Symbol("L", "cut"), wrong, -log(true), {true: cut}, when=label))
    facts = {"p": form.by_label(symbols), "value": (Shown(q, 6),), "cut": cut, "loss": L}
    told = words("trap", "why", wrong=wrong, **facts)
    yield step("trap", (), lines, [told], when=shows)


def cut_off(p: Expression) -> Expression:
    """A probability without the digits after its third place."""
    return call("floor", p * 1000) / 1000


def _placed(x: Expression) -> Expression:
    return call("placed", x, 3)
