"""Figures and calibration as plain data: null where one is refused, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from xent._format import plain
from xent._validation import Array
from xent.scoring.calibration import Bands, Beside, Calibration, Estimate
from xent.scoring.figure import intervals_data
from xent.scoring.page.calibration import BINS_ALONE, DEPENDENT, estimates, slope_words
from xent.scoring.page.told import Told


def calibration_data(score: Told) -> dict[str, Any]:
    """All figures of calibration."""
    found = score.calibration
    if found is None:
        return {"reason": score.no_calibration}
    dependent = DEPENDENT if score.clustered else ""
    notes = [dependent, BINS_ALONE * score.of_histogram, found.note]
    data = {
        "event": found.event,
        "rows": found.rows,
        "notes": [note for note in notes if note],
        "slope_in_words": slope_words(score, found),
        **{
            name: _with_reason(_estimate(value, dependent), found.slope.reason or dependent)
            for name, value in estimates(found).items()
        },
        "z": {
            "value": plain(found.z.z),
            "p_value": None if dependent else plain(found.z.p_value),
            "excess_nats": plain(found.z.excess),
        },
        "miscalibration_nats": _beside(found.log.miscalibration, dependent),
        "discrimination_nats": plain(found.log.discrimination),
        "uncertainty_nats": plain(found.log.uncertainty),
        "brier_miscalibration": _beside(found.brier.miscalibration, dependent),
        "smooth_ece": _beside(found.smooth_ece, dependent),
        "ece15": _beside(found.ece15, dependent),
        "largest_error15": _beside(found.largest, dependent),
        "gains": [
            _with_reason(
                {"method": gain.method, **_estimate(gain.gain, dependent)}, gain.reason or dependent
            )
            for gain in found.gains
        ],
        "curve": _curve(found),
        "band": None if dependent or found.curve.bands is None else _band(found.curve.bands),
    }
    _with_reason(data["z"], dependent or found.z.reason)
    if reason := dependent or found.curve.reason:
        data["band_reason"] = reason
    if found.classwise is not None:
        each = found.classwise
        data["class_wise"] = {
            "miscalibration_nats": _beside(each.miscalibration, dependent),
            "ece15": _beside(each.ece15, dependent),
            "by_class": plain(each.by_class),
            "by_class_if_calibrated": None if dependent else plain(each.drawn_by_class),
        }
    return data


def figures_data(score: Told) -> dict[str, Any]:
    """The figures of all rows, each with its interval."""
    return {
        **{f.key: plain(f.value) for f in score.figures},
        "intervals": intervals_data(score.figures),
    }


def _with_reason(data: dict[str, Any], reason: str) -> dict[str, Any]:
    if reason:
        data["reason"] = reason
    return data


def _estimate(value: Estimate, dependent: str) -> dict[str, Any]:
    """A number with its interval, which rows that depend on each other do not have."""
    if dependent:
        return {"value": plain(value.value), "standard_error": None, "low": None, "high": None}
    named: Mapping[str, float] = {
        "value": value.value, "standard_error": value.error, "low": value.low, "high": value.high
    }  # fmt: skip
    return {name: plain(number) for name, number in named.items()}


def _beside(value: Beside, dependent: str) -> dict[str, Any]:
    """A figure, with mean and 95 % quantile under perfect calibration."""
    data = {
        "value": plain(value.value),
        "if_calibrated": None if dependent else plain(value.mean),
        "if_calibrated_95": None if dependent else plain(value.high),
    }
    return _with_reason(data, value.reason or dependent)


def _curve(found: Calibration) -> list[dict[str, Any]]:
    curve = found.curve
    columns = (each.tolist() for each in (curve.first, curve.last, curve.observed, curve.rows))
    return [
        {"from": first, "to": last, "came_true": observed, "rows": int(rows)}
        for first, last, observed, rows in zip(*columns, strict=True)
    ]


def _band(bands: Bands) -> dict[str, Any]:
    """The bounds, where they change."""
    low = np.flatnonzero(np.diff(bands.low, prepend=0.0))
    high = np.flatnonzero(np.diff(bands.high, append=1.0))
    return {
        "level": bands.level,
        "low": _pairs(bands.low_from[low], bands.low[low]),
        "high": _pairs(bands.high_to[high], bands.high[high]),
    }


def _pairs(at: Array, bound: Array) -> list[list[float]]:
    return [list(pair) for pair in zip(at.tolist(), bound.tolist(), strict=True)]
