"""Calibration in words and tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from xent._format import counted, shown
from xent._report import Block, Table, Text
from xent._report.text import NO_BREAK
from xent.scoring.calibration import Beside, Calibration, Classwise, Estimate, Glance, Slope
from xent.scoring.page.told import Told
from xent.scoring.page.wording import cut, lowered

MOST_CLASSES = 10
"""Classes whose miscalibration is shown, the most miscalibrated ones."""

MOST_STEPS = 40
"""Steps of the reliability curve that are shown as numbers."""

FEWEST = 20
"""Rows below which the short report says nothing of calibration."""

DEPENDENT = (
    "Calibration takes rows as independent, which those of one cluster are not: it is told without "
    "intervals, tests, bands and values under perfect calibration."
)
UNTESTED = (
    "these are estimates alone: intervals, tests, bands and values under perfect calibration would "
    "take the rows of one cluster as independent"
)
HEADS = ("if calibrated", "5 % critical value", "")
CALIBRATED = (
    "If calibrated: the mean of the same figure for labels drawn from the predictions themselves. "
    "5 % critical value: what the figure exceeds in 5 % of such draws; only a value above it is "
    "evidence of miscalibration."
)
BINS_ALONE = (
    "No rows are kept of so many classes: calibration is that of the likeliest class alone, from a "
    "histogram of its probabilities."
)


def brief(score: Told) -> Iterator[Block]:
    """A paragraph on calibration for the short report."""
    found = score.glance
    if score.rows < FEWEST:
        rows = counted(score.rows, "row")
        yield Text(f"Calibration: {rows}, of which too little can be said.", "plain")
        return
    if found is None:
        yield Text(score.no_calibration, "plain")
        return
    if score.clustered:
        told = lowered(clustered_words(score, found))
    else:
        slope = lowered(slope_words(score, found))
        told = f"{slope} {miscalibration_words(found)} {found.z.words}"
    yield Text(f"Calibration: {told}", "plain")
    yield from _remarks(score, found)


def _remarks(score: Told, found: Glance) -> Iterator[Block]:
    """Of what calibration is computed, where that needs saying."""
    if score.of_histogram:
        yield Text(BINS_ALONE, "plain")
    if found.note:
        yield Text(found.note, "plain")


def slope_words(score: Told, found: Glance) -> str:
    """What the slope says, and no more than is known."""
    slope = found.slope.slope
    if found.slope.reason:
        return found.slope.reason
    if score.clustered:
        side = "below 1 is over-confident" if slope.value < 1 else "above 1 is under-confident"
        return f"The slope of the logits is {slope.value:.3g} ({side})."
    if not score.of_histogram:
        return found.slope.words
    # The logit of one class against all others is not one of the model's, which could be divided.
    told = f"slope {slope.value:.3g} ({slope.low:.3g} to {slope.high:.3g}) of its logit"
    if slope.contains(1.0):
        return f"no sign of over- or under-confidence about the likeliest class, {told}."
    side = "over" if slope.high < 1 else "under"
    return f"{side}-confident: about the likeliest class, {told}."


def clustered_words(score: Told, found: Glance) -> str:
    """What is estimated of rows in clusters, and why nothing more is said."""
    told = slope_words(score, found).rstrip(".")
    if isinstance(found.slope, Slope) and not found.slope.reason:
        predicted, share = found.slope.predicted, found.slope.share
        told += f"; the mean prediction is {predicted:.3g}, and the share {share:.3g}"
    if (value := found.miscalibration.value) == value:
        told += f"; miscalibration{_of(found)} is {shown(value)} nats, above 0 even if calibrated"
    return f"{told}; {UNTESTED}."


def miscalibration_words(found: Glance) -> str:
    """Miscalibration beside its value under perfect calibration."""
    value = found.miscalibration
    if value.reason:
        return value.reason
    return f"Miscalibration{_of(found)} is {shown(value.value)} nats; {beside_words(value)}."


def _of(found: Glance) -> str:
    return "" if found.event == "label 1" else f" of the probability of {found.event}"


def beside_words(value: Beside) -> str:
    """What a figure would be under perfect calibration."""
    return (
        f"perfect calibration gives {shown(value.mean)} on average, and more than "
        f"{shown(value.high)} in 5 % of cases"
    )


def section(score: Told) -> Iterator[Block]:
    """Everything on calibration, but the curve itself."""
    found = score.calibration
    if found is None:
        yield Text(score.no_calibration, "plain")
        return
    clustered = score.clustered
    if clustered:
        yield Text(clustered_words(score, found), "plain")
    else:
        yield Text(f"Slope: {lowered(slope_words(score, found))}", "plain")
        yield Text(f"Z: {lowered(found.z.words)}", "plain")
        for gain in () if score.of_histogram else found.gains:
            told = gain.reason or f"To gain by recalibrating: {gain.words}"
            yield Text(told, "plain")
    yield from _remarks(score, found)
    yield _figures(score, found)
    if not clustered:
        yield Text(CALIBRATED, "plain")
    if math.isfinite(found.log.score):
        yield Text(_decomposition(found), "plain")
    if found.classwise is not None:
        yield from _by_class(score, found.classwise)


def _figures(score: Told, found: Calibration) -> Table:
    figures = [
        ("miscalibration, nats", found.log.miscalibration),
        ("miscalibration, Brier", found.brier.miscalibration),
        ("smooth ECE", found.smooth_ece),
        ("ECE, 15 bins", found.ece15),
        ("largest error of a bin", found.largest),
    ]
    if found.classwise is not None and not found.classwise.reason:
        figures += [
            ("mean of classes, nats", found.classwise.miscalibration),
            ("mean of classes, ECE", found.classwise.ece15),
        ]
    rows = tuple(_row(name, value, clustered=score.clustered) for name, value in figures)
    event = f"of {found.event}"
    if score.clustered:
        return Table((event, "value"), rows)
    return Table((event, "value", *HEADS), rows, left=(0, 4))


def beside_each_other(scores: Mapping[str, Told]) -> Iterator[Block]:
    """The miscalibration of several models, each beside its value under perfect calibration."""
    found = [(name, s.calibration, s.clustered) for name, s in scores.items() if s.calibration]
    if not found:
        return
    rows = tuple(_row(name, each.miscalibration, clustered=c) for name, each, c in found)
    what, unit = f"miscalibration of {found[0][1].event}", "nats"
    if found[0][2]:
        yield Table((what, unit), rows)
        yield Text(DEPENDENT, "plain")
        return
    yield Table((what, unit, *HEADS), rows, left=(0, 4))
    yield Text(CALIBRATED, "plain")


def _row(name: str, value: Beside, *, clustered: bool) -> tuple[str, ...]:
    if clustered:
        return name, _cell(value.value)
    verdict = "too high" if value.exceeds else "no sign" if value.value <= value.high else "none"
    verdict = verdict.replace(" ", NO_BREAK)
    return name, _cell(value.value), _cell(value.mean), _cell(value.high), verdict


def _cell(value: float) -> str:
    return "none" if math.isnan(value) else shown(value, trim=False)


def _decomposition(found: Calibration) -> str:
    of = "Log loss" if found.event == "label 1" else f"Log loss of {found.event} or another"
    log = found.log
    return (
        f"{of} {shown(log.score)} = miscalibration {shown(log.miscalibration.value)} - "
        f"discrimination {shown(log.discrimination)} + uncertainty {shown(log.uncertainty)} (CORP)."
    )


def _by_class(score: Told, found: Classwise) -> Iterator[Block]:
    """The classes that are miscalibrated most, beyond what chance gives."""
    if found.reason:
        yield Text(found.reason, "plain")
        return
    drawn = found.drawn_by_class
    excess = found.by_class - drawn
    worst = sorted(range(len(excess)), key=lambda k: (-excess[k], k))[:MOST_CLASSES]
    shown_figures = (found.by_class,) if score.clustered else (found.by_class, drawn)
    rows = tuple(
        (cut(score.classes[k]), *(_cell(float(each[k])) for each in shown_figures)) for k in worst
    )
    heads = ("class or another", "miscalibration", "if calibrated")
    yield Table(heads[: 1 + len(shown_figures)], rows)
    if len(excess) > MOST_CLASSES:
        yield Text(f"The {MOST_CLASSES} most miscalibrated of {len(excess):,} classes.", "plain")
    if found.rare:
        yield Text(f"Classes with fewer than 5 rows: {found.rare}; theirs is chance.", "plain")


def curve_table(found: Calibration) -> tuple[Table, str]:
    """The reliability curve as numbers, and what is left out of them."""
    curve = found.curve
    columns = (each.tolist() for each in (curve.first, curve.last, curve.observed, curve.rows))
    steps = list(zip(*columns, strict=True))
    chosen, told = steps, ""
    if len(steps) > MOST_STEPS:
        least = sorted((rows for *_, rows in steps), reverse=True)[MOST_STEPS - 1]
        chosen = [step for step in steps if step[-1] >= least][:MOST_STEPS]
        told = f"The {MOST_STEPS} steps with the most rows, of {len(steps):,}."
    rows = tuple((_cell(a), _cell(b), _cell(seen), f"{int(n):,}") for a, b, seen, n in chosen)
    return Table(("predicted from", "to", "came true", "rows"), rows, left=()), told


def estimates(found: Glance) -> dict[str, Estimate]:
    """Slope, and for one event intercept and shift."""
    slope = found.slope
    if isinstance(slope, Slope):
        return {"slope": slope.slope, "intercept": slope.intercept, "shift": slope.shift}
    return {"slope": slope.slope}
