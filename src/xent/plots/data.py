"""The rows of a data set, in four frames from scores to the loss."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes

from xent.arrays import Array, as_floats, check_shape, to_numpy
from xent.functions import sigmoid
from xent.losses import binary_cross_entropy
from xent.plots.style import GREEN, GREY, LABEL_COLOURS, axes_or_new, describe, titled

FRAMES = {
    1: "1. Points on the fitted sigmoid",
    2: "2. Probability of the true label",
    3: "3. The same as -log p",
    4: "4. Their mean",
}

WORDS = {
    1: "Points on the sigmoid, at their logits.",
    2: "Bars of the probability that each true label was given.",
    3: "Bars of -log of the probability of each true label.",
    4: "Bars of -log of the probability of each true label, and a line at their mean.",
}

CROWD = 60
"""More bars than this would stand in each other's way: they are set side by side, in order."""


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
    and their mean, which is the loss.

    Parameters
    ----------
    logits : array_like, shape (N,)
        One raw score per row.
    labels : array_like, shape (N,)
        0 or 1.
    frame : {1, 2, 3, 4}, default 4
        Which picture.
    x : array_like, shape (N,), optional
        Where each row stands on the horizontal axis, a feature for example; the logits if not
        given.
    x_name : str, default "logit z"
        What that axis shows.
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
    if frame not in FRAMES:
        msg = f"frame is {frame!r}; expected 1, 2, 3 or 4."
        raise ValueError(msg)
    z, y = as_floats(logits, "logits"), to_numpy(labels, "labels")
    place = _places(z) if x is None else as_floats(x, "x")
    check_shape(place, z.shape, "x", "one place per logit")
    losses = np.asarray(binary_cross_entropy(z, y, reduction="none"))
    if not np.isfinite(losses).all():
        row = int(np.flatnonzero(~np.isfinite(losses))[0])
        msg = f"the loss of row {row} is {losses[row]}; a picture needs finite ones."
        raise ValueError(msg)
    odd = ~np.isin(y, (0, 1))
    if odd.any():
        msg = f"labels[{int(odd.argmax())}] is {y[odd][0]}; a picture needs labels 0 and 1."
        raise ValueError(msg)
    ax = axes_or_new(ax)
    mean = float(binary_cross_entropy(z, y))
    title = FRAMES[frame] + (f": {mean:.4f} nats" if frame == 4 else "")
    if frame == 1:
        order = np.argsort(place, kind="stable")
        line = np.linspace(place.min(), place.max(), 300)
        curve = np.asarray(sigmoid(np.interp(line, place[order], np.clip(z[order], -750, 750))))
        ax.plot(line, curve, color=GREY, linewidth=1.5, zorder=1)
        size = 36 if len(z) <= CROWD else 14
        ax.scatter(place, np.asarray(sigmoid(z)), c=_colours(y), s=size, zorder=3)
        ax.set(ylabel="probability of label 1", ylim=(-0.05, 1.05))
    else:
        if x is None and len(z) > CROWD:
            place, x_name = _ranks(z), "row, in order of the logits"
        heights = np.exp(-losses) if frame == 2 else losses
        width = float(np.ptp(place)) / (3 * max(len(z), 8)) if len(z) > 1 else 0.2
        width = 1.0 if len(z) > CROWD and x is None else width or 0.2
        ax.bar(place, heights, width=width, color=_colours(y))
        what = "probability of the true label" if frame == 2 else "-log p of the true label (nats)"
        ax.set_ylabel(what)
        if frame == 2:
            ax.set_ylim(0, 1.05)
        if frame == 4:
            ax.axhline(mean, color=GREEN, linewidth=2)
    for label, colour in enumerate(LABEL_COLOURS):
        ax.scatter([], [], color=colour, label=f"label {label}")
    ax.set_xlabel(x_name)
    titled(ax, title)
    ones = int(np.count_nonzero(y))
    describe(
        ax,
        f"{len(z)} rows, {len(z) - ones} of label 0 and {ones} of label 1. {WORDS[frame]} The mean "
        f"loss is {mean:.4f} nats; the largest, of row {int(losses.argmax())}, {losses.max():.4f}.",
    )
    return ax


def _colours(labels: Array) -> list[str]:
    return [LABEL_COLOURS[int(label)] for label in labels]


def _places(z: Array) -> Array:
    """The logits; infinite ones stand a little beyond the others."""
    known = z[np.isfinite(z)]
    low, high = (known.min(), known.max()) if known.size else (0.0, 0.0)
    margin = 1.0 + 0.05 * (high - low)
    return np.clip(z, low - margin, high + margin)


def _ranks(z: Array) -> Array:
    ranks = np.empty(len(z))
    ranks[np.argsort(z, kind="stable")] = np.arange(len(z))
    return ranks
