"""The thread pool: the same bits with any threads, forks or concurrent calls; its settings."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time

import numpy as np
import pytest
from commands import HANGS
from helpers import printed

import xent
from xent import threads

RNG = np.random.default_rng(11)
SHAPES = [(40_000, 3), (20_000, 10), (9_000, 13), (700, 300), (40, 20_000)]
DTYPES = [np.float32, np.float64]


def forks(function):
    """Mark a test that forks; Python and JAX warn about that."""
    for warning in ("This process:DeprecationWarning", "os.fork:RuntimeWarning"):
        function = pytest.mark.filterwarnings(f"ignore:.*{warning}")(function)
    return function


@pytest.fixture(autouse=True)
def reset_num_threads():
    yield
    threads.set_num_threads(None)


def case(shape, dtype):
    logits = (RNG.normal(size=shape) * 3).astype(dtype)
    return logits, RNG.integers(shape[1], size=shape[0])


def results(logits, labels):
    """Return losses and gradients from every kind of kernel, as bytes."""
    losses, grad = xent.cross_entropy(logits, labels, reduction="none", return_grad=True)
    mean = xent.cross_entropy(logits, labels)
    smooth = xent.cross_entropy(logits, labels, label_smoothing=0.1)
    binary, binary_grad = xent.binary_cross_entropy(logits, logits > 0, return_grad=True)
    outputs = (losses, grad, mean, smooth, binary, binary_grad, xent.softmax(logits))
    return [a.tobytes() for a in outputs]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_bits_do_not_depend_on_the_number_of_threads(shape, dtype):
    logits, labels = case(shape, dtype)
    threads.set_num_threads(1)
    alone = results(logits, labels)
    for count in (2, 3, 7):
        threads.set_num_threads(count)
        assert results(logits, labels) == alone


def test_four_threads_call_a_thousand_times_each():
    cases = [case((600, 40), np.float32), case((2_000, 10), np.float64)]
    expected = [
        xent.cross_entropy(logits, labels, return_grad=True)[1].tobytes()
        for logits, labels in cases
    ]
    wrong = []

    def work(which):
        logits, labels = cases[which % 2]
        for _ in range(1000):
            grad = xent.cross_entropy(logits, labels, return_grad=True)[1]
            if grad.tobytes() != expected[which % 2]:
                wrong.append(which)

    callers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


def child(logits, labels, expected, answers):
    same = [xent.cross_entropy(logits, labels).tobytes() == expected for _ in range(20)]
    answers.put(all(same))


@forks
def test_a_fork_in_the_middle_of_calls():
    logits, labels = case((5_000, 50), np.float32)
    expected = xent.cross_entropy(logits, labels).tobytes()
    stop = threading.Event()
    wrong = []

    def work():
        while not stop.is_set():
            if xent.cross_entropy(logits, labels).tobytes() != expected:
                wrong.append(1)

    callers = [threading.Thread(target=work) for _ in range(3)]
    for caller in callers:
        caller.start()
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    try:
        for _ in range(5):
            process = context.Process(target=child, args=(logits, labels, expected, answers))
            process.start()
            process.join(HANGS)
            assert process.exitcode == 0
            assert answers.get()
    finally:
        stop.set()
        for caller in callers:
            caller.join()
    assert not wrong


@forks
def test_in_the_workers_of_a_torch_data_loader():
    import torch

    logits, labels = case((4_000, 20), np.float32)
    expected = float(xent.cross_entropy(logits, labels))  # the parent's pool has started

    class Rows(torch.utils.data.Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, _):
            return float(xent.cross_entropy(logits, labels))

    loader = torch.utils.data.DataLoader(Rows(), num_workers=2, multiprocessing_context="fork")
    assert [float(batch) for batch in loader] == [expected] * 4


# The pool itself.


def test_all_tasks_are_done_once():
    threads.set_num_threads(3)
    done = []
    threads.run([lambda i=i: done.append(i) for i in range(200)])
    assert sorted(done) == list(range(200))


def test_the_first_error_is_raised_and_the_pool_still_works():
    threads.set_num_threads(2)

    def fail():
        raise KeyError("this one")

    for _ in range(3):
        with pytest.raises(KeyError, match="this one"):
            threads.run([lambda: time.sleep(0.001), fail, lambda: None])
    done = []
    threads.run([lambda: done.append(1), lambda: done.append(2)])
    assert sorted(done) == [1, 2]


def test_pool_threads_take_part():
    threads.set_num_threads(2)
    both = threading.Barrier(2, timeout=HANGS)
    threads.run([both.wait, both.wait])  # each waits for the other


def test_one_thread_starts_no_pool():
    code = """if True:
        import threading, numpy as np, xent
        xent.set_num_threads(1)
        xent.cross_entropy(np.zeros((20000, 10), np.float32), np.zeros(20000, int))
        print(sum(t.name == "xent" for t in threading.enumerate()))"""
    assert printed(code) == "0"


# The number of threads.


def test_the_number_that_was_set():
    xent.set_num_threads(5)
    assert xent.get_num_threads() == 5
    xent.set_num_threads(np.int64(2))
    assert xent.get_num_threads() == 2
    xent.set_num_threads(None)
    assert xent.get_num_threads() == len(os.sched_getaffinity(0))


def test_the_environment_sets_the_number():
    code = "import xent; print(xent.get_num_threads())"
    assert printed(code, XENT_NUM_THREADS="3") == "3"


def test_the_default_is_the_affinity_of_the_process():
    cpu = min(os.sched_getaffinity(0))
    code = f"import os, xent; os.sched_setaffinity(0, [{cpu}]); print(xent.get_num_threads())"
    assert printed(code, XENT_NUM_THREADS="") == "1"


@pytest.mark.parametrize("value", ["0", "two", "-1", "1.5"])
def test_an_invalid_environment_variable_is_an_error(monkeypatch, value):
    monkeypatch.setenv("XENT_NUM_THREADS", value)
    with pytest.raises(ValueError, match="XENT_NUM_THREADS") as caught:
        xent.get_num_threads()
    assert str(caught.value) == (
        f"XENT_NUM_THREADS is {value!r}; expected a whole number of at least 1."
    )


def test_invalid_numbers_are_errors():
    with pytest.raises(ValueError, match="count is 0; expected at least 1, the calling thread"):
        xent.set_num_threads(0)
    for bad in ("2", 2.0, True):
        with pytest.raises(TypeError) as caught:
            xent.set_num_threads(bad)
        assert str(caught.value) == f"count is {bad!r}; expected an integer of at least 1, or None."
