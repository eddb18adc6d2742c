"""Curves against the logit: loss, gradient, probability; and an error against its step."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes

from xent._format import shown
from xent._validation import Array
from xent.check import gradient
from xent.functions import sigmoid
from xent.losses import binary_cross_entropy
from xent.plots.checks import FARTHEST, finite, require
from xent.plots.colours import LABELS, shade
from xent.plots.style import axes_or_new, describe, point, titled


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

    return _label_curves("Loss of one row", "loss (nats)", loss, logit, label, ax, slopes=(1, -1))


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

    unit = "dL/dz (nats per unit of logit)"
    ax = _label_curves("Gradient of the loss", unit, slope, logit, label, ax, limits=(-1.1, 1.1))
    ax.axhline(0, color=shade("other"), linewidth=0.8)
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
    z = _range(logit)
    ax = axes_or_new(ax)
    p = np.asarray(sigmoid(z))
    ax.plot(z, p, color=shade("true"), label="p")
    slope = p * np.asarray(sigmoid(-z))
    ax.plot(z, slope, color=shade("pull"), linestyle="--", label="dp/dz = p (1 - p)")
    ax.set(xlabel="logit z", ylabel="probability", ylim=(0, 1.05), xlim=(z[0], z[-1]))
    titled(ax, "From logit to probability")
    told = "The sigmoid p of the logit z rises from 0 to 1, steepest at z = 0, where p = 1/2."
    if logit is not None:
        value = float(sigmoid(logit))
        point(ax, float(logit), value, shade("true"), "p", rising=True)
        told += f" At z = {shown(float(logit))} it is {shown(value)}."
    describe(ax, told)
    return ax


def gradient_error(
    logit: float = 1.0,
    label: int = 1,
    *,
    method: Literal["central", "forward", "richardson"] = "central",
    points: int = 79,
    ax: Axes | None = None,
) -> Axes:
    """Error of a numerical gradient against its step h: a V-shaped curve, and its two causes.

    On the right the step is too large (truncation); on the left rounding errors outweigh the
    difference. `check.gradient` estimates both, without knowing the answer.

    Parameters
    ----------
    logit, label : float and int, default 1.0 and 1
        Where the gradient is taken.
    method : {"central", "forward", "richardson"}, default "central"
        The kind of finite differences.
    points : int, default 79
        The number of step sizes, from 1e-13 to 1.
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

    def grad(z: Any, y: Any) -> Any:
        return binary_cross_entropy(z, y, return_grad=True)[1]

    _check_label(label)
    asked = (binary_cross_entropy, grad, finite(logit, "logit"), label)
    steps = np.logspace(-13, 0, points)
    reports = [gradient(*asked, method=method, h=float(h), progress=False) for h in steps]
    errors = [abs(float(r.numeric.value[0] - r.analytic[0])) for r in reports]
    ax = axes_or_new(ax)
    ax.loglog(steps, np.maximum(errors, 1e-17), ".", color=shade("push"), label="error")
    truncation = np.ma.masked_less([float(r.numeric.truncation[0]) for r in reports], 1e-17)
    rounding = [float(r.numeric.rounding[0]) for r in reports]
    ax.loglog(steps, truncation, color=shade("true"), linestyle="--", label="truncation, estimated")
    ax.loglog(steps, rounding, color=shade("pull"), linestyle=":", label="rounding, at most")
    ax.set(xlabel="step h", ylabel="error (nats per unit of logit)", ylim=(1e-17, 10))
    titled(ax, f"Numerical gradient ({method}), z = {logit:g}, label {label}", columns=3)
    best = int(np.argmin(errors))
    describe(
        ax,
        "The error of a numerical gradient against its step is a V: rounding to the left, "
        f"truncation to the right. It is smallest, {errors[best]:.1g}, at h = {steps[best]:.1g}.",
    )
    return ax


def _check_label(label: int) -> None:
    require(label in (0, 1), f"label is {label!r}; expected 0 or 1.")


def _range(logit: float | None) -> Array:
    """Logits around 0 that include the given one, dense where the curves bend."""
    reach = 6.0 if logit is None else max(6.0, 1.2 * min(abs(finite(logit, "logit")), FARTHEST))
    return np.union1d(np.linspace(-reach, reach, 301), np.linspace(-6, 6, 121))


def _label_curves(
    title: str,
    unit: str,
    curve: Any,
    logit: float | None,
    label: int | None,
    ax: Axes | None,
    *,
    slopes: tuple[int, int] = (1, 1),
    limits: tuple[float, float] | None = None,
) -> Axes:
    """A curve for each label, the true one highlighted; `slopes` are the signs of the slopes."""
    together = (logit is None) == (label is None)
    require(together, "logit and label go together: a point needs both.")
    if label is not None:
        _check_label(label)
    z = _range(logit)
    ax = axes_or_new(ax)
    for y in (0, 1):
        true = y == label or (label is None and y == 1)
        role = LABELS[y] if label is None else "true" if true else "other"
        name = f"label {y}{' (true)' if y == label else ''}"
        ax.plot(z, curve(z, y), color=shade(role), linestyle="-" if true else "--", label=name)
    ax.set(xlabel="logit z", ylabel=unit, xlim=(z[0], z[-1]))
    ax.set_ylim(limits or (0, ax.get_ylim()[1]))
    titled(ax, title)
    told = f"{title} against the logit z, one curve for each label."
    if logit is not None and label is not None:
        value = float(curve(np.array([float(logit)]), label)[0])
        point(ax, float(logit), value, shade("true"), "", rising=slopes[label] > 0)
        told += f" At z = {shown(float(logit))} and label {label} it is {shown(value)}."
    describe(ax, told)
    return ax
