"""Run a job on threads that wait inside compiled code: waking them takes microseconds, and no GIL.

Where a library that is loaded shares its OpenMP threads, these do the work (`threads.py`). Of
xent's own, one job at a time has the pool; a second caller does its own job alone. The caller works
too. When no chunk is left it closes the job, and waits only for the threads that are at work on it
by then; those that wake later find it closed. Chunks depend on the shape alone and their sums are
added in order, so results do not depend on the threads.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from functools import cache, partial
from typing import Any

import numpy as np

from xent import threads
from xent._engine import buffer_pool
from xent._engine.cpu.decorators import block_kernel, inner, kernel
from xent._engine.cpu.elementary import two_sum
from xent._engine.cpu.job import JOB as JOB_TYPE
from xent._engine.cpu.job import NEXT, OUT_OF_MEMORY, WRONG, job_at
from xent._engine.cpu.memory import (
    atomic_add,
    atomic_load,
    atomic_or,
    atomic_replace,
    atomic_store,
    atomic_swap,
    call,
    free,
    malloc,
    sched_yield,
    sem_post,
    sem_trywait,
    sem_wait,
    view,
)
from xent._engine.cpu.sums import copy

CHUNK = 1 << 15
"""Elements of a chunk, about: the least that a thread takes, with a sum of its own.

Chunks depend on the shape alone, so the sums, and their bits, do not depend on the threads.
"""

NONTEMPORAL_FROM = 1 << 22
"""Elements of a gradient that is written past the caches, if it may be."""

MOST_PIECES = 1024
"""Pieces of a job, at most, which threads take one by one; a piece is at least a chunk."""

JOB_BYTES = JOB_TYPE.itemsize

# Places in the pool's memory.
BUSY, JOB, LIMIT, STATE = 0, 8, 16, 24  # STATE: threads at work, and CLOSED
WORK, DONE = 64, 128  # semaphores, of 32 bytes on Linux
SCRATCH, SLOTS = 192, 64  # scratch memory that is kept, one piece for each thread
BYTES = SCRATCH + 8 * SLOTS

CLOSED = 1 << 32
SPINS = 4000
"""Looks at the others' state, some microseconds, before the caller sleeps until they are ready."""
LOOKS = 400
"""Looks for the next job before a thread sleeps: about 100 µs, in which it yields to all others.

Waking a thread that sleeps takes as long, on a virtual machine whose processor was idle.
"""
MAX_SCRATCH = 2 << 20
"""Bytes of scratch memory that are kept for the next job."""


# Scratch memory: its size comes first, then what a kernel uses, from a multiple of 64.


@inner
def take_scratch(pool, slot, size):
    """Return the address of scratch memory, which is 0 if there is none to be had."""
    memory = atomic_swap(pool + SCRATCH + 8 * slot, 0)
    if memory != 0 and view(memory, 1, np.int64)[0] < size:
        free(memory)
        memory = 0
    if memory == 0:
        memory = malloc(size + 128)
        if memory != 0:
            view(memory, 1, np.int64)[0] = size
    return memory


@inner
def keep_scratch(pool, slot, memory):
    """Keep scratch memory for the next job, unless it is large."""
    if view(memory, 1, np.int64)[0] <= MAX_SCRATCH:
        memory = atomic_swap(pool + SCRATCH + 8 * slot, memory)
    if memory != 0:
        free(memory)


# The work of one thread.


@inner
def do_chunk(job_address, job, number, scratch):
    """Compute the rows of a chunk, block by block, and store its sum; return what went wrong, or 0.

    A kernel leaves the sum of a block's losses at the start of its scratch memory.
    """
    total, low = 0.0, 0.0
    first = number * job.chunk
    stop = min(first + job.chunk, job.rows)
    for start in range(first, stop, job.block_rows):
        n = min(job.block_rows, stop - start)
        wrong = call(job.block, job_address, start, n, scratch)
        if wrong != 0:
            return wrong
        total, error = two_sum(total, view(scratch, 1, np.float64)[0])
        # The error of an infinite sum is NaN, and would make the result NaN.
        low += error if np.isfinite(error) else 0.0
    sums = view(job.sums, 2 * job.chunks, np.float64)
    sums[2 * number], sums[2 * number + 1] = total, low
    return 0


@inner
def work_on(pool, slot, job_address):
    """Take chunks of a job until none is left, or a target was wrong."""
    job = job_at(job_address)
    memory = take_scratch(pool, slot, job.scratch)
    if memory == 0:
        atomic_store(job_address + WRONG, OUT_OF_MEMORY)
        return
    scratch = (memory + 127) & ~63
    while True:
        first = atomic_add(job_address + NEXT, job.piece)
        if first >= job.chunks or atomic_load(job_address + WRONG) != 0:
            break
        for number in range(first, min(first + job.piece, job.chunks)):
            wrong = do_chunk(job_address, job, number, scratch)
            if wrong != 0:
                atomic_store(job_address + WRONG, wrong)
                break
    keep_scratch(pool, slot, memory)


@inner
def wait_for_work(pool):
    """Wait until there is a job for one more thread; a signal may end that early."""
    for _ in range(LOOKS):
        if sem_trywait(pool + WORK) == 0:
            return True
        sched_yield()
    return sem_wait(pool + WORK) == 0


@kernel
def serve(pool, slot):
    """Wait for jobs, and work on each that is open, as long as the process lives.

    Without a pool, return.
    """
    while pool != 0:
        if wait_for_work(pool) and join(pool):
            work_on(pool, slot, atomic_load(pool + JOB))
            if atomic_add(pool + STATE, -1) == CLOSED + 1:  # the last, and the caller waits
                sem_post(pool + DONE)


@inner
def join(pool):
    """Count this thread among those at work, if the job is open and may have one more."""
    state = atomic_load(pool + STATE)
    while state < atomic_load(pool + LIMIT):  # CLOSED is larger
        if atomic_replace(pool + STATE, state, state + 1):
            return True
        state = atomic_load(pool + STATE)
    return False


# The caller.


@inner
def cut(job):
    """Cut the rows into chunks: whole blocks if one has several, and not few if rows are many."""
    chunk = max(1, CHUNK // max(1, job.classes), min(8, job.rows // 32))
    if chunk >= job.block_rows:
        chunk -= chunk % job.block_rows
    job.chunk = chunk
    job.chunks = (job.rows + chunk - 1) // chunk
    job.piece = (job.chunks + MOST_PIECES - 1) // MOST_PIECES


@inner
def open_job(
    plan, logits, targets, grad, losses, reduced, rows, ignored, nontemporal, c, divisor
):  # fmt: skip
    """Make a job of a plan and what a call adds, and return its address."""
    words = JOB_BYTES // 8
    job_address = malloc(JOB_BYTES)
    if job_address == 0:
        return 0
    copy(view(plan, words, np.int64), view(job_address, words, np.int64))
    job = job_at(job_address)
    job.logits, job.targets, job.grad = logits, targets, grad
    job.losses, job.reduced, job.rows = losses, reduced, rows
    job.ignored, job.c, job.divisor = ignored, c, divisor
    # A small gradient stays in the cache, for whoever reads it next.
    job.nontemporal = nontemporal if rows * job.classes >= NONTEMPORAL_FROM else 0
    cut(job)
    job.sums = malloc(16 * max(job.chunks, 1))
    if job.sums == 0:
        job.wrong = OUT_OF_MEMORY
    elif divisor == 0.0:
        call(job.counter, job_address, 0, rows, job.sums)
        job.divisor = view(job.sums, 1, np.float64)[0]
        if job.divisor > 0.0:
            job.c /= job.divisor
    return job_address


@inner
def close_job(job_address):
    """Return the sum of the losses, what was wrong, and the divisor; free the job.

    The sum or mean is also stored, if that is wanted.
    """
    job = job_at(job_address)
    total, low = 0.0, 0.0
    if job.sums != 0:
        sums = view(job.sums, 2 * job.chunks, np.float64)
        for number in range(job.chunks):
            total, error = two_sum(total, sums[2 * number])
            low += (error if np.isfinite(error) else 0.0) + sums[2 * number + 1]
        free(job.sums)
    total += low
    if job.reduced != 0:
        value = total / job.divisor if job.divisor > 0.0 else total
        if job.double_losses != 0:
            view(job.reduced, 1, np.float64)[0] = value
        else:
            view(job.reduced, 1, np.float32)[0] = value
    wrong, divisor = job.wrong, job.divisor
    free(job_address)
    return total, wrong, divisor


@inner
def work_as_team(pool, others, parallel, member, job_address):
    """Work on a job with threads of OpenMP; without memory to tell them of it, alone."""
    told = malloc(24)
    if told == 0:
        work_on(pool, 0, job_address)
        return
    fields = view(told, 3, np.int64)
    fields[0], fields[1], fields[2] = pool, job_address, 0
    call(parallel, member, told, others + 1, 0)
    free(told)


def team_member(told, _second, _third, _fourth):
    """Work on a job as one thread of OpenMP, which tells it one address."""
    fields = view(told, 3, np.int64)
    work_on(fields[0], atomic_add(told + 16, 1) % SLOTS, fields[1])
    return 0


@cache
def member() -> int:
    """Address of `team_member`."""
    return block_kernel(team_member)


@kernel
def run(
    pool, others, parallel, member, plan, logits, targets, grad, losses, reduced, rows, ignored,
    nontemporal, c, divisor,
):  # fmt: skip
    """Do a job with at most so many other threads; returns what `close_job` does.

    Threads are OpenMP's if there is the address of its function, otherwise the pool's.
    """
    job_address = open_job(
        plan, logits, targets, grad, losses, reduced, rows, ignored, nontemporal, c, divisor
    )
    if job_address == 0:
        return 0.0, OUT_OF_MEMORY, divisor
    if others > 0 and parallel != 0:
        work_as_team(pool, others, parallel, member, job_address)
    elif others < 1 or not atomic_replace(pool + BUSY, 0, 1):
        work_on(pool, 0, job_address)
    else:
        atomic_store(pool + JOB, job_address)
        atomic_store(pool + LIMIT, others)
        atomic_store(pool + STATE, 0)
        for _ in range(others):
            sem_post(pool + WORK)
        work_on(pool, 0, job_address)
        if atomic_or(pool + STATE, CLOSED) != 0:
            for _ in range(SPINS):
                if atomic_load(pool + STATE) == CLOSED:
                    break
            while sem_wait(pool + DONE) != 0:  # a signal may interrupt it
                pass
        atomic_store(pool + BUSY, 0)
    return close_job(job_address)


# The same in steps, for systems whose threads Python has to wake.


@kernel
def begin(
    plan, logits, targets, grad, losses, reduced, rows, ignored, nontemporal, c, divisor
):  # fmt: skip
    """Do what `open_job` does."""
    return open_job(
        plan, logits, targets, grad, losses, reduced, rows, ignored, nontemporal, c, divisor
    )


@kernel
def work(pool, slot, job_address):
    """Do what `work_on` does."""
    work_on(pool, slot, job_address)


@kernel
def finish(job_address):
    """Do what `close_job` does."""
    return close_job(job_address)


# The threads.


class Pool:
    """The memory that compiled code shares, and its threads, which are Python's and never end."""

    def __init__(self) -> None:
        words = np.zeros(BYTES // 8 + 8, np.int64)
        skipped = -words.ctypes.data % 64 // 8  # semaphores on cache lines of their own
        self.memory = words[skipped : skipped + BYTES // 8]
        self.address = self.memory.ctypes.data
        self.memory[STATE // 8] = CLOSED
        self.size = 0
        self.lock = threading.Lock()
        self.has_semaphores = _make_semaphores(self.address + WORK, self.address + DONE)

    def start(self, count: int) -> None:
        """Start threads until there are at least so many."""
        serve(0, 0)  # compiles it, or loads it from disk, on this thread
        with self.lock:
            for slot in range(self.size + 1, count + 1):
                arguments = (self.address, slot % SLOTS)
                threading.Thread(target=serve, args=arguments, name="xent", daemon=True).start()
            self.size = max(self.size, count)


def _make_semaphores(*places: int) -> bool:
    """Make semaphores in this memory; False where the system has none that live in memory."""
    if sys.platform != "linux":
        return False
    library = ctypes.CDLL(None, use_errno=True)
    return all(library.sem_init(ctypes.c_void_p(place), 0, 0) == 0 for place in places)


current = Pool()


def execute(others: int, *call: Any) -> Any:
    """Do a job with at most so many of the pool's threads; `call` is what `begin` takes."""
    pool = current
    if others > pool.size and pool.has_semaphores:
        pool.start(others)
    if pool.has_semaphores:
        return run(pool.address, others, 0, 0, *call)
    job = begin(*call)
    threads.run([partial(work, pool.address, slot, job) for slot in range(others + 1)])
    return finish(job)


@kernel
def release(pool):
    """Free the scratch memory that no thread uses now."""
    for slot in range(SLOTS):
        memory = atomic_swap(pool + SCRATCH + 8 * slot, 0)
        if memory != 0:
            free(memory)


buffer_pool.more_to_free.append(lambda: release(current.address))


def _reset_after_fork() -> None:
    """A forked child has none of the threads, and the pool may have been busy."""
    global current
    current = Pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)
