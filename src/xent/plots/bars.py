"""The classes of a row: probabilities as bars, the gradient as arrows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from xent._format import shown
from xent._validation import Array, as_floats
from xent.functions import softmax
from xent.losses import cross_entropy
from xent.plots.checks import require
from xent.plots.colours import shade
from xent.plots.style import axes_or_new, describe, titled

ROOM, SOFT_ROOM, TURNED, NAMED = 0.45, 0.85, 0.36, 0.2
"""Inches that a class needs for its numbers, for its numbers with a soft target (whose arrows end
side by side), for rotated numbers, and for its name."""

LONGEST = 16
"""The most characters shown of a name."""

SMALLEST = 1e-3
"""A smaller gradient would not be visible, so it has no arrow."""

HEIGHT = 1.5
"""Height of the picture in units of probability, with room for numbers below 0 and above 1."""

LINE = 0.2
"""Inches from one number to the next above it."""

MOST, LIKELIEST = 120, 12
"""Up to MOST classes, all are drawn; of more, only the true one and the LIKELIEST."""


def class_bars(
    logits: Any,
    target: Any,
    *,
    label_smoothing: float = 0.0,
    names: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Probabilities of the classes as bars, and the gradient for each logit as an arrow.

    A step of gradient descent moves each logit in the direction of its arrow. An arrow leads from
    the probability to the target, which a short line marks (1 for the true class and 0 for the
    others, or the given probability); the arrows sum to 0. If there is no room for all numbers,
    only the true class has them, or with a soft target the class with the longest arrow.

    Parameters
    ----------
    logits : array_like, shape (K,)
        Raw scores of one row.
    target : int or array_like of shape (K,)
        The true class, or a probability for each.
    label_smoothing : float, default 0.0
        Share of the target that is spread over all classes.
    names : sequence of str, optional
        Names of the classes.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        With probabilities, and arrows on the same scale.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> from xent import plots
    >>> ax = plots.class_bars([2.0, 1.0, 0.1], 0)
    >>> [round(float(bar.get_height()), 4) for bar in ax.patches[:3]]
    [0.659, 0.2424, 0.0986]
    """
    z = as_floats(logits, "logits")
    require(z.ndim == 1, f"logits has shape {z.shape}; expected the (K,) scores of one row.")
    require(not np.isnan(z).any(), f"logits are {z.tolist()}; a picture needs numbers.")
    loss, grad = cross_entropy(z, target, label_smoothing=label_smoothing, return_grad=True)
    return draw_classes(np.asarray(softmax(z)), np.asarray(grad), float(loss), target, names, ax)


def draw_classes(
    p: Array,
    gradient: Array,
    loss: float,
    target: Any,
    names: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw known probabilities and gradients; the target is as for `class_bars`."""
    ax = axes_or_new(ax)
    label = int(target) if np.ndim(target) == 0 else None
    goal = np.round(p - gradient, 12)  # the target, smoothed; 0.2 and not 0.2 + 1e-17
    if math.isinf(loss):  # then a class in the target is masked, and has no gradient
        goal = np.asarray(target) if label is None else np.eye(len(p))[label]
    marked = int(np.abs(gradient).argmax()) if label is None else label
    called = [str(k) for k in range(len(p))] if names is None else [short(n) for n in names]
    chosen = _chosen(p, label)
    place = np.arange(len(chosen))
    inches = ax.get_window_extent().width / ax.figure.dpi
    room = inches / len(chosen)
    roomy = room >= (SOFT_ROOM if label is None else ROOM)
    colours = [shade("true" if k == label else "other") for k in chosen]
    ax.bar(place - 0.1, p[chosen], width=0.5, color=colours)
    for i, k in enumerate(chosen):
        _arrow(ax, i + 0.28, float(p[k]), float(gradient[k]), thin=room < TURNED)
        if room >= TURNED or k == marked:
            alone = room < TURNED
            _values(
                ax, i, float(p[k]), float(gradient[k]), alone=alone, turned=not (roomy or alone)
            )
    _ticks(ax, chosen, called, label, inches)
    ax.axhline(0, color=shade("other"), linewidth=0.8)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1])
    ax.set(ylabel="probability", xlim=(-0.6, len(chosen) - 0.4), ylim=(-0.25, HEIGHT - 0.25))
    if label is not None:
        ax.plot([], [], "s", color=shade("true"), label=f"true: {literal(called[label])}")
    for mark, role, name in (
        ("s", "other", "classes" if label is None else "other classes"),
        ("^", "pull", "pulled up by -gradient"),
        ("v", "push", "pushed down by it"),
    ):
        ax.plot([], [], mark, color=shade(role), label=name)
    ink = mpl.rcParams["text.color"]
    ax.hlines(goal[chosen], place + 0.12, place + 0.44, ink, linewidth=1.6, label="target")
    masked = label is not None and math.isinf(loss) and not gradient[label]
    titled(ax, f"Loss {shown(loss, trim=False)} nats{' (the true class is masked)' * masked}")
    describe(ax, _told(p, gradient, goal, loss, label, called))
    return ax


def _told(
    p: Array, gradient: Array, goal: Array, loss: float, label: int | None, called: list[str]
) -> str:
    """What the picture shows, in words."""
    others = [k for k in np.argsort(-p, kind="stable")[:4] if k != label][:3]
    told = ", ".join(f"{called[k]} {shown(float(p[k]))}" for k in others)
    if label is None:
        due = ", ".join(f"{called[k]} {shown(float(goal[k]))}" for k in others)
        moves = ", ".join(f"{called[k]} {shown(-float(gradient[k]))}" for k in others)
        return (
            f"Probabilities of {len(p)} classes: {told}. The target is soft: {due}. The loss is "
            f"{shown(loss)} nats. Gradient descent moves them by {moves}."
        )
    return (
        f"Probabilities of {len(p)} classes. The true class, {called[label]}, has "
        f"{shown(float(p[label]))}; others: {told}. The loss is {shown(loss)} nats. Gradient "
        f"descent moves the true class by {shown(-float(gradient[label]))}, and the others down."
    )


def short(name: str) -> str:
    """A name that fits below a bar."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def literal(name: str) -> str:
    """A name that matplotlib does not read as mathematics."""
    return name.replace("$", r"\$")


def _chosen(p: Array, label: int | None) -> list[int]:
    """All classes, or the true one and the likeliest if there are very many."""
    if len(p) <= MOST:
        return list(range(len(p)))
    likeliest = np.argsort(-p, kind="stable")[:LIKELIEST].tolist()
    return sorted({*likeliest} if label is None else {label, *likeliest})


def _arrow(ax: Axes, x: float, share: float, push: float, *, thin: bool) -> None:
    """An arrow from the probability to the probability less the gradient, unless too short."""
    if abs(push) > SMALLEST:
        head, width = ("-", 1) if thin else ("-|>", 2)
        arrow = {"arrowstyle": head, "linewidth": width, "shrinkA": 0, "shrinkB": 0}
        arrow["color"] = shade("push" if push > 0 else "pull")
        ax.annotate("", xy=(x, share - push), xytext=(x, share), arrowprops=arrow)


def _values(ax: Axes, i: int, share: float, push: float, *, alone: bool, turned: bool) -> None:
    """The probability above the bar, and minus the gradient beyond the arrow's tip."""
    style: dict[str, Any] = {"fontsize": "small", "rotation": 90 if turned else 0}
    x, align = (i + 0.1, "right") if alone else (i - 0.1, "center")
    text = f"{share:.3f}" if share >= SMALLEST or share == 0 else f"{share:.0e}"
    ax.text(x, share + 0.02, text, ha=align, va="bottom", **style)
    if abs(push) > SMALLEST:
        role, side, y = "push", "top", share - push - 0.02
        if push < 0:
            role, side, y = "pull", "bottom", share - push + 0.02
            if not turned:  # above the probability's own number, however short the arrow
                line = LINE * HEIGHT * ax.figure.dpi / ax.get_window_extent().height
                y = max(y, share + 0.02 + line)
        ax.text(i + 0.28, y, f"{-push:+.3f}", ha="center", va=side, color=shade(role), **style)


def _ticks(
    ax: Axes, chosen: list[int], called: list[str], label: int | None, inches: float
) -> None:
    """Names if there is room for them, rotated if they are long; otherwise a scale."""
    some = len(chosen) < len(called)
    ax.set_xlabel(f"class (the true one and the likeliest of {len(called)})" if some else "class")
    room = inches / len(chosen)
    if room < NAMED:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        return
    wide = max(len(called[k]) for k in chosen) * 0.1 > room
    mark = " (true)" if wide else "\n(true)" if room >= ROOM else ""
    texts = [literal(called[k]) + mark * (k == label) for k in chosen]
    turned: dict[str, Any] = {"rotation": 35, "ha": "right", "fontsize": "small"} if wide else {}
    ax.set_xticks(range(len(chosen)), texts, **turned)
