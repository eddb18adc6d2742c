"""Loss and gradient of a row with a class label; shared by the kernels for many and few classes.

With y the label, everything follows from one sum of positive terms:

    q = sum over j != y of exp(z_j - z_y)       loss = log1p(q)
    p_j = exp(z_j - z_y) / (1 + q)              p_y - 1 = -q / (1 + q)

so nothing cancels, however confident the row is. The terms are computed as exp(z_j) * 2**s, with s
chosen for the row: scaling by a power of two is exact, where subtracting z_y would round. With T
the sum of these terms without the label's,

    q = T / (exp(z_y) 2**s)

and exp(z_y) 2**s = 2**SHIFT exp(z_y) / 2**n, n being the exponent of exp(z_y). A row whose terms do
not fit into the range of the dtype is noticed by its largest exponent and its sum, and left to
`general`.
"""

from __future__ import annotations

import numpy as np

from xent._engine.cpu.decorators import by_dtype, inner, loop
from xent._engine.cpu.elementary import (
    LN2,
    LN2_F,
    LN2_LOW,
    LOG2_E,
    LOG2_E_F,
    MAGIC,
    MAGIC_F,
    F,
    exp_poly_short,
    expm1_poly,
    log1p,
    log1p_fast,
    two_sum,
)
from xent._engine.cpu.intrinsics import fma
from xent._engine.cpu.job import NO_LABEL, job_at
from xent._engine.cpu.memory import call, view

# The label's term is scaled to about 2**SHIFT. Terms up to 2**TOP can be summed without overflow.
# Terms below the smallest normal number, 2**BOTTOM times the label's term, are replaced by it: what
# is that much smaller than the label's term does not show in a loss.
SHIFT_F, TOP_F, BOTTOM_F = F(60), F(122), F(-60 - 125)
SHIFT_D, TOP_D, BOTTOM_D = 400.0, 1000.0, -400.0 - 1021.0
UNSHIFT_F, UNSHIFT_D = F(2.0) ** -SHIFT_F, 2.0**-SHIFT_D

MAX_BITS_F = np.float32(MAGIC_F + TOP_F).view(np.uint32)
MAX_BITS_D = np.float64(MAGIC + TOP_D).view(np.uint64)
"""The bits from `scaled_exp` at 2**TOP."""

MIN_SUM_F, MIN_SUM_D = 2.0**-60, 2.0**-900
"""In a smaller sum, terms that were replaced could show."""

LABEL_LIMIT = 16384.0
"""Rows with a label's logit beyond this are left to `general`: its exponent must fit into MAGIC."""

ABSENT = -float(np.finfo(np.float64).tiny)
"""Coefficient of a row that does not count, whatever it holds.

Weights may be negative, but no weight is as small: a mean refuses such totals. It is not subnormal,
since processors that flush those to 0 would take it for a weight of 0.
"""


# The scale of a row.


@inner
def row_scale_f(z, like):
    n = fma(z, LOG2_E_F, MAGIC_F) - MAGIC_F
    return n, MAGIC_F + (SHIFT_F - n), (n + BOTTOM_F) * LN2_F


@inner
def row_scale_d(z, like):
    n = fma(z, LOG2_E, MAGIC) - MAGIC
    return n, MAGIC + (SHIFT_D - n), (n + BOTTOM_D) * LN2


@by_dtype(row_scale_f, row_scale_d)
def row_scale(z, like):
    """Return the exponent n of a label's exp(z), and `magic` and `x_min` for `scaled_exp`."""


@inner
def _in_range_f(max_bits, total, like):
    return max_bits <= MAX_BITS_F and total >= MIN_SUM_F


@inner
def _in_range_d(max_bits, total, like):
    return max_bits <= MAX_BITS_D and total >= MIN_SUM_D


@by_dtype(_in_range_f, _in_range_d)
def in_range(max_bits, total, like):
    """Say whether no term of a row was too large, and their sum T is not too small to be right."""


@inner
def _unshift_f(like):
    return UNSHIFT_F


@inner
def _unshift_d(like):
    return UNSHIFT_D


@by_dtype(_unshift_f, _unshift_d)
def unshift(like):
    """Return 2**-SHIFT for the dtype."""


# From the sum of a row to its loss and gradient.


@inner
def label_loss_f(z, n, total, total_low, label_term):
    inverse = exp_poly_short(fma(np.float64(n), LN2, -np.float64(z)))
    # Where the label's term is not the largest part of the sum, divide by the float32 term itself
    # and not by an exact one: the error that all terms of a row may have in common then cancels,
    # and a row of equal logits costs log K to the last digit.
    relative_error = fma(np.float64(label_term) * 2.0**-60, inverse, -1.0)
    correction = fma(-relative_error, 1.0 - relative_error, 1.0)  # 1 / (1 + relative_error)
    inverse *= correction if total >= np.float64(label_term) else 1.0
    q = total * inverse * 2.0**-60
    return log1p_fast(q), q, 0.0, inverse, 0.0


@inner
def label_loss_d(z, n, total, total_low, label_term):
    # Here float64 is not wider than the terms, so every rounding error is carried along.
    r = fma(n, -LN2, z)
    upper = fma(n, -LN2_LOW, r)
    r_low = fma(n, -LN2_LOW, r - upper)
    s = expm1_poly(-upper)
    inverse = 1.0 + s
    inverse_low = ((1.0 - inverse) + s) - r_low * inverse
    product = total * inverse
    error = fma(total, inverse, -product) + (total * inverse_low + total_low * inverse)
    q, q_low = product * UNSHIFT_D, error * UNSHIFT_D
    return log1p(q, q_low), q, q_low, inverse, inverse_low


@by_dtype(label_loss_f, label_loss_d)
def label_loss(z, n, total, total_low, label_term):
    """Return a row's loss, q and q_low, and the inverse of exp(z) / 2**n with its low part.

    z is the label's logit, n its exponent, `total` the sum T. In float32 the low parts are 0: T and
    all that follows are float64, which has digits to spare.
    """


@inner
def grad_factors_f(q, q_low, inverse, inverse_low, c, like):
    p_label = c / (1.0 + q)  # times c
    factor = p_label * inverse
    # The float64 factor as two float32 numbers, so that its product with a term is rounded once.
    upper = F(factor)
    lower = F(factor - np.float64(upper)) if abs(upper) < np.inf else F(0)
    return upper, lower, F(-p_label * q)


@inner
def grad_factors_d(q, q_low, inverse, inverse_low, c, like):
    t, t_low = two_sum(1.0, q)
    t_low += q_low
    over_t = 1.0 / t
    product = c * inverse
    product_low = fma(c, inverse, -product) + c * inverse_low
    factor = product * over_t
    factor_low = (fma(-factor, t, product) + (product_low - factor * t_low)) * over_t
    rest = q * over_t  # 1 - p_y, without subtracting
    rest_low = (fma(-rest, t, q) + (q_low - rest * t_low)) * over_t
    return factor, factor_low, -(c * rest + c * rest_low)


@by_dtype(grad_factors_f, grad_factors_d)
def grad_factors(q, q_low, inverse, inverse_low, c, like):
    """Return what makes a row's gradient: a factor of its terms, its low part, the label's entry.

    c is the row's coefficient. The terms must first be multiplied by `unshift`.
    """


@loop
def finish_rows(
    n, z, exponent, max_bits, label_term, total, total_low, coefficients, c, losses, factor,
    factor_low, label_grad,
):  # fmt: skip
    """Fill the rows' weighted losses; and, if not None, what makes the gradient of their terms.

    Says whether all rows were in range; what is filled for others is meaningless.
    """
    bad = 0
    for i in range(n):
        bad |= not (abs(z[i]) <= LABEL_LIMIT) & in_range(max_bits[i], total[i], z[i])
        w = 0.0 if coefficients[i] == ABSENT else coefficients[i]
        low = 0.0 if total_low is None else total_low[i]
        loss, q, q_low, inverse, inverse_low = label_loss(
            z[i], exponent[i], total[i], low, label_term[i]
        )
        losses[i] = w * loss
        if factor is not None:
            factor[i], factor_low[i], label_grad[i] = grad_factors(
                q, q_low, inverse, inverse_low, c * w, z[i]
            )
    return bad == 0


# Labels and coefficients of a block of rows.


@loop
def load_labels(given, ignored, classes, labels, coefficients):
    """Copy labels, with class 0 and ABSENT for ignored rows; say whether all others are classes."""
    bad = 0
    for i in range(given.size):
        label = given[i]
        # In 64 bits, before the label is cut to 32. Without branches, so that LLVM vectorizes.
        counts = (label != ignored) | (ignored == NO_LABEL)
        bad |= counts & ((label < 0) | (label >= classes))
        labels[i] = label if counts else 0
        coefficients[i] = 1.0 if counts else ABSENT
    return bad == 0


@loop
def weigh_rows(labels, weight, scale, coefficients):
    """Multiply the coefficients by weights of rows and of classes, where these are given."""
    for i in range(labels.size):
        w = weight[i] if weight.size else 1.0
        absent = (coefficients[i] == ABSENT) | (w == 0.0)
        coefficients[i] = ABSENT if absent else w * (scale[labels[i]] if scale.size else 1.0)


@inner
def load_rows(job, start, n, labels, coefficients):
    """Fill the labels and coefficients of n rows; say whether every label is a class."""
    given = view(job.targets + 8 * start, n, np.int64)
    if not load_labels(given, job.ignored, job.classes, labels[:n], coefficients):
        return False
    if job.weight != 0 or job.scale != 0:
        weight = view(job.weight + 8 * start if job.weight != 0 else 0, n, np.float64)
        scale = view(job.scale, job.classes, np.float64)
        weigh_rows(labels[:n], weight, scale, coefficients)
    return True


@loop
def count_rows(labels, ignored):
    """Return how many labels are not ignored."""
    count = 0
    for i in range(labels.size):
        count += (labels[i] != ignored) | (ignored == NO_LABEL)
    return count


def counter(job_address, start, n, scratch):
    """Count the rows of a mean; their number is left where kernels leave a sum."""
    job = job_at(job_address)
    labels = view(job.targets, job.rows, np.int64)[start : start + n]
    view(scratch, 1, np.float64)[0] = count_rows(labels, job.ignored)
    return 0


@inner
def general_loss(job_address, job, i, scratch):
    """Return the weighted loss of a row by the general kernel, which fills all that is wanted.

    There must be such a kernel in the job.
    """
    its_scratch = scratch + job.general_scratch
    call(job.general, job_address, i, 1, its_scratch)
    return view(its_scratch, 1, np.float64)[0]
