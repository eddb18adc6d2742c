"""Scores of any kind as what calibration is computed from: logits, or differences of logits."""

from __future__ import annotations

import numpy as np

from xent._kind import Kind
from xent._validation import Array

LN2 = 0.6931471805599453


def logits_of(scores: Array, kind: Kind) -> Array:
    """Logits z = ln p − ln(1 − p) of the probability of label 1.

    Parameters
    ----------
    scores : array of shape (n,) or (n, 2)
        Numbers of this kind: of label 1, or of both labels.
    kind : {"logits", "probabilities", "log-probabilities"}
        What they are.

    Returns
    -------
    array of shape (n,)
        In nats, from -inf to inf.

    Examples
    --------
    >>> logits_of(np.array([0.5, 0.0, 1.0]), "probabilities")
    array([  0., -inf,  inf])
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim == 2:
        u = shifted(scores, kind)
        return np.asarray(u[:, 1] - u[:, 0])
    if kind == "logits":
        return scores
    with np.errstate(divide="ignore"):
        if kind == "probabilities":
            p = np.clip(scores, 0.0, 1.0)
            return np.asarray(np.log(p) - np.log1p(-p))
        log_p = np.minimum(scores, 0.0)
        return np.asarray(log_p - log_one_minus(log_p))


def log_one_minus(log_p: Array) -> Array:
    """ln(1 − p) of ln p, accurate where p is near 0 and where it is near 1.

    Mächler (2012), Accurately computing log(1 − exp(−|a|)), in R's package Rmpfr.
    """
    with np.errstate(divide="ignore"):
        near_one = np.log(-np.expm1(np.maximum(log_p, -LN2)))
        return np.where(log_p > -LN2, near_one, np.log1p(-np.exp(np.minimum(log_p, -LN2))))


def shifted(scores: Array, kind: Kind) -> Array:
    """Differences u_k = ln p_k − max_j ln p_j, at most 0, of which the largest is exactly 0.

    Softmax of u is p, whatever the kind; probabilities that do not quite sum to 1 are thereby
    divided by their sum.

    Parameters
    ----------
    scores : array of shape (n, K)
        Numbers of this kind.
    kind : {"logits", "probabilities", "log-probabilities"}
        What they are.

    Returns
    -------
    array of shape (n, K)
        In nats, from -inf to 0.

    Examples
    --------
    >>> shifted(np.array([[0.25, 0.5, 0.25]]), "probabilities").round(3)
    array([[-0.693,  0.   , -0.693]])
    """
    z = np.asarray(scores, dtype=np.float64)
    if kind == "probabilities":
        with np.errstate(divide="ignore"):
            z = np.log(np.maximum(z, 0.0))
    most = z.max(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(z == most, 0.0, z - most))


def top_logits(u: Array, labels: Array) -> tuple[Array, Array]:
    """Logit of the likeliest class of each row, and whether it is the true one.

    Its odds are 1 / Σ_{k≠top} exp u_k, so the logit keeps its accuracy where p is near 1. Of
    classes with the same score the first is taken.

    Examples
    --------
    >>> logit, right = top_logits(shifted(np.array([[0.2, 0.8]]), "probabilities"), np.array([0]))
    >>> round(float(logit[0]), 4), bool(right[0])
    (1.3863, False)
    """
    top = u.argmax(axis=1)
    rest = np.exp(u)
    rest[np.arange(len(u)), top] = 0.0
    with np.errstate(divide="ignore"):
        return -np.log(rest.sum(axis=1)), top == labels


def class_logits(u: Array) -> Array:
    """Logits of each class against all others, of shape (n, K).

    The sum of the others is taken without the class itself, so nothing cancels.
    """
    e = np.exp(u)
    whole = e.sum(axis=1, keepdims=True)
    top = u.argmax(axis=1)
    rest = whole - e  # accurate but where the class itself makes up most of the sum
    own = e.copy()
    own[np.arange(len(u)), top] = 0.0
    rest[np.arange(len(u)), top] = own.sum(axis=1)
    with np.errstate(divide="ignore"):
        return np.asarray(u - np.log(rest))
