"""Right losses of any number of rows and classes: none of them may ever be called wrong."""

from __future__ import annotations

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


LIBRARIES: dict[str, Callable[[], dict[str, Right]]] = {
    "numpy": lambda: NUMPY,
    "scipy": lambda: SCIPY,
    "sklearn": lambda: SKLEARN,
    "torch": of_torch,
}
SHAPES = (
    (1, 2), (1, 10), (2, 2), (2, 5), (3, 3), (5, 1000), (7, 4), (50, 2), (50, 30), (500, 2),
    (500, 10),
)  # fmt: skip
"""Rows and classes."""
SCALES = (0.1, 1.0, 10.0, 100.0)


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
    task = right.task if rows == 1 or right.soft else None
    return xent.check.gradient(
        right.loss, right.grad, z, y, dtype=dtype, task=task, **right.options(classes)
    )
