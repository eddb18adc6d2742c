"""Cross-entropy: computed exactly, checked, explained, scored."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING, Any

from xent._engine.buffer_pool import empty_cache
from xent._engine.cpu import warmup
from xent.functions import log_sigmoid, log_softmax, logsumexp, sigmoid, softmax
from xent.losses import binary_cross_entropy, cross_entropy, linear_cross_entropy
from xent.metrics import log_loss
from xent.threads import get_num_threads, set_num_threads

if TYPE_CHECKING:
    from xent import check
    from xent.explanation import explain
    from xent.scoring import score
    from xent.scoring.comparing import compare

__version__ = "0.1.0"

__all__ = [
    "binary_cross_entropy",
    "check",
    "compare",
    "cross_entropy",
    "empty_cache",
    "explain",
    "get_num_threads",
    "linear_cross_entropy",
    "log_loss",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "score",
    "set_num_threads",
    "sigmoid",
    "softmax",
    "warmup",
]


def __getattr__(name: str) -> Any:
    """Load the verbs when they are first asked for: `import xent` stays fast."""
    if name == "check":
        return _import_module("xent.check")
    if name == "explain":
        return _import_module("xent.explanation").explain
    if name == "score":
        return _import_module("xent.scoring").score
    if name == "compare":
        return _import_module("xent.scoring.comparing").compare
    message = f"module 'xent' has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted({*globals(), "check", "compare", "explain", "score"})
