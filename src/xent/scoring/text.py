"""A score as lines of plain text."""

from __future__ import annotations

from collections.abc import Iterator

from xent.explanation.expression import shown
from xent.scoring.report import Score


def render(score: Score) -> str:
    """The whole score, without colour."""
    return "\n".join(text for _, text in styled_lines(score)) + "\n"


def styled_lines(score: Score) -> Iterator[tuple[str, str]]:
    """Lines with the name of their role: title, figure, head, row, note or blank."""
    yield "title", f"{score.path}: {score.rows} row{'s' * (score.rows != 1)}, {score.kind}"
    yield "blank", ""
    figures = (
        ("log loss", score.loss, "nats per row"),
        ("", score.bits, "bits per row"),
        ("perplexity", score.perplexity, "classes as hard to guess"),
        ("base rate", score.base_loss, "nats, always predicting the labels' shares"),
        ("skill", score.skill, "1 - log loss / base rate"),
        ("accuracy", score.accuracy, "likeliest class is the true one"),
    )
    width = max(len(_figure(value)) for _, value, _ in figures)
    for name, value, about in figures:
        yield "figure", f"{name:<10}  {_figure(value):>{width}}  {about}"
    yield "blank", ""
    yield from _table(
        ["class", "rows", "share", "log loss", "accuracy"],
        [
            [c.name, str(c.rows), _figure(c.share), _figure(c.loss), _figure(c.accuracy)]
            for c in score.by_class
        ],
    )
    if score.worst:
        yield "blank", ""
        rows = []
        for row in score.worst:
            label, predicted = score.classes[row.label], score.classes[row.predicted]
            rows.append(
                [str(row.row), label, predicted, _figure(row.probability), _figure(row.loss)]
            )
        yield from _table(["worst row", "label", "predicted", "p(label)", "log loss"], rows)
    for note in score.notes:
        yield "blank", ""
        yield "note", f"Note: {note}"


def _table(heads: list[str], rows: list[list[str]]) -> Iterator[tuple[str, str]]:
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for role, cells in [("head", heads), *(("row", row) for row in rows)]:
        yield role, "  ".join(f"{cell:>{n}}" for cell, n in zip(cells, widths, strict=True))


def _figure(value: float) -> str:
    """Four places, so that columns line up."""
    return shown(value, trim=False)
