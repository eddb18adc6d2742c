"""`gradient`: is this the gradient of that loss, and if not, what is wrong with it?"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np

from xent._report import Finding
from xent._validation import Array, check_number
from xent.check.case import Case
from xent.check.diagnosis import findings
from xent.check.differences import (
    LEAST_STEP,
    OFFSETS,
    TINY_STEP,
    Derivatives,
    Entries,
    Method,
    default_step,
    derivatives,
    row_weight,
)
from xent.check.formulas import Meant, meant_of
from xent.check.frameworks import PRECISION, rounded
from xent.check.precision import precisions
from xent.check.problem import Kind, Problem
from xent.check.progress import Progress
from xent.check.report import FAIL, INCONCLUSIVE, PASS, Directions, GradientReport

#: Relative error of a gradient that counts as right, in units of the precision's square root.
STRICT = 2.0**2
MANY_CLASSES = 256
BESIDE = (0, 1, -1)
"""Classes that are looked at in any case: the label, and its neighbours, for labels off by one."""
BUDGET = 2e8
"""Logits that single-entry probes may evaluate; 32 entries are probed in any case."""
PATIENCE = 20.0
"""Seconds that such probes may take."""


def gradient(
    loss: Callable[..., Any],
    grad: Callable[..., Any] | None,
    logits: Any,
    targets: Any = None,
    *,
    method: Method = "central",
    h: float | None = None,
    dtype: str = "float64",
    axis: int = -1,
    kind: Kind | None = None,
    reduction: Literal["mean", "sum"] | None = None,
    definition: Literal["cross-entropy"] | None = "cross-entropy",
    class_weight: Any = None,
    sample_weight: Any = None,
    pos_weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    z_loss: float = 0.0,
    seed: int = 0,
    progress: bool | None = None,
) -> GradientReport:
    r"""Check a gradient against numerical derivatives of its loss, and name the mistake.

    .. math:: \frac{\partial \ell}{\partial z_j} \approx
        \frac{\ell(z + h e_j) - \ell(z - h e_j)}{2h}

    Parameters
    ----------
    loss : callable
        ``loss(logits, targets)``, giving one loss per row or a single number; ``loss(logits)``
        if `targets` is None. It gets arrays of the library that `logits` is from.
    grad : callable or None
        ``grad(logits, targets)``, the gradient of the loss with respect to the logits; of row
        losses, that of their sum. None takes the autograd of PyTorch or JAX.
    logits : array
        NumPy, PyTorch or JAX; shape (..., K) with the class axis at `axis`, or any for a binary
        loss.
    targets : array, optional
        As the loss takes them: labels, or probabilities.
    method : {"central", "forward", "richardson", "complex"}, default "central"
        "forward" divides by h itself, as in a calculation by hand. "complex" needs an analytic
        loss, and is refused where real differences show that it is not.
    h : float, optional
        The step; by default the power of two that suits method and precision.
    dtype : {"float64", "float32", "float16", "bfloat16"}, default "float64"
        What the logits are converted to before loss and gradient are called.
    axis : int, default -1
        The class axis.
    kind : {"classes", "binary"}, optional
        By default binary where targets have the logits' own shape and are no rows that sum to 1.
    reduction : {"mean", "sum"}, optional
        What the loss is meant to be; of row losses, what the gradient is meant to be of.
    definition : {"cross-entropy", None}, default "cross-entropy"
        What the loss is meant to be. With None any loss will do, if the gradient is its own.
    class_weight, sample_weight, pos_weight, ignore_index, label_smoothing, softcap, z_loss
        Options that the loss is meant to have, as in `xent.cross_entropy`. Labels of -100 are
        ignored rows unless `ignore_index` says otherwise.
    seed : int, default 0
        For the choice of what is looked at where not everything is.
    progress : bool, optional
        Show a bar on stderr; by default where that is a terminal, and after one second. Needs
        rich.

    Returns
    -------
    GradientReport
        True if the gradient is right; prints as text, and has each entry's analytic and numeric
        value, allowed error and verdict, and the mistakes by name.

    Raises
    ------
    TypeError, ValueError
        If the arguments, or what the functions return, cannot be a loss and its gradient.

    Notes
    -----
    An entry passes if analytic and numeric value differ by less than is allowed: an estimate of
    the numeric one's truncation (from h against 2h) and rounding, and a relative 4e-8 (in
    float64) for the analytic one's own. Where more is allowed than a tenth of the values, the
    entry is inconclusive. In which precision a loss computes is found out by how small a step it
    feels. Of up to 256 classes each entry is looked at, of more the label's, and some at random;
    of a loss that is one number, entries one by one, as many as is affordable. Where that is not
    all of them, random directions through all entries are looked at too.

    Examples
    --------
    >>> import numpy as np, xent
    >>> z, y = np.array([[2.0, 1.0, 0.1], [0.5, 0.2, -1.0]]), np.array([0, 2])
    >>> def loss(z, y):
    ...     return xent.cross_entropy(z, y)
    >>> def grad(z, y):
    ...     return xent.softmax(z) - np.eye(3)[y]
    >>> report = xent.check.gradient(loss, grad, z, y)
    >>> bool(report), [finding.name for finding in report.findings]
    (False, ['mean missing'])

    References
    ----------
    Moré & Wild (2011), Estimating computational noise, doi:10.1137/100786125, for the rounding
    of a loss from differences of its values.
    """
    if method not in get_args(Method):
        msg = f"method is {method!r}; expected one of {', '.join(get_args(Method))}."
        raise ValueError(msg)
    if definition not in ("cross-entropy", None):
        msg = f"definition is {definition!r}; expected 'cross-entropy' or None."
        raise ValueError(msg)
    if reduction not in ("mean", "sum", None):
        msg = f"reduction is {reduction!r}; expected 'mean' or 'sum'."
        raise ValueError(msg)
    bar = Progress("checking", shown=progress)
    # Infinities and NaN are reckoned with, and told of in the report.
    with bar, np.errstate(all="ignore"):
        problem = Problem(
            loss, grad, logits, targets, axis=axis, kind=kind, dtype=dtype, on_call=bar.step
        )
        options = {
            "class_weight": class_weight,
            "sample_weight": sample_weight,
            "pos_weight": pos_weight,
            "ignore_index": ignore_index,
            "label_smoothing": label_smoothing or None,
            "softcap": softcap,
            "z_loss": z_loss or None,
        }
        meant, why_not = _meant(problem, definition, options)
        precision, grad_precision = precisions(problem)
        steady, seconds = _steadiness(problem)
        least = LEAST_STEP if h is None else 0.0  # a step that was asked for is made
        if h is None:
            h = default_step("central" if method == "complex" else method, precision)
        else:
            h = check_number(h, "h", 0, 1, above=True)
        tied = problem.per_row and _leaks(problem, precision, np.random.default_rng(seed))
        if tied:  # or it changes by chance, and did not when it was called twice
            steady = steady and all(_steadiness(problem)[0] for _ in range(8))
        independent = problem.per_row and not tied
        entries = _entries(problem, independent, np.random.default_rng(seed), seconds)
        offsets = len(OFFSETS["central"]) + 1 if method == "complex" else len(OFFSETS[method])
        bar.expect(len(entries) * offsets)
        numeric = derivatives(
            problem,
            entries,
            method=method,
            h=h,
            precision=precision,
            independent=independent,
            least=least,
        )
        analytic = problem.gradient(problem.logits)
        factor = 1.0
        if problem.per_row and reduction == "mean":
            total = meant.total if meant is not None else float(len(problem.logits))
            factor = total or 1.0
        given = analytic * factor
        allowed, verdict = _verdicts(
            problem, numeric, given[numeric.row, numeric.column], precision, grad_precision
        )
        directions = None
        if len(numeric.row) < problem.logits.size:
            rng = np.random.default_rng(seed + 1)
            directions = _directions(problem, given, h, precision, grad_precision, rng)
        failed = verdict == FAIL
        astray = directions is not None and bool((directions.verdict == FAIL).any())
        case = Case(
            problem, meant, numeric, given, failed, elsewhere=astray and not failed.any(),
            reduction=reduction, steady=steady, tied=tied, precision=precision,
            grad_precision=grad_precision,
        )  # fmt: skip
        told = findings(case)
        if why_not:
            told.append(_not_compared(why_not))
    return GradientReport(
        problem=problem,
        numeric=numeric,
        analytic=given[numeric.row, numeric.column],
        allowed=allowed,
        verdicts=verdict,
        directions=directions,
        findings=tuple(told),
        method=method,
        h=TINY_STEP if method == "complex" else h,
        precision=precision,
        grad_precision=grad_precision,
        independent=independent,
        definition=definition if meant is not None else None,
    )


def _meant(
    problem: Problem, definition: str | None, options: dict[str, Any]
) -> tuple[Meant | None, str]:
    """The loss that is meant; or None, and why there is none to compare with."""
    if definition is None or problem.targets is None:
        for name, value in options.items():
            if value is not None:
                without = "definition=None" if definition is None else "no targets"
                msg = f"{name} is given, but with {without} the loss is compared with nothing."
                raise ValueError(msg)
        return None, ""
    meant = meant_of(problem, options)
    try:
        meant.losses()
    except (TypeError, ValueError) as error:
        if any(value is not None for value in options.values()):
            raise
        return None, str(error)
    return meant, ""


def _not_compared(why: str) -> Finding:
    return Finding(
        "not compared",
        f"The loss was not compared with cross-entropy, which says: {why}",
        "The gradient may be that of the loss, and the loss be another than is meant.",
        "Bring logits and targets to the shapes that cross-entropy takes; if another loss is "
        "meant, pass definition=None.",
        "note",
    )


def _leaks(problem: Problem, precision: str, rng: np.random.Generator) -> bool:
    """Does a row's loss change with another row's logits?"""
    rows = len(problem.logits)
    if rows == 1:
        return False
    base = problem.losses(problem.logits)
    # Each class otherwise, and by much, so that it shows in whatever ties rows together.
    moves = (0.5 + np.abs(problem.logits)) * rng.uniform(-1, 1, problem.logits.shape)
    moves[~np.isfinite(moves)] = 0
    for row in np.unique([0, rows // 2, rows - 1]):
        moved = problem.logits.copy()
        moved[row] = rounded(moved[row] + moves[row], problem.dtype)
        change = np.abs(problem.losses(moved) - base)
        change[row] = 0
        noise = 64 * 2.0 ** -PRECISION[precision]
        size = np.abs(np.where(np.isfinite(problem.logits), problem.logits, 0)).max()
        if np.any(change > noise * (1 + size + np.abs(base))):
            return True
    return False


def _steadiness(problem: Problem) -> tuple[bool, float]:
    """Is the loss the same when called again, and how long does a call take?"""
    first = problem.losses(problem.logits)
    began = time.perf_counter()
    again = problem.losses(problem.logits)
    seconds = time.perf_counter() - began
    return bool(np.allclose(first, again, rtol=1e-3, atol=1e-6, equal_nan=True)), seconds


def _entries(
    problem: Problem, independent: bool, rng: np.random.Generator, seconds: float
) -> Entries:
    rows, classes = problem.logits.shape
    everyone, labels = np.arange(rows), None
    if problem.targets is not None and problem.targets.dtype.kind in "iu":
        labels = np.clip(problem.targets.reshape(-1), 0, classes - 1)
    if independent:
        if classes <= MANY_CLASSES:
            columns = np.broadcast_to(np.arange(classes)[:, None], (classes, rows))
            return [(everyone, column) for column in columns]
        columns = rng.integers(classes, size=(MANY_CLASSES // 4, rows))
        for place, step in enumerate(BESIDE):
            if labels is not None:
                columns[place] = (labels + step) % classes
        return [(everyone, column) for column in columns]
    size = rows * classes
    affordable = min(BUDGET / (4 * size), PATIENCE / (4 * max(seconds, 1e-9)))
    number = min(size, max(32, int(affordable)))
    if number == size:
        chosen = np.arange(size)
    else:
        chosen = rng.choice(size, size=number, replace=False)
        if labels is not None and classes > 1:
            some = rng.choice(rows, size=min(rows, number // 8), replace=False)
            near = [some * classes + (labels[some] + step) % classes for step in BESIDE]
            chosen = np.unique([*np.concatenate(near), *chosen[len(near) * len(some) :]])
    return [(np.array([i // classes]), np.array([i % classes])) for i in chosen]


def _verdicts(
    problem: Problem, numeric: Derivatives, analytic: Array, precision: str, grad_precision: str
) -> tuple[Array, Array]:
    """Allowed difference of each entry, and whether it is kept."""
    unit = 2.0 ** -PRECISION[grad_precision]
    largest = np.abs(problem.logits[np.isfinite(problem.logits)]).max(initial=0.0)
    relative = max(STRICT * np.sqrt(2.0 ** -PRECISION[precision]), (64 + 4 * largest) * unit)
    with np.errstate(invalid="ignore"):
        size = np.maximum(np.abs(numeric.value), np.abs(analytic))
        steepest = np.abs(numeric.value[np.isfinite(numeric.value)]).max(initial=0.0)
        usual = max(steepest, row_weight(problem))
        allowed = 2 * numeric.error + relative * size + 16 * unit * steepest
        near = np.abs(numeric.value - analytic) <= allowed
        zero = (numeric.value == 0) & (analytic == 0) & (allowed <= 0.1 * usual)
        tells = (allowed <= 0.1 * size) | zero
        verdict = np.where(near, np.where(tells, PASS, INCONCLUSIVE), FAIL)
        # At a corner of the loss any slope between those of its sides will do; none is right.
        verdict[numeric.kinked] = INCONCLUSIVE
        # Nor where two steps give two slopes: it bends too sharply for them.
        unsettled = numeric.truncation > np.maximum(0.1 * np.abs(numeric.value), numeric.rounding)
        verdict[unsettled & (verdict == FAIL)] = INCONCLUSIVE
        verdict[~np.isfinite(numeric.value)] = INCONCLUSIVE
        verdict[np.isfinite(numeric.value) & ~np.isfinite(analytic)] = FAIL
    return allowed, verdict


def _directions(
    problem: Problem,
    given: Array,
    h: float,
    precision: str,
    grad_precision: str,
    rng: np.random.Generator,
) -> Directions:
    """Derivatives along random signs of all entries: no entry escapes altogether."""
    usual = np.isfinite(problem.logits)
    analytic, numeric, error, truncation = [], [], [], []
    h = min(h, default_step("central", precision))
    middle = np.sum(problem.losses(problem.logits))
    unit, fine = (2.0 ** -PRECISION[p] for p in (precision, grad_precision))
    weight, largest = row_weight(problem), np.abs(problem.logits[usual]).max(initial=0.0)
    for _ in range(8):
        signs = np.where(usual, rng.choice([-1.0, 1.0], size=problem.logits.shape), 0.0)
        value, turn = {}, {}
        for k in (1, 2):
            up, down = (
                rounded(problem.logits + side * h * signs, problem.dtype) for side in (k, -k)
            )
            above, below = np.sum(problem.losses(up)), np.sum(problem.losses(down))
            rise, turn[k] = above - below, abs(above - 2 * middle + below) / (k * h)
            step = np.where(usual, up - down, 0.0)
            value[k] = float(rise / (2 * k * h))
            if k == 1:
                analytic.append(float(np.sum(np.nan_to_num(given) * step) / (2 * h)))
        numeric.append(value[1])
        rounding = 8 * unit * (abs(middle) + weight * np.sqrt(len(given)) * (1 + largest)) / h
        rounding += (64 + 4 * largest) * fine * np.linalg.norm(np.nan_to_num(given))
        # Several corners may be stepped over, each with an effect of its own.
        truncation.append(3 * (abs(value[2] - value[1]) + abs(2 * turn[1] - turn[2])))
        error.append(truncation[-1] + rounding)
    a, n, e, t = map(np.array, (analytic, numeric, error, truncation))
    allowed = e + STRICT * np.sqrt(unit) * np.maximum(np.abs(a), np.abs(n))
    near = np.abs(a - n) <= allowed
    tells = allowed <= 0.1 * np.maximum(np.abs(a), np.abs(n))
    unsettled = t > np.maximum(0.1 * np.abs(n), e - t)
    verdict = np.where(near, np.where(tells, PASS, INCONCLUSIVE), FAIL)
    verdict[(unsettled & ~near) | ~np.isfinite(n)] = INCONCLUSIVE
    return Directions(a, n, allowed, verdict)
