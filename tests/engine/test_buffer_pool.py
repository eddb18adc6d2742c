"""Memory of results that nobody holds any more goes to the next ones."""

from __future__ import annotations

import gc

import ml_dtypes
import numpy as np
import pytest

import xent
from xent._engine import buffer_pool
from xent._engine.cpu import pool

DTYPES = [np.float16, ml_dtypes.bfloat16, np.float32, np.float64]
Y = np.zeros(3000, int)


@pytest.fixture(autouse=True)
def empty_pool():
    gc.collect()
    xent.empty_cache()


def place(array):
    return array.__array_interface__["data"][0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_memory_comes_back_with_the_last_view(dtype):
    first = buffer_pool.empty((1 << 20, 3), dtype)
    assert first.shape == (1 << 20, 3)
    assert first.dtype == dtype
    assert first.flags.c_contiguous
    assert first.flags.writeable
    where, part = place(first.view(np.uint8)), first[5:, 1]
    del first
    assert place(buffer_pool.empty((1 << 20, 3), dtype).view(np.uint8)) != where
    del part
    assert place(buffer_pool.empty((1 << 20, 3), dtype).view(np.uint8)) == where


@pytest.mark.parametrize(
    "result",
    [
        lambda z: xent.cross_entropy(z, Y, return_grad=True)[1],
        lambda z: xent.binary_cross_entropy(z, z > 0, return_grad=True)[1],
        lambda z: xent.binary_cross_entropy(z, z > 0, reduction="none"),
        lambda z: xent.linear_cross_entropy(z, np.eye(200), Y, return_grad=True)[1][0],
        xent.softmax,
        xent.sigmoid,
    ],
)
def test_results_of_a_loop_use_the_same_memory(result):
    z = np.zeros((3000, 200))
    places = set()
    for _ in range(4):
        array = result(z)
        places.add(place(array))
        del array
    assert len(places) <= 2  # where one buffer was for something else in between


def test_results_that_are_held_stay_as_they_are():
    z = np.zeros((3000, 200))
    held = [xent.cross_entropy(z + n, (Y + n) % 200, return_grad=True)[1] for n in range(6)]
    for n, grad in enumerate(held):
        assert (grad.argmin(axis=1) == n).all()
    assert len({place(grad) for grad in held}) == 6


def test_small_results_are_not_pooled():
    small = buffer_pool.empty((buffer_pool.MIN_BYTES // 8 - 1,), np.float64)
    assert small.base is None
    del small
    assert not buffer_pool._free


def test_out_is_filled_and_not_replaced():
    z, out = np.zeros((3000, 200)), np.ones((3000, 200))
    _, grad = xent.cross_entropy(z, Y, return_grad=True, out=out)
    assert grad is out
    assert not buffer_pool._free


def kept_scratch() -> int:
    """How many pieces of scratch memory the kernels keep."""
    slots = pool.SCRATCH // 8
    return int(np.count_nonzero(pool.current.memory[slots : slots + pool.SLOTS]))


def test_scratch_memory_is_kept_within_limits():
    for classes in (100, 700, 1000):
        xent.cross_entropy(np.zeros((200, classes)), Y[:200])
    assert 0 < kept_scratch() <= xent.get_num_threads()
    xent.empty_cache()
    assert kept_scratch() == 0
    xent.softmax(np.zeros((2, 1 << 18)))  # its scratch takes eight MiB
    assert kept_scratch() == 0
