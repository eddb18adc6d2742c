"""Mistakes planted in losses and gradients, each with the name that the check should give it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import xent

ROWS, CLASSES = 12, 5
NOISE = np.random.default_rng()
RNG = np.random.default_rng(20)
Z = RNG.normal(size=(ROWS, CLASSES)) * 2
Y = np.concatenate([np.arange(CLASSES), RNG.integers(CLASSES, size=ROWS - CLASSES)])
W = np.array([1.0, 2.0, 0.5, 3.0, 1.5])
V = np.array([1.0, 4.0, 0.7, 2.0, 1.2])
IGNORED = np.where(np.arange(ROWS) % 4 == 1, -100, Y)
MASKED = np.where((np.arange(CLASSES) == (Y[:, None] + 1) % CLASSES), -np.inf, Z)
LARGE = Z * 5
B = RNG.normal(size=ROWS) * 2
T = np.arange(ROWS) % 3 % 2
BW = np.array([1.0, 3.0])
SMOOTH = 0.2


class Planted(NamedTuple):
    """A loss and a gradient with one mistake, in words, and its name."""

    what: str
    name: str
    loss: Callable[..., Any]
    grad: Callable[..., Any]
    logits: Any = Z
    targets: Any = Y
    options: dict[str, Any] = {}  # noqa: RUF012

    def check(self, **more: Any) -> xent.check.GradientReport:
        """The report on it."""
        return xent.check.gradient(
            self.loss, self.grad, self.logits, self.targets, **{**self.options, **more}
        )


def softmax(z: Any, axis: int = -1) -> Any:
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def rows(z: Any, y: Any) -> Any:
    """Right losses, row by row."""
    m = z.max(axis=1)
    return m + np.log(np.exp(z - m[:, None]).sum(axis=1)) - z[np.arange(len(z)), y]


def one_hot(y: Any, classes: int = CLASSES) -> Any:
    return np.eye(classes)[y]


def right(z: Any, y: Any) -> Any:
    """The right gradient of the sum of the rows."""
    return softmax(z) - one_hot(y, z.shape[1])


def mean(z: Any, y: Any) -> Any:
    return rows(z, y).mean()


def jacobian(p: Any, g: Any) -> Any:
    return p * (g - (p * g).sum(axis=1, keepdims=True))


def twice(z: Any, y: Any) -> Any:
    return rows(softmax(z), y)


def smoothed(z: Any, y: Any) -> Any:
    lse = z.max(axis=1) + np.log(np.exp(z - z.max(axis=1, keepdims=True)).sum(axis=1))
    return lse - ((1 - SMOOTH) * z[np.arange(len(z)), y] + SMOOTH * z.mean(axis=1))


def smoothed_grad(z: Any, y: Any) -> Any:
    return softmax(z) - (1 - SMOOTH) * one_hot(y) - SMOOTH / CLASSES


def weighted(z: Any, y: Any) -> Any:
    return (W[y] * rows(z, y)).sum() / W[y].sum()


def weighted_grad(z: Any, y: Any) -> Any:
    return W[y][:, None] * right(z, y) / W[y].sum()


def valid(z: Any, y: Any) -> Any:
    """Losses, 0 in ignored rows."""
    kept = y != -100
    return np.where(kept, rows(z, np.where(kept, y, 0)), 0.0)


def valid_grad(z: Any, y: Any) -> Any:
    kept = y != -100
    return np.where(kept[:, None], right(z, np.where(kept, y, 0)), 0.0)


def clamped(z: Any, y: Any) -> Any:
    return -np.log(np.maximum(softmax(z)[np.arange(len(z)), y], 1e-3))


def clamped_grad(z: Any, y: Any) -> Any:
    return np.where(softmax(z)[np.arange(len(z)), y][:, None] < 1e-3, 0.0, right(z, y))


def padded(z: Any, y: Any) -> Any:
    return -np.log(softmax(z)[np.arange(len(z)), y] + 1e-3)


def padded_grad(z: Any, y: Any) -> Any:
    p = softmax(z)[np.arange(len(z)), y][:, None]
    return right(z, y) * p / (p + 1e-3)


def across(z: Any, y: Any) -> Any:
    return -np.log(softmax(z, axis=0)[np.arange(len(z)), y])


def terms_of(p: Any, y: Any) -> Any:
    """Binary terms of each class."""
    t = one_hot(y)
    return -t * np.log(p) - (1 - t) * np.log(1 - p)


def spread(y: Any) -> Any:
    return np.where(one_hot(y) == 1, 1 - SMOOTH, SMOOTH / (CLASSES - 1))


def unscaled(y: Any) -> Any:
    return (1 - SMOOTH) * one_hot(y) + 1 / CLASSES


def hinge_of(z: Any, y: Any) -> Any:
    true = z[np.arange(len(z)), y][:, None]
    return np.maximum(0, 1 + z - true).sum(axis=1) - 1


def hinge(z: Any, y: Any) -> Any:
    """As high as cross-entropy where all logits are 0."""
    return (hinge_of(z, y) + 1) / CLASSES * np.log(CLASSES)


def hinge_grad(z: Any, y: Any) -> Any:
    true = z[np.arange(len(z)), y][:, None]
    over = (1 + z - true > 0) / CLASSES * np.log(CLASSES)
    return over - one_hot(y) * over.sum(axis=1, keepdims=True)


ORDER = np.array([2, 0, 1, 4, 3])


def weights(**more: Any) -> dict[str, Any]:
    return {"class_weight": W, **more}


CLASS_MISTAKES = [
    Planted("gradient negated", "wrong sign", rows, lambda z, y: -right(z, y)),
    Planted("loss log p, gradient 1 - p", "wrong sign", lambda z, y: -rows(z, y),
            lambda z, y: -right(z, y)),
    Planted("mean loss, negated", "wrong sign", mean, lambda z, y: -right(z, y) / ROWS),
    Planted("mean loss, gradient of the sum", "mean missing", mean, right),
    Planted("divided by N twice", "mean taken twice", mean, lambda z, y: right(z, y) / ROWS**2),
    Planted("divided by K", "mean over the wrong axis", mean, lambda z, y: right(z, y) / CLASSES),
    Planted("mean over all entries", "mean over classes as well", mean,
            lambda z, y: right(z, y) / (ROWS * CLASSES)),
    Planted("sum loss, gradient of the mean", "mean for sum", lambda z, y: rows(z, y).sum(),
            lambda z, y: right(z, y) / ROWS),
    Planted("row losses, gradient of the mean", "mean for sum", rows,
            lambda z, y: right(z, y) / ROWS),
    Planted("sum where a mean is meant", "sum for mean", lambda z, y: rows(z, y).sum(), right,
            options={"reduction": "mean"}),
    Planted("loss in bits", "bits for nats", lambda z, y: rows(z, y) / np.log(2), right),
    Planted("gradient in bits", "bits for nats", mean,
            lambda z, y: right(z, y) / ROWS / np.log(2)),
    Planted("both in bits", "bits for nats", lambda z, y: mean(z, y) / np.log(2),
            lambda z, y: right(z, y) / ROWS / np.log(2)),
    Planted("p for p - y", "label not subtracted", rows, lambda z, y: softmax(z)),
    Planted("p / N for (p - y) / N", "label not subtracted", mean, lambda z, y: softmax(z) / ROWS),
    Planted("gradient at label + 1", "labels off by one", rows,
            lambda z, y: right(z, (y + 1) % CLASSES)),
    Planted("gradient at label - 1", "labels off by one", mean,
            lambda z, y: right(z, y - 1) / ROWS),
    Planted("loss and gradient at label - 1", "labels off by one", lambda z, y: rows(z, y - 1),
            lambda z, y: right(z, y - 1)),
    Planted("loss at label - 1, right gradient", "labels off by one", lambda z, y: mean(z, y - 1),
            lambda z, y: right(z, y) / ROWS),
    Planted("softmax twice in both", "softmax applied twice", twice,
            lambda z, y: jacobian(softmax(z), right(softmax(z), y))),
    Planted("softmax twice in the loss", "softmax applied twice",
            lambda z, y: twice(z, y).mean(), lambda z, y: right(z, y) / ROWS),
    Planted("softmax twice in the gradient", "softmax applied twice", rows,
            lambda z, y: right(softmax(z), y)),
    Planted("times p (1 - p)", "derivative multiplied in again", rows,
            lambda z, y: right(z, y) * softmax(z) * (1 - softmax(z))),
    Planted("times the softmax's Jacobian", "derivative multiplied in again", mean,
            lambda z, y: jacobian(softmax(z), right(z, y)) / ROWS),
    Planted("weights in the loss only", "class weight missing", weighted,
            lambda z, y: right(z, y) / W[y].sum(), options=weights()),
    Planted("weights in neither", "class weight missing", mean,
            lambda z, y: right(z, y) / ROWS, options=weights()),
    Planted("weights in the loss, unspoken", "class weight missing",
            lambda z, y: W[y] * rows(z, y), right),
    Planted("weighted sum over N", "class weight missing from the mean",
            lambda z, y: (W[y] * rows(z, y)).mean(),
            lambda z, y: weighted_grad(z, y) * W[y].sum() / ROWS, options=weights()),
    Planted("weighted mean, gradient over N", "class weight missing from the mean", weighted,
            lambda z, y: weighted_grad(z, y) * W[y].sum() / ROWS, options=weights()),
    Planted("smoothing in the loss only", "label smoothing missing", smoothed, right,
            options={"label_smoothing": SMOOTH}),
    Planted("smoothing in the loss only, unspoken", "label smoothing missing",
            lambda z, y: smoothed(z, y).mean(), lambda z, y: right(z, y) / ROWS),
    Planted("smoothing in neither", "label smoothing missing", rows, right,
            options={"label_smoothing": SMOOTH}),
    Planted("smoothing in the gradient only", "label smoothing in the gradient only", rows,
            smoothed_grad),
    Planted("ignored rows in the mean of both", "ignored rows counted in the mean",
            lambda z, y: valid(z, y).mean(), lambda z, y: valid_grad(z, y) / ROWS, targets=IGNORED),
    Planted("ignored rows in the gradient's mean", "ignored rows counted in the mean",
            lambda z, y: valid(z, y).sum() / (y != -100).sum(),
            lambda z, y: valid_grad(z, y) / ROWS, targets=IGNORED),
    Planted("gradient in ignored rows", "ignored rows given gradient", valid,
            lambda z, y: right(z, np.maximum(y, 0)), targets=IGNORED),
    Planted("loss and gradient in ignored rows", "ignored rows given loss",
            lambda z, y: rows(z, np.maximum(y, 0)), lambda z, y: right(z, np.maximum(y, 0)),
            targets=IGNORED),
    Planted("gradient at masked classes", "masked class given gradient", rows,
            lambda z, y: np.where(np.isneginf(z), 0.1, right(z, y)), logits=MASKED),
    Planted("NaN at masked classes", "masked class given gradient", rows,
            lambda z, y: np.where(np.isneginf(z), np.nan, right(z, y)), logits=MASKED),
    Planted("p clipped in both", "clipping", clamped, clamped_grad, logits=LARGE),
    Planted("p clipped in the loss", "clipping", lambda z, y: clamped(z, y).mean(),
            lambda z, y: right(z, y) / ROWS, logits=LARGE),
    Planted("p clipped in the gradient", "clipping", rows, clamped_grad, logits=LARGE),
    Planted("log(p + eps) in both", "clipping", padded, padded_grad, logits=LARGE),
    Planted("log(p + eps) in the loss", "clipping", padded, right, logits=LARGE),
    Planted("columns permuted in the gradient", "classes permuted", rows,
            lambda z, y: right(z, y)[:, ORDER]),
    Planted("labels permuted in the loss", "classes permuted", lambda z, y: rows(z, ORDER[y]),
            lambda z, y: right(z, ORDER[y])),
    Planted("labels permuted in a mean loss", "classes permuted",
            lambda z, y: mean(z, ORDER[y]), lambda z, y: right(z, ORDER[y]) / ROWS),
    Planted("reshaped for transposed", "transposed", rows,
            lambda z, y: right(z, y).T.reshape(z.shape)),
    Planted("square and transposed", "transposed", rows, lambda z, y: right(z, y).T,
            logits=Z[:CLASSES], targets=Y[:CLASSES]),
    Planted("softmax over rows in both", "softmax over the wrong axis", across,
            lambda z, y: softmax(z, 0) * np.bincount(y, minlength=CLASSES) - one_hot(y)),
    Planted("softmax over rows in the mean loss", "softmax over the wrong axis",
            lambda z, y: across(z, y).mean(), lambda z, y: right(z, y) / ROWS),
    Planted("softmax over rows in the gradient", "softmax over the wrong axis", rows,
            lambda z, y: softmax(z, 0) - one_hot(y)),
    Planted("a constant added", "not at chance", lambda z, y: rows(z, y) + 0.25, right),
    Planted("focal loss", "not at chance", lambda z, y: (1 - np.exp(-rows(z, y)))**2 * rows(z, y),
            right),
    Planted("-p for -log p", "log forgotten", lambda z, y: -np.exp(-rows(z, y)),
            lambda z, y: np.exp(-rows(z, y))[:, None] * right(z, y)),
    Planted("only the true logit moved", "other classes forgotten", rows,
            lambda z, y: np.minimum(right(z, y), 0)),
    Planted("detached", "gradient is zero", mean, lambda z, y: np.zeros_like(z)),
    Planted("exp overflows", "not a number",
            lambda z, y: np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), y], right,
            logits=Z * 400),
    Planted("sample weights in neither", "sample weight missing", rows, right,
            options={"sample_weight": 1.0 + np.arange(ROWS) % 3}),
    Planted("no softcap", "softcap missing", rows, right, options={"softcap": 3.0}),
    Planted("no z-loss", "z-loss missing", rows, right, options={"z_loss": 0.1}),
    Planted("logits centred over the batch", "rows depend on each other",
            lambda z, y: rows(z - z.mean(axis=0), y),
            lambda z, y: right(z - z.mean(axis=0), y) - right(z - z.mean(axis=0), y).mean(axis=0)),
    Planted("logits halved", "temperature", lambda z, y: rows(z / 2, y),
            lambda z, y: right(z / 2, y) / 2),
    Planted("hinge loss", "not cross-entropy", hinge, hinge_grad),
    Planted("log10 in both", "log10 for log", lambda z, y: rows(z, y) / np.log(10),
            lambda z, y: right(z, y) / np.log(10)),
    Planted("log10 in the loss", "log10 for log", lambda z, y: mean(z, y) / np.log(10),
            lambda z, y: right(z, y) / ROWS),
    Planted("softmax over one class", "loss is constant",
            lambda z, y: rows(z[:, :1], y * 0), lambda z, y: np.zeros_like(z)),
    Planted("predictions and one-hot targets exchanged", "prediction and target exchanged",
            lambda z, y: -(softmax(z) * np.log(np.clip(one_hot(y), 1e-7, 1))).sum(axis=1), right),
    Planted("binary terms of a softmax", "binary terms over the classes",
            lambda z, y: terms_of(softmax(z), y).sum(axis=1), right),
    Planted("binary terms of sigmoids", "binary terms over the classes",
            lambda z, y: terms_of(1 / (1 + np.exp(-z)), y).mean(), lambda z, y: right(z, y) / ROWS),
    Planted("sigmoids for the softmax", "sigmoid in place of softmax",
            lambda z, y: np.logaddexp(0, -z[np.arange(len(z)), y]), right),
    Planted("squared error", "squared error",
            lambda z, y: ((softmax(z) - one_hot(y)) ** 2).mean(), right),
    Planted("absolute error", "absolute error",
            lambda z, y: np.abs(softmax(z) - one_hot(y)).sum(axis=1), right),
    Planted("NLL of raw scores", "logits given for log-probabilities",
            lambda z, y: -z[np.arange(len(z)), y].mean(), lambda z, y: right(z, y) / ROWS),
    Planted("energies for logits", "logits negated", lambda z, y: rows(-z, y),
            lambda z, y: -right(-z, y)),
    Planted("KL of probabilities", "probabilities given for log-probabilities",
            lambda z, t: (t * (np.log(t) - softmax(z))).sum(axis=1), lambda z, t: softmax(z) - t,
            targets=softmax(-Z)),
    Planted("log_target of probabilities", "targets exponentiated",
            lambda z, t: (np.exp(t) * (t - np.log(softmax(z)))).sum(axis=1),
            lambda z, t: np.exp(t).sum(axis=1, keepdims=True) * softmax(z) - np.exp(t),
            targets=softmax(-Z)),
    Planted("no keepdims", "row sums along the wrong axis",
            lambda z, y: -np.log((np.exp(z) / np.exp(z).sum(axis=1))[np.arange(len(z)), y]),
            lambda z, y: np.exp(z) / np.exp(z).sum(axis=1) - one_hot(y),
            logits=Z[:CLASSES], targets=(Y[:CLASSES] + 2) % CLASSES),
    Planted("no keepdims in the gradient", "row sums along the wrong axis", mean,
            lambda z, y: (np.exp(z) / np.exp(z).sum(axis=1) - one_hot(y)) / CLASSES,
            logits=Z[:CLASSES], targets=Y[:CLASSES]),
    Planted("-y/p", "derivative of the softmax left out", rows,
            lambda z, y: -one_hot(y) / softmax(z)),
    Planted("-y/p of the mean", "derivative of the softmax left out", mean,
            lambda z, y: -one_hot(y) / softmax(z) / ROWS),
    Planted("-y", "derivative of the softmax left out", rows, lambda z, y: -one_hot(y)),
    Planted("z - y", "softmax left out", rows, lambda z, y: z - one_hot(y)),
    Planted("smoothing over K - 1", "smoothing over the other classes",
            lambda z, y: -(spread(y) * np.log(softmax(z))).sum(axis=1),
            lambda z, y: softmax(z) - spread(y), options={"label_smoothing": SMOOTH}),
    Planted("1/K without the factor", "smoothed targets do not sum to 1",
            lambda z, y: -(unscaled(y) * np.log(softmax(z))).sum(axis=1),
            lambda z, y: unscaled(y).sum(axis=1)[:, None] * softmax(z) - unscaled(y),
            options={"label_smoothing": SMOOTH}),
    Planted("1/K without the factor, unspoken", "smoothed targets do not sum to 1",
            lambda z, y: -(unscaled(y) * np.log(softmax(z))).sum(axis=1),
            lambda z, y: unscaled(y).sum(axis=1)[:, None] * softmax(z) - unscaled(y)),
    Planted("smoothing of 0.1 for 0.2", "another label smoothing",
            lambda z, y: xent.cross_entropy(z, y, label_smoothing=0.1),
            lambda z, y: xent.cross_entropy(z, y, label_smoothing=0.1, return_grad=True)[1],
            options={"label_smoothing": SMOOTH}),
    Planted("other weights", "other class weights",
            lambda z, y: V[y] * rows(z, y), lambda z, y: V[y][:, None] * right(z, y),
            options=weights()),
    Planted("weights added to the logits", "weights on the logits",
            lambda z, y: rows(z + np.log(W), y), lambda z, y: right(z + np.log(W), y),
            options=weights()),
    Planted("a softmax of the targets", "prediction and target exchanged",
            lambda z, y: -(softmax(z) * np.log(softmax(one_hot(y)))).sum(axis=1).mean(),
            lambda z, y: right(z, y) / ROWS),
    Planted("argmax", "gradient is zero", lambda z, y: (z.argmax(1) != y) * 1.0, right),
    Planted("weights reversed", "class weights in another order",
            lambda z, y: W[::-1][y] * rows(z, y), lambda z, y: W[::-1][y][:, None] * right(z, y),
            options=weights()),
    Planted("weights in an order of their own", "class weights in another order",
            lambda z, y: W[ORDER][y] * rows(z, y), lambda z, y: W[ORDER][y][:, None] * right(z, y),
            options=weights()),
    Planted("weights by argmax", "weight of the predicted class",
            lambda z, y: W[z.argmax(1)] * rows(z, y),
            lambda z, y: W[z.argmax(1)][:, None] * right(z, y), options=weights()),
    Planted("divided by weights", "class weights inverted",
            lambda z, y: rows(z, y) / W[y], lambda z, y: right(z, y) / W[y][:, None],
            options=weights()),
    Planted("weights squared", "class weights applied twice",
            lambda z, y: (W[y] ** 2 * rows(z, y)).sum() / W[y].sum(),
            lambda z, y: (W[y] ** 2)[:, None] * right(z, y) / W[y].sum(), options=weights()),
    Planted("weights times logits", "weights on the logits", lambda z, y: rows(z * W, y),
            lambda z, y: W * right(z * W, y), options=weights()),
    Planted("gradient halved", "scaled", rows, lambda z, y: right(z, y) / 2.5),
    Planted("one class wrong", "no known mistake", rows,
            lambda z, y: right(z, y) * np.array([1, 1, 1, 0.9, 1])),
]  # fmt: skip


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def binary(z: Any, t: Any) -> Any:
    """Right binary losses."""
    return np.logaddexp(0, z) - t * z


def slope(z: Any, t: Any) -> Any:
    """Their right gradient."""
    return sigmoid(z) - t


def binary_weighted(z: Any, t: Any) -> Any:
    return (BW[t] * binary(z, t)).sum() / BW[t].sum()


def true_p(z: Any, t: Any) -> Any:
    return np.where(t == 1, sigmoid(z), sigmoid(-z))


def exchanged(z: Any, t: Any) -> Any:
    p, t = sigmoid(z), np.clip(t, 1e-7, 1 - 1e-7)
    return -(p * np.log(t) + (1 - p) * np.log(1 - t))


def b(what: str, name: str, loss: Any, grad: Any, **more: Any) -> Planted:
    return Planted(what, name, loss, grad, **{"logits": B, "targets": T, **more})


BIG = np.concatenate([B, [9.0, -9.0, 12.0]])
BIG_T = np.concatenate([T, [0, 1, 0]])
MANY = (Z > 0.5) * 1.0
T_IGNORED = np.where(np.arange(ROWS) % 4 == 1, -100, T)

BINARY_MISTAKES = [
    b("gradient negated", "wrong sign", binary, lambda z, t: -slope(z, t)),
    b("mean loss, gradient of the sum", "mean missing", lambda z, t: binary(z, t).mean(), slope),
    b("divided by N twice", "mean taken twice", lambda z, t: binary(z, t).mean(),
      lambda z, t: slope(z, t) / ROWS**2),
    b("sum loss, gradient of the mean", "mean for sum", lambda z, t: binary(z, t).sum(),
      lambda z, t: slope(z, t) / ROWS),
    b("sum where a mean is meant", "sum for mean", lambda z, t: binary(z, t).sum(), slope,
      options={"reduction": "mean"}),
    b("loss in bits", "bits for nats", lambda z, t: binary(z, t) / np.log(2), slope),
    b("p for p - y", "label not subtracted", binary, lambda z, t: sigmoid(z)),
    b("labels 1 and 2", "labels off by one", lambda z, t: binary(z, t + 1),
      lambda z, t: slope(z, t + 1)),
    b("gradient for labels 1 and 2", "labels off by one", binary, lambda z, t: slope(z, t + 1)),
    b("labels exchanged", "labels flipped", lambda z, t: binary(z, 1 - t),
      lambda z, t: slope(z, 1 - t)),
    b("labels exchanged in the gradient", "labels flipped", binary, lambda z, t: slope(z, 1 - t)),
    b("sigmoid twice in both", "sigmoid applied twice", lambda z, t: binary(sigmoid(z), t),
      lambda z, t: slope(sigmoid(z), t) * sigmoid(z) * sigmoid(-z)),
    b("sigmoid twice in the gradient", "sigmoid applied twice", binary,
      lambda z, t: slope(sigmoid(z), t)),
    b("times p (1 - p)", "derivative multiplied in again", binary,
      lambda z, t: slope(z, t) * sigmoid(z) * sigmoid(-z)),
    b("weights in the loss only", "class weight missing", binary_weighted,
      lambda z, t: slope(z, t) / BW[t].sum(), options={"class_weight": BW}),
    b("weighted sum over N", "class weight missing from the mean",
      lambda z, t: (BW[t] * binary(z, t)).mean(),
      lambda z, t: BW[t] * slope(z, t) / ROWS, options={"class_weight": BW}),
    b("pos_weight in the loss only", "pos_weight missing",
      lambda z, t: np.where(t == 1, 4.0, 1.0) * binary(z, t), slope, options={"pos_weight": 4.0}),
    b("smoothing in the loss only", "label smoothing missing",
      lambda z, t: binary(z, 0.9 * t + 0.05), slope, options={"label_smoothing": 0.1}),
    b("smoothing in the loss only, unspoken", "label smoothing missing",
      lambda z, t: binary(z, 0.9 * t + 0.05).mean(), lambda z, t: slope(z, t) / ROWS),
    b("ignored rows in the mean", "ignored rows counted in the mean",
      lambda z, t: np.where(t < 0, 0, binary(z, t)).mean(),
      lambda z, t: np.where(t < 0, 0, slope(z, t)) / ROWS, targets=T_IGNORED),
    b("gradient in ignored rows", "ignored rows given gradient",
      lambda z, t: np.where(t < 0, 0, binary(z, t)),
      lambda z, t: slope(z, np.maximum(t, 0)), targets=T_IGNORED),
    b("p clipped in both", "clipping", lambda z, t: -np.log(np.maximum(true_p(z, t), 1e-3)),
      lambda z, t: np.where(true_p(z, t) < 1e-3, 0, slope(z, t)), logits=BIG, targets=BIG_T),
    b("p clipped in the gradient", "clipping", binary,
      lambda z, t: np.where(true_p(z, t) < 1e-3, 0, slope(z, t)), logits=BIG, targets=BIG_T),
    b("a constant added", "not at chance", lambda z, t: binary(z, t) + 0.25, slope),
    b("parenthesis missing", "sign of the (1 - y) term",
      lambda z, t: -t * np.log(sigmoid(z)) + (1 - t) * np.log(sigmoid(-z)), slope),
    b("parenthesis missing in a mean", "sign of the (1 - y) term",
      lambda z, t: np.mean(-t * np.log(sigmoid(z)) + (1 - t) * np.log(sigmoid(-z))),
      lambda z, t: (t * (sigmoid(z) - 1) - (1 - t) * sigmoid(z)) / ROWS),
    b("-y log p alone", "(1 - y) term forgotten", lambda z, t: -t * np.log(sigmoid(z)), slope),
    b("-(1 - y) log(1 - p) alone", "y term forgotten",
      lambda z, t: -(1 - t) * np.log(sigmoid(-z)), slope),
    b("prediction and target exchanged", "prediction and target exchanged", exchanged, slope),
    b("only label 1 smoothed", "another label smoothing",
      lambda z, t: binary(z, 0.8 * t), lambda z, t: slope(z, 0.8 * t),
      options={"label_smoothing": SMOOTH}),
    b("pos_weight on the logits", "weights on the logits", lambda z, t: binary(4 * z, t),
      lambda z, t: 4 * slope(4 * z, t), options={"pos_weight": 4.0}),
    b("squared error", "squared error", lambda z, t: (sigmoid(z) - t) ** 2, slope),
    b("labels -1 and +1", "labels -1 and +1", lambda z, t: binary(z, 2 * t - 1),
      lambda z, t: slope(z, 2 * t - 1)),
    b("logits divided by 3", "temperature", lambda z, t: binary(z / 3, t),
      lambda z, t: slope(z / 3, t) / 3),
    b("(p - y) / (p (1 - p))", "derivative of the sigmoid left out", binary,
      lambda z, t: slope(z, t) / (sigmoid(z) * sigmoid(-z))),
    b("z - y", "sigmoid left out", binary, lambda z, t: z - t),
    b("weights exchanged", "class weights in another order",
      lambda z, t: BW[1 - t] * binary(z, t), lambda z, t: BW[1 - t] * slope(z, t),
      options={"class_weight": BW}),
    b("pos_weight on label 0", "pos_weight on the wrong term",
      lambda z, t: np.where(t == 0, 4.0, 1.0) * binary(z, t),
      lambda z, t: np.where(t == 0, 4.0, 1.0) * slope(z, t), options={"pos_weight": 4.0}),
    b("divided by pos_weight", "pos_weight inverted",
      lambda z, t: np.where(t == 1, 0.25, 1.0) * binary(z, t),
      lambda z, t: np.where(t == 1, 0.25, 1.0) * slope(z, t), options={"pos_weight": 4.0}),
    b("softmax of the batch", "softmax over the wrong axis",
      lambda z, t: -t * np.log(softmax(z)) - (1 - t) * np.log(1 - softmax(z)), slope),
    b("softmax over several labels", "softmax in place of sigmoid",
      lambda z, t: (-t * np.log(softmax(z)) - (1 - t) * np.log(1 - softmax(z))).mean(),
      lambda z, t: slope(z, t) / z.size, logits=Z, targets=MANY),
    b("parenthesis missing, several labels", "sign of the (1 - y) term",
      lambda z, t: (-t * np.log(sigmoid(z)) + (1 - t) * np.log(sigmoid(-z))).sum(1).mean(),
      lambda z, t: slope(z, t) / len(z), logits=Z, targets=MANY),
    b("loss of a constant", "loss is constant", lambda z, t: binary(z * 0, t), slope),
    b("-p for -log p", "log forgotten", lambda z, t: -np.exp(-binary(z, t)),
      lambda z, t: np.exp(-binary(z, t)) * slope(z, t)),
    b("a column of logits, a row of labels", "broadcast",
      lambda z, t: (np.logaddexp(0, z) - t * z).mean(),
      lambda z, t: (sigmoid(z) - t.mean()) / ROWS, logits=B[:, None]),
    b("dropout", "not deterministic",
      lambda z, t: binary(z * NOISE.integers(2, size=z.shape), t), slope),
    b("detached", "gradient is zero", binary, lambda z, t: np.zeros_like(z)),
    b("exp overflows", "not a number",
      lambda z, t: -t * np.log(sigmoid(z)) - (1 - t) * np.log(1 - sigmoid(z)), slope,
      logits=B * 400),
    b("log(1 - p) of p near 1", "digits lost",
      lambda z, t: -np.log(np.where(t == 1, sigmoid(z), 1 - sigmoid(z))), slope,
      logits=B + 34 * (1 - T)),
    b("gradient halved", "scaled", binary, lambda z, t: slope(z, t) / 2.5),
]  # fmt: skip

PLANTED = CLASS_MISTAKES + BINARY_MISTAKES
