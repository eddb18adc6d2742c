"""Makes questions from an explanation's steps, and judges the answers.

The right answer is the number in the step. Only the results of known mistakes are computed here.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from xent._format import shown
from xent._report import Line
from xent._report.expression import Call, Expression, Negative, Power, Symbol
from xent.explanation.result import Explanation
from xent.explanation.steps import Step

ASKED = ("Prediction", "Target", "Loss", "Gradient")
"""Sections whose numbers are asked for; the rest checks and derives what is known by then."""

MOST = 4
"""A step with more lines asks only for the true class and the likeliest other one."""

SIGNIFICANT = 2
"""How many digits an answer must have, unless the number has fewer."""

NUMBER = re.compile(r"([+-]?)(\d*)[.,]?(\d*)(?:e([+-]?\d{1,3}))?", re.IGNORECASE)

LARGEST = Fraction(sys.float_info.max)


@dataclass(frozen=True)
class Question:
    """One line of a step, whose value is asked for."""

    step: Step
    line: Line


@dataclass(frozen=True)
class Answer:
    """A number as somebody wrote it."""

    value: Fraction | float
    place: Fraction = Fraction(0)
    """Half a unit of the last digit written; 0 for a fraction that no decimal equals."""
    digits: int = SIGNIFICANT
    """The number of significant digits."""


def questions(explanation: Explanation) -> list[tuple[Step, tuple[Question, ...]]]:
    """The steps to go through, each with its questions."""
    found, loss_known = [], False
    for step in explanation.steps:
        if step.section not in ASKED or step.name.startswith("A trap"):
            continue
        if loss_known and step.section == "Loss":
            continue  # the same loss again, by another way
        loss_known |= any(line.role == "loss" for line in step.lines)
        found.append((step, tuple(Question(step, line) for line in _chosen(step, explanation))))
    return found


def _chosen(step: Step, explanation: Explanation) -> list[Line]:
    """The lines with something to compute, or the two that matter most."""
    lines = [line for line in step.lines if line.substituted is not None]
    if len(lines) <= MOST or not any(line.true for line in lines):
        return lines[:MOST]
    p, label = explanation.probabilities, explanation.inputs["label"]
    rival = max((j for j in range(len(p)) if j != label), key=p.tolist().__getitem__)
    return [x for x in lines if x.true or _index(x.symbol) == str(rival)]


def _index(node: Expression) -> str:
    """The class that a symbol stands for: 2 in z_2, e^z_2, ∂L/∂z_2."""
    return next((s.index for s in symbols(node) if s.index.isdigit()), "")


def symbols(node: Expression) -> Iterator[Symbol]:
    """All symbols of a tree."""
    if isinstance(node, Symbol):
        yield node
    for part in vars(node).values():
        parts = part if isinstance(part, tuple) else (part,)
        for child in parts:
            if isinstance(child, Expression):
                yield from symbols(child)


def read(text: str) -> Answer | None:
    """A number like 0.66, -1.2e-5, 0,66, 2/3, 66 % or inf; None for anything else."""
    text = text.strip().replace("−", "-").replace(" ", "")
    if text.lower().lstrip("+-") in ("inf", "infinity", "∞"):
        return Answer(-math.inf if text.startswith("-") else math.inf)
    if text.count("/") == 1:
        parts = [read(part) for part in text.split("/")]
        values = [part.value for part in parts if part is not None and math.isfinite(part.value)]
        if len(values) < 2 or not values[1]:
            return None
        return _quotient(Fraction(values[0]) / Fraction(values[1]))
    percent = text.endswith("%")
    match = NUMBER.fullmatch(text.removesuffix("%"))
    if match is None or not (match[2] or match[3]):
        return None
    sign, before, after, power = match.groups()
    scale = Fraction(10) ** (int(power or 0) - len(after) - 2 * percent)
    written = int(before + after)
    exact = written * scale * (-1 if sign == "-" else 1)
    if abs(exact) > LARGEST:
        return Answer(math.inf if exact > 0 else -math.inf)
    return Answer(exact, scale / 2, len(str(written or "")))


def _quotient(value: Fraction) -> Answer:
    """A fraction, read as the decimal equal to it, if there is one."""
    rest = value.denominator
    # A denominator of n bits has less than n factors of 2 and of 5.
    places = next((n for n in range(rest.bit_length()) if 10**n % rest == 0), None)
    if places is None:
        return Answer(value)
    written = abs(int(value * 10**places))
    return Answer(value, Fraction(1, 2 * 10**places), len(str(written or "")))


def enough(answer: Answer, line: Line) -> bool:
    """Are there enough digits to judge, even if only the sign is wrong?"""
    return answer.digits >= SIGNIFICANT or abs(float(answer.value)) == abs(line.value)


def agrees(answer: Answer, value: float, line: Line) -> bool:
    """Is it the value, rounded to the digits of the answer, or to those that would be shown?

    The second rule accepts answers computed from the rounded operands that the hints show.
    """
    if not math.isfinite(value) or not math.isfinite(answer.value):
        return answer.value == value
    exact = Fraction(value)
    slack = abs(exact) / 10**12
    written = read(shown(value, line.digits, trim=False))
    place = max(answer.place, written.place if written else answer.place)
    return abs(Fraction(answer.value) - exact) <= place + slack


def near(answer: Answer, value: float) -> bool:
    """Is only the last of four or more digits off, as when rounded numbers are added?"""
    if answer.digits < 4 or not math.isfinite(value) or not math.isfinite(answer.value):
        return False
    return not _cut(answer, value) and _close(answer, value)


def _close(answer: Answer, value: float) -> bool:
    """Are they at most two units of the last digit apart?"""
    return abs(Fraction(answer.value) - Fraction(value)) <= 4 * answer.place


def _cut(answer: Answer, value: float) -> bool:
    """Were digits cut off instead of rounded?"""
    unit = 2 * answer.place
    return bool(unit) and answer.value == math.trunc(Fraction(value) / unit) * unit


def slip(answer: Answer, question: Question, explanation: Explanation) -> str:
    """What went wrong, if the answer is the result of a known mistake; otherwise empty."""
    line, v = question.line, question.line.value
    if not math.isfinite(v) or agrees(answer, v, line):
        return ""
    for name, value in _slips(question, explanation):
        if value != v and math.isfinite(value) and agrees(answer, value, line):
            return name
    if math.isfinite(answer.value) and answer.place:
        if _cut(answer, v):
            return "the digits were cut off; round them"
        if _close(answer, v):
            return "near, but the last digit is off"
    return ""


def _slips(question: Question, explanation: Explanation) -> Iterator[tuple[str, float]]:
    """Known mistakes, and what each gives for this line."""
    line, v = question.line, question.line.value
    loss, gradient = line.role == "loss", question.step.section == "Gradient"
    binary = question.step.name == "Gradient for the logit"
    if v:
        yield "a sign is missing, or one too many", -v
    if gradient and (line.true or (binary and explanation.inputs["label"] == 1)):
        yield "that is p, not p - 1: the true class has y = 1", v + 1
    if loss and _has(line.substituted, "log"):
        yield "that is the logarithm to base 10; take the natural one", v / math.log(10)
        yield "that is in bits, by the logarithm to base 2; take the natural one", v / math.log(2)
        yield "that is the logarithm to base 10, and without the minus", -v / math.log(10)
        yield "that is the probability; take -log of it", math.exp(-v)
    if isinstance(line.symbol, Power) and v:
        yield "the exponent has the other sign", 1 / v
    if 0 < v < 1 and isinstance(line.symbol, Symbol) and line.symbol.name in "pq":
        opposite = "p" if line.symbol.name == "q" else "1 - p"
        yield f"that is {opposite}: the probability of the opposite", 1 - v
    if binary:
        p = float(explanation.probabilities)
        yield "p (1 - p) is one factor too many: it cancels", v * p * (1 - p)
    for other in question.step.lines:
        if other is not line and other.value != v and other.substituted is not None:
            whose = "weight" if any(s.name == "w" for s in symbols(line.symbol)) else "class"
            yield f"that is another {whose}'s", other.value


def _has(node: Expression | None, function: str) -> bool:
    if isinstance(node, Negative):
        return _has(node.body, function)
    return isinstance(node, Call) and node.function == function
