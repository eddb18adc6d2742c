"""Losses and gradients with one mistake each, and their fixes: code as people write it.

The notebook *Debugging clinic* shows their source beside the verdict of `xent.check.gradient`, and
what they do to training.
Everything here is for (N, K) logits, N labels, and the mean over the rows.
"""
# The readers' code has no casts for a type checker, and NumPy's functions return Any.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable

import numpy as np

from xent._validation import Array

Function = Callable[[Array, Array], Array]


def softmax(z: Array, axis: int = 1) -> Array:
    """Used by all examples, and right."""
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def one_hot(y: Array, classes: int) -> Array:
    """1 at the label, 0 elsewhere."""
    return np.eye(classes)[y]


class BuggyExample:
    """A loss, its gradient and a fix; here both are right. The docstring tells the symptom."""

    mistake = ""
    seen = ""
    """What its training shows, beside that of the fix."""
    start, rate = 0.0, 1.0
    """The first weights (0 gives chance, below it the model is confident and wrong), and the
    learning rate, from which the training shows it."""

    @staticmethod
    def loss(z: Array, y: Array) -> Array:
        return -np.log(softmax(z)[np.arange(len(y)), y]).mean()

    @staticmethod
    def grad(z: Array, y: Array) -> Array:
        return (softmax(z) - one_hot(y, z.shape[1])) / len(y)

    @classmethod
    def symptom(cls) -> str:
        """What is noticed."""
        return str(cls.__doc__).removesuffix(".")

    @classmethod
    def fix(cls) -> tuple[Function, Function]:
        """The loss and the gradient as they should be: those of this class, or fixes of its own."""
        loss = getattr(cls, "fixed_loss", BuggyExample.loss)
        return loss, getattr(cls, "fixed_grad", BuggyExample.grad)


class ExplodingSteps(BuggyExample):
    """Training is stable with 6 rows in the batch, and diverges with 24."""

    mistake = "mean missing"
    seen = (
        "With the sum over the rows, each step is N times too long for N rows: the loss jumps "
        "above where it started."
    )

    @staticmethod
    def grad(z: Array, y: Array) -> Array:
        return softmax(z) - one_hot(y, z.shape[1])


class Uphill(BuggyExample):
    """The loss rises from the first step on."""

    mistake = "wrong sign"
    seen = "Every step goes uphill."

    @staticmethod
    def grad(z: Array, y: Array) -> Array:
        return (one_hot(y, z.shape[1]) - softmax(z)) / len(y)


class Sinking(BuggyExample):
    """The loss stays where it was: all logits move alike, that of the true class as well."""

    mistake = "label not subtracted"
    seen = "Nothing says which class is the true one, so the loss stays at chance."

    @staticmethod
    def grad(z: Array, y: Array) -> Array:
        return softmax(z) / len(y)

    @staticmethod
    def fixed_grad(z: Array, y: Array) -> Array:
        p = softmax(z)
        p[np.arange(len(y)), y] -= 1
        return p / len(y)


class Stalled(BuggyExample):
    """The reported loss stays high, however long the training."""

    mistake = "softmax applied twice"
    seen = (
        "The reported loss cannot fall below log(1 + 2/e) = 0.5514, since the second softmax sees "
        "numbers between 0 and 1. The model learns all the same, but more slowly."
    )

    @staticmethod
    def loss(z: Array, y: Array) -> Array:
        p = softmax(z)  # the model's last layer
        return -np.log(softmax(p)[np.arange(len(y)), y]).mean()

    @staticmethod
    def grad(z: Array, y: Array) -> Array:
        p = softmax(z)
        g = (softmax(p) - one_hot(y, z.shape[1])) / len(y)
        return p * (g - (p * g).sum(axis=1, keepdims=True))


class NeighboursClass(BuggyExample):
    """Accuracy is far below chance."""

    mistake = "labels off by one"
    seen = "The model learns the class after the true one."

    @staticmethod
    def grad(z: Array, y: Array) -> Array:
        labels = (y + 1) % z.shape[1]  # "the file counts from 1"
        return (softmax(z) - one_hot(labels, z.shape[1])) / len(y)


class GivesUp(BuggyExample):
    """A model that starts out confident and wrong never gets better."""

    mistake = "clipping"
    seen = (
        "All rows are clipped, so the gradient is 0. The reported loss stays at -log 0.05, "
        "which is 2.9957, and the true one far above it."
    )
    start = -4.0

    @staticmethod
    def loss(z: Array, y: Array) -> Array:
        p = softmax(z)[np.arange(len(y)), y]
        return -np.log(np.maximum(p, 0.05)).mean()  # "so that log never sees 0"

    @staticmethod
    def grad(z: Array, y: Array) -> Array:
        p = softmax(z)
        lost = p[np.arange(len(y)), y] < 0.05
        return np.where(lost[:, None], 0, p - one_hot(y, z.shape[1])) / len(y)

    @staticmethod
    def fixed_loss(z: Array, y: Array) -> Array:
        m = z.max(axis=1, keepdims=True)
        log_p = z - m - np.log(np.exp(z - m).sum(axis=1, keepdims=True))
        return -log_p[np.arange(len(y)), y].mean()


class TooLong(BuggyExample):
    """Training is unstable at a learning rate that the paper still uses."""

    mistake = "bits for nats"
    seen = (
        "Steps are 1/log 2 = 1.44 times too long. At small learning rates that is even faster; at "
        "this one the loss goes up and down."
    )
    rate = 8.0

    @staticmethod
    def grad(z: Array, y: Array) -> Array:
        return (softmax(z) - one_hot(y, z.shape[1])) / len(y) / np.log(2)


class BatchMates(BuggyExample):
    """The prediction for a row depends on the other rows in the batch."""

    mistake = "softmax over the wrong axis"
    seen = (
        "Probabilities sum to 1 over the rows and not over the classes: the reported loss is far "
        "too high, and the true one stays above that of the fix."
    )

    @staticmethod
    def loss(z: Array, y: Array) -> Array:
        p = softmax(z, axis=0)
        return -np.log(p[np.arange(len(y)), y]).mean()

    @staticmethod
    def grad(z: Array, y: Array) -> Array:
        seen = np.bincount(y, minlength=z.shape[1])
        return (softmax(z, axis=0) * seen - one_hot(y, z.shape[1])) / len(y)

    @staticmethod
    def fixed_loss(z: Array, y: Array) -> Array:
        p = softmax(z, axis=1)
        return -np.log(p[np.arange(len(y)), y]).mean()

    @staticmethod
    def fixed_grad(z: Array, y: Array) -> Array:
        return (softmax(z, axis=1) - one_hot(y, z.shape[1])) / len(y)


class SlowStarter(BuggyExample):
    """Confident mistakes are unlearned very slowly."""

    mistake = "derivative multiplied in again"
    seen = "Where a model is confident and wrong, the factor p (1 - p) is nearly 0: so is the step."
    start = -2.0

    @staticmethod
    def grad(z: Array, y: Array) -> Array:
        p = softmax(z)
        return (p - one_hot(y, z.shape[1])) * p * (1 - p) / len(y)  # "the chain rule"

    @staticmethod
    def fixed_grad(z: Array, y: Array) -> Array:
        p = softmax(z)
        return (p - one_hot(y, z.shape[1])) / len(y)  # p (1 - p) is in it already


class HalfTaught(BuggyExample):
    """Training starts well, and then the loss rises again."""

    mistake = "other classes forgotten"
    seen = "The true logits rise and nothing pushes the others down: in the end all rise together."
    rate = 3.0

    @staticmethod
    def grad(z: Array, y: Array) -> Array:
        g = np.zeros_like(z)
        rows = np.arange(len(y))
        g[rows, y] = softmax(z)[rows, y] - 1
        return g / len(y)

    @staticmethod
    def fixed_grad(z: Array, y: Array) -> Array:
        g = softmax(z)
        g[np.arange(len(y)), y] -= 1
        return g / len(y)


class Reshaped(BuggyExample):
    """The loss rises, though all shapes fit."""

    mistake = "transposed"
    seen = "Rows get each other's gradients, so the steps lead nowhere."

    @staticmethod
    def grad(z: Array, y: Array) -> Array:
        g = (softmax(z) - one_hot(y, z.shape[1])) / len(y)
        return g.T.reshape(z.shape)  # "rows last, then back"


class Unmoved(BuggyExample):
    """The weights do not move at all."""

    mistake = "gradient is zero"
    seen = (
        "The accuracy does not change with a small step, so its gradient is 0, and the loss stays."
    )

    @staticmethod
    def grad(z: Array, y: Array) -> Array:
        right = (softmax(z).argmax(axis=1) == y).astype(float)
        return np.zeros_like(z) * right[:, None]  # the slope of the accuracy


EXAMPLES = tuple(BuggyExample.__subclasses__())


def source(function: Function) -> str:
    """A function as its author wrote it, without decorator and types.

    Parameters
    ----------
    function : callable
        Of this module.

    Returns
    -------
    str
        Its source.

    Examples
    --------
    >>> from xent.learn import buggy_examples
    >>> print(buggy_examples.source(buggy_examples.Sinking.grad))
    def grad(z, y):
        return softmax(z) / len(y)
    """
    text = textwrap.dedent(inspect.getsource(function)).removeprefix("@staticmethod\n")
    head, rest = text.split("\n", 1)
    head = re.sub(r": Array| -> Array", "", head).replace(": int = ", "=").replace("fixed_", "")
    rest = re.sub(r'    """.*?"""\n', "", rest)
    return f"{head}\n{rest}".rstrip()
