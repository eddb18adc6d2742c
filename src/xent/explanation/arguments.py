"""Checks of what `explain` is given, and what it makes of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from xent._kind import Kind, check_kind
from xent._validation import Array, as_floats, check_number, class_names
from xent.explanation.form import Source
from xent.explanation.scaling import Scaling
from xent.explanation.target import Target, one_hot

SMALLEST = -700
"""A log-probability below it would be a probability that rounds to 0, or loses digits."""


class Scores(NamedTuple):
    """The scores of a row, checked."""

    source: Source
    """What they are: features, logits or probabilities."""
    values: Any
    """A number, K numbers, or features, weights and bias."""
    classes: int
    """1 for one logit."""


def check_choice(given: Mapping[str, Any], weights: Any, bias: Any, kind: str, label: Any) -> None:
    """Refuse arguments that do not go together."""
    names = [name for name, value in given.items() if value is not None]
    if misuse := _misuse(names, weights, bias, kind, label):
        raise ValueError(misuse)


def _misuse(given: list[str], weights: Any, bias: Any, kind: str, label: Any) -> str:
    """What is wrong with the choice of arguments, if anything is."""
    if "features" not in given and weights is not None:
        return "features is missing; features and weights go together."
    if "features" not in given and bias != 0.0:
        fix = "it goes with features and weights; for logits add it to them."
        return f"bias is {bias!r}, but {fix}"
    if len(given) != 1:
        what = f"{' and '.join(given)} together" if given else "nothing to explain"
        expected = "one of logits, features with weights, or probabilities"
        return f"explain got {what}; expected {expected}."
    if check_kind(kind) != "logits" and given != ["logits"]:
        return f"kind is {kind!r}, but no logits are given; it says what those are."
    if label is None:
        return "label is missing; expected the true class, as in explain(2.0, label=1)."
    return ""


def scores_of(
    given: Mapping[str, Any],
    weights: Any,
    bias: Any,
    kind: Kind,
    tolerance: float,
    *,
    scaled: bool,
) -> Scores:
    """The scores of a row and what they are; `scaled` if logits are wanted if there can be any."""
    if given["features"] is not None:
        return Scores("features", _layer(given["features"], weights, bias), 1)
    scores = given["logits"]
    if given["probabilities"] is not None:
        scores, kind = given["probabilities"], "probabilities"
    tolerance = check_number(tolerance, "tolerance", 0, 1)
    row, source = _row_of_kind(_row(scores, kind), kind, tolerance, scaled=scaled)
    return Scores(source, row.item() if row.size == 1 else row, row.size)


def _layer(features: Any, weights: Any, bias: Any) -> tuple[list[float], list[float], float]:
    x, w = _vector(features, "features"), _vector(weights, "weights")
    if x.shape != w.shape:
        msg = f"features have {len(x)} entries and weights {len(w)}; expected one weight each."
        raise ValueError(msg)
    b = _vector(bias, "bias")
    if b.size != 1:
        msg = f"bias holds {b.size} numbers; expected one."
        raise ValueError(msg)
    return x.tolist(), w.tolist(), float(b[0])


def _row(value: Any, name: str) -> Array:
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "iu":
        value = value.astype(np.float64)
    array = as_floats(value, name).astype(np.float64)
    if array.ndim > 1:
        msg = f"{name} has shape {array.shape}; explain takes one row: pass {name}[i]."
        raise ValueError(msg)
    if array.size == 0:
        msg = f"{name} is empty; expected at least one number."
        raise ValueError(msg)
    return array


def _vector(value: Any, name: str) -> Array:
    if value is None:
        msg = f"{name} is missing; features and weights go together."
        raise ValueError(msg)
    array = np.atleast_1d(_row(value, name))
    if not np.isfinite(array).all():
        msg = f"{name} holds {array.tolist()}; expected finite numbers."
        raise ValueError(msg)
    return array


def _row_of_kind(row: Array, kind: Kind, tolerance: float, *, scaled: bool) -> tuple[Array, Source]:
    """The scores of a row as logits or probabilities, checked, and which of them they are."""
    if kind == "log-probabilities":
        if not (row <= tolerance).all():
            msg = f"log-probabilities are {row.tolist()}; none may be above 0."
            raise ValueError(msg)
        if row.size > 1 and (scaled or (row[np.isfinite(row)] < SMALLEST).any()):
            return row, "logits"  # logarithms of probabilities are logits of the same classes
        row, kind = np.minimum(np.exp(row), 1), "probabilities"  # rounding may lead above 1
    if kind == "probabilities":
        if not ((row >= 0) & (row <= 1)).all():
            msg = f"probabilities are {row.tolist()}; each must lie between 0 and 1."
            raise ValueError(msg)
        if row.size > 1:
            _check_sum(row, "probabilities", tolerance)
    return row, kind


def _check_sum(shares: Array, name: str, tolerance: float) -> None:
    if abs(shares.sum() - 1) > tolerance:
        total = f"{shares.sum():.6g}"
        msg = f"{name} sum to {total}; they must sum to 1 (within {tolerance:g})."
        raise ValueError(msg)


def target_of(
    label: Any, classes: int, class_weight: Any, pos_weight: Any, smoothing: Any, tolerance: float
) -> Target:
    """The target, of a label for one logit (`classes` is 1) or for K."""
    smoothing = check_number(smoothing, "label_smoothing", 0, 1)
    weights = _weights(class_weight, pos_weight, classes)
    if isinstance(label, (int, np.integer)) and not isinstance(label, bool):
        _check_label(int(label), classes)
        shares = one_hot(int(label), max(classes, 2))
    else:
        shares = _shares(label, classes, tolerance)
    certain = int(shares.argmax()) if np.isin(shares, (0, 1)).all() else None
    target = Target(shares, certain, smoothing, weights)
    if not target.total:
        msg = "the label's classes have weight 0: the row adds nothing to the loss."
        raise ValueError(msg)
    return target


def _shares(label: Any, classes: int, tolerance: float) -> Array:
    """The shares of a soft label."""
    if classes == 1:
        if isinstance(label, (float, np.floating)) and 0 <= label <= 1:
            return np.array([1 - float(label), float(label)])
        msg = f"label is {label!r}; expected 0, 1, or for a soft label a number between them."
        raise TypeError(msg) if isinstance(label, (bool, str)) else ValueError(msg)
    if isinstance(label, (bool, str)) or np.ndim(label) == 0:
        expected = f"the index of the true class, an integer, or {classes} shares that sum to 1"
        msg = f"label is {label!r}; expected {expected}."
        raise TypeError(msg)
    shares = _row(label, "label")
    if len(shares) != classes:
        msg = f"label has {len(shares)} shares, but there are {classes} classes; expected one each."
        raise ValueError(msg)
    if not ((shares >= 0) & (shares <= 1)).all():
        msg = f"label holds the shares {shares.tolist()}; each must lie between 0 and 1."
        raise ValueError(msg)
    _check_sum(shares, "the shares of label", tolerance)
    return shares


def _check_label(label: int, classes: int) -> None:
    if 0 <= label < max(classes, 2):
        return
    if classes == 1:
        msg = f"label is {label}, but one logit has the labels 0 and 1."
    else:
        msg = f"label is {label}, but there are {classes} classes (0 to {classes - 1})."
        if label == classes:
            msg += " If your labels start at 1, subtract 1."
    raise ValueError(msg)


def _weights(class_weight: Any, pos_weight: Any, classes: int) -> Array | None:
    """The weight of each class, with that of label 1 among them; None where nothing is weighted."""
    weights = np.ones(max(classes, 2))
    if class_weight is not None:
        weights = np.atleast_1d(_row(class_weight, "class_weight"))
        if len(weights) != max(classes, 2):
            each = f"one for each of {classes} classes"
            if classes == 1:
                each = "one for each label, 0 and 1"
            msg = f"class_weight holds {len(weights)} numbers; expected {each}."
            raise ValueError(msg)
        if not (np.isfinite(weights) & (weights >= 0)).all():
            msg = f"class_weight is {weights.tolist()}; expected finite numbers, none negative."
            raise ValueError(msg)
    if pos_weight is not None:
        if classes != 1:
            msg = (
                f"pos_weight is {pos_weight!r}, but there are {classes} classes; use class_weight."
            )
            raise ValueError(msg)
        factor = check_number(pos_weight, "pos_weight", 0, math.inf)
        weights = weights * np.array([1.0, factor])
    return None if class_weight is None and pos_weight is None else weights


def scaling_of(softcap: Any, temperature: Any, source: str) -> Scaling:
    """Softcap and temperature, which act on logits."""
    if softcap is not None:
        softcap = check_number(softcap, "softcap", 0, math.inf, above=True)
    temperature = check_number(temperature, "temperature", 0, math.inf, above=True)
    if source == "probabilities" and (softcap is not None or temperature != 1):
        name, value = ("softcap", softcap) if softcap is not None else ("temperature", temperature)
        msg = f"{name} is {value!r}, but the scores are probabilities; it acts on logits."
        raise ValueError(msg)
    return Scaling(softcap, temperature)


def names_of(names: Sequence[str] | None, scores: Scores) -> list[str]:
    """A name for each class, or for both labels of one logit."""
    one, classes = scores.classes == 1, max(scores.classes, 2)
    if names is None:
        return [f"{'label' if one else 'class'} {j}" for j in range(classes)]
    return class_names(names, classes)
