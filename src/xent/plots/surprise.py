"""The loss against the probability given to the true class: -log p against p."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from xent._format import shown
from xent._validation import Array
from xent.metrics import log_loss
from xent.plots.checks import require
from xent.plots.colours import shade
from xent.plots.style import axes_or_new, describe, titled

TOP = 6.2
"""Nats at the upper border, somewhat more than the loss at p = 0.01."""

REFERENCES = (
    (1.0, "p = 1: 0"),
    (0.5, "p = 1/2: {}\na coin flip"),
    (0.1, "p = 0.1: {}"),
    (0.01, "p = 0.01: {}"),
)
"""Probabilities to compare with, and the text beside their points."""


def surprise_curve(
    p: float | None = None, *, squared: bool = False, ax: Axes | None = None
) -> Axes:
    """The loss -log p against the probability p that was given to the true class.

    It is 0 if the model was certain and right, and rises without limit as p goes to 0. The squared
    error (1 - p)² never exceeds 1, so it hardly distinguishes a bad forecast from a worse one.

    Parameters
    ----------
    p : float, optional
        Your own probability of the true class, above 0 and at most 1.
    squared : bool, default False
        Draw the squared error (1 - p)² too.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        With the losses in nats.

    Raises
    ------
    ValueError
        If p is not above 0 and at most 1.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> from xent import plots
    >>> ax = plots.surprise_curve(0.66)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['-log p', 'p = 0.66: 0.4155 nats']
    """
    require(p is None or 0 < p <= 1, f"p is {p}; expected a probability above 0 and at most 1.")
    ax = axes_or_new(ax)
    ink = mpl.rcParams["text.color"]
    shares = np.union1d(np.geomspace(np.exp(-TOP) / 2, 1, 301), np.linspace(0.5, 1, 51))
    ax.plot(shares, _surprise(shares), color=shade("push"), linewidth=2, label="-log p")
    if squared:
        ends = np.linspace(0, 1, 101)
        ax.plot(ends, (1 - ends) ** 2, "--", color=shade("pull"), label="(1 - p)², squared error")
    references = np.array([share for share, _ in REFERENCES])
    losses = _surprise(references)
    ax.plot(references, losses, "o", color=ink, markersize=4, zorder=3, clip_on=False)
    beside: dict[str, Any] = {"textcoords": "offset points", "fontsize": "small"}
    for share, loss, (_, text) in zip(references, losses, REFERENCES, strict=True):
        away, align = ((8, 4), "left") if share < 1 else ((0, 7), "right")
        ax.annotate(text.format(f"{loss:.3f}"), (share, loss), xytext=away, ha=align, **beside)
    ax.annotate("no upper limit as p goes to 0", (0.02, TOP), xytext=(8, -4), va="top", **beside)
    ax.set(xlabel="probability p of the true class", ylabel="loss -log p (nats)")
    ax.set(xlim=(0, 1), ylim=(0, TOP))
    told = "The loss -log p falls from infinity at p = 0 to 0 at p = 1, through 0.6931 at p = 1/2."
    if squared:
        told += " The squared error (1 - p)² falls from 1 to 0."
    if p is not None:
        loss = float(log_loss([1], [p]))
        mark, where = ("o", loss) if loss <= TOP else ("^", TOP)
        name = f"p = {shown(float(p))}: {shown(loss)} nats" + ", further up" * (loss > TOP)
        (own,) = ax.plot([p], [where], mark, color=shade("true"), markersize=9, label=name)
        own.set(zorder=4, clip_on=False)
        told += f" At p = {shown(float(p))} it is {shown(loss)} nats."
    titled(ax, "Surprise: -log of the true class's probability")
    describe(ax, told)
    return ax


def _surprise(shares: Array) -> Array:
    return np.asarray(log_loss(np.ones(len(shares)), shares, reduction="none"))
