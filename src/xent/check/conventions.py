"""What a loss takes: logits or probabilities, targets first or last, labels or one-hot rows.

The names of its parameters say what is likely, calling it what is so.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from xent._validation import Array
from xent.check.arguments import Task
from xent.check.methods import required

SCORES = {
    "logits": ("z", "x", "logit", "logits", "score", "scores", "raw", "margin", "output"),
    "log-probabilities": (
        "logp", "log_p", "log_prob", "log_probs", "logprobs", "log_probabilities",
    ),
    "probabilities": (
        "p", "prob", "probs", "proba", "probabilities", "y_prob", "y_proba", "y_pred", "y_hat",
        "yhat", "pred", "preds", "predicted", "prediction", "predictions", "q", "a",
    ),
}  # fmt: skip
"""Names of parameters, by what they stand for."""
PLAIN_NAMES = {
    "logit": "logits", "logits": "logits", "prob": "probabilities", "probs": "probabilities",
    "proba": "probabilities", "probabilities": "probabilities", "y_prob": "probabilities",
    "y_proba": "probabilities",
}  # fmt: skip
"""Names that leave no doubt."""
TARGETS = (
    "y_true", "y", "t", "target", "targets", "label", "labels", "act", "actual", "true", "truth",
    "ground_truth", "gt", "expected", "one_hot", "onehot", "y_onehot",
)  # fmt: skip


@dataclass(frozen=True)
class Convention:
    """How a loss is called."""

    takes: str = "logits"
    targets_first: bool = False
    one_hot: bool = False

    def link(self, binary: bool) -> str:
        """The function that comes before the loss; empty for none."""
        plain = "sigmoid" if binary else "softmax"
        names = {"logits": "", "probabilities": plain, "log-probabilities": f"log_{plain}"}
        return names[self.takes]

    def call(self, binary: bool) -> str:
        """The call of a loss, as one would write it."""
        scores = f"{self.link(binary)}(z)" if self.takes != "logits" else "z"
        targets = "onehot(y)" if self.one_hot and not binary else "y"
        first, second = (targets, scores) if self.targets_first else (scores, targets)
        return f"loss({first}, {second})"


def conventions(task: Task, labels: bool) -> Iterator[Convention]:
    """Ways to call a loss, the usual ones first; `labels` are needed for one-hot rows."""
    takes = ["logits", "probabilities", *(["log-probabilities"] if task == "classes" else [])]
    one_hot = (False, True) if labels else (False,)
    for how in itertools.product(takes, (False, True), one_hot):
        yield Convention(*how)


def names_speak_for(function: Any, convention: Convention) -> int:
    """How many of the names of its first two parameters agree, less those that contradict."""
    own = getattr(function, "__name__", type(function).__name__).lower()
    if "nll" in own:  # negative log-likelihood, of log-probabilities
        return int(convention == Convention("log-probabilities"))
    names = [_plain(name) for name in required(function)[:2]]
    if len(names) < 2:
        return 0
    score, target = names[::-1] if convention.targets_first else names
    agree = (score in SCORES[convention.takes]) + (target in TARGETS)
    every = {name for names in SCORES.values() for name in names}
    contradict = (score in TARGETS) + (target in every - set(TARGETS))
    return agree - 2 * contradict


def names_contradict(function: Any, convention: Convention) -> bool:
    """Do the names say that targets and scores are in the other order?"""
    names = [_plain(name) for name in required(function)[:2]]
    if len(names) < 2:
        return False
    score, target = names[::-1] if convention.targets_first else names
    every = {name for names in SCORES.values() for name in names}
    return score in TARGETS and target in every


def scores_first(function: Any) -> bool:
    """Do the names of its first two parameters say that the scores come first?"""
    names = [_plain(name) for name in required(function)[:2]]
    every = {name for names in SCORES.values() for name in names}
    return len(names) == 2 and names[0] in every and names[1] in TARGETS


def scores_named(function: Any) -> str:
    """The name of its parameter that says "logits" or "probabilities" beyond doubt, if one does."""
    return next((n for n in required(function)[:2] if _plain(n) in PLAIN_NAMES), "")


def contradicts(name: str, convention: Convention) -> bool:
    """Does such a name say that it takes something else?"""
    return bool(name) and PLAIN_NAMES[_plain(name)] != convention.takes


def _plain(name: str) -> str:
    return name.lower().strip("_")


def one_hot(labels: Array, classes: int, axis: int) -> Array:
    """Labels as one-hot rows along an axis; zeros for a label that is no class."""
    hot = labels[..., None] == np.arange(classes)
    return np.moveaxis(hot.astype(np.float64), -1, axis)


def as_logits(scores: Array, takes: str, binary: bool, axis: int) -> Array:
    """Logits of scores that are what the loss takes; scores that are not, as they are."""
    if takes == "logits":
        return scores
    p = np.exp(scores) if takes == "log-probabilities" else scores
    if not (np.all(p >= 0) and np.all(p <= 1 + 1e-6)):
        return scores
    if not binary and np.abs(p.sum(axis=axis) - 1).max() > 1e-3:
        return scores
    if takes == "log-probabilities":
        return scores
    inside = np.clip(p, 1e-15, 1 - 1e-15)
    return np.asarray(np.log(inside) - (np.log1p(-inside) if binary else 0.0))


def for_logits(slopes: Array, p: Array, takes: str, binary: bool, axis: int) -> Array:
    """Derivatives for what the loss takes as those for the logits, by the chain rule."""
    if takes == "logits":
        return slopes
    if binary:
        return np.asarray(slopes * p * (1 - p))
    through = slopes if takes == "log-probabilities" else p * slopes
    return np.asarray(through - p * through.sum(axis=axis, keepdims=True))
