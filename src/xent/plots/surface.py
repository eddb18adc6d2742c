"""The loss as a map over two weights, and gradient descent on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from xent._format import shown
from xent._validation import Array, as_floats, check_number, to_numpy
from xent.losses import binary_cross_entropy
from xent.plots.checks import require
from xent.plots.colours import shade
from xent.plots.style import axes_or_new, describe, titled

LINES = 12
"""The number of steps in which contours rise from the lowest loss to the highest."""

LARGEST = 1e100
"""Largest feature or weight, so that products stay far below the largest double."""


def descend(
    features: Any,
    labels: Any,
    *,
    start: Sequence[float] = (0.0, 0.0),
    rate: float | Sequence[float] = 1.0,
    steps: int = 50,
) -> Array:
    """Weights along gradient descent on a binary loss of two weights.

    Parameters
    ----------
    features : array_like, shape (N, 2)
        For a weight and a bias, let the second column be 1.
    labels : array_like, shape (N,)
        0 or 1.
    start : sequence of two floats, default (0, 0)
        Where to begin.
    rate : float or sequence of float, default 1.0
        Step size: one for all steps, or one for each step.
    steps : int, default 50
        The number of steps.

    Returns
    -------
    ndarray, shape (steps + 1, 2)
        The weights, the start included.

    Raises
    ------
    ValueError
        If a number is not finite, a sequence of rates does not have one for each step, or a rate
        takes the weights beyond 1e100.

    Examples
    --------
    >>> from xent import plots
    >>> path = plots.descend([[1.0, 1.0], [-1.0, 1.0]], [1, 0], steps=2)
    >>> print(path.round(4))
    [[0.     0.    ]
     [0.5    0.    ]
     [0.8775 0.    ]]
    """
    x, y = _two_features(features), to_numpy(labels, "labels")
    require(steps >= 0, f"steps is {steps}; expected 0 or more.")
    given = np.ravel(rate).tolist() * (steps if np.ndim(rate) == 0 else 1)
    count = f"rate has {len(given)} numbers for {steps} steps; expected one, or one for each step."
    require(len(given) == steps, count)
    rates = [check_number(each, "rate", 0, math.inf, above=True) for each in given]
    path = [_weights(start, "start", 1, "two finite weights")]
    for step, size in enumerate(rates, start=1):
        _, grad = binary_cross_entropy(x @ path[-1], y, return_grad=True)
        with np.errstate(over="ignore"):
            path.append(path[-1] - size * (np.asarray(grad) @ x))
        require(
            bool((np.abs(path[-1]) <= LARGEST).all()),
            f"rate is {size:g}, and step {step} takes the weights beyond {LARGEST:g}; "
            "expected a smaller rate, or features closer to 1 in size.",
        )
    return np.stack(path)


def loss_surface(
    features: Any,
    labels: Any,
    path: Any = None,
    *,
    names: tuple[str, str] = ("weight w", "bias b"),
    ax: Axes | None = None,
) -> Axes:
    """Mean binary loss over two weights as a contour map, with the path of a descent.

    Parameters
    ----------
    features : array_like, shape (N, 2)
        For a weight and a bias, let the second column be 1.
    labels : array_like, shape (N,)
        0 or 1.
    path : array_like, shape (M, 2), optional
        Weights to connect, as `descend` returns them.
    names : tuple of two str, default ("weight w", "bias b")
        Names of the axes.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        With contours of the loss in nats.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> from xent import plots
    >>> x, y = [[1.0, 1.0], [-1.0, 1.0], [0.5, 1.0]], [1, 0, 0]
    >>> ax = plots.loss_surface(x, y, plots.descend(x, y))
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('weight w', 'bias b')
    """
    x, y = _two_features(features), to_numpy(labels, "labels")
    finite = "pairs of finite weights, as descend returns them"
    trail = np.zeros((1, 2)) if path is None else _weights(path, "path", 2, finite)
    ax = axes_or_new(ax)
    low, high = trail.min(axis=0), trail.max(axis=0)
    margin = max(2.0, 0.4 * float((high - low).max()))
    sides = [np.linspace(low[i] - margin, high[i] + margin, 81) for i in (0, 1)]
    grid = np.stack(np.meshgrid(*sides), axis=-1)
    logits = grid @ x.T
    targets = np.broadcast_to(y, logits.shape)
    mean = np.asarray(binary_cross_entropy(logits, targets, reduction="none")).mean(axis=-1)
    contours = ax.contour(*sides, mean, levels=_levels(mean), colors=shade("other"), linewidths=0.9)
    ink = mpl.rcParams["text.color"]
    places = [
        _label_place(np.asarray(ring.vertices), trail, sides) for ring in contours.get_paths()
    ]
    known = [place for place in places if place is not None]
    ax.clabel(contours, fmt="%.3g", fontsize="x-small", colors=ink, manual=known)
    if path is not None:
        ax.plot(*trail.T, ".-", color=shade("true"), markersize=4, label="descent")
        ax.plot(*trail[-1], "o", color=shade("true"))
    ax.set(xlabel=names[0], ylabel=names[1])
    titled(ax, "Mean loss (nats)", legend=path is not None)
    told = f"Contours of the mean loss over {names[0]} and {names[1]}"
    if path is not None:
        ends = (float(binary_cross_entropy(x @ trail[i], y)) for i in (0, -1))
        first, last = (shown(loss, trim=False) for loss in ends)
        told += f"; a descent of {len(trail) - 1} steps goes from {first} to {last} nats"
    describe(ax, f"{told}.")
    return ax


def _levels(loss: Array) -> Array:
    """Losses from just above the lowest of the map upward, closest together at the bottom."""
    low, high = float(loss.min()), float(loss.max())
    return (
        low + (high - low) * (np.arange(1, LINES) / LINES) ** 2 if high > low else np.array([low])
    )


def _label_place(ring: Array, trail: Array, sides: list[Array]) -> Array | None:
    """The point of a contour that is farthest from the path, and not at the border."""
    low, high = np.array([side[[0, -1]] for side in sides]).T
    inside = ring[(np.abs(ring - (low + high) / 2) < 0.42 * (high - low)).all(axis=1)]
    if not len(inside):
        return None
    far = np.linalg.norm(inside[:, None] - trail, axis=2).min(axis=1)
    return np.asarray(inside[far.argmax()])


def _two_features(features: Any) -> Array:
    x = as_floats(features, "features")
    shape = "(N, 2): a picture has room for two weights"
    return _pairs(x, "features", 2, shape, "finite numbers").astype(np.float64)


def _weights(value: Any, name: str, dimensions: int, expected: str) -> Array:
    weights = np.asarray(value, dtype=np.float64)
    return _pairs(weights, name, dimensions, expected, f"{expected},")


def _pairs(array: Array, name: str, dimensions: int, shape: str, numbers: str) -> Array:
    """Check that the last axis has two entries and that no number is too large."""
    pairs = array.ndim == dimensions and array.shape[-1] == 2 and array.size > 0
    require(pairs, f"{name} has shape {array.shape}; expected {shape}.")
    odd = array[~(np.abs(array) <= LARGEST)]
    if odd.size:
        msg = f"{name} holds {odd[0]}; expected {numbers} of at most {LARGEST:g} in size."
        raise ValueError(msg)
    return array
