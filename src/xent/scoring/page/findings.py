"""What is wrong with the predictions, and how good they are, in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from xent._format import counted, listed, shown
from xent.scoring.calibration import Calibration, Method, Slope
from xent.scoring.page.calibration import beside_words, clustered_words, slope_words
from xent.scoring.page.told import Told
from xent.scoring.page.warnings import warnings_of
from xent.scoring.page.wording import between, cut, percent

TOLD = 3
"""Slices and pairs of classes that are named."""


ENOUGH = 100
"""Rows below which no sign of miscalibration says little."""

SAID = ("probability 0 for the label", "label on a masked class", "worse than chance")
"""Mistakes in the catalogue of `diagnose` that other findings say."""


METHODS: dict[Method, str] = {
    "temperature": "A temperature",
    "Platt": "Platt's scaling",
    "isotonic": "Isotonic regression",
}
"""How predictions are recalibrated, in words."""


class Found(NamedTuple):
    """One thing that was found."""

    role: str
    """bad, unsure or good."""
    head: str
    text: str


def summary(score: Told) -> str:
    """How good the predictions are, and how sure that is, in two sentences."""
    accurate = (
        f"The likeliest class is the true one in {percent(score.accuracy)} of the "
        f"{'weight' if score.state.schema.weighted else 'rows'}"
        f"{between(score.accuracy_interval, score.level, shares=True)}."
    )
    if math.isinf(score.loss):
        return (
            f"The log loss is infinite: {counted(score.infinite, 'row')} of {score.rows:,} gave "
            f"the true class a probability of 0. Without that it would be at least "
            f"{shown(score.finite_loss, trim=False)} nats per row. {accurate}"
        )
    loss = f"The log loss is {shown(score.loss, trim=False)} nats per row"
    loss += between(score.loss_interval, score.level)
    if not score.loss_interval.known:
        loss += f" (no interval: {score.loss_interval.reason})"
    if not 0 < score.base_loss < math.inf:
        return f"{loss}. {accurate}"
    side = "less" if score.skill >= 0 else "more"
    against = "the baseline's shares" if score.baseline else "the labels' shares"
    return (
        f"{loss}, {percent(abs(score.skill))} {side} than the {shown(score.base_loss, trim=False)} "
        f"of always predicting {against}. {accurate}"
    )


def findings(score: Told) -> list[Found]:
    """What is wrong first, then what is not certain, then what is right."""
    found = [
        *_mistakes(score),
        *_infinite(score),
        *_against_base_rate(score),
        *_calibration(score),
        *_slices(score),
        *_classes(score),
        *_notes(score),
    ]
    order = ["bad", "unsure", "good"]
    return sorted(found, key=lambda each: order.index(each.role))


def _mistakes(score: Told) -> Iterator[Found]:
    for each in warnings_of(score):
        if each.level == "mistake" and each.name not in SAID:
            yield Found("bad", each.name.capitalize(), " ".join(each.told))


def _infinite(score: Told) -> Iterator[Found]:
    if not score.infinite:
        return
    told = next(score.infinite_note)
    if clipped := score.clipped:
        values = ", ".join(f"{loss:.4f} at {clip:.2g}" for clip, loss in clipped.items())
        told += f" If no label had a probability below some value, it would be {values}."
    yield Found("bad", "Infinite loss", told)


def _against_base_rate(score: Told) -> Iterator[Found]:
    if not 0 < score.base_loss < math.inf or math.isinf(score.loss):
        return
    interval = score.skill_interval
    told = f"skill is {shown(score.skill)}{between(interval, score.level)}"
    shares = (
        "predicting the baseline's shares" if score.baseline else "predicting the labels' shares"
    )
    if score.skill < 0:
        sure = interval.known and interval.high < 0
        head = "Worse than the base rate" if sure else "No better than the base rate"
        yield Found("bad", head, f"Always {shares} would have a lower loss: {told}.")
    elif not interval.known:
        text = f"{told[0].upper()}{told[1:]}, without an interval: {interval.reason}."
        yield Found("unsure", "Perhaps better than the base rate", text)
    elif interval.low <= 0:
        text = f"These rows do not show that it beats always {shares}: {told}."
        yield Found("unsure", "Perhaps no better than the base rate", text)
    else:
        yield Found("good", "Better than the base rate", f"{told[0].upper()}{told[1:]}.")


def _calibration(score: Told) -> Iterator[Found]:
    found = score.calibration
    if found is None:
        yield Found("unsure", "Calibration unknown", score.no_calibration)
        return
    if score.clustered:
        yield Found("unsure", "Calibration not tested", clustered_words(score, found))
        return
    yield from _confidence(score, found)
    yield from _shift(found)
    sloped = not found.slope.reason and not found.slope.slope.contains(1.0)
    yield from _miscalibration(score, found, sloped=sloped)


def _confidence(score: Told, found: Calibration) -> Iterator[Found]:
    slope, words = found.slope.slope, slope_words(score, found).partition("; ")[0].rstrip(".")
    if found.slope.reason:
        yield Found("unsure", "Over- or under-confidence unknown", found.slope.reason)
        return
    head, colon, rest = words.partition(": ")
    gain = "" if score.of_histogram else _gain(found)
    if not slope.contains(1.0) and colon:
        yield Found("bad", head.capitalize(), f"{rest[0].upper()}{rest[1:]}.{gain}")
    else:
        role = "good" if slope.low > 0 else "unsure"
        yield Found(role, "Confidence", f"{words[0].upper()}{words[1:]}.")


def _gain(found: Calibration) -> str:
    """The method that gains most, if any does for sure."""
    sure = [each for each in found.gains if not each.reason and each.gain.low > 0]
    if not sure:
        return ""
    best = max(sure, key=lambda each: each.gain.low)
    gain = best.gain
    return (
        f" {METHODS[best.method]}, fitted to other rows, would lower the log loss by "
        f"{gain.value:.2g} nats ({gain.low:.2g} to {gain.high:.2g})."
    )


def _shift(found: Calibration) -> Iterator[Found]:
    slope = found.slope
    if not isinstance(slope, Slope) or slope.reason or slope.shift.contains(0.0):
        return
    often = "often" if slope.shift.value < 0 else "rarely"
    told = f"The mean prediction is {slope.predicted:.3g}, and the share {slope.share:.3g}."
    if slope.event == "label 1":
        yield Found("bad", f"Label 1 is predicted too {often}", told)
    else:
        side = "less" if slope.shift.value < 0 else "more"
        yield Found("bad", f"The likeliest class is right {side} often than predicted", told)


def _miscalibration(score: Told, found: Calibration, *, sloped: bool) -> Iterator[Found]:
    """`sloped` says that the slope shows miscalibration already."""
    value, corp, what = found.miscalibration, found.log, "nats of log loss"
    if math.isinf(value.value):  # then the Brier score tells
        corp, what = found.brier, "of the Brier score"
        value = corp.miscalibration
    of = "" if found.event == "label 1" else f", of the probability of {found.event},"
    told = f"{shown(value.value)} of the {shown(corp.score)} {what}{of} are miscalibration; "
    told += f"{beside_words(value)}."
    if value.exceeds:
        yield Found("bad", "Miscalibrated", told)
    else:
        by = " by the Brier score" * (corp is found.brier)
        text = f"No sign of miscalibration{by} in {counted(score.rows, 'row')}: {told}"
        if sloped:
            text = "The slope shows miscalibration; this figure, which is less sensitive to it, "
            text += f"does not: {told}"
        unsure = by or sloped or score.rows < ENOUGH
        yield Found("unsure" if unsure else "good", "Calibration", text)


def _slices(score: Told) -> Iterator[Found]:
    """The worst of the slices that are worse than the other rows."""
    if not score.slices:
        return
    tested = f"corrected for the {counted(len(score.slices), 'slice')} that were tested"
    if not (weak := score.weak):
        text = f"None is worse than the other rows beyond chance, {tested}."
        yield Found("good", "Slices", text)
        return
    names = [
        f"{cut(each.name)} ({shown(each.loss)} nats in {each.rows:,} rows, elsewhere "
        f"{shown(each.elsewhere)})"
        for each in weak
    ]
    told = listed(names, TOLD)
    yield Found("bad", "Slices with a higher loss", f"{told}, beyond chance, {tested}.")


def _classes(score: Told) -> Iterator[Found]:
    """Which classes are mistaken most, of several."""
    if len(score.classes) == 2 or not (pairs := score.confused[:TOLD]):
        return
    names = [f"{cut(a)} for {cut(b)} in {counted(n, 'row')}" for a, b, n in pairs]
    yield Found("unsure", "Most confused", f"The model takes {listed(names)}.".replace("  ", " "))


def _notes(score: Told) -> Iterator[Found]:
    """The notes that no other finding says."""
    said = {*score.infinite_note, *score.beaten_note}
    for note in score.notes:
        if note not in said and not note.startswith("The log loss if no label"):
            yield Found("unsure", "Note", note)
