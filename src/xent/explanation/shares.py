"""Steps for a target with shares of several classes, or with weights: soft labels and options."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xent._live.conditions import Condition, every, no
from xent._live.lines import LiveLine
from xent._live.words import choice, number
from xent._report.expression import (
    Call,
    Expression,
    Number,
    Symbol,
    Total,
    exp,
    log,
    log1p,
    plus,
    same,
)
from xent.explanation.form import INFINITE, Form
from xent.explanation.steps import Chain, LiveStep, speaker, step

L, M, R, V, H, D = (Symbol(name) for name in "LmRVHD")
EPS, K = Symbol("ε"), Symbol("K")

MOST = 4
"""Sums of more terms are not written out."""

Operands = dict[Symbol, Expression]


def target_steps(form: Form) -> Iterator[LiveStep]:
    """The target as given, smoothed, and weighted."""
    classes = (1,) if form.binary else form.chosen
    if not form.hard:
        given = "t" if form.smoothed else "y"
        lines = [LiveLine(form.name(given, j), Symbol("t", str(j))) for j in classes]
        yield step("target", (), lines, [speaker("target")("one" if form.binary else "why")])
    if form.smoothed:
        t, y = form.name("t", -1), form.name("y", -1)
        spread = (1 - EPS) * t + EPS / (Number("2") if form.binary else K)
        lines = []
        for j in classes:
            known: Operands = {
                t: Symbol("t", str(j)),
                EPS: Symbol("eps"),
                K: Number(str(form.count)),
            }
            result, value = form.name("y", j), Symbol("y", str(j))
            true = form.is_label(j)
            lines.append(LiveLine(result, value, spread, known, rounded=None, true=true))
        yield step("smoothing", (y, spread), lines)
    if form.weighted:
        yield _weights_step(form)


def _weights_step(form: Form) -> LiveStep:
    """v_j = weight_j · y_j, and their sum."""
    lines = []
    for j in (1, 0) if form.binary else form.chosen:
        weight, v = Symbol("weight", str(j)), Symbol("v", str(j))
        known = {weight: weight, **form.shared("y", j)}
        product, true = weight * form.share("y", j), form.is_label(j)
        lines.append(LiveLine(v, v, product, known, rounded=None, true=true))
    lines.append(LiveLine(V, V, rounded=len(lines) > 1))
    return step("weights", (Symbol("v", "j"), Symbol("weight", "j") * Symbol("y", "j")), lines)


def loss_steps(form: Form) -> Iterator[LiveStep]:
    """The loss class by class; the form that keeps the digits; entropy and KL divergence."""
    yield _sum_step(form)
    if not form.given_p:
        yield _safe_binary_step(form) if form.binary else _safe_step(form)
    if not form.weighted and not form.one_hot:
        yield from _entropy_steps(form)


def _term(form: Form, j: int) -> tuple[Expression, Operands, Expression]:
    """What a class adds to the loss, -v_j · log(p_j), with its numbers, and its value."""
    p, mass = form.name("p", j), form.share(form.mass, j)
    known = {p: form.number("p", j), **form.shared(form.mass, j)}
    return -(mass * log(p)), known, Symbol(form.mass, str(j)) * Symbol("s", str(j))


def _sum_step(form: Form) -> LiveStep:
    """-v_j · log(p_j) of each class, and their sum."""
    letter, rounded = form.mass, no(form.certain)
    whole: Expression = -Total("j", form.share(letter, -1) * log(form.name("p", -1)))
    if form.binary:
        p, q = form.name("p", 1), form.name("p", 0)
        whole = -(form.share(letter, 1) * log(p)) - form.share(letter, 0) * log(q)
    chains: list[tuple[Condition, Chain]] = []
    lines: list[LiveLine] = []
    for held, parts in form.parts():
        if len(parts) == 1:
            alone, known, _ = _term(form, parts[0])
            line = LiveLine(L, L, alone, known, rounded=rounded, role="loss", when=held)
            named = alone if form.binary else -(Symbol(letter, "y") * log(Symbol("p", "y")))
            chains.append((held, (L, whole, named)))
            lines.append(line)
            continue
        shown = [j for j in parts if j in form.chosen]
        terms: Operands = {}
        for j in shown:
            term, known, value = _term(form, j)
            true = form.is_label(j)
            lines.append(LiveLine(term, value, term, known, rounded=rounded, true=true))
            terms[Symbol("term", str(j))] = value
        if hidden := len(parts) - len(shown):
            rest = Symbol("restL")
            terms[Symbol("rest")] = rest
            lines.append(LiveLine(Symbol(f"the other {hidden}"), rest, rounded=rounded))
        lines.append(LiveLine(L, L, plus(*terms), terms, rounded=rounded, role="loss"))
        chains.append((held, (L, whole)))
    say = speaker("loss of shares")
    return step(
        "loss of shares", chains, lines, [say("shared" if len(form.support) > 1 else "one")]
    )


def rest_lines(form: Form) -> list[LiveLine]:
    """R, the sum of the others' e^(z_j - z_k), for each class k with the largest logit."""
    rounded = no(same(Symbol("uneven"), 0))
    if form.count - 1 > MOST:
        return [LiveLine(R, R, rounded=rounded)]
    lines, z = [], form.letter
    for k in range(form.count):
        others = {form.name(z, j): form.number(z, j) for j in range(form.count) if j != k}
        sums, known = plus(*(exp(each - M) for each in others)), {**others, M: M}
        lines.append(LiveLine(R, R, sums, known, rounded=None, when=same(Symbol("k"), k)))
    return lines


def _safe_step(form: Form) -> LiveStep:
    """V · log1p(R) + Σ v_j (m - z_j): every term is at least 0."""
    z, letter, rounded = form.letter, form.mass, no(form.certain)
    lines, chains = rest_lines(form), []
    for unit, node in form.times_total(log1p(R)):
        chains.append(
            (unit, (L, node + Total("j", form.share(letter, -1) * (M - form.name(z, -1)))))
        )
    for held, parts in form.parts():
        if len(parts) > MOST:
            lines.append(LiveLine(L, L, rounded=rounded, role="loss", when=held))
            continue
        known: Operands = {V: V, R: R, M: M}
        margins = []
        for j in parts:
            z_j = form.name(z, j)
            known |= {z_j: form.number(z, j), **form.shared(letter, j)}
            margins.append(form.share(letter, j) * (M - z_j))
        for unit, node in form.times_total(log1p(R)):
            whole, when = plus(node, *margins), every(held, unit)
            lines.append(LiveLine(L, L, whole, known, rounded=rounded, role="loss", when=when))
    return step("safe loss of shares", chains, lines, k=number(Symbol("k")), z=z)


def _safe_binary_step(form: Form) -> LiveStep:
    """Both terms as max(±z, 0) + log1p(e^-|z|)."""
    z, letter, zero = Symbol(form.letter), form.mass, Number("0")
    known: Operands = {z: z, V: V, **form.shared(letter, 0), **form.shared(letter, 1)}
    chains, lines = [], []
    for held, node in form.times_total(log1p(exp(-Call("abs", (z,))))):
        formula = node
        for j, margin in ((1, -z), (0, z)):
            formula = formula + form.share(letter, j) * Call("max", (margin, zero))
        chains.append((held, (L, formula)))
        rounded = no(form.certain)
        lines.append(LiveLine(L, L, formula, known, rounded=rounded, role="loss", when=held))
    return step("safe loss of both labels", chains, lines, z=z.name)


def _entropy_steps(form: Form) -> Iterator[LiveStep]:
    """The loss as the entropy of the target and the divergence from it."""
    terms: list[Expression] = []
    known: Operands = {}
    for j in form.support:
        y = form.share("y", j)
        terms.append(y * log(y))
        known |= form.shared("y", j)
    negative = -terms[0]
    for term in terms[1:]:
        negative = negative - term
    entropy = LiveLine(H, H, rounded=True)
    if len(form.support) <= MOST:
        entropy = LiveLine(H, H, negative, known, rounded=True)
    general = (
        negative if form.binary else -Total("j", form.share("y", -1) * log(form.share("y", -1)))
    )
    yield step("entropy of the target", (H, general), [entropy])
    endless = same(D, INFINITE)
    lines = [
        LiveLine(D, D, when=endless),
        LiveLine(D, D, L - H, {L: L, H: H}, rounded=True, when=no(endless)),
    ]
    say = speaker("divergence")
    told = choice((endless, say("beyond")), (same(D, 0), say("equal")), (True, say("why")))
    yield step("divergence", (L, H + D), lines, [told])


def differences(form: Form, j: int) -> list[tuple[Condition, Expression]]:
    """p_j - y_j, or V · p_j - v_j; of any class for -1."""
    share = form.share(form.mass, j)
    return [(held, node - share) for held, node in form.times_total(form.name("p", j))]


def difference_lines(
    form: Form, j: int, slope: Expression, rounded: Condition
) -> Iterable[LiveLine]:
    """The gradient for a logit with its numbers."""
    known = {form.name("p", j): form.number("p", j), V: V, **form.shared(form.mass, j)}
    true = not form.binary and form.is_label(j)
    value = form.number("g", j)
    for when, formula in differences(form, j):
        yield LiveLine(
            slope, value, formula, known, rounded=rounded, role="gradient", true=true, when=when
        )
