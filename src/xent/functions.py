"""Sigmoid, softmax, their logarithms and log-sum-exp: the parts the losses are made of."""

from __future__ import annotations

from typing import Any

from xent._libraries import library_of


def sigmoid(logits: Any) -> Any:
    r"""Probability of label 1 for binary logits.

    .. math:: \sigma(z) = \frac{1}{1 + e^{-z}}

    Parameters
    ----------
    logits : array_like, any shape
        Raw scores in nats (log-odds); float16, bfloat16, float32 or float64; any real, or
        infinite. NaN gives NaN.

    Returns
    -------
    ndarray or float
        Probabilities in [0, 1], of the logits' shape and dtype.

    Raises
    ------
    TypeError
        If `logits` is not a floating array.

    Notes
    -----
    Computed from exp(-\|z\|), which never overflows: within 2 ULP, even far out in the tails.

    Examples
    --------
    >>> import xent
    >>> print(xent.sigmoid([1.5, 2.0, -2.0]).round(4))
    [0.8176 0.8808 0.1192]

    References
    ----------
    Blanchard, Higham & Higham (2021), doi:10.1093/imanum/draa038.
    """
    return library_of(logits).evaluate("sigmoid", logits)


def log_sigmoid(logits: Any) -> Any:
    r"""Logarithm of the sigmoid, in nats.

    .. math:: \log \sigma(z) = \min(z, 0) - \log(1 + e^{-|z|})

    Parameters
    ----------
    logits : array_like, any shape
        Raw scores; float16, bfloat16, float32 or float64; any real, or infinite.

    Returns
    -------
    ndarray or float
        Values in [-inf, 0], of the logits' shape and dtype.

    Raises
    ------
    TypeError
        If `logits` is not a floating array.

    Notes
    -----
    Both terms have the same sign, so nothing cancels: log_sigmoid(40) is -4.2e-18, where
    ``log(sigmoid(40))`` is 0.

    Examples
    --------
    >>> import xent
    >>> print(xent.log_sigmoid([0.0, 40.0, -800.0]))
    [-6.93147181e-01 -4.24835426e-18 -8.00000000e+02]

    References
    ----------
    Mächler (2012), Accurately computing log(1 - exp(-\|a\|)).
    """
    return library_of(logits).evaluate("log_sigmoid", logits)


def softmax(logits: Any, *, axis: int = -1) -> Any:
    r"""Probabilities of the classes.

    .. math:: p_j = \frac{e^{z_j}}{\sum_k e^{z_k}}

    Parameters
    ----------
    logits : array_like, shape (..., K)
        Raw scores in nats; float16, bfloat16, float32 or float64. A class at -inf is masked:
        its probability is 0. In a row with every class masked, all are 0. One +inf is
        certainty; two have no limit and give NaN.
    axis : int, default -1
        The class axis.

    Returns
    -------
    ndarray
        Probabilities of the logits' shape and dtype; a row sums to 1 up to rounding.

    Raises
    ------
    TypeError, ValueError
        If `logits` is not a floating array, or has no such axis.

    Notes
    -----
    Divided, not exponentiated from the log-softmax, which would lose digits in the tails.

    Examples
    --------
    >>> import xent
    >>> print(xent.softmax([2.0, 1.0, 0.1]).round(4))
    [0.659  0.2424 0.0986]

    References
    ----------
    Blanchard, Higham & Higham (2021), doi:10.1093/imanum/draa038.
    """
    return library_of(logits).evaluate("softmax", logits, axis)


def log_softmax(logits: Any, *, axis: int = -1) -> Any:
    r"""Logarithms of the class probabilities, in nats.

    .. math:: \log p_j = (z_j - m) - \log\Big(1 + \sum_{i \ne k} e^{z_i - m}\Big),
        \quad m = z_k = \max z

    Parameters
    ----------
    logits : array_like, shape (..., K)
        As for `softmax`; masked classes give -inf.
    axis : int, default -1
        The class axis.

    Returns
    -------
    ndarray
        Values in [-inf, 0], of the logits' shape and dtype.

    Raises
    ------
    TypeError, ValueError
        If `logits` is not a floating array, or has no such axis.

    Notes
    -----
    ``z - logsumexp(z)`` cancels for a confident class, and returns 0 from a margin of 36 on
    (17 in float32); this form keeps every digit.

    Examples
    --------
    >>> import xent
    >>> print(xent.log_softmax([2.0, 1.0, 0.1]).round(4))
    [-0.417 -1.417 -2.317]
    >>> print(xent.log_softmax([50.0, 0.0]))
    [-1.92874985e-22 -5.00000000e+01]

    References
    ----------
    Blanchard, Higham & Higham (2021), doi:10.1093/imanum/draa038.
    """
    return library_of(logits).evaluate("log_softmax", logits, axis)


def logsumexp(logits: Any, *, axis: int = -1) -> Any:
    r"""Logarithm of the sum of exponentials: the log-partition function A(z), in nats.

    .. math:: A(z) = \log \sum_k e^{z_k} = m + \log\Big(1 + \sum_{i \ne k} e^{z_i - m}\Big)

    Parameters
    ----------
    logits : array_like, shape (..., K)
        As for `softmax`.
    axis : int, default -1
        The class axis, which the result has no longer. Along an empty axis the sum is empty
        and its logarithm -inf.

    Returns
    -------
    ndarray or float
        Of the logits' dtype.

    Raises
    ------
    TypeError, ValueError
        If `logits` is not a floating array, or has no such axis.

    Notes
    -----
    Never overflows, and loses no small term beside the largest. Near 0, where m and the logarithm
    cancel, it is good to 2 ULP of the larger of the two, not of their sum.

    Examples
    --------
    >>> import xent
    >>> round(float(xent.logsumexp([2.0, 1.0, 0.1])), 6)
    2.41703
    >>> xent.logsumexp([1000.0, 1000.0])
    np.float64(1000.6931471805599)

    References
    ----------
    Blanchard, Higham & Higham (2021), doi:10.1093/imanum/draa038.
    """
    return library_of(logits).evaluate("logsumexp", logits, axis)
