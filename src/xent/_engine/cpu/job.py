"""A job: what a pass over the logits reads, writes and counts, as one record in memory.

Most of it is a plan, made once for a kernel and a number of classes; a call adds its addresses. The
address of the job goes to every thread, and each kernel reads the fields that it needs. Addresses
are 0 for what is not given, or not wanted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xent._engine.cpu.decorators import inner
from xent._engine.cpu.memory import record_at

INTEGERS = (
    # The kernel.
    "block",  # address of the kernel, which computes a block of rows
    "general",  # address of the kernel for rows that this one leaves; 0 until there are such
    "counter",  # address of the kernel that counts rows, if a mean divides by their number
    "read",  # address of what reads a block of binary targets in the dtype to compute in
    "read_exactly",  # and of what reads targets in float64
    "which",  # of several functions
    "exact",  # is every block of binary logits computed in float64?
    "classes",
    "block_rows",  # the most rows of a block
    "scratch",  # bytes of scratch memory that a thread needs
    "general_scratch",  # where the general kernel's begins in it
    # Options, and what only some calls have.
    "probabilities",
    "scale",  # of the targets of each class, in float64; for binary logits, `pos_weight`
    "scale_size",  # how many weights `pos_weight` has
    "shift",  # of the targets of each class, in float64
    "weight",  # of each row, in float64
    "stats",
    "double_losses",  # are losses float64?
    # What every call has.
    "logits",
    "targets",  # class labels as int64, or binary targets
    "grad",
    "losses",  # of rows
    "reduced",  # the sum or mean itself
    "rows",
    "ignored",  # the label of rows that do not count
    "nontemporal",  # may the gradient be written past the caches?
    # What `run` sets.
    "chunk",  # rows of a chunk
    "chunks",
    "piece",  # chunks that a thread takes at a time
    "sums",  # of the chunks
    "next",  # chunk that nobody has taken
    "wrong",  # 0, or why the job could not be done
)
FLOATS = (
    "z_loss",
    "softcap",  # 0 for none
    "one",  # with t a binary target, a = one * t + one_shift
    "one_shift",
    "zero",  # and b = zero * (1 - t) + zero_shift
    "zero_shift",
    "c",  # factor of the gradient
    "divisor",  # what the mean divides by; 0 if that is the number of rows that count
)

JOB = np.dtype([*((name, np.int64) for name in INTEGERS), *((name, np.float64) for name in FLOATS)])
_FIELDS: Any = JOB.fields
NEXT = _FIELDS["next"][1]
WRONG = _FIELDS["wrong"][1]

HEAD = 64
"""Bytes at the start of scratch memory, where a kernel leaves the sum of a block's losses."""

NO_LABEL = -(2**63)
"""The value of `ignored` if no label is ignored. As a label it is refused."""


def computed_as(stored: Any) -> Any:
    """Return the dtype to compute in; half precision is stored as integers of 16 bits."""
    return np.dtype(np.float64 if stored == np.float64 else np.float32)


def bits_of(stored: Any) -> Any:
    """Return the integers as wide as that."""
    return np.dtype(np.uint64 if stored == np.float64 else np.uint32)


WRONG_TARGET, ROWS_LEFT, OUT_OF_MEMORY = 1, 2, 3
"""What a kernel returns, and `wrong` becomes, if it is not done: `ROWS_LEFT` if there are rows for
the general kernel, which has not been compiled yet."""


@inner
def job_at(address):
    """Return the job at an address."""
    return record_at(address, JOB)
