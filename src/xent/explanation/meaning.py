"""What the numbers mean, and where rounding on the way misleads."""

from __future__ import annotations

import math

from xent.explanation.expression import Symbol, exp, log, shown, with_numbers
from xent.explanation.steps import Line, Step

L = Symbol("L")


def interpretation(loss: float, classes: int) -> list[Step]:
    """The loss in bits, as a probability, and beside that of guessing and of a 10 % forecast."""
    chance = math.log(classes)
    guess = "a coin flip" if classes == 2 else f"guessing among {classes} classes"
    k, ten = Symbol("K"), Symbol("p")
    lines = [
        Line(
            Symbol("in bits"),
            with_numbers(L / log(2), {L: loss}, loss / math.log(2)),
            loss / math.log(2),
        ),
        Line(Symbol(guess), with_numbers(log(k), {k: float(classes)}, chance), chance),
        Line(
            Symbol("if the true label had 10 %"),
            with_numbers(-log(ten), {ten: 0.1}, -math.log(0.1)),
            -math.log(0.1),
        ),
    ]
    if loss < 700:
        odds = with_numbers(exp(L), {L: loss}, math.exp(loss))
        lines.insert(1, Line(Symbol("perplexity"), odds, math.exp(loss)))
    if math.isinf(loss):
        verdict = "The true label was called impossible: no finite loss says how wrong that is."
    elif loss < chance * 0.5:
        verdict = f"Well below {guess}: the model was right to lean this way."
    elif loss <= chance * 1.000001:
        verdict = f"No worse than {guess}, but not much was known."
    else:
        verdict = f"Worse than {guess}: the model leaned the wrong way."
    return [
        Step(
            "What it means",
            "The loss in other units, and beside others",
            (),
            tuple(lines),
            f"{verdict} 0 would be certainty of the true label. The logarithm makes a confident "
            "mistake cost without limit.",
        )
    ]


def rounding_remark(p: float, loss: float, symbol: str) -> list[Step]:
    """Where a probability cut to three digits gives another loss, say so."""
    cut = math.floor(p * 1000) / 1000
    if cut <= 0 or f"{-math.log(cut):.3f}" == f"{loss:.3f}":
        return []
    true = Symbol(symbol)
    line = Line(
        Symbol("L", "cut"), with_numbers(-log(true), {true: cut}, -math.log(cut)), -math.log(cut)
    )
    return [
        Step(
            "Loss",
            "A trap: rounding on the way",
            (),
            (line,),
            f"{symbol} = {shown(p, 6)} cut to {cut:.3f} gives {-math.log(cut):.3f}; the exact loss "
            f"is {loss:.3f}. Round only what is shown, at the end.",
        )
    ]
