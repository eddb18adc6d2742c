"""What several test files need: array libraries, strategies, exact values, blocks, processes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import mpmath
import numpy as np
import pytest

from xent import oracle
from xent._engine import linear
from xent._engine import numpy as blockwise
from xent.scoring import FileError, score

Array = np.ndarray[Any, Any]


class Library(NamedTuple):
    """How arrays go into a library and come back."""

    put: Callable[[Array], Any]
    get: Callable[[Any], Array]


def _numpy() -> Library:
    return Library(np.array, np.asarray)


def _numpy_read_only() -> Library:
    return Library(read_only, np.asarray)


def import_torch() -> Any:
    """PyTorch on one thread: on small arrays, threads wait for each other longer than they work."""
    import torch
    from older_torch import add_what_is_missing

    torch.set_num_threads(1)
    add_what_is_missing()
    return torch


def _torch() -> Library:
    import torch

    return Library(torch.tensor, lambda a: a.numpy())


def _jax() -> Library:
    import jax

    jax.config.update("jax_enable_x64", True)
    return Library(jax.numpy.asarray, np.asarray)


LIBRARIES: dict[str, Callable[[], Library]] = {
    "numpy": _numpy,
    "numpy read-only": _numpy_read_only,
    "torch": _torch,
    "jax": _jax,
}


def short(value: Any) -> str:
    """Of a test's id: the same in every process, as an address is not."""
    return getattr(value, "__name__", str(value))[-60:]


def read_only(array: Any) -> Array:
    copy = np.array(array)
    copy.flags.writeable = False
    return copy


# Strategies. Numbers are multiples of 1/1024, so that sums of a few of them are exact.


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    return st.integers(round(low * 1024), round(high * 1024)).map(lambda n: n / 1024)


def arrays(shape: Any, low: float, high: float) -> st.SearchStrategy[Array]:
    return hnp.arrays(np.float64, shape, elements=numbers(low, high))


def rows_of_probabilities(rows: int, classes: int) -> st.SearchStrategy[Array]:
    return arrays((rows, classes), 1 / 64, 1).map(lambda a: a / a.sum(axis=1, keepdims=True))


class Batch(NamedTuple):
    logits: Array
    labels: Array


@st.composite
def batches(draw: Any, rows: Any = None, classes: Any = None, high: float = 30) -> Batch:
    n = draw(st.integers(1, 5)) if rows is None else rows
    k = draw(st.integers(1, 6)) if classes is None else classes
    return Batch(
        draw(arrays((n, k), -high, high)), draw(hnp.arrays(int, n, elements=st.integers(0, k - 1)))
    )


@st.composite
def options(draw: Any, rows: Any, classes: int, *, leave: tuple[str, ...] = ()) -> dict[str, Any]:
    """A random mix of the options of both losses; `classes` is 2 for a binary loss."""
    pool = {
        "class_weight": arrays(classes, 0, 4),
        "sample_weight": arrays(rows, 0, 4),
        "label_smoothing": numbers(0, 1),
        "softcap": numbers(4, 50),
        "z_loss": numbers(0, 1),
    }
    pool = {name: values for name, values in pool.items() if name not in leave}
    chosen = draw(st.lists(st.sampled_from(sorted(pool)), unique=True)) if pool else []
    return {name: draw(pool[name]) for name in chosen}


def central_differences(f: Callable[[Array], float], x: Array, h: float = 2.0**-17) -> Array:
    slopes = np.empty_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        slopes[i] = (f(up) - f(down)) / (2 * h)
    return slopes


def close(got: Any, expected: Any, rtol: float = 1e-13, atol: float = 1e-14) -> None:
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=atol)


@contextlib.contextmanager
def block_size(size: int) -> Iterator[None]:
    """The NumPy engine with blocks of `size` elements, and linear layers with such chunks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blockwise.blocks, "__defaults__", (size,))
        patch.setattr(linear, "CHUNK", size)
        yield


# Exact values, from the oracle's losses.


def worst_ulps(got: Any, exact: list[Any], dtype: Any) -> float:
    """Largest error in ULP."""
    return max(oracle.ulps(g, e, dtype) for g, e in zip(np.ravel(got), exact, strict=True))


def worst_normal_ulps(got: Any, exact: list[Any], dtype: Any) -> float:
    """Largest error in ULP of the entries that are not subnormal."""
    pairs = zip(np.ravel(got), exact, strict=True)
    return max(
        (oracle.ulps(g, e, dtype) for g, e in pairs if not oracle.is_subnormal(e, dtype)),
        default=0.0,
    )


def exact_log_softmax(row: Array) -> list[Any]:
    return [-oracle.label_row(row, j).loss for j in range(len(row))]


def exact_softmax(row: Array) -> list[Any]:
    with mpmath.workprec(oracle.BITS):
        return [mpmath.exp(v) for v in exact_log_softmax(row)]


def exact_logsumexp(row: Array) -> Any:
    with mpmath.workprec(oracle.BITS):
        return oracle.label_row(row, 0).loss + mpmath.mpf(float(row[0]))


def exact_log_sigmoid(z: float) -> Any:
    return -oracle.binary(z, 1.0).loss


def exact_sigmoid(z: float) -> Any:
    with mpmath.workprec(oracle.BITS):
        return mpmath.exp(exact_log_sigmoid(z))


def rounds_to_zero(exact: Any, dtype: Any) -> bool:
    return bool(2 * exact <= mpmath.mpf(float(np.finfo(dtype).smallest_subnormal)))


# Files of predictions.


def problem_with(source: Any, **options: Any) -> str:
    """What `score` says is wrong with a file or table, less the folder's name."""
    with pytest.raises(FileError) as caught:
        score(source, **options)
    message = str(caught.value)
    return message.replace(f"{source.parent}/", "") if isinstance(source, Path) else message


def printed(code: str, **environment: str) -> str:
    """What a new Python prints that runs this."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


NUMPYDOC_CODES = {"GL06", "GL08", "PR01", "PR02", "PR03", "RT01", "RT03", "SS01", "YD01"}
"""What numpydoc must not find: missing or empty sections, parameters unlike the signature's."""


def luminance(colour: Any) -> float:
    """Relative luminance of WCAG, for contrasts."""
    import matplotlib as mpl

    c = np.array(mpl.colors.to_rgb(colour))
    c = np.where(c <= 0.03928, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return float(c @ [0.2126, 0.7152, 0.0722])


def contrast(one: Any, other: Any) -> float:
    """Contrast of WCAG, from 1 to 21; text needs 4.5 against its ground, and a shape 3."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
