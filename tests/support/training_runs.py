"""Small training runs that are watched: right ones, and some with a mistake planted."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.datasets import load_digits

import xent
from xent.check import TrainingReport

Array = np.ndarray[Any, Any]
PIXELS, DIGITS = load_digits(return_X_y=True)
PIXELS, DIGITS = PIXELS[:1600], DIGITS[:1600]
X = (PIXELS - PIXELS.mean()) / PIXELS.std()
Y = DIGITS.astype(np.int64)


def softmax_regression(
    x: Array = X,
    y: Array = Y,
    *,
    classes: int = 10,
    start: float | Array = 0.0,
    rate: float = 0.1,
    steps: int = 300,
    rows: int = 64,
    seed: int = 0,
    decay: float = 0.0,
    momentum: float = 0.0,
    smoothing: float = 0.0,
    loss_of: Callable[[Array, Array, float], float] | None = None,
    sign: float = -1.0,
    told: dict[str, Any] | None = None,
) -> TrainingReport:
    """Gradient descent in NumPy, on batches drawn anew in each epoch; all rows if rows is 0."""
    rng = np.random.default_rng(seed)
    weight, bias = (
        rng.normal(size=(classes, x.shape[1])) * start if np.isscalar(start) else start,
        np.zeros(classes),
    )
    velocity = np.zeros_like(weight)
    watch = xent.check.watch(**(told or {}))
    order = rng.permutation(len(x))
    for step in range(steps):
        if rows:
            first = step * rows % (len(x) - rows + 1)
            if first < rows:
                order = rng.permutation(len(x))
            batch = order[first : first + rows]
        else:
            batch = np.arange(len(x))
        z, labels = x[batch] @ weight.T + bias, y[batch]
        with np.errstate(all="ignore"):
            loss, d_z = xent.cross_entropy(z, labels, label_smoothing=smoothing, return_grad=True)
            watch.step(loss if loss_of is None else loss_of(z, labels, loss), z, labels)
            velocity = momentum * velocity + d_z.T @ x[batch] + decay * weight
            weight = weight + sign * rate * velocity
            bias = bias + sign * rate * d_z.sum(axis=0)
    return watch.report()


def logistic_regression(
    *,
    rate: float = 0.5,
    steps: int = 300,
    seed: int = 0,
    share: float = 0.5,
    rows: int = 100,
    labels_of: Callable[[Array], Array] = lambda y: y,
    loss_of: Callable[[Array, Array], float] = xent.binary_cross_entropy,
) -> TrainingReport:
    """Binary labels with a share of 1; scores of shape (rows,)."""
    rng = np.random.default_rng(seed)
    y = (rng.random(4000) < share).astype(np.int64)
    x = rng.normal(size=(4000, 5)) + 0.7 * y[:, None]
    weight, bias = np.zeros(5), 0.0
    watch = xent.check.watch()
    for _ in range(steps):
        batch = rng.integers(4000, size=rows) if rows else np.arange(1000)
        z = x[batch] @ weight + bias
        with np.errstate(all="ignore"):
            watch.step(loss_of(z, y[batch]), z, labels_of(y[batch]))
        d_z = (xent.sigmoid(z) - y[batch]) / len(z)
        weight, bias = weight - rate * x[batch].T @ d_z, bias - rate * d_z.sum()
    return watch.report()


def network(
    *,
    layers: Callable[[Any], Any] | None = None,
    x: Array = X,
    y: Array = Y,
    optimizer: str = "SGD",
    rate: float = 0.05,
    steps: int = 200,
    rows: int = 64,
    seed: int = 0,
    smoothing: float = 0.0,
    loss_of: Callable[..., Any] | None = None,
    frozen: bool = False,
    change: Callable[[Any, int], None] | None = None,
    told: dict[str, Any] | None = None,
    clip: float | None = None,
    half: bool = False,
    evaluate: bool = False,
    options: dict[str, Any] | None = None,
) -> TrainingReport:
    """A multilayer perceptron in PyTorch, with hooks."""
    import torch
    from torch.nn import functional

    torch.manual_seed(seed)
    model = (layers or perceptron)(torch)
    rng = np.random.default_rng(seed)
    chosen = getattr(torch.optim, optimizer)(model.parameters(), lr=rate, **(options or {}))
    inputs, labels = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
    train = len(x) * 3 // 4
    with xent.check.watch(model, **(told or {})) as watch:
        for step in range(steps):
            batch = rng.integers(train, size=rows)
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                z = model(inputs[batch])
            given = loss_of or partial(functional.cross_entropy, label_smoothing=smoothing)
            loss = given(z.float(), labels[batch])
            chosen.zero_grad()
            loss.backward()
            watch.step(loss, z, labels[batch])
            if clip:
                torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
            if change is not None:
                change(model, step)
            if not frozen:
                chosen.step()
            if evaluate and step % 20 == 19:
                with torch.no_grad():
                    watch.validate(model(inputs[train:]), labels[train:])
    return watch.report()


def perceptron(torch: Any) -> Any:
    """64 pixels, a hidden layer, 10 digits."""
    nn = torch.nn
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


# What is planted. Layers are made where PyTorch is imported.


def layers_with(*names: str) -> Callable[[Any], Any]:
    """A network with layers of its own in the middle, which may be wrong."""

    def made(torch: Any) -> Any:
        class Root(torch.nn.Module):  # type: ignore[misc, name-defined]
            """Its gradient at 0 is 0 times infinity."""

            def forward(self, x: Any) -> Any:
                return (x * x).sqrt()

        class SquareRoot(torch.nn.Module):  # type: ignore[misc, name-defined]
            def forward(self, x: Any) -> Any:
                return x.sqrt()

        class Standardize(torch.nn.Module):  # type: ignore[misc, name-defined]
            """Divides by 0 where a row is constant."""

            def forward(self, x: Any) -> Any:
                return x / x.std(1, keepdim=True)

        kinds = {kind.__name__: kind for kind in (Root, SquareRoot, Standardize)}
        nn = torch.nn
        kinds |= {"ReLU": nn.ReLU, "Softmax": partial(nn.Softmax, 1)}
        kinds |= {"Hidden": partial(nn.Linear, 64, 64, bias=False)}
        kinds |= {"Last": partial(nn.Linear, 64, 10)}
        return nn.Sequential(*[kinds[name]() for name in names])

    return made


def put(x: Array, row: int, value: float) -> Array:
    changed = x.copy()
    changed[row] = value
    return changed


def naive(z: Array, y: Array, _: float) -> float:
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return float(-np.log(p[np.arange(len(y)), y]).mean())


def noisy(share: float) -> Array:
    """Labels of which a share is drawn by chance."""
    drawn = np.random.default_rng(1).integers(10, size=len(Y))
    return np.where(np.random.default_rng(0).random(len(Y)) < share, drawn, Y)


def centroids(scale: float) -> Array:
    """Weights of a classifier by the nearest mean, for logits of any scale."""
    means = np.stack([X[k == Y].mean(axis=0) for k in range(10)])
    return scale * (means - means.mean(axis=0))


def cross_entropy(z: Any, y: Any, **options: Any) -> Any:
    from torch.nn import functional

    return functional.cross_entropy(z, y, **options)


def growing_logits() -> TrainingReport:
    """A model that only becomes surer of its held-out rows, right or wrong."""
    rng = np.random.default_rng(0)
    y = rng.integers(4, size=400)
    shown = np.where(rng.random(400) < 0.15, rng.integers(4, size=400), y)
    z = np.eye(4)[shown] + 0.2 * rng.normal(size=(400, 4))
    watch = xent.check.watch()
    for step in range(120):
        watch.step(1 / (step + 1), 5 * np.eye(4)[y] + step / 1000 * z, y)
        if step % 20 == 19:
            watch.validate(z * (1 + step / 20), y)
    return watch.report()


class Planted(NamedTuple):
    """A mistake or note, the run that has it, and words that the report must contain."""

    name: str
    run: Callable[[], TrainingReport]
    told: tuple[str, ...] = ()


SHUFFLED = np.random.default_rng(0).permutation(Y)
PLANTED: dict[str, Planted] = {
    "weights of standard deviation 3": Planted(
        "initial loss too high",
        partial(softmax_regression, start=3.0),
        ("The loss of step 0 is", "log 10 = 2.3026"),
    ),
    "pixels not normalised, large weights": Planted(
        "initial loss too high", partial(softmax_regression, PIXELS, start=1.0, rate=0.001)
    ),
    "learning rate 30": Planted(
        "learning rate too high", partial(softmax_regression, rate=30.0), ("in step 3",)
    ),
    "learning rate 5 in a network": Planted(
        "learning rate too high", partial(network, rate=5.0), ("A model that knows nothing",)
    ),
    "learning rate 1 of Adam": Planted(
        "learning rate too high", partial(network, optimizer="Adam", rate=1.0)
    ),
    "two-step oscillation": Planted(
        "learning rate too high",
        partial(logistic_regression, rate=8.0, rows=0),
        ("Every step uses the same rows", "rose in 50% of the steps"),
    ),
    "gradient ascent": Planted(
        "loss rises",
        partial(softmax_regression, sign=1.0),
        ("from each tenth of the run to the next", "look for a wrong sign"),
    ),
    "weight decay of the wrong sign": Planted(
        "loss rises", partial(softmax_regression, y=noisy(0.3), decay=-0.05, steps=500)
    ),
    "the same, and surer of right rows too": Planted(
        "overconfident",
        partial(softmax_regression, y=noisy(0.12), decay=-0.07, steps=400),
        ("The accuracy rose from",),
    ),
    "the same, smaller": Planted(
        "logits drift apart",
        partial(softmax_regression, y=noisy(0.3), decay=-0.043, steps=600),
        ("the standard deviation of a row's logits grew from",),
    ),
    "large weights beside wrong labels": Planted(
        "saturated and wrong rows",
        partial(softmax_regression, y=noisy(0.12), start=centroids(3.0), rate=0.0005),
        ("rounds to 1 in float32",),
    ),
    "learning rate 0": Planted(
        "loss does not fall", partial(softmax_regression, rate=0.0), ("is 2.3026",)
    ),
    "learning rate 1e-6": Planted("loss does not fall", partial(softmax_regression, rate=1e-6)),
    "learning rate 0, the same rows": Planted(
        "parameters do not change",
        partial(softmax_regression, X[:400], Y[:400], rate=0.0, rows=0),
        ("exactly the same logits",),
    ),
    "no optimizer's step": Planted(
        "parameters do not change", partial(network, frozen=True), ("from step 0 to step 180",)
    ),
    "loss of detached logits": Planted(
        "parameters do not change",
        partial(network, loss_of=lambda z, y: cross_entropy(z.detach().requires_grad_(), y)),
    ),
    "labels shuffled against the rows": Planted(
        "loss at the base rate",
        partial(softmax_regression, y=SHUFFLED, rate=0.02, decay=0.05),
        ("Predicting the labels' shares for every row has 2.3003",),
    ),
    "NaN in a row, plain loop": Planted(
        "NaN in the logits",
        partial(softmax_regression, put(X, 100, np.nan)),
        ("The loss of step 16 is NaN", "a logit is NaN in row 34"),
    ),
    "NaN in a row, network": Planted(
        "NaN in the inputs",
        partial(network, x=put(X, 100, np.nan)),
        ("In step 1 the input of the model is NaN in row 33.",),
    ),
    "log of 0": Planted(
        "NaN in the loss",
        partial(softmax_regression, X * 200, rate=1.0, loss_of=naive),
        ("The loss of step 1 is NaN", "rounds to 0 in float64 in"),
    ),
    "root of what may be negative": Planted(
        "NaN in a layer",
        partial(network, layers=layers_with("Hidden", "SquareRoot", "Last")),
        ("In step 0", "layer 1 (SquareRoot)", "Its input lies between"),
    ),
    "division by the spread of a constant row": Planted(
        "NaN in a layer",
        partial(
            network,
            layers=layers_with("Standardize", "Hidden", "ReLU", "Last"),
            x=put(X, 300, 0.0),
            rows=256,
        ),
        ("In step 5", "layer 0 (Standardize)", "NaN in row 222"),
    ),
    "gradient of a root at 0": Planted(
        "NaN in the parameters",
        partial(
            network,
            layers=layers_with("Hidden", "ReLU", "Hidden", "Root", "Last"),
            x=put(X, 300, 0.0),
        ),
        ("Before step 24", "2.weight. 4.weight and all after it were finite"),
    ),
    "12 outputs for 10 classes": Planted(
        "other number of classes",
        partial(softmax_regression, classes=12, told={"classes": 10}),
        ("The logits have 12 classes, and classes=10 was given.",),
    ),
    "labels from 1": Planted(
        "labels one-based", partial(logistic_regression, labels_of=lambda y: y + 1)
    ),
    "labels of -1 and +1": Planted(
        "labels -1 and +1", partial(logistic_regression, labels_of=lambda y: 2 * y - 1)
    ),
    "softmax before the loss": Planted(
        "softmax applied twice",
        partial(network, loss_of=lambda z, y: cross_entropy(z.softmax(1), y)),
        ("taken for logits",),
    ),
    "softmax as the last layer": Planted(
        "probabilities given as logits",
        partial(network, layers=layers_with("Hidden", "ReLU", "Last", "Softmax")),
    ),
    "probabilities in place of their logarithms": Planted(
        "negative loss",
        partial(network, loss_of=lambda z, y: -z.softmax(1)[range(len(y)), y].mean()),
        ("in 200 of 200 steps, first in step 0",),
    ),
    "smoothing left out": Planted(
        "label smoothing missing",
        partial(network, told={"label_smoothing": 0.1}),
        ("as without label smoothing; with 0.1 it would be",),
    ),
    "smoothed labels, learned": Planted(
        "loss at the floor of label smoothing",
        partial(network, smoothing=0.2, steps=600, optimizer="Adam", rate=3e-3),
        ("With label smoothing 0.2", "below 0.8669", "Without smoothing it is"),
    ),
    "one label in 50": Planted(
        "initial loss above the base rate",
        partial(logistic_regression, share=0.02),
        ("The loss of step 0 is 0.6931",),
    ),
    "two classes without rows": Planted(
        "class never in the labels",
        partial(softmax_regression, classes=12),
        ("Classes 10, 11 are not among",),
    ),
    "loss of float32 that rounds to 0": Planted(
        "loss exactly 0",
        partial(softmax_regression, start=centroids(3.0), loss_of=lambda z, y, loss: 0.0),
        ("Since step 0 the loss is exactly 0; computed in float64",),
    ),
    "network for noisy labels": Planted(
        "overfitting",
        partial(network, y=noisy(0.4), steps=600, optimizer="Adam", rate=1e-2, evaluate=True),
        ("The held-out loss was",),
    ),
    "logits that only grow": Planted(
        "overconfident", growing_logits, ("The same logits divided by",)
    ),
}
"""By what is planted. Nothing else is found in any of the runs."""


@cache
def planted(case: str) -> TrainingReport:
    """The report on a planted run."""
    return PLANTED[case].run()
