"""Formulas typed in as textbooks print them. They are wrong on purpose: do not use them.

The lesson *Numbers that break* shows what they give beside what the library gives.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from xent._validation import Array

CLIP = 1e-7
"""Probabilities are often kept this far from 0 and from 1."""


def probability(z: Array, label: int) -> Array:
    """The softmax by the definition.

    Parameters
    ----------
    z : ndarray, shape (..., K)
        Rows of logits; computed in their dtype.
    label : int
        The class.

    Returns
    -------
    ndarray, shape (...)
        Its probability, or what becomes of it.

    Examples
    --------
    >>> import numpy as np
    >>> from xent.learn import naive
    >>> print(naive.probability(np.array([40.0, 0.0]), 0))
    1.0
    """
    with np.errstate(all="ignore"):
        e = np.exp(z)
        return np.asarray(e[..., label] / e.sum(axis=-1))


def textbook(z: Array, label: int) -> Array:
    """Cross-entropy by the definition: the probability first, then its logarithm.

    Parameters
    ----------
    z : ndarray, shape (..., K)
        Rows of logits; computed in their dtype.
    label : int
        The true class.

    Returns
    -------
    ndarray, shape (...)
        The loss, or what becomes of it.

    Examples
    --------
    >>> import numpy as np
    >>> from xent.learn import naive
    >>> print(naive.textbook(np.array([800.0, 0.0]), 0))
    nan
    """
    with np.errstate(all="ignore"):
        return np.asarray(-np.log(probability(z, label)))


def clipped(z: Array, label: int) -> Array:
    """The same, but the probability is kept away from 0 and 1 by `CLIP`.

    Parameters
    ----------
    z : ndarray, shape (..., K)
        Rows of logits; computed in their dtype.
    label : int
        The true class.

    Returns
    -------
    ndarray, shape (...)
        The loss, which is never above 16.2.

    Examples
    --------
    >>> import numpy as np
    >>> from xent.learn import naive
    >>> print(naive.clipped(np.array([30.0, 0.0]), 1).round(4))
    16.1181
    """
    return np.asarray(-np.log(np.clip(probability(z, label), CLIP, 1 - CLIP)))


def log_sum_exp(z: Array, label: int) -> Array:
    """Cross-entropy with the largest logit subtracted: no overflow, but the digits cancel.

    Parameters
    ----------
    z : ndarray, shape (..., K)
        Rows of logits; computed in their dtype.
    label : int
        The true class.

    Returns
    -------
    ndarray, shape (...)
        The loss.

    Examples
    --------
    >>> import numpy as np
    >>> from xent.learn import naive
    >>> print(naive.log_sum_exp(np.array([800.0, 0.0]), 0))
    0.0
    """
    m = z.max(axis=-1)
    e = np.exp(z - m[..., np.newaxis])
    return np.asarray(m + np.log(e.sum(axis=-1)) - z[..., label])


def first_break(
    formula: Callable[[Array, int], Array], label: int, dtype: str, broken: Callable[[float], bool]
) -> int | None:
    """The first whole logit z for which the loss of the logits (z, 0) is wrong.

    Parameters
    ----------
    formula : callable
        A function of rows of logits and their label.
    label : int
        0, the class of z, or 1, the other one.
    dtype : str
        Dtype of the logits.
    broken : callable
        Tells whether a loss is wrong; for example `numpy.isnan`.

    Returns
    -------
    int or None
        None if there is no such logit up to 1200.

    Examples
    --------
    >>> import numpy as np
    >>> from xent.learn import naive
    >>> naive.first_break(naive.textbook, 0, "float64", np.isnan)
    710
    """
    z = np.arange(1201, dtype=dtype)
    losses = formula(np.stack([z, 0 * z], axis=1), label)
    return next((k for k, loss in enumerate(losses.tolist()) if broken(loss)), None)
