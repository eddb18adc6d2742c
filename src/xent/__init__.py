"""Cross-entropy: computed exactly, checked, explained, scored."""

from xent.functions import log_sigmoid, log_softmax, logsumexp, sigmoid, softmax
from xent.losses import binary_cross_entropy, cross_entropy, linear_cross_entropy
from xent.metric import log_loss

__version__ = "0.1.0"

__all__ = [
    "binary_cross_entropy",
    "cross_entropy",
    "linear_cross_entropy",
    "log_loss",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "sigmoid",
    "softmax",
]
