"""Drop-in replacements for the cross-entropies of torch.nn.functional."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from xent._options import LossOptions
from xent._validation import NAMES, Names
from xent.torch import _classes, _losses
from xent.torch._interop import as_scores, as_tensor_like, with_tensors
from xent.torch._tokens import shifted
from xent.torch.extras import Extras, with_extras

Tensor = torch.Tensor


def cross_entropy(
    input: Tensor,  # noqa: A002 - torch's own name
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    *,
    sample_weight: Tensor | None = None,
    shift: bool = False,
    z_loss: float = 0.0,
    softcap: float | None = None,
    return_lse: bool = False,
    return_entropy: bool = False,
    return_accuracy: bool = False,
    return_predictions: bool = False,
    return_z_loss: bool = False,
) -> Any:
    r"""Softmax cross-entropy, as torch.nn.functional.cross_entropy.

    .. math:: \ell = A(z) \sum_j y_j - \sum_j y_j z_j, \quad A(z) = \log \sum_k e^{z_k}

    Parameters
    ----------
    input : Tensor, shape (C), (N, C) or (N, C, d1, ..., dK); with shift, (..., T, C)
        Logits; float16, bfloat16, float32 or float64.
    target : Tensor
        Class indices of the input's shape less the class axis, or probabilities of its shape. The
        label of one row of shape (C) may have shape (1).
    weight : Tensor, shape (C), optional
        A weight for each class, which may be negative. As in torch, a mean over labels divides by
        the sum of the weights of the labels that count (label smoothing does not change it), and a
        mean over probabilities by the number of rows.
    size_average : bool, optional
        Deprecated by torch; sets the reduction.
    ignore_index : int, default -100
        Label of rows that do not count. Beside probabilities, a label of 0 or more is refused.
    reduce : bool, optional
        As size_average.
    reduction : {"mean", "sum", "none"}, default "mean"
        "none" gives the loss of each row, and the gradient of each times its upstream gradient.
    label_smoothing : float in [0, 1], default 0
        Mixes the target with the uniform distribution.
    sample_weight : Tensor, shape of the labels, optional
        A weight for each row; a mean divides by the weights of those that count. With shift, it is
        that of the position that predicts.
    shift : bool, default False
        The row at each position of a sequence is scored on the label of the next one: logits of a
        causal language model, shape (..., T, C), and labels (..., T). Nothing is copied but the
        labels; see `next_token_labels`, which has packed sequences.
    z_loss : float >= 0, default 0
        Adds ``z_loss * A(z)**2`` to each row. The weights of classes do not change its mean.
    softcap : float > 0, optional
        Replaces the logits by ``softcap * tanh(logits / softcap)``.
    return_lse : bool, default False
        Also return A(z) of each row, differentiable. The logits are then kept.
    return_entropy : bool, default False
        Also return the entropy of each row's probabilities, in nats, without gradient.
    return_accuracy : bool, default False
        Also return the share of the rows that count whose likeliest class is the target's.
    return_predictions : bool, default False
        Also return the likeliest class of each row.
    return_z_loss : bool, default False
        Also return what z_loss adds to the loss, in the same reduction, without gradient.

    Returns
    -------
    loss : Tensor
        In nats; float64 for float64 logits, else float32. With extras a tuple, in that order; they
        come from the same pass over the logits.

    Raises
    ------
    TypeError, ValueError
        Saying what arrived, what was expected, and the likely fix.

    Notes
    -----
    The gradient is computed in the forward pass if it will be needed, and the logits are not kept.
    If no row counts, the mean and its gradient are 0; torch returns NaN. A mean is refused if the
    weights that count sum to 0.

    Examples
    --------
    >>> import torch
    >>> from xent.torch import cross_entropy
    >>> logits = torch.tensor([[2.0, 1.0, 0.1]], requires_grad=True)
    >>> loss = cross_entropy(logits, torch.tensor([0]))
    >>> loss.backward()
    >>> print(f"{loss.item():.4f}", [round(g, 4) for g in logits.grad[0].tolist()])
    0.4170 [-0.341, 0.2424, 0.0986]
    """
    extras = Extras(return_lse, return_entropy, return_accuracy, return_predictions, return_z_loss)
    if (
        weight is None
        and size_average is reduce is softcap is None
        and type(label_smoothing) is type(z_loss) is float
        and sample_weight is None
        and not (label_smoothing or z_loss or shift or any(extras))
    ):
        loss = _classes.label_loss(input, target, ignore_index, reduction)
        if loss is not None:
            return loss
    names = NAMES["torch"]
    z = as_scores(input, names.logits, names)
    axis = max(z.ndim - 1, 0) if shift else _class_axis(z, names)
    y = _one_label(as_tensor_like(target, z, names.targets), z.shape)
    if shift:
        y = shifted(y, z.shape[:-1], ignore_index, names)
    ignored: int | None = ignore_index
    if y.dtype.is_floating_point and isinstance(ignore_index, int) and ignore_index < 0:
        ignored = None  # beside probabilities torch, too, refuses only labels that could be classes
    options = LossOptions(
        axis=axis,
        class_weight=weight,
        sample_weight=sample_weight,
        ignore_index=ignored,
        label_smoothing=label_smoothing,
        softcap=softcap,
        z_loss=z_loss,
        reduction=_reduction(size_average, reduce, reduction),  # type: ignore[arg-type]
        check_sums=False,
        keep_logits=return_lse,
        caller="torch",
    ).checked()
    if y.dtype.is_floating_point:
        options = _for_probabilities(options, y, z.shape[axis])
    return with_extras(_losses.checked_cross_entropy, (z, y), with_tensors(options, z), y, extras)


def binary_cross_entropy_with_logits(
    input: Tensor,  # noqa: A002 - torch's own name
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
    *,
    z_loss: float = 0.0,
    softcap: float | None = None,
) -> Tensor:
    r"""Binary cross-entropy of logits, as torch.nn.functional.binary_cross_entropy_with_logits.

    .. math:: \ell = w \left(q\, y \log(1 + e^{-z}) + (1 - y) \log(1 + e^{z})\right)

    Parameters
    ----------
    input : Tensor, any shape
        Logits; float16, bfloat16, float32 or float64.
    target : Tensor, the input's shape
        From 0 to 1; or beyond by rounding, as `xent.binary_cross_entropy` takes them.
    weight : Tensor, broadcast to the input's shape, optional
        w; it may be negative, and does not count in the mean's divisor.
    size_average, reduce : bool, optional
        Deprecated by torch; they set the reduction.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean divides by the number of elements.
    pos_weight : Tensor, broadcast to the input's shape, optional
        q, the weight of label 1; it may be negative.
    z_loss, softcap
        As for `cross_entropy`, with A(z) = log(1 + exp z).

    Returns
    -------
    loss : Tensor
        In nats; float64 for float64 logits, else float32.

    Raises
    ------
    TypeError, ValueError
        Saying what arrived, what was expected, and the likely fix. Targets are not broadcast.

    Notes
    -----
    An infinite logit is certainty: right it costs nothing, and no NaN comes of it.

    Examples
    --------
    >>> import torch
    >>> from xent.torch import binary_cross_entropy_with_logits
    >>> loss = binary_cross_entropy_with_logits(torch.tensor([2.0, -2.0]), torch.tensor([1.0, 0.0]))
    >>> print(f"{loss.item():.4f}")
    0.1269
    """
    names = NAMES["torch binary"]
    z = as_scores(input, names.logits, names)
    y = as_tensor_like(target, z, names.targets)
    options = LossOptions(
        sample_weight=weight,
        pos_weight=pos_weight,
        softcap=softcap,
        z_loss=z_loss,
        reduction=_reduction(size_average, reduce, reduction),  # type: ignore[arg-type]
        caller="torch binary",
    )
    options = with_tensors(options.checked(), z)
    shape = z.shape
    w, q = options.sample_weight, options.pos_weight
    if w is not None:
        w = _broadcast(w, shape, names.sample_weight, names)
    if q is not None and q.ndim and q.shape != shape[-1:]:
        # One weight for each element: all of them become one row.
        q = _broadcast(q, shape, names.pos_weight, names).reshape(-1)
        if y.shape == shape:
            z, y = z.reshape(-1), y.reshape(-1)
            w = None if w is None else w.reshape(-1)
    # Weights do not count in torch's divisor; without them, the mean's own is the same.
    own = w is not None and options.reduction == "mean"
    divisor = torch.sym_float(z.numel()) if own else None
    if w is not None or q is not None:
        options = options.replace(sample_weight=w, pos_weight=q, divisor=divisor)
    loss: Tensor = _losses.checked_binary_cross_entropy(z, y, options)
    return loss.reshape(shape) if options.reduction == "none" else loss


def linear_cross_entropy(
    input: Tensor,  # noqa: A002 - torch's own name
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
    sample_weight: Tensor | None = None,
    shift: bool = False,
    z_loss: float = 0.0,
    softcap: float | None = None,
    return_lse: bool = False,
    return_entropy: bool = False,
    return_accuracy: bool = False,
    return_predictions: bool = False,
    return_z_loss: bool = False,
) -> Any:
    r"""Cross-entropy of a linear layer, as torch.nn.functional.linear_cross_entropy.

    .. math:: z = x W^\top + b, \qquad \ell = A(z) \sum_j y_j - \sum_j y_j z_j

    Parameters
    ----------
    input : Tensor, shape (D) or (..., D)
        Rows of features; (N, D) where the weight has K dimensions more.
    linear_weight : Tensor, shape (C, D) or (C, d1, ..., dK, D)
        One row of weights per class.
    target : Tensor
        Class indices of shape (), (...) or (N, d1, ..., dK), or probabilities with C behind N. The
        label of one row of shape (D) may have shape (1).
    linear_bias : Tensor, shape (C) or (C, d1, ..., dK), optional
        One offset per class.
    weight, reduction
        As for `cross_entropy`.
    ignore_index : int, optional
        -100 for class indices, if not given. It is refused beside probabilities.
    label_smoothing
        As for `cross_entropy`.
    options : optional
        torch's choice of chunks; xent chooses its own, and always works in chunks.
    sample_weight
        As for `cross_entropy`.
    shift : bool, default False
        As for `cross_entropy`, with an input of shape (..., T, D) and labels (..., T).
    z_loss, softcap
        As for `cross_entropy`.
    return_lse, return_entropy, return_accuracy : bool, default False
        As for `cross_entropy`. The gradient of A(z) makes the logits once more, in chunks.
    return_predictions, return_z_loss : bool, default False
        As for `cross_entropy`.

    Returns
    -------
    loss : Tensor
        In nats; float64 if an argument is, else float32. With extras a tuple, in that order.

    Raises
    ------
    TypeError, ValueError
        Saying what arrived, what was expected, and the likely fix.

    Notes
    -----
    The logits live a chunk of rows at a time, 64 MiB in float32; the gradients are made there.
    Weight gradients are summed in float32 at least.

    Examples
    --------
    >>> import torch
    >>> from xent.torch import linear_cross_entropy
    >>> x, w = torch.tensor([[1.0, 2.0]]), torch.tensor([[2.0, 0.0], [1.0, 0.0], [0.1, 0.0]])
    >>> print(f"{linear_cross_entropy(x, w, torch.tensor([0])).item():.4f}")
    0.4170
    """
    del options
    names = NAMES["torch linear"]
    x = as_scores(input, names.inputs, names)
    w = as_scores(linear_weight, names.weight, names)
    classes = w.shape[0] if w.ndim else 1
    y = _one_label(as_tensor_like(target, x, names.targets), (*x.shape[:-1], classes))
    if shift:
        ignored = -100 if ignore_index is None else ignore_index
        y = shifted(y, x.shape[:-1], ignored, names)
    chosen = LossOptions(
        class_weight=weight,
        sample_weight=sample_weight,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        softcap=softcap,
        z_loss=z_loss,
        reduction=reduction,  # type: ignore[arg-type]
        check_sums=False,
        keep_logits=return_lse,
        caller="torch linear",
    ).checked()
    if y.dtype.is_floating_point:
        chosen = _for_probabilities(chosen, y, classes)
    elif ignore_index is None:
        chosen = chosen.replace(ignore_index=-100)
    extras = Extras(return_lse, return_entropy, return_accuracy, return_predictions, return_z_loss)
    has_positions = w.ndim > 2
    check = _losses.checked_layer_of_positions if has_positions else _losses.checked_layer
    layer = check(x, w, y, linear_bias, chosen)
    loss = _losses.checked_linear_cross_entropy
    result = with_extras(loss, layer, chosen, layer[2], extras)
    if not has_positions:
        return result
    rows = (x.shape[0], *w.shape[1:-1])
    if isinstance(result, Tensor):
        return _as_rows(result, rows)
    return tuple(_as_rows(each, rows) for each in result)


def _reduction(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction by its name, also where it is said in torch's older way."""
    if size_average is None and reduce is None:
        return reduction
    summed = size_average is not None and not size_average
    name = "none" if reduce is not None and not reduce else "sum" if summed else "mean"
    msg = f"size_average and reduce args will be deprecated, please use reduction='{name}' instead."
    warnings.warn(msg, stacklevel=3)
    return name


def _class_axis(z: Tensor, names: Names) -> int:
    """Torch's: the first of one row, else the second."""
    if z.ndim == 0:
        msg = f"{names.logits} is a single number; expected shape (C), (N, C) or (N, C, d1, ...). "
        raise ValueError(msg + f"For one logit per row use {names.binary_function}.")
    return 0 if z.ndim == 1 else 1


def _one_label(target: Tensor, logits: tuple[int, ...]) -> Tensor:
    """The target; the label of one row without a batch axis may have shape (1), as in torch."""
    unbatched = len(logits) == 1 and target.shape == (1,) != logits
    return target.reshape(()) if unbatched and not target.dtype.is_floating_point else target


def _for_probabilities(options: LossOptions, target: Tensor, classes: int) -> LossOptions:
    """The options beside probabilities, whose mean divides by the number of rows in torch."""
    if options.reduction != "mean":
        return options
    return options.replace(divisor=torch.sym_float(target.numel() // max(1, classes)))


def _as_rows(result: Tensor, rows: tuple[int, ...]) -> Tensor:
    """A result of rows that are ordered by position, in torch's order; one number as it is."""
    return result.T.reshape(rows) if result.ndim else result


def _broadcast(tensor: Tensor, shape: torch.Size, name: str, names: Names) -> Tensor:
    try:
        return tensor.expand(shape)
    except RuntimeError:
        msg = f"{name} has shape {tuple(tensor.shape)}, which does not broadcast to "
        raise ValueError(msg + f"{names.of_logits} shape {tuple(shape)}.") from None
