"""Where logits look like probabilities, which is what many people pass by mistake."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xent._live.conditions import Condition, every, holds
from xent._live.words import Prose, Shown, number, told
from xent._report import Finding
from xent._report.evaluation import Values
from xent._report.expression import (
    Expression,
    Extreme,
    Symbol,
    Total,
    call,
    case,
    log,
    log1p,
    same,
)
from xent.explanation.form import INFINITE, Form

NEAR = 1e-3
"""How near to 1 (to 100, in percent) the sum of scores is that look like probabilities."""

MOST = 10
"""Of more logits the command that takes them for probabilities is not written out."""

L, J, Z, Z_J = Symbol("L"), Symbol("j"), Symbol("z"), Symbol("z", "j")


@dataclass(frozen=True)
class LiveNote:
    """A note for any numbers of a row."""

    when: Condition
    name: str
    seen: Prose
    matters: Prose
    fix: Prose

    def at(self, values: Values) -> Iterator[Finding]:
        """The note for these numbers, if it holds for them."""
        if holds(self.when, values):
            said = [told(each, values) for each in (self.seen, self.matters, self.fix)]
            yield Finding(self.name, said[0], said[1], said[2], "note")


def notes(form: Form) -> Iterator[LiveNote]:
    """What may be odd about logits: that they look like probabilities, or like percentages."""
    if form.source != "logits" or form.masked:
        return
    if form.binary:
        meant = _loss(case(same(J, 1), -log(Z), -log1p(-Z)), 2)
        yield LiveNote(
            every(Z > 0, Z < 1, meant < INFINITE),
            "a logit that looks like a probability",
            ("The logit ", *number(Z), " lies between 0 and 1, as every probability does."),
            ("It was taken as a logit: its sigmoid gives the loss ", *number(L), "."),
            ("If it is a probability, ", *_command(form, [Z]), *_then(meant)),
        )
        return
    total = Total("j", Z_J, form.count)
    for size, sums in ((100, "100, like percentages"), (1, "1")):
        near = call("abs", total - size) <= size * NEAR
        meant = _loss(-log(call("min", _part(Z_J, size), 1)), form.count)
        p = [_part(Symbol("z", str(j)), size) for j in range(form.count)]
        yield LiveNote(
            every(Extreme("max", "j", -Z_J, form.count) <= 0, near, meant < INFINITE),
            "logits that look like probabilities",
            (f"No logit is negative, and they sum to {sums}.",),
            ("They were taken as logits: their softmax gives the loss ", *number(L), "."),
            ("If they are probabilities, ", *_command(form, p, percent=size > 1), *_then(meant)),
        )


def _part(z: Expression, size: int) -> Expression:
    return z if size == 1 else z / size


def _loss(surprise: Expression, count: int) -> Expression:
    """The loss, were they probabilities."""
    mass = Symbol("v", "j")
    return Total("j", case(same(mass, 0), 0, mass * surprise), count)


def _then(meant: Expression) -> Prose:
    return (": the loss is then ", *number(meant), ".")


def _command(form: Form, p: list[Expression], *, percent: bool = False) -> Prose:
    """The command that takes them for probabilities."""
    if form.plain and not form.stages and len(p) <= MOST:
        numbers = (part for each in p for part in (Shown(each, format=".12g"), " "))
        return ("use xent explain ", *numbers, "--label ", *number(form.y), " --probabilities")
    first = "divide them by 100, " if percent else ""
    out = "leave out --softcap and --temperature and " if form.stages else ""
    return (f'{first}{out}add --probabilities (in Python: kind="probabilities")',)
