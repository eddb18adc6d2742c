"""Engines: which is taken, what a new one has to offer, and the one for any array library."""

from __future__ import annotations

import sys
import types

import array_api_strict as strict
import numpy as np
import pytest
from helpers import block_size

import xent
from xent import _engine, _libraries, oracle
from xent._engine import Outputs, array, compute, cpu, engine_for
from xent._engine import numpy as blockwise
from xent._engine.cpu import engine as compiled
from xent._libraries import library_of
from xent._options import LossOptions
from xent._targets import class_targets


def test_the_first_engine_that_accepts_the_logits_is_taken():
    assert engine_for(np.zeros(10)) is blockwise
    assert engine_for(np.zeros(cpu.SMALLEST)) is compiled
    with cpu.numpy_only():
        assert engine_for(np.zeros(cpu.SMALLEST)) is blockwise
    assert engine_for(strict.zeros(10)) is array
    with pytest.raises(TypeError, match="no engine computes arrays of type list"):
        engine_for([1.0])


def test_arrays_go_to_their_library():
    assert library_of(np.zeros(1)) is library_of([1.0]) is library_of(1.0) is compute
    torch = pytest.importorskip("torch")
    assert library_of(torch.zeros(1)).__name__ == "xent.torch._losses"
    assert library_of(torch.nn.Parameter(torch.zeros(1))).__name__ == "xent.torch._losses"


# A new engine is one module: here for arrays of another type, which it computes by NumPy's.


class Boxed(np.ndarray):
    """Arrays of a library that xent does not know."""


class Double(types.ModuleType):
    """An engine that counts its calls."""

    calls = 0

    def accepts(self, logits):
        return isinstance(logits, Boxed)

    def finds_wrong_targets(self):
        return False

    def cross_entropy(self, logits, targets, options, scale, want):
        self.calls += 1
        plain = logits.view(np.ndarray)
        return blockwise.cross_entropy(plain, targets, options, scale, want)


def test_adding_an_engine_touches_one_module(monkeypatch):
    double = Double("double_engine")
    monkeypatch.setitem(sys.modules, "double_engine", double)
    monkeypatch.setattr(_engine, "ENGINES", ["double_engine", *_engine.ENGINES])
    monkeypatch.setattr(compute, "as_scores", lambda value, *_: value)
    z = np.array([[2.0, 1.0, 0.1], [0.0, 1.0, 2.0]])
    expected = xent.cross_entropy(z, [0, 1], z_loss=0.1, return_grad=True)
    assert double.calls == 0
    loss, grad = xent.cross_entropy(z.view(Boxed), [0, 1], z_loss=0.1, return_grad=True)
    assert double.calls == 1
    assert loss == expected[0]
    np.testing.assert_array_equal(grad, expected[1])


def test_adding_a_library_touches_one_module(monkeypatch):
    class Own:
        __module__ = "ownlib.arrays"

    offers = types.ModuleType("xent_for_ownlib")
    offers.cross_entropy = lambda logits, targets, options, **kwargs: (options.z_loss, kwargs)
    monkeypatch.setitem(_libraries.LIBRARIES, "ownlib", lambda: offers)
    got = xent.cross_entropy(Own(), [0], z_loss=0.5, return_grad=True)
    assert got == (0.5, {"return_grad": True, "out": None})


# Any array library.

RNG = np.random.default_rng(11)
Z = RNG.normal(size=(6, 5)) * 5
Z[1, 2] = -np.inf
Y = np.array([0, 1, 4, 4, 0, 3])
SOFT = RNG.random((6, 5))
SOFT[1, 2] = 0
SOFT /= SOFT.sum(axis=1, keepdims=True)
OPTIONS = {
    "plain": {},
    "class weights": {"class_weight": np.array([1.0, 2, 0, 4, 5])},
    "row weights": {"sample_weight": np.array([1.0, 0, 3, 4, 5, 6])},
    "smoothed": {"label_smoothing": 0.125, "class_weight": np.array([1.0, 2, 0, 4, 5])},
    "softcap": {"softcap": 5.0},
    "z-loss": {"z_loss": 0.25, "class_weight": np.array([1.0, 2, 0, 4, 5])},
    "rows": {"reduction": "none"},
    "sum": {"reduction": "sum"},
}


def put(value):
    return strict.asarray(value) if isinstance(value, np.ndarray) else value


def agree(got, expected, dtype):
    tolerance = {"float64": (1e-13, 1e-14), "float32": (1e-5, 1e-6)}[dtype]
    assert got is None or isinstance(got, type(strict.zeros(1)))
    np.testing.assert_allclose(np.asarray(got), expected, *tolerance)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("targets", ["labels", "ignored", "soft", "first axis"])
@pytest.mark.parametrize("name", OPTIONS)
def test_any_array_library_gives_the_numbers_of_numpy(name, targets, dtype):
    options = dict(OPTIONS[name])
    z, y = Z.astype(dtype), Y
    if targets == "ignored":
        options["ignore_index"] = 4
    elif targets == "soft":
        y = SOFT.astype(dtype)
    elif targets == "first axis":
        z, options["axis"] = np.ascontiguousarray(z.T), 0
    expected = xent.cross_entropy(z, y, return_grad=True, **options)
    mine = {name: put(value) for name, value in options.items()}
    loss, grad = xent.cross_entropy(put(z), put(y), return_grad=True, **mine)
    agree(loss, expected[0], dtype)
    agree(grad, expected[1], dtype)
    assert grad.dtype == put(z).dtype
    agree(xent.cross_entropy(put(z), put(y), **mine), expected[0], dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "options",
    [{}, {"class_weight": np.array([1.0, 2])}, {"pos_weight": 3.0}, {"z_loss": 0.5, "softcap": 3.0},
     {"label_smoothing": 0.25, "reduction": "none"}, {"sample_weight": np.arange(6.0)}],
    ids=str,
)  # fmt: skip
def test_binary_losses_of_any_array_library(options, dtype):
    z, t = Z[:, 0].astype(dtype), SOFT[:, 0].astype(dtype)
    expected = xent.binary_cross_entropy(z, t, return_grad=True, **options)
    mine = {name: put(value) for name, value in options.items()}
    loss, grad = xent.binary_cross_entropy(put(z), put(t), return_grad=True, **mine)
    agree(loss, expected[0], dtype)
    agree(grad, expected[1], dtype)


@pytest.mark.parametrize("chunk", [1 << 20, 10])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_linear_layers_of_any_array_library(reduction, chunk):
    x, w, b = RNG.normal(size=(6, 3)), RNG.normal(size=(5, 3)), RNG.normal(size=5)
    options = {"reduction": reduction, "ignore_index": 4, "return_grad": True}
    with block_size(chunk):
        expected = xent.linear_cross_entropy(x, w, Y, b, **options)
        loss, grads = xent.linear_cross_entropy(*map(put, (x, w, Y, b)), **options)
    agree(loss, expected[0], "float64")
    for got, right in zip(grads, expected[1], strict=True):
        agree(got, right, "float64")


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp", "sigmoid", "log_sigmoid"])
def test_functions_of_any_array_library(name):
    z = Z.copy()
    z[2] = -np.inf
    z[3, 1] = np.inf
    function = getattr(xent, name)
    agree(function(put(z)), function(z), "float64")
    if "sig" not in name:
        agree(function(put(z), axis=0), function(z, axis=0), "float64")


@pytest.mark.parametrize("z", [Z, np.array([[np.inf, 0.0], [-np.inf, -np.inf], [np.nan, 1.0]])])
def test_statistics_of_rows(z):
    labels = np.zeros(len(z), int)
    options = LossOptions().checked()
    want = Outputs(stats=True)
    rows = class_targets(labels, z.shape, 1, options)
    _, expected = blockwise.cross_entropy(z, rows, options, 1.0, want)
    rows = class_targets(put(labels), z.shape, 1, options, xp=strict, dtype=strict.float64)
    _, got = array.cross_entropy(put(z), rows, options, 1.0, want)
    np.testing.assert_allclose(np.asarray(got.stats), expected.stats, rtol=1e-13)


def test_confident_rows_keep_their_digits():
    z, y = np.array([[40.0, 0.0, 1.0], [-3.0, 17.5, 0.0], [0.0, 36.0, -5.0]]), np.array([0, 1, 1])
    losses, grad = xent.cross_entropy(put(z), put(y), reduction="none", return_grad=True)
    exact = [oracle.label_row(*row) for row in zip(z, y, strict=True)]
    expected = [float(row.loss) for row in exact], [[float(g) for g in row.grad] for row in exact]
    np.testing.assert_allclose(np.asarray(losses), expected[0], rtol=1e-14)
    np.testing.assert_allclose(np.asarray(grad), expected[1], rtol=1e-14)


def test_jax_arrays_can_be_computed_by_the_engine():
    """They are refused until they have their own package, but the engine is ready for them."""
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    z, y = jax.numpy.asarray(Z), jax.numpy.asarray(Y)
    loss = compute.class_loss(z, y, LossOptions(axis=1).checked(), grad=True)
    expected = xent.cross_entropy(Z, Y, return_grad=True)
    np.testing.assert_allclose(loss.value, expected[0], rtol=1e-13)
    np.testing.assert_allclose(loss.grad, expected[1], rtol=1e-12, atol=1e-14)


def test_under_a_tracer_only_shapes_are_checked():
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    xp = jax.numpy
    options = LossOptions(ignore_index=4, label_smoothing=0.125, class_weight=xp.arange(5.0))

    @jax.jit
    def rows(labels):
        made = class_targets(labels, (6, 5), 1, options, xp=xp, dtype=xp.float64, readable=False)
        return made.labels, made.weight, made.scale, made.shift, made.total, made.total_rows

    plain = LossOptions(ignore_index=4, label_smoothing=0.125, class_weight=np.arange(5.0))
    expected = class_targets(Y, (6, 5), 1, plain)
    names = ("labels", "weight", "scale", "shift", "total", "total_rows")
    for got, name in zip(rows(xp.asarray(Y)), names, strict=True):
        np.testing.assert_allclose(got, getattr(expected, name))
    with pytest.raises(ValueError, match=r"targets has shape \(3,\), expected \(6,\)"):
        rows(xp.zeros(3, int))


def test_errors_of_any_array_library():
    with pytest.raises(ValueError, match=r"targets\[\d\] is 5, but the logits have 5 classes"):
        xent.cross_entropy(put(Z), put(Y + 1))
    with pytest.raises(TypeError, match=r"logits has dtype .*int64; expected a real floating"):
        xent.cross_entropy(put(Y), put(Y))
    with pytest.raises(ValueError, match=r"targets\[\d, :\] sums to 0.5; each row"):
        xent.cross_entropy(put(Z), put(SOFT / 2))
    with pytest.raises(ValueError, match=r"sample_weight\[0\] is -1.0 \(5 more like it\); weights"):
        xent.cross_entropy(put(Z), put(Y), sample_weight=put(-np.ones(6)))
    with pytest.raises(TypeError, match="out= receives the gradient of NumPy arrays"):
        xent.cross_entropy(put(Z), put(Y), return_grad=True, out=put(Z))


def test_nothing_is_converted_in_silence():
    z = put(Z)
    with pytest.raises(TypeError, match="targets is a numpy masked array, whose mask would be"):
        xent.cross_entropy(z, np.ma.array(Y, mask=[1, 0, 0, 0, 0, 0]))
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match="targets is a torch array, and xent computes on NumPy"):
        xent.cross_entropy(z, torch.tensor(Y))
    with pytest.raises(TypeError, match="targets is None; expected an array or a list of class"):
        xent.cross_entropy(z, None)
    with pytest.raises(TypeError, match="class_weight has dtype <U2; expected numbers: one weight"):
        xent.cross_entropy(z, put(Y), class_weight="ab")
    agree(xent.cross_entropy(z, Y.astype(">i8")), xent.cross_entropy(Z, Y), "float64")


def test_booleans_and_labels_of_a_narrow_dtype():
    z, yes = Z[:, 0], Z[:, 1] > 0
    options = {"class_weight": [1.0, 2.0], "ignore_index": 7}
    agree(xent.binary_cross_entropy(put(z), put(yes), **options),
          xent.binary_cross_entropy(z, yes, **options), "float64")  # fmt: skip
    narrow = Y.astype(np.uint8)
    for label in (-100, 300, 2):  # that of no row, if the dtype has no such number
        agree(xent.cross_entropy(put(Z), put(narrow), ignore_index=label),
              xent.cross_entropy(Z, narrow, ignore_index=label), "float64")  # fmt: skip


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_a_linear_layer_without_rows(reduction):
    x, w, y = np.zeros((0, 3)), np.ones((5, 3)), np.zeros(0, int)
    options = {"reduction": reduction, "return_grad": True}
    got = xent.linear_cross_entropy(put(x), put(w), put(y), **options)
    expected = xent.linear_cross_entropy(x, w, y, **options)
    np.testing.assert_array_equal(np.asarray(got[0]), expected[0])
    for mine, theirs in zip(got[1][:2], expected[1], strict=False):
        np.testing.assert_array_equal(np.asarray(mine), theirs)


def test_weight_and_bias_of_a_linear_layer_are_floats():
    x, w, y = put(np.ones((6, 3))), np.ones((5, 3)), put(Y)
    with pytest.raises(TypeError, match=r"weight has dtype .*int64; expected a real floating"):
        xent.linear_cross_entropy(x, put(w.astype(int)), y)
    with pytest.raises(TypeError, match=r"bias has dtype .*int64; expected a real floating"):
        xent.linear_cross_entropy(x, put(w), y, put(np.ones(5, int)))
    with pytest.raises(TypeError, match=r"weight has dtype float16, which array_api_strict does"):
        xent.linear_cross_entropy(x, w.astype(np.float16), y)
