"""Engines, which compute losses of plain arrays, and the order in which they are tried.

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
    """What a pass over the logits gives besides the sum of the losses; None if not wanted.

    In a request, True asks for a new array; a NumPy array to fill may be given instead.
    """

    grad: Any = None
    losses: Any = None
    stats: Any = None
    """Log-sum-exp, entropy and likeliest class of each row."""


class Engine(Protocol):
    """The interface of an engine. The class axis is last; sums are of weighted row losses."""

    __name__: str

    def accepts(self, logits: Array) -> bool:
        """Does the engine compute these logits?"""

    def finds_wrong_targets(self) -> bool:
        """Does the pass over the logits find targets that are not a class, or not from 0 to 1?"""

    def cross_entropy(
        self, logits: Array, targets: ClassTargets, options: LossOptions, scale: Any, want: Outputs
    ) -> tuple[Any, Outputs]:
        """The sum of the losses, and what is wanted; the gradient is multiplied by `scale`."""

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
        # Not from sys.modules, where another thread may have imported only half of it.
        engine: Engine = _loaded.get(name) or _loaded.setdefault(name, import_module(name))
        if engine.accepts(logits):
            return engine
    msg = f"no engine computes arrays of type {type(logits).__name__}."
    raise TypeError(msg)
