"""Batches with nothing wrong that are hard to tell from bad ones: small, rare, weak, untrained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import xent

Array = np.ndarray[Any, Any]
Given = tuple[Any, Any, dict[str, Any]]

ROWS = (1, 3, 5, 8, 12, 20, 22, 25, 30, 40, 60, 100, 240, 300, 500)
CLASSES = (2, 2, 3, 3, 4, 5, 10, 10, 30)


def _labels(rng: np.random.Generator, rows: int, classes: int) -> tuple[Array, Array]:
    """Labels, and the shares that they were drawn with: even, uneven, or with rare classes."""
    shares = np.full(classes, 1 / classes)
    if (form := rng.integers(3)) == 1:
        shares = rng.dirichlet(np.full(classes, 0.5))
    elif form == 2:
        shares = np.where(np.arange(classes) == rng.integers(classes), 1.0, 0.02)
        shares /= shares.sum()
    labels = rng.choice(classes, size=rows, p=shares)
    return (np.sort(labels) if rng.random() < 0.2 else labels), shares


def _calibrated(rng: np.random.Generator, labels: Array, shares: Array, margin: float) -> Array:
    """Logits that are right: log p(label | a feature per class), up to a constant."""
    hot = np.eye(len(shares))[labels]
    feature = margin * hot + rng.normal(size=hot.shape)
    return np.asarray(margin * feature + np.log(np.maximum(shares, 1e-9)))


def trained(rng: np.random.Generator, labels: Array, shares: Array) -> Array:
    return _calibrated(rng, labels, shares, rng.uniform(2, 6))


def weak(rng: np.random.Generator, labels: Array, shares: Array) -> Array:
    return _calibrated(rng, labels, shares, rng.uniform(0.05, 1.2))


def too_sure(rng: np.random.Generator, labels: Array, shares: Array) -> Array:
    return _calibrated(rng, labels, shares, rng.uniform(0.5, 3)) * rng.uniform(1, 1.4)


def too_unsure(rng: np.random.Generator, labels: Array, shares: Array) -> Array:
    return _calibrated(rng, labels, shares, rng.uniform(0.5, 3)) * rng.uniform(0.2, 1)


def other_shares(rng: np.random.Generator, labels: Array, shares: Array) -> Array:
    """Trained on as many rows of each class."""
    return _calibrated(rng, labels, np.ones(len(shares)), rng.uniform(2, 4))


def noisy_labels(rng: np.random.Generator, labels: Array, shares: Array) -> Array:
    """A model that knows that some labels are wrong."""
    drawn = rng.integers(len(shares), size=len(labels))
    wrong = np.where(rng.random(len(labels)) < 0.2, drawn, labels)
    p = 0.8 * xent.softmax(_calibrated(rng, wrong, shares, rng.uniform(2, 4))) + 0.2 / len(shares)
    return np.log(p)


def untrained(rng: np.random.Generator, labels: Array, shares: Array) -> Array:
    """Random scores, as at the start of training, with a bias or without."""
    noise = rng.normal(size=(len(labels), len(shares)))
    bias = rng.choice([0, 0.3]) * rng.normal(size=len(shares))
    return np.asarray(rng.uniform(0.01, 0.7) * noise + bias)


def drifting(rng: np.random.Generator, labels: Array, shares: Array) -> Array:
    """Untrained scores of neighbouring rows that are alike."""
    steps = rng.normal(size=(len(labels), len(shares))).cumsum(axis=0)
    return np.asarray(0.3 * steps / max(1, len(labels)) ** 0.5)


def certain(rng: np.random.Generator, labels: Array, shares: Array) -> Array:
    return 40 * np.eye(len(shares))[labels] + 4 * rng.normal(size=(len(labels), len(shares)))


MODELS: tuple[Callable[[np.random.Generator, Array, Array], Array], ...] = (
    trained, weak, weak, too_sure, too_unsure, other_shares, noisy_labels, untrained, untrained,
    drifting, certain,
)  # fmt: skip


def good_batch(seed: int) -> tuple[str, Given]:
    """A batch with nothing wrong, and what it is."""
    rng = np.random.default_rng([seed, 21])
    model = MODELS[rng.integers(len(MODELS))]
    rows, classes = int(rng.choice(ROWS)), int(rng.choice(CLASSES))
    form = FORMS[rng.integers(len(FORMS))]
    if model in (untrained, drifting) and "second" in form.__name__:
        classes = 2  # a score of 0 says that all classes are as likely
    labels, shares = _labels(rng, rows, classes)
    z = model(rng, labels, shares)
    return f"{model.__name__}, {form.__name__}, {rows} rows of {classes}", form(rng, z, labels)


def as_logits(rng: np.random.Generator, z: Array, labels: Array) -> Given:
    return z + rng.normal(size=(len(z), 1)), labels, {}


def in_half_precision(_: np.random.Generator, z: Array, labels: Array) -> Given:
    return z.astype(np.float16), labels.astype(np.uint8), {}


def as_probabilities(_: np.random.Generator, z: Array, labels: Array) -> Given:
    return xent.softmax(z), labels, {"kind": "probabilities"}


def as_logarithms(_: np.random.Generator, z: Array, labels: Array) -> Given:
    return xent.log_softmax(z), labels, {"kind": "log-probabilities"}


def of_the_second_class(rng: np.random.Generator, z: Array, labels: Array) -> Given:
    """One score per row, for the second class against all others."""
    others = xent.logsumexp(np.delete(z, 1, axis=1))
    return z[:, 1] - others, (labels == 1).astype(rng.choice(["int64", "float32", "bool"])), {}


def as_probabilities_of_the_second(rng: np.random.Generator, z: Array, labels: Array) -> Given:
    logits, targets, _ = of_the_second_class(rng, z, labels)
    return xent.sigmoid(logits), targets, {"kind": "probabilities"}


def with_many_labels(rng: np.random.Generator, z: Array, labels: Array) -> Given:
    """Each class a binary row of its own; of which none or several are true."""
    p = xent.softmax(z)
    targets = (labels[:, None] == np.arange(z.shape[1])).astype(int)
    more = rng.random(p.shape) < 0.3
    p = 0.7 * p + 0.3
    return np.log(p) - np.log1p(-np.minimum(p, 1 - 1e-9)), targets | more, {}


def with_ignored_rows(rng: np.random.Generator, z: Array, labels: Array) -> Given:
    mark = int(rng.choice([-100, -1, 255]))
    left_out = (rng.random(len(labels)) < 0.3) & (np.arange(len(labels)) > 0)
    return z, np.where(left_out, mark, labels), {"ignore_index": mark}


def smoothed(_: np.random.Generator, z: Array, labels: Array) -> Given:
    classes = z.shape[1]
    logits = np.log(0.9 * xent.softmax(z) + 0.1 / classes)
    return logits, 0.9 * np.eye(classes)[labels] + 0.1 / classes, {}


FORMS: tuple[Callable[[np.random.Generator, Array, Array], Given], ...] = (
    as_logits, as_logits, as_logits, in_half_precision, as_probabilities, as_probabilities,
    as_logarithms, of_the_second_class, of_the_second_class, as_probabilities_of_the_second,
    with_many_labels, with_ignored_rows, smoothed,
)  # fmt: skip
