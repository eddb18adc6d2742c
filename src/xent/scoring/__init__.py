"""`score` measures how good the predictions in a file are; other functions read rows here, too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from xent._kind import Kind
from xent._validation import Array
from xent.scoring.arguments import checked
from xent.scoring.conditions import failed
from xent.scoring.errors import FileError
from xent.scoring.loading import loaded
from xent.scoring.model_selection import Scorer, scorer
from xent.scoring.multilabel import MultiLabelScore
from xent.scoring.report import FileColumns, Score

if TYPE_CHECKING:  # PyArrow is needed only once a file is read
    from xent.scoring.columns import Missing
    from xent.scoring.job import Told
    from xent.scoring.language.form import Part
    from xent.scoring.saved import Result

__all__ = [
    "FileColumns",
    "FileError",
    "MultiLabelScore",
    "Predictions",
    "Score",
    "Scorer",
    "columns_of",
    "failed",
    "from_state",
    "merge",
    "read_predictions",
    "read_row",
    "score",
    "scorer",
]

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
    predicted: str | None = None
    """A column of predicted labels, which was not asked for, of which the scores seem to be the
    probabilities; they are turned into those of label 1."""


def score(
    source: Any,
    *,
    label_column: str | Sequence[str] | None = None,
    score_columns: Sequence[str] | None = None,
    weight_column: str | None = None,
    predicted_column: str | None = None,
    kind: str | None = None,
    classes: Sequence[str] | None = None,
    labels: Any = None,
    tolerance: float = 1e-3,
    clip: float | None = None,
    worst: int = 5,
    missing: Missing = "error",
    ignored: Sequence[str] = (),
    skip_bad: bool = False,
    truth: Any = None,
    key: str | Sequence[str] | None = None,
    normalize: bool = False,
    show: Sequence[str] = (),
    by: Sequence[str] = (),
    cluster: str | None = None,
    losses: str | Path | None = None,
    progress: Told | None = None,
    engine: Literal["local", "ray"] = "local",
    threads: int | None = None,
    part: Part | None = None,
    multi_label: bool | None = None,
    level: float = 0.95,
    baseline: Any = None,
) -> Result:
    r"""Log loss of the predictions in a file, by class, with the worst rows.

    .. math:: \text{log loss} = -\frac{1}{n} \sum_i \log p_i(y_i)

    Parameters
    ----------
    source : path, address, table, or several of them
        CSV, TSV, JSON or JSON Lines (also as .gz, .bz2, .zst or .zip), Parquet, Arrow/Feather, NPY
        or NPZ; a folder, a pattern such as ``runs/*.csv``, ``-`` for standard input, or an address
        that PyArrow or fsspec opens, such as ``s3://bucket/predictions``. Read in batches, so files
        may be larger than memory; but an Arrow file written as one batch and a column-major array
        in an NPZ are loaded whole. Also a data frame of pandas, Polars, PyArrow or DuckDB, arrays
        or tensors by name, an array of scores with `labels`, or an iterator of such tables.
    label_column, score_columns, weight_column : optional
        Names of the columns, if the usual names do not identify them. Several label columns of 0
        and 1, in the order of the score columns, may be true at once. Labels are found under
        `label`, `target`, `y_true`, `y` or `class`; scores under `logit` or `prob` (one number:
        binary; a list: classes), or `logit_CLASS`, `prob_CLASS`, `logprob_CLASS` for one column
        per class.
    predicted_column : str, optional
        Predicted labels of two classes, where a score is the probability of the predicted one.
    kind : {"logits", "probabilities", "log-probabilities", "percent"}, optional
        What the scores are, if the names of the columns do not show it.
    classes : sequence of str, optional
        Names of the classes in the order of the scores.
    labels : path or array, optional
        An NPY file of labels, where `source` is an NPY file of scores alone; or an array of labels,
        where it is an array of scores.
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
    skip_bad : bool, default False
        Leave out files that cannot be read, and name them.
    truth : path, address or table, optional
        The table that holds the labels, in any order, if it is another one.
    key : str or sequence of str, optional
        The columns that say which rows of `source` and `truth` belong together; ``"id=row_id"`` if
        they have different names. Keys that occur twice, or only in one of the tables, are an
        error; with ``missing="drop"`` the latter are left out, and counted.
    normalize : bool, default False
        Divide each row of probabilities by its sum. The result says so.
    show : sequence of str, optional
        Columns that are shown beside the worst rows, such as an id.
    by : sequence of str, optional
        Columns by whose values the rows are scored, too: rows, loss and accuracy of each value, and
        of each pair of values of two columns. ``"age:18:40:65"`` has the edges of bins for a column
        of numbers.
    cluster : str, optional
        Column of what several rows belong to, such as a user: rows of one are not independent, and
        intervals, and tests of slices by one column, take that into account.
    losses : path, optional
        Write label, prediction, probability and loss of each row to this file, which ends in
        .parquet, .csv, .arrow or .feather. It is there once all rows have been read. Where several
        labels of a row may be true at once, it has a row for each row and label, with its truth.
    progress : callable, optional
        Called after each batch with the number of rows so far, and with the part of the whole that
        has been read (from 0 to 1), or None where that is not known.
    engine : {"local", "ray"}, default "local"
        Where files are scored: in this process, or by tasks of Ray, one for each file or for some
        row groups of a large Parquet file (``pip install 'xent[ray]'``): on the cluster to which
        this process is connected or that RAY_ADDRESS names, or else on this machine. The result has
        the same bits.
    threads : int, optional
        How many files, or parts of large Parquet files, are scored at once, each by a thread that
        another one reads for; of a cluster that Ray starts here, its processors. By default
        `get_num_threads`, and 1 of rows with more than 8 numbers.
    part : {"prompt", "generated"}, optional
        Which tokens count, of responses of a language model that hold both.
    multi_label : bool, optional
        Where the labels are columns (or lists) of 0 and 1: True if several of a row may be true at
        once, False if each row has one. By default the numbers decide, and an error says so where
        they do not.
    level : float, default 0.95
        Confidence level of the intervals: above 0.5, below 1.
    baseline : path, address or table, optional
        Labels of other rows, such as those that the model was trained on: skill is then measured
        against predicting their shares.

    Returns
    -------
    Score
        Log loss in nats and bits, perplexity, base rate, skill, Brier score, accuracy, AUC, each
        with its interval; losses of the classes, worst rows;
        `MultiLabelScore` where several labels of a row may be true. Of
        log-probabilities of a language model: `TextScore` with perplexity, bits per token and per
        byte, or `ChoiceScore` with the accuracy of choices.

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
    options = checked({
        "label_column": label_column, "score_columns": score_columns,
        "weight_column": weight_column, "predicted_column": predicted_column, "kind": kind,
        "classes": classes, "labels": labels, "tolerance": tolerance, "clip": clip, "worst": worst,
        "missing": missing, "ignored": ignored, "skip_bad": skip_bad, "truth": truth, "key": key,
        "normalize": normalize, "show": show, "by": by, "cluster": cluster, "losses": losses,
        "progress": progress, "part": part, "multi_label": multi_label,
        "level": level, "baseline": baseline, "engine": engine,
        "threads": threads,
    })  # fmt: skip
    result: Result = loaded().score_any(source, **options)
    return result


def merge(scores: Iterable[Result | str | Path]) -> Result:
    """Score of the rows of all these: results of `score`, or files that `save_state` wrote.

    Sums are exact, so the result has the same bits as if all rows had been scored at once, in
    whatever order the states are merged.

    Parameters
    ----------
    scores : iterable of Score or path
        At least one. Kind, classes, weights, clip and the number of worst rows must be the same.

    Returns
    -------
    Score
        Of the rows of all.

    Raises
    ------
    StateError
        If a file is no saved state, or two states cannot be merged. It is a ValueError.

    Examples
    --------
    >>> import xent
    >>> a = xent.score({"prob": [0.9, 0.2], "label": [1, 0]})
    >>> b = xent.score({"prob": [0.4], "label": [1]})
    >>> round(merge([a, b]).loss, 4)
    0.4149
    """
    states = loaded()
    scores = list(scores)
    paths = [Path(each) for each in scores if isinstance(each, (str, Path))]
    for i, path in enumerate(paths):
        if any(path.exists() and each.exists() and path.samefile(each) for each in paths[:i]):
            raise FileError(path, "is named twice: its rows would count twice.")
    read = [
        states.load_state(Path(each)) if isinstance(each, (str, Path)) else each for each in scores
    ]
    if not read:
        msg = "there is no state to merge; expected at least one."
        raise ValueError(msg)
    result: Result = reduce(states.merged, read)
    return result


def from_state(text: str) -> Result:
    """The result of a text that `to_state` made, as on another machine.

    Parameters
    ----------
    text : str
        What `to_state` returned.

    Returns
    -------
    Score
        Equal to that one.

    Raises
    ------
    FileError
        If it is no such text, or of another version. It is a ValueError.

    Examples
    --------
    >>> import xent
    >>> a = xent.score({"prob": [0.9, 0.2], "label": [1, 0]})
    >>> from_state(a.to_state()).loss == a.loss
    True
    """
    result: Result = loaded().state_from(text)
    return result


def columns_of(source: Any, *, labels: Any = None, **columns: Any) -> FileColumns:
    """How `score` reads the columns of a file, with the same options; nothing is scored."""
    found: FileColumns = loaded().columns_of(source, labels, **checked(columns))
    return found


def read_row(source: Any, row: int, *, labels: Any = None, **columns: Any) -> dict[str, Any]:
    """One row of a file of predictions, as arguments for `explain`."""
    run = loaded().run_of(source, labels, **checked(columns))
    name = run.source.name
    if len(run.source.parts) > 1:
        raise FileError(name, f"{len(run.source.parts)} files; a row is that of one file: name it.")
    if len(run.reading.parts) > 1:
        what = "several labels of a row may be true at once; name one with --label-column, and "
        raise FileError(name, what + "its scores with --score-columns.")
    seen = 0
    for (rows,) in run.rows():
        seen = int(rows.places[-1]) + 1 if len(rows.places) else seen
        if len(at := np.flatnonzero(rows.places == row)):
            i = at[0]
            return {
                "logits": rows.scores[i].tolist(),
                "kind": run.reading.kind,
                "label": int(rows.labels[i]),
                "names": run.reading.names,
                "tolerance": run.how["tolerance"],
            }
    what = f"there is no row {row}; the file has rows 0 to {seen - 1}."
    raise FileError(name, what if seen else "holds no rows.")


def read_predictions(
    source: Any, *, most_rows: int, labels: Any = None, **columns: Any
) -> Predictions:
    """The first rows of a file as arrays to diagnose, including what `score` would refuse."""
    run = loaded().run_of(source, labels, lenient=True, **checked(columns))
    parts: list[tuple[Array, Array]] = []
    held = most = 0
    for several in run.rows():
        scores, labels = several[0].scores, several[0].labels
        if len(several) > 1:
            scores, labels = (
                np.stack([getattr(rows, name) for rows in several], axis=1)
                for name in ("scores", "labels")
            )
        most = min(most_rows, max(1, MOST_NUMBERS // max(1, scores[:1].size)))
        parts.append((scores[: most - held], labels[: most - held]))
        held += len(labels)
        if held > most:
            break
    if not parts:
        raise FileError(run.source.name, "holds no rows.")
    scores, targets = map(np.concatenate, zip(*parts, strict=True))
    reading = run.reading
    names = None if len(reading.parts) > 1 else reading.names
    seems = None if columns.get("predicted_column") else reading.predicted
    return Predictions(scores, targets, reading.kind, names, held <= most, seems)
