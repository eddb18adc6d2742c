"""Scores of one class that are the confidence in the predicted label, whichever that is."""

from __future__ import annotations

import numpy as np

from xent._report import Finding
from xent._validation import Array
from xent.check._batch.logits import WORST
from xent.check._batch.significance import ENOUGH, margin_of_error, significantly_positive
from xent.check._batch.statistics import Statistics
from xent.check.mistakes import found
from xent.check.naming import figure
from xent.functions import sigmoid

CROWD = 15
"""Scores near a bound, of which none is beyond it.

Probabilities of label 1 that come so close to 1/2 would go on below it, and logits beyond 1.
"""

SEVERAL = 4
"""The same where the loss alone is beyond chance."""


def finding(statistics: Statistics, suspect: bool) -> Finding | None:
    """Is each score for the predicted label, and not for label 1?

    If the batch is `suspect`, since its loss is a mistake in any case, less evidence is enough.
    """
    batch, usable = statistics.batch, statistics.usable
    if not batch.binary or batch.soft is not None or len(usable) < ENOUGH:
        return None
    # With few rows of label 0, a model may be right to be sure of label 1.
    if statistics.counts.min() < ENOUGH:
        return None
    raw = batch.scores[batch.kept[usable]].astype(np.float64)
    p, what = _confidences(raw, batch.kind)
    if p is None or p.min() > 0.75 or p.max() < 0.9:
        return None
    bounded = batch.kind == "logits" and raw.min() > 0.4  # from 1/2 to 1, or from 50 to 100
    crowd = (p > 0.95) if bounded else (p < 0.6)
    above = np.minimum(statistics.losses, WORST) - statistics.share_losses
    enough = SEVERAL if suspect or significantly_positive(above) else CROWD
    if crowd.sum() < enough:
        return None
    # Scores that crowd at a bound are no chance: half the usual margin of error is enough for the
    # loss, and logits that crowd at 1 need none.
    if above.mean() <= (0 if bounded else 0.5 * margin_of_error(above)):
        return None
    right = -(p * np.log(p) + (1 - p) * np.log1p(-np.minimum(p, 1 - 1e-12)))
    seen = (
        f"No {what}: they run from {figure(raw.min())} to {figure(raw.max())}, though "
        f"{statistics.counts[0]} of {len(p)} labels are 0. The mean loss is "
        f"{figure(float(statistics.losses.mean()))}, and for the labels' shares alone "
        f"{figure(float(statistics.share_losses.mean()))}. If these are confidences and they are "
        f"right, the probabilities of label 1 have a mean loss of {figure(float(right.mean()))}."
    )
    return found("confidence in the predicted label", seen)


def _confidences(raw: Array, kind: str) -> tuple[Array | None, str]:
    """What may be confidences, and what is said of them."""
    if kind == "log-probabilities":
        raw, kind = np.exp(raw), "probabilities"
    for whole, least in ((1, "1/2"), (100, "50")):
        if raw.min() >= 0.5 * whole and raw.max() <= whole:
            return raw / whole, f"score is below {least}"
    if kind == "logits" and raw.min() >= 0:
        return np.asarray(sigmoid(raw)), "logit is below 0"
    return None, ""
