"""What the loss means, in other units and beside other losses; and where rounding misleads."""

from __future__ import annotations

import math

from xent._format import shown
from xent._report.expression import Symbol, exp, log
from xent._report.lines import line_of
from xent.explanation.row import Row
from xent.explanation.steps import Step, step

L, V = Symbol("L"), Symbol("V")


def guessed_among(row: Row) -> int:
    """How many classes a guess is among: the unmasked ones, if there are at least two."""
    every, masked = len(row.p), int(row.masked.sum())
    return every - masked if every - masked >= 2 else every


def costs_a_guess(loss: float, among: int) -> bool:
    """Is it, to the digits shown, the loss of a uniform guess among `among` classes?"""
    return shown(loss, trim=False) == shown(math.log(among), trim=False)


def interpretation(row: Row) -> Step:
    """The loss in bits, as a perplexity, and beside that of guessing and of a 10 % prediction."""
    classes, rounded = guessed_among(row), not row.certain
    loss, chance = row.loss_per_weight, math.log(classes)
    guess = "a coin flip" if classes == 2 else f"guessing among {classes} classes"
    if classes < len(row.p) and loss < math.inf:
        guess = f"guessing among the {classes} classes not masked"
    k, ten, bits = Symbol("K"), Symbol("p"), loss / math.log(2)
    lines = [
        line_of(Symbol("in bits"), L / log(2), {L: loss}, bits, rounded=rounded),
        line_of(Symbol(guess), log(k), {k: float(classes)}, chance),
    ]
    if row.target.one_hot:
        ten_percent = Symbol("had the model given the truth 10 %")
        lines.append(line_of(ten_percent, -log(ten), {ten: 0.1}, -math.log(0.1)))
    verdict, one_hot = _verdict(loss, classes), row.target.one_hot
    told = [
        verdict,
        "why" if one_hot else "soft" if row.target.weights is None else "soft_weighted",
    ]
    if verdict == "worse" and row.target.plain:
        told[0] = "wrong"
    if verdict == "beyond" and not one_hot:
        told[0] = "beyond_shared"
    if loss < 700:
        perplexity = Symbol("perplexity")
        lines.insert(1, line_of(perplexity, exp(L), {L: loss}, math.exp(loss), rounded=rounded))
        told.insert(1, "perplexity")
    if row.target.weights is not None:
        values = {L: row.loss, V: row.target.total}
        lines.insert(0, line_of(Symbol("per unit of weight"), L / V, values, loss, rounded=True))
        told.append("weighted")
    return step("meaning", (), lines, told, guess=guess)


def _verdict(loss: float, among: int) -> str:
    """How the loss compares with that of a guess."""
    chance = math.log(among)
    if math.isinf(loss):
        return "beyond"
    if costs_a_guess(loss, among):
        return "chance"
    return "far" if loss < chance / 2 else "better" if loss < chance else "worse"


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
    facts = {"p": symbol, "value": shown(p, 6), "cut": f"{cut:.3f}", "loss": f"{loss:.3f}"}
    return [step("trap", (), [line], wrong=f"{-math.log(cut):.3f}", **facts)]
