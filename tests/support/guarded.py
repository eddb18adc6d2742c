"""Losses of random shapes, with arrays that end (or begin) at a page that must not be touched.

tests/engine/test_kernels.py runs this in a process of its own: any access out of bounds ends it.
"""

from __future__ import annotations

import ctypes
import mmap
import sys

import numpy as np

import xent
from xent._engine import cpu

PAGE = mmap.PAGESIZE
LIBC = ctypes.CDLL(None, use_errno=True)
MAPS = []


def guarded(array, *, at_end):
    """Copy an array to memory that has a forbidden page right behind it (or in front of it)."""
    size = max(1, -(-array.nbytes // PAGE)) * PAGE
    memory = mmap.mmap(-1, size + 2 * PAGE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for page in (address, address + PAGE + size):
        if LIBC.mprotect(ctypes.c_void_p(page), PAGE, 0):
            sys.exit("mprotect failed")
    MAPS.append(memory)
    start = PAGE + (size - array.nbytes if at_end else 0)
    copy = np.frombuffer(memory, array.dtype, array.size, start).reshape(array.shape)
    copy[...] = array
    return copy


def check_shape(rng, number):
    """Compare the kernels with NumPy for one random shape and its options."""
    at_end = bool(number % 2)
    dtype = [np.float32, np.float64][number // 2 % 2]
    classes = int(
        rng.choice([1, 2, 3, 5, 8, 9, 10, 13, 16, 31, 32, 33, 63, 64, 65, 127, 200, 1025])
    )
    rows = int(rng.integers(1, 300))
    values = rng.normal(size=(rows, classes)) * 5
    values[rng.random(rows) < 0.1] = -np.inf  # rows for the general kernel
    logits = guarded(values.astype(dtype), at_end=at_end)
    labels = guarded(rng.integers(0, classes, rows), at_end=at_end)
    weight = guarded(rng.random(rows) * (rng.random(rows) < 0.9), at_end=at_end)
    grad = guarded(np.empty((rows, classes), dtype), at_end=at_end)
    options = {} if number % 3 else {"sample_weight": weight}
    loss, _ = xent.cross_entropy(logits, labels, return_grad=True, out=grad, **options)
    targets = guarded((logits > 0).astype(dtype), at_end=at_end)
    binary_grad = guarded(np.empty((rows, classes), dtype), at_end=at_end)
    binary, _ = xent.binary_cross_entropy(logits, targets, return_grad=True, out=binary_grad)
    with cpu.numpy_only():
        expected, expected_grad = xent.cross_entropy(logits, labels, return_grad=True, **options)
        expected_binary, expected_binary_grad = xent.binary_cross_entropy(
            logits, targets, return_grad=True
        )
    tolerance = 1e-13 if dtype is np.float64 else 2e-6
    for got, right in (
        (loss, expected),
        (grad, expected_grad),
        (binary, expected_binary),
        (binary_grad, expected_binary_grad),
    ):
        np.testing.assert_allclose(got, right, rtol=tolerance, atol=tolerance * 1e-3)


def main():
    cpu.SMALLEST = 1
    rng = np.random.default_rng(5)
    count = int(sys.argv[1])
    for number in range(count):
        check_shape(rng, number)
    print(f"{count} shapes")


def crash():
    """Read behind an array, to show that it is fatal."""
    array = guarded(np.zeros(10), at_end=True)
    ctypes.string_at(array.ctypes.data, array.nbytes + 1)


if __name__ == "__main__":
    crash() if sys.argv[1] == "crash" else main()
