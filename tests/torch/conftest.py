"""The tests of the twins run twice: by the CPU's kernels, and by the array engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

TWICE = {
    "test_torch_complaints",
    "test_torch_entropy",
    "test_torch_functions",
    "test_torch_generators",
    "test_torch_higher_derivatives",
    "test_torch_label_loss",
    "test_torch_losses",
    "test_torch_next_token",
    "test_torch_positions",
    "test_torch_transforms",
    "test_torch_twins",
}
"""Files that compare losses with PyTorch's, or with the exact answer."""

LONG = {
    "test_torch_entropy",
    "test_torch_functions",
    "test_torch_generators",
    "test_torch_higher_derivatives",
    "test_torch_transforms",
}
"""Those whose second run is left to `make test-slow`: derivatives of every order and option."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Both engines for the tests in these files, unless marked as about the CPU's."""
    name = metafunc.module.__name__.rpartition(".")[2]
    if name not in TWICE:
        return
    marked = metafunc.definition.get_closest_marker("of_the_cpu") is not None
    metafunc.fixturenames.append("tensor_engine")
    marks = [pytest.mark.slow, pytest.mark.thorough] if name in LONG else []
    engines = ["cpu", *([] if marked else [pytest.param("array", marks=marks)])]
    metafunc.parametrize("tensor_engine", engines, indirect=True)


@pytest.fixture
def tensor_engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """What computes tensors on the CPU."""
    from xent.torch._array.choice import array_engine

    with array_engine(on_cpu=request.param == "array"):
        yield request.param
