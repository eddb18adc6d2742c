"""Notes on classes that do not occur among the labels or the predictions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from xent._report import Finding
from xent.check._batch.significance import ENOUGH
from xent.check._batch.statistics import Statistics
from xent.check.mistakes import found
from xent.check.naming import plural


def findings(statistics: Statistics) -> Iterator[Finding]:
    """Notes on classes that are missing; in a few rows no class need occur."""
    rows, counts, names = len(statistics.usable), statistics.counts, statistics.batch.names
    if rows < ENOUGH:
        return
    missing = np.flatnonzero(counts == 0)
    if (counts > 0).sum() == 1:
        seen = f"All {rows} labels are {names.of_class(int(counts.argmax()))}."
        yield found("only one class in the labels", seen)
    elif len(missing) and rows >= 5 * statistics.batch.classes:
        seen = f"None of {rows} labels is {names.classes(missing)}."
        yield found("class never in the labels", seen)
    if (statistics.columns.low < statistics.columns.high).any():
        yield from _never_predicted(statistics)


def _never_predicted(statistics: Statistics) -> Iterator[Finding]:
    rows, counts = len(statistics.usable), statistics.counts
    batch, names = statistics.batch, statistics.batch.names
    predicted = np.bincount(statistics.predicted[statistics.usable], minlength=batch.classes)
    absent = np.flatnonzero((predicted == 0) & (counts >= 5))
    if not len(absent):
        return
    labelled = int(counts[absent].sum())
    if (predicted > 0).sum() == 1:
        seen = f"All {rows} rows are predicted {names.of_class(int(predicted.argmax()))}; "
        seen += f"{labelled} of them have another label."
    else:
        such = plural(len(absent), "that label", "such a label")
        seen = f"None of {rows} rows is predicted {names.classes(absent)}, though {labelled} "
        seen += f"have {such}."
    yield found("class never predicted", seen)
