"""A rank's own rows by the compiled kernels of the CPU, in one pass over its logits.

The loss of a row whose label is its largest logit is log(1 + s), and the gradient beside the label
is the probabilities among the rank's own classes, exp(z - m) / (1 + s).
"""

from __future__ import annotations

import torch

from xent._engine import cpu
from xent._engine import numpy as backend
from xent._targets import class_targets
from xent.torch._interop import array
from xent.torch._sharded.rows import Local, asked_of_labels, largest
from xent.torch._sharded.shard import Shard

Tensor = torch.Tensor


def fused_look(z: Tensor, part: Shard, out: Tensor | None) -> Local | None:
    """The same as `look`, where there is a kernel for it; `out` gets exp(z - m) / (1 + s).

    In float64 a loss is known to some units of the last place, and s would be to more.
    """
    options = part.options
    bent = options.label_smoothing or options.softcap is not None
    if z.device.type != "cpu" or z.dtype == torch.float64 or part.labels is None or bent:
        return None
    if cpu.for_size(z.numel()) is None:
        return None
    m, k = largest(z)
    if not m.isfinite().all():
        return None
    s = torch.expm1(fused(z, k, out))
    return Local(m.double(), k, s, *asked_of_labels(z, k, m.unsqueeze(1), part), 1 + s)


def fused(z: Tensor, k: Tensor, out: Tensor | None) -> Tensor:
    """Losses of rows whose labels are k, in float64; `out` gets their gradient."""
    rows = torch.empty(len(z), dtype=torch.float64)
    backend.cross_entropy_pass(
        array(z),
        class_targets(k.numpy(), tuple(z.shape), 1, labels_later=True),
        scale=1.0,
        grad=None if out is None else array(out),
        losses=array(rows),
    )
    return rows
