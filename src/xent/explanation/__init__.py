"""`explain` shows the loss and its gradient step by step, with the reader's own numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from xent._kind import Kind
from xent._report import Line
from xent.explanation import arguments, binary, multiclass
from xent.explanation.plan import plan_of
from xent.explanation.result import Explanation
from xent.explanation.row import Row
from xent.explanation.steps import Step

__all__ = ["Explanation", "Line", "Step", "explain"]

MAKERS: dict[tuple[str, bool], Callable[..., Row]] = {
    ("features", True): binary.from_features,
    ("logits", True): binary.from_logit,
    ("logits", False): multiclass.from_logits,
    ("probabilities", True): binary.from_probability,
    ("probabilities", False): multiclass.from_probabilities,
}
"""By what is given, and whether there is one logit."""


def explain(
    logits: Any = None,
    label: Any = None,
    *,
    features: Any = None,
    weights: Any = None,
    bias: float = 0.0,
    probabilities: Any = None,
    kind: Kind = "logits",
    names: Sequence[str] | None = None,
    class_weight: Any = None,
    pos_weight: float | None = None,
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    temperature: float = 1.0,
    tolerance: float = 1e-3,
) -> Explanation:
    r"""Show the work: loss and gradient of one row, step by step.

    .. math:: z \;\to\; p \;\to\; -\log p_y \;\to\; p - y

    Parameters
    ----------
    logits : float, or array_like of shape (K,)
        One binary logit, or K >= 2 class logits; finite, or -inf for a masked class.
    label : int, float, or array_like of shape (K,)
        The true label: 0 or 1 for one logit, 0 to K-1 for K. A soft label is the share of label
        1 for one logit, and a share for each class for K, which sum to 1.
    features, weights : array_like, shape (D,), optional
        Instead of `logits`: the binary logit is ``weights · features + bias``, and the
        gradient is carried back to the weights and the bias.
    bias : float, default 0
        See `features`.
    probabilities : float, or array_like of shape (K,), optional
        Instead of `logits`: the probability of label 1, or of each of K >= 2 classes.
    kind : {"logits", "probabilities", "log-probabilities"}, default "logits"
        What the scores given as `logits` are, if they are not logits.
    names : sequence of str, optional
        Names of the classes (of labels 0 and 1 for a binary row).
    class_weight : array_like, shape (K,), optional
        Multiplies what each class adds to the loss; for one logit the weights of labels 0 and 1.
    pos_weight : float, optional
        For one logit: multiplies the term of label 1.
    label_smoothing : float in [0, 1], default 0
        Share of the label that is spread evenly over all classes.
    softcap : float > 0, optional
        Replaces each logit by ``softcap * tanh(logit / softcap)``.
    temperature : float > 0, default 1
        Divides the logits, after the softcap.
    tolerance : float, default 0.001
        How far `probabilities`, or the shares of a soft label, may be from summing to 1.

    Returns
    -------
    Explanation
        Steps as data, with `to_text`, `to_markdown`, `to_latex`, `to_html`, `to_dict`; the
        results at full precision in `loss` (nats, with the weights), `gradient` (for the logits
        as given) and `probabilities`; `summary`, what to remember; `notes`, if the numbers look
        like something else; `terms`, the glossary terms that occur. `short()` and
        `only(part)` leave steps out.

    Raises
    ------
    TypeError, ValueError
        If there is no label, more than one kind of input, or input that is not one row.

    Notes
    -----
    Every number comes from the library's own functions; operands are shown with just enough
    digits to reproduce the result shown.

    Examples
    --------
    >>> import xent
    >>> explanation = xent.explain([2.0, 1.0, 0.1], label=0)
    >>> round(explanation.loss, 3), explanation.gradient.round(3).tolist()
    (0.417, [-0.341, 0.242, 0.099])
    >>> print(explanation.to_text().splitlines()[0])
    Softmax cross-entropy of 3 logits, label 0
    >>> soft = xent.explain([2.0, 1.0, 0.1], label=[0.5, 0.25, 0.25])
    >>> print(soft.step("Cross-entropy = entropy + KL divergence").lines[0].text)
    0.1023

    References
    ----------
    Bridle (1990), Probabilistic interpretation of feedforward classification network outputs.
    """
    given = {"logits": logits, "features": features, "probabilities": probabilities}
    arguments.check_choice(given, weights, bias, kind, label)
    with np.errstate(all="ignore"):  # overflow and underflow are explained, so no warning is needed
        scores = arguments.scores_of(
            given, weights, bias, kind, tolerance, scaled=softcap is not None or temperature != 1
        )
        target = arguments.target_of(
            label, scores.classes, class_weight, pos_weight, label_smoothing, tolerance
        )
        scaling = arguments.scaling_of(softcap, temperature, scores.source)
        called = arguments.names_of(names, scores)
        row = MAKERS[scores.source, scores.classes == 1](scores.values, target, scaling, called)
    told = {
        "class_weight": class_weight,
        "pos_weight": pos_weight,
        "label_smoothing": label_smoothing or None,
        "softcap": softcap,
        "temperature": None if temperature == 1 else temperature,
        "names": None if names is None else called,
    }
    chosen = {name: value for name, value in told.items() if value is not None}
    noted = kind == "logits" and (row.movable or bool((row.given >= 0).all()))
    return Explanation(plan_of(row.form, noted=noted), row, {**row.told, **chosen})
