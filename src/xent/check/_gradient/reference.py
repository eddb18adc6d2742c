"""The reference that a loss is compared with: xent's own loss, with the intended options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from xent._engine.cpu import numpy_only
from xent._validation import Array
from xent.check._gradient.problem import Problem
from xent.check.arguments import Task
from xent.functions import sigmoid, softmax
from xent.losses import binary_cross_entropy, cross_entropy

IGNORED_BY_DEFAULT = -100
"""PyTorch's losses, and those modelled on them, ignore rows with this label."""


@dataclass(frozen=True)
class Reference:
    """xent's own loss at logits of shape (rows, classes), targets, and options by name."""

    task: Task
    logits: Array
    targets: Array
    options: Mapping[str, Any] = field(default_factory=dict)
    averaged: bool = False
    """Is the checked loss a mean? One of its terms may have a different denominator."""
    labels_per_row: int = 1
    """Binary logits along the last axis, where there are several axes."""

    @classmethod
    def of(cls, problem: Problem, given: Mapping[str, Any], reduction: str | None) -> Reference:
        """The intended loss; labels of -100 mark ignored rows unless specified otherwise."""
        assert problem.targets is not None
        targets, options = problem.targets, dict(given)
        if targets.shape == problem.shape and problem.task == "classes":
            targets = np.moveaxis(targets, problem.axis, -1).reshape(-1, problem.classes)
        else:
            targets = targets.reshape(-1)
        # Binary logits are flattened here, so weights along their last axis have to be expanded,
        # too.
        if np.ndim(options.get("pos_weight", 0.0)) and problem.task == "binary":
            weights = np.asarray(options["pos_weight"], dtype=np.float64)
            if weights.shape == problem.shape[-1:]:  # one for each label of the last axis
                options["pos_weight"] = np.broadcast_to(weights, problem.shape).reshape(-1)
        if "sample_weight" in options:
            options["sample_weight"] = np.asarray(options["sample_weight"], float).reshape(-1)
        if targets.dtype.kind in "iu" and (targets == IGNORED_BY_DEFAULT).any():
            options.setdefault("ignore_index", IGNORED_BY_DEFAULT)
        several = problem.task == "binary" and len(problem.shape) > 1
        labels_per_row = problem.shape[-1] if several else 1
        reference = cls(
            problem.task, problem.logits, targets, options, labels_per_row=labels_per_row
        )
        if problem.per_row or reduction == "sum":
            return reference
        if reduction is None:  # whichever the value is nearer to
            value = float(problem.losses(problem.logits))
            mean, total = (float(reference.call(reduction=r)) for r in ("mean", "sum"))
            return replace(reference, averaged=not abs(value - total) < abs(value - mean))
        return replace(reference, averaged=True)

    def changed(self, **changes: Any) -> Reference:
        """The same with other logits, targets or options; an option set to None is left out."""
        logits = changes.pop("logits", self.logits)
        targets = changes.pop("targets", self.targets)
        options = {k: v for k, v in {**self.options, **changes}.items() if v is not None}
        return replace(self, logits=logits, targets=targets, options=options)

    def of_rows(self, rows: Array) -> Reference:
        """The same for some of the rows."""
        weight = self.options.get("sample_weight")
        options = {} if weight is None else {"sample_weight": np.asarray(weight)[rows]}
        return self.changed(logits=self.logits[rows], targets=self.targets[rows], **options)

    def only(self, *names: str) -> Reference:
        """The same with only these options."""
        return replace(self, options={k: v for k, v in self.options.items() if k in names})

    def losses(self) -> Array:
        """Loss of each row."""
        return self._losses

    @cached_property
    def _losses(self) -> Array:
        return np.asarray(self.call(reduction="none")).reshape(-1)

    def summed(self) -> float:
        """Sum of the losses; of a mean, its value times the total weight."""
        if self.averaged and self.total:
            return float(self.call(reduction="mean")) * self.total
        return float(np.sum(self.losses()))

    def gradient(self) -> Array:
        """Gradient of the sum of the losses; of a mean, its gradient times the total weight."""
        return self._gradient

    @cached_property
    def _gradient(self) -> Array:
        averaged = self.averaged and bool(self.total)
        how = "mean" if averaged else "sum"
        grad = np.asarray(self.call(reduction=how, return_grad=True)[1]).reshape(self.logits.shape)
        return grad * self.total if averaged else grad

    # Always by NumPy, so that the bits of a row do not depend on its batch.
    @numpy_only()
    def call(self, **how: Any) -> Any:
        """Call xent's loss."""
        if self.task == "classes":
            return cross_entropy(self.logits, self.targets, **self.options, **how)
        return binary_cross_entropy(self.logits[:, 0], self.targets, **self.options, **how)

    @property
    def labels(self) -> Array | None:
        """Class index of each row if targets are labels; ignored rows keep their mark."""
        return self.targets if self.targets.dtype.kind in "iu" else None

    @cached_property
    def ignored(self) -> Array:
        """Rows that do not count: marked as ignored, or of weight 0."""
        mask = np.zeros(len(self.logits), dtype=bool)
        mark = self.options.get("ignore_index")
        if mark is not None and self.labels is not None:
            mask |= self.labels == mark
        if "sample_weight" in self.options:
            mask |= np.reshape(self.options["sample_weight"], -1) == 0
        return mask

    @cached_property
    def probabilities(self) -> Array:
        """Softmax of the logits, or their sigmoid."""
        with numpy_only():
            return np.asarray((sigmoid if self.task == "binary" else softmax)(self.logits))

    @cached_property
    def label_probabilities(self) -> Array:
        """Probability of each row's label; 1 in ignored rows."""
        return np.exp(-self.only("ignore_index", "softcap").losses())

    @cached_property
    def total(self) -> float:
        """Total weight, by which a mean divides: at logits of 0 a row of weight 1 costs log K."""
        flat = self.only("class_weight", "sample_weight", "ignore_index")
        flat = replace(flat, logits=np.zeros_like(self.logits))
        return float(flat.call(reduction="sum") / np.log(max(self.logits.shape[1], 2)))
