"""Sums without rounding: float64 numbers are added as integers, in units of 2**-1126.

The sums of a group are the same whatever the order in which its numbers are added.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xent._engine.cpu.score_job import CHUNK, LIMBS, SUM_JOB
from xent._validation import Array
from xent.scoring import compiled

SCALE = 1126
"""Every float64 is an integer times 2**-1126, even the smallest with 53 bits written out."""

ONE = 1 << SCALE

MOST_LIMBS = 1 << 14
"""The most groups whose sums compiled code adds up: each takes half a KiB on the way."""

MAX_BINS = 1 << 16
"""The most bins kept in an array; beyond it, only the bins that occur are kept."""

MANY = 1024
"""Groups from which on counts of 0 are not saved."""

FEW = 4
"""Groups up to which the rows of each are counted by themselves."""

MOST_ADDED = 1 << 29
"""Numbers that limbs take before they carry: each adds less than 2**33 to one of 64 bits."""


class ExactSums:
    """Sums of finite float64 numbers by group."""

    def __init__(self, groups: int) -> None:
        self.groups = groups
        self._whole = [0] * groups
        self._limbs: Array | None = None  # what compiled code added since, 32 bits in each
        self._added = 0

    @property
    def whole(self) -> list[int]:
        """The sums, as integers in units of 2**-1126."""
        if self._limbs is not None:
            for group in np.flatnonzero(self._limbs.any(axis=1)).tolist():
                self._whole[group] += _joined(self._limbs[group])
            self._limbs, self._added = None, 0
        return self._whole

    def add(self, values: Array, groups: Array | None = None) -> None:
        """Add numbers, each to its group; all to the only one without `groups`."""
        few = self.groups <= MOST_LIMBS
        kernel = compiled.kernel("sums", len(values)) if few else None
        if kernel is None:
            of = np.zeros(len(values), np.intp) if groups is None else groups
            for group, amount in exact_sums(values, of, self.groups).items():
                self._whole[group] += amount
            return
        compiled.run(
            kernel, SUM_JOB, size=len(values), groups=self.groups, values=values, of=groups,
            limbs=self.limbs(len(values)), scratch=np.empty(CHUNK),
        )  # fmt: skip

    def add_to(self, group: int, values: Array) -> None:
        """Add numbers to one group."""
        self._whole[group] += exact_sums(values, np.zeros(len(values), np.intp), 1).get(0, 0)

    def limbs(self, count: int) -> Array:
        """Memory to which a kernel may add so many numbers for each group."""
        if self._added > MOST_ADDED:
            _ = self.whole
        if self._limbs is None:
            self._limbs = np.zeros((self.groups, LIMBS), np.int64)
        self._added += count
        return self._limbs

    def grow(self, groups: int) -> None:
        """Have so many groups; new ones have the sum 0."""
        more = groups - self.groups
        if more > 0:
            if groups > MOST_LIMBS:  # compiled code adds no more, and limbs would take memory
                _ = self.whole
            self._whole += [0] * more
            if self._limbs is not None:
                self._limbs = np.concatenate([self._limbs, np.zeros((more, LIMBS), np.int64)])
            self.groups = groups

    def take(self, other: ExactSums, of: Array) -> None:
        """Add the sums of another, each to one of these groups."""
        whole = self.whole
        for group, amount in zip(of.tolist(), other.whole, strict=True):
            whole[group] += amount

    def merge(self, other: ExactSums) -> ExactSums:
        """The sums of both."""
        both = ExactSums(self.groups)
        both._whole = [a + b for a, b in zip(self.whole, other.whole, strict=True)]
        return both

    def to_data(self) -> list[str]:
        """The sums as text, in hexadecimal."""
        return [f"{amount:x}" for amount in self.whole]

    def read(self, data: Any) -> None:
        """Take sums from text."""
        self._whole = _of_length([int(text, 16) for text in data], self.groups)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExactSums) and self.whole == other.whole

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"ExactSums({[ratio(each, ONE) for each in self.whole]})"


class Counts:
    """Numbers of rows by group."""

    def __init__(self, groups: int) -> None:
        self.groups = groups
        self._counts: Array = np.zeros(groups, np.int64)
        self._whole: list[int] | None = None

    @property
    def whole(self) -> list[int]:
        """The counts, as Python's integers."""
        if self._whole is None:
            self._whole = self._counts.tolist()
        return self._whole

    def add(self, groups: Array) -> None:
        """Count each row in its group."""
        if self.groups <= FEW:  # a third of the time of counting all groups at once
            for group in range(self.groups):
                self._counts[group] += np.count_nonzero(groups == group)
        elif self.groups > 4 * len(groups):
            found, counts = np.unique(groups, return_counts=True)
            self._counts[found] += counts
        else:
            self._counts += np.bincount(groups, minlength=self.groups)
        self._whole = None

    def add_rows(self, group: int, count: int) -> None:
        """Count so many rows of a group."""
        self._counts[group] += count
        self._whole = None

    def grow(self, groups: int) -> None:
        """Have so many groups; new ones have no row."""
        if groups > self.groups:
            self._counts = np.concatenate([self._counts, np.zeros(groups - self.groups, np.int64)])
            self.groups, self._whole = groups, None

    def take(self, other: Counts, of: Array) -> None:
        """Add the counts of another, each to one of these groups."""
        self._counts[of] += other._counts
        self._whole = None

    def merge(self, other: Counts) -> Counts:
        """The counts of both."""
        both = Counts(self.groups)
        both._counts = self._counts + other._counts
        return both

    def to_data(self) -> Any:
        """The counts; of many groups only those that have rows."""
        places = np.flatnonzero(self._counts)
        if self.groups < MANY or 2 * len(places) > self.groups:
            return self.whole
        return {"places": places.tolist(), "counts": self._counts[places].tolist()}

    def read(self, data: Any) -> None:
        """Take counts as they were saved."""
        counts = data["counts"] if isinstance(data, dict) else _of_length(data, self.groups)
        if not all(isinstance(n, int) and n >= 0 for n in counts):
            msg = "a count is not a whole number"
            raise ValueError(msg)
        self._counts = np.zeros(self.groups, np.int64)
        self._counts[data["places"] if isinstance(data, dict) else slice(None)] = counts
        self._whole = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counts) and self.whole == other.whole

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Counts({self.whole})"


def _of_length(values: list[int], size: int) -> list[int]:
    if len(values) != size:
        msg = f"{len(values)} sums, not {size}"
        raise ValueError(msg)
    return values


def _joined(limbs: Array) -> int:
    """The integer that limbs of 32 bits add up to, in units of 2**-1126 instead of 2**-1074."""
    total = 0
    for limb in reversed(limbs.tolist()):
        total = (total << 32) + limb
    return total << (SCALE - 1074)


def exact_sums(values: Array, groups: Array, n_groups: int) -> dict[int, int]:
    """Sums of finite float64 values by group, without rounding, in units of 2**-1126.

    Each value is an integer of 53 bits times a power of two; integers of equal power add in
    float64 without rounding, in two halves, for up to 2**26 values.
    """
    if not len(values):
        return {}
    fractions, powers = np.frexp(values)
    whole = np.ldexp(fractions, 53).astype(np.int64)
    low_power = int(powers.min())
    span = int(powers.max()) - low_power + 1
    keys = groups * span + (powers - low_power)
    if n_groups * span > MAX_BINS:  # many classes: most bins would be empty
        distinct, keys = np.unique(keys, return_inverse=True)
    else:
        distinct = np.arange(n_groups * span)
    high = np.bincount(keys, weights=whole >> 27, minlength=len(distinct))
    low = np.bincount(keys, weights=whole & ((1 << 27) - 1), minlength=len(distinct))
    places = np.flatnonzero((high != 0) | (low != 0))
    of, power = np.divmod(distinct[places], span)
    power += low_power - 53 + SCALE
    amounts = (each[places].astype(np.int64).tolist() for each in (high, low))
    sums: dict[int, int] = {}
    for group, up, above, below in zip(of.tolist(), power.tolist(), *amounts, strict=True):
        sums[group] = sums.get(group, 0) + (((above << 27) + below) << up)
    return sums


def ratio(amount: int, by: int) -> float:
    """Quotient of two exact sums, rounded once; NaN for 0 / 0."""
    if by == 0:
        return float("nan")
    try:
        return amount / by
    except OverflowError:
        return float("inf")
