"""A comparison in tables: models, differences, slices and rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xent._format import counted, listed, reasons, shown
from xent._report import Block, Table, Text
from xent.scoring.comparing.compared import Compared
from xent.scoring.comparing.figures import best
from xent.scoring.comparing.words import bounds, fixed, p_value, percent, significant
from xent.scoring.figure import without_interval
from xent.scoring.file_score import HIGHEST, LOWEST, MANY
from xent.scoring.page.calibration import DEPENDENT, FEWEST, slope_words
from xent.scoring.page.wording import column_name, cut, lowered
from xent.scoring.report import Score

FURTHER = ("skill", "brier_score", "roc_auc", "macro_log_loss_nats")
"""Figures that are shown beside log loss and accuracy."""

LEFT_OUT = ("log_loss_bits", "perplexity", "base_rate_loss")
"""Figures that say the same as the log loss, or are the same of all models."""

TOLD = 5
"""Models of whose confidence something is said; of which a sentence names so many."""

BESIDE = 3
"""Models up to which all losses of a row stand beside each other."""


def opening(comparison: Compared) -> Iterator[Block]:
    """The headline, what may be concluded, how the sources were read, what was left out."""
    many = counted(len(comparison.models), "model")
    yield Text(f"{comparison.path}: {many}, {counted(comparison.rows, 'row')}", "headline")
    found = any(significant(pair, comparison.level) for pair in comparison.pairs)
    for i, told in enumerate(comparison.conclusions):
        yield Text(told, "summary" if i or found else "unsure")
    yield Text(told_of_reading(comparison), "plain")
    if comparison.advice:
        yield Text(comparison.advice, "plain")
    if comparison.left_out:
        yield Text(f"Left out: {reasons(comparison.left_out)}.", "plain")


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
            *([f"{model.infinite:,}"] if endless else []),
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
        clustered = f" {DEPENDENT}" * (comparison.state.schema.cluster is not None)
        yield Text(f"Confidence. {' '.join(told)}{more}{clustered}", "plain")


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
            pair.first, pair.second, fixed(pair.difference),
            bounds(pair.interval), p_value(pair.corrected), fixed(pair.detectable),
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
    several = len(comparison.models) > 2
    model = ("log loss of",) * several
    heads = (column_name(column), "rows", *model, "difference", level, "p (Holm)")
    cells = comparison.beside_reference(column)
    cells.sort(key=lambda each: (each.difference != each.difference, -each.difference))
    rows = [
        (
            each.value, f"{each.rows:,}", *([each.first] * several),
            fixed(each.difference), bounds(each.interval),
            p_value(each.corrected),
        )
        for each in cells
    ]  # fmt: skip
    left = (0, 2) if several else (0,)
    of = "each other model" if several else comparison.pairs[0].first
    what = f"Log loss of {of} less that of {comparison.reference}, by {column_name(column)}:"
    yield Text(what, "plain")
    if len(rows) <= MANY:
        yield Table(heads, tuple(rows), left=left)
    else:
        gap = ("...", *[""] * (len(heads) - 1))
        yield Table(heads, (*rows[:HIGHEST], gap, *rows[-LOWEST:]), left=left)
        told = f"The {HIGHEST} highest differences and the {LOWEST} lowest, of {len(rows):,}; "
        yield Text(told + "--format json has all.", "plain")
    name = column_name(column)
    slices = comparison.state.clusters.slices.get(column)
    if slices is not None and slices.full:
        yield Text(f"No interval by {name}: {cells[0].interval.reason}.", "plain")
        return
    where = "{0.first} where " + f"{name} is " if several else ""
    intervals = ((where.format(e) + cut(e.value), e.interval) for e in cells)
    yield from without_interval(intervals, "" if several else f"{name} ", TOLD)


def rows_blocks(comparison: Compared) -> Iterator[Block]:
    """The rows in which the losses differ most: of many models the lowest and the highest."""
    several = len(comparison.files) > 1
    names = comparison.state.schema.classes
    models = [model.name for model in comparison.models]
    all_told = len(models) <= BESIDE
    first = ("row", *["file"] * several, *comparison.show)
    losses = [f"loss of {name}" for name in models]
    heads = (*first, "label", *(losses if all_told else ("lowest loss", "highest loss")))
    rows = [
        (
            str(row.row), *([row.source] if several else []), *row.key, names[row.label],
            *(map(_loss, row.losses) if all_told else _ends(models, row.losses)),
        )
        for row in comparison.differing
    ]  # fmt: skip
    left = range(1, len(first) + 1 if all_told else len(heads))
    yield Table(heads, tuple(rows), left=tuple(left))
    if not all_told:
        told = f"Of {len(models)} models, those with the lowest and the highest loss; "
        yield Text(f"{told}--format json has the losses of all.", "plain")


def _ends(models: Sequence[str], losses: Sequence[float]) -> Iterator[str]:
    """The lowest and the highest loss, each with its model."""
    for end in (min, max):
        place = losses.index(end(losses))
        yield f"{_loss(losses[place])} ({cut(models[place])})"


def _loss(loss: float) -> str:
    return shown(loss, trim=False)


def models_without_interval(comparison: Compared) -> Iterator[Block]:
    """Why figures have no interval: those of one model, and models, together."""
    found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for model, score in comparison.scores.items():
        reasons: dict[str, list[str]] = {}
        for each in score.figures:
            if each.interval and not each.interval.known and each.key not in LEFT_OUT:
                reasons.setdefault(each.interval.reason, []).append(each.name)
        for reason, names in reasons.items():
            found.setdefault((reason, (*names,)), []).append(model)
    for (reason, figures), models in found.items():
        what = f"the {listed(figures)} of {listed(models, TOLD)}"
        yield Text(f"No interval of {what}: {reason}.", "plain")
