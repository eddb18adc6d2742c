"""Losses of rows by what their scores are, by NumPy or by compiled code: the bits are the same."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from xent._engine.cpu import portable
from xent._engine.cpu.score_job import SCORE_JOB
from xent._kind import Kind
from xent._validation import Array
from xent.scoring import compiled

BLOCK = 1 << 13
"""Numbers that NumPy computes at a time: its temporaries stay in cache."""

SCRATCH = 1 << 15
"""Numbers of a block of compiled code, unless eight rows have more."""

COLUMNS = 1 << 11
"""Rows of a block of probabilities, if those of a class are beside each other."""

BINARY = {
    "logits": (portable.binary_logit, "binary_logits", 0.0),
    "probabilities": (portable.binary_probability, "binary_probabilities", 0.5),
    "log-probabilities": (
        portable.binary_log_probability,
        "binary_log_probabilities",
        portable.LOG_HALF,
    ),
}
"""For each kind: the loss, its kernel, and the score at which both labels are equally likely."""


class Scored(NamedTuple):
    """What is known of each row of a batch."""

    losses: Array
    """In float64."""
    predicted: Array
    """The likeliest classes."""
    keys: Array
    """Twice the bin of a prediction, and 1 more if it came true; see `state.histogram`."""
    groups: Array
    """Twice the label, and 1 more if it is the likeliest class."""
    brier: Array
    """Brier scores: squares of the errors of the probabilities, summed over the classes; of two
    classes that of label 1 alone."""


def scored(scores: Array, labels: Array, kind: Kind, clip: float | None = None) -> Scored:
    """Score rows of float64 scores: shape (n,) if they are binary, else (n, K)."""
    with np.errstate(all="ignore"):
        binary = scores.ndim == 1
        if binary:
            made = _binary(scores, labels, kind)
        elif kind == "logits":
            made = _class_logits(scores, labels)
        else:
            made = _class_probabilities(scores, labels, kind)
        if not binary and scores.shape[1] == 2:
            made = _of_label_1(made, labels)
        if clip is None:
            return made
        # A binary probability is clipped at both ends, as in `log_loss`.
        least = -np.log1p(-clip) if binary else 0.0
        return made._replace(losses=made.losses.clip(least, -np.log(clip)))


def _of_label_1(made: Scored, labels: Array) -> Scored:
    """Bins and Brier scores of two classes as they are of a binary score."""
    bins = made.keys >> 1
    bins = np.where(made.predicted == 1, bins, portable.KEYS - 1 - bins)
    return made._replace(keys=2 * bins + labels, brier=0.5 * made.brier)


def losses_of(scores: Array, labels: Array, kind: Kind) -> Array:
    """Losses in float64."""
    return scored(scores.astype(np.float64, copy=False), labels, kind).losses


def probabilities_of(scores: Array, labels: Array, kind: Kind) -> Array:
    """Probabilities of the labels of a few rows, unclipped."""
    binary = scores.ndim == 1
    if kind == "probabilities":
        if binary:
            return np.where(labels == 1, scores, 1 - scores)
        return scores[np.arange(len(labels)), labels].clip(0, 1)
    return np.asarray(portable.exp(-scored(scores, labels, kind).losses, 0.0))


def _results(rows: int) -> Scored:
    predicted, keys, groups = (np.empty(rows, np.int64) for _ in range(3))
    return Scored(np.empty(rows), predicted, keys, groups, np.empty(rows))


def _binary(scores: Array, labels: Array, kind: Kind) -> Scored:
    loss_of, name, even = BINARY[kind]
    made = _results(len(labels))
    kernel = compiled.kernel(name, len(labels))
    if kernel is not None:
        compiled.run(
            kernel, SCORE_JOB, rows=len(labels), scores=scores, labels=labels, **made._asdict()
        )
        return made
    for start in range(0, len(labels), BLOCK):
        part = slice(start, start + BLOCK)
        z, y = scores[part], labels[part]
        made.losses[part], other, odds = loss_of(z, y)
        made.brier[part] = other * other
        made.predicted[part] = z > even
        made.keys[part] = 2 * portable.key_of(odds, z > even) + y
        made.groups[part] = 2 * y + (made.predicted[part] == y)
    return made


def _class_probabilities(scores: Array, labels: Array, kind: Kind) -> Scored:
    """Their sums are checked already."""
    rows = np.arange(len(labels))
    predicted, squares = _likeliest(scores, labels, kind)
    own, top = scores[rows, labels], scores[rows, predicted]
    if kind == "probabilities":
        own, top = own.clip(0, 1), top.clip(0, 1)
    ones = np.ones_like(labels)
    of_label, keys = _binary(own, ones, kind), _binary(top, ones, kind).keys
    right = predicted == labels
    groups, brier = 2 * labels + right, of_label.brier + squares
    return Scored(of_label.losses, predicted, keys - ~right, groups, brier)


def _likeliest(scores: Array, labels: Array, kind: Kind) -> tuple[Array, Array]:
    """The likeliest classes, and the sums of the squares of all but the labels' probabilities."""
    rows, classes = scores.shape
    kernel = compiled.kernel(f"class_{kind.replace('-', '_')}", scores.size)
    predicted, squares = np.empty(rows, np.int64), np.empty(rows)
    block = _block(classes)
    if kernel is not None:
        by_columns = _by_columns(scores)
        size = COLUMNS if by_columns else block * (classes + 1)
        compiled.run(
            kernel, SCORE_JOB, rows=rows, classes=classes, by_columns=int(by_columns),
            block=COLUMNS if by_columns else block, scores=scores, labels=labels,
            scratch=np.empty(size), predicted=predicted, brier=squares,
        )  # fmt: skip
        return predicted, squares
    for start in range(0, rows, block):
        part = slice(start, start + block)
        x = scores[part]
        p = x.clip(0, 1) if kind == "probabilities" else portable.exp(x.clip(None, 0), 0.0)
        p[np.arange(len(p)), labels[part]] = 0.0
        predicted[part], squares[part] = x.argmax(axis=1), _squares(p)
    return predicted, squares


def _squares(p: Array) -> Array:
    """Sums of squares, added from the first to the last as compiled code does."""
    return np.asarray(np.add.accumulate(p * p, axis=1)[:, -1])


def _block(classes: int) -> int:
    return min(max(8, SCRATCH // classes), 256)


def _by_columns(scores: Array) -> bool:
    return bool(scores.flags.f_contiguous and not scores.flags.c_contiguous)


def _class_logits(scores: Array, labels: Array) -> Scored:
    rows, classes = scores.shape
    kernel = compiled.kernel("class_logits", scores.size)
    if kernel is None:
        parts = [
            _class_block(scores[start : start + step], labels[start : start + step])
            for step in [max(1, BLOCK // classes)]
            for start in range(0, rows, step)
        ]
        return Scored(*map(np.concatenate, zip(*parts, strict=True)))
    made, block = _results(rows), _block(classes)
    compiled.run(
        kernel, SCORE_JOB, rows=rows, classes=classes, by_columns=int(_by_columns(scores)),
        block=block, scores=scores, labels=labels, scratch=np.empty(2 * block * (classes + 1)),
        **made._asdict(),
    )  # fmt: skip
    return made


def _class_block(z: Array, labels: Array) -> Scored:
    rows = np.arange(len(z))
    predicted = z.argmax(axis=1)
    most, own = z[rows, predicted], z[rows, labels]
    e = portable.exp_of_class(z, most[:, None])
    e[rows, predicted] = 0.0
    s, s_low = class_sums(e)
    right = predicted == labels
    losses, odds = portable.class_logit(most, own, s, s_low, right)
    keys = 2 * portable.key_of(odds, s < 1) + right
    brier = portable.class_brier(most, own, s, _squares(e), right)
    return Scored(losses, predicted, keys, 2 * labels + right, brier)


def class_sums(e: Array) -> tuple[Array, Any]:
    """Sums of rows and their low parts: the second half is added to the first, again and again.

    So a sum does not depend on how many numbers a processor adds at a time.
    """
    low = np.zeros_like(e)
    while (count := e.shape[1]) > 1:
        half = portable.half_of(count)
        far = count - half
        s, error = portable.two_sum(e[:, :far], e[:, half:])
        lower = (low[:, :far] + low[:, half:]) + error
        e = np.concatenate([s, e[:, far:half]], axis=1)
        low = np.concatenate([lower, low[:, far:half]], axis=1)
    return e[:, 0], low[:, 0]
