"""The loss as a map over two weights, and gradient descent on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from xent._format import shown
from xent._validation import Array, as_floats, check_number, to_numpy
from xent.losses import binary_cross_entropy
from xent.plots.style import GREY, ORANGE, axes_or_new, describe, titled

LARGEST = 1e100
"""Largest feature or weight, so that products stay far below the largest double."""


def descend(
    features: Any,
    labels: Any,
    *,
    start: Sequence[float] = (0.0, 0.0),
    rate: float = 1.0,
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
    rate : float, default 1.0
        Size of a step.
    steps : int, default 50
        The number of steps.

    Returns
    -------
    ndarray, shape (steps + 1, 2)
        The weights, the start included.

    Raises
    ------
    ValueError
        If a number is not finite, or the rate takes the weights beyond 1e100.

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
    rate = check_number(rate, "rate", 0, math.inf, above=True)
    if steps < 0:
        msg = f"steps is {steps}; expected 0 or more."
        raise ValueError(msg)
    path = [_weights(start, "start", 1, "two finite weights")]
    for step in range(1, steps + 1):
        _, grad = binary_cross_entropy(x @ path[-1], y, return_grad=True)
        with np.errstate(over="ignore"):
            path.append(path[-1] - rate * (np.asarray(grad) @ x))
        if not (np.abs(path[-1]) <= LARGEST).all():
            msg = (
                f"rate is {rate:g}, with which step {step} takes the weights beyond {LARGEST:g}; "
                "expected a smaller one, or features nearer 1 in size."
            )
            raise ValueError(msg)
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
    contours = ax.contour(*sides, mean, levels=14, colors=GREY, linewidths=0.9)
    ax.clabel(contours, fmt="%.2g", fontsize="x-small")
    if path is not None:
        ax.plot(*trail.T, ".-", color=ORANGE, markersize=4, label="descent")
        ax.plot(*trail[-1], "o", color=ORANGE)
    ax.set(xlabel=names[0], ylabel=names[1])
    titled(ax, "Mean loss (nats)", legend=path is not None)
    told = f"Contours of the mean loss over {names[0]} and {names[1]}"
    if path is not None:
        first, last = (float(binary_cross_entropy(x @ trail[i], y)) for i in (0, -1))
        told += f"; a descent of {len(trail) - 1} steps goes from {shown(first, trim=False)} to "
        told += f"{shown(last, trim=False)} nats"
    describe(ax, f"{told}.")
    return ax


def _two_features(features: Any) -> Array:
    x = as_floats(features, "features")
    if x.ndim != 2 or x.shape[1] != 2 or not len(x):
        msg = f"features has shape {x.shape}; expected (N, 2): a picture has room for two weights."
        raise ValueError(msg)
    odd = ~(np.abs(x) <= LARGEST)
    if odd.any():
        msg = f"features holds {x[odd][0]}; expected finite numbers of at most {LARGEST:g} in size."
        raise ValueError(msg)
    return x.astype(np.float64)


def _weights(value: Any, name: str, dimensions: int, expected: str) -> Array:
    weights = np.asarray(value, dtype=np.float64)
    if weights.ndim != dimensions or weights.shape[-1] != 2 or not weights.size:
        msg = f"{name} has shape {weights.shape}; expected {expected}."
        raise ValueError(msg)
    odd = ~(np.abs(weights) <= LARGEST)
    if odd.any():
        msg = (
            f"{name} holds {weights[odd][0]}; expected {expected}, of at most {LARGEST:g} in size."
        )
        raise ValueError(msg)
    return weights
