"""Kernels on the OpenMP threads of PyTorch."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from helpers import import_torch, printed

torch = import_torch()

import xent  # noqa: E402
from xent import threads  # noqa: E402
from xent._engine.cpu import pool  # noqa: E402
from xent.torch import binary_cross_entropy_with_logits, cross_entropy  # noqa: E402

GENERATOR = torch.Generator().manual_seed(4)
SHAPES = [(90_000, 3), (4_000, 100), (400, 1_500)]


@pytest.fixture(autouse=True)
def counts() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
    xent.set_num_threads(None)


def results(z: Any, y: Any) -> list[bytes]:
    z.grad = None
    loss = cross_entropy(z, y)
    loss.backward()
    binary = binary_cross_entropy_with_logits(z, (z > 0).float(), reduction="none")
    return [each.detach().numpy().tobytes() for each in (loss, z.grad, binary)]


def case(shape: tuple[int, int]) -> tuple[Any, Any]:
    z = torch.randn(shape, generator=GENERATOR).requires_grad_()
    return z, torch.randint(shape[1], shape[:1], generator=GENERATOR)


@pytest.fixture
def members(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many threads each job was given to that OpenMP did."""
    seen: list[int] = []
    original: Callable[..., Any] = pool.run

    def run(address: int, others: int, parallel: int, *call: Any) -> Any:
        if parallel:
            seen.append(others + 1)
        return original(address, others, parallel, *call)

    monkeypatch.setattr(pool, "run", run)
    return seen


@pytest.mark.skipif(sys.platform != "linux", reason="PyTorch has GNU's OpenMP on Linux")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_bits_are_those_of_one_thread(shape: tuple[int, int], members: list[int]) -> None:
    z, y = case(shape)
    xent.set_num_threads(1)
    alone = results(z, y)
    assert not members
    for count in (2, 3, 7):
        xent.set_num_threads(8)  # at most: PyTorch has fewer
        torch.set_num_threads(count)
        assert results(z, y) == alone
        assert set(members) == {count}
        members.clear()


def test_threads_of_its_own_where_pytorch_has_one_or_too_many(members: list[int]) -> None:
    z, y = case((90_000, 3))
    for allowed, of_torch in ((2, 3), (2, 1)):
        xent.set_num_threads(allowed)
        torch.set_num_threads(of_torch)
        results(z, y)
        assert threads.team() == (0, allowed)
    assert not members


@pytest.mark.parametrize("library", ["/nowhere/lib.so", sys.executable])
def test_a_library_without_openmp_changes_nothing(library: str) -> None:
    before = threads._parallel, threads._openmp_count
    threads.share_openmp(library, lambda: 9)
    assert (threads._parallel, threads._openmp_count) == before


def test_many_callers_at_once() -> None:
    xent.set_num_threads(2)
    torch.set_num_threads(2)
    cases = [case(shape) for shape in SHAPES]
    expected = [results(*each) for each in cases]
    wrong = []

    def work(which: int) -> None:
        torch.set_num_threads(2)  # a setting of the thread
        z, y = cases[which][0].detach().clone().requires_grad_(), cases[which][1]
        if not all(results(z, y) == expected[which] for _ in range(50)):
            wrong.append(which)

    callers = [threading.Thread(target=work, args=(n % 3,)) for n in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


def test_a_forked_child_has_threads_of_its_own() -> None:
    code = """if True:
        import os, warnings, torch, xent
        from xent import threads
        from xent._engine.cpu import pool
        from xent.torch import cross_entropy
        warnings.simplefilter("ignore")
        xent.set_num_threads(2)
        torch.set_num_threads(2)
        z, y = torch.ones(90_000, 10), torch.zeros(90_000, dtype=torch.long)
        expected = cross_entropy(z, y).item()
        child = os.fork()
        if child == 0:
            same = all(cross_entropy(z, y).item() == expected for _ in range(20))
            os._exit(0 if same and threads.team() == (0, 2) and pool.current.size == 1 else 1)
        print(os.waitpid(child, 0)[1])"""
    assert printed(code) == "0"
