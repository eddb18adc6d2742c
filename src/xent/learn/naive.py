"""Formulas typed in as textbooks print them. They are wrong on purpose: do not use them.

The notebook *Numbers break* shows what they give beside what the library gives and the exact value.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from xent._validation import Array


def textbook(z: Array, label: int) -> Array:
    """Cross-entropy by the definition: the probability first, then its logarithm.

    Parameters
    ----------
    z : ndarray, shape (K,)
        Logits; computed in their dtype.
    label : int
        The true class.

    Returns
    -------
    ndarray, shape ()
        The loss, or what becomes of it.

    Examples
    --------
    >>> import numpy as np
    >>> from xent.learn import naive
    >>> print(naive.textbook(np.array([800.0, 0.0]), 0))
    nan
    """
    with np.errstate(all="ignore"):
        e = np.exp(z)
        return np.asarray(-np.log(e[label] / e.sum()))


def log_sum_exp(z: Array, label: int) -> Array:
    """Cross-entropy with the largest logit subtracted: no overflow, but the digits cancel.

    Parameters
    ----------
    z : ndarray, shape (K,)
        Logits; computed in their dtype.
    label : int
        The true class.

    Returns
    -------
    ndarray, shape ()
        The loss.

    Examples
    --------
    >>> import numpy as np
    >>> from xent.learn import naive
    >>> print(naive.log_sum_exp(np.array([800.0, 0.0]), 0))
    0.0
    """
    m = z.max()
    return np.asarray(m + np.log(np.exp(z - m).sum()) - z[label])


def first_break(
    formula: Callable[[Array, int], Array], label: int, dtype: str, broken: Callable[[float], bool]
) -> int | None:
    """The first whole logit z for which the loss of the logits (z, 0) is wrong.

    Parameters
    ----------
    formula : callable
        A function of logits and label.
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
    for z in range(1201):
        if broken(float(formula(np.array([z, 0], dtype=dtype), label))):
            return z
    return None
