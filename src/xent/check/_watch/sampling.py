"""Which steps of a run are sampled."""

from __future__ import annotations

from dataclasses import dataclass

from xent._format import counted

FIRST = 10
"""So many steps at the beginning are all sampled: mistakes show first there."""

EVERY = 20
"""After those, one step in so many. A sampled step of a small model takes about twice its time."""


@dataclass(frozen=True)
class Schedule:
    """The first steps, then one in `every`: known beforehand, and the same on every machine."""

    every: int = EVERY

    def __contains__(self, step: int) -> bool:
        return step < FIRST or step % self.every == 0

    def told(self, steps: int) -> str:
        """Which of so many steps were sampled, in words."""
        if self.every == 1 or steps <= FIRST:
            return f"all {counted(steps, 'step')}"
        number = sum(step in self for step in range(steps))
        return f"steps 0 to {FIRST - 1} and every {self.every}th step: {number} of {steps}"
