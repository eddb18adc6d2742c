"""`check`: is this gradient right, this loss, this batch, this training run; and if not, why."""

from typing import TYPE_CHECKING, Any

from xent._report import Finding
from xent.check._batch import diagnose
from xent.check._batch.report import BatchReport

# The packages have underscores because importing a package `gradient` or `audit` would set the
# attribute of that name on `xent.check`, in place of the function.
from xent.check._gradient import gradient
from xent.check._gradient.report import GradientError, GradientReport
from xent.check._watch import watch
from xent.check._watch.report import TrainingReport
from xent.check._watch.watching import Watch
from xent.check.report import CheckError

if TYPE_CHECKING:
    from xent.check._audit import ScoreCard, audit

__all__ = [
    "BatchReport",
    "CheckError",
    "Finding",
    "GradientError",
    "GradientReport",
    "ScoreCard",
    "TrainingReport",
    "Watch",
    "audit",
    "diagnose",
    "gradient",
    "watch",
]


def __getattr__(name: str) -> Any:
    """Import the audit on first use: it needs mpmath, the other checks do not."""
    if name in ("ScoreCard", "audit"):
        from xent.check import _audit

        return getattr(_audit, name)
    message = f"module 'xent.check' has no attribute {name!r}"
    raise AttributeError(message)
