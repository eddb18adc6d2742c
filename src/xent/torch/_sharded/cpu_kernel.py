"""A rank's own rows, computed by the compiled CPU kernels in one pass over its logits.

The loss of a row whose label is its largest logit is log(1 + s), and its gradient at the other
classes is their probabilities among the rank's own classes, exp(z - m) / (1 + s).
"""

from __future__ import annotations

import torch

from xent._engine import Outputs, cpu, engine_for
from xent._options import LossOptions
from xent._targets import class_targets
from xent.torch._interop import array
from xent.torch._sharded.rows import LocalStats, is_label_at_logit, largest, sums_at_labels
from xent.torch._sharded.targets import LocalTargets

Tensor = torch.Tensor


def kernel_stats(z: Tensor, targets: LocalTargets, out: Tensor | None) -> LocalStats | None:
    """The same as `local_stats`, if there is a kernel for it; `out` gets exp(z - m) / (1 + s).

    Not for float64, where s has to be more accurate than a kernel's loss.
    """
    if z.device.type != "cpu" or z.dtype == torch.float64 or not is_label_at_logit(targets):
        return None
    if cpu.for_size(z.numel()) is None:
        return None
    m, k = largest(z)
    if not m.isfinite().all():
        return None
    s = torch.expm1(loss_at_largest(z, k, out))
    return LocalStats(m.double(), k, s, *sums_at_labels(z, k, m.unsqueeze(1), targets), 1 + s)


def loss_at_largest(z: Tensor, k: Tensor, out: Tensor | None) -> Tensor:
    """Losses of rows with the labels k, in float64; `out` gets their gradient."""
    logits, options = array(z), LossOptions()
    labels = class_targets(k.numpy(), logits.shape, 1, options, defer_label_check=True)
    losses = torch.empty(len(z), dtype=torch.float64)
    want = Outputs(None if out is None else array(out), array(losses))
    engine_for(logits).cross_entropy(logits, labels, options, 1.0, want)
    return losses
