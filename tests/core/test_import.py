"""What `import xent` costs, and what it offers."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest
from helpers import NUMPYDOC_CODES, import_torch
from numpydoc.validate import validate

import xent
import xent.check

import_torch()

import xent.torch  # noqa: E402
from xent.torch import huggingface  # noqa: E402

HEAVY = ["array_api_compat", "jax", "matplotlib", "mpmath", "numba", "pandas", "pyarrow"]
HEAVY += ["rich", "scipy", "sklearn", "torch", "transformers", "typer"]
SECTIONS = ("Parameters", "Returns", "Examples")
REPORT = f"import sys; print([m for m in {HEAVY} if m in sys.modules], 'numpy' in sys.modules)"


def loaded_after(code: str) -> str:
    """Which heavy modules a fresh interpreter holds after the code, and whether NumPy."""
    command = [sys.executable, "-c", f"{code}; {REPORT}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_import_loads_numpy_and_nothing_heavier():
    assert loaded_after("import xent") == "[] True"


def test_a_loss_loads_nothing_either():
    code = "import xent; xent.cross_entropy([[1.0, 2.0]], [0]); xent.log_loss([1], [0.5])"
    assert loaded_after(code) == "[] True"


def test_a_gradient_check_loads_nothing_either():
    code = (
        "import xent; f = xent.binary_cross_entropy; "
        "g = lambda z, y: f(z, y, return_grad=True)[1]; "
        "assert xent.check.gradient(f, g, [1.0, 2.0], [0, 1])"
    )
    assert loaded_after(code) == "[] True"


def test_this_check_sees_a_heavy_module():
    assert loaded_after("import xent, xent.oracle") == "['mpmath'] True"
    assert loaded_after("pass") == "[] False"


def test_transformers_is_not_loaded_for_tensors():
    assert "transformers" not in loaded_after("import xent.torch")
    assert "transformers" not in loaded_after("from xent.torch import huggingface")


def test_all_is_sorted():
    assert xent.__all__ == sorted(xent.__all__)
    assert xent.check.__all__ == sorted(xent.check.__all__)
    assert xent.torch.__all__ == sorted(xent.torch.__all__)
    assert huggingface.__all__ == sorted(huggingface.__all__)


def test_no_public_function_is_left_out():
    offered = {name for name, value in vars(xent).items() if callable(value) and name[0] != "_"}
    assert offered - {"Any"} <= set(xent.__all__)
    assert set(xent.__all__) <= set(dir(xent))


def test_an_unknown_name_is_an_error():
    with pytest.raises(AttributeError, match="'xent' has no attribute 'cross_entrpy'"):
        _ = xent.cross_entrpy


FUNCTIONS = [getattr(xent, name) for name in xent.__all__ if name != "check"]
for package in (xent.check, xent.torch, huggingface):
    FUNCTIONS += [getattr(package, name) for name in package.__all__ if name.islower()]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_public_functions_are_documented(function):
    assert callable(function)
    doc = inspect.getdoc(function)
    sections = SECTIONS if inspect.signature(function).parameters else SECTIONS[1:]
    places = [doc.index(f"\n{s}\n{'-' * len(s)}\n") for s in sections]
    assert places == sorted(places)
    assert doc.index(">>> ", places[-1]) > places[-1]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_docstrings_match_the_signatures(function):
    found = validate(f"{function.__module__}.{function.__qualname__}")["errors"]
    assert [error for error in found if error[0] in NUMPYDOC_CODES] == []


def test_the_oracle_says_what_it_needs():
    code = "import sys; sys.modules['mpmath'] = None; import xent.oracle"
    command = [sys.executable, "-c", code]
    errors = subprocess.run(command, check=False, capture_output=True, text=True).stderr
    assert "the oracle needs mpmath: pip install mpmath, or xent with its extra oracle" in errors
