"""The loss and gradient under test, as functions of NumPy logits of shape (rows, classes)."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any, get_args

import numpy as np

from xent._validation import Array, class_axis, entry
from xent.check.arguments import Task, are_distributions, check_choice
from xent.check.dtypes import PRECISION, rounded
from xent.check.frameworks import NoGradientError, framework_of
from xent.check.methods import told
from xent.check.naming import row_name


class CallError(ValueError):
    """A function under test raised an exception, or a loss is no loss of these logits."""


class ShapeError(CallError):
    """A loss has a shape that is none of rows and none of all."""

    def __init__(self, message: str, shape: tuple[int, ...]) -> None:
        super().__init__(message)
        self.shape = shape


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
        axis: int,
        task: Task | None,
        dtype: str,
        on_call: Callable[[], None],
    ) -> None:
        check_choice(dtype, "dtype", tuple(PRECISION))
        if task is not None:
            check_choice(task, "task", get_args(Task))
        for function, name in ((loss, "loss"), (grad, "grad")):
            if not callable(function) and not (function is None and name == "grad"):
                msg = f"{name} is {function!r:.60}; expected a function of (logits, targets)."
                raise TypeError(msg)
        self.framework = framework_of(logits)
        self.loss, self.dtype, self.on_call = loss, dtype, on_call
        self.dtypes: dict[str, str] = {}
        """Dtypes of what loss and grad returned."""
        self.warned: dict[str, None] = {}
        """What they warned of, each in one line."""
        array = self._as_float64(logits)
        self.shape = array.shape
        self.targets = None if targets is None else framework_of(targets).to_numpy(targets)
        # NumPy cannot compute with bfloat16 of ml_dtypes everywhere; float32 holds its numbers.
        if self.targets is not None and self.targets.dtype.name == "bfloat16":
            self.targets = self.targets.astype(np.float32)
        self.given_targets = self.targets
        """As the functions get them; `targets` are probabilities if these are their logarithms."""
        self.log_targets = _are_logarithms(self.targets, array.shape, axis)
        if self.log_targets:
            assert self.targets is not None
            self.targets = np.exp(self.targets)
        self.grad = self.framework.autograd(loss) if grad is None else grad
        self._read(array, task or task_of(array, self.targets), axis)
        # Only a call can tell whether there is a loss per row or one number.
        try:
            self.per_row = np.ndim(self.losses(self.logits)) == 1
        except ShapeError as error:
            # One column of logits: a loss for each row is one over a single class.
            if task is not None or error.shape != array.shape[:-1] or array.shape[-1:] != (1,):
                raise
            self._read(array, "classes", axis)
            self.per_row = True

    def _read(self, array: Array, task: Task, axis: int) -> None:
        """Logits as rows of classes."""
        self.task: Task = task
        self.axis, self.classes, self.row_shape = -1, 1, array.shape
        if task == "classes":
            self.axis = class_axis(array, axis)
            array = np.moveaxis(array, self.axis, -1)
            self.row_shape, self.classes = array.shape[:-1], array.shape[-1]
        self._class_last_shape = array.shape
        # Rounded first, so that loss and gradient see exactly the logits that the steps start from.
        self.logits = rounded(np.ascontiguousarray(array.reshape(-1, self.classes)), self.dtype)

    def losses(self, logits: Array) -> Any:
        """Losses of the rows as float64 of shape (rows,), or one float if the loss is one number.

        Complex logits are passed on as they are, and a complex result is returned.
        """
        self.on_call()
        value = self._returned("loss", self.loss, logits)
        value = value.astype(np.complex128 if value.dtype.kind == "c" else np.float64)
        # The loss of a single row without axes is both the row's loss and that of all rows.
        if value.shape == self.row_shape and self.row_shape:
            return value.reshape(-1)
        if value.size == 1:
            return value.reshape(())[()]
        msg = (
            f"loss returned shape {value.shape}; expected one loss per row, {self.row_shape}, or a "
            "single number."
        )
        if value.shape == self.shape:
            msg += " Sum over the classes, or pass task='binary' if each logit is a row of its own."
        elif self.task == "binary" and value.shape == self.shape[:-1]:
            msg += " Return the losses of the labels before they are added, or the sum of all."
        raise ShapeError(msg, value.shape)

    def gradient(self, logits: Array) -> Array:
        """What `grad` returns, as float64 of shape (rows, classes)."""
        value = self._returned("grad", self.grad, logits)
        if value.shape != self.shape:
            msg = f"grad returned shape {value.shape}; expected the logits' shape, {self.shape}."
            if value.shape == self.shape[::-1]:
                msg += " It is transposed."
            elif value.shape in ((logits.size,), (logits.size, 1)):
                msg += " It is flat: reshape it, with order='F' if it goes class by class."
            raise ValueError(msg)
        if self.task == "classes":
            value = np.moveaxis(value, self.axis, -1)
        return value.astype(np.float64).reshape(-1, self.classes)

    def of_rows(self, rows: Array) -> Problem | None:
        """The same functions at some of the rows; None unless rows run along one axis."""
        along = 1 if self.axis == 0 else 0
        if len(self.row_shape) != 1 or (
            self.targets is not None and self.targets.shape[-1 if along else 0] != len(self.logits)
        ):
            return None
        few = copy.copy(self)
        few.logits = self.logits[rows]
        few.row_shape = (len(rows),)
        few._class_last_shape = few.row_shape + self._class_last_shape[1:]
        few.shape = few._class_last_shape[::-1] if along else few._class_last_shape
        if self.targets is not None and self.given_targets is not None:
            few.targets = np.take(self.targets, rows, axis=-1 if along else 0)
            few.given_targets = np.take(self.given_targets, rows, axis=-1 if along else 0)
        return few

    def row_name(self, row: int) -> str:
        """The row, by its index in the caller's arrays."""
        return row_name(self.row_shape, row)

    def index(self, row: int) -> tuple[int, ...]:
        """Index of the row in the caller's own arrays."""
        return tuple(map(int, np.unravel_index(row, self.row_shape)))

    def place(self, name: str, row: int, column: int) -> str:
        """An entry of an array of the logits' own shape, as the caller would write it."""
        index = list(self.index(row))
        if self.task == "classes":
            index.insert(self.axis, column)
        return entry(name, tuple(index))

    def _as_float64(self, logits: Any) -> Array:
        array = self.framework.to_numpy(logits)
        if array.dtype.kind in "iub" and not isinstance(logits, (int, float, list, tuple)):
            hint = "Are logits and targets swapped?"
            msg = f"logits has dtype {array.dtype}; expected floats. {hint}"
            raise TypeError(msg)
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError):
            msg = f"logits is {logits!r:.60}; expected an array of numbers."
            raise TypeError(msg) from None
        if not array.size:
            msg = f"logits has shape {array.shape}: there is nothing to check."
            raise ValueError(msg)
        return array

    def _returned(self, name: str, function: Callable[..., Any], logits: Array) -> Array:
        """Call a function under test; record the dtype that it returns."""
        with self.framework.keep_float64():
            value = self._called(name, function, logits)
            if value is None or isinstance(value, (tuple, dict, str)):
                expected = "losses, or one loss" if name == "loss" else "the gradient alone"
                what = "None" if value is None else f"a {type(value).__name__}"
                msg = f"{name} returned {what}; expected {expected}."
                raise TypeError(msg)
            array = self.framework.to_numpy(value)
        self.dtypes[name] = str(getattr(value, "dtype", array.dtype)).removeprefix("torch.")
        kinds = "fc" if name == "loss" else "f"
        if array.dtype.kind not in kinds and array.dtype.name != "bfloat16":
            msg = f"{name} returned {array.dtype} of shape {array.shape}; expected floats."
            raise TypeError(msg)
        return array

    def _called(self, name: str, function: Callable[..., Any], logits: Array) -> Any:
        """Call a function under test; its exceptions and warnings are told as its own."""
        arguments = self._arguments(logits)
        if logits.dtype.kind == "c":  # who asked for complex logits reads the exceptions
            return function(*arguments)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                value = function(*arguments)
            except NoGradientError:
                raise
            except Exception as error:
                msg = f"{name} raised {told(error)}."
                raise CallError(msg) from error
        for warning in caught:
            if isinstance(warning.message, Warning) and not _is_of_age(warning.message):
                self.warned[f"{name} warned: {told(warning.message)}."] = None
        return value

    def _arguments(self, logits: Array) -> tuple[Any, ...]:
        """Logits, and targets if there are any, as the caller gave them.

        Every call gets copies, since a function may write to its arguments.
        """
        array = logits.reshape(self._class_last_shape)
        if self.task == "classes":
            array = np.moveaxis(array, -1, self.axis)
        dtype = "complex128" if array.dtype.kind == "c" else self.dtype
        z = self.framework.from_numpy(np.array(array, order="C"), dtype)
        given = self.given_targets
        if given is None:
            return (z,)
        # Soft targets in a wider dtype than the logits would widen the whole computation.
        if given.dtype.kind == "f":
            return z, self.framework.from_numpy(given, self.dtype)
        return z, self.framework.labels_from_numpy(given.copy())


def _is_of_age(warning: Warning) -> bool:
    """Is it about what a library will no longer have, and not about the numbers?"""
    return isinstance(warning, (DeprecationWarning, PendingDeprecationWarning))


def _are_logarithms(targets: Array | None, shape: tuple[int, ...], axis: int) -> bool:
    """Are the targets logarithms of probabilities that sum to 1?"""
    if targets is None or targets.dtype.kind != "f" or targets.shape != shape or not shape:
        return False
    if not -targets.ndim <= axis < targets.ndim or not (targets <= 0).all() or not targets.any():
        return False
    return are_distributions(np.exp(targets), axis, 1e-3)


def task_of(logits: Array, targets: Array | None) -> Task:
    """Binary if targets have the logits' shape and are not rows that sum to 1."""
    if targets is None:
        return "binary" if logits.ndim == 0 else "classes"
    if targets.shape != logits.shape:
        # A column and a row of the same length: binary, with a pair of shapes that broadcasts.
        same = [n for n in targets.shape if n != 1] == [n for n in logits.shape if n != 1]
        return "binary" if same and targets.size == logits.size > 1 else "classes"
    soft = targets.dtype.kind == "f" and are_distributions(targets, -1, 1e-3)
    return "classes" if soft else "binary"
