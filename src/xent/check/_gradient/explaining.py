"""The parts of a loss, found on some of its rows where there are many."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from xent.check._gradient.case import Case
from xent.check._gradient.composition.explanation import Explanation, entropy, explain, of_every_row
from xent.check._gradient.composition.search import Probes
from xent.check._gradient.factors import Counts, near
from xent.check._gradient.reference import Reference


def explained_by(case: Case, reference: Reference) -> Explanation | None:
    """The simplest explanation of the loss; None if no composition of known parts has its values.

    Of many rows some are searched, by calling the loss on them alone. If the loss is one number,
    what is found has to give that of all rows.
    """
    precision, reduction = case.behaviour.precision, case.reduction
    if case.few_rows is None:
        return explain(reference, case.probes, precision, reduction)
    of_few = reference.of_rows(case.few_rows[0])
    found = explain(of_few, case.probes, precision, reduction)
    if found is None:
        return None
    if case.problem.per_row:
        return of_every_row(found, reference, reduction)
    of_all = _of_all(case, reference, of_few, found)
    if of_all is not None:
        return of_all
    # Its factor holds a number of rows that is its own, say.
    return explain(reference, Probes.of(case.problem), precision, reduction)


def _of_all(
    case: Case, reference: Reference, of_few: Reference, found: Explanation
) -> Explanation | None:
    """An explanation of some rows as that of all, if it gives the loss of all."""
    composition = found.composition.of(reference)
    made = float(composition.own_losses().sum())
    if found.less_entropy:
        made -= float(entropy(*composition.rows).sum())
    scale = (float(case.problem.losses(case.problem.logits)) - found.constant) / made
    some, every = Counts.of(of_few), Counts.of(reference)
    ratios = (
        1.0,
        some.total / every.total if every.total else 1.0,
        some.rows / every.rows,
        some.valid / every.valid if every.valid else 1.0,
    )
    if not any(near(scale, found.scale * ratio) for ratio in ratios):
        return None
    expected = every.expected(case.reduction, per_row=False)
    nearest = min(expected, key=lambda value: abs(np.log(abs(scale) / value)))
    return replace(found, composition=composition, scale=scale, expected=nearest)
