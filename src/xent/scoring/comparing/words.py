"""How the figures of a comparison are told: numbers, p-values, intervals, and what follows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from xent._format import counted, listed, shown
from xent.scoring.comparing.figures import ModelFigures, PairFigures, best
from xent.scoring.intervals import Interval

CLIP = "--clip 1e-6, say, sets a floor under the probabilities; the result then depends on it."


NONE = "none"
"""What stands in a table for a number that is not known."""

NAMED = 3
"""Models whose differences stand in the conclusion."""


def p_value(p: float) -> str:
    """A p-value for a table."""
    if p != p:
        return NONE
    return "<0.0001" if p < 1e-4 else f"{p:.4f}"


def bounds(interval: Interval | None) -> str:
    """An interval for a table; nothing of figures that are no estimates."""
    if interval is None:
        return ""
    if not interval.known:
        return NONE
    return f"{fixed(interval.low)} to {fixed(interval.high)}"


def fixed(value: float) -> str:
    """A number with four digits after the point, if it has any other digit than 0 there."""
    if value != value:
        return NONE
    return f"{value:.4f}" if value == 0 or 5e-5 <= abs(value) < 1e5 else shown(value, trim=False)


def percent(level: float) -> str:
    """A confidence level."""
    return f"{100 * level:.6g} %"


def conclusion_of_two(pair: PairFigures, rows: int, level: float) -> str:
    """What may be concluded about two models."""
    of = counted(rows, "row")
    if pair.same:
        return f"{pair.first} and {pair.second} have the same loss in each row ({of})."
    if any(pair.infinite):
        return infinite(pair)
    if pair.rounding:
        both = f"{pair.first} and {pair.second} have the same loss in each row, but for rounding"
        return f"{both} ({of})."
    if pair.difference != pair.difference:
        return f"No difference of the log losses can be concluded: {pair.interval.reason}."
    better, worse = (pair.second, pair.first)[:: 1 if pair.difference > 0 else -1]
    size = f"{shown(abs(pair.difference))} nats"
    if not pair.interval.known and pair.lower[pair.first != better] == rows:
        return (
            f"The log loss of {better} is lower than that of {worse} in each of {of}, "
            f"by {size} on average; there is no interval ({pair.interval.reason})."
        )
    if not pair.interval.known:
        told = f"the log loss of {better} is lower by {size} on these rows, but "
        told += f"there is no interval ({pair.interval.reason})"
        return f"No difference of the log losses can be concluded: {told}."
    low, high = pair.interval.low, pair.interval.high
    if pair.difference < 0:
        low, high = -high, -low
    told = f"the log loss of {better} is lower than that of {worse} by {size} "
    told += f"({percent(level)} interval {shown(low)} to {shown(high)}, {of})"
    if significant(pair, level):
        return f"{told[0].upper()}{told[1:]}: more than chance explains."
    seen = f"A difference of {shown(pair.detectable)} nats would have been seen with 80 % power"
    return f"No difference of the log losses can be concluded: {told}. {seen}."


def significant(pair: PairFigures, level: float) -> bool:
    """Is a difference more than chance explains, by Holm's correction?"""
    return not pair.rounding and pair.corrected <= 1 - level


def infinite(pair: PairFigures) -> str:
    """That no difference is defined, since losses are infinite."""
    first, second = pair.infinite
    told = f"{pair.first} gives the true class a probability of 0 in {counted(first, 'row')}, "
    told += f"{pair.second} in {counted(second, 'row')}; the log loss is infinite there"
    return f"No difference of the log losses can be computed: {told}. {CLIP}"


def conclusions(
    models: Sequence[ModelFigures],
    pairs: Sequence[PairFigures],
    rows: int,
    level: float,
    baseline: str | None,
    margin: float | None,
) -> Iterator[str]:
    """What may be concluded, in one sentence; and one more for each pair and margin."""
    if len(models) == 2:
        yield conclusion_of_two(pairs[0], rows, level)
    else:
        yield _of_many(models, pairs, level, baseline)
    if margin is not None:
        for pair in pairs:
            yield of_margin(pair, level, margin, several=len(pairs) > 1, baseline=baseline)


def _of_many(
    models: Sequence[ModelFigures], pairs: Sequence[PairFigures], level: float, baseline: str | None
) -> str:
    least = best(models)
    against = baseline if baseline is not None else least.name
    if least.loss == float("inf"):
        told = f"each model's log loss is infinite. {CLIP}"
        return f"No difference of the log losses can be concluded: {told}"
    lower: dict[str, PairFigures] = {}
    higher: dict[str, PairFigures] = {}
    unclear: list[str] = []
    unknown: list[str] = []
    endless: list[str] = []
    if any(model.name == against and model.infinite for model in models):
        told = _endless([against], models)
        return f"No difference of the log losses can be concluded. {told}. {CLIP}"
    for pair in pairs:
        if against not in (pair.first, pair.second):
            continue
        other = pair.second if pair.first == against else pair.first
        if any(pair.infinite):
            endless.append(other)
        elif not pair.tested:
            unknown.append(other)
        elif not significant(pair, level):
            unclear.append(other)
        else:
            is_lower = (pair.difference < 0) == (pair.first == other)
            (lower if is_lower else higher)[other] = pair
    tested = sum(pair.tested for pair in pairs)
    how = f" (Holm's correction over {counted(tested, 'comparison')})" if tested > 1 else ""
    beyond = f" {_endless(endless, models)}. {CLIP}" if endless else ""
    parts = []
    if baseline is None and higher:
        least_of = f"The log loss of {least.name} is lower than that of {_sizes(higher, level)}"
        parts.append(f"{least_of}: more than chance explains")
    elif baseline is not None:
        parts += [
            f"that of {_sizes(found, level, what)}: more than chance explains"
            for found, what in ((lower, " is lower"), (higher, " is higher"))
            if found
        ]
    if unclear:
        parts.append(f"no difference from {listed(unclear)} can be concluded")
    if unknown:
        parts.append(f"there is no interval of the difference from {listed(unknown)}")
    if not parts:
        return f"Only the log loss of {against} is finite.{beyond}"
    if baseline is not None:
        return f"Against the log loss of {against}, {'; '.join(parts)}{how}.{beyond}"
    if not higher:
        parts[0] = f"The log loss of {least.name} is the lowest, but {parts[0]}"
        parts += _of_others(least.name, pairs, level)
    return f"{'; '.join(parts)}{how}.{beyond}"


def _of_others(least: str, pairs: Sequence[PairFigures], level: float) -> Iterator[str]:
    """The clearest of the differences that can be concluded between other models."""
    others = [pair for pair in pairs if least not in (pair.first, pair.second)]
    found = sorted((p for p in others if significant(p, level)), key=lambda pair: pair.corrected)
    for pair in found[:NAMED]:
        better, worse = (pair.first, pair.second)[:: 1 if pair.difference < 0 else -1]
        told = f"that of {better} is lower than that of {_sizes({worse: pair}, level)}"
        yield f"{told}, more than chance explains"
    if len(found) > NAMED:
        yield f"and {len(found) - NAMED} other pairs differ beyond chance"


def _sizes(found: Mapping[str, PairFigures], level: float, what: str = "") -> str:
    """Models, each with its difference and interval unless there are many."""
    if len(found) > NAMED:
        return listed([*found]) + what.replace(" is ", " are ")
    sizes = []
    for i, (name, pair) in enumerate(found.items()):
        low, high = sorted(map(abs, (pair.interval.low, pair.interval.high)))
        between = f"{percent(level)} interval" if i == 0 else "interval"
        size = f"{shown(abs(pair.difference))} nats ({between} {shown(low)} to {shown(high)})"
        sizes.append(f"{name}{what} by {size}")
    *first, last = sizes
    return f"{', that of '.join(first)} and that of {last}" if first else last


def _endless(names: Sequence[str], models: Sequence[ModelFigures]) -> str:
    """That losses of these models are infinite."""
    of = {model.name: model.infinite for model in models}
    told = listed([f"{name} ({counted(of[name], 'row')})" for name in names])
    return f"The log loss is infinite where the true class has a probability of 0: that of {told}"


def of_margin(
    pair: PairFigures, level: float, margin: float, *, several: bool, baseline: str | None
) -> str:
    """What may be concluded with a margin: which one is not worse than the other by more."""
    size = f"{shown(margin)} nats"
    first, second = (p <= 1 - level for p in pair.not_worse)
    names = pair.first, pair.second
    if pair.bounds[0] != pair.bounds[0]:
        return (
            f"Whether {names[0]} is worse than {names[1]} by more than {size} cannot be "
            f"concluded: {pair.interval.reason}."
        )
    how = [
        f"one-sided {percent(level)} bound: {shown(bound)}"
        + f"; p {p_value(p)} by Holm's correction" * several
        for bound, p in zip(pair.bounds, pair.not_worse, strict=True)
    ]
    both = "; ".join(f"{name}: {each}" for name, each in zip(names, how, strict=True))
    if baseline is None and first == second:
        may = "Neither of" if first else "Each of"
        what = "is worse" if first else "may be worse"
        return f"{may} {listed(names)} {what} than the other by more than {size} ({both})."
    if first or baseline is not None:
        what = "is not worse" if first else "may be worse"
        return f"{names[0]} {what} than {names[1]} by more than {size} ({how[0]})."
    return f"{names[1]} is not worse than {names[0]} by more than {size} ({how[1]})."
