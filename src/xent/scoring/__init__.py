"""`score` measures how good the predictions in a file are; other functions read rows here, too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xent._kind import Kind
from xent._plausible import are_decisions, are_probabilities
from xent._validation import Array, check_number
from xent.scoring.errors import FileError
from xent.scoring.report import FileColumns, Score
from xent.scoring.state import Schema, State

if TYPE_CHECKING:  # PyArrow is needed only once a file is read
    from xent.scoring.columns import Layout, Missing, Rows
    from xent.scoring.reader import Reader
    from xent.scoring.reading import Reading
    from xent.scoring.sample import Sample

__all__ = [
    "FileColumns",
    "FileError",
    "Predictions",
    "Score",
    "columns_of",
    "read_predictions",
    "read_row",
    "score",
]

FEW = 8
"""Rows below which probabilities of 0 and 1 alone are not odd."""

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
    predicted_column: str | None = None,
    kind: str | None = None,
    classes: Sequence[str] | None = None,
    labels: str | Path | None = None,
    tolerance: float = 1e-3,
    clip: float | None = None,
    worst: int = 5,
    missing: Missing = "error",
    ignored: Sequence[str] = (),
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
    predicted_column : str, optional
        Predicted labels of two classes, where a score is the probability of the predicted one.
    kind : {"logits", "probabilities", "log-probabilities", "percent"}, optional
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
    missing : {"error", "drop"}, default "error"
        What to do with rows whose label, score or weight is missing; those left out are counted.
    ignored : sequence of str, optional
        Labels of rows that are left out, and counted.

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
    if missing not in ("error", "drop"):
        msg = f"missing is {missing!r}; expected 'error' or 'drop'."
        raise ValueError(msg)
    if isinstance(ignored, str):
        msg = f"ignored is {ignored!r}; expected a list of labels: [{ignored!r}]."
        raise TypeError(msg)
    if clip is not None:
        clip = check_number(clip, "clip", 0, 0.5, above=True)
    layout, batches = _open(
        path,
        labels,
        missing=missing,
        ignored=ignored,
        label_column=label_column,
        score_columns=score_columns,
        weight_column=weight_column,
        predicted_column=predicted_column,
        kind=kind,
        classes=classes,
        tolerance=tolerance,
    )
    reading = layout.reading
    binary, weighted = reading.shape == "binary", reading.weight is not None
    state = State(Schema(reading.kind, (*reading.classes,), binary, weighted, clip, worst))
    alike, hard, seen = reading.kind == "logits", reading.kind == "probabilities", 0
    for rows in batches:
        if not len(rows.places):  # all were left out
            continue
        seen += len(rows.places)
        state.add(rows.scores, rows.labels, rows.weight, rows.places)
        alike = alike and are_probabilities(rows.scores, 1e-3)
        hard = hard and are_decisions(rows.scores)
    left_out = tuple((why, n) for why, n in sorted(layout.left_out.items()) if n)
    if not sum(state.counts):
        told = ", ".join(f"{n} with {why}" for why, n in left_out)
        what = f"no row is left: {told}." if told else "holds no rows."
        raise FileError(path, "holds no row of weight above 0." if seen else what)
    return Score(
        str(path),
        reading.kind,
        tuple(reading.classes),
        state,
        looks_like_probabilities=alike,
        looks_like_decisions=hard and sum(state.counts) >= FEW,
        read=reading.description,
        left_out=left_out,
    )


def columns_of(
    path: str | Path, *, labels: str | Path | None = None, **columns: Any
) -> FileColumns:
    """How `score` reads the columns of a file, with the same options; nothing is scored."""
    reader, sample, reading = _read(path, labels, **columns)
    used = {reading.label: "label", **dict.fromkeys(reading.scores, "score")}
    used |= {reading.weight or "": "weight", reading.predicted or "": "predicted label"}
    rows = tuple((name, sample.describe(name), used.get(name, "")) for name in reader.names)
    return FileColumns(str(path), rows, reading.description)


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
    reading, seen = layout.reading, 0
    for rows in batches:
        seen = int(rows.places[-1]) + 1 if len(rows.places) else seen
        if len(at := np.flatnonzero(rows.places == row)):
            i = at[0]
            return {
                "logits": rows.scores[i].tolist(),
                "kind": reading.kind,
                "label": int(rows.labels[i]),
                "names": reading.names,
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
    reading = layout.reading
    return Predictions(scores, targets, reading.kind, reading.names, whole=held <= most)


def _open(
    path: str | Path,
    labels: str | Path | None,
    *,
    tolerance: float = 1e-3,
    missing: Missing = "error",
    ignored: Sequence[str] = (),
    lenient: bool = False,
    **columns: Any,
) -> tuple[Layout, Iterator[Rows]]:
    reader, _, reading = _read(path, labels, tolerance=tolerance, lenient=lenient, **columns)
    from xent.scoring.columns import Layout

    layout = Layout(
        reader, reading, tolerance=tolerance, missing=missing, ignored=ignored, lenient=lenient
    )

    def rows() -> Iterator[Rows]:
        first = 0
        numbers = [name for name in reading.numbers if name not in reading.texts]
        for batch in reader.batches(reading.columns, numbers):
            count = len(batch[reading.label])
            if count:
                try:
                    part = layout.rows(batch, first)
                except FileError as error:
                    if error.row is None:
                        raise
                    row = first + int(error.row)  # the layout counts from the start of the batch
                    raise error.at(row, reader.line(row)) from None
                yield part
                first += count

    return layout, rows()


def _read(
    path: str | Path,
    labels: str | Path | None,
    *,
    tolerance: float = 1e-3,
    lenient: bool = False,
    **columns: Any,
) -> tuple[Reader, Sample, Reading]:
    """The file, its first rows, and how it is read."""
    try:
        from xent.scoring.choosing import read
        from xent.scoring.readers import open_file
        from xent.scoring.reading import Options
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        how = f"pip install {package}, or xent with its extra score"
        msg = f"reading files of predictions needs {package}: {how}"
        raise ModuleNotFoundError(msg, name=error.name) from None
    tolerance = check_number(tolerance, "tolerance", 0, 1)
    reader = open_file(Path(path), None if labels is None else Path(labels))
    sample = reader.sample()
    options = Options(**columns, tolerance=tolerance, lenient=lenient)
    return reader, sample, read(reader, sample, options)
