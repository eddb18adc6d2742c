"""Losses of classes divided over two processes, beside torch's loss_parallel and a gather.

    python benchmarks/parallel.py

Each process has one thread. A time is the smallest of several, of loss and gradient on the slower
rank; the ways take turns.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F  # noqa: N812 - everyone's name for it
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Shard
from torch.distributed.tensor.parallel import loss_parallel

import xent
from xent.torch import parallel

RANKS = 2
ROUNDS = 5
SHAPES = [
    (4096, 32000, torch.float32),
    (4096, 32000, torch.bfloat16),
    (512, 128256, torch.float32),
    (64, 32000, torch.float32),
]
Ways = dict[str, Callable[[], object]]


def ways(rank: int, rows: int, classes: int, dtype: torch.dtype) -> Ways:
    """Loss and gradient of the same logits, by whom."""
    width = classes // RANKS
    z = torch.randn(rows, width, generator=torch.Generator().manual_seed(rank)).to(dtype)
    y = torch.randint(0, classes, (rows,), generator=torch.Generator().manual_seed(RANKS))
    leaf = z.clone().requires_grad_()
    mesh = init_device_mesh("cpu", (RANKS,))
    dealt = DTensor.from_local(z, mesh, [Shard(1)], run_check=False).requires_grad_()
    share = torch.randn(rows // RANKS, classes).to(dtype).requires_grad_()

    def ours() -> None:
        torch.autograd.grad(parallel.cross_entropy(leaf, y), leaf)

    def theirs() -> None:
        with loss_parallel():
            torch.autograd.grad(F.cross_entropy(dealt, y), dealt)

    def gathered() -> None:
        parts = [torch.empty_like(z) for _ in range(RANKS)]
        dist.all_gather(parts, z)
        parts[rank] = leaf
        torch.autograd.grad(F.cross_entropy(torch.cat(parts, 1), y), leaf)

    def undivided() -> None:
        loss: torch.Tensor = xent.cross_entropy(share, y[: len(share)])
        torch.autograd.grad(loss, share)

    return {
        "xent": ours,
        "loss_parallel": theirs,
        "gather, F.cross_entropy": gathered,
        "xent, as many logits undivided": undivided,
    }


def measured(found: Ways) -> dict[str, float]:
    """Milliseconds of each, on the slower rank."""
    best = dict.fromkeys(found, float("inf"))
    for turn in range(ROUNDS + 1):
        for name, way in found.items():
            dist.barrier()
            start = time.perf_counter()
            way()
            if turn:
                best[name] = min(best[name], time.perf_counter() - start)
    times = torch.tensor(list(best.values())) * 1e3
    dist.all_reduce(times, dist.ReduceOp.MAX)
    return dict(zip(best, times.tolist(), strict=True))


def work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    store = f"file://{folder}/store"
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=RANKS)
    for rows, classes, dtype in SHAPES:
        times = measured(ways(rank, rows, classes, dtype))
        if rank == 0:
            shown = "   ".join(f"{name} {ms:.1f}" for name, ms in times.items())
            print(f"{rows} x {classes} {str(dtype)[6:]}, ms: {shown}", flush=True)
    dist.destroy_process_group()


def main() -> None:
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": "lo", "XENT_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(Path(__file__)), folder]
        running = [subprocess.Popen([*command, str(r)], env=environment) for r in range(RANKS)]
        for process in running:
            process.wait()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        work(int(sys.argv[2]), sys.argv[1])
    else:
        main()
