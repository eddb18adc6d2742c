"""A process group: this rank's position, the collectives, and the check that the ranks agree."""

from __future__ import annotations

import zlib
from typing import Any

import torch
import torch.distributed as dist

Tensor = torch.Tensor

AGREED = {
    "shape": "the shape of the logits less the class axis differs",
    "dtype": "the dtype differs",
    "options": "the options differ",
    "targets": "targets or sample_weight differ",
    "inputs": "the inputs differ",
}
"""What must be the same on every rank, and the error if it is not."""

BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}
"""Integer dtypes, by the number of bytes of the float they replace."""


class VocabGroup:
    """The ranks over which the classes are divided."""

    def __init__(self, group: Any, position: int | None = None) -> None:
        if not dist.is_available() or not dist.is_initialized():
            msg = "there is no process group. Call torch.distributed.init_process_group first; "
            raise RuntimeError(msg + "for all classes in one process use xent.cross_entropy.")
        if group is not None and not isinstance(group, dist.ProcessGroup):
            msg = f"group is {type(group).__name__}; expected a process group."
            if hasattr(group, "get_group"):
                msg += " Pass group.get_group()."
            if isinstance(group, int):  # what new_group returns to ranks outside
                msg += " This rank is not in the group: only its members may call the loss."
            raise TypeError(msg)
        self.group: Any = group if group is not None else dist.group.WORLD
        self.size = dist.get_world_size(self.group)
        rank = dist.get_rank(self.group)
        if rank < 0:
            msg = "this rank is not in the group: only its members may call the loss."
            raise ValueError(msg)
        self.position = rank if position is None else position
        """This rank's position in the order of the classes."""

    def sum(self, tensor: Tensor) -> Tensor:
        """Sum over the ranks, in place."""
        dist.all_reduce(tensor, dist.ReduceOp.SUM, self.group)
        return tensor

    def max(self, tensor: Tensor) -> Tensor:
        """Maximum over the ranks, in place. The result for NaN depends on the backend."""
        dist.all_reduce(tensor, dist.ReduceOp.MAX, self.group)
        return tensor

    def device(self) -> str:
        """A device on which the group can add; the same on every rank, whatever its arguments."""
        backends = dist.get_backend_config(self.group).split(",")
        devices = [backend.partition(":")[0] for backend in backends]
        return "cpu" if "cpu" in devices else devices[0]

    def check_agreement(
        self, classes: int, fingerprints: dict[str, int], error: Exception | None
    ) -> list[int]:
        """The number of classes on each rank; raises if the ranks disagree in anything else.

        One sum of a small table, in which each rank fills its own row. It comes before every other
        collective, so that a rank whose arguments are wrong does not leave the others waiting.
        """
        own = [classes, int(error is not None), *(fingerprints.get(name, 0) for name in AGREED)]
        table = torch.zeros((self.size, len(own)), dtype=torch.int64)
        table[self.position] = torch.tensor(own)
        rows = self.sum(table.to(self.device())).tolist()
        if error is not None:
            raise error
        for rank, row in enumerate(rows):
            if row[1]:
                msg = f"rank {rank} of the group has an error in its arguments, and reports it; "
                raise ValueError(msg + f"this is rank {self.position}.")
        for column, difference in enumerate(AGREED.values(), 2):
            for rank, row in enumerate(rows):
                if row[column] != rows[0][column]:
                    msg = f"the ranks do not agree: {difference} between rank 0 and "
                    msg += f"rank {rank} of the group; this is rank {self.position}. "
                    raise ValueError(msg + "Only the classes are divided over the ranks.")
        return [row[0] for row in rows]


def fingerprint(*values: Any) -> int:
    """A number that distinguishes lists of plain values."""
    return zlib.crc32(repr(values).encode())


def checksum(*tensors: Tensor | None) -> int:
    """A number that distinguishes tensors, including the order of their entries."""
    total = 0
    for tensor in tensors:
        total *= 31
        if tensor is None:
            continue
        flat = tensor.detach().reshape(-1)
        bits = flat.double().view(torch.int64) if flat.dtype.is_floating_point else flat.long()
        # Odd factors lose nothing, and int64 wraps around.
        places = torch.arange(len(flat), device=flat.device) * 0x9E3779B1 + 1
        total += int((bits * (2 * places + 1)).sum().item())
    return (total + 2**63) % 2**64 - 2**63  # as int64 holds it


def checksum_of_rows(tensor: Tensor) -> int:
    """A cheaper `checksum`, which ignores the order within a row."""
    rows = tensor.detach().contiguous()
    size = rows.element_size()
    whole = rows.shape[-1] * size % 8 == 0 and rows.storage_offset() * size % 8 == 0
    bits = rows.view(torch.int64 if whole else BITS[size])
    return checksum(bits.sum(-1, dtype=torch.int64))
