"""A loss and its gradient under test, as functions of logits of shape (rows, classes)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np

from xent._validation import Array, class_axis, entry
from xent.check.frameworks import PRECISION, framework_of, rounded

Kind = Literal["classes", "binary"]


class Problem:
    """The functions under test at given logits and targets, called through NumPy.

    Logits are float64 arrays of shape (rows, classes) that hold numbers of `dtype`; a binary
    logit is a row of one class. The functions get arrays of their own library, dtype and shape.
    """

    def __init__(
        self,
        loss: Callable[..., Any],
        grad: Callable[..., Any] | None,
        logits: Any,
        targets: Any,
        *,
        axis: int = -1,
        kind: Kind | None = None,
        dtype: str = "float64",
        on_call: Callable[[], None] = lambda: None,
    ) -> None:
        if dtype not in PRECISION:
            msg = f"dtype is {dtype!r}; expected one of {', '.join(PRECISION)}."
            raise ValueError(msg)
        if kind is not None and kind not in get_args(Kind):
            msg = f"kind is {kind!r}; expected 'classes' or 'binary'."
            raise ValueError(msg)
        for function, name in ((loss, "loss"), (grad, "grad")):
            if not callable(function) and not (function is None and name == "grad"):
                msg = f"{name} is {function!r:.60}; expected a function of (logits, targets)."
                raise TypeError(msg)
        self.framework = framework_of(logits)
        self.loss, self.dtype, self.on_call = loss, dtype, on_call
        self.dtypes: dict[str, str] = {}
        array = self.framework.get(logits)
        if array.dtype.kind in "iub" and not isinstance(logits, (int, float, list, tuple)):
            msg = (
                f"logits has dtype {array.dtype}; expected floats. Are logits and targets swapped?"
            )
            raise TypeError(msg)
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError):
            msg = f"logits is {logits!r:.60}; expected an array of numbers."
            raise TypeError(msg) from None
        if not array.size:
            msg = f"logits has shape {array.shape}: there is nothing to check."
            raise ValueError(msg)
        self.shape = array.shape
        self.targets = None if targets is None else framework_of(targets).get(targets)
        if self.targets is not None and self.targets.dtype.name == "bfloat16":
            self.targets = self.targets.astype(np.float32)
        self.kind = kind or _kind(array, self.targets)
        self.axis = -1
        if self.kind == "classes":
            self.axis = class_axis(array, axis)
            array = np.moveaxis(array, self.axis, -1)
        self.rows: tuple[int, ...] = array.shape if self.kind == "binary" else array.shape[:-1]
        self._inner = array.shape
        self.classes = 1 if self.kind == "binary" else array.shape[-1]
        self.logits = rounded(np.ascontiguousarray(array.reshape(-1, self.classes)), dtype)
        self.grad = grad
        if grad is None:
            if self.framework.autograd is None:
                msg = "grad is None, and NumPy has no autograd. Pass the gradient's function."
                raise TypeError(msg)
            self.grad = self.framework.autograd(loss)
        self.per_row = np.ndim(self.losses(self.logits)) == 1

    def losses(self, logits: Array) -> Any:
        """Losses of the rows, as float64 of shape (rows,); or one float, if that is what it gives.

        Complex logits are passed on as they are, and a complex result is returned.
        """
        self.on_call()
        value = self._returned("loss", self.loss, logits)
        value = value.astype(np.complex128 if value.dtype.kind == "c" else np.float64)
        if value.shape == self.rows and self.rows:  # of a single row it is one as well as all
            return value.reshape(-1)
        if value.size == 1:
            return value.reshape(())[()]
        msg = (
            f"loss returned shape {value.shape}; expected one loss per row, {self.rows}, or a "
            "single number."
        )
        if value.shape == self.shape:
            msg += " Sum over the classes, or pass kind='binary' if each logit is a row of its own."
        raise ValueError(msg)

    def gradient(self, logits: Array) -> Array:
        """What `grad` returns, as float64 of shape (rows, classes)."""
        assert self.grad is not None
        value = self._returned("grad", self.grad, logits)
        if value.shape != self.shape:
            msg = f"grad returned shape {value.shape}; expected that of the logits, {self.shape}."
            if value.shape == self.shape[::-1]:
                msg += " It is transposed."
            raise ValueError(msg)
        return self.by_row(value.astype(np.float64))

    def _returned(self, name: str, function: Callable[..., Any], logits: Array) -> Array:
        """What a function under test returns, and a note of its dtype."""
        with self.framework.wide(), np.errstate(all="ignore"):
            value = function(self._given(logits), *self._given_targets())
            if value is None or isinstance(value, (tuple, dict, str)):
                alone = "losses, or one loss" if name == "loss" else "the gradient alone"
                what = "None" if value is None else f"a {type(value).__name__}"
                msg = f"{name} returned {what}; expected {alone}."
                raise TypeError(msg)
            array = self.framework.get(value)
        self.dtypes[name] = str(getattr(value, "dtype", array.dtype)).removeprefix("torch.")
        kinds = "fc" if name == "loss" else "f"
        if array.dtype.kind not in kinds and array.dtype.name != "bfloat16":
            msg = f"{name} returned {array.dtype} of shape {array.shape}; expected floats."
            raise TypeError(msg)
        return array

    def by_row(self, array: Array) -> Array:
        """An array of the logits' own shape, as (rows, classes)."""
        if self.kind == "classes":
            array = np.moveaxis(array, self.axis, -1)
        return array.reshape(-1, self.classes)

    def index(self, row: int) -> tuple[int, ...]:
        """Where in the caller's own arrays the row is."""
        return tuple(int(i) for i in np.unravel_index(row, self.rows)) if self.rows else ()

    def place(self, name: str, row: int, column: int) -> str:
        """An entry of an array of the logits' own shape, as the caller would write it."""
        index = list(self.index(row))
        if self.kind == "classes":
            index.insert(self.axis, column)
        return entry(name, tuple(index))

    def _given(self, logits: Array) -> Any:
        array = logits.reshape(self._inner)
        if self.kind == "classes":
            array = np.moveaxis(array, -1, self.axis)
        array = np.array(array, order="C")  # the caller's own, to do with as it likes
        if array.dtype.kind == "c":
            return self.framework.put(array, "complex128")
        return self.framework.put(array, self.dtype)

    def _given_targets(self) -> tuple[Any, ...]:
        """Targets as the functions want them: floats in the dtype of the logits."""
        if self.targets is None:
            return ()
        if self.targets.dtype.kind == "f":
            return (self.framework.put(self.targets, self.dtype),)
        return (self.framework.labels(self.targets.copy()),)


def _kind(logits: Array, targets: Array | None) -> Kind:
    """Binary where targets are of the logits' shape and are not rows of probabilities."""
    if targets is None:
        return "binary" if logits.ndim == 0 else "classes"
    if targets.shape != logits.shape:
        # A column against a row of as many: binary, and the pair of shapes that broadcasts.
        same = [n for n in targets.shape if n != 1] == [n for n in logits.shape if n != 1]
        return "binary" if same and targets.size == logits.size > 1 else "classes"
    soft = targets.dtype.kind == "f" and logits.ndim > 0 and logits.shape[-1] > 1
    sums = targets.sum(axis=-1, dtype=np.float64) if soft else np.zeros(1)
    return "classes" if bool((np.abs(sums - 1) < 1e-3).all()) else "binary"
