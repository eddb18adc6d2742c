"""Ray: plain tasks score pieces, and others merge what they found, eight at a time.

Nothing is shuffled: a task returns what is found, some megabytes at most, and the cluster keeps
that until it is merged. A task whose worker dies is started again.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from typing import Any

from xent.scoring.errors import FileError
from xent.scoring.job import Job, Piece, Told, pieces_of
from xent.scoring.losses_file import LossesFile
from xent.scoring.sources import Source
from xent.scoring.tally import Tallies

FAN = 8
"""Results that a task merges."""
WINDOW = 1000
"""Tasks that are asked for at once: enough for a cluster, and few enough to stop soon."""
MEMORY = 1 << 28
"""Bytes of memory for results, of a cluster that is started here."""


def run(
    job: Job, source: Source, workers: int, progress: Told | None, file: LossesFile | None
) -> Tallies:
    """What is found in the rows of a source."""
    if source.in_memory or source.truth is not None or file is not None:
        what = "a table in memory" if source.in_memory else "a join" if source.truth else "losses"
        msg = f"engine is 'ray', which scores files; {what} needs engine 'local'."
        raise ValueError(msg)
    ray = _imported()
    with _cluster(ray, workers):
        try:
            cores = int(ray.cluster_resources().get("CPU", workers))
            pieces = pieces_of(job, source, max(2, cores))
            return _Tasks(ray, job, source, pieces).result(progress)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[0]
            raise FileError(source.name, f"could not be scored by Ray: {reason}") from None


def _imported() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anyone
    os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")  # they are raised by xent
    if "ray" not in sys.modules and not os.environ.get("RAY_ADDRESS"):
        # Ray listens on all networks of this machine. Without the token nobody else gets in.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    try:
        import ray
    except ModuleNotFoundError as error:
        how = "pip install ray, or xent with its extra ray"
        msg = f"engine 'ray' needs ray: {how}"
        raise ModuleNotFoundError(msg, name=error.name) from None
    return ray


@contextmanager
def _cluster(ray: Any, workers: int) -> Iterator[None]:
    """The cluster that this process is connected to, that of RAY_ADDRESS, or one made here."""
    if ray.is_initialized():
        yield
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address := os.environ.get("RAY_ADDRESS"):
        ray.init(address=address, **quiet)
    else:
        ray.init(
            address="local", num_cpus=workers, include_dashboard=False,
            object_store_memory=MEMORY, **quiet,
        )  # fmt: skip
    try:
        yield
    finally:
        ray.shutdown()


def _scored(job: Job, piece: Piece) -> tuple[int | FileError, Tallies | None]:
    """How many rows a piece has, and what is in them; or why that is not known."""
    try:
        reader = piece.open()
        job.check(reader, piece.name)
        found = job.tallies(piece, reader)
    except FileError as error:
        return error, None
    return found.seen, found


def _merged(*several: Tallies) -> Tallies:
    return reduce(Tallies.merge, several)


class _Tasks:
    """The tasks for a source: at most so many at once, and none beyond the first row at fault."""

    def __init__(self, ray: Any, job: Job, source: Source, pieces: list[Piece]) -> None:
        self.ray, self.job, self.source, self.pieces = ray, job, source, pieces
        self.score = ray.remote(_scored).options(num_returns=2)
        self.merge = ray.remote(_merged)
        self.missing = Counter(piece.part for piece in pieces)
        """How many pieces of each part are not done."""
        self.held: dict[int, list[Any]] = defaultdict(list)
        """What is found in the pieces of parts of which not all are done."""
        self.results: list[Any] = []
        """What is found in whole parts, and not merged yet."""
        self.errors: dict[int, tuple[int, FileError]] = {}
        """The first error of each part that cannot be read, and the number of its piece."""

    def result(self, progress: Told | None) -> Tallies:
        """What is found in all pieces."""
        shared = self.ray.put(self.job)
        waiting: dict[Any, tuple[int, Any]] = {}
        coming, rows = enumerate(self.pieces), 0
        end = len(self.pieces)  # the first piece at fault, after which nothing counts
        for done in range(len(self.pieces)):
            while len(waiting) < WINDOW and (each := next(coming, None)):
                if each[0] < end:
                    told, found = self.score.remote(shared, each[1])
                    waiting[told] = (each[0], found)
            if not waiting:
                break
            (told,), _ = self.ray.wait(list(waiting), num_returns=1)
            number, found = waiting.pop(told)
            size = self.ray.get(told)
            self._add(number, found, size)
            if isinstance(size, int):
                rows += size
            elif not self.source.skips:
                end = min(end, number)
                for other, (place, _) in [*waiting.items()]:
                    if place > end:
                        self.ray.cancel(other)
                        del waiting[other]
            if progress is not None:
                progress(rows, (done + 1) / len(self.pieces))
        self._note_errors()
        while len(self.results) > 1:
            self._merge_some()
        return self.ray.get(self.results[0]) if self.results else self.job.nothing()

    def _add(self, number: int, found: Any, size: int | FileError) -> None:
        """Keep what is found in a piece; merge what is found in whole parts."""
        part = self.pieces[number].part
        self.missing[part] -= 1
        self.held[part].append(found)
        if isinstance(size, FileError):
            self.errors[part] = min(self.errors.get(part, (number, size)), (number, size), key=_at)
        if not self.missing[part]:
            several = self.held.pop(part)
            self.results += [] if part in self.errors else several
            while len(self.results) >= FAN:
                self._merge_some()

    def _merge_some(self) -> None:
        some, self.results = self.results[:FAN], self.results[FAN:]
        self.results.append(self.merge.remote(*some))

    def _note_errors(self) -> None:
        """Fail for the first error, or note what is left out."""
        for number, error in sorted(self.errors.values(), key=_at):
            if not self.source.skips:
                raise error
            self.source.skipped[self.pieces[number].name] = error


def _at(error: tuple[int, FileError]) -> int:
    return error[0]
