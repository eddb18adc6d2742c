"""A figure beside its value under perfect calibration."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from xent._validation import Array


@dataclass(frozen=True)
class Beside:
    """A figure, and what it would be if every probability were right."""

    value: float
    """Infinite where a loss is; NaN where `reason` says why there is none."""
    mean: float = math.nan
    """Its mean over labels drawn from the predictions."""
    high: float = math.nan
    """What it exceeds in 5 % of these draws."""
    reason: str = ""
    """Why the figure or its values under perfect calibration are not given, in one sentence."""

    @property
    def exceeds(self) -> bool:
        """Is the figure above what perfect calibration gives in 95 % of draws?"""
        return self.value > self.high


def beside(value: float, drawn: Array) -> Beside:
    """The figure with mean and 95 % quantile of its values under perfect calibration.

    Examples
    --------
    >>> beside(3.0, np.arange(101.0))
    Beside(value=3.0, mean=50.0, high=95.0, reason='')
    """
    return Beside(float(value), float(np.mean(drawn)), float(np.quantile(drawn, 0.95)))
