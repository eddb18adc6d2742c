"""Cross-entropy with the classes divided over the processes of a group.

In training, a large vocabulary is sharded: each rank computes the logits of its own classes. The
losses here take those logits as they are, and the ranks exchange only a few numbers per row.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch

from xent._options import LossOptions
from xent._validation import Reduction, check_layer, check_number, check_shape, class_axis
from xent.torch._autograd_state import wants_gradient, widened
from xent.torch._interop import as_scores, as_tensor_like
from xent.torch._sharded import linear
from xent.torch._sharded.classes import ShardedCrossEntropy
from xent.torch._sharded.group import VocabGroup, checksum, checksum_of_rows, fingerprint
from xent.torch._sharded.targets import LocalTargets, make_targets

__all__ = ["cross_entropy", "linear_cross_entropy"]

Tensor = torch.Tensor
CALLER = "xent tensors"
"""Whose argument names the errors use."""


def cross_entropy(
    logits: Any,
    targets: Any,
    *,
    group: Any = None,
    axis: int = -1,
    class_weight: Any = None,
    sample_weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    z_loss: float = 0.0,
    reduction: Reduction = "mean",
    offset: int | None = None,
    num_classes: int | None = None,
) -> Tensor:
    r"""Softmax cross-entropy of logits whose classes are divided over a process group.

    .. math:: \ell = A(z) \sum_j y_j - \sum_j y_j z_j, \quad
        A(z) = m + \log \sum_r e^{m_r - m} \sum_{k \in r} e^{z_k - m_r},
        \quad m = \max_r m_r

    Every rank gets the value of `xent.cross_entropy` over all classes, and the gradient for its own
    logits. For each row, the ranks exchange the largest logit and a few sums, never the logits.

    Parameters
    ----------
    logits : tensor, shape (..., K_local), or DTensor
        The raw scores of this rank's classes, in the order of the ranks; float16, bfloat16, float32
        or float64, on any device on which the group can add. K_local may differ between ranks, and
        may be 0. A DTensor must be sharded on the class axis, over a one-dimensional mesh.
    targets : tensor
        Integers: class indices among all classes, 0 to K-1, the same on every rank. Floats:
        probabilities of this rank's classes, of the logits' shape; each row must sum to 1 over all
        ranks, within 0.001.
    group : ProcessGroup, optional
        The ranks that hold the classes. By default the default group, or the mesh's group for a
        DTensor.
    axis : int, default -1
        The class axis.
    class_weight : tensor, shape (K_local,), optional
        The weights of this rank's classes; given on every rank or on none.
    sample_weight : tensor, shape of the rows, optional
        Multiplies the row; the same on every rank.
    ignore_index, label_smoothing, softcap, z_loss, reduction
        As for `xent.cross_entropy`, the same on every rank.
    offset, num_classes : int, optional
        The index of this rank's first class and the number of all classes. If given on every rank,
        they save an exchange, but the ranks no longer check that they agree: an error on one rank
        then leaves the others waiting.

    Returns
    -------
    tensor
        The loss, the same on every rank and differentiable with respect to the logits. A plain
        tensor even for DTensors; float64 for float64 logits, else float32.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        Saying what arrived, what was expected, and the likely fix. If the ranks disagree, or one
        rank has an error in its arguments, every rank raises.

    Notes
    -----
    The forward pass takes three small all-reduces and no gather: a table of seven integers per
    rank; the largest logit of each row; and five numbers per row, six with probabilities, all in
    float64. The backward pass communicates nothing. There is no second derivative.

    No step subtracts near-equal numbers: the largest logit of a row is left out of the sum of
    exponentials on the rank that holds it, so the loss of a confident, correct row keeps its
    digits, and equals that of `xent.cross_entropy` up to rounding. Rows are computed in float32, or
    in float64 for float64 logits; sums over ranks and rows are taken in float64. On the CPU, the
    compiled kernels compute the loss of labels without smoothing or softcap, except for float64
    logits.

    Examples
    --------
    >>> import torch, torch.distributed as dist
    >>> from xent.torch import parallel
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> logits = torch.tensor([[2.0, 1.0, 0.1]], requires_grad=True)
    >>> loss = parallel.cross_entropy(logits, torch.tensor([0]))
    >>> loss.backward()
    >>> print(round(loss.item(), 4), logits.grad.numpy().round(4))
    0.417 [[-0.341   0.2424  0.0986]]
    >>> dist.destroy_process_group()

    References
    ----------
    Shoeybi et al. (2019), Megatron-LM: Training Multi-Billion Parameter Language Models Using
    Model Parallelism, arXiv:1909.08053, section 3.
    """
    shard = _LocalShard(logits, "logits", group)
    options = LossOptions(
        axis=axis,
        class_weight=class_weight,
        sample_weight=sample_weight,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        softcap=softcap,
        z_loss=z_loss,
        reduction=reduction,
        caller=CALLER,
    )

    # A function, so that an error in it reaches the other ranks before it is raised.
    def prepare() -> tuple[tuple[Tensor, ...], LocalTargets]:
        z = as_scores(shard.local(logits, "logits", axis), "logits", options.names)
        place = class_axis(z, axis, options.names)
        y = as_tensor_like(shard.local(targets, "targets", axis), z, "targets")
        if y.dtype.is_floating_point and y.ndim == z.ndim:  # else the shape check explains it
            y = y.movedim(place, -1)
        z = z.movedim(place, -1)
        return (z,), make_targets(y, tuple(z.shape), z, shard.checked(options))

    if offset is None and num_classes is None:
        (z,), local, _ = _agreed(shard.group, prepare)
    else:
        (z,), local = prepare()
        local = local.placed(*_given_place(offset, num_classes, local.width))
    loss: Tensor
    loss, _ = ShardedCrossEntropy.apply(widened(z), local, shard.group, wants_gradient(z))
    return loss


def linear_cross_entropy(
    inputs: Any,
    weight: Any,
    targets: Any,
    bias: Any = None,
    *,
    group: Any = None,
    class_weight: Any = None,
    sample_weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    z_loss: float = 0.0,
    reduction: Reduction = "mean",
) -> Tensor:
    r"""Cross-entropy of a linear layer whose classes are divided over a process group.

    .. math:: z = x W^\top + b, \qquad \ell = A(z) \sum_j y_j - \sum_j y_j z_j

    No rank ever holds all of its logits at once, or logits of another rank.

    Parameters
    ----------
    inputs : tensor, shape (..., D)
        Rows of features, or a replicated DTensor; bit-identical on every rank, which is checked.
    weight : tensor, shape (K_local, D), or DTensor
        One row of weights per class of this rank, in the order of the ranks. A DTensor must be
        sharded on the first axis, over a one-dimensional mesh.
    targets : tensor
        Class indices among all classes, the same on every rank, of shape (...); or probabilities of
        this rank's classes, of shape (..., K_local).
    bias : tensor, shape (K_local,), optional
        One offset per class of this rank; given on every rank or on none.
    group, class_weight, sample_weight, ignore_index, label_smoothing, softcap, z_loss, reduction
        As for `cross_entropy`.

    Returns
    -------
    tensor
        The loss, the same on every rank and differentiable with respect to inputs, weight and
        bias.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As for `cross_entropy`.

    Notes
    -----
    Rows are processed in chunks, with at most 64 MiB of float32 logits on the rank with the most
    classes. Each chunk goes through the product, two small all-reduces and the gradient products.
    The gradients of weight and bias stay on their rank. The gradient of the inputs is summed over
    the ranks by one all-reduce in the backward pass, so every rank must run its backward pass.
    Products and sums are in float32, or in float64 if inputs or weight are. A mean with class
    weights sums one more number over the ranks beforehand. With reduction="none", the backward pass
    computes the logits again.

    Examples
    --------
    >>> import torch, torch.distributed as dist
    >>> from xent.torch import parallel
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> x, w = torch.tensor([[1.0, 2.0]]), torch.tensor([[2.0, 0.0], [1.0, 0.0], [0.1, 0.0]])
    >>> print(round(parallel.linear_cross_entropy(x, w, torch.tensor([0])).item(), 4))
    0.417
    >>> dist.destroy_process_group()

    References
    ----------
    Shoeybi et al. (2019), Megatron-LM, arXiv:1909.08053, section 3; Wijmans et al. (2025), Cut
    Your Losses in Large-Vocabulary Language Models, arXiv:2411.09009.
    """
    shard = _LocalShard(weight, "weight", group)
    options = LossOptions(
        class_weight=class_weight,
        sample_weight=sample_weight,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        softcap=softcap,
        z_loss=z_loss,
        reduction=reduction,
        caller=CALLER,
    )

    def prepare() -> tuple[tuple[Tensor | None, ...], LocalTargets]:
        w = as_scores(shard.local(weight, "weight", 0), "weight", options.names)
        x = as_scores(shard.local(inputs, "inputs", None), "inputs", options.names)
        x = as_tensor_like(x, w, "inputs")
        check_layer(tuple(x.shape), tuple(w.shape))
        b = None
        if bias is not None:
            b = as_scores(shard.local(bias, "bias", 0), "bias", options.names)
            check_shape(b, w.shape[:1], "bias", "one offset per own class")
        y = shard.local(targets, "targets", -1)
        return (x, w, b), make_targets(y, (*x.shape[:-1], len(w)), x, shard.checked(options))

    layer, local, widths = _agreed(shard.group, prepare, layer=True)
    # Determined before widening, which makes new tensors. All ranks need the same, as was checked.
    needed = sum(
        flag
        for flag, tensor in zip(linear.FLAGS, layer, strict=True)
        if tensor is not None and wants_gradient(tensor)
    )
    rows = layer[0].shape[:-1].numel()
    loss: Tensor
    loss, *_ = linear.ShardedLinearCrossEntropy.apply(
        *(None if tensor is None else widened(tensor) for tensor in layer),
        local,
        shard.group,
        linear.rows_of_chunk(rows, widths),
        needed,
    )
    return loss


class _LocalShard:
    """The part of a tensor that this rank holds, and the group of ranks that hold the rest."""

    def __init__(self, scores: Any, name: str, group: Any) -> None:
        self.mesh: Any = None
        self.name = name
        if not _is_dtensor(scores):
            self.group = VocabGroup(group)
            return
        mesh = scores.device_mesh
        if group is not None:
            msg = f"{name} is a DTensor, whose mesh says which ranks hold the classes. Pass no "
            raise ValueError(msg + f"group, or {name}.to_local().")
        if mesh.ndim != 1:
            msg = f"{name} is a DTensor on a mesh of {mesh.ndim} dimensions; expected one. Pass "
            msg += f"{name}.to_local() and group=mesh.get_group(NAME OF THE CLASSES' DIMENSION)."
            raise ValueError(msg)
        self.mesh = mesh
        self.group = VocabGroup(mesh.get_group(), mesh.get_local_rank())

    def local(self, value: Any, name: str, axis: int | None) -> Any:
        """The rank's part of a DTensor sharded on the axis, or replicated if the axis is None."""
        if not _is_dtensor(value):
            return value
        if self.mesh is None:
            msg = f"{name} is a DTensor, but {self.name} is not. Pass {name}.to_local()."
            raise TypeError(msg)
        if value.device_mesh != self.mesh:
            msg = f"{name} is a DTensor on a different mesh from {self.name}."
            raise ValueError(msg)
        from torch.distributed.tensor import Replicate, Shard

        (placement,) = value.placements
        if name == "targets" and not value.dtype.is_floating_point:
            axis = None
        if axis is None:
            if not placement.is_replicate():
                msg = f"{name} is a DTensor placed as {placement}; expected Replicate(). Pass "
                raise ValueError(msg + f"{name}.redistribute(placements=[Replicate()]).")
            # The gradient is already the sum over the ranks.
            return value.to_local(grad_placements=[Replicate()])
        place = axis % value.ndim
        if not (isinstance(placement, Shard) and placement.dim % value.ndim == place):
            msg = f"{name} is a DTensor placed as {placement}; expected Shard({place}), the axis "
            msg += f"of the classes. Pass {name}.redistribute(placements=[Shard({place})])"
            if placement.is_replicate():
                function = "cross_entropy" if self.name == "logits" else "linear_cross_entropy"
                msg += f", or {name}.to_local() to xent.{function}"
            raise ValueError(msg + ".")
        return value.to_local()

    def checked(self, options: LossOptions) -> LossOptions:
        """The options, checked, with this rank's part of the class weights."""
        return options.replace(
            class_weight=self.local(options.class_weight, "class_weight", 0),
            sample_weight=self.local(options.sample_weight, "sample_weight", None),
        ).checked()


def _is_dtensor(value: Any) -> bool:
    """Checked without importing torch.distributed.tensor, which few programs need."""
    module = sys.modules.get("torch.distributed.tensor")
    return module is not None and isinstance(value, module.DTensor)


def _agreed(
    group: VocabGroup, prepare: Callable[[], tuple[Any, LocalTargets]], *, layer: bool = False
) -> tuple[Any, LocalTargets, list[int]]:
    """The checked arguments and the classes of each rank; all ranks raise, or none does."""
    prepared: tuple[Any, LocalTargets] | None = None
    try:
        prepared = prepare()
    except Exception as error:  # of any kind: the other ranks are waiting
        group.check_agreement(0, {}, error)
    assert prepared is not None  # check_agreement raised the error
    tensors, local = prepared
    options = [local.options, local.class_weight is None, local.labels is None]
    if layer:  # in the backward pass the gradient of the inputs is summed over the ranks
        options += [t is None or wants_gradient(t) for t in tensors], tensors[-1] is None
    widths = group.check_agreement(
        local.width,
        {
            "shape": fingerprint(tuple(tensors[0].shape[:-1])),
            "dtype": fingerprint(*(str(t.dtype) for t in tensors if t is not None)),
            "options": fingerprint(*options),
            # Not the probabilities, which differ between ranks.
            "targets": checksum(local.labels, local.weight),
            "inputs": checksum_of_rows(tensors[0]) if layer else 0,
        },
        None,
    )
    return tensors, local.placed(sum(widths[: group.position]), sum(widths)), widths


def _given_place(offset: Any, num_classes: Any, width: int) -> tuple[int, int]:
    """Offset and number of classes, given by the caller to save an exchange."""
    if offset is None or num_classes is None:
        missing = "offset" if offset is None else "num_classes"
        msg = f"{missing} is not given: offset and num_classes go together. Pass both or neither."
        raise ValueError(msg)
    classes = int(check_number(num_classes, "num_classes", 1, 2**62))
    first = int(check_number(offset, "offset", 0, 2**62))
    if first + width > classes:
        msg = f"offset is {first} and the logits have {width} classes on this rank, but "
        msg += f"num_classes is {classes}; expected offset + {width} <= num_classes."
        raise ValueError(msg)
    return first, classes
