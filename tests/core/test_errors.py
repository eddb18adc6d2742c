"""The words of every error: what arrived, what was expected, the likely fix."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import LIBRARIES, read_only
from messages import cases, each_case, error_of

import xent

ce, bce = xent.cross_entropy, xent.binary_cross_entropy
Z = np.zeros((3, 4))
Y = [0, 1, 2]
TWO = [[0.5, 0.5], [0.25, 0.75]]


def there(name, values):
    return LIBRARIES[name]().put(np.array(values))


def overlap():
    buffer = np.zeros((4, 4))
    return ce(buffer[:3], Y, out=buffer[1:], return_grad=True)


def transposed():
    square = np.zeros((3, 3))
    return ce(square, Y, out=square.T, return_grad=True)


def out_is_targets():
    soft = np.full((3, 4), 0.25)
    return ce(Z, soft, out=soft, return_grad=True)


# A call, and indented under it all that it says.

ARRAYS = """
ce(Z.astype(int), Y)
    TypeError: logits has dtype int64; expected one of float16, bfloat16, float32, float64. Are
    logits and targets swapped? If not, pass logits.astype(numpy.float64).
bce(Z > 0, Z > 0)
    TypeError: logits has dtype bool; expected one of float16, bfloat16, float32, float64. Are
    logits and targets swapped? If not, pass logits.astype(numpy.float64).
lce(Z.astype(int), Z, Y)
    TypeError: inputs has dtype int64; expected one of float16, bfloat16, float32, float64. Pass
    inputs.astype(numpy.float64).
lce(Z, Z, Y, np.zeros(3, int))
    TypeError: bias has dtype int64; expected one of float16, bfloat16, float32, float64. Pass
    bias.astype(numpy.float64).
ll([1, 0], np.array([1, 0]))
    TypeError: y_prob has dtype int64; expected one of float16, bfloat16, float32, float64. Are
    y_prob and y_true swapped? If not, pass y_prob.astype(numpy.float64).
xent.softmax(Z * 1j)
    TypeError: logits has dtype complex128; expected one of float16, bfloat16, float32, float64.
xent.sigmoid("abc")
    TypeError: logits has dtype <U3; expected one of float16, bfloat16, float32, float64.
xent.sigmoid(np.array(3))
    TypeError: logits has dtype int64; expected one of float16, bfloat16, float32, float64. Pass
    logits.astype(numpy.float64).
ce(None, Y)
    TypeError: logits has dtype object; expected one of float16, bfloat16, float32, float64.
ce(there("jax", Z), Y)
    TypeError: logits is a jax array, and xent computes on NumPy arrays. Pass numpy.asarray(logits).
ce(Z, there("torch", Y))
    TypeError: targets is a torch array, and xent computes on NumPy arrays. Pass
    targets.detach().cpu().numpy().
ce(Z, Y, class_weight={0: 1.0, 1: 2.0, 2: 1.0, 3: 1.0})
    TypeError: class_weight is a dict; expected numbers, in the order of the classes. Pass
    [class_weight[k] for k in range(4)].
ce(Z, Y, class_weight="balanced")
    TypeError: class_weight is 'balanced'; expected numbers. Pass n / (K * counts), with the
    counts of the K classes among n labels.
ll([0, 1], [[0.2], [0.3]])
    ValueError: y_true[1] is 1, but y_prob has 1 class (0 to 0). If these are probabilities of
    label 1, pass y_prob[:, 0].
ce(Z, Y, class_weight=there("jax", Y))
    TypeError: class_weight is a jax array, and xent computes on NumPy arrays. Pass
    numpy.asarray(class_weight).
ll(there("torch", [1]), [0.5])
    TypeError: y_true is a torch array, and xent computes on NumPy arrays. Pass
    y_true.detach().cpu().numpy().
ce(np.ma.masked_array(Z), Y)
    TypeError: logits is a numpy masked array, whose mask would be lost. Pass logits.filled()
    and mark the masked rows with ignore_index= or sample_weight=0.
ce(Z, Y, axis=True)
    TypeError: axis is True; expected an integer.
ce(Z, Y, axis="last")
    TypeError: axis is 'last'; expected an integer.
ce(3.0, 0)
    ValueError: logits is a single number; expected an array with a class axis. For one logit
    per row use binary_cross_entropy.
ll([1], 0.5)
    ValueError: y_prob is a single number; expected an array with a class axis.
ce(Z, Y, axis=2)
    ValueError: axis is 2, but logits has shape (3, 4): expected -2 to 1.
xent.logsumexp([1.0], axis=-2)
    ValueError: axis is -2, but logits has shape (1,): expected -1 to 0.
ll([1, 0], [0.5, 0.5], axis=1)
    ValueError: axis is 1, but y_prob has shape (2,): expected -1 to 0.
ce(np.zeros((2, 0)), [0, 0])
    ValueError: the logits have shape (2, 0): no classes along axis 1.
ce([], [])
    ValueError: the logits have shape (0,): no classes along axis 0.
"""

NUMBERS = """
ce(Z, Y, z_loss=[1.0])
    TypeError: z_loss is [1.0]; expected a number.
ce(Z, Y, label_smoothing=None)
    TypeError: label_smoothing is None; expected a number.
ce(Z, Y, softcap="x")
    TypeError: softcap is 'x'; expected a number.
ce(Z, Y, ignore_index=1.0)
    TypeError: ignore_index is 1.0; expected an integer.
bce([0.0], [1], ignore_index=True)
    TypeError: ignore_index is True; expected an integer.
ll(["a"], [0.5], labels=["a", "b"], ignore_index="b")
    TypeError: ignore_index is 'b'; expected an integer.
ce(Z, Y, label_smoothing=1.5)
    ValueError: label_smoothing is 1.5; expected a number between 0 and 1.
bce([0.0], [1], label_smoothing=np.nan)
    ValueError: label_smoothing is nan; expected a number between 0 and 1.
ce(Z, Y, softcap=0)
    ValueError: softcap is 0; expected a finite number above 0.
ce(Z, Y, z_loss=-1)
    ValueError: z_loss is -1; expected a finite number at least 0.
lce(Z, Z, Y, z_loss=np.nan)
    ValueError: z_loss is nan; expected a finite number at least 0.
ll([1], [0.5], clip=0)
    ValueError: clip is 0; expected a number above 0 and at most 0.5.
ll([1], [0.5], tolerance=-1)
    ValueError: tolerance is -1; expected a number between 0 and 1.
ce(Z, Y, reduction="avg")
    ValueError: reduction is 'avg'; expected 'mean', 'sum' or 'none'.
bce([0.0], [1], reduction=None)
    ValueError: reduction is None; expected 'mean', 'sum' or 'none'.
ll([1], [0.5], reduction=["mean"])
    ValueError: reduction is ['mean']; expected 'mean', 'sum' or 'none'.
lce(Z, Z, Y, reduction=np.array(["a", "b"]))
    ValueError: reduction is array(['a', 'b'], dtype='<U1'); expected 'mean', 'sum' or 'none'.
"""

WEIGHTS = """
ce(Z, Y, class_weight="even")
    TypeError: class_weight has dtype <U4; expected numbers: one weight per class.
bce([0.0], [1], pos_weight="x")
    TypeError: pos_weight has dtype <U1; expected numbers: one weight for label 1.
ce(Z, Y, class_weight=[1, 2, 3])
    ValueError: class_weight has shape (3,), expected (4,): one weight per class. Nothing is
    broadcast.
ce(Z, Y, class_weight=[1, 2, 3, np.nan])
    ValueError: class_weight[3] is nan; weights must be finite and not negative.
ce(Z, Y, class_weight=[1, -2, -3, 0])
    ValueError: class_weight[1] is -2.0 (1 more like it); weights must be finite and not
    negative.
ce(Z, Y, sample_weight=2.0)
    ValueError: sample_weight has shape (), expected (3,): one weight per row. Nothing is
    broadcast.
ce(Z, Y, sample_weight=[[1], [2], [3]])
    ValueError: sample_weight has shape (3, 1), expected (3,): one weight per row. Nothing is
    broadcast. Pass sample_weight.reshape((3,)).
ce(Z, Y, sample_weight=[1e-310, 0, 0])
    ValueError: the weights sum to 1e-310; expected 0, or 1e-300 to 1e300. Divide them by their
    mean.
ce(Z, Y, sample_weight=[1e308, 1e308, 1e308])
    ValueError: the weights sum to inf; expected 0, or 1e-300 to 1e300. Divide them by their
    mean.
ce(Z, Y, sample_weight=[1, 2, np.inf])
    ValueError: sample_weight[2] is inf; weights must be finite and not negative.
bce([0.0, 1.0], [0, 1], sample_weight=[1])
    ValueError: sample_weight has shape (1,), expected (2,): one weight per logit. Nothing is
    broadcast.
bce([0.0], [1], class_weight=[1, 2, 3])
    ValueError: class_weight has shape (3,), expected (2,): the weights of label 0 and label 1.
    Nothing is broadcast.
bce([0.0], [1], pos_weight=-1)
    ValueError: pos_weight is -1.0; weights must be finite and not negative.
bce(Z, Z, pos_weight=[1, 2])
    ValueError: pos_weight has shape (2,), expected (4,): one number, or one per entry of the
    last axis. Nothing is broadcast.
"""

TARGETS = """
ce(Z, np.array([True, False, True]))
    TypeError: targets has dtype bool; expected integers (class indices) or floats
    (probabilities). Pass targets.astype(int) for labels 0 and 1, .astype(float) for one-hot
    rows.
ce(Z, ["a", "b", "c"])
    TypeError: targets has dtype <U1; expected integers (class indices) or floats
    (probabilities). Encode labels with numpy.unique(targets, return_inverse=True)[1].
ce(Z, np.array(Y) * 1j)
    TypeError: targets has dtype complex128; expected integers (class indices) or floats
    (probabilities). Pass targets.astype(int).
bce([0.0], ["yes"])
    TypeError: targets has dtype <U3; expected 0 and 1, booleans, or probabilities. Encode
    labels first, for example targets == 'yes'.
ce(Z, [0, 4, 1])
    ValueError: targets[1] is 4, but the logits have 4 classes (0 to 3). Check the labels, and
    that the logits' class axis is the one you mean.
ce(Z, [1, 2, 4])
    ValueError: targets[2] is 4, but the logits have 4 classes (0 to 3). If your labels start at
    1, subtract 1.
ce(Z, [0, -100, 1])
    ValueError: targets[1] is -100, but the logits have 4 classes (0 to 3). If -100 marks rows
    to ignore, pass ignore_index=-100.
ce(Z[:, :1], [0, 0, 3])
    ValueError: targets[2] is 3, but the logits have 1 class (0 to 0). One logit per row goes to
    binary_cross_entropy, without the class axis.
lce(Z, Z, [[0, 3]])
    ValueError: targets has shape (1, 2), expected (3,): one class index per row, the logits'
    shape less the class axis. Nothing is broadcast.
ce(Z, [[0], [1], [2]])
    ValueError: targets has shape (3, 1), expected (3,): one class index per row, the logits'
    shape less the class axis. Nothing is broadcast. Pass targets.reshape((3,)).
ce(Z, Y, axis=0)
    ValueError: targets has shape (3,), expected (4,): one class index per row, the logits'
    shape less the class axis. Their shape fits if the classes run along axis 1: pass axis=1.
    Nothing is broadcast.
ce(np.zeros((2, 3, 4, 3)), np.zeros((2, 4, 3), int))
    ValueError: targets has shape (2, 4, 3), expected (2, 3, 4): one class index per row, the
    logits' shape less the class axis. Their shape fits if the classes run along axis 1: pass
    axis=1. Nothing is broadcast.
ce(np.zeros(6), [0, 1, 0, 1, 1, 0])
    ValueError: targets holds integers in the logits' own shape (6,), but class indices have
    shape (). If each logit is a row of its own, use binary_cross_entropy. If they are one-hot
    rows, pass targets.astype(float).
ce(np.zeros(6), [0.0, 1, 0, 1, 1, 0])
    ValueError: targets[:] sums to 3; each row of probabilities must sum to 1 (within 0.001). If
    each logit is a row of its own, use binary_cross_entropy.
ce(Z, None)
    TypeError: targets is None; expected an array or a list of class indices.
ll([0, 0], [[0.3], [0.4]])
    ValueError: y_prob[0, :] sums to 0.3; each row of probabilities must sum to 1 (within
    0.001). If these are probabilities of label 1, pass y_prob[:, 0].
ll(None, [0.3])
    TypeError: y_true is None; expected the labels.
ce(Z, Y, softcap="30")
    TypeError: softcap is '30'; expected a number.
ce(Z, Y, label_smoothing=True)
    TypeError: label_smoothing is True; expected a number.
ce(Z, Y, return_grad=True, out=np.broadcast_to(np.zeros(4), (3, 4)))
    ValueError: out is read-only; pass a writable array for the gradient.
ce(Z, Y, return_grad=True, out=np.lib.stride_tricks.as_strided(np.zeros(4), (3, 4), (0, 8)))
    ValueError: out has entries that share memory, as a broadcast view has. Pass a fresh array.
ce(Z, np.eye(3, 4, dtype=int))
    ValueError: targets holds integers in the logits' own shape (3, 4), but class indices have
    shape (3,). If they are one-hot rows, pass targets.astype(float).
ce(Z, [0.0, 1.0, 2.0])
    ValueError: targets holds floats of shape (3,), one per row. If they are class labels, pass
    targets.astype(int); probabilities have the logits' own shape (3, 4).
ce(Z, [0.5, 0.1, 0.2])
    ValueError: targets has shape (3,), expected (3, 4): floats are probabilities and have the
    logits' own shape; class labels are integers. Nothing is broadcast.
ce(Z, -np.eye(3, 4))
    ValueError: targets[0, 0] is -1.0 (2 more like it); floats are probabilities, from 0 to 1.
ce(Z[:1], [[0.5, np.nan, 0, 0]])
    ValueError: targets[0, 1] is nan; floats are probabilities, from 0 to 1.
ce(Z[:2], [[1.0, 0, 0, 0], [0.5, 0.1, 0, 0]])
    ValueError: targets[1, :] sums to 0.6; each row of probabilities must sum to 1 (within
    0.001). Divide each row by its sum, or use sample_weight= for the weight of a row.
ce(np.zeros((2, 3, 2)), np.full((2, 3, 2), 0.5), axis=1)
    ValueError: targets[0, :, 0] sums to 1.5; each row of probabilities must sum to 1 (within
    0.001). Divide each row by its sum, or use sample_weight= for the weight of a row.
ce(Z, np.eye(3, 4), ignore_index=-100)
    ValueError: ignore_index marks class indices, but targets holds probabilities. Give the rows
    to ignore sample_weight 0.
bce([0.0, 1.0], [0, 2])
    ValueError: targets[1] is 2; expected 0, 1, or a probability between them. For more than two
    classes use cross_entropy.
bce([0.0, 1.0, 2.0], [0, 1, 2])
    ValueError: targets[2] is 2; expected 0, 1, or a probability between them. For more than two
    classes use cross_entropy.
bce([0.0, 1.0], [0, 255])
    ValueError: targets[1] is 255; expected 0, 1, or a probability between them. If it is a mask
    of 0 and 255, pass targets > 0.
bce([0.0, 1.0], [0.0, 255.0])
    ValueError: targets[1] is 255.0; expected 0, 1, or a probability between them. If it is a
    mask of 0 and 255, pass targets > 0.
bce([0.0, 1.0, 2.0], [0, 206, 255])
    ValueError: targets[1] is 206; expected 0, 1, or a probability between them. If it is an
    8-bit image, pass targets / 255.
bce([0.0, 1.0, 2.0], [0, 1, 255])
    ValueError: targets[2] is 255; expected 0, 1, or a probability between them. If 255 marks
    rows to ignore, pass ignore_index=255.
bce([0.0, 1.0], [1, 2])
    ValueError: targets[1] is 2; expected 0, 1, or a probability between them. If your labels
    start at 1, subtract 1.
bce([0.0, 1.0], [-1, 1])
    ValueError: targets[0] is -1; expected 0, 1, or a probability between them. For labels -1
    and +1 pass (targets + 1) / 2.
bce([0.0, 1.0], [0, -100])
    ValueError: targets[1] is -100; expected 0, 1, or a probability between them. If -100 marks
    rows to ignore, pass ignore_index=-100.
bce([0.0, 1.0], [0.5, 1.5])
    ValueError: targets[1] is 1.5; expected 0, 1, or a probability between them.
bce(0.0, np.nan)
    ValueError: targets is nan; expected 0, 1, or a probability between them.
bce([[0.0], [1.0]], [0, 1])
    ValueError: targets has shape (2,), expected (2, 1): one target per logit, the logits' own
    shape. Nothing is broadcast. Pass targets.reshape((2, 1)).
"""

OUT = """
ce(Z, Y, out=[1], return_grad=True)
    TypeError: out is list; expected a NumPy array for the gradient.
ce(Z, Y, out=Z.copy())
    ValueError: out= receives the gradient, but return_grad is False. Pass return_grad=True.
ce(Z, Y, out=Z.T.copy(), return_grad=True)
    ValueError: out has shape (4, 3) and dtype float64; the gradient has the logits' shape (3,
    4) and dtype float64.
bce(Z, Z, out=Z.astype("f4"), return_grad=True)
    ValueError: out has shape (3, 4) and dtype float32; the gradient has the logits' shape (3,
    4) and dtype float64.
ce(Z, Y, out=read_only(Z), return_grad=True)
    ValueError: out is read-only; pass a writable array for the gradient.
overlap()
    ValueError: out overlaps logits without being the same array. Pass out=logits or a fresh
    array.
transposed()
    ValueError: out overlaps logits without being the same array. Pass out=logits or a fresh
    array.
out_is_targets()
    ValueError: out shares memory with targets or weights, which would be overwritten while in
    use.
"""

LINEAR = """
lce(Z, np.zeros((4, 5)), Y)
    ValueError: inputs has shape (3, 4) and weight (4, 5); expected (..., D) and (K, D): one row
    of weights per class. Pass weight.T.
lce(Z, np.zeros((5, 3)), Y)
    ValueError: inputs has shape (3, 4) and weight (5, 3); expected (..., D) and (K, D): one row
    of weights per class.
lce(1.0, Z, Y)
    ValueError: inputs has shape () and weight (3, 4); expected (..., D) and (K, D): one row of
    weights per class.
lce(Z, Z, Y, [1.0, 2.0])
    ValueError: bias has shape (2,), expected (3,): one offset per class. Nothing is broadcast.
"""

LOG_LOSS = """
ll([0, 1], TWO, labels=["a", "b"])
    TypeError: labels has dtype <U1, but y_true has int64; expected the same kind.
ll(np.array([True, False]), TWO)
    TypeError: y_true has dtype bool; expected integers (class indices) or floats
    (probabilities). Pass y_true.astype(int) for labels 0 and 1, .astype(float) for one-hot
    rows.
ll([], [])
    ValueError: y_true is empty; the log loss of no rows is undefined. Pass at least one row.
ll([], np.zeros((0, 2)))
    ValueError: y_true is empty; the log loss of no rows is undefined. Pass at least one row.
ll([-1, -1], TWO, ignore_index=-1)
    ValueError: Every row is ignored or has weight 0; the log loss of no rows is undefined.
ll([1, 0], [0.5, 1.5])
    ValueError: y_prob[1] is 1.5; a probability lies between 0 and 1; for raw scores use
    cross_entropy or binary_cross_entropy.
ll([1, 0], [0.5, np.nan])
    ValueError: y_prob[1] is nan; a probability lies between 0 and 1.
ll([1, 0], [[0.5, 0.6], [0.5, 0.5]])
    ValueError: y_prob[0, :] sums to 1.1; each row of probabilities must sum to 1 (within
    0.001). Divide by the row's sum, or take softmax if these are raw scores.
ll([1, 0, 1], [0.5, 0.5])
    ValueError: y_true has shape (3,), expected (2,): one label per probability, y_prob's shape.
    Nothing is broadcast.
ll([[2, 0], [0, 1]], TWO)
    ValueError: y_true holds integers in y_prob's shape (2, 2), but class indices have shape
    (2,).
ll([[1, 0], [0, 1]], [[0.9, 0.3], [0.5, 0.5]])
    ValueError: Each row of y_true has a single 1, but y_prob[0, :] sums to 1.2. For classes that
    exclude each other, divide y_prob by the sums of its rows; for labels that do not, pass
    log_loss(y_true.ravel(), y_prob.ravel()).
ll([[1, 0], [1, 1]], TWO)
    ValueError: y_true[1, :] marks 2 labels as true, but each row of y_prob sums to 1, as
    probabilities of classes that exclude each other do. Pass one class per row, or for labels
    that do not exclude each other log_loss(y_true.ravel(), y_prob.ravel()).
ll([[1, 0], [0, 0]], [[0.5, 0.3], [0.5, 0.7]], axis=0)
    ValueError: y_true[:, 1] marks no label as true, but each row of y_prob sums to 1, as
    probabilities of classes that exclude each other do. Pass one class per row, or for labels
    that do not exclude each other log_loss(y_true.ravel(), y_prob.ravel()).
ll([[1, 0], [0, 1]], [[0.9, -3.0], [0.5, 0.5]])
    ValueError: y_prob[0, 1] is -3.0; a probability lies between 0 and 1; for raw scores use
    cross_entropy or binary_cross_entropy.
ll([[1, 1], [0, 1]], [[0.9, 1.00001], [0.5, 0.5]])
    ValueError: y_prob[0, 1] is 1.00001; a probability lies between 0 and 1; for raw scores use
    cross_entropy or binary_cross_entropy.
ll([[1, 1], [0, 1]], [[0.9, 0.8], [0.5, 0.5]], sample_weight=[1])
    ValueError: sample_weight has shape (1,), expected (2,): one weight per row. Nothing is
    broadcast.
ll([[1.0, 1.0], [0.0, 1.0]], [[0.9, 0.8], [0.5, 0.5]])
    ValueError: y_true[0, :] sums to 2; each row of probabilities must sum to 1 (within 0.001).
    If several labels may be true at once, pass y_true.astype(int).
ll([1.0, 0.0], TWO)
    ValueError: y_true holds floats of shape (2,), one per row. If they are class labels, pass
    y_true.astype(int); probabilities have y_prob's shape (2, 2).
ll([1, 2], TWO)
    ValueError: y_true[1] is 2, but y_prob has 2 classes (0 to 1). If your labels start at 1,
    subtract 1.
ll([0, 2], TWO)
    ValueError: y_true[1] is 2, but y_prob has 2 classes (0 to 1). Check the labels, and that
    y_prob's class axis is the one you mean.
ll([-1, 1], [0.5, 0.5])
    ValueError: y_true[0] is -1; expected 0, 1, or a probability between them. For labels -1 and
    +1 pass (y_true + 1) / 2.
ll([0, 2], [0.5, 0.5])
    ValueError: y_true[1] is 2; expected 0, 1, or a probability between them. For more than two
    classes pass one column of y_prob per class.
ll([[0.3, 0.6], [0.5, 0.5]], TWO)
    ValueError: y_true[0, :] sums to 0.9; each row of probabilities must sum to 1 (within
    0.001). Divide each row by its sum, or use sample_weight= for the weight of a row.
ll([1, 0], [0.5, 0.5], sample_weight=[1])
    ValueError: sample_weight has shape (1,), expected (2,): one weight per probability. Nothing
    is broadcast.
ll(["a", "a"], TWO)
    ValueError: y_true holds 1 label ('a'), but y_prob has 2 classes. Name the classes in the
    columns' order: labels=[...].
ll(list("abcdef"), [0.5] * 6)
    ValueError: y_true holds 6 different labels ('a', 'b', 'c', 'd', 'e', ...), but y_prob has 2
    classes. Name the classes in the columns' order: labels=[...].
ll([0, 1], TWO, labels=[0, 1, 2])
    ValueError: labels has shape (3,), but y_prob has 2 classes: expected one label each.
ll([0, 1], TWO, labels=[0, 0])
    ValueError: labels [0, 0] contain duplicates.
ll([-1, 2], TWO, labels=[-1, 1])
    ValueError: y_true[1] is 2, which is not among labels [-1, 1].
ll("cow", [0.5, 0.5], labels=["cat", "dog"])
    ValueError: y_true is 'cow', which is not among labels ['cat', 'dog'].
ll([[0.5, 0.5]], TWO[:1], ignore_index=3)
    ValueError: ignore_index marks class indices, but y_true holds probabilities. Give the rows
    to ignore sample_weight 0.
ll([0, 0], np.zeros((2, 0)))
    ValueError: y_prob has shape (2, 0): no classes along axis 1.
"""


NAMES = {
    "ce": ce,
    "bce": bce,
    "lce": xent.linear_cross_entropy,
    "ll": xent.log_loss,
    "xent": xent,
    "np": np,
    "Z": Z,
    "Y": Y,
    "TWO": TWO,
    "there": there,
    "overlap": overlap,
    "transposed": transposed,
    "out_is_targets": out_is_targets,
    "read_only": read_only,
}


def said(call):
    return error_of(call, NAMES)


TABLES = (ARRAYS, NUMBERS, WEIGHTS, TARGETS, OUT, LINEAR, LOG_LOSS)


@each_case(*TABLES)
def test_words(call, words):
    assert said(call) == words


def test_the_tables_are_read_whole():
    found = [case for table in TABLES for case in cases(table)]
    assert len(found) == sum(": " in words[:12] for _, words in found) == 142
    assert list(cases("f(1)\n    a\n    b\ng()\n    c\n")) == [("f(1)", "a b"), ("g()", "c")]


def test_ragged_lists_are_said_to_be_no_array():
    # The rest is NumPy's.
    assert said("ce([[1, 2], [3]], [0, 1])").startswith(
        "ValueError: logits cannot be made an array: "
    )


@pytest.mark.parametrize("loss", [ce, bce])
def test_positions_are_given_in_the_callers_axes(loss):
    logits = np.zeros((2, 3, 4))
    targets = np.zeros((2, 3, 4) if loss is bce else (2, 3), int)
    where = (1, 2, 3)[: targets.ndim]
    targets[where] = 7
    with pytest.raises(ValueError, match=rf"^targets\[{', '.join(map(str, where))}\] is 7[;,]"):
        loss(logits, targets)


def test_options_are_keywords():
    with pytest.raises(TypeError, match="positional"):
        ce(Z, Y, -1)


def test_a_missing_error_is_noticed():
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        said("ce(Z, Y)")
