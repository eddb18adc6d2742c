"""Calls any implementation of cross-entropy with the arguments that it takes.

These are found by trial: two rows whose loss is known are passed as arrays of NumPy, PyTorch or
JAX, with labels or one-hot rows, scores first or last, logits or (log-)probabilities.
"""

from __future__ import annotations

import copy
import inspect
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, get_args

import numpy as np

from xent._engine.cpu import numpy_only
from xent._validation import Array
from xent.check._audit.vectors import Group
from xent.check.arguments import Task, check_choice
from xent.check.frameworks import Framework, framework, framework_of
from xent.functions import log_softmax, sigmoid
from xent.losses import binary_cross_entropy, cross_entropy

OWN_NAMES = {"weight": "class_weight", "smoothing": "label_smoothing"}
"""xent's names for options that others name differently."""

TARGETS_FIRST = ("y_true", "y", "target", "targets", "label", "labels")
BINARY_WORDS = ("binary", "sigmoid", "bce", "logistic")
LIBRARIES = {"torch": "torch", "jax": "jax", "optax": "jax", "flax": "jax"}
"""Packages whose functions take the arrays of one library."""


class UncallableError(TypeError):
    """No way was found to call an implementation."""


@dataclass(frozen=True)
class Convention:
    """How a function is called."""

    library: str
    takes: str
    targets_first: bool
    one_hot: bool
    binary: bool

    def __str__(self) -> str:
        first, second = self.takes, "labels"
        if self.one_hot:
            second = "float targets" if self.binary else "one-hot targets"
        if self.targets_first:
            first, second = second, first
        library = {"numpy": "NumPy", "torch": "PyTorch", "jax": "JAX"}[self.library]
        return f"({first}, {second}) as {library} arrays"


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
        answers = compute(group.logits, group.labels, group.dtype)
        return np.ravel(answers).tolist(), np.ravel(getattr(group, what)).tolist()

    def _gradient(self, logits: Array, targets: Array, dtype: str) -> Any:
        z, t = self.arguments(logits, targets, dtype)
        if self.grad is not None:
            return self.grad(z, t)
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
        order = (t, z) if self.convention.targets_first else (z, t)
        return self.function(*order, **named)

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
        if self.convention.takes == "logits":
            return z
        binary = self.task == "binary"
        logs = self.convention.takes == "log-probabilities"
        if self.convention.library == "torch":
            return z.sigmoid() if binary else z.log_softmax(-1) if logs else z.softmax(-1)
        if self.convention.library == "jax":
            import jax

            softmax = jax.nn.log_softmax if logs else jax.nn.softmax
            return jax.nn.sigmoid(z) if binary else softmax(z)
        if binary:
            return sigmoid(z)
        return log_softmax(z) if logs else np.exp(log_softmax(z))


def implementation(
    function: Any,
    task: Task | None = None,
    *,
    name: str | None = None,
    grad: Callable[..., Any] | None = None,
) -> Implementation:
    """Find out how to call a function, class or module; raises if no way is found."""
    function, name = _as_function(function, name)
    if not callable(function):
        msg = f"{name} is {type(function).__name__}, which cannot be called."
        raise UncallableError(msg)
    if task is None:
        task = "binary" if any(word in name.lower() for word in BINARY_WORDS) else "classes"
    check_choice(task, "task", get_args(Task))
    parameters = _parameters(function)
    options = {OWN_NAMES.get(name, name): name for name in parameters}
    if task == "binary" and options.get("class_weight") == "weight":
        del options["class_weight"]  # PyTorch's weighs single entries
    always = {"from_logits": True} if "from_logits" in parameters else {}
    needs_labels = "labels" in parameters and "y_pred" in parameters
    errors, callable_ = [], []
    # A way of calling that runs may still be wrong: probabilities given as logits raise no error.
    # So the first one that gives the known losses is taken.
    for convention in _conventions(function, task, parameters):
        made = Implementation(name, task, function, convention, options, always, grad, needs_labels)
        try:
            if _is_right(made):
                return _with_own_arrays(made)
            callable_.append(made)
        except ModuleNotFoundError:
            continue
        except Exception as error:
            errors.append(f"{type(error).__name__}: {error}")
    if callable_:  # it is wrong, and the audit will report it
        return callable_[0]
    msg = f"{name}: no way was found to call it on logits and labels. "
    if errors:
        msg += f"The first call raised {errors[0]:.200} "
    msg += "Wrap it in a function of (logits, labels); task='binary' is for one logit per row."
    raise UncallableError(msg)


def _as_function(function: Any, name: str | None) -> tuple[Any, str]:
    """A function made from a class or a module object, and its name."""
    module = str(getattr(function, "__module__", ""))
    title = name or str(getattr(function, "__qualname__", type(function).__name__))
    if name is None and module and not module.startswith("__main__"):
        title = f"{module}:{title}"
    if inspect.isclass(function) and (hasattr(function, "forward") or hasattr(function, "call")):
        made: Any = function

        def class_call(z: Any, t: Any, **options: Any) -> Any:
            return made(**options)(z, t)

        class_call.__signature__ = inspect.signature(made)  # type: ignore[attr-defined]
        class_call.__module__ = module
        return class_call, title
    if hasattr(function, "forward") and hasattr(function, "reduction"):
        # An object of a PyTorch module keeps its settings; only the reduction is replaced.
        def object_call(z: Any, t: Any, reduction: str = function.reduction) -> Any:
            own = copy.copy(function)
            own.reduction = reduction
            return own(z, t)

        object_call.__module__ = "torch"
        return object_call, name or f"{type(function).__module__}:{type(function).__name__}"
    return function, title


def _parameters(function: Any) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []


def _conventions(function: Any, task: Task, parameters: list[str]) -> Iterator[Convention]:
    """Ways to call a function, the likeliest first."""
    root = str(getattr(function, "__module__", "")).partition(".")[0]
    if root == "keras":  # its functions take the arrays of the backend that is configured
        import keras

        libraries = [LIBRARIES.get(keras.config.backend(), "numpy")]
    else:
        libraries = [LIBRARIES[root]] if root in LIBRARIES else ["numpy", "torch", "jax"]
    first = bool(parameters) and parameters[0] in TARGETS_FIRST
    logs = ["log-probabilities"] if task == "classes" else []
    takes = ["logits", *logs, "probabilities"]
    # The last of these varies fastest. Labels come before one-hot rows, and the order that the
    # parameters' names suggest before the other, since some functions accept both.
    for how in itertools.product(libraries, takes, (first, not first), (False, True)):
        yield Convention(*how, binary=task == "binary")


def _with_own_arrays(found: Implementation) -> Implementation:
    """The same, called with arrays of the library that its answers come from, if that works too.

    JAX's functions take NumPy arrays as well, but only their own arrays have gradients.
    """
    if found.convention.library != "numpy":
        return found
    logits, labels = _two_rows(found.task)
    answer = found.call(*found.arguments(logits, labels, "float64"), "float64", {})
    convention = replace(found.convention, library=framework_of(answer).name)
    other = replace(found, convention=convention)
    try:
        return other if _is_right(other) else found
    except Exception:
        return found


def _two_rows(task: Task) -> tuple[Array, Array]:
    if task == "binary":
        return np.array([1.5, 0.25]), np.array([1, 0])
    return np.array([[2.0, 1.0, 0.25], [0.5, 1.5, -1.0]]), np.array([0, 2])


def _is_right(found: Implementation) -> bool:
    """Does this way of calling give the known losses of two rows, or their mean?"""
    logits, labels = _two_rows(found.task)
    expected = found.reference(logits, labels, reduction="none")
    value = found.value(logits, labels, "float64").astype(np.float64)
    if value.size not in (1, 2):
        msg = f"it returned shape {value.shape} for two rows"
        raise ValueError(msg)
    expected = expected if value.size > 1 else expected.mean()
    # Wide, so that a loss that rounds or clips passes; other ways of calling are far off.
    return bool(np.allclose(value.ravel(), expected, rtol=0.01))
