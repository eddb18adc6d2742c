"""Engines: what computes a loss of plain arrays, and in which order they are tried.

The first engine that accepts the logits takes them. It is imported when an array first needs it, so
that `import xent` loads no framework.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple, Protocol

from xent._options import LossOptions
from xent._targets import BinaryTargets, ClassTargets

Array = Any

ENGINES = ["xent._engine.cpu.engine", "xent._engine.numpy", "xent._engine.array"]
"""Modules that are engines, in the order in which they are tried."""


class Outputs(NamedTuple):
    """What a pass over the logits gives beside the sum of the losses; None if not wanted.

    As a request, True stands for a new array. NumPy's memory to be filled may be given instead.
    """

    grad: Any = None
    losses: Any = None
    stats: Any = None
    """Log-sum-exp, entropy and likeliest class of each row."""


class Engine(Protocol):
    """What an engine offers. The class axis is last; sums are of weighted row losses."""

    __name__: str

    def accepts(self, logits: Array) -> bool:
        """Does the engine compute these logits?"""

    def finds_wrong_targets(self) -> bool:
        """Are targets that are no class, or beyond 0 and 1, found by the pass that reads them?"""

    def cross_entropy(
        self, logits: Array, targets: ClassTargets, options: LossOptions, scale: Any, want: Outputs
    ) -> tuple[Any, Outputs]:
        """The sum of the losses, and what is wanted; the gradient is times `scale`."""

    def binary_cross_entropy(
        self, logits: Array, targets: BinaryTargets, options: LossOptions, scale: Any, want: Outputs
    ) -> tuple[Any, Outputs]:
        """The same for binary logits."""

    def evaluate(self, function: str, logits: Array) -> Array:
        """Softmax, log_softmax, logsumexp, sigmoid or log_sigmoid of the logits."""


_loaded: dict[str, Any] = {}


def engine_for(logits: Array) -> Engine:
    """The first engine that accepts the logits."""
    for name in ENGINES:
        # Not from sys.modules, where it may be half imported, by another thread.
        engine: Engine = _loaded.get(name) or _loaded.setdefault(name, import_module(name))
        if engine.accepts(logits):
            return engine
    msg = f"no engine computes arrays of type {type(logits).__name__}."
    raise TypeError(msg)
