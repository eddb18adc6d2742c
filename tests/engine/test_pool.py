"""The pool of compiled threads: with and without semaphores, busy, woken for nothing, in need."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from helpers import printed

import xent
from xent._engine.cpu import launch, pool

RNG = np.random.default_rng(5)
LOGITS = (RNG.normal(size=(3000, 200)) * 3).astype(np.float32)
LABELS = RNG.integers(200, size=3000)


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    monkeypatch.setattr(pool.threads, "_parallel", 0)  # shared, if another test has loaded PyTorch
    xent.set_num_threads(2)
    yield
    xent.set_num_threads(None)


def result() -> tuple[float, bytes]:
    loss, grad = xent.cross_entropy(LOGITS, LABELS, return_grad=True)
    return float(loss), grad.tobytes()


def word(place: int) -> int:
    return int(pool.current.memory[place // 8])


def test_without_semaphores_pythons_threads_do_the_same(monkeypatch):
    expected, calls = result(), []
    original = pool.threads.run
    monkeypatch.setattr(pool.current, "has_semaphores", False)
    monkeypatch.setattr(pool.threads, "run", lambda tasks: calls.append(tasks) or original(tasks))
    assert result() == expected
    assert [len(tasks) for tasks in calls] == [2]


def test_a_caller_who_finds_the_pool_busy_works_alone():
    expected = result()
    pool.current.memory[pool.BUSY // 8] = 1
    try:
        assert result() == expected
    finally:
        pool.current.memory[pool.BUSY // 8] = 0
    assert result() == expected


def test_threads_that_wake_for_nothing_sleep_on():
    expected = result()
    library = ctypes.CDLL(None)
    for _ in range(50):
        for _ in range(7):
            library.sem_post(ctypes.c_void_p(pool.current.address + pool.WORK))
        assert result() == expected
    assert word(pool.STATE) == pool.CLOSED
    assert word(pool.BUSY) == 0


def test_no_memory_for_scratch_is_an_error():
    plan = launch.label_plan(np.dtype(np.float32), 200)
    plan = launch.with_fields(plan, scratch=1 << 60)
    where = LOGITS.ctypes.data, LABELS.ctypes.data, 0, 0, 0, len(LOGITS)
    with pytest.raises(MemoryError) as caught:
        launch.execute(plan, *where)
    assert str(caught.value) == "no memory for the kernels' sums and scratch."
    assert word(pool.BUSY) == 0
    result()


def test_a_small_job_wakes_nobody():
    code = """if True:
        import threading, numpy as np, xent
        xent.set_num_threads(4)
        xent.cross_entropy(np.zeros((2000, 10), np.float32), np.zeros(2000, int))
        print(sum(t.name == "xent" for t in threading.enumerate()), end=" ")
        xent.cross_entropy(np.zeros((90000, 10), np.float32), np.zeros(90000, int))
        print(sum(t.name == "xent" for t in threading.enumerate()))"""
    assert printed(code) == "0 3"


@pytest.mark.parametrize("classes", [5, 200])
@pytest.mark.parametrize("place", ["fresh", "in place"])
def test_rows_for_the_general_kernel_in_the_first_call_of_a_process(classes, place):
    """It is compiled then, and the job done again; in place it is compiled before."""
    code = f"""if True:
        import numpy as np, xent
        from xent._engine.cpu import numpy_only
        rng = np.random.default_rng(0)
        z, y = rng.normal(size=(9000, {classes})), rng.integers({classes}, size=9000)
        z[8000, 1], z[8500, 2], z[10] = np.nan, -np.inf, rng.normal(size={classes}) * 1e5
        with numpy_only():
            expected = xent.cross_entropy(z, y, reduction="none", return_grad=True)
        out = z if {place == "in place"} else np.empty_like(z)
        found = xent.cross_entropy(z, y, reduction="none", return_grad=True, out=out)
        for a, b in zip(found, expected):
            np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-300)
        print("same")"""
    assert printed(code) == "same"
