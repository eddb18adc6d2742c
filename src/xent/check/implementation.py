"""Any implementation of cross-entropy, called in its own way.

How a function wants to be called is found out by calling it on two rows whose loss is known: with
arrays of NumPy, PyTorch or JAX, labels or one-hot rows, scores first or last, logits or (log-)
probabilities.
"""

from __future__ import annotations

import copy
import inspect
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from xent._engine.cpu import numpy_only
from xent._validation import Array
from xent.check.frameworks import Framework, framework, framework_of
from xent.check.problem import Kind
from xent.functions import log_softmax, sigmoid
from xent.losses import binary_cross_entropy, cross_entropy

OPTIONS = {
    "reduction": ("reduction",),
    "class_weight": ("class_weight", "weight"),
    "pos_weight": ("pos_weight",),
    "label_smoothing": ("label_smoothing", "smoothing"),
    "ignore_index": ("ignore_index",),
}
"""What xent calls an option, and what others do."""

TARGETS_FIRST = ("y_true", "y", "target", "targets", "label", "labels")
LIBRARIES = {"torch": "torch", "jax": "jax", "optax": "jax", "flax": "jax"}
"""Packages whose functions take the arrays of a library."""


class UncallableError(TypeError):
    """No way was found to call an implementation."""


@dataclass(frozen=True)
class Convention:
    """How a function is called."""

    library: str
    one_hot: bool = False
    targets_first: bool = False
    takes: str = "logits"
    binary: bool = False

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
    """A function of logits and labels, however the real one wants them."""

    name: str
    kind: Kind
    function: Callable[..., Any]
    how: Convention
    options: dict[str, str] = field(default_factory=dict)
    """Options that it has, by xent's names."""
    fixed: dict[str, Any] = field(default_factory=dict)
    """Arguments that it always gets."""
    grad: Callable[..., Any] | None = None
    wants_classes: bool = False
    """Must it be told which labels there are?"""

    @property
    def library(self) -> Framework:
        """The array library that it computes with."""
        return framework(self.how.library)

    @property
    def has_gradient(self) -> bool:
        """Does it give gradients, by autograd or by itself?"""
        return (
            self.grad is not None
            or self.library.autograd is not None
            or "return_grad" in self.options
        )

    def value(self, logits: Array, targets: Array, dtype: str, **options: Any) -> Array:
        """What it returns, as NumPy has it."""
        with self.library.wide(), np.errstate(all="ignore"), numpy_only():
            z, t = self.arguments(logits, targets, dtype)
            return np.asarray(self.library.get(self.call(z, t, dtype, options)))

    def losses(self, logits: Array, targets: Array, dtype: str, **options: Any) -> Array:
        """One loss per row; row by row if it only knows means."""
        rows = len(logits)
        value = self.value(logits, targets, dtype, **self._reduced("none"), **options)
        if value.shape == targets.shape[:1] and (rows > 1 or value.ndim):
            return value.astype(np.float64)
        if rows == 1:
            if value.size != 1:
                msg = f"it returned shape {value.shape} for one row."
                raise ValueError(msg)
            return value.reshape(1).astype(np.float64)
        parts = [
            self.losses(logits[i : i + 1], targets[i : i + 1], dtype, **options)
            for i in range(rows)
        ]
        return np.concatenate(parts)

    def gradients(self, logits: Array, targets: Array, dtype: str, **options: Any) -> Array:
        """Gradient of each row's loss for its own logits."""
        rows = [
            self._gradient(logits[i : i + 1], targets[i : i + 1], dtype, options)
            for i in range(len(logits))
        ]
        return np.concatenate(rows).reshape(logits.shape).astype(np.float64)

    def _gradient(
        self, logits: Array, targets: Array, dtype: str, options: dict[str, Any]
    ) -> Array:
        library = self.library
        with library.wide(), np.errstate(all="ignore"), numpy_only():
            if library.autograd is not None and self.grad is None:
                z, t = library.put(logits, dtype), self.targets(targets, logits, dtype)

                def loss(scores: Any) -> Any:
                    return self.call(self._scores(scores), t, dtype, options).sum()

                return np.asarray(library.get(library.autograd(loss)(z)))
            z, t = self.arguments(logits, targets, dtype)
            if self.grad is not None:
                return np.asarray(library.get(self.grad(z, t)))
            more = {**self._named(options, dtype), **self.fixed, "return_grad": True}
            return np.asarray(self.function(z, t, **more)[1])

    def call(self, z: Any, t: Any, dtype: str, options: dict[str, Any]) -> Any:
        """Call it with scores and targets that are ready for it."""
        named = {**self._named(options, dtype), **self.fixed}
        if self.wants_classes:
            named["labels"] = range(2 if self.kind == "binary" else z.shape[-1])
        order = (t, z) if self.how.targets_first else (z, t)
        return self.function(*order, **named)

    def _named(self, options: dict[str, Any], dtype: str) -> dict[str, Any]:
        """Options by the function's own names; arrays in its library."""
        named = {}
        for name, value in options.items():
            array = isinstance(value, np.ndarray)
            named[self.options[name]] = self.library.put(value, dtype) if array else value
        return named

    def _reduced(self, reduction: str) -> dict[str, str]:
        return {"reduction": reduction} if "reduction" in self.options else {}

    def arguments(self, logits: Array, targets: Array, dtype: str) -> tuple[Any, Any]:
        """Scores and targets as it wants them."""
        z = self._scores(self.library.put(logits, dtype))
        return z, self.targets(targets, logits, dtype)

    def targets(self, targets: Array, logits: Array, dtype: str) -> Any:
        """Targets as it wants them."""
        if self.kind == "binary":
            floats = self.how.one_hot or targets.dtype.kind == "f"
            return self.library.put(targets, dtype) if floats else self.library.labels(targets)
        if not self.how.one_hot or targets.dtype.kind == "f":
            return self.library.labels(targets)
        return self.library.put(np.eye(logits.shape[-1])[targets], dtype)

    def _scores(self, z: Any) -> Any:
        """Logits as what it takes, by its own library, so that gradients pass through."""
        if self.how.takes == "logits":
            return z
        binary, logs = self.kind == "binary", self.how.takes == "log-probabilities"
        if self.how.library == "torch":
            return z.sigmoid() if binary else z.log_softmax(-1) if logs else z.softmax(-1)
        if self.how.library == "jax":
            import jax

            one = jax.nn.log_softmax if logs else jax.nn.softmax
            return jax.nn.sigmoid(z) if binary else one(z)
        log_p = log_softmax(z) if not binary else None
        return sigmoid(z) if log_p is None else log_p if logs else np.exp(log_p)


def implementation(
    function: Any,
    kind: Kind | None = None,
    *,
    name: str | None = None,
    grad: Callable[..., Any] | None = None,
) -> Implementation:
    """Find out how a function, class or module is called; or say that no way was found."""
    function, name = _called(function, name)
    if not callable(function):
        msg = f"{name} is {type(function).__name__}, which cannot be called."
        raise UncallableError(msg)
    if kind not in (None, "classes", "binary"):
        msg = f"kind is {kind!r}; expected 'classes' or 'binary'."
        raise ValueError(msg)
    kind = kind or ("binary" if _sounds_binary(name) else "classes")
    parameters = _parameters(function)
    options = {
        own: next(other for other in others if other in parameters)
        for own, others in OPTIONS.items()
        if any(other in parameters for other in others)
    }
    if kind == "binary" and options.get("class_weight") == "weight":
        del options["class_weight"]  # PyTorch's weighs single entries
    if "return_grad" in parameters:
        options["return_grad"] = "return_grad"
    fixed = {"from_logits": True} if "from_logits" in parameters else {}
    said, callable_ = [], []
    for how in _conventions(function, kind, parameters):
        wants = "labels" in parameters and "y_pred" in parameters
        found = Implementation(name, kind, function, how, options, fixed, grad, wants)
        try:
            near = _works(found)
        except ModuleNotFoundError:
            continue
        except Exception as error:
            said.append(f"{type(error).__name__}: {error}")
            continue
        if near:
            return _at_home(found)
        callable_.append(found)
    if callable_:  # and wrong: an audit is there to say so
        return callable_[0]
    msg = f"{name}: no way was found to call it on logits and labels. "
    if said:
        msg += f"The first call said: {said[0]:.200} "
    msg += "Wrap it in a function of (logits, labels); kind='binary' is for one logit per row."
    raise UncallableError(msg)


def _called(function: Any, name: str | None) -> tuple[Any, str]:
    """A function for a class or an object that holds one, and its name."""
    title = name or str(getattr(function, "__qualname__", type(function).__name__))
    module = str(getattr(function, "__module__", ""))
    if name is None and module and not module.startswith("__main__"):
        title = f"{module}:{title}"
    if inspect.isclass(function) and (hasattr(function, "forward") or hasattr(function, "call")):
        made: Any = function

        def module_call(z: Any, t: Any, **options: Any) -> Any:
            return made(**options)(z, t)

        module_call.__signature__ = inspect.signature(made)  # type: ignore[attr-defined]
        module_call.__module__ = module
        return module_call, title
    if hasattr(function, "forward") and hasattr(function, "reduction"):
        title = name or f"{type(function).__module__}:{type(function).__name__}"

        def object_call(z: Any, t: Any, reduction: str = function.reduction) -> Any:
            own = copy.copy(function)
            own.reduction = reduction
            return own(z, t)

        object_call.__module__ = "torch"
        return object_call, title
    return function, title


def _sounds_binary(name: str) -> bool:
    low = name.lower()
    return any(word in low for word in ("binary", "sigmoid", "bce", "logistic"))


def _parameters(function: Any) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []


def _conventions(function: Any, kind: Kind, parameters: list[str]) -> Iterator[Convention]:
    """Ways to call a function, the likeliest first."""
    root = str(getattr(function, "__module__", "")).partition(".")[0]
    if root == "keras":
        import keras

        libraries = [LIBRARIES.get(keras.config.backend(), "numpy")]
    else:
        libraries = [LIBRARIES[root]] if root in LIBRARIES else ["numpy", "torch", "jax"]
    first = bool(parameters) and parameters[0] in TARGETS_FIRST
    takes = ["logits", "probabilities"]
    if kind == "classes":
        takes.insert(1, "log-probabilities")
    for library, given, swapped, one_hot in itertools.product(
        libraries, takes, (first, not first), (False, True)
    ):
        yield Convention(library, one_hot, swapped, given, kind == "binary")


def _at_home(found: Implementation) -> Implementation:
    """The same called with arrays of the library that its answers are from, if that works too.

    JAX's functions take NumPy arrays as well; but their own have gradients.
    """
    if found.how.library != "numpy":
        return found
    logits = np.array([1.0, 2.0]) if found.kind == "binary" else np.array([[1.0, 2.0], [3.0, 4.0]])
    answer = found.call(*found.arguments(logits, np.array([0, 1]), "float64"), "float64", {})
    other = replace(found, how=replace(found.how, library=framework_of(answer).name))
    try:
        return other if _works(other) else found
    except Exception:
        return found


def _works(found: Implementation) -> bool:
    """Does this way of calling give the known losses of two rows (or their mean)?"""
    logits = np.array([[2.0, 1.0, 0.25], [0.5, 1.5, -1.0]])
    labels = np.array([0, 2])
    if found.kind == "binary":
        logits, labels = np.array([1.5, 0.25]), np.array([1, 0])
        due = binary_cross_entropy(logits, labels, reduction="none")
    else:
        due = cross_entropy(logits, labels, reduction="none")
    value = found.value(logits, labels, "float64").astype(np.float64)
    if value.size not in (1, 2):
        msg = f"it returned shape {value.shape} for two rows"
        raise ValueError(msg)
    return bool(np.allclose(value.ravel(), due if value.size > 1 else due.mean(), rtol=0.01))
