"""Steps for K logits, or K probabilities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from xent._live.conditions import Condition, differ, every, no, some
from xent._live.lines import LiveLine
from xent._live.words import Prose, choice, number
from xent._report.expression import (
    Derivative,
    Expression,
    Symbol,
    Total,
    call,
    exp,
    log,
    log1p,
    plus,
    same,
)
from xent._report.notation import TEXT
from xent._validation import Array
from xent.explanation import derivation, scaling, shares
from xent.explanation.common import (
    CHECKABLE,
    NOISE,
    called,
    cut_off,
    log_loss,
    rounding_remark,
)
from xent.explanation.form import Form, alike
from xent.explanation.meaning import interpretation
from xent.explanation.quantities import STEP
from xent.explanation.row import Row
from xent.explanation.scaling import Scaling
from xent.explanation.steps import LiveStep, speaker, step, words
from xent.explanation.target import Target

L, M, H, SHIFT = (Symbol(name) for name in ("L", "m", "h", "shift"))

# Rows of what is given.


def from_logits(logits: Array, target: Target, scaling: Scaling, names: Sequence[str]) -> Row:
    """A row of K logits."""
    if np.isnan(logits).any() or (logits == np.inf).any() or not np.isfinite(logits).any():
        msg = f"logits are {logits.tolist()}; an explanation needs finite ones, or -inf for a mask."
        raise ValueError(msg)
    return Row.of_logits(logits, target, scaling, names)


def from_probabilities(p: Array, target: Target, _: Scaling, names: Sequence[str]) -> Row:
    """A row of K probabilities given as such."""
    return Row.of_probabilities(p, np.log(p), target, names, binary=False)


# What is told of them.


def title(form: Form) -> Prose:
    """What is explained."""
    if form.given_p:
        return (f"Cross-entropy of {form.count} probabilities, ", *called(form))
    return (f"Softmax cross-entropy of {form.count} logits, ", *called(form))


def steps(form: Form) -> Iterator[LiveStep]:
    """From the logits to the loss and its gradient, checked and derived."""
    if form.given_p:
        yield _scores_step("probabilities given", "p", form)
    else:
        yield _scores_step("logits", "z", form)
        yield from scaling.steps(form)
        yield from _softmax_steps(form)
    yield from shares.target_steps(form)
    if form.plain:
        yield _log_step(form)
        yield from rounding_remark(form, {j: f"p_{j}" for j in form.labels})
        if not form.given_p:
            yield _safe_step(form)
    else:
        yield from shares.loss_steps(form)
    yield _gradient_step(form)
    yield from scaling.gradients(form)
    if not form.given_p:
        yield _check_step(form)
    yield from derivation.multiclass(form)
    yield interpretation(form)


def _scores_step(key: str, letter: str, form: Form) -> LiveStep:
    """The numbers that the rest is computed from."""
    lines = [
        LiveLine(Symbol(letter, str(j)), Symbol(letter, str(j)), true=form.is_label(j))
        for j in form.chosen
    ]
    legend: Prose = ("the label is shared.",)
    if form.hard:
        legend = ("the true class is y = ", *number(form.y), ".")
    if named := [f"{j} is {form.names[j]}" for j in form.chosen if form.names[j] != f"class {j}"]:
        legend = (*legend, f" Of the classes, {', '.join(named)}.")
    say = speaker(key, legend=legend, count=form.count)
    told = [say("why")]
    if form.masked:
        told.append(say("masked"))
    if len(form.chosen) < form.count:
        told.append(say("few" if form.hard else "few_shared"))
    return step(key, (), lines, told)


def _softmax_steps(form: Form) -> Iterator[LiveStep]:
    """Exponentials (of the distance to the largest logit where that is large), sum, softmax."""
    shifted, letter = differ(SHIFT, 0), form.letter
    rounded = differ(Symbol("unlike"), 0)

    def powers(index: str) -> list[tuple[Condition, Expression]]:
        z = Symbol(letter, index)
        return [(shifted, exp(z - M)), (no(shifted), exp(z))]

    s = Symbol("S")
    lines, quotients, terms = [], [], {}
    for j in form.chosen:
        z, true, e_j = Symbol(letter, str(j)), form.is_label(j), Symbol("E", str(j))
        p_j, unsure = Symbol("p", str(j)), every(rounded, j not in form.masked)
        for held, power in powers(str(j)):
            lines.append(LiveLine(power, e_j, power, {z: z, M: SHIFT}, true=true, when=held))
            a = Symbol(TEXT.write(power))  # one number in the quotient
            operands: dict[Symbol, Expression] = {a: e_j, s: s}
            quotients.append(
                LiveLine(p_j, p_j, a / s, operands, rounded=unsure, true=true, when=held)
            )
        terms[e_j] = e_j
    if rest := form.count - len(form.chosen):
        others = Symbol("restE")
        lines.append(LiveLine(Symbol(f"the other {rest}"), others, rounded=rounded))
        terms[Symbol("rest")] = others
    say = speaker("exponentials", shift=SHIFT)
    told = [say("masked" if form.masked else "why"), say("shifted", shifted)]
    yield step("exponentials", [(held, (each,)) for held, each in powers("j")], lines, told)
    sums = [(held, (s, Total("k", each))) for held, each in powers("k")]
    yield step("sum", sums, [LiveLine(s, s, plus(*terms), terms, rounded=rounded)])
    chains = [(held, (Symbol("p", "j"), each / s)) for held, each in powers("j")]
    yield step("softmax", chains, quotients, [words("softmax", "why"), _uneven(form)])


def _uneven(form: Form) -> Prose:
    """A probability whose third place depends on whether it is rounded or cut off, if any."""
    cases = []
    for j in reversed(form.chosen):
        p = Symbol("p", str(j))
        cut = cut_off(p)
        apart = differ(call("placed", p, 3), call("placed", cut, 3))
        held = every(p >= 0.001, p < 0.9995, apart)
        cases.append((held, words("softmax", "cut", value=p, cut=cut)))
    return choice(*cases)


def _log_step(form: Form) -> LiveStep:
    """Loss = -log p_y."""
    chain = (L, -Total("j", Symbol("y", "j") * log(Symbol("p", "j"))), -log(Symbol("p", "y")))
    found = [log_loss(form, j, Symbol("p", str(j))) for j in form.labels]
    lines = [
        replace(line, when=every(form.is_label(j), whole))
        for j, (line, whole) in zip(form.labels, found, strict=True)
    ]
    whole = alike(-log(form.of_true("p")), L)
    say = speaker("loss", opening="Only the true class has y_j = 1", whom="it", p="p_y")
    return step("loss", chain, lines, [choice((whole, say("why")), (True, say("rounded")))])


def _safe_step(form: Form) -> LiveStep:
    """(m - z_y) + log1p(R), which neither overflows nor cancels."""
    z, r = form.letter, Symbol("R")
    z_y = Symbol(z, "y")
    known = {M: M, z_y: form.of_true(z), r: r}
    rounded = None if form.certain is True else True
    last = LiveLine(L, L, (M - z_y) + log1p(r), known, rounded=rounded, role="loss")
    chain = (L, (M - z_y) + log1p(Total("j≠k", exp(Symbol(z, "j") - M))))
    say = speaker("safe loss of classes", k=number(Symbol("k")), z=z)
    huge = False if form.masked & set(form.labels) else form.infinite
    told = [say("why"), say("beyond", huge)]
    return step("safe loss of classes", chain, [*shares.rest_lines(form), last], told)


def _gradient_step(form: Form) -> LiveStep:
    """p_j - y_j for each class, and their sum."""
    z = form.letter
    lines: list[LiveLine] = []
    for j in form.chosen:
        rounded = some(no(form.exact(j)), not form.one_hot)
        lines += shares.difference_lines(form, j, _slope(z, j), rounded)
    net = Symbol("net")
    lines.append(LiveLine(Symbol("sum of all"), net))
    say = speaker("gradient of classes")
    stuck: Condition = same(form.of_true("G"), 0) if form.hard else False
    masked = bool(form.masked)
    endless = every(form.one_hot, form.infinite)
    told = choice(
        (every(endless, form.given_p), say("impossible")),
        (every(endless, masked, stuck), say("masked")),
        (every(form.given_p, differ(net, 0)), say("uneven")),
        (every(masked, differ(net, 0)), say("masked_share")),
        (form.weighted, say("weighted")),
        (True, say("why" if form.one_hot else "soft")),
    )
    chains = [(held, (_slope(z, "j"), each)) for held, each in shares.differences(form, -1)]
    return step("gradient of classes", chains, lines, [told])


def _check_step(form: Form) -> LiveStep:
    """Central differences, one logit at a time, beside the analytic gradient."""
    rounded, worst = no(form.certain), []
    lines: list[LiveLine] = []
    up, down = Symbol("L", "+"), Symbol("L", "-")
    quotient = (up - down) / (2 * H)
    for j in (j for j in form.chosen if j not in form.masked):
        above, below, slope = (Symbol(name, str(j)) for name in ("above", "below", "slope"))
        known = {up: above, down: below, H: H}
        lines.append(LiveLine(_slope("z", j), slope, quotient, known, 9, rounded))
        worst.append(call("abs", slope - Symbol("G", str(j))))
    largest = call("max", 0, *worst)
    lines.append(LiveLine(Symbol("largest difference"), largest, digits=2, rounded=rounded))
    told = words("check of classes", "why", h=STEP, noise=NOISE)
    chain = (_slope("z", "j"), quotient)
    return step("check of classes", chain, lines, [told], when=CHECKABLE)


def _slope(z: str, index: int | str) -> Derivative:
    """The derivative of the loss for the logit of a class."""
    return Derivative(L, Symbol(z, str(index)), partial=True)
