"""`explain` shows the loss and its gradient step by step, with the reader's own numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from xent._kind import Kind, check_kind
from xent._report import Line
from xent._validation import Array, as_floats, check_number, class_names
from xent.explanation import binary, multiclass
from xent.explanation.result import Explanation
from xent.explanation.steps import Step

__all__ = ["Explanation", "Line", "Step", "explain"]

SMALLEST = -700
"""A log-probability below it would be a probability that rounds to 0, or loses digits."""

MAKERS: dict[tuple[str, bool], Callable[..., Explanation]] = {
    ("features", True): binary.from_features,
    ("logits", True): binary.from_logit,
    ("logits", False): multiclass.from_logits,
    ("probabilities", True): binary.from_probability,
    ("probabilities", False): multiclass.from_probabilities,
}
"""By what is given, and whether there is one logit."""


def explain(
    logits: Any = None,
    label: int | None = None,
    *,
    features: Any = None,
    weights: Any = None,
    bias: float = 0.0,
    probabilities: Any = None,
    kind: Kind = "logits",
    names: Sequence[str] | None = None,
    tolerance: float = 1e-3,
) -> Explanation:
    r"""Show the work: loss and gradient of one row, step by step.

    .. math:: z \;\to\; p \;\to\; -\log p_y \;\to\; p - y

    Parameters
    ----------
    logits : float, or array_like of shape (K,)
        One binary logit, or K >= 2 class logits; finite, or -inf for a masked class.
    label : int
        The true label: 0 or 1 for one logit, 0 to K-1 for K.
    features, weights : array_like, shape (D,), optional
        Instead of `logits`: the binary logit is ``weights · features + bias``, and the
        gradient is carried on to the weights and the bias.
    bias : float, default 0
        See `features`.
    probabilities : float, or array_like of shape (K,), optional
        Instead of `logits`: the probability of label 1, or of each of K >= 2 classes.
    kind : {"logits", "probabilities", "log-probabilities"}, default "logits"
        What the scores given as `logits` are, where they are not logits.
    names : sequence of str, optional
        Names of the classes (of labels 0 and 1 for a binary row).
    tolerance : float, default 0.001
        How far `probabilities` may be from summing to 1.

    Returns
    -------
    Explanation
        Steps as data, with `to_text`, `to_markdown`, `to_latex`, `to_html`, `to_dict`; the
        results at full precision in `loss` (nats), `gradient` and `probabilities`; `summary`,
        one sentence to remember; `terms`, those of the glossary that occur.

    Raises
    ------
    TypeError, ValueError
        If there is no label, more than one kind of input, or input that is not one row.

    Notes
    -----
    Every number comes from the library's own functions; shown operands carry just enough
    digits that they reproduce the shown result.

    Examples
    --------
    >>> import xent
    >>> explanation = xent.explain([2.0, 1.0, 0.1], label=0)
    >>> round(explanation.loss, 3), explanation.gradient.round(3).tolist()
    (0.417, [-0.341, 0.242, 0.099])
    >>> print(explanation.to_text().splitlines()[0])
    Softmax cross-entropy of 3 logits, label 0

    References
    ----------
    Bridle (1990), Probabilistic interpretation of feedforward classification network outputs.
    """
    scores = {"logits": logits, "features": features, "probabilities": probabilities}
    given = [name for name, value in scores.items() if value is not None]
    if misuse := _misuse(given, weights, bias, kind, label):
        raise ValueError(misuse)
    if isinstance(label, bool) or not isinstance(label, (int, np.integer)):
        msg = f"label is {label!r}; expected the index of the true class, an integer."
        raise TypeError(msg)
    arguments: tuple[Any, ...]
    with np.errstate(all="ignore"):  # overflow and underflow are explained, so no warning is needed
        if features is not None:
            source, one, arguments = "features", True, _layer(features, weights, bias)
        else:
            tolerance = check_number(tolerance, "tolerance", 0, 1)
            row, source = _scores(logits, probabilities, kind, tolerance)
            one = row.size == 1
            arguments = (row.item() if one else row,)
        called = _names(label, names, 2 if one else len(row), one=one)
        explanation = MAKERS[source, one](*arguments, int(label), called)
    if names is None:
        return explanation
    return replace(explanation, inputs={**explanation.inputs, "names": called})


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


def _scores(logits: Any, probabilities: Any, kind: Kind, tolerance: float) -> tuple[Array, str]:
    """The scores of a row as logits or probabilities, checked, and which of them they are."""
    if probabilities is not None:
        logits, kind = probabilities, "probabilities"
    row = _row(logits, kind)
    if kind == "log-probabilities":
        if not (row <= tolerance).all():
            msg = f"log-probabilities are {row.tolist()}; none may be above 0."
            raise ValueError(msg)
        if row.ndim and (row[np.isfinite(row)] < SMALLEST).any():
            return row, "logits"  # logarithms of probabilities are logits of the same classes
        row, kind = np.minimum(np.exp(row), 1), "probabilities"  # rounding may lead above 1
    if kind == "probabilities":
        if not ((row >= 0) & (row <= 1)).all():
            msg = f"probabilities are {row.tolist()}; each must lie between 0 and 1."
            raise ValueError(msg)
        if row.size > 1 and abs(row.sum() - 1) > tolerance:
            total = f"{row.sum():.6g}"
            msg = f"probabilities sum to {total}; they must sum to 1 (within {tolerance:g})."
            raise ValueError(msg)
    return row, kind


def _names(label: int, names: Sequence[str] | None, classes: int, *, one: bool) -> list[str]:
    """A name for each class, or for both labels of `one` logit; the label is checked."""
    if not 0 <= label < classes:
        msg = f"label is {label}, but there are {classes} classes (0 to {classes - 1})."
        if one:
            msg = f"label is {label}, but one logit has the labels 0 and 1."
        elif label == classes:
            msg += " If your labels start at 1, subtract 1."
        raise ValueError(msg)
    if names is None:
        return [f"{'label' if one else 'class'} {j}" for j in range(classes)]
    return class_names(names, classes)
