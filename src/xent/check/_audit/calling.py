"""Calls any implementation of cross-entropy with the arguments that it takes.

These are found by trial: two rows whose loss is known are passed as arrays of NumPy, PyTorch or
JAX, with labels or one-hot rows, scores first or last, logits or (log-)probabilities.
"""

from __future__ import annotations

import copy
import inspect
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, get_args

import numpy as np

from xent.check import conventions, methods
from xent.check._audit.explaining import of_two_rows, simplest, two_rows
from xent.check._audit.implementation import Convention, Implementation
from xent.check.arguments import Task, check_choice
from xent.check.frameworks import framework_of
from xent.check.methods import told

OWN_NAMES = {"weight": "class_weight", "smoothing": "label_smoothing"}
"""xent's names for options that others name differently."""

BINARY_WORDS = ("binary", "sigmoid", "bce", "logistic")
LIBRARIES = {"torch": "torch", "jax": "jax", "optax": "jax", "flax": "jax"}
"""Packages whose functions take the arrays of one library."""


NUMBERS = (4, 2, 5, 6, 7, 8, 9, 10, 12, 16, 20, 26, 32, 64, 100, 200, 1000)
"""Numbers of classes that are tried where three are refused."""


class UncallableError(TypeError):
    """No way was found to call an implementation."""


def implementation(
    function: Any,
    task: Task | None = None,
    *,
    name: str | None = None,
    grad: Callable[..., Any] | None = None,
) -> Implementation:
    """Find out how to call a function, class or module; raises if no way is found."""
    own_grad = grad is None
    function, grad, name = _as_function(function, grad, name)
    if not callable(function):
        msg = f"{name} is {type(function).__name__}, which cannot be called."
        raise UncallableError(msg)
    tasks = [task] if task is not None else _tasks(name)
    for one in tasks:
        check_choice(one, "task", get_args(Task))
    parameters = _parameters(function)
    always = {"from_logits": True} if "from_logits" in parameters else {}
    needs_labels = "labels" in parameters and "y_pred" in parameters
    errors: list[str] = []
    plain = Implementation(
        name, "classes", function, Convention("numpy", "logits", False, False, binary=False),
        always=always, grad=grad, needs_labels=needs_labels, own_grad=own_grad,
    )  # fmt: skip
    if found := _found(plain, tasks, parameters, errors):
        return found
    if "classes" in tasks:  # the number of its classes may be fixed
        for classes in NUMBERS:
            if found := _found(replace(plain, classes=classes), ["classes"], parameters, errors):
                return found
    msg = f"{name}: no way was found to call it on logits and labels. "
    if errors:
        msg += f"The first call raised {errors[0]}. "
    msg += "Wrap it in a function of (logits, labels); task='binary' is for one logit per row."
    raise UncallableError(msg)


def _found(
    plain: Implementation, tasks: list[Task], parameters: list[str], errors: list[str]
) -> Implementation | None:
    """The way of calling in which it is right, or else simplest to explain; None if it never runs.

    A way of calling that runs may still be wrong: probabilities given as logits raise no error. So
    the first one that gives the known losses is taken.
    """
    callable_: list[Implementation] = []
    for one in tasks:
        options = {OWN_NAMES.get(name, name): name for name in parameters}
        if one == "binary" and options.get("class_weight") == "weight":
            del options["class_weight"]  # PyTorch's weighs single entries
        before = len(callable_)
        for convention in _conventions(plain.function, one, parameters):
            if convention.one_row and len(callable_) > before:
                break  # it takes a batch, whose rows may depend on each other
            made = replace(plain, task=one, convention=convention, options=options)
            try:
                if _is_right(made):
                    return _completed(_with_own_arrays(made))
                callable_.append(made)
            except ModuleNotFoundError:
                continue
            except Exception as error:
                errors.append(told(error))
    # If it is wrong, the audit will report it.
    return _completed(simplest(callable_)) if callable_ else None


def _tasks(name: str) -> list[Task]:
    """Both tasks, the one that a name speaks of first."""
    binary = any(word in name.lower() for word in BINARY_WORDS)
    return ["binary", "classes"] if binary else ["classes", "binary"]


def _completed(made: Implementation) -> Implementation:
    """The same, with what its names and its gradient show."""
    misnamed = conventions.names_contradict(made.function, made.convention.plain)
    says = conventions.scores_named(made.function)
    if not conventions.contradicts(says, made.convention.plain):
        says = ""
    made = replace(made, misnamed=misnamed, says=says)
    if made.grad is None or made.convention.takes == "logits":
        return made
    logits, labels = two_rows(made.task, made.classes)
    right = made.reference(logits, labels, reduction="sum", return_grad=True)[1]
    for for_logits_ in (False, True):
        other = replace(made, grad_for_logits=for_logits_)
        try:
            if np.allclose(other.gradients(logits, labels, "float64"), right, rtol=1e-3):
                return other
        except Exception:
            continue
    return replace(made, grad_for_logits=False)


def _as_function(
    function: Any, grad: Callable[..., Any] | None, name: str | None
) -> tuple[Any, Callable[..., Any] | None, str]:
    """Functions of the loss and its gradient, made from a class or an object, and a name."""
    module = str(getattr(function, "__module__", ""))
    title = name or str(getattr(function, "__qualname__", type(function).__name__))
    if name is None and module and not module.startswith("__main__"):
        title = f"{module}:{title}"
    if inspect.isclass(function) and methods.of_a_library(function):
        made: Any = function

        def class_call(z: Any, t: Any, **options: Any) -> Any:
            return made(**options)(z, t)

        class_call.__signature__ = inspect.signature(made)  # type: ignore[attr-defined]
        class_call.__module__ = module
        return class_call, grad, title
    if hasattr(function, "forward") and hasattr(function, "reduction"):
        # An object of a PyTorch module keeps its settings; only the reduction is replaced.
        def object_call(z: Any, t: Any, reduction: str = function.reduction) -> Any:
            own = copy.copy(function)
            own.reduction = reduction
            return own(z, t)

        object_call.__module__ = "torch"
        title = name or f"{type(function).__module__}:{type(function).__name__}"
        return object_call, grad, title
    function = methods.instance(function)
    own = methods.gradient_of(function) if grad is None else grad
    return methods.loss_of(function), own, title


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
    first = bool(parameters) and parameters[0].lower() in conventions.TARGETS
    logs = ["log-probabilities"] if task == "classes" else []
    takes = ["logits", *logs, "probabilities"]
    # The last of these varies fastest. Labels come before one-hot rows, and the order that the
    # parameters' names suggest before the other, since some functions accept both.
    for how in itertools.product(libraries, takes, (first, not first), (False, True)):
        yield Convention(*how, binary=task == "binary")
    if task == "classes" and "numpy" in libraries:
        for takes_, reverse, one_hot in itertools.product(takes, (first, not first), (False, True)):
            yield Convention("numpy", takes_, reverse, one_hot, binary=False, one_row=True)


def _with_own_arrays(found: Implementation) -> Implementation:
    """The same, called with arrays of the library that its answers come from, if that works too.

    JAX's functions take NumPy arrays as well, but only their own arrays have gradients.
    """
    if found.convention.library != "numpy":
        return found
    logits, labels = two_rows(found.task, found.classes)
    answer = found.call(*found.arguments(logits, labels, "float64"), "float64", {})
    convention = replace(found.convention, library=framework_of(answer).name)
    other = replace(found, convention=convention)
    try:
        return other if _is_right(other) else found
    except Exception:
        return found


def _is_right(found: Implementation) -> bool:
    """Does this way of calling give the known losses of two rows, or their mean or sum?"""
    logits, labels = two_rows(found.task, found.classes)
    rows = found.reference(logits, labels, reduction="none")
    value = of_two_rows(found)
    # Wide, so that a loss that rounds or clips passes; other ways of calling are far off.
    expected = [rows] if value.size > 1 else [rows.mean(), rows.sum()]
    return any(bool(np.allclose(value, one, rtol=0.01)) for one in expected)
