"""The object that a training loop tells its steps to."""

from __future__ import annotations

import math
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np

from xent._engine.cpu import numpy_only
from xent._report import Finding
from xent._validation import Array
from xent.check._batch import diagnose_rows
from xent.check._batch.data import IGNORED, Batch, batch_of
from xent.check._watch import numbers
from xent.check._watch.layers import Layers
from xent.check._watch.reading import (
    as_array,
    held,
    is_immediate,
    is_small,
    number,
    row_count,
    rows,
)
from xent.check._watch.report import TrainingReport, report_of
from xent.check._watch.run import Evaluation, Record
from xent.check._watch.sample import logits_of, sample_of
from xent.check._watch.sampling import FIRST, Schedule
from xent.check.mistakes import found

AT_FIRST = {
    "percentages", "labels one-based", "labels -1 and +1", "labels out of range",
    "every row ignored", "every class masked", "label on a masked class",
    "probabilities given as logits", "predicted labels given as scores",
}  # fmt: skip
"""What is said of a single batch also where the model has not learned anything."""

EVALUATED = 10_000
"""Held-out rows that are compared from one evaluation to the next."""


class _Waiting(NamedTuple):
    """A step whose loss is on a device, and its batch if that is small."""

    step: int
    loss: Any
    logits: Any
    targets: Any


class Watch:
    """A training run that is being watched; `xent.check.watch` makes it.

    `step` tells it a training step, `validate` an evaluation on held-out rows, and `report` says
    what was odd. As a context manager, or by `close`, it takes its hook off the model.
    """

    def __init__(
        self,
        model: Any,
        classes: int | None,
        axis: int,
        ignore_index: int | None,
        label_smoothing: float | None,
        every: int,
    ) -> None:
        self._record = Record(Schedule(every), label_smoothing)
        self._classes = classes
        self._axis, self._ignore = axis, ignore_index
        self._waiting: list[_Waiting] = []
        self._labels: Any = None
        self._logits: Any = None
        self._last: tuple[Array, Array] | None = None
        self._layers = None if model is None else Layers(model)

    def step(self, loss: Any, logits: Any = None, targets: Any = None) -> None:
        """Tell the loss of a training step, and the batch that it is of.

        Parameters
        ----------
        loss : float or array
            The loss as the loop computes it; of row losses, the mean is taken. Nothing is done to
            its graph.
        logits, targets : array, optional
            As in `xent.check.diagnose`. Without them, only the losses are judged.

        Raises
        ------
        TypeError, ValueError
            If logits and targets are not a batch.
        """
        record, step = self._record, len(self._record.losses)
        logits = None if logits is None else as_array(logits)
        record.rows.append(0 if logits is None else row_count(logits, self._axis))
        sampled = step in record.schedule
        if is_immediate(loss):
            record.losses.append(number(loss))
            self._see(step, logits, targets)
        else:
            keep = is_small(logits)
            batch = (logits, targets) if keep or sampled else (None, None)
            record.losses.append(math.nan)
            self._waiting.append(_Waiting(step, held(loss), *batch))
            if sampled:
                self._read()
        if sampled:
            self._sample(step, logits, targets)
        if self._layers is not None:
            self._layers.forget()

    def validate(self, logits: Any, targets: Any) -> None:
        """Tell all logits and targets of an evaluation on held-out rows, after the latest step.

        Parameters
        ----------
        logits, targets : array
            As in `step`. Of more than 10,000 rows, so many are compared.

        Raises
        ------
        TypeError, ValueError
            If logits and targets are not a batch.
        """
        with numpy_only(), np.errstate(all="ignore"):
            some = rows(as_array(logits), as_array(targets), self._axis, most=EVALUATED)
            batch = self._batch(*some[:2])
            step = max(0, len(self._record.losses) - 1)
            sample = sample_of(batch, step, math.nan, complete=False)
            if sample is None or not math.isfinite(sample.loss) or batch.soft is not None:
                return
            use = batch.valid
            labels, z = batch.labels[use], logits_of(batch)[use].astype(np.float32)
        self._record.evaluations.append(
            Evaluation(step, sample.loss, sample.accuracy, sample.losses, labels, z)
        )

    def report(self) -> TrainingReport:
        """Say what was odd about the run so far.

        Returns
        -------
        TrainingReport
            True if no mistake was found.
        """
        self._read()
        with numpy_only(), np.errstate(all="ignore"):
            last = [] if self._last is None else self._diagnosed(*self._last)
            return report_of(self._record, last)

    def close(self) -> None:
        """Take the hook off the model."""
        if self._layers is not None:
            self._layers.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Watch: {len(self._record.losses)} steps>"

    def _see(self, step: int, logits: Any, targets: Any) -> None:
        """Look for where it arose, if the loss is the first that is not finite."""
        loss = self._record.losses[step]
        if self._record.fault is not None or math.isfinite(loss):
            return
        with numpy_only(), np.errstate(all="ignore"):
            seen = numbers.fault(step, loss, logits, targets, self._axis, self._ignore)
        # What the model was called with is known of the latest step alone.
        latest = step == len(self._record.losses) - 1
        layer = self._layers.search(step) if self._layers is not None and latest else None
        self._record.fault = layer or seen

    def _read(self) -> None:
        """Read the losses that wait on a device."""
        for each in self._waiting:
            self._record.losses[each.step] = number(each.loss)
            self._see(each.step, each.logits, each.targets)
        self._waiting.clear()

    def _sample(self, step: int, logits: Any, targets: Any) -> None:
        """Keep figures of the batch, and whether the model changes."""
        if self._layers is not None:
            since = self._layers.unchanged_since(step)
            self._record.frozen = None if since is None or step - since < FIRST else (since, step)
        if logits is None or not math.prod(logits.shape):
            return
        with numpy_only(), np.errstate(all="ignore"):
            scores, labels, index = rows(logits, as_array(targets), self._axis)
            if step < FIRST:
                self._compare(scores, labels)
            batch = self._batch(scores, labels)
            record = self._record
            if not record.samples:
                self._begin(batch, scores, labels)
            complete = len(index) == record.rows[step]
            sample = sample_of(batch, step, record.losses[step], complete=complete)
            if sample is not None:
                record.samples.append(sample)
                record.soft = batch.soft is not None
                counts = np.bincount(batch.labels[batch.valid], minlength=batch.classes)
                record.counts = record.counts + counts if len(record.counts) else counts
                if math.isfinite(sample.loss):
                    self._last = scores, labels

    def _batch(self, scores: Array, labels: Array) -> Batch:
        return batch_of(scores, labels, "logits", -1, self._ignore, None, None)

    def _compare(self, scores: Array, labels: Array) -> None:
        """Count the steps that have the rows of the step before, and the same logits."""
        if self._labels is not None and np.array_equal(labels, self._labels):
            self._record.repeated += 1
            self._record.unchanged += np.array_equal(scores, self._logits)
        self._labels, self._logits = labels.copy(), scores.copy()

    def _begin(self, batch: Batch, scores: Array, labels: Array) -> None:
        """Judge the first batch."""
        record = self._record
        record.classes = batch.classes
        if self._classes not in (None, batch.classes):
            seen = (
                f"The logits have {batch.classes} classes, and classes={self._classes} was given."
            )
            record.found.append(found("other number of classes", seen))
        record.found += [each for each in self._diagnosed(scores, labels) if each.name in AT_FIRST]

    def _diagnosed(self, scores: Array, labels: Array) -> list[Finding]:
        """Mistakes that the diagnosis of a batch finds."""
        if self._ignore is not None:
            labels = np.where(labels == self._ignore, IGNORED, labels)
        report = diagnose_rows(scores, labels, "logits", None, None)
        return [finding for finding in report.findings if finding.level == "mistake"]
