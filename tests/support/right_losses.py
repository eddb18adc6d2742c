"""Right losses of any number of rows and classes: none of them may ever be called wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import planted
from helpers import import_torch

import xent


class Right(NamedTuple):
    """A loss, its gradient (None: autograd), and what it takes."""

    loss: Callable[..., Any]
    grad: Callable[..., Any] | None
    task: str = "classes"
    library: str = "numpy"
    takes: str = "logits"
    soft: bool = False
    options: Callable[[int], dict[str, Any]] = lambda classes: {}
    largest: float = 100.0
    """Scale of the logits up to which it is right: naive forms overflow."""


def one_hot(z: Any, y: Any) -> Any:
    return np.eye(z.shape[1], dtype=z.dtype)[y]


def gradient(z: Any, y: Any) -> Any:
    return planted.softmax(z) - one_hot(z, y)


def weights(classes: int) -> Any:
    return 0.5 + np.arange(classes) % 3


def by_scipy(z: Any, y: Any) -> Any:
    from scipy import special

    return -special.log_softmax(z, axis=1)[np.arange(len(y)), y]


def by_sklearn(method: str) -> Any:
    def call(z: Any, y: Any) -> Any:
        from sklearn._loss import HalfMultinomialLoss

        found = HalfMultinomialLoss(n_classes=z.shape[1])
        return getattr(found, method)(np.asarray(y, dtype=z.dtype), np.ascontiguousarray(z))

    return call


def by_xent(grad: bool, **options: Any) -> Any:
    def call(z: Any, y: Any) -> Any:
        own = dict(options)
        if own.pop("weighted", False):
            own["class_weight"] = weights(z.shape[1])
        found = xent.cross_entropy(z, y, return_grad=grad, **own)
        return found[1] if grad else found

    return call


def of_probabilities(y_true: Any, y_pred: Any) -> Any:
    return -np.sum(y_true * np.log(y_pred)) / len(y_true)


def sum_of_probabilities(p: Any, y: Any) -> Any:
    return -np.log(np.maximum(p[np.arange(len(y)), y], 1e-15)).sum()


NUMPY = {
    "rows": Right(planted.rows, gradient),
    "mean": Right(planted.mean, lambda z, y: gradient(z, y) / len(y)),
    "sum": Right(lambda z, y: planted.rows(z, y).sum(), gradient),
    "soft, rows": Right(
        lambda z, t: -(t * xent.log_softmax(z)).sum(axis=1),
        lambda z, t: planted.softmax(z) - t, soft=True),
    "divergence": Right(
        lambda z, t: (t * (np.log(t) - xent.log_softmax(z))).sum(axis=1),
        lambda z, t: planted.softmax(z) - t, soft=True),
    "xent, weights": Right(by_xent(False, weighted=True), by_xent(True, weighted=True),
                           options=lambda k: {"class_weight": weights(k)}),
    "xent, smoothing": Right(by_xent(False, label_smoothing=0.1),
                             by_xent(True, label_smoothing=0.1),
                             options=lambda k: {"label_smoothing": 0.1}),
    "probabilities": Right(of_probabilities, lambda t, p: -t / p / len(p), takes="probabilities",
                           largest=1),
    "sum of probabilities": Right(
        sum_of_probabilities, lambda p, y: -one_hot(p, y) / np.maximum(p, 1e-15),
        takes="probabilities", largest=1),
    "binary": Right(planted.binary, planted.slope, "binary"),
    "binary, mean": Right(lambda z, t: planted.binary(z, t).mean(),
                          lambda z, t: planted.slope(z, t) / len(z), "binary"),
    "binary of probabilities": Right(
        lambda y, p: -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)),
        lambda y, p: (p - y) / (p * (1 - p)) / len(p), "binary", takes="probabilities", largest=1),
}  # fmt: skip
SCIPY = {
    "log_softmax": Right(by_scipy, gradient),
    "mean of log_softmax": Right(lambda z, y: by_scipy(z, y).mean(),
                                 lambda z, y: gradient(z, y) / len(y)),
}  # fmt: skip
SKLEARN = {"HalfMultinomialLoss": Right(by_sklearn("loss"), by_sklearn("gradient"))}


def of_torch() -> dict[str, Right]:
    torch = import_torch()
    import torch.nn.functional as F  # noqa: N812

    def weighted(z: Any, y: Any) -> Any:
        return F.cross_entropy(z, y, weight=torch.tensor(weights(z.shape[1]), dtype=z.dtype))

    def with_logits(**options: Any) -> Any:
        return lambda z, t: F.binary_cross_entropy_with_logits(z, t.to(z.dtype), **options)

    def of_sigmoid(z: Any, t: Any) -> Any:
        return F.binary_cross_entropy(z, t.to(z.dtype))

    kind = {"library": "torch"}
    return {
        "cross_entropy": Right(F.cross_entropy, None, **kind),
        "CrossEntropyLoss, sum": Right(torch.nn.CrossEntropyLoss(reduction="sum"), None, **kind),
        "cross_entropy, soft": Right(F.cross_entropy, None, soft=True, **kind),
        "cross_entropy, weights": Right(
            weighted, None, options=lambda k: {"class_weight": weights(k)}, **kind
        ),
        "kl_div": Right(
            lambda z, t: F.kl_div(F.log_softmax(z, 1), t, reduction="batchmean"), None,
            soft=True, **kind,
        ),
        "NLLLoss": Right(torch.nn.NLLLoss(), None, takes="log-probabilities", **kind),
        "BCEWithLogits": Right(with_logits(), None, "binary", **kind),
        "BCEWithLogits, pos_weight": Right(
            with_logits(pos_weight=torch.tensor(3.0)), None, "binary",
            options=lambda k: {"pos_weight": 3.0}, **kind,
        ),
        "BCELoss": Right(of_sigmoid, None, "binary", takes="probabilities", largest=1, **kind),
    }  # fmt: skip


def of_jax() -> dict[str, Right]:
    import jax
    import optax

    def rows(z: Any, y: Any) -> Any:
        return -jax.numpy.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1)[:, 0]

    def hot(z: Any, y: Any) -> Any:
        return jax.nn.one_hot(y, z.shape[1], dtype=z.dtype)

    integer = optax.softmax_cross_entropy_with_integer_labels
    kind = {"library": "jax"}
    return {
        "log_softmax": Right(rows, None, **kind),
        "mean of log_softmax": Right(lambda z, y: rows(z, y).mean(), None, **kind),
        "optax, integer labels": Right(integer, None, **kind),
        "optax, mean": Right(lambda z, y: integer(z, y).mean(), None, **kind),
        "optax, one-hot": Right(
            lambda z, y: optax.softmax_cross_entropy(z, hot(z, y)), None, **kind
        ),
        "optax, soft": Right(optax.softmax_cross_entropy, None, soft=True, **kind),
        "optax, smoothing": Right(
            lambda z, y: optax.softmax_cross_entropy(z, optax.smooth_labels(hot(z, y), 0.1)),
            None, options=lambda k: {"label_smoothing": 0.1}, **kind,
        ),
        "optax, binary": Right(optax.sigmoid_binary_cross_entropy, None, "binary", **kind),
    }  # fmt: skip


def of_keras() -> dict[str, Right]:
    """By PyTorch: without a backend of its own, Keras takes one that is named."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    torch = import_torch()
    from keras import losses

    def turned(loss: Any) -> Any:
        return lambda z, y: loss(y, z)

    def binary(loss: Any) -> Any:
        return lambda z, y: loss(y[:, None].to(z.dtype), z[:, None])

    def hot(loss: Any) -> Any:
        return lambda z, y: loss(torch.nn.functional.one_hot(y, z.shape[1]).to(z.dtype), z)

    kind = {"library": "torch"}
    logits = {"from_logits": True}
    return {
        "SparseCategorical": Right(
            turned(losses.SparseCategoricalCrossentropy(**logits)), None, **kind
        ),
        "SparseCategorical, labels first": Right(
            losses.SparseCategoricalCrossentropy(reduction="sum", **logits), None, **kind
        ),
        "Categorical": Right(hot(losses.CategoricalCrossentropy(**logits)), None, **kind),
        "Categorical, smoothing": Right(
            hot(losses.CategoricalCrossentropy(label_smoothing=0.1, **logits)), None,
            options=lambda k: {"label_smoothing": 0.1}, **kind,
        ),
        "Binary": Right(binary(losses.BinaryCrossentropy(**logits)), None, "binary", **kind),
        "Binary, rows": Right(
            binary(losses.BinaryCrossentropy(reduction="none", **logits)), None, "binary", **kind
        ),
        "SparseCategorical of probabilities": Right(
            losses.SparseCategoricalCrossentropy(), None, takes="probabilities", largest=1, **kind
        ),
    }  # fmt: skip


def softprob(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """As XGBClassifier and LGBMClassifier call an objective: labels first, raw scores."""
    p = planted.softmax(y_pred)
    return p - one_hot(p, y_true), np.maximum(2 * p * (1 - p), 1e-6)


def logistic(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    p = planted.sigmoid(y_pred)
    return p - y_true, p * (1 - p)


def native(predt: Any, label: Any) -> tuple[Any, Any]:
    """As `xgboost.train` calls it, but for the labels, which are those of a DMatrix there."""
    rows, classes = predt.shape
    grad, hess = np.zeros((rows, classes)), np.zeros((rows, classes))
    for r in range(rows):
        e = np.exp(predt[r] - predt[r].max())
        p = e / e.sum()
        grad[r], hess[r] = p, np.maximum(2 * p * (1 - p), 1e-6)
        grad[r, label[r]] -= 1
    return grad, hess


def by_class(preds: Any, label: Any) -> Any:
    """As LightGBM before version 4 called it: flat arrays, class by class."""
    z = preds.reshape(len(label), -1, order="F")
    return softprob(label, z)[0].ravel(order="F")


OBJECTIVES = {
    "classes, labels first": Right(planted.rows, softprob),
    "classes, sum": Right(lambda z, y: planted.rows(z, y).sum(), softprob),
    "classes, by a loop": Right(planted.rows, native),
    "classes, flat": Right(
        planted.rows,
        lambda z, y: by_class(z.ravel(order="F"), y).reshape(z.shape, order="F")),
    "binary, labels first": Right(planted.binary, logistic, "binary"),
    "binary, of margins and labels": Right(
        planted.binary, lambda predt, label: logistic(label, predt), "binary"),
}  # fmt: skip
"""Custom objectives in the forms that the documentation of XGBoost and LightGBM gives."""

LIBRARIES: dict[str, Callable[[], dict[str, Right]]] = {
    "numpy": lambda: NUMPY,
    "scipy": lambda: SCIPY,
    "sklearn": lambda: SKLEARN,
    "torch": of_torch,
    "jax": of_jax,
    "keras": of_keras,
    "objectives": lambda: OBJECTIVES,
}
SHAPES = (
    (1, 2), (1, 10), (2, 2), (2, 5), (3, 3), (5, 1000), (7, 4), (50, 2), (50, 30), (500, 2),
    (500, 10),
)  # fmt: skip
"""Rows and classes."""
COMPILED = ((1, 2), (2, 5), (5, 1000), (50, 30), (500, 2), (500, 10))
"""Those for JAX, which compiles every operation for every shape."""
SCALES = (0.1, 1.0, 10.0, 100.0)


def shapes(library: str, right: Right) -> list[tuple[int, int]]:
    """The rows and classes with which a loss is tried."""
    tried = COMPILED if library == "jax" else SHAPES
    return [shape for shape in tried if shape[1] == 2 or right.task == "classes"]


def check(
    right: Right, rows: int, classes: int, scale: float, dtype: str, seed: int = 0
) -> xent.check.GradientReport:
    """The report on it, with random labels."""
    rng = np.random.default_rng([seed, rows, classes, int(10 * scale)])
    if right.task == "classes":
        z, y = rng.normal(size=(rows, classes)) * scale, rng.integers(classes, size=rows)
    else:
        z, y = rng.normal(size=rows) * scale, rng.integers(2, size=rows)
    z = z.astype(dtype).astype(float)
    if right.soft:
        y = rng.dirichlet(np.ones(classes), size=rows) * 0.999 + 0.001 / classes
    if right.takes != "logits":
        p = planted.sigmoid(z) if right.task == "binary" else planted.softmax(z)
        z = p if right.takes == "probabilities" else xent.log_softmax(z)
    if right.library == "torch":
        import torch

        z, y = torch.tensor(z), torch.tensor(y)
    elif right.library == "jax":
        import jax

        z, y = jax.numpy.asarray(z), jax.numpy.asarray(y)
    task = right.task if rows == 1 or right.soft else None
    return xent.check.gradient(
        right.loss, right.grad, z, y, dtype=dtype, task=task, **right.options(classes)
    )
