"""Which differences of log losses are of calibration: recalibrating would make up for them."""

from __future__ import annotations

from collections.abc import Iterator

from xent._format import shown
from xent.scoring.calibration import Gain
from xent.scoring.comparing.compared import Compared
from xent.scoring.comparing.figures import PairFigures
from xent.scoring.comparing.words import significant
from xent.scoring.page.findings import METHODS, Found
from xent.scoring.report import Score

MOST = 0.9
"""The part of a difference from which on almost all of it is one of calibration."""


def made_up_for(comparison: Compared) -> Iterator[Found]:
    """For each pair whose difference is one of calibration, what recalibrating would gain."""
    for pair in comparison.told_pairs:
        if significant(pair, comparison.level):
            better, worse = (pair.second, pair.first)[:: 1 if pair.difference > 0 else -1]
            if gain := _enough(comparison.scores[worse], abs(pair.difference)):
                yield _found(comparison, pair, better, worse, gain)


def _enough(score: Score, difference: float) -> Gain | None:
    """The largest gain that is beyond chance, if it is nearly the difference or more."""
    # The errors of gains are those of independent rows.
    if score.clustered or score.of_histogram or score.calibration is None:
        return None
    sure = [each for each in score.calibration.gains if not each.reason and each.gain.low > 0]
    most = max(sure, key=lambda each: each.gain.value, default=None)
    return most if most and most.gain.value >= MOST * difference else None


def _found(comparison: Compared, pair: PairFigures, better: str, worse: str, gain: Gain) -> Found:
    two, difference = len(comparison.models) == 2, abs(pair.difference)
    head = "The difference" if two else f"The difference of {pair.first} and {pair.second}"
    whole = gain.gain.value >= difference
    part = "at least" if whole else "almost all of"
    told = (
        f"{METHODS[gain.method]}, fitted to other rows, would lower the log loss of {worse} by "
        f"{shown(gain.gain.value)} nats ({shown(gain.gain.low)} to {shown(gain.gain.high)}), "
        f"{part} the {shown(difference)} nats by which it is higher than that of {better}."
    )
    ranks = [comparison.scores[name] for name in (worse, better)]
    if len(ranks[0].classes) == 2:
        first, second = (shown(each.roc_auc) for each in ranks)
        told += f" The AUC of {worse} is {first}, that of {better} {second}."
    return Found("unsure", f"{head} is {'' if whole else 'almost wholly '}one of calibration", told)
