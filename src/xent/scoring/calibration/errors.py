"""Smooth ECE, ECE15 and the largest error of a bin, each beside its value if calibrated."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from xent.scoring.calibration.beside import Beside, beside
from xent.scoring.calibration.draws import draws
from xent.scoring.calibration.ece import ece, largest
from xent.scoring.calibration.outcomes import Outcomes
from xent.scoring.calibration.smooth_ece import smooth_ece

DRAWS = 200


class Errors(NamedTuple):
    """Calibration errors, in units of probability."""

    smooth_ece: Beside
    ece15: Beside
    largest: Beside


def errors_of(outcomes: Outcomes, count: int = DRAWS) -> Errors:
    """Calibration errors of one event, with means and quantiles under perfect calibration.

    Parameters
    ----------
    outcomes : Outcomes
        At least one row.
    count : int
        Draws of outcomes.

    Examples
    --------
    >>> found = errors_of(Outcomes.of_rows(np.zeros(100), np.arange(100) < 50))
    >>> found.ece15.value, found.ece15.mean > 0.03
    (0.0, True)
    """
    smooth, binned, most = [], [], []
    for happened in draws(outcomes, count):
        smooth += [smooth_ece(outcomes, each) for each in happened]
        binned.append(ece(outcomes, happened))
        most.append(largest(outcomes, happened))
    return Errors(
        beside(smooth_ece(outcomes), np.array(smooth)),
        beside(float(ece(outcomes)), np.concatenate(binned)),
        beside(float(largest(outcomes)), np.concatenate(most)),
    )
