"""Cross-entropy of raw scores: the functions that users call."""

from __future__ import annotations

from typing import Any

from xent._libraries import library_of
from xent._options import LossOptions
from xent._validation import Reduction


def cross_entropy(
    logits: Any,
    targets: Any,
    *,
    axis: int = -1,
    class_weight: Any = None,
    sample_weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    z_loss: float = 0.0,
    reduction: Reduction = "mean",
    return_grad: bool = False,
    out: Any = None,
) -> Any:
    r"""Softmax cross-entropy of raw scores, in nats, and its gradient.

    .. math:: \ell = A(z) \sum_j y_j - \sum_j y_j z_j, \quad A(z) = \log \sum_k e^{z_k},
        \qquad \frac{\partial \ell}{\partial z_j} = p_j \sum_k y_k - y_j

    For a class label this is :math:`-\log p_y`, with the gradient :math:`p` less 1 at the label.

    Parameters
    ----------
    logits : array_like or torch.Tensor, shape (..., K) with the class axis at `axis`
        Raw scores; float16, bfloat16, float32 or float64. -inf masks a class (p = 0, gradient
        0); one +inf is certainty; NaN gives NaN in its own row.
    targets : array_like
        Integers: class indices 0 to K-1, of the logits' shape less the class axis. Floats:
        probabilities of the logits' shape, each row summing to 1 within 0.001.
    axis : int, default -1
        The class axis.
    class_weight : array_like, shape (K,), optional
        Multiplies the target row; finite and not negative.
    sample_weight : array_like, shape of the rows, optional
        Multiplies the row; finite and not negative. A row of weight 0 counts as absent.
    ignore_index : int, optional
        Rows with this label count as absent: loss 0, gradient 0, no weight in the mean.
    label_smoothing : float in [0, 1], default 0
        Mixes the target row with the uniform one: ``(1 - s) * t + s / K``. A masked class then
        has a share of the target, and costs +inf.
    softcap : float > 0, optional
        Replaces the logits by ``softcap * tanh(logits / softcap)``; -inf stays a mask.
    z_loss : float >= 0, default 0
        Adds ``z_loss * A(z)**2`` to each row, times its sample weight. In a mean this term has a
        divisor of its own, the sum of the sample weights: class weights do not change it.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean divides by the total weight, the sum over rows of sample weight times class
        weight of the target (0, or 1e-300 to 1e300). Where it is 0, loss and gradient are 0.
    return_grad : bool, default False
        Also return the gradient of the reduced loss with respect to the logits, from the same
        pass (for "none", of the sum). For tensors, loss and gradient have no graph; inside
        transforms of ``torch.func`` they have one, and can be differentiated.
    out : ndarray, optional
        Receives the gradient; of the logits' shape and dtype, or the logits array itself. After
        an error about targets it may be partly written; the logits never are.

    Returns
    -------
    loss : float64, or ndarray for reduction="none"
        Row losses have the logits' dtype, float32 for half precision. For tensors, a tensor that
        autograd can differentiate; in that dtype even when reduced.
    grad : ndarray, if `return_grad`
        Of the logits' shape and dtype.

    Raises
    ------
    TypeError, ValueError
        Saying what arrived, what was expected, and the likely fix. Nothing is broadcast.

    Notes
    -----
    No step subtracts near-equal numbers, so a row that is confident and right keeps its digits: for
    class labels the loss of a row is within 2 ULP and a gradient entry within 3 ULP of the exact
    value. The options add rounding of their own: weights cost the gradient a few ULP, softcap and
    label smoothing up to hundreds, where terms cancel. Sums over rows are taken in float64. Costs
    one pass over the logits, in blocks; large arrays are computed by compiled kernels on all
    processors, the first of its kind after some seconds of compilation (see `warmup`).

    Examples
    --------
    >>> import xent
    >>> loss, grad = xent.cross_entropy([2.0, 1.0, 0.1], 0, return_grad=True)
    >>> print(loss.round(4), grad.round(4))
    0.417 [-0.341   0.2424  0.0986]
    >>> print(xent.cross_entropy([[50.0, 0.0], [0.0, 0.0]], [0, 1], reduction="none"))
    [1.92874985e-22 6.93147181e-01]

    References
    ----------
    Blanchard, Higham & Higham (2021), Accurately computing the log-sum-exp and softmax
    functions, doi:10.1093/imanum/draa038.
    """
    options = LossOptions(
        axis=axis,
        class_weight=class_weight,
        sample_weight=sample_weight,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        softcap=softcap,
        z_loss=z_loss,
        reduction=reduction,
    ).checked()
    library = library_of(logits)
    return library.cross_entropy(logits, targets, options, return_grad=return_grad, out=out)


def binary_cross_entropy(
    logits: Any,
    targets: Any,
    *,
    class_weight: Any = None,
    sample_weight: Any = None,
    pos_weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    z_loss: float = 0.0,
    reduction: Reduction = "mean",
    return_grad: bool = False,
    out: Any = None,
) -> Any:
    r"""Binary cross-entropy of raw scores (log-odds), in nats, and its gradient.

    .. math:: \ell = y \log(1 + e^{-z}) + (1 - y) \log(1 + e^{z}),
        \qquad \frac{\partial \ell}{\partial z} = \sigma(z) - y

    Parameters
    ----------
    logits : array_like or torch.Tensor, any shape
        One raw score per row; float16, bfloat16, float32 or float64. An infinite logit is
        certainty; NaN gives NaN in its own place.
    targets : array_like, the logits' own shape
        0, 1, booleans or probabilities of label 1; up to 4 ULP of 1 beyond counts as 0 or 1.
    class_weight : array_like, shape (2,), optional
        Weights of label 0 and label 1. They count in the mean's denominator.
    sample_weight : array_like, the logits' shape, optional
        Multiplies the loss; finite and not negative. Weight 0 counts as absent.
    pos_weight : float, or array_like of the length of the last axis, optional
        Multiplies the first term. It does not count in the mean's denominator.
    ignore_index : int, optional
        Entries with this target count as absent: loss 0, gradient 0, no weight in the mean.
    label_smoothing : float in [0, 1], default 0
        Replaces the target by ``(1 - s) * y + s / 2``.
    softcap, z_loss, reduction, return_grad, out
        As for `cross_entropy`, with A(z) = log(1 + exp z).

    Returns
    -------
    loss : float64, or ndarray for reduction="none"
        Losses have the logits' dtype, float32 for half precision. For tensors, see `cross_entropy`.
    grad : ndarray, if `return_grad`
        Of the logits' shape and dtype.

    Raises
    ------
    TypeError, ValueError
        Saying what arrived, what was expected, and the likely fix. Nothing is broadcast.

    Notes
    -----
    Both terms are non-negative and each is computed as max(z, 0) + log1p(exp(-\|z\|)): the loss
    is within 2 ULP, the gradient (labels 0 and 1) within 3 ULP, from one tail to the other;
    options add rounding of their own, as in `cross_entropy`.

    Examples
    --------
    >>> import xent
    >>> print(xent.binary_cross_entropy([2.0, -2.0], [1, 0], reduction="none").round(4))
    [0.1269 0.1269]
    >>> loss, grad = xent.binary_cross_entropy(1.5, 1, return_grad=True)
    >>> print(loss.round(4), grad.round(4))
    0.2014 -0.1824

    References
    ----------
    Mächler (2012), Accurately computing log(1 - exp(-\|a\|)).
    """
    options = LossOptions(
        class_weight=class_weight,
        sample_weight=sample_weight,
        pos_weight=pos_weight,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        softcap=softcap,
        z_loss=z_loss,
        reduction=reduction,
    ).checked()
    library = library_of(logits)
    return library.binary_cross_entropy(logits, targets, options, return_grad=return_grad, out=out)


def linear_cross_entropy(
    inputs: Any,
    weight: Any,
    targets: Any,
    bias: Any = None,
    *,
    class_weight: Any = None,
    sample_weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    z_loss: float = 0.0,
    reduction: Reduction = "mean",
    return_grad: bool = False,
) -> Any:
    r"""Cross-entropy of a linear layer's scores, without ever holding them all in memory.

    .. math:: z = x W^\top + b, \qquad \ell = A(z) \sum_j y_j - \sum_j y_j z_j

    Parameters
    ----------
    inputs : array_like or torch.Tensor, shape (..., D)
        Rows of features; float16, bfloat16, float32 or float64.
    weight : array_like, shape (K, D)
        One row of weights per class.
    targets : array_like
        Class indices of shape (...), or probabilities of shape (..., K).
    bias : array_like, shape (K,), optional
        One offset per class.
    class_weight, sample_weight, ignore_index, label_smoothing, softcap, z_loss, reduction
        As for `cross_entropy`.
    return_grad : bool, default False
        Also return the gradients of the reduced loss.

    Returns
    -------
    loss : float64, or ndarray for reduction="none"
        In nats. For tensors, a tensor with gradients for those of the four that require them.
    grads : tuple (inputs, weight, bias), if `return_grad`
        Of the arguments' shapes and dtypes; None for a bias not given.

    Raises
    ------
    TypeError, ValueError
        Saying what arrived, what was expected, and the likely fix.

    Notes
    -----
    Blocks of rows pass through the product, the loss and both gradient products. Besides the
    results, memory is needed for one block of logits (at most 128 MiB in float32, or one row)
    and a slice of the weight gradient, at most as large, whatever the number of rows. Products
    run in float32, or in float64 where either factor is float64; narrower weights, and their
    gradient's sum, are held in that precision too.

    Examples
    --------
    >>> import xent
    >>> x, w = [[1.0, 2.0]], [[2.0, 0.0], [1.0, 0.0], [0.1, 0.0]]
    >>> loss, (dx, dw, db) = xent.linear_cross_entropy(x, w, [0], [0.0] * 3, return_grad=True)
    >>> print(loss.round(4), db.round(4), dx.round(4))
    0.417 [-0.341   0.2424  0.0986] [[-0.4297  0.    ]]

    References
    ----------
    Wijmans et al. (2025), Cut Your Losses in Large-Vocabulary Language Models,
    arXiv:2411.09009, for the idea of not storing the logits.
    """
    options = LossOptions(
        class_weight=class_weight,
        sample_weight=sample_weight,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        softcap=softcap,
        z_loss=z_loss,
        reduction=reduction,
    ).checked()
    library = library_of(inputs)
    return library.linear_cross_entropy(
        inputs, weight, targets, bias, options, return_grad=return_grad
    )
