"""`compare` says which of several models is better on the same rows, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from xent._validation import check_number
from xent.scoring.comparing.report import Comparison
from xent.scoring.intervals.interval import asked_level

if TYPE_CHECKING:  # PyArrow is needed only once a file is read
    from xent.scoring.columns import Missing
    from xent.scoring.comparing.run import Progress

__all__ = ["Comparison", "compare"]


def compare(
    *sources: Any,
    models: Mapping[str, str | Sequence[str] | None] | Sequence[str] | None = None,
    label_column: str | Sequence[str] | None = None,
    score_columns: Sequence[str] | None = None,
    weight_column: str | None = None,
    predicted_column: str | None = None,
    classes: Sequence[str] | None = None,
    labels: Any = None,
    kind: str | Mapping[str, str] | None = None,
    truth: Any = None,
    key: str | Sequence[str] | None = None,
    baseline_model: str | None = None,
    level: float = 0.95,
    margin: float | None = None,
    clip: float | None = None,
    missing: Missing = "error",
    ignored: Sequence[str] = (),
    normalize: bool = False,
    tolerance: float = 1e-3,
    by: Sequence[str] = (),
    cluster: str | None = None,
    show: Sequence[str] = (),
    differing: int = 5,
    progress: Progress | None = None,
) -> Comparison:
    r"""Difference of the log losses of models on the same rows, and what may be concluded.

    .. math:: \bar d = \frac{\sum_i w_i (\ell^A_i - \ell^B_i)}{\sum_i w_i}

    Parameters
    ----------
    *sources : path, address, table, or a list of them
        What `score` reads. One source holds the scores of all models in its columns; of several,
        each holds one model, with the same rows in the same order unless there is a `key`.
    models : mapping or sequence of str, optional
        Names of the models: with the columns of each, ``{"logistic": "prob_lr", "boosted":
        ["gb_cat", "gb_dog"]}``, in one source; or one for each source, in their order. By default
        they are found by the names of columns (``prob_A`` and ``prob_B``; ``A_cat``, ``A_dog``,
        ``B_cat``, ``B_dog``), and called after their files.
    label_column, score_columns, weight_column, predicted_column, classes, labels : optional
        As in `score`. `score_columns` are those of each of several sources.
    kind : str or mapping, optional
        What the scores are, as in `score`; or that of each model by its name.
    truth : path, address or table, optional
        The table that holds the labels, if it is another one; with `key`.
    key : str or sequence of str, optional
        The columns that say which rows of the sources belong together, in any order. In the same
        order, rows are read side by side in constant memory; otherwise all sources but the first
        are held in memory, up to 4 GiB. ``"id=row_id"`` where further sources (or `truth`) have
        another name. A key that occurs twice is an error.
    baseline_model : str, optional
        The model with which each other one is compared. By default all are, with each other.
    level : float, default 0.95
        Confidence level of intervals and tests: above 0.5, below 1.
    margin : float, optional
        In nats: says which model is not worse than another by more than this, by a one-sided bound.
    clip : float, optional
        Raise probabilities to at least this.
    missing : {"error", "drop"}, default "error"
        Rows in which a label or a score is missing, or that not all sources have: an error, or left
        out and counted. Models are compared on the rows that all have.
    ignored : sequence of str, optional
        Labels of rows that are left out, and counted.
    normalize, tolerance : optional
        As in `score`.
    by : sequence of str, optional
        Columns by whose values the models are compared, too; ``"age:18:40:65"`` for bins.
    cluster : str, optional
        Column of what several rows belong to, such as a user: they are not independent.
    show : sequence of str, optional
        Columns that are shown beside the rows in which the losses differ most.
    differing : int, default 5
        How many of these rows to list.
    progress : callable, optional
        Called after each batch with the number of rows, and the part of the whole or None.

    Returns
    -------
    Comparison
        `conclusion`, `models`, `pairs`, `by_value(column)`, `differing` and `notes`. Losses and
        differences are in nats.

    Raises
    ------
    FileError
        Names the file, row (from 0), line and column. It is a ValueError.
    ValueError
        If the models have different classes, or a column has too many values to compare by.

    Notes
    -----
    The interval is Hall's, of the differences of rows; p-values belong to it. The smallest
    difference that would have been seen is (t at the level + t of the power) times the standard
    error, with a power of 80 %. P-values of several pairs, and of all slices, are corrected by
    Holm's method. With `cluster`, errors are those of sums over clusters, with Student's t.
    Sums are exact, so the result does not depend on how files are split into batches.

    Weights and the columns of `by` and `cluster` are those of the first source that has them. Where
    further sources have them too, they must agree row by row, as labels must.

    Where a loss is infinite, no difference is defined: the result says so, with the counts.

    Examples
    --------
    >>> import numpy as np, xent
    >>> rng = np.random.default_rng(0)
    >>> p = rng.random(1000)
    >>> y = (rng.random(1000) < p).astype(int)
    >>> result = xent.compare({"label": y, "prob_true": p, "prob_flat": 0.4 + 0.2 * p})
    >>> print(result.conclusion.partition(" (")[0])
    The log loss of true is lower than that of flat by 0.1395 nats

    References
    ----------
    Hall (1992), doi:10.1111/j.2517-6161.1992.tb01876.x; Holm (1979), jstor.org/stable/4615733;
    McNemar (1947), doi:10.1007/BF02295996; for clusters, Miller (2024), arXiv:2411.00640.
    """
    if not sources:
        msg = "there is no source; expected files or tables of predictions."
        raise ValueError(msg)
    if isinstance(differing, bool) or not isinstance(differing, int) or differing < 0:
        msg = f"differing is {differing!r}; expected a number of rows, 0 or more."
        raise ValueError(msg)
    if missing not in ("error", "drop"):
        msg = f"missing is {missing!r}; expected 'error' or 'drop'."
        raise ValueError(msg)
    for name, columns in (("show", show), ("by", by), ("ignored", ignored), ("models", models)):
        if isinstance(columns, str):
            msg = f"{name} is {columns!r}; expected a list: [{columns!r}]."
            raise TypeError(msg)
    level = asked_level(level)
    if margin is not None:
        margin = check_number(margin, "margin", 0, math.inf, above=True)
    if clip is not None:
        clip = check_number(clip, "clip", 0, 0.5, above=True)
    result: Comparison = _dispatch().compare_any(
        sources,
        models=models,
        labels=labels,
        kind=kind,
        score_columns=score_columns,
        truth=truth,
        key=key,
        baseline_model=baseline_model,
        clip=clip,
        differing=differing,
        level=level,
        margin=margin,
        missing=missing,
        ignored=ignored,
        tolerance=check_number(tolerance, "tolerance", 0, 1),
        progress=progress,
        label_column=label_column,
        weight_column=weight_column,
        predicted_column=predicted_column,
        classes=classes,
        normalize=normalize,
        by=tuple(by),
        cluster=cluster,
        show=tuple(show),
    )
    return result


def _dispatch() -> Any:
    """The module that reads sources: only it needs PyArrow."""
    try:
        from xent.scoring.comparing import dispatch
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        how = f"pip install {package}, or xent with its extra score"
        msg = f"reading files of predictions needs {package}: {how}"
        raise ModuleNotFoundError(msg, name=error.name) from None
    return dispatch
