"""A slope in words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error and interval."""

    value: float
    error: float
    low: float
    high: float

    @classmethod
    def around(cls, value: float, error: float, quantile: float) -> Estimate:
        """The interval value ± quantile·error."""
        return cls(value, error, value - quantile * error, value + quantile * error)

    def contains(self, number: float) -> bool:
        """Is the number in the interval?"""
        return self.low <= number <= self.high


def divided(slope: Estimate) -> bool:
    """Do the numbers support multiplying the logits by this slope?"""
    return slope.low > 0 and not slope.contains(1.0)


def confidence(slope: Estimate) -> str:
    """Over- or under-confidence, only where the interval of the slope does not contain 1.

    Examples
    --------
    >>> confidence(Estimate.around(0.8, 0.05, 2))
    'over-confident: divide the logits by 1.25 (slope 0.8, 0.7 to 0.9)'
    >>> confidence(Estimate.around(0.95, 0.05, 2))
    'no sign of over- or under-confidence (slope 0.95, 0.85 to 1.05)'
    >>> confidence(Estimate.around(0.95, 2, 2))
    'it cannot be told whether the model is over- or under-confident (slope 0.95, -3.05 to 4.95)'
    """
    told = f"(slope {slope.value:.3g}, {slope.low:.3g} to {slope.high:.3g})"
    if slope.contains(1.0) and slope.low <= 0:
        return f"it cannot be told whether the model is over- or under-confident {told}"
    if slope.contains(1.0):
        return f"no sign of over- or under-confidence {told}"
    if slope.low > 1:
        return f"under-confident: multiply the logits by {slope.value:.3g} {told}"
    if slope.low > 0:
        return f"over-confident: divide the logits by {1 / slope.value:.3g} {told}"
    if slope.high < 0:
        return f"the wrong way round: what is predicted to be likelier happens less often {told}"
    return f"over-confident: no sign that the predictions tell anything {told}"
