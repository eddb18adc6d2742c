"""Links: how a loss turns logits into probabilities, the right one first.

A link gives log p and log(1 - p), each with the shape of the logits, (..., rows, classes). Its
derivative takes the loss's derivatives for log p to those for the logits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from xent._validation import Array
from xent.check._gradient.reference import Reference


@dataclass(frozen=True)
class Link:
    """An entry: the name of the mistake ("" for none), and the formula."""

    mistake: str
    forward: Callable[[Array], tuple[Array, Array]]
    """Logits to log p and log(1 - p)."""
    backward: Callable[[Array, Array], Array]
    """Logits, and derivatives for log p, to derivatives for the logits."""
    detail: str = ""
    implies: str = ""
    """A mistake that belongs to it, and is no second one."""


def links(reference: Reference) -> Iterator[Link]:
    """The links that a loss of this task may have; the first is right."""
    rows, classes = reference.logits.shape
    weight = reference.options.get("class_weight")
    if reference.task == "binary":
        yield _sigmoid("")
        yield _twice(_sigmoid(""), "sigmoid applied twice")
        if reference.labels_per_row > 1:
            yield _of_groups(_softmax("softmax in place of sigmoid", (-1,)), reference)
        if rows > 1:
            yield _softmax("softmax over the wrong axis", (-2,))
        if np.size(times := reference.options.get("pos_weight", ())) == 1:
            factor, name = float(np.reshape(times, ())), "weights on the logits"
            misplaced = _scaled(_sigmoid(""), factor, name, "multiplied by pos_weight")
            yield replace(misplaced, implies="pos_weight missing")
        return
    yield _softmax("", (-1,))
    yield _twice(_softmax("", (-1,)), "softmax applied twice")
    yield _sigmoid("sigmoid in place of softmax")
    if rows > 1:
        yield _softmax("softmax over the wrong axis", (-2,))
        over_all = "as with a softmax over all entries of the batch"
        yield _softmax("rows depend on each other", (-2, -1), over_all)
    if rows == classes > 1:
        yield from _without_keepdims()
    yield _scaled(_softmax("", (-1,)), -1.0, "logits negated")
    yield Link("logits given for log-probabilities", _with_complement, lambda _, slopes: slopes)
    if weight is not None:
        weight, name = np.asarray(weight, dtype=np.float64), "weights on the logits"
        misplaced = _scaled(_softmax("", (-1,)), weight, name, "multiplied by the class weights")
        yield replace(misplaced, implies="class weight missing")
        if (weight > 0).all():
            added = "plus the logarithms of the class weights"
            shifted = _shifted(_softmax("", (-1,)), np.log(weight), name, added)
            yield replace(shifted, implies="class weight missing")


def at_temperature(reference: Reference, temperature: float) -> Link:
    """The right link of logits that are divided by a temperature."""
    right = next(links(reference))
    return _scaled(right, 1 / temperature, "temperature", f"T = {temperature:.4g}")


def _log_sum_exp(z: Array, axes: tuple[int, ...]) -> Array:
    largest = z.max(axis=axes, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, 0.0)
    return np.asarray(largest + np.log(np.exp(z - largest).sum(axis=axes, keepdims=True)))


def _with_complement(log_p: Array) -> tuple[Array, Array]:
    return log_p, np.log(-np.expm1(log_p))  # NaN above 0, where p is no probability


def _softmax(mistake: str, axes: tuple[int, ...], detail: str = "") -> Link:
    def forward(z: Array) -> tuple[Array, Array]:
        return _with_complement(np.minimum(z - _log_sum_exp(z, axes), 0))

    def backward(z: Array, slopes: Array) -> Array:
        p = np.exp(z - _log_sum_exp(z, axes))
        return np.asarray(slopes - p * slopes.sum(axis=axes, keepdims=True))

    return Link(mistake, forward, backward, detail)


def _sigmoid(mistake: str) -> Link:
    def forward(z: Array) -> tuple[Array, Array]:
        return -np.logaddexp(0, -z), -np.logaddexp(0, z)

    def backward(z: Array, slopes: Array) -> Array:
        return np.asarray(slopes * np.exp(-np.logaddexp(0, z)))

    return Link(mistake, forward, backward)


def _twice(link: Link, mistake: str) -> Link:
    def forward(z: Array) -> tuple[Array, Array]:
        return link.forward(np.exp(link.forward(z)[0]))

    def backward(z: Array, slopes: Array) -> Array:
        p = np.exp(link.forward(z)[0])
        return link.backward(z, p * link.backward(p, slopes))

    return Link(mistake, forward, backward)


def _scaled(link: Link, factor: float | Array, mistake: str, detail: str = "") -> Link:
    def forward(z: Array) -> tuple[Array, Array]:
        return link.forward(z * factor)

    def backward(z: Array, slopes: Array) -> Array:
        return factor * link.backward(z * factor, slopes)

    return Link(mistake, forward, backward, detail)


def _shifted(link: Link, shift: Array, mistake: str, detail: str) -> Link:
    return Link(
        mistake,
        lambda z: link.forward(z + shift),
        lambda z, slopes: link.backward(z + shift, slopes),
        detail,
    )


def _of_groups(link: Link, reference: Reference) -> Link:
    """A link over the labels of a row, whose logits are rows of their own here."""
    labels = reference.labels_per_row

    def forward(z: Array) -> tuple[Array, Array]:
        log_p, log_q = link.forward(z.reshape(*z.shape[:-2], -1, labels))
        return log_p.reshape(z.shape), log_q.reshape(z.shape)

    def backward(z: Array, slopes: Array) -> Array:
        shape = (*z.shape[:-2], -1, labels)
        return link.backward(z.reshape(shape), slopes.reshape(shape)).reshape(z.shape)

    return replace(link, forward=forward, backward=backward)


def _without_keepdims() -> Iterator[Link]:
    """Where, in a square batch, a sum or maximum of row j is taken for that of column j."""
    name = "row sums along the wrong axis"

    def forward(z: Array) -> tuple[Array, Array]:
        return _with_complement(z - _log_sum_exp(z, (-1,)).swapaxes(-1, -2))

    def backward(z: Array, slopes: Array) -> Array:
        softmax = np.exp(z - _log_sum_exp(z, (-1,)))
        return np.asarray(slopes - softmax * slopes.sum(axis=-2)[..., :, None])

    def centred(z: Array) -> Array:
        return np.asarray(z - z.max(axis=-1, keepdims=True))

    def through_centred(z: Array, slopes: Array) -> Array:
        highest = z == z.max(axis=-1, keepdims=True)
        return np.asarray(slopes - highest * slopes.sum(axis=-1, keepdims=True))

    plain = Link(name, forward, backward, "exp(z[i, j]) divided by the sum of row j")
    yield plain
    yield Link(
        name,
        lambda z: forward(centred(z)),
        lambda z, slopes: through_centred(z, backward(centred(z), slopes)),
        f"{plain.detail}, each less its row's maximum",
    )
