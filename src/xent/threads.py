"""The threads that kernels run on: how many, and how work is handed to them.

A kernel releases the GIL and works on a range; ranges are cut the same for any number of threads,
and their sums are added in a fixed order, so results do not depend on it. The calling thread works
too. Helpers that are busy with another call are not waited for. A forked child, which inherits no
threads, starts its own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue

_chosen: int | None = None
_queue: SimpleQueue[_Job] | None = None
_helpers = 0
_lock = threading.Lock()


def set_num_threads(count: int | None) -> None:
    """Choose on how many threads a call may run.

    Parameters
    ----------
    count : int >= 1, or None
        Threads of a call, the calling one included. None: the environment variable
        XENT_NUM_THREADS, or else the processors this process may run on.

    Returns
    -------
    None
        It holds for all later calls of this process, from any thread.

    Raises
    ------
    TypeError, ValueError
        If `count` is neither None nor an integer of at least 1.

    Notes
    -----
    Results are the same bits for any number. Small arrays are computed on the calling thread.

    Examples
    --------
    >>> import xent
    >>> xent.set_num_threads(1)
    >>> xent.get_num_threads()
    1
    >>> xent.set_num_threads(None)
    """
    global _chosen
    if count is not None:
        if isinstance(count, bool) or not hasattr(count, "__index__"):
            msg = f"count is {count!r}; expected an integer of at least 1, or None."
            raise TypeError(msg)
        count = count.__index__()
        if count < 1:
            msg = f"count is {count}; expected at least 1, the calling thread."
            raise ValueError(msg)
    _chosen = count


def get_num_threads() -> int:
    """Return on how many threads a call may run.

    Returns
    -------
    int
        The number chosen by `set_num_threads`, or by the environment variable XENT_NUM_THREADS,
        or the processors that this process may run on.

    Raises
    ------
    ValueError
        If XENT_NUM_THREADS is set to something else than a whole number of at least 1.

    Examples
    --------
    >>> import xent
    >>> xent.get_num_threads() >= 1
    True
    """
    if _chosen is not None:
        return _chosen
    wanted = os.environ.get("XENT_NUM_THREADS", "").strip()
    if wanted:
        if not wanted.isdecimal() or int(wanted) < 1:
            msg = f"XENT_NUM_THREADS is {wanted!r}; expected a whole number of at least 1."
            raise ValueError(msg)
        return int(wanted)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Job:
    """Tasks that several threads take one by one, until none is left."""

    def __init__(self, tasks: Sequence[Callable[[], object]]) -> None:
        self._tasks: Iterator[Callable[[], object]] = iter(tasks)
        self._lock = threading.Lock()
        self._working = 0
        self._closed = False
        self._idle = threading.Event()
        self._error: BaseException | None = None

    def work(self) -> None:
        """Do tasks while there are any; after an error, none."""
        try:
            for task in self._tasks:  # taking the next one is atomic
                if self._error is not None:
                    return
                task()
        except BaseException as error:
            self._error = error

    def help(self) -> None:
        """Work as a helper, unless the job is over."""
        with self._lock:
            if self._closed:
                return
            self._working += 1
        self.work()
        self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._working -= 1
            if self._closed and not self._working:
                self._idle.set()

    def finish(self) -> None:
        """Wait for the helpers at work; raise the first error."""
        with self._lock:
            self._closed = True
            busy = self._working > 0
        if busy:
            self._idle.wait()
        if self._error is not None:
            raise self._error


def run(tasks: Sequence[Callable[[], object]]) -> None:
    """Do all tasks, on this thread and its helpers; raise the first error."""
    helpers = min(get_num_threads(), len(tasks)) - 1
    if helpers < 1:
        for task in tasks:
            task()
        return
    job = _Job(tasks)
    queue = _ready(helpers)
    for _ in range(helpers):
        queue.put(job)
    job.work()
    job.finish()


def _ready(helpers: int) -> SimpleQueue[_Job]:
    """Return the helpers' queue, with at least so many of them."""
    global _queue, _helpers
    with _lock:
        if _queue is None:
            _queue = SimpleQueue()
        for _ in range(helpers - _helpers):
            threading.Thread(target=_help, args=(_queue,), name="xent", daemon=True).start()
            _helpers += 1
        return _queue


def _help(queue: SimpleQueue[_Job]) -> None:
    while True:
        queue.get().help()


def _forget() -> None:
    """Start anew in a forked child: the parent's helpers are not there, its locks may be held."""
    global _queue, _helpers, _lock
    _queue, _helpers, _lock = None, 0, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
