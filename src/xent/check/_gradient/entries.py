"""Which entries of a gradient are compared, if comparing all of them would take too long."""

from __future__ import annotations

import numpy as np

from xent._validation import Array
from xent.check._gradient.behaviour import Behaviour
from xent.check._gradient.problem import Problem

Entries = list[tuple[Array, Array]]
"""Rounds of probing: the rows, and the one column that is moved in each of them."""

MANY_CLASSES = 256
"""Up to this many classes, every class of every row is probed."""
OFFSETS_FROM_LABEL = (0, 1, -1)
"""Classes that are always probed: the label, and its neighbours, for labels off by one."""
FEWEST, MOST = 16, 1024
"""Entries that are probed one by one, at least and at most, unless there are fewer."""
BUDGET = 6e7
"""Logits that such probes evaluate, if that allows more than the fewest."""


def choose_entries(problem: Problem, behaviour: Behaviour, rng: np.random.Generator) -> Entries:
    """Rounds of entries to be probed.

    If rows are independent, one round moves a logit of every row, so a gradient costs as many
    rounds as there are classes. Otherwise a round is a single entry.
    """
    labels = None
    if problem.targets is not None and problem.targets.dtype.kind in "iu":
        labels = np.clip(problem.targets.reshape(-1), 0, problem.logits.shape[1] - 1)
    if behaviour.independent:
        return _columns(problem.logits.shape, labels, rng)
    return _single(problem.logits.shape, labels, rng)


def _columns(shape: tuple[int, ...], labels: Array | None, rng: np.random.Generator) -> Entries:
    rows, classes = shape
    if classes <= MANY_CLASSES:
        columns = np.broadcast_to(np.arange(classes)[:, None], (classes, rows))
    else:
        columns = rng.integers(classes, size=(MANY_CLASSES // 4, rows))
        if labels is not None:
            for place, offset in enumerate(OFFSETS_FROM_LABEL):
                columns[place] = (labels + offset) % classes
    return [(np.arange(rows), column) for column in columns]


def _single(shape: tuple[int, ...], labels: Array | None, rng: np.random.Generator) -> Entries:
    rows, classes = shape
    size = rows * classes
    number = min(size, max(FEWEST, min(MOST, int(BUDGET / (4 * size)))))
    if number == size:
        chosen = np.arange(size)
    else:
        chosen = rng.choice(size, size=number, replace=False)
        if labels is not None and classes > 1:
            # By chance there would be hardly any labels among them, and without one p and p - y
            # look alike.
            some = rng.choice(rows, size=min(rows, number // 8), replace=False)
            near = [some * classes + (labels[some] + k) % classes for k in OFFSETS_FROM_LABEL]
            chosen = np.unique([*np.concatenate(near), *chosen[len(near) * len(some) :]])
    return [(np.array([i // classes]), np.array([i % classes])) for i in chosen]
