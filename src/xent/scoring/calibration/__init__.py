"""Calibration: are the predicted probabilities right?

Pure functions of arrays. `Outcomes` holds predictions of one event, as single rows or as the bins
of a state's histogram; each figure is a function of it in a file of its own. `calibration_of`
computes all of them. Rows are taken as independent.
"""

from __future__ import annotations

from xent.scoring.calibration.bands import Bands
from xent.scoring.calibration.beside import Beside
from xent.scoring.calibration.calibration import Calibration, Glance, calibration_of, glance_of
from xent.scoring.calibration.classwise import Classwise
from xent.scoring.calibration.corp import Corp
from xent.scoring.calibration.curve import Curve
from xent.scoring.calibration.gain import Gain, Method
from xent.scoring.calibration.outcomes import Outcomes
from xent.scoring.calibration.slope import Slope
from xent.scoring.calibration.temperature import Temperature
from xent.scoring.calibration.words import Estimate
from xent.scoring.calibration.z_test import ZTest

__all__ = [
    "Bands",
    "Beside",
    "Calibration",
    "Classwise",
    "Corp",
    "Curve",
    "Estimate",
    "Gain",
    "Glance",
    "Method",
    "Outcomes",
    "Slope",
    "Temperature",
    "ZTest",
    "calibration_of",
    "glance_of",
]
