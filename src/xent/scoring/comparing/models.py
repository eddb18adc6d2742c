"""The models of a source: opened, found by their columns, and read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from xent.scoring import naming
from xent.scoring.choosing_indicators import read
from xent.scoring.comparing.finding import Columns, ModelFinder, OneScore
from xent.scoring.errors import FileError
from xent.scoring.language.run import form_of
from xent.scoring.reading import Options, Reading
from xent.scoring.sources import Source, open_source, open_truth
from xent.scoring.sources.memory import MemoryReader, is_named


class Asked(NamedTuple):
    """What is asked for of a model: its columns, if they are named, and the kind of its scores."""

    columns: Columns | None = None
    kind: str | None = None
    found: bool = False
    """Was it found by the names of its columns?"""


def open_side(
    source: Any,
    labels: Any,
    name: str,
    *,
    truth: Any,
    key: Any,
    drops: bool,
    plain: bool,
) -> Source:
    """A source, joined with the table of labels if there is one; of tables, the name says which.

    If it is `plain`, nothing says yet that it holds predictions of classes.
    """
    if name and not is_named(source):
        reader = MemoryReader(source, labels, name=f"table {name}")
        opened = Source(reader.name, [(reader.name, lambda: reader)])
    else:
        opened = open_source(source, labels)
    if plain and labels is None and form_of(opened, None) is not None:
        what = "holds log-probabilities of a language model; xent compare is for predictions of "
        raise FileError(opened.name, what + "classes.")
    opened.spread()
    if truth is not None:
        opened.join(open_truth(truth, key, drops=drops))
    return opened


def found_models(source: Source, options: Mapping[str, Any]) -> dict[str, Columns]:
    """The models that the names of a source's columns show."""
    reader, sample = source.first
    taken = [options["weight_column"], options["cluster"], *options["show"]]
    taken += [each.column for each in options["by"]]
    asked = Options(
        label_column=options["label_column"], ignored=options["ignored"],
        tolerance=options["tolerance"], classes=options["classes"],
        normalize=options["normalize"],
    )  # fmt: skip
    return ModelFinder(reader, sample, asked).models({*filter(None, taken), *options["keys"]})


def readings(
    source: Source,
    models: Mapping[str, Asked],
    extras: Mapping[str, Any],
    options: Mapping[str, Any],
) -> dict[str, Reading]:
    """How each model's scores are read; the first one has the columns that are no scores, too."""
    reader, sample = source.first
    shared = {name: options[name] for name in (
        "predicted_column", "classes", "tolerance", "normalize", "ignored",
    )}  # fmt: skip
    label = options["label_column"]
    if label is None and len(models) > 1:  # a column of one model is not the label of another
        scores = {column for each in models.values() for column in each.columns or ()}
        sure, unsure = naming.labels(n for n in reader.label_names if n not in scores)
        label = (sure or unsure)[0] if len(sure or unsure) == 1 else None
    found: dict[str, Reading] = {}
    for name, asked in models.items():
        columns = asked.columns and tuple(reader.called(each) for each in asked.columns)
        chosen = Options(
            label_column=label, score_columns=columns, kind=asked.kind,
            **(extras if not found else {}), **shared,
        )  # fmt: skip
        # A column that is called after its model is not one of a class.
        alone = (asked.found or name in columns[0]) and len(columns) == 1 if columns else False
        try:
            if alone and columns and not sample.listed(columns[0]):
                reading = OneScore(reader, sample, chosen).reading()
            else:
                reading = read(reader, sample, chosen)
        except FileError as error:
            if len(models) == 1:
                raise
            what = f"model {name}: {error.what}"
            raise FileError(error.path, what, row=error.row, line=error.line,
                            column=error.column) from None  # fmt: skip
        if len(reading.parts) > 1:
            what = "several labels of a row may be true at once; xent compare is for one label "
            raise FileError(source.name, what + "per row.")
        if source.truth is not None:
            reading = replace(reading, truth=source.truth.name)
        found[name] = reading
        label = label or (list(reading.label_columns) if len(reading.label_columns) > 1
                          else reading.label_columns[0])  # fmt: skip
    return found


def placed(sources: Sequence[Source], options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each source, the options that name columns it has and none before it; else the first."""
    names = [source.first[0].names for source in sources]

    def place(column: str) -> int:
        return next((i for i, each in enumerate(names) if column in each), 0)

    found: list[dict[str, Any]] = [{} for _ in sources]
    for i, each in enumerate(found):
        for option in ("weight_column", "cluster"):
            column = options[option]
            each[option] = column if column is not None and place(column) == i else None
        each["by"] = tuple(asked for asked in options["by"] if place(asked.column) == i)
        each["show"] = tuple(column for column in options["show"] if place(column) == i)
    return found
