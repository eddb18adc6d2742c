"""An implementation of cross-entropy, called with the arguments that it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from xent._engine.cpu import numpy_only
from xent._validation import Array
from xent.check import conventions
from xent.check._audit.vectors import Group
from xent.check.arguments import Task
from xent.check.frameworks import Framework, framework
from xent.check.ulps import negative_log
from xent.losses import binary_cross_entropy, cross_entropy


@dataclass(frozen=True)
class Convention:
    """How a function is called."""

    library: str
    takes: str
    targets_first: bool
    one_hot: bool
    binary: bool
    one_row: bool = False
    """Does it take a single row, and not a batch?"""

    @property
    def plain(self) -> conventions.Convention:
        """The same without the library."""
        one_hot = self.one_hot and not self.binary
        return conventions.Convention(self.takes, self.targets_first, one_hot)

    def __str__(self) -> str:
        first, second = self.takes, "labels"
        if self.one_hot:
            second = "float targets" if self.binary else "one-hot targets"
        if self.targets_first:
            first, second = second, first
        library = {"numpy": "NumPy", "torch": "PyTorch", "jax": "JAX"}[self.library]
        return f"({first}, {second}) as {library} arrays" + ", one row at a time" * self.one_row


@dataclass
class Implementation:
    """A loss as a function of NumPy logits and labels, however the real one is called."""

    name: str
    task: Task
    function: Callable[..., Any]
    convention: Convention
    options: dict[str, str] = field(default_factory=dict)
    """Its own names for its parameters, by xent's names for the options."""
    always: dict[str, Any] = field(default_factory=dict)
    """Arguments that every call gets."""
    grad: Callable[..., Any] | None = None
    needs_labels: bool = False
    """Does it need the list of labels, as scikit-learn's losses do?"""
    own_grad: bool = False
    """Is the gradient a method of the same object, with its arguments in the same order?"""
    grad_for_logits: bool = True
    """Is the gradient that for the logits, and not for the probabilities that it takes?"""
    says: str = ""
    """The name of its parameter that says logits or probabilities, where it takes the other."""
    classes: int | None = None
    """How many classes it takes, if not any number."""
    misnamed: bool = False
    """Do the names of its parameters say that they are in the other order?"""

    @property
    def library(self) -> Framework:
        """The array library that it computes with."""
        return framework(self.convention.library)

    @property
    def reference(self) -> Callable[..., Any]:
        """xent's loss of the same task."""
        return binary_cross_entropy if self.task == "binary" else cross_entropy

    @property
    def has_gradient(self) -> bool:
        """Does it give gradients, by autograd or by itself?"""
        autograd = self.convention.library != "numpy"
        return self.grad is not None or autograd or "return_grad" in self.options

    def value(self, logits: Array, targets: Array, dtype: str, **options: Any) -> Array:
        """What it returns, as a NumPy array."""
        with self.library.keep_float64(), np.errstate(all="ignore"), numpy_only():
            z, t = self.arguments(logits, targets, dtype)
            return np.asarray(self.library.to_numpy(self.call(z, t, dtype, options)))

    def losses(self, logits: Array, targets: Array, dtype: str, **options: Any) -> Array:
        """One loss per row; computed row by row if it returns only means."""
        if "reduction" in self.options:
            options["reduction"] = "none"
        value = self.value(logits, targets, dtype, **options)
        if value.shape == targets.shape[:1]:
            return value.astype(np.float64)
        if len(logits) > 1:
            rows = range(len(logits))
            parts = [self.losses(logits[[i]], targets[[i]], dtype, **options) for i in rows]
            return np.concatenate(parts)
        if value.size != 1:
            msg = f"it returned shape {value.shape} for one row."
            raise ValueError(msg)
        return value.reshape(1).astype(np.float64)

    def gradients(self, logits: Array, targets: Array, dtype: str) -> Array:
        """Gradient of each row's loss with respect to its own logits."""
        # Row by row, so that a mean over the rows does not scale it.
        with self.library.keep_float64(), np.errstate(all="ignore"), numpy_only():
            rows = [
                self.library.to_numpy(self._gradient(logits[[i]], targets[[i]], dtype))
                for i in range(len(logits))
            ]
        return np.concatenate(rows).reshape(logits.shape).astype(np.float64)

    def compared(self, group: Group, what: str) -> tuple[list[float], list[str]]:
        """Its "losses" or "gradients" of a group of test vectors, and the exact ones."""
        compute = self.losses if what == "losses" else self.gradients
        answers = np.ravel(compute(group.logits, group.labels, group.dtype)).tolist()
        exact = np.ravel(getattr(group, what)).tolist()
        if what == "losses" and self.convention.takes == "probabilities":
            exact = self._exact_losses(group)
        return answers, exact

    def _exact_losses(self, group: Group) -> list[str]:
        """Exact losses of the probabilities that it gets, which are rounded."""
        with self.library.keep_float64(), np.errstate(all="ignore"), numpy_only():
            scores = self._scores(self.library.from_numpy(group.logits, group.dtype))
            p = np.asarray(self.library.to_numpy(scores)).astype(np.float64)
        if self.task == "binary":
            pairs = zip(p.tolist(), group.labels.tolist(), strict=True)
            return [negative_log(p, of_other=label == 0) for p, label in pairs]
        return [negative_log(p) for p in p[np.arange(len(p)), group.labels].tolist()]

    def _gradient(self, logits: Array, targets: Array, dtype: str) -> Any:
        z, t = self.arguments(logits, targets, dtype)
        if self.grad is not None:
            order = (t, z) if self.own_grad and self.convention.targets_first else (z, t)
            slopes = np.asarray(self.library.to_numpy(self.grad(*order)))
            if self.grad_for_logits:
                return slopes
            binary, takes = self.task == "binary", self.convention.takes
            p = self.library.to_numpy(
                self.library.link(
                    self.library.from_numpy(logits, dtype), "probabilities", binary, -1
                )
            )
            return conventions.for_logits(slopes, np.asarray(p), takes, binary, -1)
        if self.convention.library == "numpy":
            return self.function(z, t, **self.always, return_grad=True)[1]

        def loss(scores: Any) -> Any:
            return self.call(self._scores(scores), t, dtype, {}).sum()

        return self.library.autograd(loss)(self.library.from_numpy(logits, dtype))

    def call(self, z: Any, t: Any, dtype: str, options: dict[str, Any]) -> Any:
        """Call it with scores and targets in the form it takes, and options by xent's names."""

        def own(value: Any) -> Any:
            # Class weights, say, must be an array of the function's own library.
            array = isinstance(value, np.ndarray)
            return self.library.from_numpy(value, dtype) if array else value

        named = self.always | {self.options[name]: own(value) for name, value in options.items()}
        if self.needs_labels:
            named["labels"] = range(2 if self.task == "binary" else z.shape[-1])

        def given(scores: Any, targets: Any) -> Any:
            first = self.convention.targets_first
            order = (targets, scores) if first else (scores, targets)
            return self.function(*order, **named)

        if self.convention.one_row:
            return np.array([given(scores, target) for scores, target in zip(z, t, strict=True)])
        return given(z, t)

    def arguments(self, logits: Array, targets: Array, dtype: str) -> tuple[Any, Any]:
        """Scores and targets in the form it takes."""
        z = self._scores(self.library.from_numpy(logits, dtype))
        if not self.convention.one_hot:
            return z, self.library.labels_from_numpy(targets)
        if self.task == "classes":
            targets = np.eye(logits.shape[-1])[targets]
        return z, self.library.from_numpy(targets, dtype)

    def _scores(self, z: Any) -> Any:
        """Logits as what it takes, by its own library, so that gradients pass through."""
        return self.library.link(z, self.convention.takes, self.task == "binary", -1)
