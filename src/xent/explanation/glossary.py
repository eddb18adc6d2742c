"""The terms of the explanations, each defined once for every printer and the glossary page."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from xent._report import Block, Report, Term, Terms
from xent._report.expression import Call, Derivative, Expression, Symbol, Total, exp, log, log1p
from xent._report.links import by_form, pattern
from xent._report.notation import TEXT
from xent.explanation.texts import texts

Z, P, L, S = Symbol("z"), Symbol("p"), Symbol("L"), Symbol("S")
H, Z_J, Z_K, Z_Y = Symbol("h"), Symbol("z", "j"), Symbol("z", "k"), Symbol("z", "y")
P_J, P_Y, Y_J = Symbol("p", "j"), Symbol("p", "y"), Symbol("y", "j")
TOTAL = Total("k", exp(Z_K))
C, CAP, T = Symbol("c"), Symbol("cap"), Symbol("T")

FORMULAS: dict[str, tuple[Expression, ...]] = {
    "bias": (Z, Total("i", Symbol("w", "i") * Symbol("x", "i")) + Symbol("b")),
    "chain rule": (Derivative(L, Symbol("w")), Derivative(L, Z) * Derivative(Z, Symbol("w"))),
    "chance loss": (L, log(Symbol("K"))),
    "cross-entropy": (L, -Total("j", Y_J * log(P_J)), -log(P_Y)),
    "focal loss": (L, -((1 - P_Y) ** Symbol("γ") * log(P_Y))),
    "derivative": (Derivative(L, Z), Call("lim", ((Call("L", (Z + H,)) - Call("L", (Z,))) / H,))),
    "entropy": (Symbol("H"), -Total("j", P_J * log(P_J))),
    "gradient": (Derivative(L, Z_J, partial=True), P_J - Y_J),
    "KL divergence": (Symbol("D"), Total("j", Y_J * log(Y_J / P_J))),
    "label smoothing": (Y_J, (1 - Symbol("ε")) * Symbol("t", "j") + Symbol("ε") / Symbol("K")),
    "log-sum-exp": (Symbol("A"), log(TOTAL)),
    "log1p": (log1p(Symbol("x")), log(1 + Symbol("x"))),
    "logit": (Z, log(P / (1 - P))),
    "margin": (Symbol("margin"), Z_Y - Call("max", (Symbol("z", "j≠y"),))),
    "numerical gradient": (Derivative(L, Z), (Symbol("L", "+") - Symbol("L", "-")) / (2 * H)),
    "odds": (Symbol("odds"), P / (1 - P)),
    "perplexity": (Symbol("perplexity"), exp(L)),
    "sigmoid": (Call("σ", (Z,)), 1 / (1 + exp(-Z))),
    "softmax": (P_J, exp(Z_J) / TOTAL),
    "softcap": (C, CAP * Call("tanh", (Z / CAP,))),
    "temperature": (P_J, exp(Z_J / T) / Total("k", exp(Z_K / T))),
    "surprise": (L, -log(P_Y)),
    "weight": (Z, Total("i", Symbol("w", "i") * Symbol("x", "i")) + Symbol("b")),
}
"""Of the terms that have one, as a chain of equal expressions."""


def _terms() -> Iterator[Term]:
    for name, entry in texts("glossary.toml").items():
        links = {key: tuple(entry.get(key, ())) for key in ("see", "forms", "aliases")}
        yield Term(name, entry["definition"], FORMULAS.get(name, ()), **links)


TERMS = tuple(_terms())
BY_NAME = by_form(TERMS)
WORD = pattern(BY_NAME)
"""Any term in any form."""

BY_ALIAS = {alias: term for term in TERMS for alias in term.aliases} | BY_NAME
"""Every name under which a term is looked up."""

MOST_GUESSES = 3


def look_up(word: str) -> Term:
    """The term of this name, form or alias."""
    known = " ".join(word.lower().replace("_", " ").split())
    hyphens = known.replace(" ", "-"), known.replace("-", " ")
    for written in (known, *hyphens, known.removesuffix("s"), word.lower()):
        if written in BY_ALIAS:
            return BY_ALIAS[written]
    guesses = _near(known)
    guess = f" Did you mean {' or '.join(guesses)}?" if guesses else ""
    names = ", ".join(term.name for term in TERMS)
    msg = f"{word!r} is not in the glossary.{guess} It has: {names}."
    raise ValueError(msg)


def _near(word: str) -> list[str]:
    """Terms with a name much like the word, and then those whose definition has it."""
    alike = difflib.get_close_matches(word, BY_ALIAS, MOST_GUESSES, cutoff=0.7)
    holding = [term.name for term in TERMS if f" {word}" in f" {term.definition.lower()}"]
    found = dict.fromkeys([*(BY_ALIAS[name].name for name in alike), *holding])
    return list(found)[:MOST_GUESSES]


def used(texts: Iterable[str]) -> tuple[Term, ...]:
    """The terms that occur, in the order of the glossary."""
    found = {BY_NAME[match.lower()].name for text in texts for match in WORD.findall(text)}
    return tuple(term for term in TERMS if term.name in found)


@dataclass(frozen=True)
class Glossary(Report):
    """Terms with their definitions, as a report."""

    terms: tuple[Term, ...]

    def blocks(self) -> Iterator[Block]:
        """The terms alone."""
        yield Terms(self.terms)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON: each term's definition, formula and related terms."""
        return {
            term.name: {
                "definition": term.definition,
                "formula": TEXT.chain(term.formula),
                "see": list(term.see),
            }
            for term in self.terms
        }
