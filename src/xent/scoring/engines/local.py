"""The threads of this process score pieces, which are merged in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from threading import Event, Lock

from xent.scoring.errors import FileError
from xent.scoring.job import Job, Piece, Told, pieces_of
from xent.scoring.losses_file import LossesFile
from xent.scoring.sources import Source
from xent.scoring.tally import Tallies


def run(
    job: Job, source: Source, workers: int, progress: Told | None, file: LossesFile | None
) -> Tallies:
    """What is found in the rows of a source."""
    # Losses are written in the order of the rows. A joined table is read by one thread, and one in
    # memory is maybe read only once.
    alone = file is not None or source.truth is not None or source.in_memory
    pieces = pieces_of(job, source, 1 if alone else workers)
    how_far = _HowFar(progress, len(pieces))
    if alone or workers == 1 or len(pieces) == 1:
        found = _one_by_one(job, source, pieces, how_far, file)
    else:
        found = _in_threads(job, source, pieces, how_far, workers)
    total = job.nothing()
    with closing(found):  # threads stop if this fails
        for part in _whole_parts(source, found):
            total = total.merge(part)
    return total


Found = tuple[Piece, Tallies | FileError]
"""A piece, and what is in it or why that is not known."""


def _one_by_one(
    job: Job, source: Source, pieces: Sequence[Piece], how_far: _HowFar, file: LossesFile | None
) -> Generator[Found]:
    for i, piece in enumerate(pieces):
        told, at_once = how_far.of(i), None if source.skips else file
        try:
            reader = source.open(piece.name, piece.opened)
            job.check(reader, piece.name)
            found = job.tallies(piece, reader, told, at_once)
            if file and source.skips:
                # A part that may be left out is written once it has been read to its end.
                job.tallies(piece, source.open(piece.name, piece.opened), None, file)
            yield piece, found
        except FileError as error:
            yield piece, error


def _in_threads(
    job: Job, source: Source, pieces: Sequence[Piece], how_far: _HowFar, threads: int
) -> Generator[Found]:
    """The pieces in their order; as many are scored at once as there are threads."""
    stopped = Event()

    def scored(number: int, piece: Piece) -> Tallies:
        told = how_far.of(number)

        def tell(rows: int, fraction: float | None) -> None:
            if stopped.is_set():
                raise _StoppedError
            told(rows, fraction)

        reader = piece.open()
        job.check(reader, piece.name)
        return job.tallies(piece, reader, tell)

    waiting: deque[tuple[Piece, Future[Tallies]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for i, piece in enumerate(pieces):
                if len(waiting) > threads:  # a few results wait, not those of thousands of files
                    yield _done(*waiting.popleft())
                if piece.name not in source.skipped:
                    waiting.append((piece, pool.submit(scored, i, piece)))
            while waiting:
                yield _done(*waiting.popleft())
        finally:  # an error, or an interrupt
            stopped.set()
            for _, future in waiting:
                future.cancel()


class _StoppedError(Exception):
    """What ends the threads that are still at work."""


def _done(piece: Piece, future: Future[Tallies]) -> Found:
    try:
        return piece, future.result()
    except FileError as error:
        return piece, error


def _whole_parts(source: Source, found: Iterator[Found]) -> Iterator[Tallies]:
    """What is in each part; one that cannot be read is an error, or noted as left out."""
    held: Tallies | None = None
    last: Piece | None = None
    for piece, result in found:
        if last is not None and piece.part != last.part:
            if held is not None:
                yield held
            held = None
        last = piece
        if piece.name in source.skipped:
            continue
        if isinstance(result, FileError):
            if not source.skips:
                raise result
            source.skipped[piece.name] = result
            held = None
        else:
            held = result if held is None else held.merge(result)
    if held is not None:
        yield held


class _HowFar:
    """Adds up what threads tell of their pieces, for a function that is called by one at a time."""

    def __init__(self, progress: Told | None, pieces: int) -> None:
        self.progress, self.lock = progress, Lock()
        self.rows = [0] * pieces
        self.fractions = [0.0] * pieces

    def of(self, piece: int) -> Told:
        """What a piece tells of itself."""

        def told(rows: int, fraction: float | None) -> None:
            if self.progress is None:
                return
            with self.lock:
                self.rows[piece] = rows
                self.fractions[piece] = fraction or 0.0
                known = None if fraction is None else sum(self.fractions) / len(self.fractions)
                self.progress(sum(self.rows), known)

        return told
