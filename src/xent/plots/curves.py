"""Curves against the logit: loss, gradient, probability; and an error against its step."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes

from xent.arrays import Array
from xent.check.gradients import gradient
from xent.functions import sigmoid
from xent.losses import binary_cross_entropy
from xent.plots.style import BLUE, GREEN, GREY, LABEL_COLOURS, ORANGE, axes_or_new, point


def loss_curves(
    logit: float | None = None, label: int | None = None, *, ax: Axes | None = None
) -> Axes:
    """Loss against the logit for both labels, with the reader's own point on its curve.

    Parameters
    ----------
    logit, label : float and int, optional
        The point.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        With the losses in nats.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> from xent import plots
    >>> ax = plots.loss_curves(2.0, 1)
    >>> ax.get_ylabel()
    'loss (nats)'
    """

    def loss(z: Array, y: int) -> Array:
        return np.asarray(binary_cross_entropy(z, np.full(z.shape, y), reduction="none"))

    ax = _label_curves(loss, logit, label, ax)
    ax.set(title="Loss of one row", ylabel="loss (nats)")
    ax.set_ylim(bottom=0)
    return ax


def gradient_curves(
    logit: float | None = None, label: int | None = None, *, ax: Axes | None = None
) -> Axes:
    """Gradient of the loss against the logit for both labels: p - y.

    Parameters
    ----------
    logit, label : float and int, optional
        The point.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        With the gradient in nats per unit of the logit.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> from xent import plots
    >>> ax = plots.gradient_curves(2.0, 1)
    >>> ax.get_ylabel()
    'dL/dz (nats per unit of logit)'
    """

    def slope(z: Array, y: int) -> Array:
        _, grad = binary_cross_entropy(z, np.full(z.shape, y), reduction="sum", return_grad=True)
        return np.asarray(grad)

    ax = _label_curves(slope, logit, label, ax)
    ax.axhline(0, color=GREY, linewidth=0.8)
    ax.set(title="Gradient of the loss", ylabel="dL/dz (nats per unit of logit)")
    ax.set_ylim(-1.1, 1.1)
    return ax


def sigmoid_curve(logit: float | None = None, *, ax: Axes | None = None) -> Axes:
    """The sigmoid p of the logit, and its slope dp/dz = p (1 - p).

    Parameters
    ----------
    logit : float, optional
        The point.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        With probabilities.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> from xent import plots
    >>> ax = plots.sigmoid_curve(2.0)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['p', 'dp/dz = p (1 - p)']
    """
    ax = axes_or_new(ax)
    z = _range(logit)
    p = np.asarray(sigmoid(z))
    ax.plot(z, p, color=ORANGE, label="p")
    ax.plot(z, p * np.asarray(sigmoid(-z)), color=GREEN, linestyle="--", label="dp/dz = p (1 - p)")
    if logit is not None:
        point(ax, logit, float(sigmoid(logit)), ORANGE, "p")
    ax.set(
        title="From logit to probability", xlabel="logit z", ylabel="probability", ylim=(0, 1.05)
    )
    ax.legend(loc="center left")
    return ax


def gradient_error(
    logit: float = 1.0,
    label: int = 1,
    *,
    method: Literal["central", "forward", "richardson"] = "central",
    ax: Axes | None = None,
) -> Axes:
    """Error of a numerical gradient against its step h: a V, and why it is one.

    To the right the step is too coarse (truncation), to the left the difference drowns in
    rounding; both are estimated by `check.gradient`, without knowing the answer.

    Parameters
    ----------
    logit, label : float and int, default 1.0 and 1
        Where the gradient is taken.
    method : {"central", "forward", "richardson"}, default "central"
        How.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        With errors in nats per unit of the logit, both axes logarithmic.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> from xent import plots
    >>> ax = plots.gradient_error(method="forward")
    >>> ax.get_xlabel()
    'step h'
    """

    def loss(z: Any, y: Any) -> Any:
        return binary_cross_entropy(z, y)

    def grad(z: Any, y: Any) -> Any:
        return binary_cross_entropy(z, y, return_grad=True)[1]

    steps = np.logspace(-13, 0, 79)
    reports = [
        gradient(loss, grad, float(logit), label, method=method, h=float(h), progress=False)
        for h in steps
    ]
    errors = [abs(float(r.numeric.value[0] - r.analytic[0])) for r in reports]
    ax = axes_or_new(ax)
    ax.loglog(steps, np.maximum(errors, 1e-17), ".", color=BLUE, label="error")
    # Where two differences agree to the last bit, their difference estimates nothing.
    truncation = [float(r.numeric.truncation[0]) or np.nan for r in reports]
    rounding = [float(r.numeric.rounding[0]) for r in reports]
    ax.loglog(steps, truncation, color=ORANGE, linestyle="--", label="estimated truncation")
    ax.loglog(steps, rounding, color=GREEN, linestyle=":", label="estimated rounding, at most")
    ax.set(
        title=f"Numerical gradient ({method}) at z = {logit:g}, label {label}",
        xlabel="step h",
        ylabel="error (nats per unit of logit)",
        ylim=(1e-17, 10),
    )
    ax.legend(loc="upper center")
    return ax


def _range(logit: float | None) -> Array:
    reach = 6.0 if logit is None else max(6.0, 1.2 * abs(float(logit)))
    return np.linspace(-reach, reach, 301)


def _label_curves(curve: Any, logit: float | None, label: int | None, ax: Axes | None) -> Axes:
    if (logit is None) != (label is None):
        msg = "logit and label go together: a point has both."
        raise ValueError(msg)
    if label not in (None, 0, 1):
        msg = f"label is {label!r}; expected 0 or 1."
        raise ValueError(msg)
    ax = axes_or_new(ax)
    z = _range(logit)
    for y, dashes in ((0, "--"), (1, "-")):
        ax.plot(z, curve(z, y), color=LABEL_COLOURS[y], linestyle=dashes, label=f"label {y}")
    if logit is not None and label is not None:
        value = float(curve(np.array([float(logit)]), label)[0])
        point(ax, float(logit), value, LABEL_COLOURS[label], "")
    ax.set_xlabel("logit z")
    ax.legend(loc="best")
    return ax
