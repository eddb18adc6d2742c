"""Losses and functions of plain arrays: checked, computed by an engine, reduced.

The functions here are what `xent.losses`, `xent.functions` and `xent.metrics` call for NumPy
arrays, lists and arrays of other libraries without derivatives of their own. `class_loss` and
`binary_loss` also serve CPU tensors, through NumPy arrays over their memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from xent._engine import Outputs, buffer_pool, engine_for
from xent._engine.array import ArrayProducts, sum_dtype
from xent._engine.linear import BIAS, INPUTS, WEIGHT, Layer, NumPyProducts
from xent._engine.numpy import total
from xent._options import LossOptions
from xent._targets import (
    BinaryTargets,
    ClassTargets,
    as_rows,
    binary_targets,
    cast,
    class_targets,
    common_divisor,
    mean_divisors,
)
from xent._validation import (
    as_floats,
    check_layer,
    check_out,
    check_shape,
    class_axis,
    class_last,
    is_array_api,
    to_numpy,
)
from xent.formula import array_namespace

Array = Any


class Loss(NamedTuple):
    """A computed loss, and what came with it."""

    value: Any
    grad: Any
    stats: Any
    divisors: Any
    """What the means of the losses and of z-loss divide by."""


def cross_entropy(
    logits: Any, targets: Any, options: LossOptions, *, return_grad: bool = False, out: Any = None
) -> Any:
    """See `xent.cross_entropy`."""
    names = options.names
    z = as_scores(logits, names.logits, names.targets)
    y = _labels_if_empty(as_partner(targets, z, names.targets), targets)
    class_axis(z, options.axis, names)
    options = with_arrays(options, z)
    grad = gradient_memory(out, z, [y, options.sample_weight], return_grad=return_grad)
    loss = class_loss(z, y, options, grad=grad)
    return loss.value if grad is None else (loss.value, loss.grad)


def binary_cross_entropy(
    logits: Any, targets: Any, options: LossOptions, *, return_grad: bool = False, out: Any = None
) -> Any:
    """See `xent.binary_cross_entropy`."""
    names = options.names
    z = as_scores(logits, names.logits, names.targets)
    y = as_partner(targets, z, names.targets)
    options = with_arrays(options, z)
    grad = gradient_memory(out, z, [y, options.sample_weight], return_grad=return_grad)
    loss = binary_loss(z, y, options, grad=grad)
    return loss.value if grad is None else (loss.value, unwrap(loss.grad))


def linear_cross_entropy(
    inputs: Any,
    weight: Any,
    targets: Any,
    bias: Any,
    options: LossOptions,
    *,
    return_grad: bool = False,
) -> Any:
    """See `xent.linear_cross_entropy`."""
    names = options.names
    x = as_scores(inputs, names.inputs)
    w, b = as_partner(weight, x, names.weight, floats=True), None
    check_layer(x.shape, w.shape, names)
    if bias is not None:
        b = as_partner(bias, x, names.bias, floats=True)
        check_shape(b, w.shape[:1], names.bias, "one offset per class")
    y = _labels_if_empty(as_partner(targets, x, names.targets), targets)
    shape = (*x.shape[:-1], w.shape[0])
    options = with_arrays(options.replace(axis=len(shape) - 1), x)
    xp = array_namespace(x)
    rows = class_targets(y, shape, options.axis, options, xp=xp, dtype=sum_dtype(xp, x))
    wanted = INPUTS | WEIGHT | (0 if b is None else BIAS) if return_grad else 0
    products: Any = NumPyProducts() if xp is np else ArrayProducts(x)
    layer = Layer(products, as_rows(xp, x), w, b)
    with np.errstate(all="ignore"):
        loss = linear_loss(layer, rows.flat(xp), options, wanted=wanted).value
        grads = tuple(
            None if grad is None else xp.reshape(cast(xp, grad, like.dtype), like.shape)
            for like, grad in zip((x, w, b), layer.grads, strict=True)
        )
    if options.reduction == "none":
        loss = unwrap(xp.reshape(loss, x.shape[:-1]))
    return (loss, grads) if return_grad else loss


def evaluate(function: str, logits: Any, axis: int | None = None) -> Any:
    """Softmax, log-softmax or log-sum-exp along an axis, or sigmoid or log-sigmoid (no axis)."""
    z = as_scores(logits, "logits")
    if axis is None:
        return unwrap(engine_for(z).evaluate(function, z))
    xp = array_namespace(z)
    axis = class_axis(z, axis)
    moved = class_last(z, axis)
    reduces = function == "logsumexp"
    if not z.shape[axis]:  # an empty sum is 0, its logarithm -inf
        if not reduces:
            return xp.empty_like(z)
        return unwrap(xp.full(moved.shape[:-1], -xp.inf, dtype=z.dtype))
    result = engine_for(moved).evaluate(function, moved)
    if reduces:
        return unwrap(result)
    if moved is not z:
        result = xp.moveaxis(result, -1, axis)
    return np.ascontiguousarray(result) if xp is np else result


def metric(function: Any, y_true: Any, y_prob: Any, options: dict[str, Any]) -> Any:
    """A metric of NumPy arrays, such as `xent.log_loss`."""
    return function(y_true, y_prob, **options)


def class_loss(
    z: Array, y: Array, options: LossOptions, *, grad: Any = None, stats: Any = None
) -> Loss:
    """Loss of class logits, as arrays.

    `grad` is memory for the gradient of the loss (for row losses, of their sum), or True.
    """
    engine, axis = engine_for(z), options.axis % z.ndim
    xp = array_namespace(z)
    rows = class_targets(
        y,
        z.shape,
        axis,
        options,
        xp=xp,
        dtype=sum_dtype(xp, z),
        defer_label_check=engine.finds_wrong_targets() and not in_place(grad, z),
    )
    divisors, divisor, options, scale = reduction(rows, options)
    grad_last = class_last(grad, axis) if isinstance(grad, np.ndarray) else grad
    want = Outputs(grad_last, options.reduction == "none" or None, stats)
    loss_sum, made = engine.cross_entropy(class_last(z, axis), rows, options, scale, want)
    if grad is True:
        grad = made.grad if axis == z.ndim - 1 else xp.moveaxis(made.grad, -1, axis)
    value = reduced(options, loss_sum, divisor, made.losses, grad)
    return Loss(value, grad, made.stats, divisors)


def binary_loss(z: Array, y: Array, options: LossOptions, *, grad: Any = None) -> Loss:
    """Loss of binary logits, as arrays; `grad` as in `class_loss`."""
    engine = engine_for(z)
    xp = array_namespace(z)
    rows = binary_targets(
        y,
        z.shape,
        options,
        xp=xp,
        dtype=sum_dtype(xp, z),
        defer_value_check=engine.finds_wrong_targets() and not in_place(grad, z),
    )
    divisors, divisor, options, scale = reduction(rows, options)
    want = Outputs(grad, options.reduction == "none" or None)
    loss_sum, made = engine.binary_cross_entropy(z, rows, options, scale, want)
    value = reduced(options, loss_sum, divisor, made.losses, made.grad)
    return Loss(value, made.grad, None, divisors)


def linear_loss(
    layer: Layer,
    rows: ClassTargets,
    options: LossOptions,
    *,
    wanted: int = 0,
    inputs_dtype: Any = None,
    as_array: Callable[[Array], Array] = lambda logits: logits,
    before: Callable[[slice, Array], None] | None = None,
    row_factors: Array | None = None,
    stats: bool = False,
) -> Loss:
    """Loss of a linear layer, a chunk of rows at a time; the layer gets the wanted gradients.

    `rows` have one axis. `as_array` converts a chunk's logits for an engine, `before` is called
    with the logits before they are overwritten, and `row_factors` multiply the rows' gradients.
    """
    layer.want(wanted, layer.dtype if inputs_dtype is None else inputs_dtype)
    divisors, divisor, options, scale = reduction(rows, options)
    sums, losses, found = [], [], []
    for index, inputs, logits in layer.chunks():
        if before is not None:
            before(index, logits)
        z = as_array(logits)
        part = rows if index == slice(0, layer.rows) else rows.part((index,))
        # In place if possible: the logits are not needed again.
        grad = (z if isinstance(z, np.ndarray) else True) if wanted else None
        want = Outputs(grad, options.reduction == "none" or None, stats or None)
        loss_sum, made = engine_for(z).cross_entropy(z, part, options, scale, want)
        sums.append(loss_sum)
        losses.append(made.losses)
        found.append(made.stats)
        if wanted:
            gradient = logits if isinstance(z, np.ndarray) else made.grad
            if row_factors is not None:
                gradient *= row_factors[index]
            layer.add(index, inputs, gradient, part.weight)
    whole = total(sums) if isinstance(sums[0], float) else sum(sums[1:], sums[0])
    value = reduced(options, whole, divisor, _joined(losses), *layer.grads)
    return Loss(value, None, _joined(found), divisors)


def _joined(parts: list[Any]) -> Any:
    """The chunks' results as one array; None if nothing was wanted."""
    if parts[0] is None or len(parts) == 1:
        return parts[0]
    return array_namespace(parts[0]).concat(parts)


def reduction(
    rows: ClassTargets | BinaryTargets, options: LossOptions
) -> tuple[tuple[Any, Any], Any, LossOptions, Any]:
    """The divisors of the means, a common one, the matching options, the gradient's factor."""
    if options.reduction != "mean":
        divisor = rows.total if options.divisor is None else options.divisor
        return (divisor, divisor), divisor, options, 1.0
    divisors = mean_divisors(rows, options)
    divisor, z_factor = common_divisor(*divisors)
    options = options.with_z_factor(z_factor)
    if isinstance(divisor, (int, float)):
        return divisors, divisor, options, 1 / divisor if divisor else 1.0
    xp = array_namespace(divisor)
    return divisors, divisor, options, xp.where(divisor > 0, 1 / divisor, xp.zeros_like(divisor))


def reduced(
    options: LossOptions, loss_sum: Any, divisor: Any, losses: Array | None, *grads: Array | None
) -> Any:
    """The loss that is returned. If a mean has no weight, loss and gradients are 0.

    An empty batch must not break a training run with 0/0.
    """
    if losses is not None:
        return unwrap(losses)
    plain = isinstance(loss_sum, float)
    if options.reduction == "sum":
        return np.float64(loss_sum) if plain else loss_sum
    if not plain:
        xp = array_namespace(loss_sum)
        return loss_sum / divisor if divisor > 0 else xp.zeros_like(loss_sum)
    if divisor:
        return np.float64(loss_sum / divisor)
    for grad in grads:
        if grad is not None:
            grad[...] = 0
    return np.float64(0.0)


def in_place(grad: Any, logits: Array) -> bool:
    """Would the logits be overwritten before a wrong target is found?"""
    return isinstance(grad, np.ndarray) and np.may_share_memory(grad, logits)


def unwrap(result: Array) -> Any:
    """A 0-d NumPy array as a NumPy number; everything else as it is."""
    return result[()] if isinstance(result, np.ndarray) else result


def as_scores(value: Any, name: str, partner: str = "") -> Array:
    """Logits as a floating-point array: other libraries' unchanged, all else through NumPy."""
    if type(value) is not np.ndarray and is_array_api(value):
        xp = array_namespace(value)
        if xp.isdtype(value.dtype, "real floating"):
            return value
        msg = f"{name} has dtype {value.dtype}; expected a real floating dtype."
        raise TypeError(msg)
    return as_floats(value, name, partner)


def as_partner(value: Any, like: Array, name: str, *, floats: bool = False) -> Array:
    """Targets and weights as arrays of the logits' library."""
    if isinstance(like, np.ndarray):
        return as_floats(value, name) if floats else to_numpy(value, name)
    if is_array_api(value):
        return as_scores(value, name) if floats else value
    # These refuse masked arrays, and arrays that have derivatives.
    array = as_floats(value, name) if floats else to_numpy(value, name)
    if array.dtype.kind not in "biuf":
        return array  # the checks say what is wrong with it
    xp = array_namespace(like)
    try:
        return xp.asarray(array, device=like.device)
    except (TypeError, ValueError) as error:
        msg = f"{name} has dtype {array.dtype}, which {xp.__name__} does not take: {error}"
        raise TypeError(msg) from None


def _labels_if_empty(array: Array, given: Any) -> Array:
    """An empty list does not show its dtype; as targets, it means class labels."""
    if isinstance(given, (list, tuple)) and not math.prod(array.shape):
        xp = array_namespace(array)
        return cast(xp, array, xp.int64)
    return array


def with_arrays(options: LossOptions, like: Array) -> LossOptions:
    """The options with their weights as arrays of the logits' library."""
    return options.map_weights(lambda weight, name: as_partner(weight, like, name))


def gradient_memory(out: Any, z: Array, others: list[Any], *, return_grad: bool) -> Any:
    """Where the gradient goes: `out`, new memory, True if the engine allocates it, or None."""
    if not return_grad and out is None:
        return None
    if isinstance(z, np.ndarray):
        if out is None:
            return buffer_pool.empty(z.shape, z.dtype)
        return check_out(out, z, others, return_grad=return_grad)
    if out is not None:
        msg = "out= receives the gradient of NumPy arrays only. Pass return_grad=True alone."
        raise TypeError(msg)
    return True
