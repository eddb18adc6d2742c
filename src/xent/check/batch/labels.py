"""Symptoms of the labels, beside what is predicted: classes that do not occur."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from xent._report import Finding
from xent.check.batch.facts import ENOUGH, Facts
from xent.check.batch.words import plural


def findings(facts: Facts) -> Iterator[Finding]:
    """Notes on classes that are not there; of few rows nothing can be expected."""
    rows, counts, words = len(facts.usable), facts.counts, facts.batch.words
    if rows < ENOUGH:
        return
    missing = np.flatnonzero(counts == 0)
    if (counts > 0).sum() == 1:
        yield Finding(
            "only one class in the labels",
            f"All {rows} labels are {words.name(int(counts.argmax()))}.",
            "Always answering that class is right: what is learned is a bias.",
            "Shuffle the rows, or draw from every class (data sorted by class is the usual cause).",
            "note",
        )
    elif len(missing) and rows >= 5 * facts.batch.classes:
        yield Finding(
            "class never in the labels",
            f"None of {rows} labels is {words.list(missing)}.",
            f"{plural(len(missing), 'Its output is', 'Their outputs are')} only ever pushed down.",
            "Nothing, if the class is rare or unused. Else look at how the labels are made and "
            "the rows drawn.",
            "note",
        )
    if (facts.columns.low < facts.columns.high).any():
        yield from _never_predicted(facts)


def _never_predicted(facts: Facts) -> Iterator[Finding]:
    rows, words, counts = len(facts.usable), facts.batch.words, facts.counts
    predicted = np.bincount(facts.predicted[facts.usable], minlength=facts.batch.classes)
    absent = np.flatnonzero((predicted == 0) & (counts >= 5))
    if not len(absent):
        return
    labelled = int(counts[absent].sum())
    if (predicted > 0).sum() == 1:
        seen = f"All {rows} rows are predicted {words.name(int(predicted.argmax()))}; "
        seen += f"{labelled} of them have another label."
    else:
        such = plural(len(absent), "that label", "such a label")
        seen = f"None of {rows} rows is predicted {words.list(absent)}, though {labelled} "
        seen += f"have {such}."
    yield Finding(
        "class never predicted",
        seen,
        "Usual before training and for rare classes; later a sign that the model has collapsed.",
        "Look again when the loss is below that of the labels' shares; then try class weights, "
        "or more rows of the class.",
        "note",
    )
