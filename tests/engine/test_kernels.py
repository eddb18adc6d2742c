"""The compiled kernels: elementary functions, machine code, bad targets, any logits, memory."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import llvmlite.binding
import ml_dtypes
import mpmath
import numba
import numpy as np
import pytest
from helpers import close, worst_normal_ulps, worst_ulps

import xent
from xent import oracle
from xent._engine import cpu
from xent._engine.cpu import (
    binary,
    elementary,
    few_classes,
    general,
    launch,
    many_classes,
    nontemporal,
    pipelines,
    stats,
    transpose,
)
from xent._engine.cpu.decorators import loop

RNG = np.random.default_rng(3)
INF, NAN = np.inf, np.nan


def case(rows, classes, dtype=np.float32, scale=3.0):
    logits = (RNG.normal(size=(rows, classes)) * scale).astype(dtype)
    return logits, RNG.integers(classes, size=rows)


# Elementary functions against mpmath, in functions that Python can call.


callable_loop = numba.njit(error_model="numpy")


@callable_loop
def exps(x, low, out):
    for i in range(x.size):
        out[i] = elementary.exp(x[i], low[i])


@callable_loop
def exps_nonpositive(x, out):
    for i in range(x.size):
        out[i] = elementary.exp_nonpositive(x[i])


@callable_loop
def logs(q, low, out):
    for i in range(q.size):
        out[i] = elementary.log1p(q[i], low[i])


@callable_loop
def fast_logs(q, out):
    for i in range(q.size):
        out[i] = elementary.log1p_fast(q[i])


@callable_loop
def unit_logs(q, out):
    for i in range(q.size):
        out[i] = elementary.log1p_unit(q[i])


@callable_loop
def short_exps(x, out):
    for i in range(x.size):
        out[i] = elementary.exp_poly_short(x[i])


def test_exp():
    x = -np.concatenate([RNG.uniform(0, 708, 3000), RNG.uniform(0, 1, 1000)])
    low = RNG.uniform(-1, 1, x.size) * 1e-13
    got = np.empty_like(x)
    exps(x, low, got)
    with mpmath.workprec(200):
        exact = [
            mpmath.exp(float(v)) * (1 + mpmath.mpf(float(e))) for v, e in zip(x, low, strict=True)
        ]
    assert worst_ulps(got, exact, np.float64) <= 1.3
    ends = np.array([-INF, -1e308, -746.0, -745.0, -0.0])
    got = np.empty_like(ends)
    exps(ends, np.zeros(5), got)
    np.testing.assert_array_equal(got, [0, 0, 0, math.exp(-745.0), 1])


@pytest.mark.parametrize(("dtype", "least"), [(np.float32, -87.0), (np.float64, -708.0)])
def test_exp_of_nonpositive_numbers(dtype, least):
    x = np.concatenate([RNG.uniform(least, 0, 3000), RNG.uniform(-1, 0, 1000)]).astype(dtype)
    got = np.empty_like(x)
    exps_nonpositive(x, got)
    assert worst_ulps(got, [mpmath.exp(float(v)) for v in x], dtype) <= 1.2


def test_exp_underflows_gradually():
    x = np.linspace(-103.2, -87, 300).astype(np.float32)
    got = np.empty_like(x)
    exps_nonpositive(x, got)
    exact = np.exp(x.astype(float))
    assert np.abs(got - exact).max() <= 1.01 * np.finfo(np.float32).smallest_subnormal
    assert (got > 0).all()


def test_log1p():
    q = np.concatenate([2.0 ** RNG.uniform(-60, 60, 4000), 2.0 ** RNG.uniform(-2, 2, 2000)])
    low = RNG.uniform(-1, 1, q.size) * q * 2.0**-53
    got = np.empty_like(q)
    logs(q, low, got)
    with mpmath.workprec(300):
        exact = [
            mpmath.log1p(mpmath.mpf(float(a)) + mpmath.mpf(float(b)))
            for a, b in zip(q, low, strict=True)
        ]
    assert worst_ulps(got, exact, np.float64) <= 1.2
    fast_logs(q, got)
    exact = [mpmath.log1p(float(a)) for a in q]
    assert max(abs(g / e - 1) for g, e in zip(got.tolist(), exact, strict=True)) <= 2.0**-51


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log1p_of_numbers_up_to_1(dtype):
    q = np.concatenate([RNG.uniform(0, 1, 3000), 10.0 ** RNG.uniform(-30, 0, 1000)]).astype(dtype)
    got = np.empty_like(q)
    unit_logs(q, got)
    with mpmath.workprec(200):
        assert worst_ulps(got, [mpmath.log1p(float(v)) for v in q], dtype) <= 1.5


@callable_loop
def caps(z, out, derivative):
    for i in range(z.size):
        out[i], derivative[i] = elementary.tanh_cap_and_derivative(z[i], 30.0)


def test_softcap_and_its_derivative():
    z = np.concatenate([RNG.normal(size=2000) * 60, 10.0 ** RNG.uniform(-12, 0, 1000)])
    got, derivative = np.empty_like(z), np.empty_like(z)
    caps(z, got, derivative)
    with mpmath.workprec(200):
        exact = [30 * mpmath.tanh(mpmath.mpf(float(v)) / 30) for v in z]
        derivatives = [mpmath.sech(mpmath.mpf(float(v)) / 30) ** 2 for v in z]
    assert worst_ulps(got, exact, np.float64) <= 4
    pairs = zip(derivative.tolist(), derivatives, strict=True)
    assert max(abs(g / d - 1) for g, d in pairs) <= 1e-14
    ends = np.array([-INF, INF, 0.0, NAN, -1e300])
    caps(ends, got, derivative)
    np.testing.assert_array_equal(got[:5], [-INF, 30, 0, NAN, -30])


def test_short_exp_is_good_to_float32():
    x = np.linspace(-0.35, 0.35, 2000)
    got = np.empty_like(x)
    short_exps(x, got)
    assert np.abs(got / np.exp(x) - 1).max() <= 2.0**-27


# The compiled code itself.


@loop
def to_columns(rows, columns, buffer, n, classes):
    transpose.to_columns(rows, n, classes, columns, 144, buffer)


@loop
def to_rows(rows, columns, buffer, n, classes):
    transpose.to_rows(columns, n, classes, rows, 144, buffer, rows[:0])


HOT = {
    "many classes, float32": (many_classes.exp_terms, [np.zeros(64, "f4"), *[np.float32(1)] * 2,
        np.zeros(64, "f4"), np.zeros(1, "u4")]),
    "many classes, float64": (many_classes.exp_terms, [np.zeros(64), 1.0, 1.0, np.zeros(64),
        np.zeros(1, "u8")]),
    "many classes, bfloat16": (many_classes.exp_terms, [np.zeros(64, "u2"), *[np.float32(1)] * 2,
        np.zeros(64, "f4"), np.zeros(1, "u4")]),
    "many classes, sum": (many_classes.add_groups, [np.zeros(64, "f4"), np.zeros(16), None]),
    "many classes, sum in float64": (many_classes.add_groups, [np.zeros(64), *[np.zeros(16)] * 2]),
    "many classes, gradient": (nontemporal.scale_terms, [np.zeros(64, "f4"), *[np.float32(1)] * 3,
        np.zeros(64, "f4")]),
    "few classes, terms": (few_classes.exp_columns, [*[np.zeros(128, "f4")] * 2, 0,
        np.zeros(128, "i4"), 128, *[np.zeros(128, "f4")] * 2, np.zeros(128, "u4"),
        *[np.zeros(128, "f4")] * 3]),
    "few classes, sum": (few_classes.add_columns, [128, *[np.zeros(128, "f4")] * 2, np.zeros(128),
        None]),
    "few classes, losses": (few_classes.finish_rows, [128, *[np.zeros(128, "f4")] * 2,
        np.zeros(128, "u4"), np.zeros(128, "f4"), np.zeros(128), None, np.zeros(128), 1.0,
        np.zeros(128), None, None, None]),
    "few classes, gradient factors": (few_classes.finish_rows, [128, *[np.zeros(128, "f4")] * 2,
        np.zeros(128, "u4"), np.zeros(128, "f4"), np.zeros(128), None, np.zeros(128), 1.0,
        np.zeros(128), *[np.zeros(128, "f4")] * 3]),
    "few classes, labels": (few_classes.select_label_logits, [np.zeros(128, "f4"), 0,
        np.zeros(128, "i4"), 128, np.zeros(128, "f4")]),
    "transpose to columns, float32": (to_columns, [*[np.zeros(999, "f4")] * 3, 128, 10]),
    "transpose to columns, float64": (to_columns, [*[np.zeros(999)] * 3, 128, 10]),
    "transpose to columns, bfloat16": (to_columns, [np.zeros(999, "u2"),
        *[np.zeros(999, "f4")] * 2, 128, 10]),
    "transpose to rows, float32": (to_rows, [*[np.zeros(999, "f4")] * 3, 128, 3]),
    "transpose to rows, bfloat16": (to_rows, [np.zeros(999, "u2"), *[np.zeros(999, "f4")] * 2,
        128, 3]),
    "binary, float32": (binary.finite_losses, [*[np.zeros(64, "f4")] * 2, None,
        binary.Coefficients(*[np.float32(1)] * 6), np.zeros(64, "f4"), None]),
    "binary, gradient": (binary.finite_losses, [*[np.zeros(64)] * 2, None,
        binary.Coefficients(*[1.0] * 6), *[np.zeros(64)] * 2]),
    "statistics, float32": (stats.exp_and_gap_sums, [np.zeros(64, "f4"), np.float32(1)]),
    "statistics, float64": (stats.exp_and_gap_sums, [np.zeros(64), 1.0]),
    "few classes, statistics": (stats.add_column, [np.zeros(128, "f4"), 0, 128, np.zeros(128, "f4"),
        np.zeros(128, "i4"), *[np.zeros(128)] * 2]),
    "general": (general.exponentials, [np.zeros(64), 0.0, np.zeros(64)]),
}  # fmt: skip


@pytest.mark.parametrize("name", HOT)
def test_hot_loops_are_vectors(name):
    function, arguments = HOT[name]
    signature = tuple(numba.typeof(a) for a in arguments)
    function.compile(signature)
    code = function.inspect_asm(signature)
    if numba.core.codegen and os.uname().machine != "x86_64":
        pytest.fail("say here what vectors look like on this processor")
    wide = llvmlite.binding.get_host_cpu_features().get("avx512f", False)
    assert re.search(r"%zmm\d" if wide else r"%ymm\d", code) or "transpose" in name
    assert "gather" not in code
    assert not re.search(r"\b(expf?|exp2f?|log1pf?|logf?)\b", code)
    packed = len(re.findall(r"\bv?f[n]?m(?:add|sub)\w*p[sd]\b", code))
    scalar = len(re.findall(r"\bv?f[n]?m(?:add|sub)\w*s[sd]\b", code))
    if not re.search("transpose|labels|sum", name):
        assert packed >= scalar  # scalars are the few elements at the end of a loop
        assert packed


def test_kernels_ask_for_the_widest_vectors_and_other_code_does_not():
    kernel = few_classes.exp_columns
    kernel.compile(tuple(numba.typeof(a) for a in HOT["few classes, terms"][1]))
    wide = llvmlite.binding.get_host_cpu_features().get("avx512f", False)
    assert (pipelines.WIDE in kernel.inspect_llvm(kernel.signatures[0])) == wide
    exps_of = callable_loop(lambda x: np.exp(x))
    exps_of(np.zeros(3))
    assert "prefer-vector-width" not in exps_of.inspect_llvm(exps_of.signatures[0])


# Bad targets.


@pytest.mark.parametrize("classes", [3, 10, 13, 40])
@pytest.mark.parametrize("bad", [-1, 10**6, -(2**62)])
def test_a_wrong_label_is_named(classes, bad):
    logits, labels = case(20_000, classes)
    labels[[17_001, 19_000]] = bad
    with pytest.raises(ValueError, match=rf"^targets\[17001\] is {bad}, but the logits have"):
        xent.cross_entropy(logits, labels)
    out = logits.copy()
    with pytest.raises(ValueError, match=rf"^targets\[17001\] is {bad}, but the logits have"):
        xent.cross_entropy(logits, labels, return_grad=True, out=out)
    # In place nothing is lost.
    with pytest.raises(ValueError, match=rf"^targets\[17001\] is {bad}"):
        xent.cross_entropy(out := logits.copy(), labels, return_grad=True, out=out)
    np.testing.assert_array_equal(out, logits)


@pytest.mark.parametrize("bad", [-0.5, 1.5, NAN, INF])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_wrong_binary_target_is_named(bad, dtype):
    logits = RNG.normal(size=50_000).astype(np.float32)
    targets = (logits > 0).astype(dtype)
    targets[33_333] = bad
    for out in (None, np.empty_like(logits), logits.copy()):
        z = logits if out is None or out.base is None else out
        with pytest.raises(ValueError, match=rf"^targets\[33333\] is {bad}; expected 0, 1"):
            xent.binary_cross_entropy(z, targets, return_grad=True, out=out)
    z = logits.copy()
    with pytest.raises(ValueError, match=r"^targets\[33333\]"):
        xent.binary_cross_entropy(z, targets, return_grad=True, out=z)
    np.testing.assert_array_equal(z, logits)


@pytest.mark.parametrize("bad", [1 + 1e-12, -1e-15])
def test_a_target_is_checked_in_its_own_precision(bad):
    targets = np.zeros(20_000)
    targets[5] = bad
    with pytest.raises(ValueError, match=r"^targets\[5\] is"):
        xent.binary_cross_entropy(np.ones(20_000, np.float32), targets)


def test_a_wrong_integer_target_is_named():
    with pytest.raises(ValueError, match=r"targets\[0\] is 2.* subtract 1"):
        xent.binary_cross_entropy(np.zeros(20_000), np.full(20_000, 2))


# Any logits.


@pytest.mark.parametrize("classes", [2, 3, 10, 20, 33, 100])
@pytest.mark.parametrize("word", [np.uint32, np.uint64])
def test_any_bits_as_logits(classes, word):
    """NaN of every kind, infinities, subnormals and huge numbers give what NumPy gives."""
    kind = np.float32 if word is np.uint32 else np.float64
    bits = RNG.integers(0, np.iinfo(word).max, (4000, classes), word, endpoint=True)
    logits = bits.view(kind)
    logits[::3] = RNG.choice([-INF, INF, NAN, 1.0, 2.0, -1e30, 3e38, -3e38, 90.0], (1334, classes))
    labels = RNG.integers(classes, size=4000)
    cpu.load()
    for function, arguments in (
        (xent.cross_entropy, (labels,)),
        (xent.binary_cross_entropy, (RNG.integers(2, size=logits.shape),)),
    ):
        rows = {"reduction": "none", "return_grad": True}
        loss, grad = with_kernels(function, logits, *arguments, **rows)
        with cpu.numpy_only():
            expected, expected_grad = function(logits, *arguments, **rows)
        eps = np.finfo(kind).eps
        np.testing.assert_allclose(loss, expected, rtol=4 * eps, atol=1e-44)
        np.testing.assert_allclose(grad, expected_grad, rtol=8 * eps, atol=1e-37)


def with_kernels(function, *arguments, **options):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cpu, "SMALLEST", 1)
        return function(*arguments, **options)


def test_logits_beyond_a_product_with_log2_e():
    logits = np.full((20_000, 4), -3.3e38, np.float32)
    logits[:, 1] = 3.3e38
    loss, grad = xent.cross_entropy(logits, np.ones(20_000, int), return_grad=True)
    assert loss == 0
    assert not grad.any()
    assert xent.cross_entropy(logits, np.zeros(20_000, int)) == pytest.approx(6.6e38, rel=1e-6)


@pytest.mark.parametrize("classes", [2, 10, 50])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0, 1000, -1000, 16_000])
def test_confident_rows_far_from_zero_keep_their_digits(classes, dtype, offset):
    logits, labels = case(300, classes, dtype)
    logits = (logits + offset).astype(dtype)
    labels[::2] = logits[::2].argmax(axis=1)
    logits[np.arange(300), labels] += RNG.uniform(0, 60, 300).astype(dtype)
    losses = with_kernels(xent.cross_entropy, logits, labels, reduction="none")
    exact = [oracle.label_row(z, y).loss for z, y in zip(logits, labels, strict=True)]
    assert worst_ulps(losses, exact, dtype) <= 2


@pytest.mark.parametrize("seed", [3, 18, 190])
def test_the_gradient_of_a_label_far_below_the_largest_logit(seed):
    rng = np.random.default_rng(seed)
    logits, labels = (rng.normal(size=(2000, 100)) * 10).astype("f4"), rng.integers(0, 100, 2000)
    _, grad = xent.cross_entropy(logits, labels, reduction="none", return_grad=True)
    far = np.argsort(logits[np.arange(2000), labels] - logits.max(axis=1))[:60]
    for i in far:
        exact = oracle.label_row(logits[i], labels[i]).grad
        assert worst_normal_ulps(grad[i], exact, np.float32) <= 3


# Sums.


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
def test_the_mean_of_a_hundred_million_losses(dtype):
    part = (RNG.normal(size=1000) * 4).astype(dtype)
    targets = RNG.integers(2, size=1000).astype(bool)
    logits, all_targets = np.tile(part, 100_000), np.tile(targets, 100_000)
    rows = with_kernels(xent.binary_cross_entropy, part, targets, reduction="none")
    exact = math.fsum(rows.astype(float).tolist()) / 1000
    assert xent.binary_cross_entropy(logits, all_targets) == pytest.approx(exact, rel=1e-15)


@pytest.mark.parametrize("classes", [3, 40])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_mean_of_many_rows_is_that_of_few_repeated(classes, dtype):
    logits, labels = case(1000, classes, dtype)
    few = with_kernels(xent.cross_entropy, logits, labels)
    many = xent.cross_entropy(np.tile(logits, (2000, 1)), np.tile(labels, 2000))
    assert many == pytest.approx(few, rel=1e-15)


@pytest.mark.parametrize("classes", [3, 10, 40])
def test_rows_of_equal_logits_cost_exactly_the_logarithm(classes):
    for dtype in (np.float16, np.float32, np.float64):
        logits = np.full((30_000, classes), 7.3, dtype)
        got = xent.cross_entropy(logits, np.zeros(30_000, int))
        assert got == pytest.approx(math.log(classes), rel=1e-14)


# Memory layouts.


@pytest.mark.parametrize("shape", [(30_000, 5), (2_000, 70), (30, 40, 50)])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_strided_and_unaligned_arrays(shape, axis):
    logits = np.asfortranarray(RNG.normal(size=shape))
    labels = RNG.integers(shape[axis], size=np.delete(shape, axis % len(shape)))
    opts = {"axis": axis, "reduction": "none", "return_grad": True}
    raw = np.empty(logits.nbytes + 1, np.uint8)[1:].view(np.float64).reshape(shape)
    raw[...] = logits
    with cpu.numpy_only():
        expected = xent.cross_entropy(logits, labels, **opts)
    for z in (logits, raw):
        for got, right in zip(xent.cross_entropy(z, labels, **opts), expected, strict=True):
            close(got, right, rtol=1e-14, atol=1e-300)
    for function in (xent.softmax, xent.log_softmax, xent.logsumexp):
        with cpu.numpy_only():
            expected = function(logits, axis=axis)
        close(function(raw, axis=axis), expected, rtol=1e-14, atol=1e-300)


def test_read_only_arrays_are_read():
    logits, labels = case(20_000, 3)
    before = xent.cross_entropy(logits, labels)
    logits.flags.writeable = labels.flags.writeable = False
    assert xent.cross_entropy(logits, labels) == before


def test_two_hundred_shapes_under_guard_pages():
    script = str(Path(__file__).parents[1] / "support" / "guarded.py")
    done = subprocess.run(
        [sys.executable, script, "200"], check=False, capture_output=True, text=True
    )
    assert done.stdout == "200 shapes\n", done.stderr
    crash = subprocess.run([sys.executable, script, "crash"], check=False, capture_output=True)
    assert crash.returncode < 0  # the guard pages do guard


def test_numpy_only_applies_to_its_own_context():
    assert cpu.for_size(1 << 20) is launch
    with cpu.numpy_only():
        assert cpu.for_size(1 << 20) is None
    assert cpu.for_size(1 << 20) is launch


def test_a_score_does_not_depend_on_the_size_of_a_batch(tmp_path):
    logits, labels = case(30_000, 3, np.float64)
    lines = [f"{y},{','.join(map(repr, z.tolist()))}" for z, y in zip(logits, labels, strict=True)]
    path = tmp_path / "scores.csv"
    path.write_text("label,logit_0,logit_1,logit_2\n" + "\n".join(lines) + "\n")
    with cpu.numpy_only():
        rows = xent.cross_entropy(logits, labels, reduction="none")
    assert xent.score(path).loss == pytest.approx(math.fsum(rows.tolist()) / 30_000, rel=1e-15)
