"""Losses and gradients with one mistake each, and their fixes: code as people write it.

The lesson *Debugging clinic* shows their source beside the verdict of `xent.check.gradient`, and
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

    complaint = ""
    """The symptom in a few words."""
    mistake = ""
    """As `xent.check.gradient` names it."""
    cause = ""
    """The mistake as a reader might guess it, and others that might be suspected."""
    suspects: tuple[str, ...] = ()
    seen = ""
    """What its training shows at its learning rate, beside that of the fix."""
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
        return " ".join(str(cls.__doc__).split()).removesuffix(".")

    @classmethod
    def fix(cls) -> tuple[Function, Function]:
        """The loss and the gradient as they should be: those of this class, or fixes of its own."""
        loss = getattr(cls, "fixed_loss", BuggyExample.loss)
        return loss, getattr(cls, "fixed_grad", BuggyExample.grad)


class ExplodingSteps(BuggyExample):
    """Training is stable with 6 rows in the batch; with 24 the loss jumps up again and again."""

    complaint = "explodes with 24 rows"
    mistake = "mean missing"
    cause = "The mean over the rows is missing"
    suspects = (
        "The gradient has the wrong sign",
        "Softmax is applied twice",
        "The labels are off by one",
    )
    seen = (
        "Without the mean over the rows, each step is 24 times too long for 24 rows: the loss "
        "jumps far above where it started, again and again. At a quarter of this rate the buggy "
        "code is ahead of the fix for a while, because longer steps suit these points. So a test "
        "at one learning rate alone can miss it."
    )
    rate = 2.0

    @staticmethod
    def grad(z: Array, y: Array) -> Array:
        return softmax(z) - one_hot(y, z.shape[1])


class Uphill(BuggyExample):
    """The loss rises from the first step on."""

    complaint = "loss rises at every step"
    mistake = "wrong sign"
    cause = "The gradient has the wrong sign"
    suspects = (
        "The learning rate is too high",
        "The labels are off by one",
        "The mean over the rows is missing",
    )
    seen = "Every step goes uphill. At the same rate, every step of the fix goes downhill."

    @staticmethod
    def grad(z: Array, y: Array) -> Array:
        return (one_hot(y, z.shape[1]) - softmax(z)) / len(y)


class Sinking(BuggyExample):
    """The loss stays where it was: all logits move alike, that of the true class as well."""

    complaint = "all logits move alike"
    mistake = "label not subtracted"
    cause = "The label is not subtracted"
    suspects = (
        "The gradient is 0",
        "The probabilities are clipped",
        "Softmax runs over the rows",
    )
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

    complaint = "reported loss stays high"
    mistake = "softmax applied twice"
    cause = "Softmax is applied twice"
    suspects = (
        "The probabilities are clipped",
        "The loss is in bits",
        "The learning rate is too low",
    )
    seen = (
        "The second softmax sees numbers between 0 and 1, so with the three classes of this "
        "training the reported loss cannot fall below log(1 + 2/e) ≈ 0.5514. The model learns all "
        "the same, but more slowly than with the fix."
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

    complaint = "accuracy below chance"
    mistake = "labels off by one"
    cause = "The labels are off by one"
    suspects = (
        "The gradient has the wrong sign",
        "The label is not subtracted",
        "Softmax runs over the rows",
    )
    seen = (
        "The model learns the class after the true one, so the loss rises at every step. The "
        "reported loss is the true one: only the gradient looks at the wrong labels."
    )

    @staticmethod
    def grad(z: Array, y: Array) -> Array:
        labels = (y + 1) % z.shape[1]  # "the file counts from 1"
        return (softmax(z) - one_hot(labels, z.shape[1])) / len(y)


class GivesUp(BuggyExample):
    """A model that starts out confident and wrong never gets better."""

    complaint = "never leaves a bad start"
    mistake = "clipping"
    cause = "The probabilities are clipped"
    suspects = (
        "The learning rate is too low",
        "The label is not subtracted",
        "The gradient has the wrong sign",
    )
    seen = (
        "All rows are clipped, so the gradient is 0. The reported loss stays at "
        "-log 0.05 ≈ 2.9957, and the true one far above it."
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
    """Training is unstable at a learning rate at which others train the same model well."""

    complaint = "unstable at a usual rate"
    mistake = "bits for nats"
    cause = "The loss is in nats, its gradient in bits"
    suspects = (
        "The mean over the rows is missing",
        "Softmax is applied twice",
        "The gradient has the wrong sign",
    )
    seen = (
        "Steps are 1/log 2 ≈ 1.44 times too long. At this rate that is too much: the loss goes up "
        "and down, and stays above that of the fix. At a quarter of this rate nobody would notice: "
        "the buggy code is even ahead of the fix."
    )
    rate = 8.0

    @staticmethod
    def grad(z: Array, y: Array) -> Array:
        return (softmax(z) - one_hot(y, z.shape[1])) / len(y) / np.log(2)


class BatchMates(BuggyExample):
    """The prediction for a row depends on the other rows in the batch."""

    complaint = "rows depend on each other"
    mistake = "softmax over the wrong axis"
    cause = "Softmax runs over the rows"
    suspects = (
        "The mean over the rows is missing",
        "The labels are off by one",
        "The probabilities are clipped",
    )
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

    complaint = "unlearns mistakes slowly"
    mistake = "derivative multiplied in again"
    cause = "The derivative of softmax is multiplied in again"
    suspects = (
        "The probabilities are clipped",
        "Softmax is applied twice",
        "The mean is taken twice",
    )
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

    complaint = "starts well, then worsens"
    mistake = "other classes forgotten"
    cause = "The other classes get no gradient"
    suspects = (
        "The mean over the rows is missing",
        "The label is not subtracted",
        "The labels are off by one",
    )
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

    complaint = "loss rises, shapes fit"
    mistake = "transposed"
    cause = "The gradient is transposed"
    suspects = (
        "The gradient has the wrong sign",
        "Softmax runs over the rows",
        "The learning rate is too high",
    )
    seen = "Rows get each other's gradients. Here the loss rises at every step."

    @staticmethod
    def grad(z: Array, y: Array) -> Array:
        g = (softmax(z) - one_hot(y, z.shape[1])) / len(y)
        return g.T.reshape(z.shape)  # "rows last, then back"


class Unmoved(BuggyExample):
    """The weights do not move at all."""

    complaint = "weights never move"
    mistake = "gradient is zero"
    cause = "The gradient is that of the accuracy"
    suspects = (
        "The probabilities are clipped",
        "The label is not subtracted",
        "The learning rate is too low",
    )
    seen = (
        "The accuracy does not change with a small step, so its gradient is 0, and the loss stays."
    )

    @staticmethod
    def grad(z: Array, y: Array) -> Array:
        right = (softmax(z).argmax(axis=1) == y).astype(float)
        return np.zeros_like(z) * right[:, None]  # the slope of the accuracy


EXAMPLES: tuple[type[BuggyExample], ...] = tuple(BuggyExample.__subclasses__())


class Healthy(BuggyExample):
    """The loss stops falling at 0.39, however long the training."""

    complaint = "loss stops at 0.39"
    cause = "Nothing: the classes overlap"
    suspects = (
        "Softmax is applied twice",
        "The probabilities are clipped",
        "The mean over the rows is missing",
    )
    seen = (
        "There is nothing to fix. Some points lie among those of another class, so no weights "
        "reach 0: the lowest mean loss on these points is 0.3896. Whether a loss is good depends "
        "on the data."
    )


PATIENTS: tuple[type[BuggyExample], ...] = (*EXAMPLES, Healthy)


def source(function: Callable[..., Array]) -> str:
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
