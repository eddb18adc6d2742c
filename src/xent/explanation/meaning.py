"""What the loss means, in other units and beside other losses; and where rounding misleads."""

from __future__ import annotations

import math

from xent._format import shown
from xent._report.expression import Symbol, exp, log
from xent.explanation.row import Row
from xent.explanation.steps import Step, line_of

L = Symbol("L")


def guessed_among(row: Row) -> int:
    """How many classes a guess is among: the unmasked ones, if there are at least two."""
    every, masked = len(row.p), int(row.masked.sum())
    return every - masked if every - masked >= 2 else every


def costs_a_guess(loss: float, among: int) -> bool:
    """Is it, to the digits shown, the loss of a uniform guess among `among` classes?"""
    return shown(loss, trim=False) == shown(math.log(among), trim=False)


def interpretation(row: Row) -> Step:
    """The loss in bits, as a perplexity, and beside that of guessing and of a 10 % forecast."""
    loss, classes, rounded = row.loss, guessed_among(row), not row.certain
    chance = math.log(classes)
    guess = "a coin flip" if classes == 2 else f"guessing among {classes} classes"
    if classes < len(row.p) and loss < math.inf:
        guess = f"guessing among the {classes} classes not masked"
    k, ten, bits = Symbol("K"), Symbol("p"), loss / math.log(2)
    lines = [
        line_of(Symbol("in bits"), L / log(2), {L: loss}, bits, rounded=rounded),
        line_of(Symbol(guess), log(k), {k: float(classes)}, chance),
        line_of(Symbol("if the true label had 10 %"), -log(ten), {ten: 0.1}, -math.log(0.1)),
    ]
    verdict = _verdict(loss, classes, guess)
    if loss < 700:
        perplexity = Symbol("perplexity")
        lines.insert(1, line_of(perplexity, exp(L), {L: loss}, math.exp(loss), rounded=rounded))
        verdict += " Perplexity is the number of equally likely labels that would surprise as much."
    why = (
        f"{verdict} A loss of 0 would be certainty of the true label. The logarithm makes a "
        "confident mistake cost without limit."
    )
    name = "The loss in other units, and beside others"
    return Step("What it means", name, (), tuple(lines), why)


def _verdict(loss: float, among: int, guess: str) -> str:
    chance = math.log(among)
    if math.isinf(loss):
        return "The loss is beyond all numbers: the true label was called impossible, or as good."
    if costs_a_guess(loss, among):
        return f"Just what {guess} would cost."
    if loss < chance:
        return f"{'Far' if loss < chance / 2 else 'A little'} better than {guess}."
    return f"Worse than {guess}: the model leaned the wrong way."


def cut_off(value: float) -> float:
    """A probability without the digits after its third place."""
    return math.floor(value * 1000) / 1000


def rounding_remark(p: float, loss: float, symbol: str) -> list[Step]:
    """A step that warns if a probability cut to three digits gives another loss."""
    cut = cut_off(p)
    # Three decimals show next to nothing of a loss below 0.01, however it was computed.
    if cut in (0, p) or loss < 0.01 or f"{-math.log(cut):.3f}" == f"{loss:.3f}":
        return []
    true = Symbol(symbol)
    line = line_of(Symbol("L", "cut"), -log(true), {true: cut}, -math.log(cut))
    why = (
        f"{symbol} = {shown(p, 6)} cut to {cut:.3f} gives {-math.log(cut):.3f}; the exact loss "
        f"is {loss:.3f}. Round only what is shown, at the end."
    )
    return [Step("Loss", "A trap: rounding on the way", (), (line,), why)]
