"""The terms of the explanations, each defined once for every printer and the glossary page."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from xent._report import Block, Report, Term, Terms
from xent._report.expression import (
    Call,
    Derivative,
    Symbol,
    Total,
    exp,
    log,
    log1p,
)
from xent._report.links import by_form, pattern
from xent._report.notation import TEXT

F, P, L, S = Symbol("f"), Symbol("p"), Symbol("L"), Symbol("S")
H, Z_J, Z_K, Z_Y = Symbol("h"), Symbol("z", "j"), Symbol("z", "k"), Symbol("z", "y")
P_J, P_Y, Y_J = Symbol("p", "j"), Symbol("p", "y"), Symbol("y", "j")
TOTAL = Total("k", exp(Z_K))

TERMS = (
    Term(
        "bias",
        "The number b that is added to the weighted features: the logit of a row without features.",
        (F, Total("i", Symbol("w", "i") * Symbol("x", "i")) + Symbol("b")),
        ("weight", "logit"),
    ),
    Term(
        "bit",
        "Unit of a loss taken with the logarithm to base 2: 1 bit is a fair coin flip. "
        "A loss in nats divided by ln 2 = 0.6931 is in bits.",
        see=("nat",),
        forms=("bits",),
    ),
    Term(
        "cancellation",
        "Loss of digits where two nearly equal numbers are subtracted: their equal leading "
        "digits go, and the rounding errors stay.",
        see=("rounding", "log1p"),
    ),
    Term(
        "chain rule",
        "The derivative of a function within a function is the product of both derivatives. It "
        "carries the gradient from the loss back to logits, weights and bias.",
        (Derivative(L, Symbol("w")), Derivative(L, F) * Derivative(F, Symbol("w"))),
        ("gradient",),
    ),
    Term(
        "chance loss",
        "The loss of a uniform guess among K classes. A trained model should be below it; a new "
        "one should start near it.",
        (L, log(Symbol("K"))),
        ("cross-entropy", "perplexity"),
        ("guessing", "coin flip", "chance", "at chance", "uniform guess"),
    ),
    Term(
        "class weight",
        "A factor on the loss of each row, by its true class: rare classes are often given more.",
        see=("cross-entropy", "label smoothing"),
        forms=("class weights",),
    ),
    Term(
        "cross-entropy",
        "The loss -log p of the probability p that was given to the true label, averaged over "
        "rows. Also called log loss, logistic loss or negative log-likelihood.",
        (L, -Total("j", Y_J * log(P_J)), -log(P_Y)),
        ("surprise", "entropy", "log-likelihood", "nat"),
        ("log loss", "logistic loss", "negative log-likelihood"),
    ),
    Term(
        "derivative",
        "How fast a quantity changes with another: the limit of the change of the one over that "
        "of the other.",
        (Derivative(L, F), Call("lim", ((Call("L", (F + H,)) - Call("L", (F,))) / H,))),
        ("gradient", "numerical gradient"),
        ("derivatives", "slope"),
    ),
    Term(
        "entropy",
        "The mean surprise of outcomes that happen with the very probabilities forecast: what no "
        "forecast can be rid of.",
        (Symbol("H"), -Total("j", P_J * log(P_J))),
        ("surprise", "cross-entropy", "KL divergence"),
    ),
    Term(
        "gradient",
        "The derivatives of the loss for all logits (or weights): a small step against it lowers "
        "the loss fastest. For cross-entropy it is prediction minus truth.",
        (Derivative(L, Z_J, partial=True), P_J - Y_J),
        ("derivative", "one-hot", "chain rule"),
        ("gradients",),
    ),
    Term(
        "KL divergence",
        "Cross-entropy less the entropy of the truth: what a forecast costs more than a perfect "
        "one would. For a one-hot label it is the cross-entropy itself.",
        (Symbol("D"), Total("j", Y_J * log(Y_J / P_J))),
        ("cross-entropy", "entropy"),
        ("kullback-leibler divergence",),
    ),
    Term(
        "label",
        "The true class of a row, y: 0 or 1 for one logit, 0 to K - 1 for K classes.",
        see=("one-hot",),
        forms=("true class", "true label", "labels"),
    ),
    Term(
        "label smoothing",
        "Training on (1 - ε) of the one-hot label t and ε spread evenly over all K classes, so "
        "that the model is not driven to certainty.",
        (Y_J, (1 - Symbol("ε")) * Symbol("t", "j") + Symbol("ε") / Symbol("K")),
        ("one-hot",),
    ),
    Term(
        "log-likelihood",
        "The logarithm log p of the probability of what happened: at most 0, to be made large. The "
        "loss is its negative.",
        see=("cross-entropy",),
    ),
    Term(
        "log-sum-exp",
        "The logarithm of the sum of exponentials: a smooth maximum, and all that couples the "
        "classes in the loss. Its gradient is the softmax.",
        (Symbol("A"), log(TOTAL)),
        ("softmax", "overflow"),
        ("log of the sum of exponentials", "log of sum of exponentials"),
    ),
    Term(
        "log1p",
        "log(1 + x) computed without forming 1 + x, which would round a small x away.",
        (log1p(Symbol("x")), log(1 + Symbol("x"))),
        ("cancellation", "rounding"),
    ),
    Term(
        "logit",
        "The raw score of a model before it is made a probability: any number, larger for "
        "likelier. For one logit it is the log of the odds.",
        (F, log(P / (1 - P))),
        ("odds", "sigmoid", "softmax"),
        ("logits", "raw score", "raw scores", "score", "scores"),
    ),
    Term(
        "margin",
        "The logit of the true class less the largest other one: positive where the model is "
        "right, and the larger the surer.",
        (Symbol("margin"), Z_Y - Call("max", (Symbol("z", "j≠y"),))),
        ("logit",),
        ("margins",),
    ),
    Term(
        "mask",
        "A logit of -inf takes its class out: probability 0, gradient 0. A label on a masked class "
        "costs an infinite loss.",
        see=("logit", "softmax"),
        forms=("masked", "masks"),
    ),
    Term(
        "nat",
        "Unit of a loss taken with the natural logarithm, to base e: 1 nat = 1.4427 bits.",
        see=("bit",),
        forms=("nats",),
    ),
    Term(
        "numerical gradient",
        "The derivative from two losses a small step apart, without knowing its formula: a check "
        "of the formula. Its error is truncation for a large step, rounding for a small one.",
        (Derivative(L, F), (Symbol("L", "+") - Symbol("L", "-")) / (2 * H)),
        ("derivative", "truncation", "rounding"),
        ("numerical derivative", "one-sided difference", "two-sided", "central difference"),
    ),
    Term(
        "odds",
        "The probability of an event over that of its opposite: p = 0.8 is odds of 4 to 1.",
        (Symbol("odds"), P / (1 - P)),
        ("logit",),
    ),
    Term(
        "one-hot",
        "The true label as a row of numbers: 1 at the true class, 0 at every other.",
        see=("label", "label smoothing"),
    ),
    Term(
        "overflow",
        "A result beyond the largest number of its type (about 1.8e308 in double precision), which "
        "becomes inf: e^x does for x above 709.8.",
        see=("underflow", "log-sum-exp"),
        forms=("overflows",),
    ),
    Term(
        "perplexity",
        "The number of equally likely labels that would surprise as much: 1 for certainty, K for a "
        "guess among K.",
        (Symbol("perplexity"), exp(L)),
        ("chance loss", "surprise"),
    ),
    Term(
        "probability",
        "How likely the model holds a label, from 0 to 1; those of all classes sum to 1.",
        see=("sigmoid", "softmax"),
        forms=("probabilities",),
    ),
    Term(
        "rounding",
        "Each computed number is the nearest that its type can hold, right to about 16 digits in "
        "double precision. Shown numbers are rounded too, never cut off.",
        see=("ULP", "cancellation", "truncation"),
        forms=("rounded", "rounds", "round"),
    ),
    Term(
        "sigmoid",
        "The function that makes a probability of one logit; 0 gives 1/2.",
        (Call("σ", (F,)), 1 / (1 + exp(-F))),
        ("logit", "softmax"),
    ),
    Term(
        "softmax",
        "The function that makes probabilities of K logits: each exponential over the sum of all.",
        (P_J, exp(Z_J) / TOTAL),
        ("logit", "sigmoid", "log-sum-exp"),
    ),
    Term(
        "surprise",
        "-log p of what happened: 0 where it was certain, large where it was held unlikely. "
        "Cross-entropy is the mean surprise.",
        (L, -log(P_Y)),
        ("cross-entropy", "nat", "bit"),
        ("surprises",),
    ),
    Term(
        "truncation",
        "The error of a numerical derivative because its step h is not infinitely small: it "
        "shrinks like h for the one-sided difference, like h squared for the two-sided.",
        see=("numerical gradient", "rounding"),
    ),
    Term(
        "ULP",
        "Unit in the last place: the gap between a number and the next that its type can hold. "
        "Errors of computation are counted in it.",
        see=("rounding",),
        forms=("unit in the last place", "units of the last place"),
    ),
    Term(
        "underflow",
        "A result nearer to 0 than the smallest number of its type, which becomes 0: the "
        "probability of a logit far below the others, for one.",
        see=("overflow", "mask"),
        forms=("underflows",),
    ),
    Term(
        "weight",
        "The number w by which a feature x is multiplied in the logit; training changes it.",
        (F, Total("i", Symbol("w", "i") * Symbol("x", "i")) + Symbol("b")),
        ("bias", "gradient"),
        ("weights",),
    ),
)

BY_NAME = by_form(TERMS)
WORD = pattern(BY_NAME)
"""Any term in any form."""


def look_up(word: str) -> Term:
    """The term of this name or form."""
    known = " ".join(word.lower().split())
    if known in BY_NAME:
        return BY_NAME[known]
    near = difflib.get_close_matches(known, BY_NAME, 1)
    guess = f" Did you mean {near[0]}?" if near else ""
    msg = (
        f"{word!r} is not in the glossary.{guess} It has: {', '.join(term.name for term in TERMS)}."
    )
    raise ValueError(msg)


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
                "formula": " = ".join(map(TEXT.write, term.formula)),
                "see": list(term.see),
            }
            for term in self.terms
        }
