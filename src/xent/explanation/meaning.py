"""What the loss means, in other units and beside other losses."""

from __future__ import annotations

from xent._live.conditions import Condition, no
from xent._live.lines import LiveLine
from xent._live.words import choice
from xent._report.expression import Number, Symbol, exp, log
from xent.explanation.form import Form
from xent.explanation.steps import LiveStep, speaker, step

L, V, K, P, TEN = Symbol("L"), Symbol("V"), Symbol("K"), Symbol("p"), Number("0.1")
LARGEST_EXPONENT = 700
"""From here on e^L may be beyond the largest double."""


def interpretation(form: Form) -> LiveStep:
    """The loss in bits, as a perplexity, and beside that of guessing and of a 10 % prediction."""
    loss, rounded, count = form.per_weight, no(form.certain), Number(str(form.among))
    small, endless = loss < LARGEST_EXPONENT, form.infinite
    lines = []
    if form.weighted:
        unit = Symbol("per unit of weight")
        lines.append(LiveLine(unit, loss, L / V, {L: L, V: V}, rounded=True))
    bits, perplexity = Symbol("in bits"), Symbol("perplexity")
    lines.append(LiveLine(bits, loss / log(2), L / log(2), {L: loss}, rounded=rounded))
    lines.append(LiveLine(perplexity, exp(loss), exp(L), {L: loss}, rounded=rounded, when=small))
    guesses = list(_guesses(form))
    for held, guess in guesses:
        lines.append(LiveLine(Symbol(guess), log(count), log(K), {K: count}, when=held))
    if form.one_hot:
        ten_percent = Symbol("had the model given the truth 10 %")
        lines.append(LiveLine(ten_percent, -log(TEN), -log(P), {P: TEN}))
    say = speaker("meaning", guess=choice(*guesses))
    chance = log(count)
    told = [
        choice(
            (endless, say("beyond" if form.one_hot else "beyond_shared")),
            (form.at_chance, say("chance")),
            (loss < chance / 2, say("far")),
            (loss < chance, say("better")),
            (True, say("wrong" if form.plain else "worse")),
        ),
        say("perplexity", small),
        say("why" if form.one_hot else "soft_weighted" if form.weighted else "soft"),
    ]
    if form.weighted:
        told.append(say("weighted"))
    return step("meaning", (), lines, told)


def _guesses(form: Form) -> list[tuple[Condition, str]]:
    """What a guess is called."""
    named = "a coin flip" if form.among == 2 else f"guessing among {form.among} classes"
    if form.among == form.count:
        return [(True, named)]
    unmasked = f"guessing among the {form.among} classes not masked"
    return [(form.infinite, named), (no(form.infinite), unmasked)]
