"""Right losses and gradients by every library at hand: none of them may ever be called wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import planted
from helpers import import_torch

import xent


class Correct(NamedTuple):
    """A loss and its gradient (None: autograd), and what its arrays and options are."""

    name: str
    loss: Callable[..., Any]
    grad: Callable[..., Any] | None
    library: str = "numpy"
    task: str = "classes"
    options: dict[str, Any] = {}  # noqa: RUF012
    largest: float = 100.0
    """Scale of the logits up to which it is right: naive forms overflow."""


WEIGHTS = np.array([1.0, 2.0, 0.5, 3.0, 1.5])


def numpy_losses() -> list[Correct]:
    def naive(z: Any, y: Any) -> Any:
        return -np.log(planted.softmax(z)[np.arange(len(z)), y])

    def from_probability(z: Any, t: Any) -> Any:
        p = planted.sigmoid(z)
        return -t * np.log(p) - (1 - t) * np.log(1 - p)

    def by_xent(z: Any, y: Any) -> Any:
        return xent.cross_entropy(z, y, reduction="none")

    return [
        Correct("log-sum-exp", planted.rows, planted.right),
        Correct("mean of log-sum-exp", planted.mean,
                lambda z, y: planted.right(z, y) / len(y)),
        Correct("sum of log-sum-exp", lambda z, y: planted.rows(z, y).sum(), planted.right),
        Correct("-log(softmax)", naive, planted.right, largest=10),
        Correct("xent", by_xent, lambda z, y: planted.right(z, y)),
        Correct("xent, mean", xent.cross_entropy,
                lambda z, y: xent.cross_entropy(z, y, return_grad=True)[1]),
        Correct("xent, smoothing and weights",
                lambda z, y: xent.cross_entropy(z, y, label_smoothing=0.1, class_weight=WEIGHTS),
                lambda z, y: xent.cross_entropy(z, y, label_smoothing=0.1, class_weight=WEIGHTS,
                                                return_grad=True)[1],
                options={"label_smoothing": 0.1, "class_weight": WEIGHTS}),
        Correct("xent, z-loss and softcap",
                lambda z, y: xent.cross_entropy(z, y, softcap=20.0, z_loss=0.01, reduction="none"),
                lambda z, y: xent.cross_entropy(z, y, softcap=20.0, z_loss=0.01, reduction="sum",
                                                return_grad=True)[1],
                options={"softcap": 20.0, "z_loss": 0.01}),
        Correct("xent, mean with z-loss and weights",
                lambda z, y: xent.cross_entropy(z, y, z_loss=0.01, class_weight=WEIGHTS),
                lambda z, y: xent.cross_entropy(z, y, z_loss=0.01, class_weight=WEIGHTS,
                                                return_grad=True)[1],
                options={"z_loss": 0.01, "class_weight": WEIGHTS}),
        Correct("logaddexp", planted.binary, planted.slope, task="binary"),
        Correct("-log(sigmoid)", from_probability, planted.slope, task="binary", largest=1),
        Correct("xent, binary", xent.binary_cross_entropy,
                lambda z, t: xent.binary_cross_entropy(z, t, return_grad=True)[1], task="binary"),
    ]  # fmt: skip


def torch_losses() -> list[Correct]:
    torch = import_torch()
    import torch.nn.functional as F  # noqa: N812

    weight = torch.tensor(WEIGHTS)

    def cross_entropy(**options: Any) -> Any:
        def loss(z: Any, y: Any) -> Any:
            given = dict(options)
            if "weight" in given:
                given["weight"] = given["weight"].to(z.dtype)
            return F.cross_entropy(z, y, **given)

        return loss

    def with_logits(**options: Any) -> Any:
        return lambda z, t: F.binary_cross_entropy_with_logits(z, t.to(z.dtype), **options)

    def nll(z: Any, y: Any) -> Any:
        return F.nll_loss(torch.log_softmax(z, dim=1), y)

    smooth = {"label_smoothing": 0.1}
    return [
        Correct("F.cross_entropy", cross_entropy(), None, "torch"),
        Correct("F.cross_entropy, rows", cross_entropy(reduction="none"), None, "torch"),
        Correct("F.cross_entropy, sum", cross_entropy(reduction="sum"), None, "torch"),
        Correct("F.cross_entropy, smoothing", cross_entropy(**smooth), None, "torch",
                options=smooth),
        Correct("F.cross_entropy, weights", cross_entropy(weight=weight), None, "torch",
                options={"class_weight": WEIGHTS}),
        Correct("F.nll_loss of log_softmax", nll, None, "torch"),
        Correct("nn.CrossEntropyLoss", torch.nn.CrossEntropyLoss(), None, "torch"),
        Correct("F.binary_cross_entropy_with_logits", with_logits(), None, "torch", "binary"),
        Correct("the same, rows", with_logits(reduction="none"), None, "torch", "binary"),
        Correct("the same, pos_weight", with_logits(pos_weight=torch.tensor(3.0)), None, "torch",
                "binary", {"pos_weight": 3.0}),
        Correct("F.binary_cross_entropy of sigmoid",
                lambda z, t: F.binary_cross_entropy(z.sigmoid(), t.to(z.dtype)), None, "torch",
                "binary", largest=1),
    ]  # fmt: skip


def scipy_losses() -> list[Correct]:
    from scipy import special

    def rows(z: Any, y: Any) -> Any:
        return -special.log_softmax(z, axis=1)[np.arange(len(y)), y]

    def grad(z: Any, y: Any) -> Any:
        return special.softmax(z, axis=1) - np.eye(z.shape[1])[y]

    return [
        Correct("log_softmax", rows, grad),
        Correct("logsumexp", lambda z, y: special.logsumexp(z, 1) - z[np.arange(len(y)), y], grad),
        Correct("mean of log_softmax", lambda z, y: rows(z, y).mean(),
                lambda z, y: grad(z, y) / len(y)),
        Correct("log_expit", lambda z, t: -special.log_expit(np.where(t == 1, z, -z)),
                lambda z, t: special.expit(z) - t, task="binary"),
    ]  # fmt: skip


def sklearn_losses() -> list[Correct]:
    from sklearn._loss import HalfBinomialLoss, HalfMultinomialLoss

    binary, classes = HalfBinomialLoss(), HalfMultinomialLoss(n_classes=5)

    def by(method: Any) -> Any:
        return lambda z, y: method(np.asarray(y, dtype=z.dtype), np.ascontiguousarray(z))

    return [
        Correct("HalfMultinomialLoss", by(classes.loss), by(classes.gradient)),
        Correct("HalfBinomialLoss", by(binary.loss), by(binary.gradient), task="binary"),
    ]


def jax_losses() -> list[Correct]:
    import jax
    import optax

    def rows(z: Any, y: Any) -> Any:
        return -jax.nn.log_softmax(z)[jax.numpy.arange(len(y)), y]

    integer = optax.softmax_cross_entropy_with_integer_labels
    return [
        Correct("jax.nn.log_softmax", rows, None, "jax"),
        Correct("optax, integer labels", integer, None, "jax"),
        Correct("optax, mean", lambda z, y: integer(z, y).mean(), None, "jax"),
        Correct("optax, one-hot",
                lambda z, y: optax.softmax_cross_entropy(z, jax.nn.one_hot(y, 5, dtype=z.dtype)),
                None, "jax"),
        Correct("optax, binary", optax.sigmoid_binary_cross_entropy, None, "jax", "binary"),
        Correct("jitted", jax.jit(rows), None, "jax"),
    ]  # fmt: skip


LIBRARIES = {
    "numpy": numpy_losses,
    "torch": torch_losses,
    "scipy": scipy_losses,
    "sklearn": sklearn_losses,
    "jax": jax_losses,
}


def check(correct: Correct, scale: float, dtype: str, rows: int) -> xent.check.GradientReport:
    """The report on it, at logits of this scale."""
    rng = np.random.default_rng(rows)
    if correct.task == "classes":
        logits, targets = rng.normal(size=(rows, 5)) * scale, rng.integers(5, size=rows)
    else:
        logits, targets = rng.normal(size=rows) * scale, rng.integers(2, size=rows)
    if correct.library == "torch":
        import torch

        logits, targets = torch.tensor(logits), torch.tensor(targets)
    elif correct.library == "jax":
        import jax

        logits, targets = jax.numpy.asarray(logits), jax.numpy.asarray(targets)
    return xent.check.gradient(
        correct.loss, correct.grad, logits, targets, dtype=dtype, **correct.options
    )
