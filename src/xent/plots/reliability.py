"""How often what was predicted came true, and how many rows were predicted so."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from xent._format import shown
from xent._validation import Array
from xent.plots.checks import require
from xent.plots.colours import shade
from xent.plots.style import axes_or_new, describe, titled

BOTTOM, HEIGHT = -0.42, 0.32
"""Where the histogram begins, and how high it is: the curve is from 0 to 1."""

BINS = 40

NARROW = 0.02
"""How short a range of predictions is that a line does not show."""

TOLD = 3
"""Ranges of predictions that are named in words."""


def reliability_curve(score: Any, *, ax: Axes | None = None) -> Axes:
    """How often predictions came true, against the prediction, with a histogram beneath.

    The curve is the isotonic regression (PAV) of what came true. The band holds the whole curve of
    the population at the score's level; where the diagonal leaves it, predictions cannot be right,
    and the diagonal is drawn thick there.

    Parameters
    ----------
    score : Score
        As `xent.score` returns it. With more than two classes, the prediction is the probability of
        the likeliest class.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        With probabilities on both axes.

    Raises
    ------
    ValueError
        If the score has no calibration.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> import numpy as np, xent
    >>> from xent import plots
    >>> p = np.repeat([0.2, 0.8], 500)
    >>> y = np.tile(np.arange(500), 2) < np.repeat([150, 350], 500)
    >>> ax = plots.reliability_curve(xent.score({"prob": p, "label": y.astype(int)}))
    >>> plots.description(ax).split(". ")[1]
    'It rises in 2 steps from 0.3 to 0.7'
    """
    found = score.calibration
    require(found is not None, score.no_calibration)
    ax, curve = axes_or_new(ax), found.curve
    bands = None if score.clustered else curve.bands
    wrong = [] if bands is None else bands.excluded()
    if bands is not None:
        x = np.union1d(np.linspace(0, 1, 401), [*bands.low_from, *bands.high_to])
        low, high = bands.at(x)
        ax.fill_between(
            x, low, high, color=shade("other"), alpha=0.35, linewidth=0, label=_band(score.level)
        )
    ax.plot([0, 1], [0, 1], "--", color=shade("other"), linewidth=1, label="perfect calibration")
    for i, (start, end, _) in enumerate(wrong):
        name: dict[str, Any] = {"label": "outside the band"} if not i else {}
        if end - start < NARROW:  # a mark that is seen, where a line would not be
            name |= {"marker": "o", "markersize": 6, "zorder": 4}
        ax.plot([start, end], [start, end], color=shade("true"), linewidth=3.5, **name)
    x = np.column_stack([curve.first, curve.last]).ravel()
    y = np.repeat(curve.observed, 2)
    mark: dict[str, Any] = {"marker": "o", "markersize": 4} if len(curve.first) == 1 else {}
    ax.plot(x, y, color=shade("push"), linewidth=2, label="came true", zorder=3, **mark)
    ax.set(xlim=(-0.02, 1.02))
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1])
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1])
    _beneath(ax, score, found.event)
    titled(ax, f"Reliability: {found.event}")
    none = "" if bands else curve.reason or "No band: rows of one cluster go together."
    describe(ax, _told(found, score.level, wrong, none))
    return ax


def _band(level: float) -> str:
    return f"{100 * level:g} % band of the whole curve"


def _beneath(ax: Axes, score: Any, event: str) -> None:
    """The histogram of the predictions, within the axes: a layout leaves room for those alone."""
    ax.set(ylim=(BOTTOM, 1.02), xlabel=f"predicted probability of {event}")
    ax.set_ylabel("share that came true", loc="top")
    ax.spines.left.set_bounds(0, 1)
    below = ax.inset_axes((-0.02, BOTTOM, 1.04, HEIGHT), transform=ax.transData, sharex=ax)
    edges, counts = score.predictions(BINS)
    below.bar(edges[:-1], counts, np.diff(edges), align="edge", color=shade("push"), linewidth=0)
    below.tick_params(labelbottom=False, bottom=False)
    below.tick_params(axis="y", labelsize="small")
    below.set_facecolor("none")
    if counts.max() >= 100:
        below.set_yscale("log")
        below.set_ylim(bottom=0.5)
        below.yaxis.set_major_locator(mpl.ticker.LogLocator(numticks=4))
        below.yaxis.set_minor_locator(mpl.ticker.NullLocator())
    else:
        below.yaxis.set_major_locator(mpl.ticker.MaxNLocator(2, integer=True))
    below.yaxis.set_major_formatter(mpl.ticker.EngFormatter(sep=""))
    below.set_ylabel("weight" if score.state.schema.weighted else "rows", fontsize="small")


def steps(curve: Any) -> list[tuple[float, float, float, int]]:
    """Lowest and highest prediction, share that came true and rows of each step."""
    columns: list[Array] = [curve.first, curve.last, curve.observed, curve.rows]
    return [
        (low, high, observed, int(rows))
        for low, high, observed, rows in zip(*(each.tolist() for each in columns), strict=True)
    ]


def _told(found: Any, level: float, wrong: list[tuple[float, float, str]], none: str) -> str:
    """What the picture shows, in words; `none` says why there is no band."""
    curve = found.curve
    n, first, last = len(curve.observed), curve.observed[0], curve.observed[-1]
    rises = f"It rises in {n} steps from {shown(float(first))} to {shown(float(last))}"
    if n == 1:
        rises = f"It is flat: {shown(float(first))} of all rows came true"
    told = f"How often {found.event} came true against its predicted probability. {rises}. "
    biggest = max(steps(curve), key=lambda step: step[3])
    told += (
        f"Of the {biggest[3]:,} rows predicted from {shown(biggest[0])} to {shown(biggest[1])}, "
        f"{shown(biggest[2])} came true. "
    )
    if none:
        return told + none
    if not wrong:
        return told + f"Perfect calibration lies within the {_band(level)}."
    widest = sorted(wrong, key=lambda each: each[0] - each[1])[:TOLD]
    ranges = "; ".join(
        f"from {shown(a)} to {shown(b)} {word}" if a < b else f"at {shown(a)} {word}"
        for a, b, word in sorted(widest)
    )
    more = f", and {len(wrong) - TOLD} smaller ranges" if len(wrong) > TOLD else ""
    return told + f"By the {_band(level)}, predictions are wrong: {ranges}{more}."
