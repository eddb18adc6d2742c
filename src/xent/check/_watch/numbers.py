"""Where a number that is not finite arose, as far as logits, labels and loss show it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xent._validation import Array
from xent.check._batch.data import IGNORED
from xent.check._watch.reading import as_array, flat, to_numpy
from xent.check._watch.run import Fault
from xent.check.naming import Names, figure
from xent.functions import log_softmax

LARGEST = {"float16": 65504.0, "float32": 3.4028235e38, "bfloat16": 3.3895314e38}
LOWEST = {"float16": 6e-8, "float32": 1.4e-45, "bfloat16": 9.2e-41}
"""The smallest number above 0 of each dtype."""


def what(value: float) -> str:
    """NaN, inf or -inf."""
    return "NaN" if math.isnan(value) else str(value)


def fault(
    step: int, loss: float, logits: Any, targets: Any, axis: int, ignore: int | None
) -> Fault:
    """What a batch shows whose loss is not finite."""
    begun = f"The loss of step {step} is {what(loss)}"
    if logits is None:
        return Fault(step, "NaN in the loss", f"{begun}, the first that is not finite.")
    scores = to_numpy(flat(logits, axis) if logits.ndim > 1 else logits)
    dtype = str(logits.dtype).removeprefix("torch.")
    scores = scores.astype(np.float64)
    bad = bad_rows(scores)
    names = Names(tuple(np.delete(logits.shape, axis)) if logits.ndim > 1 else scores.shape)
    if bad.any():
        where = names.rows(np.flatnonzero(bad), len(bad))
        first = scores[int(bad.argmax())]
        value = what(float(first if first.ndim == 0 else first[~np.isfinite(first)][0]))
        seen = (
            f"{begun}, the first that is not finite. In its batch, a logit is {value} in {where}."
        )
        return Fault(step, "NaN in the logits", seen)
    return Fault(step, "NaN in the loss", _formula(begun, scores, targets, dtype, ignore, names))


def bad_rows(scores: Array) -> Array:
    """Rows with a logit that is NaN or +inf, or only -inf: a few of these mask classes."""
    if scores.ndim < 2:
        return np.asarray(~np.isfinite(np.atleast_1d(scores)))
    wrong = np.isnan(scores) | (scores == np.inf)
    return np.asarray(wrong.any(axis=1) | np.isneginf(scores).all(axis=1))


def _formula(
    begun: str, scores: Array, targets: Any, dtype: str, ignore: int | None, names: Names
) -> str:
    """What is odd about a batch of finite logits."""
    if not scores.size:
        return f"{begun}: the batch has no rows."
    largest = float(np.abs(scores[np.isfinite(scores)]).max(initial=0.0))
    begun += f", though its logits are numbers, the largest of magnitude {figure(largest)}."
    labels = to_numpy(as_array(targets))
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        wrong = np.flatnonzero(~np.isfinite(labels.reshape(len(scores), -1)).all(axis=1))
        return f"{begun} A target is not finite in {names.rows(wrong, len(scores))}."
    if labels.size != len(scores):
        return begun
    labels = labels.reshape(-1)
    z = scores if scores.ndim == 2 else np.stack([np.zeros_like(scores), scores], axis=-1)
    kept = labels != (IGNORED if ignore is None else ignore)
    if not kept.any():
        return f"{begun} Every row is ignored."
    kept &= (labels >= 0) & (labels < z.shape[1])
    log_p = np.full(len(z), 0.0)
    log_p[kept] = log_softmax(z[kept])[np.arange(int(kept.sum())), labels[kept].astype(int)]
    lowest = LOWEST.get(dtype, 5e-324)
    zero = log_p < math.log(lowest)
    if zero.any():
        least = figure(float(log_p.min()))
        rows = names.rows(np.flatnonzero(zero), len(zero))
        begun += f" The label's probability rounds to 0 in {dtype} in {rows}: its logarithm is "
        return f"{begun}{least}."
    if largest > math.log(LARGEST.get(dtype, 1.797e308)):
        return f"{begun} The exponential of such a logit overflows in {dtype}."
    return begun
