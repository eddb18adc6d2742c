"""Which differences of log losses recalibrating the worse model would make up for."""

from __future__ import annotations

from collections.abc import Iterator

from xent._format import shown
from xent.scoring.calibration import Gain
from xent.scoring.comparing.compared import Compared
from xent.scoring.comparing.figures import PairFigures
from xent.scoring.comparing.words import significant
from xent.scoring.page.findings import METHODS, Found
from xent.scoring.report import Score


def made_up_for(comparison: Compared) -> Iterator[Found]:
    """For each pair whose difference is one of calibration, what recalibrating would gain."""
    for pair in comparison.told_pairs:
        if significant(pair, comparison.level):
            better, worse = (pair.second, pair.first)[:: 1 if pair.difference > 0 else -1]
            if gain := _enough(comparison.scores[worse], abs(pair.difference)):
                yield _found(comparison, pair, better, worse, gain)


def _enough(score: Score, difference: float) -> Gain | None:
    """The largest gain that is beyond chance, if it is at least the difference."""
    # The errors of gains are those of independent rows.
    if score.clustered or score.of_histogram or score.calibration is None:
        return None
    sure = [each for each in score.calibration.gains if not each.reason and each.gain.low > 0]
    most = max(sure, key=lambda each: each.gain.value, default=None)
    return most if most and most.gain.value >= difference else None


def _found(
    comparison: Compared, pair: PairFigures, better: str, worse: str, gain: Gain
) -> Found:
    two = len(comparison.models) == 2
    head = "The difference" if two else f"The difference of {pair.first} and {pair.second}"
    told = (
        f"{METHODS[gain.method]}, fitted to other rows, would lower the log loss of {worse} by "
        f"{shown(gain.gain.value)} nats ({shown(gain.gain.low)} to {shown(gain.gain.high)}): at "
        f"least the {shown(abs(pair.difference))} nats by which it is higher than that of {better}."
    )
    ranks = [comparison.scores[name].roc_auc for name in (worse, better)]
    if all(each == each for each in ranks):
        told += f" The AUC of {worse} is {shown(ranks[0])}, that of {better} {shown(ranks[1])}."
    return Found("unsure", f"{head} is one of calibration", told)
