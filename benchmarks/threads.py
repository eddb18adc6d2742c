"""From which size threads pay: each kernel on one thread and on all, taken in turns.

Between the calls the caller does something else, as in a training loop, and the pool's threads fall
asleep: waking them costs more than in a row of calls. `THREADS_FROM` of a kernel is about the first
size at which all threads are faster by a tenth.

    python benchmarks/threads.py
"""

from __future__ import annotations

import statistics
import time

import numpy as np

import xent
from xent._engine.cpu import launch

SIZES = [1 << power for power in range(14, 22)]
ROUNDS = 60
PAUSE = 3e-4
"""Seconds between calls, in which the caller computes."""
THREADS = xent.get_num_threads()


def kernels(size: int, dtype: str) -> dict[str, tuple[launch.Plan, int]]:
    """A plan of each kind for so many logits, and its rows."""
    stored = launch.STORED_AS[dtype]
    return {
        "few classes": (launch.label_plan(stored, 10), size // 10),
        "many classes": (launch.label_plan(stored, 1000), size // 1000),
        "binary": (launch.binary_plan(stored, stored), size),
        "general": (launch.general_plan(stored, 1000), size // 1000),
    }


def gain(plan: launch.Plan, rows: int, size: int, dtype: str) -> float:
    """How many times faster loss and gradient are on all threads than on one."""
    rng = np.random.default_rng(size)
    logits = rng.normal(size=size).astype(dtype)
    grad = np.empty_like(logits)
    labels = np.zeros(rows, np.int64)
    targets = (logits > 0).astype(dtype) if plan.record["one"][0] else labels
    taken: dict[int, list[float]] = {1: [], THREADS: []}
    free = plan._replace(threads_from=0)
    for _ in range(ROUNDS):
        for count, times in taken.items():
            xent.set_num_threads(count)
            end = time.perf_counter() + PAUSE
            while time.perf_counter() < end:
                pass
            start = time.perf_counter()
            launch.execute(
                free, logits.ctypes.data, targets.ctypes.data, grad.ctypes.data, 0, 0, rows
            )
            times.append(time.perf_counter() - start)
    xent.set_num_threads(None)
    return statistics.median(taken[1]) / statistics.median(taken[THREADS])


def main() -> None:
    """Print the gains."""
    print(f"{THREADS} threads ÷ one, by elements\n")
    print(f"{'':24}", *(f"{size:>9,}" for size in SIZES))
    for dtype in ("float32", "float64"):
        for name in kernels(SIZES[-1], dtype):
            gains = [gain(*kernels(size, dtype)[name], size, dtype) for size in SIZES]
            print(f"{name + ', ' + dtype:24}", *(f"{each:9.2f}" for each in gains))


if __name__ == "__main__":
    main()
