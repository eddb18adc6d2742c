"""The summary of an explanation: one sentence, from its own numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from xent._live.conditions import Cases, Condition, differ, every, no, some
from xent._live.words import Prose, Shown, choice, filled, number, sentences
from xent._report.expression import Expression, Symbol, call, case, log, same
from xent.explanation.form import Form
from xent.explanation.quantities import TIE
from xent.explanation.texts import texts

SENTENCES: dict[str, str] = texts("summary.toml")

SURE = 0.9
"""From this probability on a model is called sure."""

MUCH = 0.5
"""A softcap that lets through less of a gradient is mentioned."""

L, V, D, CAP = Symbol("L"), Symbol("V"), Symbol("D"), Symbol("cap")
TOP = Symbol("p", "best")


def summary(form: Form) -> Prose:
    """What to remember of a row."""
    facts: dict[str, Any] = {
        "cost": ("costs ", *number(L), " nats"),
        "loss": L,
        "among": form.among,
        "entropy": Symbol("H"),
        "kl": D,
        "weight": V,
        "unit": form.per_weight,
        "per": choice((no(form.unit), " per unit of weight")),
    }
    if form.hard:
        facts |= _facts_on_label(form)

    def say(name: str, when: Condition = True) -> Prose:
        return choice((when, filled(SENTENCES[name], facts)))

    if not form.hard:
        return choice(
            (form.infinite, say("out_of_reach")),
            (form.weighted, say("shared_weighted")),
            (differ(D, 0), say("shared")),
            (True, say("perfect")),
        )
    stuck = same(form.of_true("G"), 0)
    found = [
        *_endless(form, stuck),
        (every(same(Symbol("tied"), form.among), form.at_chance), "chance"),
    ]
    if form.plain and not form.stages:
        return choice(*((held, say(name)) for held, name in (*found, *_verdicts(form))))
    behind = no(_right(form))
    verdict = [(_no_label(form), "no_label"), (behind, "label_behind"), (True, "label_first")]
    told = choice(*((held, say(name)) for held, name in (*found, *verdict)))
    plain = no(some(*(held for held, _ in found)))
    remarks = (say(name, every(plain, held)) for held, name in _remarks(form, stuck))
    return sentences(told, *remarks)


def _right(form: Form) -> Expression:
    """Is the true class the likeliest?"""
    return form.of_true("p") >= (1 - TIE) * TOP


def _endless(form: Form, stuck: Condition) -> Iterator[tuple[Condition, str]]:
    """An infinite loss."""
    if form.smoothed:
        yield form.infinite, "out_of_reach"
        return
    yield every(bool(form.masked), form.infinite, stuck), "masked"
    yield every(form.infinite, form.certain), "impossible"
    yield form.infinite, "overflow"


def _verdicts(form: Form) -> Iterator[tuple[Condition, str]]:
    """A label without options."""
    q = form.of_true("p")
    yield every(same(L, 0), form.certain), "certain"
    yield same(L, 0), "underflow"
    wrong, sure = no(_right(form)), q >= SURE
    yield every(wrong, TOP >= SURE), "sure_wrong"
    yield wrong, "wrong"
    yield every(sure, L >= 0.001), "sure"
    yield sure, "very_sure"
    yield Symbol("tied") > 1, "tie"
    yield True, "right"


def _no_label(form: Form) -> Condition:
    """Does the label count for nothing?"""
    return some(same(Symbol("eps"), 1), same(Symbol("v", form.y.name), 0))


def _remarks(form: Form, stuck: Condition) -> Iterator[tuple[Condition, str]]:
    """What options add to the verdict."""
    if form.smoothed:
        yield every(_right(form), _toward(form) < 0), "beyond_target"
        if not form.weighted:
            yield Symbol("eps") > 0, "smoothed"
    if form.one_hot:
        yield no(form.unit), "weighted"
    if ("softcap", "c") in form.stages:
        held = _let_through(form) < MUCH
        yield every(held, no(stuck)), "capped"
        yield every(held, stuck), "blocked"


def _toward(form: Form) -> Expression:
    """How far a step down the gradient raises the probability of the true class, by its sign."""
    gradient = form.of_true("G")
    return case(same(form.y, 0), gradient, -gradient) if form.binary else -gradient


def _let_through(form: Form) -> Expression:
    """What the softcap leaves of the gradient for the true class."""
    inner = form.of_true("g")
    return case(same(inner, 0), 1, form.of_true("G") * Symbol("T") / inner)


def _facts_on_label(form: Form) -> dict[str, Any]:
    """What is said of a row that has a true class."""
    q, slope, toward = form.of_true("p"), form.of_true("G"), _toward(form)
    times = form.per_weight / log(form.among)
    best = Symbol("best")
    rivals: Cases[str] = tuple((same(best, j), form.names[j]) for j in form.chosen)
    gradient = {"gradient": slope}
    directions: Cases[str] = (
        (toward > 0, "raises"),
        (toward < 0, "lowers"),
        (True, "stays"),
    )
    near = call("abs", times - 1) < 0.05
    return {
        "true": form.by_label(form.names),
        "rival": choice(*rivals),
        # Only two probabilities that stand beside each other need the digits in which they differ.
        "q": choice((_right(form), number(q)), (True, (Shown(q, beside=TOP),))),
        "top": (Shown(TOP, beside=q),),
        "slope": ("the gradient ", *number(slope)),
        "gradient": slope,
        "direction": choice(*((held, filled(SENTENCES[n], gradient)) for held, n in directions)),
        "times": choice(
            (near, "about"),
            (times < 1000, (Shown(times, format=".1f"), " times")),
            (True, (*number(times, 0), " times")),
        ),
        "full": choice(
            (call("abs", slope) >= 0.9995, "all but at its limit"),
            (True, "near its limit"),
        ),
        "share": Symbol("v", form.y.name) / V,
        "let": _let_through(form),
    }
