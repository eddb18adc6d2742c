"""Make jobs of arrays or of addresses, and have the kernels do them."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from xent import threads
from xent._engine import Outputs
from xent._engine.cpu import (
    binary,
    few_classes,
    functions,
    general,
    many_classes,
    pool,
    readers,
)
from xent._engine.cpu.decorators import block_kernel
from xent._engine.cpu.job import HEAD, JOB, NO_LABEL, OUT_OF_MEMORY, ROWS_LEFT, computed_as
from xent._engine.cpu.label_row import counter
from xent._engine.numpy import ELEMENTWISE
from xent._options import LossOptions
from xent._targets import BinaryTargets, ClassTargets
from xent._validation import Array

STORED_AS = {
    "float16": np.dtype(np.int16), "bfloat16": np.dtype(np.uint16), "bool": np.dtype(np.uint8),
    "float32": np.dtype(np.float32), "float64": np.dtype(np.float64),
}  # fmt: skip
"""The dtypes in which kernels see others; Numba has no half precision."""

AWAKE = 4
"""Threads that are awake pay from a part of the rows from which xent's own do."""

COUNTED_BY_ALL = 1 << 18
"""Rows from which all threads count those of a mean."""

IN_FLOAT64 = 128
"""The most logits of a batch without options that is computed in float64, whatever its dtype.

It costs them a microsecond at most, and the digits of worked examples are then the right ones.
"""


class Plan(NamedTuple):
    """What a kernel computes, but for what each call adds to it."""

    record: Any
    """A `JOB`."""
    address: int
    threads_from: int
    """The fewest rows for which threads pay that have to be woken."""
    stored: Any
    """The dtype of the logits, as kernels see it."""


@cache
def _compiled(make: Any, *dtypes: Any) -> int:
    """Address of a kernel, compiled when a call first needs it."""
    return block_kernel(make(*dtypes))


@cache
def _counter() -> int:
    return block_kernel(counter)


@cache
def _count_plan() -> Plan:
    """Plan for counting the rows of a mean."""
    record = np.zeros(1, JOB)
    record["block"], record["block_rows"], record["scratch"] = _counter(), pool.CHUNK, HEAD
    return Plan(record, record.ctypes.data, COUNTED_BY_ALL, None)


def _plan(make: Any, module: Any, stored: Any, classes: int, **fields: Any) -> Plan:
    """Plan for a kernel of a module; fields that are not given are 0."""
    record = np.zeros(1, JOB)
    scratch = module.scratch_size(classes)
    given: dict[str, Any] = {
        "block": _compiled(make, stored), "classes": classes, "block_rows": module.BLOCK,
        "scratch": scratch, "double_losses": stored == np.float64,
    }  # fmt: skip
    for name, value in (given | fields).items():
        record[name] = value
    threads_from = module.THREADS_FROM // max(1, classes)
    return Plan(record, record.ctypes.data, threads_from, stored)


def with_fields(plan: Plan, **fields: Any) -> Plan:
    """The plan with other fields."""
    record = plan.record.copy()
    for name, value in fields.items():
        record[name] = value
    return plan._replace(record=record, address=record.ctypes.data)


@cache
def label_plan(stored: Any, classes: int) -> Plan:
    """Plan for class labels without options."""
    module = few_classes if classes <= few_classes.MAX_CLASSES else many_classes
    start, size = module.scratch_size(classes), general.scratch_size(classes)
    return _plan(
        module.make_kernel, module, stored, classes, counter=_counter(), general_scratch=start,
        scratch=start + size,
    )  # fmt: skip


def _complete(plan: Plan) -> None:
    """Compile the kernel for the rows that the plan's own leaves, which few calls need."""
    for each in (plan, label_plan(plan.stored, int(plan.record["classes"][0]))):
        each.record["general"] = _compiled(general.make_kernel, plan.stored)


@cache
def general_plan(stored: Any, classes: int) -> Plan:
    """Plan for any targets and options, in float64."""
    return _plan(general.make_kernel, general, stored, classes, counter=_counter())


@cache
def binary_plan(stored: Any, targets: Any, exact: bool = False) -> Plan:
    """Plan for binary logits without options, with targets of a dtype."""
    computed, double = computed_as(stored), np.dtype(np.float64)
    read = 0 if targets == computed else _compiled(readers.make_reader, targets, computed)
    exactly = _compiled(readers.make_reader, targets, double)
    return _plan(
        binary.make_kernel, binary, stored, 1, exact=exact, read=read, read_exactly=exactly,
        one=1.0, zero=1.0,
    )  # fmt: skip


def plan_for_labels(stored: Any, classes: int, size: int) -> Plan:
    """Plan for class labels without options, for so many logits."""
    return (general_plan if size <= IN_FLOAT64 else label_plan)(stored, classes)


def plan_for_binary(stored: Any, size: int) -> Plan:
    """The same for binary logits, with targets of their own dtype."""
    return binary_plan(stored, stored, size <= IN_FLOAT64)


def execute(
    plan: Plan,
    logits: int,
    targets: int,
    grad: int,
    losses: int,
    reduced: int,
    rows: int,
    ignored: int = NO_LABEL,
    nontemporal: bool = False,
    c: float = 1.0,
    divisor: float = 1.0,
) -> tuple[float, int, float]:
    """Execute a plan for logits, targets and results at these addresses.

    `divisor` is that of a mean, or 0 where rows are counted. Returns the sum of the losses, whether
    a target was wrong, and the divisor.
    """
    parallel = others = 0
    if rows * AWAKE >= plan.threads_from:
        parallel, count = threads.team()
        others = count - 1 if parallel or rows >= plan.threads_from else 0
    if divisor == 0.0 and others and rows >= COUNTED_BY_ALL:
        count_rows = (_count_plan().address, 0, targets, 0, 0, 0, rows, ignored, 0, 1.0, 1.0)
        divisor, _, _ = _run(others, parallel, *count_rows)
        c = c / divisor if divisor else c
    call = (
        others, parallel, plan.address, logits, targets, grad, losses, reduced, rows, ignored,
        int(nontemporal), c, divisor,
    )  # fmt: skip
    result = _run(*call)
    if result[1] == ROWS_LEFT:
        _complete(plan)
        result = _run(*call)
    return result


def _run(others: int, parallel: int, *call: Any) -> tuple[float, int, float]:
    """Do a job alone, with OpenMP's threads, or with the pool's."""
    result: tuple[float, int, float]
    if others and not parallel:
        result = pool.execute(others, *call)
    else:
        member = pool.member() if parallel else 0
        result = pool.run(pool.current.address, others, parallel, member, *call)
    if result[1] == OUT_OF_MEMORY:
        msg = "no memory for the kernels' sums and scratch."
        raise MemoryError(msg)
    return result


# Losses of arrays.


def cross_entropy(
    logits: Array, targets: ClassTargets, options: LossOptions, scale: float, out: Outputs
) -> tuple[float, bool]:
    """Fill the outputs; return the sum of the losses, and whether a label is no class.

    All arrays are C-contiguous, with the class axis last.
    """
    classes = logits.shape[-1]
    labels, weight = _int64(targets.labels), _float64(targets.weight)
    of_classes, shift = _float64(targets.scale), _float64(targets.shift)
    probabilities = _contiguous(targets.probabilities)
    plain = labels is not None and options.label_only
    fields = _results(out) | {"weight": _address(weight)}
    if plain:
        plan = label_plan(stored_as(logits), classes)
        if not targets.plain and (targets.scale != 1).any():
            fields["scale"] = _address(of_classes)
    else:
        plan = general_plan(stored_as(logits), classes)
        if probabilities is not None:
            double = np.dtype(np.float64)
            reader = _compiled(readers.make_reader, stored_as(probabilities), double)
            fields |= {"probabilities": _address(probabilities), "read_exactly": reader}
        fields |= {
            "scale": _address(of_classes), "shift": _address(shift), "z_loss": options.z_loss,
            "softcap": options.softcap or 0.0,
        }  # fmt: skip
    if not plain or any(fields.values()):
        plan = with_fields(plan, **fields)
    if plain and out.grad is not None and np.may_share_memory(logits, out.grad):
        _complete(plan)  # the logits of a first attempt would be lost
    return _of_arrays(plan, logits, labels, logits.size // classes, scale, out)


def binary_cross_entropy(
    logits: Array, targets: BinaryTargets, options: LossOptions, scale: float, out: Outputs
) -> tuple[float, bool]:
    """Do the same for binary logits; says whether a target is out of range."""
    values, weight = np.ascontiguousarray(targets.values), _float64(targets.weight)
    per_entry = bool(np.ndim(targets.positive))  # weights for each entry of the last axis
    pos_weight = _float64(targets.positive) if per_entry else None
    positive = 1.0 if per_entry else targets.positive
    keep, half = 1 - options.label_smoothing, options.label_smoothing / 2
    exact = bool(options.softcap or options.z_loss or per_entry)
    plan = with_fields(
        binary_plan(stored_as(logits), stored_as(values)), **_results(out),
        exact=exact, weight=_address(weight),
        scale=_address(pos_weight), scale_size=0 if pos_weight is None else pos_weight.size,
        z_loss=options.z_loss, softcap=options.softcap or 0.0, one=positive * keep,
        one_shift=positive * half, zero=targets.negative * keep,
        zero_shift=targets.negative * half,
    )  # fmt: skip
    return _of_arrays(plan, logits, values, logits.size, scale, out)


def _results(out: Outputs) -> dict[str, Any]:
    """What a plan has to know of the results."""
    made: dict[str, Any] = {} if out.stats is None else {"stats": _address(out.stats)}
    if out.losses is not None and out.losses.dtype == np.float64:
        made["double_losses"] = True
    return made


def _of_arrays(
    plan: Plan, logits: Array, targets: Array | None, rows: int, scale: float, out: Outputs
) -> tuple[float, bool]:
    # Only where the gradient does not overwrite the logits do non-temporal stores save anything:
    # lines of logits are in the cache.
    nontemporal = out.grad is not None and not np.may_share_memory(logits, out.grad)
    total, wrong, _ = execute(
        plan, _address(logits), _address(targets), _address(out.grad), _address(out.losses), 0,
        rows, NO_LABEL, nontemporal, scale,
    )  # fmt: skip
    return total, bool(wrong)


# Functions.


def evaluate(function: str, logits: Array, result: Array) -> None:
    """Fill `result` with a function of rows or elements, by the function's name."""
    which = getattr(functions, function.upper())
    if function in ELEMENTWISE:
        _of_elements(which, logits, result)
        return
    classes = logits.shape[-1]
    make = functions.make_row_kernel
    plan = _plan(make, functions, stored_as(logits), classes, which=which)
    execute(plan, _address(logits), 0, _address(result), 0, 0, logits.size // classes)


def flush_subnormals(array: Array) -> None:
    """Set entries below the smallest normal number to 0."""
    _of_elements(functions.FLUSH, array, array, c=float(np.finfo(array.dtype).tiny))


def _of_elements(which: int, x: Array, result: Array, c: float = 0.0) -> None:
    plan = _plan(functions.make_element_kernel, functions, stored_as(x), 1, which=which)
    execute(plan, _address(x), 0, _address(result), 0, 0, x.size, c=c)


# Arrays.


def stored_as(array: Array) -> Any:
    """Return the dtype in which kernels see an array."""
    dtype = array.dtype
    return dtype if dtype.char in "fdlB" else STORED_AS.get(dtype.name, dtype)


def _address(array: Array | None) -> int:
    if array is None:
        return 0
    address: int = array.__array_interface__["data"][0]
    return address


def _contiguous(array: Array | None) -> Array | None:
    return None if array is None else np.ascontiguousarray(array)


def _int64(labels: Array | None) -> Array | None:
    return None if labels is None else np.ascontiguousarray(labels, np.int64)


def _float64(weight: Array | None) -> Array | None:
    return None if weight is None else np.ascontiguousarray(weight, np.float64)


# Warm-up.


def warm(dtype: str) -> None:
    """Compile the kernels for a dtype of logits."""
    stored = STORED_AS[dtype]
    plans = [label_plan(stored, 2), label_plan(stored, few_classes.MAX_CLASSES + 1)]
    others = general_plan(stored, 2), binary_plan(stored, computed_as(stored))
    for plan in (*plans, *others):
        execute(plan, 0, 0, 0, 0, 0, 0)
