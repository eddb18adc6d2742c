"""The same losses by xent and its peers, each asked in its own most direct way.

A peer turns logits and labels into a `Problem`; what is converted there is not timed later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

import machine
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - everyone's name for it
from scipy import special
from sklearn._loss import HalfBinomialLoss, HalfMultinomialLoss

import xent
from xent._engine import cpu

Array = npt.NDArray[Any]


class Problem(NamedTuple):
    """One batch with hard labels, ready to be computed."""

    losses: Callable[[], Array]
    """One loss per row."""
    gradient: Callable[[], Array]
    """Gradient of the sum of the losses."""
    mean: Callable[[], float]
    """Mean loss."""
    mean_and_gradient: Callable[[], tuple[float, Array]]
    """Mean loss and its gradient, as a training step wants them."""


class Peer(NamedTuple):
    """A library: its name in the tables, and its two losses."""

    name: str
    classes: Callable[[Array, Array], Problem]
    binary: Callable[[Array, Array], Problem]


def xent_classes(z: Array, labels: Array) -> Problem:
    return _xent(xent.cross_entropy, z, labels)


def xent_binary(z: Array, labels: Array) -> Problem:
    return _xent(xent.binary_cross_entropy, z, labels)


def _xent(loss: Callable[..., Any], z: Array, labels: Array) -> Problem:
    return Problem(
        lambda: np.asarray(loss(z, labels, reduction="none")),
        lambda: np.asarray(loss(z, labels, reduction="sum", return_grad=True)[1]),
        lambda: float(loss(z, labels)),
        lambda: loss(z, labels, return_grad=True),
    )


def by(engine: Callable[[], AbstractContextManager[None]], peer: Peer, name: str) -> Peer:
    """The peer with all its calls made inside a context."""

    def inside(call: Callable[[], Any]) -> Callable[[], Any]:
        def made() -> Any:
            with engine():
                return call()

        return made

    def of(make: Callable[[Array, Array], Problem]) -> Callable[[Array, Array], Problem]:
        return lambda z, labels: Problem(*map(inside, make(z, labels)))

    return Peer(name, of(peer.classes), of(peer.binary))


@contextmanager
def kernels_always() -> Iterator[None]:
    """Let xent's kernels compute arrays of any size."""
    before, cpu.SMALLEST = cpu.SMALLEST, 1
    try:
        yield
    finally:
        cpu.SMALLEST = before


def torch_classes(z: Array, labels: Array) -> Problem:
    return _torch(F.cross_entropy, z, torch.from_numpy(labels))


def torch_binary(z: Array, labels: Array) -> Problem:
    return _torch(F.binary_cross_entropy_with_logits, z, tensor(labels.astype(z.dtype)))


def compiled_classes(z: Array, labels: Array) -> Problem:
    return _torch(_compiled(F.cross_entropy), z, torch.from_numpy(labels))


def compiled_binary(z: Array, labels: Array) -> Problem:
    loss = _compiled(F.binary_cross_entropy_with_logits)
    return _torch(loss, z, tensor(labels.astype(z.dtype)))


def _compiled(loss: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    torch.compiler.reset()  # each shape gets code of its own, not one for any shape
    return torch.compile(loss, dynamic=False)


def tensor(array: Array) -> torch.Tensor:
    """The array's memory as a tensor, also for bfloat16."""
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.uint16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def _torch(loss: Callable[..., torch.Tensor], z: Array, targets: torch.Tensor) -> Problem:
    logits = tensor(z)

    def value_and_gradient(reduction: str) -> tuple[float, Any]:
        leaf = logits.detach().requires_grad_()
        value = loss(leaf, targets, reduction=reduction)
        (gradient,) = torch.autograd.grad(value, leaf)
        return float(value.detach()), gradient if z.dtype.name == "bfloat16" else gradient.numpy()

    return Problem(
        lambda: loss(logits, targets, reduction="none").numpy(),
        lambda: value_and_gradient("sum")[1],
        lambda: float(loss(logits, targets)),
        lambda: value_and_gradient("mean"),
    )


def scipy_classes(z: Array, labels: Array) -> Problem:
    rows = np.arange(len(z))

    def losses() -> Array:
        return np.asarray(-special.log_softmax(z, axis=1)[rows, labels])

    def gradient() -> Array:
        result: Array = special.softmax(z, axis=1)
        result[rows, labels] -= 1
        return result

    return _from_rows(losses, gradient)


def scipy_binary(z: Array, labels: Array) -> Problem:
    targets = labels.astype(z.dtype)
    signs = 2 * targets - 1
    return _from_rows(
        lambda: np.asarray(-special.log_expit(signs * z)),
        lambda: np.asarray(special.expit(z) - targets),
    )


def sklearn_classes(z: Array, labels: Array) -> Problem:
    return _sklearn(HalfMultinomialLoss(n_classes=z.shape[1]), z, labels)


def sklearn_binary(z: Array, labels: Array) -> Problem:
    # Half the binomial *deviance*, which is the whole log loss: nothing to double.
    return _sklearn(HalfBinomialLoss(), z, labels)


def _sklearn(loss: Any, z: Array, labels: Array) -> Problem:
    targets = labels.astype(z.dtype)
    cores = machine.cores()

    def mean_and_gradient() -> tuple[float, Array]:
        # Its own combined pass; the gradient is left undivided, as scikit-learn's solvers take it.
        losses, gradient = loss.loss_gradient(targets, z, n_threads=cores)
        return float(losses.mean()), gradient

    return Problem(
        lambda: np.asarray(loss.loss(targets, z)),
        lambda: np.asarray(loss.gradient(targets, z)),
        lambda: float(loss.loss(targets, z, n_threads=cores).mean()),
        mean_and_gradient,
    )


def jax_classes(z: Array, labels: Array) -> Problem:
    def loss(logits: Any, targets: Any) -> Any:
        import jax

        shares = jax.nn.log_softmax(logits, axis=1)
        return -jax.numpy.take_along_axis(shares, targets[:, None], axis=1)[:, 0]

    return _jax(loss, z, labels.astype(np.int32))


def jax_binary(z: Array, labels: Array) -> Problem:
    def loss(logits: Any, targets: Any) -> Any:
        import jax

        # As optax.sigmoid_binary_cross_entropy has it.
        return -targets * jax.nn.log_sigmoid(logits) - (1 - targets) * jax.nn.log_sigmoid(-logits)

    return _jax(loss, z, labels.astype(z.dtype))


def _jax(loss: Callable[[Any, Any], Any], z: Array, targets: Array) -> Problem:
    import jax

    jax.config.update("jax_enable_x64", True)
    logits, held = jax.numpy.asarray(z), jax.numpy.asarray(targets)
    rows = jax.jit(loss)
    mean = jax.jit(lambda a, b: loss(a, b).mean())
    total = jax.jit(jax.grad(lambda a, b: loss(a, b).sum()))
    both = jax.jit(jax.value_and_grad(lambda a, b: loss(a, b).mean()))
    return Problem(
        lambda: np.asarray(rows(logits, held)),
        lambda: np.asarray(total(logits, held)),
        lambda: float(mean(logits, held)),
        lambda: jax.block_until_ready(both(logits, held)),
    )


def numpy_classes(z: Array, labels: Array) -> Problem:
    """The usual stable formula, log-sum-exp less the label's logit, in the logits' own dtype."""
    rows = np.arange(len(z))

    def exponentials() -> tuple[Array, Array, Array]:
        shifted = z - z.max(axis=1, keepdims=True)
        e = np.exp(shifted)
        return shifted, e, e.sum(axis=1)

    def losses() -> Array:
        shifted, _, sums = exponentials()
        return np.asarray(np.log(sums) - shifted[rows, labels])

    def gradient() -> Array:
        _, e, sums = exponentials()
        e /= sums[:, None]
        e[rows, labels] -= 1
        return e

    def mean_and_gradient() -> tuple[float, Array]:
        shifted, e, sums = exponentials()
        value = (np.log(sums) - shifted[rows, labels]).mean()
        e /= sums[:, None]
        e[rows, labels] -= 1
        e /= len(z)
        return float(value), e

    return Problem(losses, gradient, lambda: float(losses().mean()), mean_and_gradient)


def numpy_binary(z: Array, labels: Array) -> Problem:
    """The usual stable formula: max(z, 0) - z y + log1p(exp(-|z|))."""
    targets = labels.astype(z.dtype)

    def losses() -> Array:
        return np.asarray(np.maximum(z, 0) - z * targets + np.log1p(np.exp(-np.abs(z))))

    def gradient() -> Array:
        tail = np.exp(-np.abs(z))
        return np.asarray(np.where(z >= 0, 1, tail) / (1 + tail) - targets)

    return _from_rows(losses, gradient)


def _from_rows(losses: Callable[[], Array], gradient: Callable[[], Array]) -> Problem:
    def mean_and_gradient() -> tuple[float, Array]:
        values, slope = losses(), gradient()
        slope /= len(values)
        return float(values.mean()), slope

    return Problem(losses, gradient, lambda: float(losses().mean()), mean_and_gradient)


_PLAIN = Peer("xent", xent_classes, xent_binary)
XENT = by(kernels_always, _PLAIN, "xent")
XENT_SMALL = by(cpu.numpy_only, _PLAIN, "xent, small arrays")
TORCH = Peer("torch", torch_classes, torch_binary)
COMPILED = Peer("torch.compile", compiled_classes, compiled_binary)
JAX = Peer("JAX", jax_classes, jax_binary)
SCIPY = Peer("SciPy", scipy_classes, scipy_binary)
SKLEARN = Peer("scikit-learn", sklearn_classes, sklearn_binary)
NUMPY = Peer("NumPy", numpy_classes, numpy_binary)
