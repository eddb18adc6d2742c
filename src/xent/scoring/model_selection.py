"""Scorers for model selection in scikit-learn, which is not needed to make one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xent._validation import Array, check_number
from xent.scoring.loading import loaded

__all__ = ["Scorer", "scorer"]

SIGNS = {
    "loss": -1,
    "bits": -1,
    "perplexity": -1,
    "macro_loss": -1,
    "brier": -1,
    "skill": 1,
    "accuracy": 1,
    "roc_auc": 1,
    "average_precision": 1,
}
"""Figures of a result, and whether larger ones are better."""


@dataclass(frozen=True)
class Scorer:
    """A function of an estimator, features and labels; larger is better. See `scorer`."""

    figure: str
    classes: tuple[Any, ...] | None = None
    clip: float | None = None

    def __call__(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: N803
        """The figure of the estimator's probabilities of these rows; losses with a minus sign."""
        classes = self._classes_of(estimator)
        p = _probabilities(estimator, X, len(classes))
        codes, unseen = _codes(y, classes)
        if len(unseen) or p.shape[1] == 1:
            # The estimator gives labels that it has never seen a probability of 0.
            more = max(len(unseen), 2 - p.shape[1])
            p = np.concatenate([p, np.zeros((len(p), more), p.dtype)], axis=1)
        table = {"label": codes, "prob": p}
        if sample_weight is not None:
            table["weight"] = np.asarray(sample_weight)
        result: Any = loaded().score_any(
            table,
            labels=None,
            label_column="label",
            score_columns=["prob"],
            weight_column=None if sample_weight is None else "weight",
            kind="probabilities",
            classes=[str(j) for j in range(p.shape[1])],
            clip=self.clip,
            worst=0,
            losses=None,
            progress=None,
            skip_bad=False,
            part=None,
            engine="local",
            threads=1,
        )
        if not hasattr(result, self.figure):
            msg = f"figure is {self.figure!r}, which {p.shape[1]} classes do not have."
            raise ValueError(msg)
        return SIGNS[self.figure] * float(getattr(result, self.figure))

    def _classes_of(self, estimator: Any) -> list[Any]:
        """The classes in the order of the probabilities."""
        found = self.classes if self.classes is not None else getattr(estimator, "classes_", None)
        if found is None:
            msg = f"{type(estimator).__name__} has no classes_; name them: scorer(classes=[...])."
            raise TypeError(msg)
        if len(found) and isinstance(found[0], (list, np.ndarray)):
            msg = "the estimator predicts several outputs; a scorer is for one label per row."
            raise TypeError(msg)
        return list(np.asarray(found).tolist())


def scorer(
    figure: str = "loss", *, classes: Sequence[Any] | None = None, clip: float | None = None
) -> Scorer:
    r"""Make a scorer of probabilities, such as minus the log loss, for scikit-learn.

    Parameters
    ----------
    figure : {"loss", "bits", "perplexity", "macro_loss", "brier", "skill", "accuracy", "roc_auc", \
            "average_precision"}, default "loss"
        Which figure of `score`. Those of which smaller is better get a minus sign.
    classes : sequence, optional
        The labels in the order of the estimator's probabilities, if it has no `classes_`.
    clip : float, optional
        Raise probabilities to at least this. By default a probability of 0 for the true class makes
        the score -inf: so does a label that was not among those the estimator was trained on.

    Returns
    -------
    Scorer
        A callable (estimator, X, y, sample_weight=None), for `scoring` of `cross_val_score`,
        `cross_validate` and `GridSearchCV`. The estimator needs `predict_proba`.

    Raises
    ------
    ValueError
        If there is no such figure.

    Notes
    -----
    Probabilities belong to the labels in `classes_`, whether or not all of these occur among the
    rows that are scored, so a fold may lack some. The base rate, of skill, is that of these rows.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_val_score
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LogisticRegression(max_iter=1000)
    >>> cross_val_score(model, X, y, scoring=scorer()).round(2).tolist()
    [-0.15, -0.11, -0.19, -0.15, -0.11]
    >>> cross_val_score(model, X, y, scoring=scorer("skill")).round(2).tolist()
    [0.87, 0.9, 0.83, 0.86, 0.9]

    References
    ----------
    Gneiting & Raftery (2007), Strictly proper scoring rules, prediction, and estimation.
    """
    if figure not in SIGNS:
        msg = f"figure is {figure!r}; expected one of {', '.join(map(repr, SIGNS))}."
        raise ValueError(msg)
    if clip is not None:
        clip = check_number(clip, "clip", 0, 0.5, above=True)
    return Scorer(figure, None if classes is None else tuple(classes), clip)


def _probabilities(estimator: Any, X: Any, classes: int) -> Array:  # noqa: N803
    """What the estimator predicts: a row for each example, a column for each class."""
    if not hasattr(estimator, "predict_proba"):
        name = type(estimator).__name__
        msg = f"{name} has no predict_proba; CalibratedClassifierCV({name}(...)) has one."
        raise TypeError(msg)
    found = estimator.predict_proba(X)
    if isinstance(found, (list, tuple)):
        msg = "the estimator predicts several outputs; a scorer is for one label per row."
        raise TypeError(msg)
    p = np.asarray(found)
    if p.ndim != 2 or p.shape[1] != classes:
        msg = f"predict_proba has shape {p.shape}, but there are {classes} classes."
        raise ValueError(msg)
    return p


def _codes(y: Any, classes: list[Any]) -> tuple[Array, list[Any]]:
    """The place of each label among the classes, then those that are none of them."""
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        msg = f"y has shape {labels.shape}; expected one label per row."
        raise ValueError(msg)
    distinct, at = np.unique(labels, return_inverse=True)
    known = {label: j for j, label in enumerate(classes)}
    names = distinct.tolist()
    unseen = [label for label in names if label not in known]
    texts = [{isinstance(label, str) for label in each} for each in (unseen, classes)]
    if len(unseen) == len(names) and texts[0].isdisjoint(texts[1]):
        shown = [", ".join(map(repr, each[:5])) for each in (names, classes)]
        msg = f"y holds {shown[0]}, but the classes of the estimator are {shown[1]}."
        raise ValueError(msg)
    known |= {label: len(classes) + j for j, label in enumerate(unseen)}
    return np.array([known[label] for label in names], np.int64)[at], unseen
