"""`watch`: what is odd about this training run?"""

from __future__ import annotations

from typing import Any

from xent._validation import check_number
from xent.check._watch.sampling import EVERY
from xent.check._watch.watching import Watch


def watch(
    model: Any = None,
    *,
    classes: int | None = None,
    axis: int = -1,
    ignore_index: int | None = None,
    label_smoothing: float | None = None,
    every: int = EVERY,
) -> Watch:
    r"""Watch a training run, and say at its end what was odd about it and what to change.

    .. math:: \ell_t = -\frac{1}{n} \sum_i \log p_{y_i} \quad\text{in step } t,
        \quad\text{beside}\quad \log K \quad\text{and}\quad -\sum_k q_k \log q_k

    Parameters
    ----------
    model : torch.nn.Module, optional
        A PyTorch model. It gets a forward hook that finds the layer and the rows where a NaN arose,
        and it is seen whether its parameters change.
    classes : int, optional
        Number of classes, to be compared with that of the logits.
    axis : int, default -1
        The class axis of the logits.
    ignore_index : int, optional
        Label of the rows that are left out; -100 unless given.
    label_smoothing : float, optional
        The label smoothing of the loop's loss, in [0, 1]. Where whole batches are sampled, it is
        also found from the losses.
    every : int, default 20
        After the first ten steps, one in so many is sampled: some of its logits and labels are
        read, 251 rows at most.

    Returns
    -------
    Watch
        Call `step(loss, logits, targets)` in each training step, and `report()` at the end. As a
        context manager, it takes the hook off the model.

    Raises
    ------
    TypeError, ValueError
        If an option is not of its kind.

    Notes
    -----
    The shares of the labels are :math:`q`. Losses are in nats; those that the report calls
    cross-entropy are computed by the library, in float64, from float16, bfloat16, float32 or
    float64 logits (n, K), or (n,) for binary ones. The loss of every step is kept. One that is on
    a GPU (or is JAX's) is read in the next sampled step, so that other steps do not wait for it.

    Call `step` before the optimizer's step: then a NaN is looked for while the parameters are still
    as they were. What depends on chance is said only where the difference is several
    standard errors.

    Examples
    --------
    >>> import numpy as np, xent
    >>> rng = np.random.default_rng(0)
    >>> y = rng.integers(3, size=200)
    >>> x = rng.normal(size=(200, 4)) + 2 * np.eye(3, 4)[y]
    >>> def train(rate):
    ...     watch, weight = xent.check.watch(classes=3), np.zeros((3, 4))
    ...     for _ in range(120):
    ...         logits = x @ weight.T
    ...         loss, d_logits = xent.cross_entropy(logits, y, return_grad=True)
    ...         watch.step(loss, logits, y)
    ...         weight -= rate * d_logits.T @ x
    ...     return watch.report()
    >>> report = train(rate=0.5)
    >>> bool(report), round(report.first_loss, 4), round(report.last_loss, 4)
    (True, 1.0986, 0.3272)
    >>> train(rate=200).mistakes
    ['learning rate too high']

    References
    ----------
    Karpathy (2019), A recipe for training neural networks: verify the loss at the beginning.
    """
    if isinstance(classes, bool) or not isinstance(classes, (int, type(None))):
        msg = f"classes is {classes!r}; expected an integer."
        raise TypeError(msg)
    if isinstance(every, bool) or not isinstance(every, int):
        msg = f"every is {every!r}; expected an integer."
        raise TypeError(msg)
    if every < 1:
        msg = f"every is {every}; expected 1 or more."
        raise ValueError(msg)
    if model is not None and not hasattr(model, "register_forward_hook"):
        msg = f"model is {type(model).__name__}; expected a torch.nn.Module."
        msg += " For a loop without PyTorch, leave it out: watch(classes=10)."
        raise TypeError(msg)
    if label_smoothing is not None:
        label_smoothing = check_number(label_smoothing, "label_smoothing", 0, 1)
    return Watch(model, classes, axis, ignore_index, label_smoothing, every)
