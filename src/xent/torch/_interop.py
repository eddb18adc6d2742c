"""CPU tensors as NumPy arrays over the same memory, and the checks of tensor arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from xent._options import LossOptions
from xent._validation import NAMES, Array, Names
from xent.torch._autograd_state import check_constant
from xent.torch._plain_calls import is_recorded

_NUMPY = {torch.float16: np.float16, torch.float32: np.float32, torch.float64: np.float64}
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def array(tensor: torch.Tensor) -> Array:
    """The tensor's memory as a NumPy array; bfloat16 with the dtype of ml_dtypes."""
    if (
        tensor.numel() and not tensor.data_ptr()
    ):  # zeros without memory, which PyTorch 2.8 cannot convert
        tensor = torch.zeros(tensor.shape, dtype=tensor.dtype, device=tensor.device)
    if tensor.dtype == torch.bfloat16:
        bits = tensor.resolve_neg().view(torch.int16)
        return bits.numpy(force=True).view(_bfloat16())
    return tensor.numpy(force=True)


def tensor(value: Any, dtype: torch.dtype) -> torch.Tensor:
    """A NumPy number or array as a tensor, in few steps, because small losses need it."""
    if dtype == torch.bfloat16:  # which torch does not take from NumPy
        return torch.from_numpy(np.asarray(value).view(np.int16)).view(dtype)
    return torch.from_numpy(np.asarray(value, _NUMPY[dtype]))


def readable(tensor: torch.Tensor) -> bool:
    """Can its values be read now?"""
    return tensor.is_cpu and not is_recorded()


def with_arrays(options: LossOptions) -> LossOptions:
    """The options with their weights as NumPy arrays."""
    return options.map_weights(lambda weight, _: array(weight))


def with_tensors(options: LossOptions, like: torch.Tensor) -> LossOptions:
    """The options with their weights as tensors on the logits' device; weights get no gradient."""

    def convert(weight: Any, name: str) -> torch.Tensor:
        tensor = as_tensor_like(weight, like, name)
        check_constant(tensor, name)
        return tensor

    return options.map_weights(convert)


def loss_dtype(dtype: torch.dtype) -> torch.dtype:
    """The dtype of a loss: that of the logits, or float32 for half precision."""
    return dtype if dtype == torch.float64 else torch.float32


def sum_dtype(device: torch.device) -> torch.dtype:
    """The dtype of weights and sums over rows: float64 where every device of the type has it."""
    return torch.float64 if device.type in ("cpu", "cuda", "meta") else torch.float32


def as_scores(value: Any, name: str, names: Names = NAMES["xent tensors"]) -> torch.Tensor:
    """The value as a dense floating-point tensor on any device; raises for anything else."""
    if not isinstance(value, torch.Tensor):
        msg = f"{name} is {type(value).__name__}; expected a torch tensor, like the others."
        raise TypeError(msg)
    if value.dtype not in FLOATS:
        floats = ", ".join(str(dtype) for dtype in FLOATS)
        msg = f"{name} has dtype {value.dtype}; expected one of {floats}."
        if not value.dtype.is_floating_point and not value.dtype.is_complex:
            swapped = f" Are {name} and {names.targets} swapped? If not, pass"
            msg += f"{swapped if names.targets else ' Pass'} {name}.float()."
        raise TypeError(msg)
    if value.layout != torch.strided:
        msg = f"{name} has layout {value.layout}; expected a dense tensor: pass {name}.to_dense()."
        raise TypeError(msg)
    return value


def as_tensor_like(value: Any, like: torch.Tensor, name: str) -> torch.Tensor:
    """Targets and weights as tensors on the device of `like`, from tensors, arrays or lists."""
    if not isinstance(value, torch.Tensor):
        return _as_tensor(value, name, like)
    check_device(value, like, name)
    return value


def check_device(tensor: torch.Tensor, like: torch.Tensor, name: str) -> None:
    """Check that the tensors of a loss are on one device."""
    if tensor.device != like.device:
        msg = f"{name} is on {tensor.device}, but the other tensors are on {like.device}. "
        raise ValueError(msg + f"Pass {name}.to({str(like.device)!r}).")


def _as_tensor(value: Any, name: str, like: torch.Tensor) -> torch.Tensor:
    try:
        tensor = torch.as_tensor(value, device=like.device)
        if tensor.dtype.is_floating_point and not hasattr(value, "dtype"):
            # Python numbers, which PyTorch would round to float32.
            tensor = torch.as_tensor(value, dtype=sum_dtype(like.device), device=like.device)
        return tensor
    except (TypeError, ValueError, RuntimeError):
        targets = name in ("targets", "target")
        expected = "class labels or probabilities" if targets else "numbers"
        msg = f"{name} is {value!r:.60}; expected a tensor of {expected}."
        raise TypeError(msg) from None


def _bfloat16() -> Any:
    try:
        import ml_dtypes
    except ModuleNotFoundError:
        message = (
            "bfloat16 tensors need ml_dtypes: pip install ml_dtypes, or xent with its extra torch"
        )
        raise ModuleNotFoundError(message, name="ml_dtypes") from None
    return ml_dtypes.bfloat16
