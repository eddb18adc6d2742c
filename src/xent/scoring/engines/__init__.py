"""Where rows are scored: in threads of this process, or by the processes of a cluster.

An engine is a module with a function `run`, and a line in `ENGINES`. It scores the pieces of a
source, in any order, and merges what is found in them: sums are exact, so the bits are the same.
"""

from __future__ import annotations

from typing import Protocol

from xent.scoring.engines import local, ray
from xent.scoring.job import Job, Told
from xent.scoring.losses_file import LossesFile
from xent.scoring.sources import Source
from xent.scoring.tally import Tallies


class Engine(Protocol):
    """Scores all rows of a source."""

    def __call__(
        self,
        job: Job,
        source: Source,
        workers: int,
        progress: Told | None,
        file: LossesFile | None,
    ) -> Tallies:
        """What is found in the rows; parts that cannot be read are noted in the source, or fail.

        The error is that of the first row at fault, whoever finds it first. Losses are written to
        the file, if there is one.
        """
        raise NotImplementedError


ENGINES: dict[str, Engine] = {"local": local.run, "ray": ray.run}
