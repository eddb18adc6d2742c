"""Scores what a source holds: predictions of classes, or log-probabilities of a language model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any

from xent._format import reasons
from xent.scoring import naming
from xent.scoring.baseline import shares_of
from xent.scoring.errors import FileError
from xent.scoring.job import Told
from xent.scoring.language.form import Form, Part
from xent.scoring.language.run import form_of, score_source
from xent.scoring.multilabel import MultiLabelScore
from xent.scoring.report import FileColumns, Score
from xent.scoring.run import Run
from xent.scoring.saved import Result, load_state, merged, state_from
from xent.scoring.sources import Source, open_source
from xent.scoring.tally import Tallies
from xent.threads import get_num_threads

__all__ = ["columns_of", "load_state", "merged", "run_of", "score_any", "state_from"]

CLASSES = (
    "label_column", "score_columns", "weight_column", "predicted_column", "kind", "classes",
    "truth", "multi_label",
)  # fmt: skip
"""Options that say that a source holds predictions of classes."""


NARROW = 8
"""Columns of numbers up to which several pieces are scored at a time by default."""


def run_of(source: Any, labels: Any = None, **options: Any) -> Run:
    """The source, and how its predictions of classes are read; an error if it holds none."""
    opened = open_source(source, labels)
    if form_of_language(opened, labels, None, options):
        what = "holds log-probabilities of a language model, and only xent score reads them: "
        raise FileError(opened.name, f"{what}xent score {quote(opened.name)}")
    return Run(opened, **options)


def score_any(
    source: Any,
    *,
    labels: Any,
    worst: int,
    clip: float | None,
    losses: Path | None,
    progress: Told | None,
    skip_bad: bool,
    part: Part | None,
    engine: str,
    threads: int | None,
    level: float = 0.95,
    baseline: Any = None,
    **options: Any,
) -> Result:
    """The score of the rows, as their columns are named or asked for."""
    opened = open_source(source, labels, skip_bad=skip_bad)
    form = form_of_language(opened, labels, part, options)
    if form is not None:
        others = {
            **options, "clip": clip, "losses": losses, "baseline": baseline,
            "engine": None if engine == "local" else engine,
        }  # fmt: skip
        for name in (
            "clip", "losses", "normalize", "show", "by", "cluster", "ignored", "baseline", "engine",
        ):  # fmt: skip
            if others[name] not in (None, False, (), []):
                msg = f"{name} is for predictions of classes, but {opened.name} holds "
                msg += "log-probabilities of a language model."
                raise ValueError(msg)
        return score_source(opened, form, worst, options["missing"], progress, level)
    if part is not None:
        raise FileError(opened.name, "holds no responses of a language model; leave out part.")
    run = Run(opened, **options)
    shares = None
    if baseline is not None:
        if len(run.reading.parts) > 1:
            msg = "baseline is for one label per row, not for labels that may be true at once."
            raise ValueError(msg)
        shares = shares_of(baseline, run.reading)
    if threads is None:  # wide rows have threads in PyArrow already, one for each column
        threads = get_num_threads() if len(run.reading.numbers) <= NARROW else 1
    result = _score(run, run.tallies(worst, clip, losses, progress, engine, threads))
    if isinstance(result, Score):
        return replace(result, level=level, baseline=shares)
    return replace(result, level=level)


def columns_of(source: Any, labels: Any, **options: Any) -> FileColumns:
    """How the columns of a source are read."""
    opened = open_source(source, labels)
    reader, sample = opened.first
    if form := form_of_language(opened, labels, options.pop("part", None), options):
        used = {column: role for role, column in form.columns.items()}
        read = form.problem or form.told
    else:
        reading = Run(opened, **options).reading
        reader, sample = opened.first
        used = dict.fromkeys(reading.label_columns, "label")
        used |= dict.fromkeys(reading.scores, "score")
        used |= {reading.weight or "": "weight", reading.predicted or "": "predicted label"}
        read = reading.description
    rows = tuple((name, sample.describe(name), used.get(name, "")) for name in reader.names)
    return FileColumns(opened.name, rows, read)


def form_of_language(
    source: Source, labels: Any, part: Part | None, options: Mapping[str, Any]
) -> Form | None:
    """How the source is read if it is of a language model, and nothing else is asked for."""
    if labels is not None or any(options.get(name) is not None for name in CLASSES):
        return None
    return form_of(source, part)


def _unused_weights(run: Run) -> str:
    """Says that there is a column of weights that does not count."""
    used = set(run.reading.columns)
    found = [n for n in run.first.names if naming.WEIGHT.fullmatch(n.strip()) and n not in used]
    if run.reading.weight or not found:
        return ""
    return f" Rows count alike; --weight-column {quote(found[0])} would weigh them."


def _score(run: Run, tallies: Tallies) -> Score | MultiLabelScore:
    reading, parts = run.reading, tallies.parts
    counts = sum((each.left_out for each in parts), Counter[str]())
    left_out = tuple((why, n) for why, n in sorted(counts.items()) if n)
    if not any(sum(each.state.counts) for each in parts):
        what = f"no row is left: {reasons(left_out)}." if left_out else "holds no rows."
        seen = any(each.seen for each in parts)
        raise FileError(run.source.name, "holds no row of weight above 0." if seen else what)
    described: dict[str, Any] = {
        "like_probabilities": all(each.like_probabilities for each in parts),
        "like_percentages": all(each.like_percentages for each in parts),
        "highest": max(each.highest for each in parts),
        "like_decisions": all(each.like_decisions for each in parts),
        "read": reading.description
        + " Numbers have decimal commas." * (run.first.decimal == ",")
        + _unused_weights(run),
        "left_out": left_out,
        "files": tuple(name for name, _ in run.source.parts if name not in run.source.skipped),
        "skipped": tuple(map(str, run.source.skipped.values())),
        "show": reading.show,
    }
    start = run.source.name, reading.kind, tuple(reading.classes)
    if tallies.together is not None:
        states = tuple(each.state for each in parts)
        return MultiLabelScore(*start, states, tallies.together, **described)
    return Score(*start, parts[0].state, **described)
