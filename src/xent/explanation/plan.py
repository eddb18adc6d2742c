"""What is told of a row, for any numbers that its form allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from xent._live.conditions import Condition, every, no, some
from xent._live.words import Prose, strings
from xent.explanation import binary, multiclass
from xent.explanation.form import Form
from xent.explanation.notes import LiveNote, notes
from xent.explanation.steps import PARTS, LiveStep
from xent.explanation.summary import summary


@dataclass(frozen=True)
class Plan:
    """Steps, sentences and notes."""

    form: Form
    title: Prose
    steps: tuple[LiveStep, ...]
    summary: Prose
    notes: tuple[LiveNote, ...] = ()
    whole: bool = True
    """Are all steps there?"""

    def only(self, part: str) -> Plan:
        """The steps of one part."""
        kept = tuple(step for step in self.steps if step.part == part)
        return replace(self, steps=kept, whole=False)

    def short(self) -> Plan:
        """The last step of the prediction, the first with the loss, the last of the gradient."""
        named = {
            part: [step for step in self.steps if step.part == part] for part in PARTS.values()
        }
        losses: list[LiveStep] = []
        before: Condition = False
        for step in named["loss"]:
            here = every(step.tells_the_loss, no(before))
            losses.append(replace(step, when=here))
            before = some(before, step.tells_the_loss)
        kept = [*named["prediction"][-1:], *losses, *named["gradient"][-1:]]
        steps = tuple(replace(step, why=()) for step in kept if step.when is not False)
        return replace(self, steps=steps, whole=False)

    def strings(self) -> Iterator[str]:
        """All words that it may have."""
        for step in self.steps:
            yield step.name
            yield from strings(step.why)
        for prose in (self.title, self.summary):
            yield from strings(prose)


def plan_of(form: Form, *, noted: bool = True) -> Plan:
    """The plan; with notes only where logits were given as such."""
    made = binary if form.binary else multiclass
    steps = tuple(step for step in made.steps(form) if step.when is not False)
    found = tuple(notes(form)) if noted else ()
    return Plan(form, made.title(form), steps, summary(form), found)
