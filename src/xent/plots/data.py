"""The rows of a data set, in four frames from scores to the loss."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes

from xent._format import shown
from xent._validation import Array, as_floats, check_shape, to_numpy
from xent.functions import sigmoid
from xent.losses import binary_cross_entropy
from xent.plots.checks import FARTHEST, require, require_rows
from xent.plots.colours import LABELS, shade
from xent.plots.style import axes_or_new, describe, titled

LOSSES = "Bars of -log of the probability of each true label"
FRAMES = {
    1: ("Points on the fitted sigmoid", "Points on the sigmoid, at their logits."),
    2: ("Probability of the true label", "Bars of the probability that each true label was given."),
    3: ("The same as -log p", f"{LOSSES}."),
    4: ("Their mean", f"{LOSSES}, and a line at their mean."),
}
"""Their titles, and what they show in words."""

CROWD = 60
"""More bars than this would overlap, so they are drawn side by side in order."""


def dataset(
    logits: Any,
    labels: Any,
    frame: Literal[1, 2, 3, 4] = 4,
    *,
    x: Any = None,
    x_name: str = "logit z",
    ax: Axes | None = None,
) -> Axes:
    """A binary data set, from scores to the loss, in four frames.

    Points on the sigmoid; bars of the probability of each true label; the same bars as -log p;
    and their mean, which is the loss. Arrowheads at the border mark rows whose logits are infinite.

    Parameters
    ----------
    logits : array_like, shape (N,)
        One raw score per row.
    labels : array_like, shape (N,)
        0 or 1.
    frame : {1, 2, 3, 4}, default 4
        The frame to draw.
    x : array_like, shape (N,), optional
        The position of each row on the horizontal axis, for example a feature; the logits if not
        given.
    x_name : str, default "logit z"
        The label of that axis.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        With probabilities, or losses in nats.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> from xent import plots
    >>> ax = plots.dataset([-2.0, 0.5, 1.5], [0, 0, 1])
    >>> ax.get_title()
    '4. Their mean: 0.4341 nats'
    """
    require(frame in FRAMES, f"frame is {frame!r}; expected 1, 2, 3 or 4.")
    z, y = as_floats(logits, "logits"), to_numpy(labels, "labels")
    require(z.size > 0, "logits is empty; a picture needs rows.")
    place = _places(z) if x is None else _given_places(x, z)
    losses = np.asarray(binary_cross_entropy(z, y, reduction="none"))
    require_rows(np.isfinite(losses), losses, "the loss of row {}", "finite ones")
    require_rows(np.isin(y, (0, 1)), y, "labels[{}]", "labels 0 and 1")
    ax = axes_or_new(ax)
    mean = float(binary_cross_entropy(z, y))
    if math.isinf(mean):  # the losses are finite, but their sum overflows
        mean = math.fsum(losses / len(losses))
    title, words = FRAMES[frame]
    title = f"{frame}. {title}" + f": {shown(mean, trim=False)} nats" * (frame == 4)
    far = np.abs(z) > FARTHEST
    marks = _marks(z, far, sideways=x is None)
    if frame == 1:
        line, curve = _curve(z[~far], place, far, given=x is not None)
        ax.plot(line, curve, color=shade("other"), linewidth=1.5, zorder=1)
        p, colours = np.asarray(sigmoid(z)), np.array(_colours(y))
        size = 36 if len(z) <= CROWD else 14
        ax.scatter(place[~far], p[~far], c=colours[~far], s=size, zorder=3)
        for mark, rows in marks:
            ax.scatter(place[rows], p[rows], c=colours[rows], marker=mark, s=60, zorder=3)
        ax.set(ylabel="probability of label 1", ylim=(-0.05, 1.05))
    else:
        if x is None and len(z) > CROWD:
            place, x_name, marks, width = _ranks(z), "row, in order of the logits", [], 1.0
        else:
            width = _width(place)
        heights = np.exp(-losses) if frame == 2 else np.minimum(losses, FARTHEST)
        ax.bar(place, heights, width=width, color=_colours(y))
        if frame == 2:
            ax.set(ylabel="probability of the true label", ylim=(0, 1.05))
        else:
            ax.set_ylabel("-log p of the true label (nats)")
        if frame == 4:
            ax.axhline(min(mean, FARTHEST), color=shade("pull"), linewidth=2)
        top = (losses > FARTHEST) & (frame > 2)
        for mark, rows in marks:
            _mark(ax, mark, place[rows], np.where(top, 0, heights)[rows])
        if top.any():
            _mark(ax, "^", place[top], heights[top], label="loss beyond the axis")
    for label, role in enumerate(LABELS):
        ax.scatter([], [], color=shade(role), label=f"label {label}")
    if marks:
        where = "logit beyond the axis" if x is None else "infinite logit"
        _mark(ax, marks[-1][0], [], [], label=where)
    ax.set_xlabel(x_name)
    titled(ax, title)
    ones = int(np.count_nonzero(y))
    describe(
        ax,
        f"{len(z)} rows, {len(z) - ones} of label 0 and {ones} of label 1. {words} The mean "
        f"loss is {shown(mean, trim=False)} nats; the largest, of row {int(losses.argmax())}, "
        f"{shown(float(losses.max()), trim=False)}."
        + (f" Arrowheads mark {int(far.sum())} rows with logits beyond the axis." if marks else ""),
    )
    return ax


def _colours(labels: Array) -> list[str]:
    return [shade(LABELS[int(label)]) for label in labels]


def _places(z: Array) -> Array:
    """The logits; infinite ones are placed beyond the others, where the sigmoid is flat."""
    z = z.astype(np.float64)
    known = z[np.abs(z) <= FARTHEST]
    low, high = (known.min(), known.max()) if known.size else (0.0, 0.0)
    margin = 1.0 + 0.05 * (high - low)
    return np.clip(z, min(low - margin, -6.0), max(high + margin, 6.0))


def _given_places(x: Any, z: Array) -> Array:
    place = as_floats(x, "x")
    check_shape(place, z.shape, "x", "one place per logit")
    require_rows(np.abs(place) <= FARTHEST, place, "x[{}]", "finite places")
    return place.astype(np.float64)


def _width(place: Array) -> float:
    """Width of the bars: narrower where some would overlap, but never too thin to be seen."""
    span = float(np.ptp(place))
    gaps = np.diff(np.unique(place))
    return max(min(span / (3 * max(len(place), 8)), 0.9 * gaps.min()), span / 150) if span else 0.2


def _curve(known: Array, place: Array, far: Array, *, given: bool) -> tuple[Array, Array]:
    """The sigmoid of the logits on the axis, or interpolated between given places."""
    if not given:
        low, high = place.min(), place.max()
        low, high = (low, high) if low < high else (low - 1, high + 1)
        line = np.union1d(np.linspace(low, high, 300), np.linspace(-8, 8, 161).clip(low, high))
        return line, np.asarray(sigmoid(line))
    at, order = place[~far], np.argsort(place[~far], kind="stable")
    if not at.size:
        return at, at
    line = np.union1d(np.linspace(at.min(), at.max(), 3000), at)
    return line, np.asarray(sigmoid(np.interp(line, at[order], known[order])))


def _mark(ax: Axes, mark: str, x: Any, y: Any, **options: Any) -> None:
    ax.scatter(x, y, color=shade("other"), marker=mark, s=60, zorder=3, clip_on=False, **options)


def _marks(z: Array, far: Array, *, sideways: bool) -> list[tuple[str, Array]]:
    """Arrowheads, each with the rows beyond the axis that it marks."""
    low, high = ("<", ">") if sideways else ("v", "^")
    both = ((low, np.flatnonzero(far & (z < 0))), (high, np.flatnonzero(far & (z > 0))))
    return [(mark, rows) for mark, rows in both if rows.size]


def _ranks(z: Array) -> Array:
    ranks = np.empty(len(z))
    ranks[np.argsort(z, kind="stable")] = np.arange(len(z))
    return ranks
