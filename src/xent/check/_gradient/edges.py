"""Mistakes at the edges: masked classes, ignored rows, and values that are not numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from xent._report import Finding
from xent._validation import Array
from xent.check._gradient.case import Case
from xent.check.mistakes import found
from xent.check.naming import others_like_it


def findings(case: Case) -> Iterator[Finding]:
    """Mistakes that are visible without fitting any formula."""
    problem, grad, reference = case.problem, case.analytic, case.reference
    masked = np.isneginf(problem.logits)
    ignored = np.zeros(len(grad), dtype=bool) if reference is None else reference.ignored
    losses = problem.losses(problem.logits)
    expected = np.zeros(len(grad)) if reference is None else reference.losses()
    counted = _counted(case, ignored, losses)

    nonzero = grad != 0  # NaN differs from 0 too
    wrong = masked & ~ignored[:, None] & nonzero
    yield from _entry(case, "masked class given gradient", wrong, ", where the logit is -inf")
    if counted.any():
        row = int(counted.argmax())
        what = f"is {losses[row]:.6g}" if problem.per_row else "counts"
        seen = f"The loss of {problem.row_name(row)} {what}, but the row is ignored"
        yield found("ignored rows given loss", f"{seen}{others_like_it(counted)}.")
    wrong = (ignored & ~counted)[:, None] & nonzero
    yield from _entry(case, "ignored rows given gradient", wrong, " in a row that is ignored")
    if problem.per_row:
        broken = ~np.isfinite(losses) & np.isfinite(expected)
        if broken.any():
            row = int(broken.argmax())
            value = f", where {expected[row]:.6g} is expected" if reference is not None else ""
            seen = f"The loss of {problem.row_name(row)} is {losses[row]:g}{value}"
            yield found("not a number", f"{seen}{others_like_it(broken)}.")
    elif not np.isfinite(losses) and np.isfinite(expected).all():
        none = " where no row counts" if reference is not None and not reference.total else ""
        yield found("not a number", f"The loss is {losses:g}{none}.")
    broken = ~np.isfinite(grad) & ~masked & ~ignored[:, None] & np.isfinite(expected)[:, None]
    yield from _entry(case, "not a number", broken)


def _counted(case: Case, ignored: Array, losses: Array) -> Array:
    """Ignored rows that the loss counts: by its value, or by its derivative."""
    if case.problem.per_row:
        return np.asarray(ignored & (losses != 0))
    d = case.numeric
    # A mean does not show the loss of a row, but an ignored row must not change it.
    moves_loss = d.row[np.abs(d.value) > 4 * d.error + case.grad_tolerance]
    return ignored & np.isin(np.arange(len(ignored)), moves_loss)


def _entry(case: Case, name: str, mask: Array, where: str = "") -> Iterator[Finding]:
    """The first entry of the gradient where the mask holds, if any, and how many more there are."""
    if not mask.any():
        return
    row, column = (int(i[0]) for i in np.nonzero(mask))
    place, value = case.problem.place("grad", row, column), case.analytic[row, column]
    yield found(name, f"{place} is {value:.6g}{where}{others_like_it(mask)}.")
