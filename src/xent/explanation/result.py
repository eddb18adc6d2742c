"""`Explanation`: the steps with their results, and how they are printed."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from xent._format import plain, shown
from xent._live.conditions import holds
from xent._live.words import told
from xent._report import (
    Block,
    Equations,
    Finding,
    Line,
    Picture,
    Report,
    Term,
    Terms,
    Text,
    page,
    to_html,
    to_latex,
    to_markdown,
    to_text,
)
from xent._report.markdown import JUPYTER
from xent._report.notation import LATEX, TEXT
from xent._report.text import WIDTH
from xent._validation import Array
from xent.explanation.glossary import used
from xent.explanation.live_page import live_page
from xent.explanation.pictures import bars, gallery
from xent.explanation.plan import Plan
from xent.explanation.row import Row
from xent.explanation.steps import Step


@dataclass(frozen=True, repr=False, eq=False)
class Explanation(Report):
    """The steps from the scores to the loss and its gradient, with the results at full precision.

    Print it (plain text), or let Jupyter show it. `to_text`, `to_markdown`, `to_latex`,
    `to_html` and `to_dict` give it in other forms.
    """

    plan: Plan
    """What is told of any such row."""
    row: Row
    inputs: Mapping[str, Any]

    @cached_property
    def title(self) -> str:
        """What is explained."""
        return told(self.plan.title, self.row.values)

    @cached_property
    def summary(self) -> str:
        """What to remember, in a sentence or two."""
        return told(self.plan.summary, self.row.values)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The steps with their numbers."""
        values = self.row.values
        return tuple(each.at(values) for each in self.plan.steps if holds(each.when, values))

    @cached_property
    def notes(self) -> tuple[Finding, ...]:
        """What is odd about the numbers."""
        return tuple(found for each in self.plan.notes for found in each.at(self.row.values))

    @property
    def loss(self) -> float:
        """In nats, with the weights."""
        return self.row.loss

    @property
    def gradient(self) -> Array:
        """For the logits as given."""
        return self.row.gradient

    @property
    def probabilities(self) -> Array:
        """Of the classes, or of label 1 for one logit."""
        return np.asarray(self.row.p[1]) if self.row.binary else self.row.p

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms of the glossary that occur."""
        told = [text for step in self.steps for text in (step.name, step.why)]
        return used([self.title, *told, self.summary])

    def step(self, name: str) -> Step:
        """Return the step of this name."""
        for step in self.steps:
            if step.name == name:
                return step
        names = ", ".join(repr(step.name) for step in self.steps)
        msg = f"no step is named {name!r}; there are {names}."
        raise KeyError(msg)

    def only(self, part: str) -> Explanation:
        """The steps of one part: prediction, target, loss, gradient, check, why or meaning."""
        parts = dict.fromkeys(step.part for step in self.steps)
        if part not in parts:
            msg = f"this explanation has no part {part!r}; it has {', '.join(parts)}."
            raise ValueError(msg)
        return replace(self, plan=self.plan.only(part))

    def short(self) -> Explanation:
        """The numbers that matter, without reasons: probabilities, loss and gradient."""
        return replace(self, plan=self.plan.short())

    def blocks(
        self, *, glossary: bool = False, pictures: Iterable[Picture] = ()
    ) -> Iterator[Block]:
        """The explanation as blocks; with `glossary`, the terms used and what they mean."""
        yield Text(self.title, "title")
        yield Text(f"In short: {self.summary}", "summary")
        yield from self.notes
        yield from pictures
        section = ""
        for number, step in enumerate(self.steps, start=1):
            if step.section != section:
                section = step.section
                yield Text(section, "section")
            yield Text(f"{number}. {step.name}", "name")
            equations = Equations(step.formula, step.lines)
            if equations.chain or equations.lines:
                yield equations
            if step.why:
                yield Text(step.why, "why")
        if glossary and self.terms:
            yield Terms(self.terms, "Words used", self._anchor)
        elif self.plan.whole and not glossary:
            names = ", ".join(term.name for term in self.terms)
            yield Text(f"Words, defined by xent glossary WORD: {names}.", "hint")

    def to_text(self, *, width: int = WIDTH, glossary: bool = False) -> str:
        """Plain text for a terminal of so many columns; with `glossary`, the terms used."""
        return to_text(self.blocks(glossary=glossary), width)

    def to_markdown(self, *, glossary: bool = False) -> str:
        """Markdown with formulas as GitHub typesets them; with `glossary`, the terms used."""
        return to_markdown(self.blocks(glossary=glossary), top=2)

    def to_latex(self, *, glossary: bool = False) -> str:
        """LaTeX: a document fragment that needs amsmath; with `glossary`, the terms used."""
        return to_latex(self.blocks(glossary=glossary))

    def to_html(self, *, pictures: bool = True) -> str:
        """HTML: a fragment without scripts, its terms linked to what they mean.

        With `pictures`, curves or bars as inline SVG, where matplotlib is installed. A notebook
        shows it without: those that are not trusted drop SVG.
        """
        return self._html(pictures=pictures)

    def to_page(self, *, pictures: bool = True) -> str:
        """HTML: a page of its own, for light and dark, wide and narrow screens.

        Its reader can move the numbers, and all that depends on them follows. It needs no network,
        and can be read without scripts. The numbers stay as given for more than ten classes,
        masked ones, and probabilities of several classes.
        """
        if self.row.movable:
            return live_page(self.plan, self.row, self._anchor, drawn=pictures)
        return page(self.title, self._html(pictures=pictures, opened=True))

    def _html(self, *, pictures: bool, opened: bool = False) -> str:
        names = self.inputs.get("names")
        drawn = [bars(self.row, names), gallery(self.row, names, self._anchor) if pictures else ""]
        found = [Picture(each) for each in drawn if each]
        blocks = self.blocks(glossary=True, pictures=found)
        return to_html(blocks, name="explanation", opened=opened)

    @property
    def _anchor(self) -> str:
        """The start of the names in its HTML, so that two explanations in a page do not clash."""
        return f"xent-{zlib.crc32(repr((self.title, self.summary)).encode()):08x}"

    def to_dict(self, *, glossary: bool = False) -> dict[str, Any]:
        """Plain data, for JSON: infinities as "inf". With `glossary`, the terms' definitions."""
        found = {
            "title": self.title,
            "inputs": {name: plain(value) for name, value in self.inputs.items()},
            "loss": plain(self.loss),
            "probabilities": plain(self.probabilities),
            "gradient": plain(self.gradient),
            "steps": [_step(step) for step in self.steps],
            "summary": self.summary,
            "notes": [note.to_dict() for note in self.notes],
            "terms": [term.name for term in self.terms],
        }
        if glossary:
            found["glossary"] = {term.name: term.definition for term in self.terms}
        return found

    def __repr__(self) -> str:
        return f"<Explanation: {self.title}; loss {shown(self.loss)}>"

    def _repr_markdown_(self) -> str:
        return to_markdown(self.blocks(), top=2, fence=JUPYTER)

    def _repr_latex_(self) -> str:
        return self.to_latex()

    def _repr_html_(self) -> str:
        return self.to_html(pictures=False)


def _step(step: Step) -> dict[str, Any]:
    return {
        "section": step.section,
        "name": step.name,
        "formula": TEXT.chain(step.formula),
        "latex": LATEX.chain(step.formula),
        "lines": [_line(line) for line in step.lines],
        "why": step.why,
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "symbol": TEXT.write(line.symbol),
        "substituted": None if line.substituted is None else TEXT.write(line.substituted),
        "relation": line.relation,
        "shown": line.text,
        "value": plain(line.value),
        "role": line.role,
        "true": line.true,
    }
