"""`check`: is this gradient right, is this loss right, is this batch right; and if not, why."""

from xent.check.finding import Finding
from xent.check.gradients import gradient
from xent.check.report import GradientError, GradientReport

__all__ = ["Finding", "GradientError", "GradientReport", "gradient"]
