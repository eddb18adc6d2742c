"""Drop-in replacements for PyTorch's cross-entropies: the same names, arguments and meaning.

    from xent.torch import cross_entropy        # for torch.nn.functional.cross_entropy
    from xent.torch import CrossEntropyLoss     # for torch.nn.CrossEntropyLoss

Two differences are intended: if every target is ignored, the loss is 0, not NaN; and the loss of
half-precision logits is float32.

    from xent.torch import parallel             # losses with the classes divided over processes
    from xent.torch import huggingface          # transformers models, without their logits
"""

from xent._engine.buffer_pool import empty_cache
from xent.torch._tokens import next_token_labels
from xent.torch.functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    linear_cross_entropy,
)
from xent.torch.modules import BCEWithLogitsLoss, CrossEntropyLoss, LinearCrossEntropyLoss

__all__ = [
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "LinearCrossEntropyLoss",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "empty_cache",
    "linear_cross_entropy",
    "next_token_labels",
]
