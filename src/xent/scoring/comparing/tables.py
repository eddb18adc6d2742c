"""A comparison in tables: models, differences, slices and rows."""

from __future__ import annotations

from collections.abc import Iterator

from xent._format import counted, shown
from xent._report import Block, Table, Text
from xent.scoring.comparing.compared import Compared
from xent.scoring.comparing.figures import best
from xent.scoring.comparing.words import bounds, fixed, p_value, percent, rows_of, significant
from xent.scoring.file_score import HIGHEST, LOWEST, MANY
from xent.scoring.page.calibration import FEWEST, slope_words
from xent.scoring.page.wording import column_name, lowered
from xent.scoring.report import Score

FURTHER = ("skill", "brier_score", "roc_auc", "macro_log_loss_nats")
"""Figures that are shown beside log loss and accuracy."""

TOLD = 5
"""Models of whose confidence something is said."""


def opening(comparison: Compared) -> Iterator[Block]:
    """The headline, what may be concluded, how the sources were read, what was left out."""
    many = counted(len(comparison.models), "model")
    yield Text(f"{comparison.path}: {many}, {rows_of(comparison.rows)}", "headline")
    found = any(significant(pair, comparison.level) for pair in comparison.pairs)
    for i, told in enumerate(comparison.conclusions):
        yield Text(told, "summary" if i or found else "unsure")
    yield Text(told_of_reading(comparison), "plain")
    if comparison.advice:
        yield Text(comparison.advice, "plain")
    if comparison.left_out:
        shown_counts = ", ".join(f"{n:,} with {why}" for why, n in comparison.left_out)
        yield Text(f"Left out: {shown_counts}.", "plain")


def told_of_reading(comparison: Compared) -> str:
    """How the labels were read, and the scores of each model."""
    parts = [told.partition("; ") for told in comparison.read]
    names = [model.name for model in comparison.models]
    if len({labels for labels, _, _ in parts}) == 1:
        of = (f"{name}: {scores}" for name, (_, _, scores) in zip(names, parts, strict=True))
        return f"{parts[0][0]}. {' '.join(of)}"
    return " ".join(
        f"{name}: {told[0].lower()}{told[1:]}"
        for name, told in zip(names, comparison.read, strict=True)
    )


def told_of_clusters(comparison: Compared) -> str:
    """Over how many clusters errors are computed."""
    clusters = comparison.state.clusters
    column = comparison.state.schema.cluster
    if (number := clusters.sizes.number) is not None:
        return f"Errors are those of {counted(number, 'cluster')} in '{column}'."
    groups = len(clusters.of(0))
    return f"Errors are those of {groups:,} groups of clusters in '{column}'."


def models_table(comparison: Compared) -> Table:
    """Log loss and accuracy of each model."""
    interval = f"{percent(comparison.level)} interval"
    endless = any(model.infinite for model in comparison.models)
    heads = ("model", "log loss", interval, "accuracy", interval, *["infinite"] * endless)
    rows = [
        (
            model.name, shown(model.loss, trim=False), bounds(model.loss_interval),
            shown(model.accuracy, trim=False), bounds(model.accuracy_interval),
            *([str(model.infinite)] if endless else []),
        )
        for model in comparison.models
    ]  # fmt: skip
    return Table(heads, tuple(rows), left=(0,))


def more_figures(comparison: Compared) -> Iterator[Block]:
    """Further figures of each model, and in words how its confidence fits."""
    names = [f.name for f in next(iter(comparison.scores.values())).figures if f.key in FURTHER]
    rows = [
        (name, *(shown(f.value, trim=False) for f in score.figures if f.key in FURTHER))
        for name, score in comparison.scores.items()
    ]
    yield Table(("model", *names), tuple(rows))
    if comparison.rows >= FEWEST:
        told = (
            f"{name}: {lowered(confidence(score))}"
            for name, score in [*comparison.scores.items()][:TOLD]
        )
        more = " --format json has the other models'." * (len(comparison.scores) > TOLD)
        yield Text(f"Confidence. {' '.join(told)}{more}", "plain")


def confidence(score: Score) -> str:
    """Is the model over-confident, or under-confident?"""
    found = score.glance
    told = score.no_calibration if found is None else slope_words(score, found)
    return f"{told.partition('; ')[0].rstrip('.')}."


def differences(comparison: Compared) -> Iterator[Block]:
    """The differences of the log losses."""
    test = "p (Holm)" if len(comparison.pairs) > 1 else "p"
    heads = ("log loss of", "less that of", "is", f"{percent(comparison.level)} interval", test,
             "80 % power at")  # fmt: skip
    rows = [
        (
            pair.first, pair.second, number(pair.difference) or "none",
            bounds(pair.interval), p_value(pair.corrected), number(pair.detectable),
        )
        for pair in comparison.told_pairs
    ]  # fmt: skip
    yield Table(heads, tuple(rows), left=(0, 1))
    yield from untold(comparison)


def untold(comparison: Compared) -> Iterator[Block]:
    """That a report does not tell of all pairs."""
    if (many := len(comparison.pairs)) > len(comparison.told_pairs):
        told = f"These are the pairs with {best(comparison.models).name}, whose log loss is the "
        yield Text(f"{told}lowest; --format json has all {many:,}.", "plain")


def wins(comparison: Compared) -> Table:
    """In how many rows each model is the better one."""
    schema = comparison.state.schema
    depends = schema.cluster is not None or schema.weighted  # McNemar's rows all count alike
    last = "accuracy differs by" if depends else "McNemar p"
    heads = ("rows of", "beside", "lower loss", "share", "right alone", last)
    rows = []
    for pair in comparison.told_pairs:
        test = bounds(pair.accuracy_interval) if depends else p_value(pair.mcnemar)
        for i, (name, other) in enumerate(((pair.first, pair.second), (pair.second, pair.first))):
            rows.append(
                (
                    name, other, f"{pair.lower[i]:,}",
                    shown(pair.lower[i] / comparison.rows, trim=False), f"{pair.right_alone[i]:,}",
                    "" if i else test,
                )
            )  # fmt: skip
    return Table(heads, tuple(rows), left=(0, 1))


def slice_blocks(comparison: Compared, column: str) -> Iterator[Block]:
    """The differences by the values of a column, the highest first."""
    level = f"{percent(comparison.level)} interval"
    several = len(comparison.pairs) > 1
    pairs = ("log loss of", "less that of") if several else ()
    heads = (column_name(column), "rows", *pairs, "difference", level, "p (Holm)")
    cells = comparison.with_best(column)
    cells.sort(key=lambda each: (each.difference != each.difference, -each.difference))
    rows = [
        (
            each.value, f"{each.rows:,}", *((each.first, each.second) if several else ()),
            number(each.difference) or "none", bounds(each.interval),
            p_value(each.corrected),
        )
        for each in cells
    ]  # fmt: skip
    left = (0, 2, 3) if several else (0,)
    if not several:
        pair = comparison.pairs[0]
        what = f"Log loss of {pair.first} less that of {pair.second}, by {column_name(column)}:"
        yield Text(what, "plain")
    if len(rows) <= MANY:
        yield Table(heads, tuple(rows), left=left)
    else:
        gap = ("...", *[""] * (len(heads) - 1))
        yield Table(heads, (*rows[:HIGHEST], gap, *rows[-LOWEST:]), left=left)
        told = f"The {HIGHEST} highest differences and the {LOWEST} lowest, of {len(rows):,}; "
        yield Text(told + "--format json has all.", "plain")
    slices = comparison.state.clusters.slices.get(column)
    if slices is not None and slices.full:
        yield Text(f"No interval by {column_name(column)}: {cells[0].interval.reason}.", "plain")


def rows_table(comparison: Compared) -> Table:
    """The rows in which the losses differ most."""
    several = len(comparison.files) > 1
    names = comparison.state.schema.classes
    first = ("row", *["file"] * several, *comparison.show)
    heads = (*first, "label", *(f"loss of {model.name}" for model in comparison.models))
    rows = [
        (
            str(row.row), *([row.source] if several else []), *row.key, names[row.label],
            *(shown(loss, trim=False) for loss in row.losses),
        )
        for row in comparison.differing
    ]  # fmt: skip
    return Table(heads, tuple(rows), left=tuple(range(1, len(first) + 1)))


def number(value: float) -> str:
    """A number for a table; nothing where there is none."""
    return "" if value != value else fixed(value)
