"""The pool of gradient buffers, and the direct way to the kernels."""

from __future__ import annotations

import copy
import gc
import io
import pickle
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import import_torch

import xent

torch = import_torch()

import torch.nn.functional as F  # noqa: E402, N812 - everyone's name for it

import xent.torch as twins  # noqa: E402
from xent._engine import buffer_pool, cpu  # noqa: E402
from xent.torch import _buffer_pool, _direct  # noqa: E402

MIB = 1 << 20
DTYPES = ["float16", "bfloat16", "float32", "float64"]


@pytest.fixture(autouse=True)
def empty_pool() -> None:
    gc.collect()
    twins.empty_cache()


@pytest.mark.parametrize("dtype", DTYPES)
def test_memory_comes_back_when_no_tensor_is_left(dtype: str) -> None:
    kind = getattr(torch, dtype)
    first = _buffer_pool.empty((MIB, 3), kind)
    assert first.shape == (MIB, 3)
    assert first.dtype == kind
    assert first.is_contiguous()
    place, part = first.data_ptr(), first[5:].numpy() if dtype != "bfloat16" else first[5:]
    del first
    assert _buffer_pool.empty((MIB, 3), kind).data_ptr() != place  # a view of it is held
    del part
    again = _buffer_pool.empty((MIB, 3), kind)
    assert again.data_ptr() == place
    again.fill_(1)
    assert (_buffer_pool.zeros((MIB, 3), kind) == 0).all()
    assert (again == 1).all()


def test_a_request_for_another_size_empties_the_pool() -> None:
    held = [_buffer_pool.empty((n * MIB,), torch.float32) for n in (1, 1, 3)]
    held.clear()
    assert sorted(block.nbytes // MIB for block in buffer_pool._free) == [4, 4, 12]
    little = _buffer_pool.empty((5 * MIB // 4,), torch.float32)  # 4 MiB is less, 12 too much
    assert not buffer_pool._free
    del little
    assert len(buffer_pool._free) == 1
    less = _buffer_pool.empty((MIB // 2,), torch.float32)  # 5 MiB is too much
    assert not buffer_pool._free
    del less
    twins.empty_cache()
    assert not buffer_pool._free


def test_no_more_than_four_buffers_are_kept() -> None:
    held = [_buffer_pool.empty((MIB,), torch.float32) for _ in range(9)]
    held.clear()
    assert len(buffer_pool._free) == buffer_pool.MAX_FREE == 4


def test_small_buffers_are_not_pooled() -> None:
    _buffer_pool.empty((buffer_pool.MIN_BYTES // 4 - 1,), torch.float32)
    assert not buffer_pool._free


def test_gradients_that_are_held_stay_as_they_are() -> None:
    """Ten at a time, beside ten threads that ask for the same sizes."""
    labels = torch.zeros(2000, dtype=torch.long)
    wrong = []

    def train(seed: int) -> None:
        held = []
        for step in range(10):
            z = torch.full((2000, 300), float(step), requires_grad=True)
            xent.cross_entropy(z, labels, reduction="sum").mul(seed + step).backward()
            held.append((z.grad, seed + step))
            if step % 3 == 2:
                del held[0]
        for grad, factor in held:
            due = factor / 300
            off = (grad[:, 1:] - due).abs().max() + (grad[:, 0] - due + factor).abs().max()
            if off > 1e-4 * factor:
                wrong.append((seed, factor))

    threads = [threading.Thread(target=train, args=(n,)) for n in range(1, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_loop_uses_the_same_memory() -> None:
    z = torch.randn(2000, 300, requires_grad=True)
    labels = torch.zeros(2000, dtype=torch.long)
    places = set()
    for _ in range(5):
        (grad,) = torch.autograd.grad(xent.cross_entropy(z, labels), z)
        places.add(grad.data_ptr())
        del grad
    assert len(places) == 1


def large_gradient() -> Any:
    z = torch.randn(600, 1000, requires_grad=True)
    xent.cross_entropy(z, torch.zeros(600, dtype=torch.long)).backward()
    return z.grad


def test_a_gradient_is_saved_copied_and_shared_as_others() -> None:
    grad = large_gradient()
    due = grad.clone()
    file = io.BytesIO()
    torch.save(grad, file)
    file.seek(0)
    for same in (torch.load(file), pickle.loads(pickle.dumps(grad)), copy.deepcopy(grad)):
        assert torch.equal(same, due)
    shared = grad.share_memory_()
    assert shared.is_shared()
    assert torch.equal(shared, due)
    assert large_gradient().resize_(10, 10).shape == (10, 10)
    with pytest.raises(RuntimeError, match="not resizable"):
        large_gradient().resize_(6000, 1000)


class Head(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(600, 1000)

    def forward(self, x: Any) -> Any:
        labels = torch.zeros(len(x), dtype=torch.long)
        return twins.linear_cross_entropy(x, self.layer.weight, labels, linear_bias=self.layer.bias)


def plain(head: Any) -> Any:
    return head


def replicated(head: Any) -> Any:
    return torch.nn.parallel.DistributedDataParallel(head, gradient_as_bucket_view=True)


def sharded(head: Any) -> Any:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    return fully_shard(head, mesh=init_device_mesh("cpu", (1,)))


@pytest.fixture
def group() -> Iterator[None]:
    dist = torch.distributed
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("group")
@pytest.mark.parametrize("wrapped", [plain, replicated, sharded])
def test_training_over_memory_used_again(wrapped: Any) -> None:
    torch.manual_seed(0)
    head, x = Head(), torch.randn(20, 600)
    other = copy.deepcopy(head)
    model = wrapped(head)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    due = torch.optim.SGD(other.parameters(), lr=0.1, momentum=0.9)
    for step in range(4):
        for each, own in ((model, optimizer), (other, due)):
            own.zero_grad(set_to_none=step % 2 == 0)
            if each is other:
                loss = F.cross_entropy(other.layer(x), torch.zeros(20, dtype=torch.long))
            else:
                loss = model(x)
            loss.backward()
            own.step()
    weight = head.layer.weight
    weight = weight.full_tensor() if wrapped is sharded else weight
    torch.testing.assert_close(weight, other.layer.weight, rtol=1e-4, atol=1e-5)


# The direct way.


def both(call: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """What a call gives, by the direct way and by the general one."""
    direct = call()
    with monkeypatch.context() as patch:
        patch.setattr(_direct, "_fits", lambda *_: False)
        return direct, call()


def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which losses went the direct way to the end."""
    names: list[str] = []
    for name in ("label_losses", "binary_losses"):
        original = getattr(_direct, name)

        def watched(*arguments: Any, original: Any = original, name: str = name) -> Any:
            result = original(*arguments)
            if result is not None:
                names.append(name)
            return result

        monkeypatch.setattr(_direct, name, watched)
    return names


def made(loss: Any, z: Any, *others: Any, **options: Any) -> Any:
    def call() -> Any:
        leaf = z.clone().requires_grad_()
        value = loss(leaf, *others, **options)
        value.sum().backward()
        return value.detach(), leaf.grad

    return call


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("ignore_index", [None, 2, -100])
def test_both_ways_agree(
    reduction: str, ignore_index: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = called(monkeypatch)
    generator = torch.Generator().manual_seed(2)
    for scale in (1, 30):
        z = torch.randn(9, 5, generator=generator) * scale
        labels = torch.randint(0, 5, (9,), generator=generator)
        if ignore_index is not None:
            labels[::4] = ignore_index
        options = {"reduction": reduction, "ignore_index": ignore_index}
        direct, general = both(made(xent.cross_entropy, z, labels, **options), monkeypatch)
        torch.testing.assert_close(direct, general, rtol=3e-7, atol=0)
        targets = torch.rand(9, 5, generator=generator)
        call = made(xent.binary_cross_entropy, z, targets, reduction=reduction)
        torch.testing.assert_close(*both(call, monkeypatch), rtol=3e-7, atol=1e-9)
    assert names == ["label_losses", "binary_losses"] * 2


def test_the_twins_take_the_direct_way_too(monkeypatch: pytest.MonkeyPatch) -> None:
    names = called(monkeypatch)
    z = torch.randn(8, 10, requires_grad=True)
    twins.cross_entropy(z, torch.zeros(8, dtype=torch.long)).backward()
    twins.binary_cross_entropy_with_logits(z, torch.rand(8, 10)).backward()
    assert names == ["label_losses", "binary_losses"]


EDGES = [
    [0.0, float("inf"), 1.0],
    [0.0, float("-inf"), 1.0],
    [float("nan"), 0.0, 1.0],
    [3e38, -3e38, 0.0],
    [-3e38, 3e38, 0.0],
    [float("-inf")] * 3,
    [800.0, 0.0, 0.0],
    [0.0, 800.0, 0.0],
]


@pytest.mark.parametrize("row", EDGES, ids=str)
@pytest.mark.parametrize("label", [0, 1, 2])
def test_edges_are_the_general_ones(
    row: list[float], label: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    z = torch.tensor([row, [1.0, 2.0, 3.0]])
    for reduction in ("mean", "none"):
        call = made(xent.cross_entropy, z, torch.tensor([label, 0]), reduction=reduction)
        torch.testing.assert_close(*both(call, monkeypatch), rtol=3e-7, atol=0, equal_nan=True)
        targets = torch.zeros(2, 3)
        targets[0, label] = 1
        call = made(xent.binary_cross_entropy, z, targets, reduction=reduction)
        torch.testing.assert_close(*both(call, monkeypatch), rtol=3e-7, atol=0, equal_nan=True)


def test_the_direct_way_raises_what_all_do(monkeypatch: pytest.MonkeyPatch) -> None:
    z = torch.zeros(2, 3)
    for label in (3, -1, -(2**63), 2**62):
        with pytest.raises(ValueError, match=r"but the logits have 3 classes \(0 to 2\)"):
            xent.cross_entropy(z, torch.tensor([0, label]))
    with pytest.raises(ValueError, match="expected 0, 1, or a probability"):
        xent.binary_cross_entropy(z, z + 1.5)
    with pytest.raises(TypeError, match=r"ignore_index is 1\.5; expected an integer"):
        xent.cross_entropy(z, torch.tensor([0, 1]), ignore_index=1.5)
    names = called(monkeypatch)
    ignored = torch.tensor([7, 7])
    assert xent.cross_entropy(z, ignored, ignore_index=7) == 0
    assert names == ["label_losses"]
    assert xent.cross_entropy(z[:0], torch.zeros(0, dtype=torch.long)) == 0


def test_without_kernels_all_go_the_general_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cpu, "load", lambda: None)
    names = called(monkeypatch)
    loss = xent.cross_entropy(torch.zeros(2, 4), torch.tensor([0, 3]))
    np.testing.assert_allclose(loss.item(), np.log(4), rtol=1e-7)
    assert not names


@pytest.mark.parametrize(
    ("rows", "most_files", "most_calls"), [(8, 9, 60), (64, 9, 60), (1024, 12, 75)]
)
def test_a_step_passes_through_few_files_and_calls(
    rows: int, most_files: int, most_calls: int
) -> None:
    z, y = torch.randn(rows, 1000, requires_grad=True), torch.zeros(rows, dtype=torch.long)
    files, calls = set(), 0

    def step() -> None:
        z.grad = None
        twins.cross_entropy(z, y).backward()

    def seen(frame: Any, event: str, _: Any) -> None:
        nonlocal calls
        if event == "call":
            calls += 1
            files.add(frame.f_code.co_filename)

    for _ in range(3):
        step()
    sys.setprofile(seen)
    try:
        step()
    finally:
        sys.setprofile(None)
    ours = {file for file in files if Path(file).is_relative_to(Path(xent.__file__).parent)}
    assert 5 < len(ours) <= most_files
    assert calls < most_calls
