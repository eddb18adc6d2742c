"""Bars: the classes of a row, and the rows of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes

from xent.arrays import as_floats, check_shape, to_numpy
from xent.functions import sigmoid, softmax
from xent.losses import binary_cross_entropy, cross_entropy
from xent.plots.style import BLUE, GREEN, GREY, LABEL_COLOURS, ORANGE, axes_or_new


def class_bars(
    logits: Any,
    target: Any,
    *,
    label_smoothing: float = 0.0,
    names: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Probabilities of the classes as bars, and the gradient for each logit as an arrow.

    A step down the gradient moves a logit as its arrow points. An arrow leads from the probability
    to the target (1 for the true class, 0 for the others), and the arrows sum to 0.

    Parameters
    ----------
    logits : array_like, shape (K,)
        Raw scores of one row.
    target : int or array_like of shape (K,)
        The true class, or a probability for each.
    label_smoothing : float, default 0.0
        Part of the target that is spread over all classes.
    names : sequence of str, optional
        Of the classes.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        With probabilities, and arrows of the same scale.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> from xent import plots
    >>> ax = plots.class_bars([2.0, 1.0, 0.1], 0)
    >>> [round(float(bar.get_height()), 4) for bar in ax.patches[:3]]
    [0.659, 0.2424, 0.0986]
    """
    z = as_floats(logits, "logits")
    if z.ndim != 1:
        msg = f"logits has shape {z.shape}; expected the (K,) scores of one row."
        raise ValueError(msg)
    loss, grad = cross_entropy(z, target, label_smoothing=label_smoothing, return_grad=True)
    p, place = np.asarray(softmax(z)), np.arange(len(z))
    label = int(target) if np.ndim(target) == 0 else None
    ax = axes_or_new(ax)
    colours = [ORANGE if k == label else BLUE for k in place]
    ax.bar(place - 0.1, p, width=0.5, color=colours)
    for k, (share, push) in enumerate(zip(p, grad, strict=True)):
        ax.text(k - 0.1, share + 0.02, f"{share:.3f}", ha="center", va="bottom", fontsize="small")
        tip = share - push  # down the gradient: against its sign
        if abs(push) > 1e-3:
            arrow = {
                "arrowstyle": "-|>",
                "color": GREEN,
                "linewidth": 2,
                "shrinkA": 0,
                "shrinkB": 0,
            }
            ax.annotate("", xy=(k + 0.28, tip), xytext=(k + 0.28, share), arrowprops=arrow)
        beyond = 0.02 if push < 0 else -0.02
        side = "bottom" if push < 0 else "top"
        ax.text(k + 0.28, tip + beyond, f"{-push:+.3f}", ha="center", va=side, fontsize="small",
                color=GREEN)  # fmt: skip
    shown = list(names) if names is not None else [str(k) for k in place]
    if label is not None:
        shown[label] += " (true)"
    ax.set_xticks(place, shown)
    ax.axhline(0, color=GREY, linewidth=0.8)
    ax.set(
        title=f"Loss {loss:.4f} nats; arrows: down the gradient, sum 0",
        xlabel="class",
        ylabel="probability",
        xlim=(-0.6, len(z) - 0.4),
        ylim=(-0.15, 1.15),
    )
    return ax


FRAMES = {
    1: "1. Points on the fitted sigmoid",
    2: "2. Probability of the true label",
    3: "3. The same as -log p",
    4: "4. Their mean",
}


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
    place = z if x is None else as_floats(x, "x")
    check_shape(place, z.shape, "x", "one place per logit")
    losses = np.asarray(binary_cross_entropy(z, y, reduction="none"))
    ax = axes_or_new(ax)
    colours = [LABEL_COLOURS[int(label)] for label in y]
    title = FRAMES[frame]
    width = np.ptp(place) / (3 * max(len(z), 8)) if len(z) > 1 else 0.2
    if frame == 1:
        order = np.argsort(place)
        line = np.linspace(place.min(), place.max(), 300)
        curve = np.asarray(sigmoid(np.interp(line, place[order], z[order])))
        ax.plot(line, curve, color=GREY, linewidth=1.5, zorder=1)
        ax.scatter(place, np.asarray(sigmoid(z)), c=colours, zorder=3)
        ax.set(ylabel="probability of label 1", ylim=(-0.05, 1.05))
    elif frame == 2:
        ax.bar(place, np.exp(-losses), width=width, color=colours)
        ax.set(ylabel="probability of the true label", ylim=(0, 1.05))
    else:
        ax.bar(place, losses, width=width, color=colours)
        ax.set_ylabel("-log p of the true label (nats)")
        if frame == 4:
            mean = float(binary_cross_entropy(z, y))
            ax.axhline(mean, color=GREEN, linewidth=2)
            title += f": {mean:.4f} nats"
    for label, colour in enumerate(LABEL_COLOURS):
        ax.scatter([], [], color=colour, label=f"label {label}")
    ax.legend(loc="best")
    ax.set(title=title, xlabel=x_name)
    return ax
