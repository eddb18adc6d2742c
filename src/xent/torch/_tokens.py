"""Labels of the next token: what a causal language model predicts at each position."""

from __future__ import annotations

import torch

from xent._validation import Names

Tensor = torch.Tensor


def next_token_labels(
    labels: Tensor,
    *,
    ignore_index: int = -100,
    document_ids: Tensor | None = None,
    cu_seqlens: Tensor | None = None,
) -> Tensor:
    """The token after each one, as labels; without one, the position is ignored.

    Parameters
    ----------
    labels : Tensor of integers, shape (..., T)
        The tokens, or labels at their places, as ``input_ids`` of a causal language model are.
    ignore_index : int, default -100
        The label of positions that do not count: the last one of a sequence, and of a document.
    document_ids : Tensor of integers, shape (..., T), optional
        Packed sequences: which document each token belongs to. No token predicts one of another.
    cu_seqlens : Tensor of integers, shape (documents + 1), optional
        The same for one packed sequence of T tokens: where documents begin, from 0, and T.

    Returns
    -------
    Tensor of integers, shape (..., T)
        On the labels' device; no value is read from it.

    Raises
    ------
    TypeError, ValueError
        If the labels are no integers, or shapes do not fit.

    Notes
    -----
    Labels are moved, and not logits, of which a part would have to be copied.

    Examples
    --------
    >>> import torch
    >>> from xent.torch import next_token_labels
    >>> tokens = torch.tensor([5, 6, 7, 8, 9])
    >>> next_token_labels(tokens).tolist()
    [6, 7, 8, 9, -100]
    >>> next_token_labels(tokens, cu_seqlens=torch.tensor([0, 2, 5])).tolist()
    [6, -100, 8, 9, -100]
    """
    _check(labels, document_ids, cu_seqlens)
    if labels.dtype not in (torch.int32, torch.int64):
        labels = labels.long()  # narrow integers cannot hold every ignore_index
    after = _after(labels, ignore_index)
    if cu_seqlens is not None:
        positions = torch.arange(labels.shape[-1], device=labels.device)
        document_ids = torch.bucketize(positions, cu_seqlens, right=True).expand(labels.shape)
    if document_ids is None:
        return after
    return after.masked_fill(_after(document_ids, -1) != document_ids, ignore_index)


def _after(values: Tensor, last: int) -> Tensor:
    """The value after each one, along the last axis."""
    return torch.nn.functional.pad(values, (0, 1), value=last)[..., 1:]


def _check(labels: Tensor, document_ids: Tensor | None, cu_seqlens: Tensor | None) -> None:
    if not isinstance(labels, Tensor) or labels.is_floating_point() or labels.is_complex():
        found = f"{labels.dtype}" if isinstance(labels, Tensor) else type(labels).__name__
        msg = f"labels is {found}; expected a tensor of integers, one label for each token."
        raise TypeError(msg)
    shape = tuple(labels.shape)
    if not shape:
        msg = "labels is a single number; expected shape (..., T): the labels of T tokens."
        raise ValueError(msg)
    if document_ids is not None and cu_seqlens is not None:
        msg = "document_ids and cu_seqlens both say where documents end; expected one of them."
        raise ValueError(msg)
    if document_ids is not None and document_ids.shape != labels.shape:
        msg = f"document_ids has shape {tuple(document_ids.shape)}, expected {shape}: one for each "
        raise ValueError(msg + "label.")
    if cu_seqlens is not None and cu_seqlens.ndim != 1:
        msg = f"cu_seqlens has shape {tuple(cu_seqlens.shape)}; expected one dimension: where each "
        raise ValueError(msg + "document begins, and the number of tokens.")
    if cu_seqlens is not None and labels.numel() != shape[-1]:
        msg = f"labels has shape {shape}; cu_seqlens divides a single packed sequence, of shape "
        raise ValueError(msg + "(T,) or (1, T). Pass document_ids for several.")


def shifted(target: Tensor, rows: tuple[int, ...], ignore_index: int, names: Names) -> Tensor:
    """The labels of a causal language model, each at the place of the token before it."""
    if target.is_floating_point():
        msg = f"shift=True takes class indices, but {names.targets} holds probabilities."
        raise ValueError(msg + " Shift them yourself, and give the last row sample_weight 0.")
    if not rows:
        msg = f"shift=True takes sequences, but {names.targets} has shape {tuple(target.shape)}; "
        raise ValueError(msg + "expected (..., T), one label for each token.")
    if target.shape != rows:
        msg = f"{names.targets} has shape {tuple(target.shape)}, expected {tuple(rows)}: with "
        raise ValueError(msg + "shift=True the classes run along the last axis.")
    return next_token_labels(target, ignore_index=ignore_index)
