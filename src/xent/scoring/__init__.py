"""`score` measures how good the predictions in a file are; other functions read rows here, too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xent._engine.cpu import numpy_only
from xent._kind import Kind
from xent._validation import Array, check_number
from xent.functions import sigmoid, softmax
from xent.losses import binary_cross_entropy, cross_entropy
from xent.metrics import log_loss
from xent.scoring.errors import FileError
from xent.scoring.report import Score
from xent.scoring.state import State

if TYPE_CHECKING:  # PyArrow is needed only once a file is read
    from xent.scoring.columns import Layout, Rows

__all__ = ["FileError", "Predictions", "Score", "read_predictions", "read_row", "score"]

MOST_NUMBERS = 1 << 27
"""The most scores held in memory at once: 1 GiB in float64."""


@dataclass(frozen=True)
class Predictions:
    """Scores and labels of a file as arrays. They are not checked."""

    scores: Array
    """Shape (rows, K), or (rows,) if they are binary."""
    labels: Array
    """Class indices, or whatever numbers the file holds instead."""
    kind: Kind
    names: list[str] | None
    """Names of the classes, unless they are just the indices."""
    whole: bool
    """Are these all the rows of the file?"""


def score(
    path: str | Path,
    *,
    label_column: str | None = None,
    score_columns: Sequence[str] | None = None,
    weight_column: str | None = None,
    kind: str | None = None,
    classes: Sequence[str] | None = None,
    labels: str | Path | None = None,
    tolerance: float = 1e-3,
    clip: float | None = None,
    worst: int = 5,
) -> Score:
    r"""Log loss of the predictions in a file, by class, with the worst rows.

    .. math:: \text{log loss} = -\frac{1}{n} \sum_i \log p_i(y_i)

    Parameters
    ----------
    path : path
        CSV, TSV or JSON Lines (also as .gz, .bz2 or .zst), Parquet, Arrow/Feather, NPY or NPZ.
        Read in batches, so the file may be larger than memory; but an Arrow file written as one
        batch and a column-major array in an NPZ are loaded whole.
    label_column, score_columns, weight_column : optional
        Names of the columns, if the usual names do not identify them. Labels are found under
        `label`, `target`, `y_true`, `y` or `class`; scores under `logit` or `prob` (one number:
        binary; a list: classes), or `logit_CLASS`, `prob_CLASS`, `logprob_CLASS` for one column
        per class.
    kind : {"logits", "probabilities", "log-probabilities"}, optional
        What the scores are, if the names of the columns do not show it.
    classes : sequence of str, optional
        Names of the classes in the order of the scores.
    labels : path, optional
        An NPY file of labels, where `path` is an NPY file of scores alone.
    tolerance : float, default 0.001
        How far a row of probabilities may be from summing to 1.
    clip : float, optional
        Raise probabilities to at least this. By default they are not clipped: a probability of 0
        for the true class costs +inf, and such rows are counted.
    worst : int, default 5
        How many of the rows with the highest loss to list.

    Returns
    -------
    Score
        Log loss in nats and bits, perplexity, base rate, skill, per-class losses, worst rows.

    Raises
    ------
    FileError
        Names the file, row (from 0), line and column. It is a ValueError.
    ModuleNotFoundError
        If PyArrow is not installed (``pip install pyarrow``, or xent with its extra score).

    Notes
    -----
    Losses are those of `cross_entropy`, `binary_cross_entropy` and `log_loss`. Sums are exact,
    so the result does not depend on how the file is split into batches.

    Examples
    --------
    >>> import tempfile, pathlib, xent
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "predictions.csv"
    >>> _ = file.write_text("prob,label\n0.9,1\n0.2,0\n0.4,1\n")
    >>> result = xent.score(file)
    >>> round(result.loss, 4), round(result.bits, 4), result.worst[0].row
    (0.4149, 0.5986, 2)

    References
    ----------
    Gneiting & Raftery (2007), Strictly proper scoring rules, prediction, and estimation.
    """
    if isinstance(worst, bool) or not isinstance(worst, int) or worst < 0:
        msg = f"worst is {worst!r}; expected a number of rows, 0 or more."
        raise ValueError(msg)
    if clip is not None:
        clip = check_number(clip, "clip", 0, 0.5, above=True)
    layout, batches = _open(
        path,
        labels,
        label_column=label_column,
        score_columns=score_columns,
        weight_column=weight_column,
        kind=kind,
        classes=classes,
        tolerance=tolerance,
    )
    state: State | None = None
    like_probabilities = layout.kind == "logits"
    for rows in batches:
        state = state or State(len(layout.classes), worst)
        losses, p = _losses(rows, layout.kind, clip)
        predicted = p.argmax(axis=1)
        of_label = p[np.arange(len(p)), rows.labels]
        state.add(losses, rows.labels, predicted, of_label, rows.weight, rows.first)
        like_probabilities = like_probabilities and _sum_to_one(rows.scores)
    if state is None or not sum(state.counts):
        what = "holds no rows." if state is None else "holds no row of weight above 0."
        raise FileError(path, what)
    return Score(str(path), layout.kind, tuple(layout.classes), state, like_probabilities)


def read_row(
    path: str | Path,
    row: int,
    *,
    labels: str | Path | None = None,
    tolerance: float = 1e-3,
    **columns: Any,
) -> dict[str, Any]:
    """One row of a file of predictions, as arguments for `explain`."""
    layout, batches = _open(path, labels, tolerance=tolerance, **columns)
    seen = 0
    for rows in batches:
        seen = rows.first + len(rows.labels)
        if rows.first <= row < seen:
            i = row - rows.first
            return {
                "logits": rows.scores[i].tolist(),
                "kind": layout.kind,
                "label": int(rows.labels[i]),
                "names": layout.names,
                "tolerance": tolerance,
            }
    what = f"there is no row {row}; the file has rows 0 to {seen - 1}."
    raise FileError(path, what if seen else "holds no rows.")


def read_predictions(
    path: str | Path,
    *,
    most_rows: int,
    labels: str | Path | None = None,
    tolerance: float = 1e-3,
    **columns: Any,
) -> Predictions:
    """The first rows of a file as arrays to diagnose, including what `score` would refuse."""
    layout, batches = _open(path, labels, tolerance=tolerance, lenient=True, **columns)
    parts: list[tuple[Array, Array]] = []
    held = most = 0
    for rows in batches:
        most = min(most_rows, max(1, MOST_NUMBERS // max(1, rows.scores[:1].size)))
        room = most - held
        parts.append((rows.scores[:room], rows.labels[:room]))
        held += len(rows.labels)
        if held > most:
            break
    if not parts:
        raise FileError(path, "holds no rows.")
    scores, targets = map(np.concatenate, zip(*parts, strict=True))
    return Predictions(scores, targets, layout.kind, layout.names, whole=held <= most)


def _open(
    path: str | Path, labels: str | Path | None, *, tolerance: float = 1e-3, **columns: Any
) -> tuple[Layout, Iterator[Rows]]:
    try:
        from xent.scoring.columns import Layout
        from xent.scoring.readers import open_file
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        how = f"pip install {package}, or xent with its extra score"
        msg = f"reading files of predictions needs {package}: {how}"
        raise ModuleNotFoundError(msg, name=error.name) from None
    reader = open_file(Path(path), None if labels is None else Path(labels))
    layout = Layout(reader, tolerance=check_number(tolerance, "tolerance", 0, 1), **columns)

    def rows() -> Iterator[Rows]:
        first = 0
        for batch in reader.batches(layout.columns, layout.numbers):
            if len(batch[layout.label]):
                try:
                    part = layout.rows(batch, first)
                except FileError as error:
                    if error.row is None:
                        raise
                    row = first + int(error.row)  # the layout counts from the start of the batch
                    raise error.at(row, reader.line(row)) from None
                yield part
                first += len(part.labels)

    return layout, rows()


@numpy_only()
def _losses(rows: Rows, kind: Kind, clip: float | None) -> tuple[Array, Array]:
    """Losses of the rows in float64, and the probabilities of all classes."""
    scores, labels = rows.scores.astype(np.float64, copy=False), rows.labels
    binary, true = scores.ndim == 1, (np.arange(len(labels)), labels)
    if kind == "logits" and binary:
        losses = binary_cross_entropy(scores, labels, reduction="none")
        p = np.stack([sigmoid(-scores), sigmoid(scores)], axis=1)
    elif kind == "logits":
        losses, p = cross_entropy(scores, labels, reduction="none"), softmax(scores)
    else:
        p = scores if kind == "probabilities" else np.minimum(np.exp(scores), 1)
        if binary:
            losses = log_loss(labels, p, reduction="none")
            p = np.stack([1 - p, p], axis=1)
        else:  # the sums of the rows are checked already: only the label's probability is needed
            of_label = np.minimum(p[true], 1)
            losses = log_loss(np.ones_like(labels), of_label, reduction="none")
        if kind == "log-probabilities":
            # The logarithm has digits that exp loses near 0. Rounding may put it above 0.
            known = labels == 1 if binary else np.ones(len(labels), bool)
            logs = scores if binary else scores[true]
            losses = np.where(known, np.maximum(-logs, 0), losses)
    if clip is not None:  # a binary probability is clipped at both ends, as in `log_loss`
        losses = losses.clip(-np.log1p(-clip) if binary else 0, -np.log(clip))
    return losses, p


def _sum_to_one(scores: Array) -> bool:
    """Do scores called logits look like rows of probabilities?"""
    if scores.ndim == 1:
        return bool(((scores >= 0) & (scores <= 1)).all())
    with np.errstate(invalid="ignore"):  # inf - inf
        near = np.abs(scores.sum(axis=1, dtype=np.float64) - 1) < 1e-3
    return bool((scores >= 0).all() and near.all())
