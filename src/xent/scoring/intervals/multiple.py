"""Holm's correction for several tests at once."""

from __future__ import annotations

from collections.abc import Sequence


def holm(values: Sequence[float]) -> list[float]:
    r"""P-values corrected by Holm's step-down, in the order in which they came.

    .. math:: \tilde p_{(i)} = \max_{j \le i} \min(1, (m - j + 1)\, p_{(j)})

    Rejecting where the corrected value is at most α rejects any true hypothesis with a probability
    of at most α, however the tests depend on each other.

    Parameters
    ----------
    values : sequence of float
        P-values, from 0 to 1; NaN marks a test that was not made, and stays NaN without counting.

    Returns
    -------
    list of float

    Raises
    ------
    ValueError
        If a value is not between 0 and 1.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]

    References
    ----------
    Holm (1979), A simple sequentially rejective multiple test procedure, jstor.org/stable/4615733.
    """
    for value in values:
        if value < 0 or value > 1:
            msg = f"a p-value is {value!r}; expected a number from 0 to 1."
            raise ValueError(msg)
    order = sorted((i for i, value in enumerate(values) if value == value), key=lambda i: values[i])
    corrected = list(values)
    largest = 0.0
    for place, i in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - place) * values[i]))
        corrected[i] = largest
    return corrected
