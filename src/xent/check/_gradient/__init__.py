"""`gradient`: is this the gradient of that loss, and if not, what is wrong with it?"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any, Literal, get_args

import numpy as np

from xent._validation import check_number
from xent.check._gradient.calling import Functions, problem_of
from xent.check._gradient.checking import checked
from xent.check._gradient.derivatives import Method
from xent.check._gradient.progress import Progress
from xent.check._gradient.report import GradientReport
from xent.check.arguments import Task, check_choice
from xent.check.methods import gradient_of, instance, loss_of
from xent.check.objectives import gradient_alone

__all__ = ["gradient"]


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
    task: Task | None = None,
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
        if `targets` is None. It gets arrays of the same library as `logits`.
    grad : callable or None
        ``grad(logits, targets)``, the gradient of the loss with respect to the logits; for row
        losses, the gradient of their sum. None means the autograd of PyTorch or JAX. A custom
        objective of XGBoost or LightGBM works too: of two arrays of one shape the second, the
        Hessian, is left out, and labels may come first if the parameters' names say so.
    logits : array
        NumPy, PyTorch or JAX; shape (..., K) with the class axis at `axis`, or any shape for a
        binary loss.
    targets : array, optional
        As the loss takes them: labels, or probabilities.
    method : {"central", "forward", "richardson", "complex"}, default "central"
        "forward" divides by h itself, as in a calculation by hand. "complex" needs an analytic
        loss, and is refused if real differences show that the loss is not analytic.
    h : float, optional
        The step; by default the best power of two for method and precision.
    dtype : {"float64", "float32", "float16", "bfloat16"}, default "float64"
        What the logits are converted to before loss and gradient are called.
    axis : int, default -1
        The class axis.
    task : {"classes", "binary"}, optional
        Softmax cross-entropy over classes, or binary cross-entropy. By default binary if targets
        have the logits' shape and are not rows that sum to 1.
    reduction : {"mean", "sum"}, optional
        The intended reduction of the loss; for row losses, the reduction that the gradient is of.
    definition : {"cross-entropy", None}, default "cross-entropy"
        What the loss should be. With None, only the gradient is checked against the loss.
    class_weight, sample_weight, pos_weight, ignore_index, label_smoothing, softcap, z_loss
        Options that the loss should have, as in `xent.cross_entropy`. Labels of -100 mark ignored
        rows unless `ignore_index` is given.
    seed : int, default 0
        Seed for choosing what is checked, if not everything is.
    progress : bool, optional
        Show a progress bar on stderr, after one second; by default if stderr is a terminal. Needs
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
    An entry passes if its analytic and numeric values differ by no more than the allowed error: an
    estimate of the truncation (from steps h and 2h) and rounding of the numeric value, plus a
    relative 4e-8 (in float64) for the analytic one. If the allowed error is more than a tenth of
    the values, the entry is inconclusive. The precision in which a loss computes is found from the
    smallest step that changes it. With up to 256 classes every entry is checked; with more, those
    at the label and some at random. If the loss is one number, entries are moved one by one, as
    many as time allows. If not all entries are checked, random directions through all of them are
    checked too.

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
    loss = instance(loss)
    check_choice(method, "method", get_args(Method))
    check_choice(definition, "definition", ("cross-entropy", None))
    if reduction is not None:
        check_choice(reduction, "reduction", ("mean", "sum"))
    if h is not None:
        h = check_number(h, "h", 0, 1, above=True)
    # In the order in which a missing one is looked for.
    options = {
        "label_smoothing": label_smoothing or None,
        "class_weight": class_weight,
        "pos_weight": pos_weight,
        "sample_weight": sample_weight,
        "softcap": softcap,
        "z_loss": z_loss or None,
        "ignore_index": ignore_index,
    }
    options = {name: value for name, value in options.items() if value is not None}
    # Infinities and NaN are expected wherever a check computes, and have findings in the report.
    with closing(Progress(progress)) as bar, np.errstate(all="ignore"):
        grad = gradient_of(loss) if grad is None else grad
        loss = loss_of(loss)
        grad = gradient_alone(grad, loss) if callable(grad) else grad
        functions = Functions(
            loss, grad, logits, targets, axis, task, dtype, bar.step, options, reduction, definition
        )
        problem, notes = problem_of(functions)
        steps = method, h
        return checked(problem, notes, steps, options, reduction, definition, seed, bar)
