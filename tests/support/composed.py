"""Losses composed of right and wrong parts, alone and in pairs, for NumPy and PyTorch alike.

The parts are written here anew, as users write them: none of them uses the checker's own tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import combinations, product
from typing import Any, NamedTuple

import numpy as np
from helpers import import_torch

import xent

ROWS, CLASSES = 12, 4
W = np.array([1.0, 2.0, 0.5, 3.0])
BW = np.array([1.0, 3.0])
POS = 2.5
SMOOTH = 0.2
RNG = np.random.default_rng(41)
Z = RNG.normal(size=(ROWS, CLASSES)) * 1.5
Y = np.concatenate([np.arange(CLASSES), RNG.integers(CLASSES, size=ROWS - CLASSES)])
B = RNG.normal(size=ROWS) * 1.5
T = np.arange(ROWS) % 3 % 2
SOFT = RNG.dirichlet(np.ones(CLASSES) * 2, size=ROWS)


class Part(NamedTuple):
    """A part of a loss: what it takes the place of, its name, and the options that it is about."""

    place: str
    name: str
    make: Callable[..., Any]
    options: tuple[str, ...] = ()


def library(array: Any) -> Any:
    if isinstance(array, np.ndarray):
        return np
    import torch

    return torch


def as_like(value: Any, like: Any) -> Any:
    xp = library(like)
    return np.asarray(value) if xp is np else xp.as_tensor(np.asarray(value), dtype=like.dtype)


def softmax(z: Any, axis: int = -1) -> Any:
    e = library(z).exp(z)
    return e / e.sum(axis, keepdims=True)


def sigmoid(z: Any) -> Any:
    return 1 / (1 + library(z).exp(-z))


def over_all(z: Any) -> Any:
    e = library(z).exp(z)
    return e / e.sum()


def cross(p: Any, t: Any, _: Any) -> Any:
    return (-t * library(p).log(p)).sum(-1)


def bernoulli(p: Any, t: Any, q: Any) -> Any:
    xp = library(p)
    return (-t * xp.log(p) - q * xp.log(1 - p)).sum(-1)


def lost_sign(p: Any, t: Any, q: Any) -> Any:
    xp = library(p)
    return (-t * xp.log(p) + q * xp.log(1 - p)).sum(-1)


def exchanged(p: Any, t: Any, _: Any) -> Any:
    xp = library(p)
    return -(p * xp.log(xp.clip(t, 1e-7, 1))).sum(-1)


def exchanged_binary(p: Any, t: Any, _: Any) -> Any:
    xp = library(p)
    t = xp.clip(t, 1e-7, 1 - 1e-7)
    return -(p * xp.log(t) + (1 - p) * xp.log(1 - t)).sum(-1)


CLASS_PARTS = [
    Part("link", "", softmax),
    Part("link", "softmax applied twice", lambda z: softmax(softmax(z))),
    Part("link", "softmax over the wrong axis", lambda z: softmax(z, 0)),
    Part("link", "rows depend on each other", over_all),
    Part("link", "sigmoid in place of softmax", sigmoid),
    Part("link", "logits negated", lambda z: softmax(-z)),
    Part("link", "temperature", lambda z: softmax(z / 2)),
    Part("term", "", cross),
    Part("term", "binary terms over the classes", bernoulli),
    Part("term", "sign of the (1 - y) term", lost_sign),
    Part("term", "log forgotten", lambda p, t, q: (-t * p).sum(-1)),
    Part("term", "prediction and target exchanged", exchanged),
    Part("term", "squared error", lambda p, t, q: ((p - t) ** 2).sum(-1)),
    Part("term", "absolute error", lambda p, t, q: abs(p - t).sum(-1)),
    Part("target", "", lambda y, k: np.eye(k)[y]),
    Part("target", "labels off by one", lambda y, k: np.eye(k)[(y + 1) % k]),
    Part("target", "labels off by one", lambda y, k: np.eye(k)[y - 1]),
    Part("target", "smoothing over the other classes",
         lambda y, k: np.where(np.eye(k)[y] == 1, 1 - SMOOTH, SMOOTH / (k - 1)),
         ("label_smoothing",)),
    Part("target", "smoothed targets do not sum to 1",
         lambda y, k: (1 - SMOOTH) * np.eye(k)[y] + 1 / k, ("label_smoothing",)),
    Part("target", "smoothed targets do not sum to 1",
         lambda y, k: np.eye(k)[y] + SMOOTH / k, ("label_smoothing",)),
    Part("target", "label smoothing missing", lambda y, k: np.eye(k)[y], ("label_smoothing",)),
    Part("weight", "", lambda y, z: 1.0),
    Part("weight", "class weights in another order", lambda y, z: W[::-1][y], ("class_weight",)),
    Part("weight", "class weights in another order", lambda y, z: W[[2, 0, 3, 1]][y],
         ("class_weight",)),
    Part("weight", "weight of the predicted class",
         lambda y, z: W[np.asarray(z.detach() if hasattr(z, "detach") else z).argmax(-1)],
         ("class_weight",)),
    Part("weight", "class weight missing", lambda y, z: 1.0, ("class_weight",)),
    Part("weight", "class weights inverted", lambda y, z: 1 / W[y], ("class_weight",)),
    Part("weight", "class weights applied twice", lambda y, z: W[y] ** 2, ("class_weight",)),
    Part("factor", "", lambda k: 1.0),
    Part("factor", "wrong sign", lambda k: -1.0),
    Part("factor", "bits for nats", lambda k: 1 / np.log(2)),
    Part("factor", "log10 for log", lambda k: 1 / np.log(10)),
    Part("factor", "mean over classes as well", lambda k: 1 / k),
]  # fmt: skip

BINARY_PARTS = [
    Part("link", "", sigmoid),
    Part("link", "sigmoid applied twice", lambda z: sigmoid(sigmoid(z))),
    Part("link", "softmax over the wrong axis", lambda z: softmax(z, 0)),
    Part("link", "temperature", lambda z: sigmoid(z / 3)),
    Part("term", "", bernoulli),
    Part("term", "(1 - y) term forgotten", cross),
    Part("term", "y term forgotten", lambda p, t, q: (-q * library(p).log(1 - p)).sum(-1)),
    Part("term", "sign of the (1 - y) term", lost_sign),
    Part("term", "log forgotten", lambda p, t, q: (-t * p - q * (1 - p)).sum(-1)),
    Part("term", "prediction and target exchanged", exchanged_binary),
    Part("term", "squared error", lambda p, t, q: ((p - t) ** 2).sum(-1)),
    Part("target", "", lambda y, k: y[:, None] * 1.0),
    Part("target", "labels flipped", lambda y, k: 1.0 - y[:, None]),
    Part("target", "labels off by one", lambda y, k: 1.0 + y[:, None]),
    Part("target", "labels -1 and +1", lambda y, k: 2.0 * y[:, None] - 1),
    Part("target", "label smoothing missing", lambda y, k: y[:, None] * 1.0,
         ("label_smoothing",)),
    Part("weight", "", lambda y, z: 1.0),
    Part("weight", "class weights in another order", lambda y, z: BW[1 - y], ("class_weight",)),
    Part("weight", "weight of the predicted class",
         lambda y, z: BW[(np.asarray(z.detach() if hasattr(z, "detach") else z)[:, 0] > 0) * 1],
         ("class_weight",)),
    Part("weight", "pos_weight on the wrong term", lambda y, z: np.where(y == 1, 1, POS),
         ("pos_weight",)),
    Part("weight", "pos_weight missing", lambda y, z: 1.0, ("pos_weight",)),
    Part("factor", "", lambda k: 1.0),
    Part("factor", "wrong sign", lambda k: -1.0),
    Part("factor", "bits for nats", lambda k: 1 / np.log(2)),
    Part("factor", "log10 for log", lambda k: 1 / np.log(10)),
]  # fmt: skip

VALUES = {"label_smoothing": SMOOTH, "class_weight": None, "pos_weight": POS}


SAME: dict[str, list[set[str]]] = {
    "The mean of K questions is as usual as their sum, and the sigmoid belongs to them.": [
        {"binary terms over the classes", "sigmoid in place of softmax"},
        {"binary terms over the classes", "mean over classes as well"},
        {"sign of the (1 - y) term", "mean over classes as well"},
        {"squared error", "mean over classes as well"},
        {"absolute error", "mean over classes as well"},
    ],
    "Clipped targets of 1 or more are 1, and those of 0 or less the floor.": [
        {"prediction and target exchanged", "smoothed targets do not sum to 1"},
        {"prediction and target exchanged", "labels off by one"},
        {"prediction and target exchanged", "labels -1 and +1"},
    ],
    "It is the same number as the absolute error with the wrong sign.": [
        {"labels flipped", "log forgotten"},
    ],
    "The weight of one label alone is that of the term alone.": [
        {"y term forgotten", "pos_weight missing"},
        {"labels flipped", "class weights in another order"},
        {"labels flipped", "pos_weight on the wrong term"},
    ],
    "Where targets are not 0 and 1, the weight of a row by its label is not that of each term by "
    "its class: a third difference.": [
        {"labels off by one", "pos_weight on the wrong term"},
        {"labels -1 and +1", "pos_weight on the wrong term"},
        {"smoothing over the other classes", "class weights in another order"},
        {"smoothing over the other classes", "class weights inverted"},
        {"smoothing over the other classes", "class weights applied twice"},
    ],
}
"""Pairs that are not told apart, by the reason."""


class Composed(NamedTuple):
    """A loss of one wrong part or two."""

    task: str
    wrong: tuple[Part, ...]
    reduction: str

    @property
    def names(self) -> set[str]:
        return {part.name for part in self.wrong}

    @property
    def meaningless(self) -> bool:
        """Is it another one of these by another name, or none that the checker need tell apart?"""
        by_classes = self.reduction == "sum" and "mean over classes as well" in self.names
        return by_classes or any(pair <= self.names for pairs in SAME.values() for pair in pairs)

    def describe(self) -> str:
        return f"{self.task}, {self.reduction}: {' and '.join(p.name for p in self.wrong)}"

    @property
    def options(self) -> dict[str, Any]:
        names = {option for part in self.wrong for option in part.options}
        weight = W if self.task == "classes" else BW
        return {name: weight if name == "class_weight" else VALUES[name] for name in names}

    def loss(self, z: Any, y: Any) -> Any:
        parts = CLASS_PARTS if self.task == "classes" else BINARY_PARTS
        made = {part.place: part.make for part in parts if not part.name}
        made |= {part.place: part.make for part in self.wrong}
        labels = np.asarray(y)
        z = z if self.task == "classes" else z[:, None]
        p = made["link"](z)
        t = made["target"](labels, z.shape[-1])
        losses = made["term"](p, as_like(t, z), as_like(1 - t, z))
        weight = np.broadcast_to(made["weight"](labels, z), labels.shape)
        losses = as_like(weight * made["factor"](z.shape[-1]), z) * losses
        if self.reduction == "rows":
            return losses
        total = len(labels) if "pos_weight" in self.options else weight.sum()
        return losses.sum() / (total if self.reduction == "mean" else 1)

    def check(self, library: str) -> xent.check.GradientReport:
        z, y = (Z, Y) if self.task == "classes" else (B, T)
        if library == "torch":
            import_torch()
            import torch

            return xent.check.gradient(
                self.loss, None, torch.tensor(z), torch.tensor(y), **self.options
            )
        return xent.check.gradient(self.loss, zeros_like, z, y, **self.options)


def zeros_like(z: Any, _: Any) -> Any:
    return np.zeros_like(z)


def composed(task: str, number: int, reductions: tuple[str, ...]) -> Iterator[Composed]:
    """All losses with this number of wrong parts, each in another place."""
    parts = [p for p in (CLASS_PARTS if task == "classes" else BINARY_PARTS) if p.name]
    for wrong, reduction in product(combinations(parts, number), reductions):
        if len({part.place for part in wrong}) == number and "temperature" not in {
            part.name for part in wrong if number > 1
        }:
            yield Composed(task, wrong, reduction)


TRIED = {1: {"numpy": ("rows", "mean", "sum"), "torch": ("rows", "mean")},
         2: {"numpy": ("rows", "mean"), "torch": ("mean",)}}  # fmt: skip
"""Reductions that are tried, by the number of wrong parts and the library."""


def cases(number: int, library: str) -> list[Composed]:
    """What is tried, and those that are not told apart too."""
    return [
        case
        for task in ("classes", "binary")
        for case in composed(task, number, TRIED[number][library])
    ]


@cache
def named(case: Composed, library: str) -> tuple[frozenset[str], frozenset[str]]:
    """The mistakes that the check names, and those from which the same numbers follow."""
    report = case.check(library)
    said = " ".join(str(report).split())
    same = re.search(r"The same numbers follow from: ([^.]*)\.", said)
    also = frozenset(same[1].split(", ")) if same else frozenset()
    return frozenset(report.mistakes) - {"gradient is zero"}, also
