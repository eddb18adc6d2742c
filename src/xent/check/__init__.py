"""`check`: is this gradient right, is this loss right, is this batch right; and if not, why."""

from typing import TYPE_CHECKING, Any

from xent._report import Finding
from xent.check.batch import diagnose
from xent.check.batch.report import BatchReport
from xent.check.gradients import gradient
from xent.check.report import GradientError, GradientReport

if TYPE_CHECKING:
    from xent.check.auditing import ScoreCard, audit

__all__ = [
    "BatchReport",
    "Finding",
    "GradientError",
    "GradientReport",
    "ScoreCard",
    "audit",
    "diagnose",
    "gradient",
]


def __getattr__(name: str) -> Any:
    """Load the audit when it is asked for: it needs mpmath, the gradient check does not."""
    if name in ("ScoreCard", "audit"):
        from xent.check import auditing

        return getattr(auditing, name)
    message = f"module 'xent.check' has no attribute {name!r}"
    raise AttributeError(message)
