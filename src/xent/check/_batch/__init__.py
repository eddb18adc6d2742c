"""`diagnose`: what is odd about this batch of scores and labels?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from xent._engine.cpu import numpy_only
from xent._kind import Kind
from xent._report import Finding
from xent._validation import Array
from xent.check._batch import alignment, orders, score_kind, scores
from xent.check._batch.data import Batch, batch_of
from xent.check._batch.labels import REPAIRED
from xent.check._batch.report import BatchReport
from xent.check._batch.significance import mean
from xent.check._batch.statistics import Statistics, gather
from xent.check.mistakes import catalogue
from xent.check.naming import figure


def diagnose(
    logits: Any,
    targets: Any,
    *,
    kind: Kind = "logits",
    axis: int = -1,
    ignore_index: int | None = None,
    names: Sequence[str] | None = None,
    tolerance: float | None = None,
) -> BatchReport:
    r"""Say what is odd about a batch of scores and labels, and what to change.

    .. math:: \frac{1}{n} \sum_i \ell(z_i, y_i) \quad\text{beside}\quad
        \log K \quad\text{and}\quad \frac{1}{n} \sum_i \ell(z_i, \pi(y_i))

    Parameters
    ----------
    logits : array
        Scores in NumPy, PyTorch or JAX: shape (..., K) with the class axis at `axis`, or any shape
        if each score is a binary row of its own.
    targets : array
        Integers of the logits' shape without the class axis are class labels, whatever their
        values. With the logits' own shape, rows that sum to 1 are probabilities of the classes;
        anything else is binary (0 and 1, booleans, or probabilities of label 1).
    kind : {"logits", "probabilities", "log-probabilities"}, default "logits"
        What the scores should be; binary scores are for label 1.
    axis : int, default -1
        The class axis.
    ignore_index : int, optional
        Label of the rows that are left out; -100 unless given.
    names : sequence of str, optional
        Names of the classes in the order of the scores, to be used in the report.
    tolerance : float, optional
        How far a row of probabilities may be from summing to 1; by default 0.001, or 0.03 in
        half precision.

    Returns
    -------
    BatchReport
        True if no mistake was found. It prints as text, and has `findings`: mistakes and notes,
        each saying what was seen, why it matters and what to change.

    Raises
    ------
    TypeError, ValueError
        If this is not a batch: the shapes do not match, or labels or scores are of the wrong kind.
        Odd values (labels out of range, NaN, masked rows) are findings instead.

    Notes
    -----
    Losses and probabilities are those of the library, in float64. A symptom based on
    statistics (labels flipped or shifted, columns permuted, worse than chance) needs 20 rows and
    a mean difference of more than 5.6 standard errors, and more for few rows. If labels seem to
    belong to other columns, this must also hold for scores less their columns' means, since a model
    that always predicts the same class may be wrong because of its bias alone. A permutation of the
    columns, another order of the rows and several mistakes at once are found on one half of the
    rows and tested on the other. Of explanations that are as good, up to a tenth of log K, the one
    with the fewest changes is given.

    Examples
    --------
    >>> import numpy as np, xent
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(4, size=200)
    >>> logits = 5 * np.eye(4)[labels] + rng.normal(size=(200, 4))
    >>> report = xent.check.diagnose(logits, labels)
    >>> bool(report), round(report.loss, 4), round(report.chance, 4)
    (True, 0.0524, 1.3863)
    >>> report = xent.check.diagnose(xent.softmax(logits), labels + 1)
    >>> [finding.name for finding in report.findings]
    ['labels one-based', 'probabilities given as logits']

    References
    ----------
    Karpathy (2019), A recipe for training neural networks: look at the loss at the start, and
    at what enters the loss.
    """
    # NaN and infinities are findings, not warnings.
    with numpy_only(), np.errstate(all="ignore"):
        return _report(batch_of(logits, targets, kind, axis, ignore_index, names, tolerance))


def diagnose_rows(
    scores: Array,
    labels: Array,
    kind: Kind,
    names: Sequence[str] | None,
    tolerance: float | None,
) -> BatchReport:
    """What `diagnose` says of rows whose numbers mean nothing: they are counted, not named."""
    with numpy_only(), np.errstate(all="ignore"):
        batch = batch_of(scores, labels, kind, -1, None, names, tolerance)
        return _report(replace(batch, names=replace(batch.names, numbered=False)))


def _report(batch: Batch) -> BatchReport:
    with np.errstate(all="ignore"):
        given = statistics = gather(batch)
        found = [_with_loss(f, given, f.name in REPAIRED) for f in batch.findings]
        if reshaped := orders.by_sums(given):
            statistics = gather(reshaped[1])
            found.append(_with_loss(reshaped[0], statistics))
        if "predicted labels given as scores" in [f.name for f in found]:
            return _of(given, found)
        found += scores.findings(statistics)
        kinds = list(score_kind.findings(statistics))
        in_scores = [f.name for f in (*found, *kinds) if f.level == "mistake"]
        meant = score_kind.repaired(statistics.batch, in_scores)
        if meant is not statistics.batch:
            statistics = gather(meant)
        for finding in kinds:
            found.append(_with_loss(finding, statistics, meant is not given.batch))
        found += alignment.findings(statistics)
        return _of(given, found)


def _of(given: Statistics, found: list[Finding]) -> BatchReport:
    """The report, with the figures of the batch as given."""
    batch, columns = given.batch, given.columns
    return BatchReport(
        findings=_without_consequences(found),
        rows=len(batch.scores),
        counted=len(given.losses),
        classes=batch.classes,
        kind=batch.kind,
        binary=batch.binary,
        dtype=batch.dtype,
        loss=mean(given.losses),
        chance=given.chance,
        base_loss=mean(given.share_losses),
        accuracy=mean(given.right),
        majority=given.majority,
        lowest=columns.lowest if np.isfinite(columns.lowest) else np.nan,
        highest=columns.highest if np.isfinite(columns.highest) else np.nan,
    )


def _with_loss(finding: Finding, fixed: Statistics, is_fixed: bool = True) -> Finding:
    """The finding with the loss after its fix."""
    loss = mean(fixed.losses)
    if finding.level == "note" or not is_fixed or np.isnan(loss):
        return finding
    return replace(
        finding, seen=f"{finding.seen} With this fixed, the mean loss is {figure(loss)}."
    )


def _without_consequences(found: list[Finding]) -> tuple[Finding, ...]:
    """Mistakes first, in the order of their causes, and no notes that they explain."""
    mistakes = [finding for finding in found if finding.level == "mistake"]
    explained = {note for mistake in mistakes for note in catalogue()[mistake.name].explains}
    notes = (f for f in found if f.level == "note" and f.name not in explained)
    return (*mistakes, *notes)
