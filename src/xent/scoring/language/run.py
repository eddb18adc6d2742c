"""Scores the rows of a source that holds log-probabilities of a language model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from xent.scoring.errors import FileError
from xent.scoring.language import (
    ChoiceScore,
    Form,
    Missing,
    TextScore,
    add_batch,
    new_state,
    recognise,
    score_of,
)
from xent.scoring.language.form import Batch, Part
from xent.scoring.sources import Source, check_columns
from xent.scoring.sources.ahead import ahead
from xent.scoring.sources.reader import Reader


def form_of(source: Source, part: Part | None) -> Form | None:
    """How the source is read; None if it is not of a language model."""
    reader, sample = source.first
    records = reader.first_records()
    return recognise(
        reader.names, sample.columns if records is None else records, reader.name, part
    )


def score_source(
    source: Source,
    form: Form,
    worst: int,
    missing: Missing,
    progress: Callable[[int, float | None], None] | None = None,
    level: float = 0.95,
) -> TextScore | ChoiceScore:
    """The figures of all rows."""
    total: Any = new_state(form, worst, source.name)
    seen = 0
    several = len(source.parts) > 1
    for i, (name, opened) in enumerate(source.parts):
        with source.skipping(name):
            state: Any = new_state(form, worst, name)
            reader = source.open(name, opened)
            check_columns(reader, name, () if form.by_record else [*form.columns.values()])
            for first, batch in _batches(reader, form):
                try:
                    add_batch(state, form, first, batch, name, missing, name if several else "")
                except FileError as error:
                    row = error.row
                    raise (error if row is None else error.at(row, reader.line(row))) from None
                seen += len(next(iter(batch.values()))) if isinstance(batch, dict) else len(batch)
                if progress is not None:
                    done = reader.fraction(seen)
                    progress(seen, None if done is None else (i + done) / len(source.parts))
            total = total.merge(state)
    source.check_any()
    skipped = tuple(map(str, source.skipped.values()))
    return score_of(total, form, source.name, skipped, level)


def _batches(reader: Reader, form: Form) -> Iterator[tuple[int, Batch]]:
    """The rows in batches, each with the number of its first one."""
    records = reader.records()
    if records is not None:
        yield from records
        return
    columns = reader.names if form.by_record else list(dict.fromkeys(form.columns.values()))
    first = 0
    for batch in ahead(reader.batches(columns, form.numbers)):
        rows = len(batch[columns[0]])
        if rows:
            yield first, batch
            first += rows
