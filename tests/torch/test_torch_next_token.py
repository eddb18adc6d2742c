"""Losses of causal language models: shifted labels, packed sequences, weights, other results."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - everyone's name for it

import xent.torch as twins
from xent.torch import next_token_labels

B, T, K, D = 3, 7, 11, 5
TORCH = torch.Generator().manual_seed(5)
Z = torch.randn(B, T, K, generator=TORCH, dtype=torch.float64)
X = torch.randn(B, T, D, generator=TORCH, dtype=torch.float64)
W = torch.randn(K, D, generator=TORCH, dtype=torch.float64)
Y = torch.randint(K, (B, T), generator=TORCH)
WEIGHT = torch.rand(B, T, generator=TORCH, dtype=torch.float64)


def by_hand(z: Any, y: Any, reduction: str = "mean") -> Any:
    """Logits without the last position beside labels without the first."""
    return F.cross_entropy(z[:, :-1].reshape(-1, K), y[:, 1:].reshape(-1), reduction=reduction)


def close(found: Any, wanted: Any) -> None:
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_loss_is_that_of_the_next_token(reduction: str) -> None:
    z, other = Z.clone().requires_grad_(), Z.clone().requires_grad_()
    labels = Y.clone()
    labels[0, 2:4] = -100
    loss = twins.cross_entropy(z, labels, reduction=reduction, shift=True)
    wanted = by_hand(other, labels, reduction)
    close(loss, wanted)
    (gradient,), (due,) = torch.autograd.grad(loss, z), torch.autograd.grad(wanted, other)
    close(gradient, due)
    assert not gradient[:, -1].any()


def test_losses_of_the_positions() -> None:
    rows = twins.cross_entropy(Z, Y, reduction="none", shift=True)
    assert rows.shape == (B, T)
    close(rows[:, :-1].reshape(-1), by_hand(Z, Y, "none"))
    assert not rows[:, -1].any()


def test_of_a_linear_layer() -> None:
    ours = [each.clone().requires_grad_() for each in (X, W)]
    theirs = [each.clone().requires_grad_() for each in (X, W)]
    loss = twins.linear_cross_entropy(*ours, Y, shift=True)
    wanted = by_hand(theirs[0] @ theirs[1].T, Y)
    close(loss, wanted)
    for found, due in zip(
        torch.autograd.grad(loss, ours), torch.autograd.grad(wanted, theirs), strict=True
    ):
        close(found, due)


def test_one_sequence_without_a_batch() -> None:
    close(twins.cross_entropy(Z[0], Y[0], shift=True), by_hand(Z[:1], Y[:1]))
    close(twins.linear_cross_entropy(X[0], W, Y[0], shift=True), by_hand((X @ W.T)[:1], Y[:1]))


def test_weights_of_tokens() -> None:
    for loss in (
        twins.cross_entropy(X @ W.T, Y, shift=True, sample_weight=WEIGHT),
        twins.linear_cross_entropy(X, W, Y, shift=True, sample_weight=WEIGHT),
    ):
        rows, weight = by_hand(X @ W.T, Y, "none"), WEIGHT[:, :-1].reshape(-1)
        close(loss, (rows * weight).sum() / weight.sum())


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
def test_what_is_asked_for_besides(reduction: str, weighted: bool) -> None:
    labels = Y.clone()
    labels[1, 3] = -100
    weight = WEIGHT if weighted else None
    options = {"z_loss": 0.1, "reduction": reduction, "shift": True, "sample_weight": weight}
    asked = {f"return_{name}": True for name in ("lse", "predictions", "z_loss", "accuracy")}
    results = twins.linear_cross_entropy(X, W, labels, **options, **asked)
    loss, lse, accuracy, predicted, part = results
    z = X @ W.T
    close(lse, z.logsumexp(-1))
    assert predicted.dtype == torch.int64
    assert torch.equal(predicted, z.argmax(-1))
    counted = next_token_labels(labels) != -100
    rows = counted * (1 if weight is None else weight)
    due = 0.1 * lse**2 * rows
    whole = {"none": due, "sum": due.sum(), "mean": due.sum() / rows.sum()}[reduction]
    close(part, whole)
    without = twins.linear_cross_entropy(X, W, labels, **options | {"z_loss": 0.0})
    close(loss - part, without)
    right = (predicted == next_token_labels(labels)) & counted
    assert accuracy.item() == pytest.approx(right.sum().item() / counted.sum().item())
    of_logits = twins.cross_entropy(z, labels, **options, **asked)
    for found, same in zip(of_logits, results, strict=True):
        close(found, same)


def test_predictions_are_of_the_shape_of_the_labels() -> None:
    z = Z.movedim(-1, 1)  # as torch has classes
    _, predicted = twins.cross_entropy(z, Y, return_predictions=True)
    assert torch.equal(predicted, z.argmax(1))


def test_modules_shift() -> None:
    close(twins.CrossEntropyLoss(shift=True)(Z, Y), by_hand(Z, Y))
    assert not twins.CrossEntropyLoss().shift
    layer = twins.LinearCrossEntropyLoss(D, K, shift=True, dtype=torch.float64)
    with torch.no_grad():
        layer.linear.weight.copy_(W)
    wanted = by_hand(layer.linear(X), Y)
    close(copy.deepcopy(layer)(X, Y), wanted)


# Packed sequences.


def test_no_token_predicts_one_of_another_document() -> None:
    lengths = [2, 1, 4]
    borders = torch.tensor([0, *torch.tensor(lengths).cumsum(0)])
    ids = torch.repeat_interleave(torch.tensor([4, 9, 4]), torch.tensor(lengths))
    labels = Y[0]
    apart = torch.cat([next_token_labels(part) for part in labels.split(lengths)])
    assert apart.tolist().count(-100) == 3
    assert torch.equal(next_token_labels(labels, cu_seqlens=borders), apart)
    assert torch.equal(next_token_labels(labels, cu_seqlens=borders.int()), apart)
    assert torch.equal(next_token_labels(labels[None], cu_seqlens=borders), apart[None])
    assert torch.equal(next_token_labels(labels, document_ids=ids), apart)
    both = next_token_labels(Y[:2], document_ids=torch.stack([ids, ids.flip(0)]))
    assert torch.equal(both[0], apart)
    loss = twins.cross_entropy(Z[0], apart, reduction="sum")
    wanted = sum(
        F.cross_entropy(z[:-1], y[1:], reduction="sum")
        for z, y in zip(Z[0].split(lengths), labels.split(lengths), strict=True)
    )
    close(loss, wanted)


def test_empty_documents_and_short_sequences() -> None:
    borders = torch.tensor([0, 0, 3, 3, 7, 7])
    assert next_token_labels(torch.arange(7), cu_seqlens=borders).tolist() == [
        1, 2, -100, 4, 5, 6, -100,
    ]  # fmt: skip
    assert next_token_labels(torch.tensor([3])).tolist() == [-100]
    assert next_token_labels(torch.zeros(2, 0, dtype=torch.long)).shape == (2, 0)
    narrow = next_token_labels(torch.tensor([250, 251], dtype=torch.uint8))
    assert narrow.tolist() == [251, -100]
    assert next_token_labels(torch.tensor([3, 4]), ignore_index=0).tolist() == [4, 0]


def test_labels_are_shifted_without_being_read() -> None:
    labels = torch.empty(2, 5, dtype=torch.long, device="meta")
    assert next_token_labels(labels).device.type == "meta"
    borders = torch.empty(3, dtype=torch.int32, device="meta")
    assert next_token_labels(labels[:1], cu_seqlens=borders).shape == (1, 5)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: twins.cross_entropy(Z, torch.softmax(Z, -1), shift=True), ValueError,
         "shift=True takes class indices, but target holds probabilities. Shift them yourself, and "
         "give the last row sample_weight 0."),
        (lambda: twins.cross_entropy(Z, Y[:, 1:], shift=True), ValueError,
         "target has shape (3, 6), expected (3, 7): with shift=True the classes run along the "
         "last axis."),
        (lambda: twins.linear_cross_entropy(X[0, 0], W, Y[0, 0], shift=True), ValueError,
         "shift=True takes sequences, but target has shape (); expected (..., T), one label for "
         "each token."),
        (lambda: twins.cross_entropy(Z, Y, shift=True, sample_weight=WEIGHT[:, 1:]), ValueError,
         "sample_weight has shape (3, 6), expected (3, 7): one weight per row. Nothing is "
         "broadcast."),
        (lambda: next_token_labels(Z), TypeError,
         "labels is torch.float64; expected a tensor of integers, one label for each token."),
        (lambda: next_token_labels([1, 2]), TypeError,
         "labels is list; expected a tensor of integers, one label for each token."),
        (lambda: next_token_labels(torch.tensor(1)), ValueError,
         "labels is a single number; expected shape (..., T): the labels of T tokens."),
        (lambda: next_token_labels(Y, document_ids=Y, cu_seqlens=Y[0]), ValueError,
         "document_ids and cu_seqlens both say where documents end; expected one of them."),
        (lambda: next_token_labels(Y, document_ids=Y[0]), ValueError,
         "document_ids has shape (7,), expected (3, 7): one for each label."),
        (lambda: next_token_labels(Y[0], cu_seqlens=Y), ValueError,
         "cu_seqlens has shape (3, 7); expected one dimension: where each document begins, and "
         "the number of tokens."),
        (lambda: next_token_labels(Y, cu_seqlens=Y[0]), ValueError,
         "labels has shape (3, 7); cu_seqlens divides a single packed sequence, of shape (T,) or "
         "(1, T). Pass document_ids for several."),
    ],
)  # fmt: skip
def test_what_is_refused(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message
