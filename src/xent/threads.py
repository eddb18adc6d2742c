"""The threads that kernels run on: how many there are, whose, and how they get their tasks.

A kernel releases the GIL and computes a range. The ranges do not depend on the number of threads,
and their sums are added in a fixed order, so neither do the results. The calling thread works too,
and never waits for pool threads that are still busy with another call. A forked child inherits no
threads and starts its own.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue

_num_threads: int | None = None
_parallel = 0
_openmp_count: Callable[[], int] = int
_queue: SimpleQueue[_Job] | None = None
_pool_size = 0
_lock = threading.Lock()


def set_num_threads(count: int | None) -> None:
    """Set how many threads a call may use.

    Parameters
    ----------
    count : int >= 1, or None
        Threads of a call, including the calling thread. None: the value of the environment
        variable XENT_NUM_THREADS if it is set, otherwise the number of processors that this
        process may run on.

    Returns
    -------
    None
        The setting applies to all later calls of this process, from any thread.

    Raises
    ------
    TypeError, ValueError
        If `count` is neither None nor an integer of at least 1.

    Notes
    -----
    Results are the same, to the bit, for any number of threads. Small arrays are computed on the
    calling thread alone.

    Examples
    --------
    >>> import xent
    >>> xent.set_num_threads(1)
    >>> xent.get_num_threads()
    1
    >>> xent.set_num_threads(None)
    """
    global _num_threads
    if count is not None:
        if isinstance(count, bool) or not hasattr(count, "__index__"):
            msg = f"count is {count!r}; expected an integer of at least 1, or None."
            raise TypeError(msg)
        count = count.__index__()
        if count < 1:
            msg = f"count is {count}; expected at least 1, the calling thread."
            raise ValueError(msg)
    _num_threads = count


def get_num_threads() -> int:
    """Return how many threads a call may use.

    Returns
    -------
    int
        The number set by `set_num_threads`; otherwise the value of the environment variable
        XENT_NUM_THREADS; otherwise the number of processors that this process may run on.

    Raises
    ------
    ValueError
        If XENT_NUM_THREADS is set to anything but a whole number of at least 1.

    Examples
    --------
    >>> import xent
    >>> xent.get_num_threads() >= 1
    True
    """
    if _num_threads is not None:
        return _num_threads
    wanted = os.environ.get("XENT_NUM_THREADS", "").strip()
    if wanted:
        if not wanted.isdecimal() or int(wanted) < 1:
            msg = f"XENT_NUM_THREADS is {wanted!r}; expected a whole number of at least 1."
            raise ValueError(msg)
        return int(wanted)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# OpenMP threads of another library, which does its own work on them. They are awake from that work
# when a loss is due, and threads of xent's own would compete with them for the processors.


def share_openmp(library: str, count: Callable[[], int]) -> None:
    """Let kernels use the OpenMP threads of a shared library; `count` says how many it has.

    Without effect if the library cannot be found, or has no OpenMP of GNU's interface.
    """
    global _parallel, _openmp_count
    try:
        function = ctypes.CDLL(library).GOMP_parallel
    except (OSError, AttributeError):
        return
    _parallel = ctypes.cast(function, ctypes.c_void_p).value or 0
    _openmp_count = count


def team() -> tuple[int, int]:
    """How a call gets its threads, and how many: the address of OpenMP's function, or 0 for xent's.

    OpenMP gives all of its threads or none, because to change their number costs more than it
    saves; and so none where they would be more than a call may use.
    """
    allowed = get_num_threads()
    count = _openmp_count() if _parallel else 0
    return (_parallel, count) if 1 < count <= allowed else (0, allowed)


# The pool of Python's threads.


class _Job:
    """The tasks of one call, which several threads take one by one."""

    def __init__(self, tasks: Sequence[Callable[[], object]]) -> None:
        self._tasks: Iterator[Callable[[], object]] = iter(tasks)
        self._lock = threading.Lock()
        self._joined = 0  # pool threads at work
        self._closed = False
        self._all_left = threading.Event()
        self._error: BaseException | None = None

    def work(self) -> None:
        """Do tasks until none is left, or one has failed."""
        try:
            for task in self._tasks:  # taking the next one is atomic
                if self._error is not None:
                    return
                task()
        except BaseException as error:
            self._error = error

    def join(self) -> None:
        """Work on a pool thread, unless the call is over already."""
        with self._lock:
            if self._closed:
                return
            self._joined += 1
        self.work()
        self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._joined -= 1
            if self._closed and not self._joined:
                self._all_left.set()

    def finish(self) -> None:
        """Wait for the pool threads at work; raise the first error.

        Pool threads that have not joined by now find the job closed.
        """
        with self._lock:
            self._closed = True
            busy = self._joined > 0
        if busy:
            self._all_left.wait()
        if self._error is not None:
            raise self._error


def run(tasks: Sequence[Callable[[], object]]) -> None:
    """Do all tasks, on this thread and the pool's; raise the first error."""
    others = min(get_num_threads(), len(tasks)) - 1
    if others < 1:
        for task in tasks:
            task()
        return
    job = _Job(tasks)
    queue = _queue_with(others)
    for _ in range(others):
        queue.put(job)
    job.work()
    job.finish()


def _queue_with(threads: int) -> SimpleQueue[_Job]:
    """Return the pool's queue, after starting threads until there are at least so many."""
    global _queue, _pool_size
    with _lock:
        if _queue is None:
            _queue = SimpleQueue()
        for _ in range(threads - _pool_size):
            threading.Thread(target=_serve, args=(_queue,), name="xent", daemon=True).start()
            _pool_size += 1
        return _queue


def _serve(queue: SimpleQueue[_Job]) -> None:
    while True:
        queue.get().join()


def _reset_after_fork() -> None:
    """Start anew in a forked child: it has none of the threads, and the lock may be held."""
    global _queue, _pool_size, _lock, _parallel
    _queue, _pool_size, _lock = None, 0, threading.Lock()
    _parallel = 0  # OpenMP would wait for threads that are gone


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)
