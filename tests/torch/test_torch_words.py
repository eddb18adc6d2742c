"""The words of every error about tensors: torch's names in the twins, tensors' fixes in both."""

from __future__ import annotations

import re

import pytest
from helpers import import_torch
from messages import cases, each_case, error_of

import xent

torch = import_torch()

import xent.torch as twins  # noqa: E402

NAMES = {
    "torch": torch,
    "xent": xent,
    "ce": twins.cross_entropy,
    "bce": twins.binary_cross_entropy_with_logits,
    "lce": twins.linear_cross_entropy,
    "CE": twins.CrossEntropyLoss,
    "BCE": twins.BCEWithLogitsLoss,
    "LCE": twins.LinearCrossEntropyLoss,
    "z": torch.zeros(2, 3),
    "image": torch.zeros(2, 7, 5),
    "x": torch.ones(2, 3),
    "w": torch.ones(4, 3),
    "deep": torch.ones(4, 2, 3),
    "y": torch.tensor([0, 1]),
    "ones": torch.ones,
    "labels": lambda *values: torch.tensor(values),
}

# A call, and indented under it all that it says.

CLASSES = """
ce(z, None)
    TypeError: target is None; expected a tensor of class labels or probabilities.
ce(z, ["cat", "dog"])
    TypeError: target is ['cat', 'dog']; expected a tensor of class labels or probabilities.
ce(y, z)
    TypeError: input has dtype torch.int64; expected one of torch.float16, torch.bfloat16,
    torch.float32, torch.float64. Are input and target swapped? If not, pass input.float().
ce(z.numpy(), y)
    TypeError: input is ndarray; expected a torch tensor, like the others.
ce(z.to_sparse(), y)
    TypeError: input has layout torch.sparse_coo; expected a dense tensor: pass
    input.to_dense().
ce(z[0, 0], y)
    ValueError: input is a single number; expected shape (C), (N, C) or (N, C, d1, ...). For one
    logit per row use binary_cross_entropy_with_logits.
ce(z[:, :0], y)
    ValueError: input has shape (2, 0): no classes along axis 1.
ce(z, y, weight={0: 1.0, 1: 2.0, 2: 1.0})
    TypeError: weight is a dict; expected numbers, in the order of the classes. Pass [weight[k]
    for k in range(3)].
ce(z, y, weight="balanced")
    TypeError: weight is 'balanced'; expected numbers. Pass n / (K * counts), with the counts of
    the K classes among n labels.
ce(z[:, :1], y)
    ValueError: target[1] is 1, but input has 1 class (0 to 0). One logit per row goes to
    binary_cross_entropy_with_logits, without the class axis.
ce(z, y.float())
    ValueError: target holds floats of shape (2,), one per row. If they are class labels, pass
    target.long(); probabilities have input's own shape (2, 3).
ce(z, y > 0)
    TypeError: target has dtype torch.bool; expected integers (class indices) or floats
    (probabilities). Pass target.long() for labels 0 and 1, .float() for one-hot rows.
ce(z, z[:, :2])
    ValueError: target has shape (2, 2), expected (2, 3): floats are probabilities and have
    input's own shape; class labels are integers. Nothing is broadcast.
ce(z, ones(2, 3).long())
    ValueError: target holds integers in input's own shape (2, 3), but class indices have shape
    (2,). If they are one-hot rows, pass target.float().
ce(z, y[:1])
    ValueError: target has shape (1,), expected (2,): one class index per row, input's shape
    less the class axis. Nothing is broadcast.
ce(z, y[:, None])
    ValueError: target has shape (2, 1), expected (2,): one class index per row, input's shape
    less the class axis. Nothing is broadcast. Pass target.reshape((2,)).
ce(image, torch.zeros(2, 7).long())
    ValueError: target has shape (2, 7), expected (2, 5): one class index per row, input's shape
    less the class axis. Their shape fits if the classes run along axis 2: pass input.movedim(2,
    1). Nothing is broadcast.
ce(z, labels(0, 3))
    ValueError: target[1] is 3, but input has 3 classes (0 to 2). Check the labels, and that
    input's class axis is the one you mean.
ce(z, labels(1, 3))
    ValueError: target[1] is 3, but input has 3 classes (0 to 2). If your labels start at 1,
    subtract 1.
ce(z, labels(0, -1))
    ValueError: target[1] is -1, but input has 3 classes (0 to 2). If -1 marks rows to ignore,
    pass ignore_index=-1.
ce(z, labels(0, 255).to(torch.uint8))
    ValueError: target[1] is 255, but input has 3 classes (0 to 2). If 255 marks rows to ignore,
    pass ignore_index=255.
ce(z, y.to("meta"))
    ValueError: target is on meta, but the other tensors are on cpu. Pass target.to('cpu').
ce(z, y, ones(4))
    ValueError: weight has shape (4,), expected (3,): one weight per class. Nothing is
    broadcast.
ce(z, y, -ones(3) / 0)
    ValueError: weight[0] is -inf (2 more like it); weights must be finite.
ce(z, y, ones(3) - torch.arange(3) * 2)
    ValueError: weight sums to 0 over the labels that count, and a mean divides by that sum;
    expected a nonzero one. Pass reduction='sum' and divide the loss yourself, for example by the
    number of rows.
ce(z, z.softmax(1), ignore_index=0)
    ValueError: ignore_index marks class indices, but target holds probabilities. Pass
    reduction='none' and average the losses of the rows that count.
ce(z[0], y)
    ValueError: target has shape (2,), expected (): one class index per row, input's shape less
    the class axis. Nothing is broadcast.
ce(z, y, ones(3, requires_grad=True))
    ValueError: weight requires a gradient, but weights get none. Pass weight.detach().
ce(z, y, ["heavy", "light"])
    TypeError: weight is ['heavy', 'light']; expected a tensor of numbers.
ce(z, y, reduction="avg")
    ValueError: reduction is 'avg'; expected 'mean', 'sum' or 'none'.
ce(z, y, label_smoothing=2)
    ValueError: label_smoothing is 2; expected a number between 0 and 1.
ce(z, y, ignore_index=1.5)
    TypeError: ignore_index is 1.5; expected an integer.
CE()(z, labels(0, 3))
    ValueError: target[1] is 3, but input has 3 classes (0 to 2). Check the labels, and that
    input's class axis is the one you mean.
CE(["heavy", "light"])
    TypeError: weight is ['heavy', 'light']; expected a tensor of numbers.
CE(ones(4))(z, y)
    ValueError: weight has shape (4,), expected (3,): one weight per class. Nothing is
    broadcast.
"""

BINARY = """
bce(z, None)
    TypeError: target is None; expected a tensor of class labels or probabilities.
bce(y, z)
    TypeError: input has dtype torch.int64; expected one of torch.float16, torch.bfloat16,
    torch.float32, torch.float64. Are input and target swapped? If not, pass input.float().
bce(z, z[:, :1])
    ValueError: target has shape (2, 1), expected (2, 3): one target per logit, input's own
    shape. Nothing is broadcast.
bce(z[:, :1], z[:, 0])
    ValueError: target has shape (2,), expected (2, 1): one target per logit, input's own shape.
    Nothing is broadcast. Pass target.reshape((2, 1)).
bce(z, z.to(torch.complex64))
    TypeError: target has dtype torch.complex64; expected 0 and 1, booleans, or probabilities.
bce(z, z + 1.5)
    ValueError: target[0, 0] is 1.5; expected 0, 1, or a probability between them.
bce(z, z - 1)
    ValueError: target[0, 0] is -1.0; expected 0, 1, or a probability between them. For labels
    -1 and +1 pass (target + 1) / 2.
bce(z, z + 2)
    ValueError: target[0, 0] is 2.0; expected 0, 1, or a probability between them. If your
    labels start at 1, subtract 1.
bce(z, z, ones(2))
    ValueError: weight has shape (2,), which does not broadcast to input's shape (2, 3).
bce(z, z, -ones(3) / 0)
    ValueError: weight[0, 0] is -inf (5 more like it); weights must be finite.
bce(z, z, ones(3, requires_grad=True))
    ValueError: weight requires a gradient, but weights get none. Pass weight.detach().
bce(z, z, pos_weight=ones(2))
    ValueError: pos_weight has shape (2,), which does not broadcast to input's shape (2, 3).
bce(z, z, pos_weight=ones(3) * float("nan"))
    ValueError: pos_weight[0] is nan (2 more like it); weights must be finite.
bce(z, labels([0, 1, -7], [0, 0, 1]))
    ValueError: target[0, 2] is -7; expected 0, 1, or a probability between them. If -7 marks
    rows to ignore, give them weight 0.
BCE()(z, z + 7)
    ValueError: target[0, 0] is 7.0; expected 0, 1, or a probability between them. For more than
    two classes use cross_entropy.
BCE(pos_weight=ones(2))(z, z)
    ValueError: pos_weight has shape (2,), which does not broadcast to input's shape (2, 3).
"""

LINEAR = """
lce(x, w, None)
    TypeError: target is None; expected a tensor of class labels or probabilities.
lce(x, y, w)
    TypeError: linear_weight has dtype torch.int64; expected one of torch.float16,
    torch.bfloat16, torch.float32, torch.float64. Are linear_weight and target swapped? If not,
    pass linear_weight.float().
lce(x.long(), w, y)
    TypeError: input has dtype torch.int64; expected one of torch.float16, torch.bfloat16,
    torch.float32, torch.float64. Are input and target swapped? If not, pass input.float().
lce(x, w.T, y)
    ValueError: input has shape (2, 3) and linear_weight (3, 4); expected (..., D) and (K, D):
    one row of weights per class. Pass linear_weight.T.
lce(x, w, labels(0, 4))
    ValueError: target[1] is 4, but the logits have 4 classes (0 to 3). Check the labels, and
    that the logits' class axis is the one you mean.
lce(x, w, y.float())
    ValueError: target holds floats of shape (2,), one per row. If they are class labels, pass
    target.long(); probabilities have the logits' own shape (2, 4).
lce(x, w, y[:1])
    ValueError: target has shape (1,), expected (2,): one class index per row, the logits' shape
    less the class axis. Nothing is broadcast.
lce(x, w, y[:, None])
    ValueError: target has shape (2, 1), expected (2,): one class index per row, the logits'
    shape less the class axis. Nothing is broadcast. Pass target.reshape((2,)).
lce(x, w, y, linear_bias=ones(3))
    ValueError: linear_bias has shape (3,), expected (4,): one offset per class. Nothing is
    broadcast.
lce(x, w, y, weight=ones(3))
    ValueError: weight has shape (3,), expected (4,): one weight per class. Nothing is
    broadcast.
lce(x, w, ones(2, 4) / 4, ignore_index=-100)
    ValueError: ignore_index marks class indices, but target holds probabilities. Pass
    reduction='none' and average the losses of the rows that count.
lce(x, w, y.to("meta"))
    ValueError: target is on meta, but the other tensors are on cpu. Pass target.to('cpu').
lce(x[0], deep, y)
    ValueError: input has shape (3,) and linear_weight (4, 2, 3); expected (N, D) and (C, d1,
    ..., dK, D). Pass input[None] and target[None].
lce(x[:, :2], deep, y)
    ValueError: input has shape (2, 2) and linear_weight (4, 2, 3); expected (N, D) and (C, d1,
    ..., dK, D).
lce(x, deep, y)
    ValueError: target has shape (2,), expected (2, 2): one class index per row, the logits'
    shape less the class axis. Nothing is broadcast.
lce(x, deep, labels([0, 1], [0, 4]))
    ValueError: target[1, 1] is 4, but the logits have 4 classes (0 to 3). Check the labels, and
    that the logits' class axis is the one you mean.
lce(x, deep, y[:, None].expand(2, 2), linear_bias=ones(4))
    ValueError: linear_bias has shape (4,), expected (4, 2): one offset per class and position.
    Nothing is broadcast.
LCE(3, 4)(x, labels(0, 4))
    ValueError: target[1] is 4, but the logits have 4 classes (0 to 3). Check the labels, and
    that the logits' class axis is the one you mean.
"""

XENT = """
xent.cross_entropy(z, None)
    TypeError: targets is None; expected a tensor of class labels or probabilities.
xent.cross_entropy(z.long(), y)
    TypeError: logits has dtype torch.int64; expected one of torch.float16, torch.bfloat16,
    torch.float32, torch.float64. Are logits and targets swapped? If not, pass logits.float().
xent.cross_entropy(z, y.float())
    ValueError: targets holds floats of shape (2,), one per row. If they are class labels, pass
    targets.long(); probabilities have the logits' own shape (2, 3).
xent.cross_entropy(z, y > 0)
    TypeError: targets has dtype torch.bool; expected integers (class indices) or floats
    (probabilities). Pass targets.long() for labels 0 and 1, .float() for one-hot rows.
xent.cross_entropy(z, ones(2, 3).long())
    ValueError: targets holds integers in the logits' own shape (2, 3), but class indices have
    shape (2,). If they are one-hot rows, pass targets.float().
xent.cross_entropy(image, torch.zeros(7, 5).long())
    ValueError: targets has shape (7, 5), expected (2, 7): one class index per row, the logits'
    shape less the class axis. Their shape fits if the classes run along axis 0: pass axis=0.
    Nothing is broadcast.
xent.cross_entropy(z, labels(0, 3))
    ValueError: targets[1] is 3, but the logits have 3 classes (0 to 2). Check the labels, and
    that the logits' class axis is the one you mean.
xent.cross_entropy(z, y, axis=3)
    ValueError: axis is 3, but logits has shape (2, 3): expected -2 to 1.
xent.cross_entropy(z, y, class_weight=ones(3).to(torch.complex64))
    TypeError: class_weight has dtype torch.complex64; expected numbers: one weight per class.
xent.cross_entropy(z, y, class_weight=-ones(3))
    ValueError: class_weight[0] is -1.0 (2 more like it); weights must be finite and not
    negative.
xent.cross_entropy(z, y, sample_weight=ones(3))
    ValueError: sample_weight has shape (3,), expected (2,): one weight per row. Nothing is
    broadcast.
xent.binary_cross_entropy(z, z[:, 0])
    ValueError: targets has shape (2,), expected (2, 3): one target per logit, the logits' own
    shape. Nothing is broadcast.
xent.binary_cross_entropy(z, z.to(torch.complex64))
    TypeError: targets has dtype torch.complex64; expected 0 and 1, booleans, or probabilities.
xent.linear_cross_entropy(x, w, y.float())
    ValueError: targets holds floats of shape (2,), one per row. If they are class labels, pass
    targets.long(); probabilities have the logits' own shape (2, 4).
xent.linear_cross_entropy(x, w, labels([0], [1]))
    ValueError: targets has shape (2, 1), expected (2,): one class index per row, the logits'
    shape less the class axis. Nothing is broadcast. Pass targets.reshape((2,)).
xent.linear_cross_entropy(x, w, ones(4, 2) / 4)
    ValueError: targets has shape (4, 2), expected (2, 4): floats are probabilities and have the
    logits' own shape; class labels are integers. Nothing is broadcast.
xent.linear_cross_entropy(x, w, y.to("meta"))
    ValueError: targets is on meta, but the other tensors are on cpu. Pass targets.to('cpu').
"""


@each_case(CLASSES, BINARY, LINEAR, XENT)
def test_words(call: str, words: str) -> None:
    assert error_of(call, NAMES) == words


def test_twins_say_no_name_of_xents_nor_a_fix_of_numpys() -> None:
    foreign = re.compile(r"\b(class_weight|sample_weight|targets|inputs|astype|axis=|numpy)\b")
    for text in (CLASSES, BINARY, LINEAR):
        for _, words in cases(text):
            assert not foreign.search(words)


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
def test_under_a_compiler_the_error_is_the_same() -> None:
    compiled = torch.compile(twins.cross_entropy, fullgraph=True, backend="aot_eager")
    z = NAMES["z"].clone().requires_grad_()
    with pytest.raises(ValueError, match=r"target\[1\] is 3, but input has 3 classes"):
        compiled(z, torch.tensor([0, 3]))
    torch.compiler.reset()
