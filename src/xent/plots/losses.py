"""How many rows have which loss, and how much of the total comes from them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from xent._format import shown
from xent.plots.checks import require
from xent.plots.colours import shade
from xent.plots.style import axes_or_new, describe, titled

LEAST = 1e-3
"""Nats; smaller losses are in the first bar."""

PER_FACTOR = 8
"""Bars per factor of ten."""

REFERENCES = (0.99, 0.9, 0.5, 0.1, 0.01, 1e-4)
"""Probabilities of the true class that are marked."""


def loss_histogram(score: Any, *, ax: Axes | None = None) -> Axes:
    """The rows by their loss, and the part of the total loss that comes from them.

    The losses are those of the score's sample of rows: all rows, if there are not too many.

    Parameters
    ----------
    score : Score
        As `xent.score` returns it.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        With losses in nats, on a logarithmic scale.

    Raises
    ------
    ValueError
        If the score keeps no sample of rows.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> import xent
    >>> from xent import plots
    >>> ax = plots.loss_histogram(xent.score({"prob": [0.9, 0.8, 0.2], "label": [1, 1, 1]}))
    >>> print(plots.description(ax))  # doctest: +NORMALIZE_WHITESPACE
    Losses of 3 rows: half of them are at most 0.2231 nats, 95 % at most 1.6094, and the highest is
    1.6094. The 33 % of the rows with the highest loss make up 83 % of the total.
    """
    sampled = score.sampled_losses
    require(sampled is not None, "no sample of rows is kept: there are too many classes.")
    ax = axes_or_new(ax)
    finite = np.isfinite(sampled.losses)
    losses, weights = sampled.losses[finite], sampled.weights[finite]
    whole, total = float(sampled.weights.sum()), float(weights @ losses)
    top = max(10.0, float(losses.max(initial=0.0)))
    decades = math.ceil(math.log10(top / LEAST) * PER_FACTOR)
    edges = LEAST * 10 ** (np.arange(-1, decades + 1) / PER_FACTOR)
    place = np.clip(losses, edges[0], edges[-1])
    rows = np.histogram(place, edges, weights=weights)[0] / whole
    share = np.histogram(place, edges, weights=weights * losses)[0] / total if total else 0 * rows
    kind = "weight" if score.state.schema.weighted else "rows"
    ax.stairs(
        rows, edges, fill=True, color=shade("other"), alpha=0.55, label=f"share of the {kind}"
    )
    ax.stairs(share, edges, color=shade("loss"), linewidth=2, label="share of the total loss")
    right = edges[-1]
    if not finite.all():
        lost = float(sampled.weights[~finite].sum()) / whole
        wide = [right * 1.3, right * 2.2]
        ax.stairs([lost], wide, fill=True, color=shade("true"))
        # A single row makes a bar too low to be seen.
        name = f"infinite: {100 * lost:.2g} %"
        ax.plot([right * 1.7], [lost], "^", color=shade("true"), label=name, clip_on=False)
        right = wide[1]
    ax.set_xscale("log")
    height = 1.35 * max(float(rows.max()), float(np.max(share)))
    ax.set(xlim=(edges[0], right), ylim=(0, height))
    for p in REFERENCES:
        if edges[0] < -math.log(p) < edges[-1]:
            ax.axvline(-math.log(p), color=shade("other"), linewidth=0.7, linestyle=":", zorder=0)
            ax.text(
                -math.log(p), height, f"p={p:g}", ha="right", va="top", rotation=90,
                fontsize="small",
            )  # fmt: skip
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:.3g} %" if y <= 1 else ""))
    ax.set(xlabel="loss (nats), the first bar below 0.001; p: of the true class", ylabel="share")
    of = f" (sample of {len(sampled.losses):,})" if sampled.some else ""
    titled(ax, f"Losses of the rows{of}")
    describe(ax, _told(sampled))
    return ax


def _told(sampled: Any) -> str:
    """What the picture shows, in words."""
    of = f"a sample of {len(sampled.losses):,} of {sampled.rows:,} rows"
    if not sampled.some:
        of = f"{len(sampled.losses):,} rows" if len(sampled.losses) > 1 else "1 row"
    half, most = (shown(sampled.quantile(at)) for at in (0.5, 0.95))
    told = (
        f"Losses of {of}: half of them are at most {half} nats, 95 % at most {most}, and the "
        f"highest is {shown(float(sampled.losses.max()))}."
    )
    if lost := int(np.isinf(sampled.losses).sum()):
        return told + f" {lost:,} of them {'is' if lost == 1 else 'are'} infinite."
    if not sampled.losses.max() > 0:
        return told
    part, share = sampled.concentration
    return told + (
        f" The {100 * part:.2g} % of the rows with the highest loss make up {100 * share:.2g} % of "
        "the total."
    )
