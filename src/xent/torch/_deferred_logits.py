"""Logits of a linear layer that are computed only if something needs their values."""

from __future__ import annotations

from typing import Any

import torch

from xent.torch import _compat

Tensor = torch.Tensor

# Attributes and functions that do not need the values.
METADATA = {
    Tensor.device.__get__,
    Tensor.dim,
    Tensor.dtype.__get__,  # type: ignore[attr-defined]
    Tensor.is_floating_point,
    Tensor.layout.__get__,  # type: ignore[attr-defined]
    Tensor.ndim.__get__,  # type: ignore[attr-defined]
    Tensor.numel,
    Tensor.shape.__get__,  # type: ignore[attr-defined]
    Tensor.size,
    torch.is_floating_point,
    torch.numel,
}
# Operations that are deferred: applied when the logits are computed, or taken into the loss.
CASTS = {Tensor.contiguous, Tensor.float}
TIMES = {Tensor.mul, Tensor.__mul__, Tensor.__rmul__, torch.mul, torch.multiply}
OVER = {Tensor.div, Tensor.__truediv__, torch.div, torch.true_divide, torch.divide}
TANH = {Tensor.tanh, torch.tanh}


class DeferredLogits(torch.Tensor):
    """``cap * tanh(factor * z)``, or ``factor * z`` without a cap, where ``z = W x + b``.

    A model that scales or caps its logits before its loss gets another such tensor. Any other use
    computes the logits, which then replace this tensor.
    """

    inputs: Tensor
    weight: Tensor
    bias: Tensor | None
    factor: float
    cap: float | None
    computed: Tensor | None
    grad_mode: bool
    """Whether gradients were enabled when the layer was called."""
    versions: list[Any]
    uses: list[str]
    """Functions that needed the values, of these logits or of those they were scaled from."""

    @staticmethod
    def __new__(
        cls,
        inputs: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        factor: float = 1.0,
        cap: float | None = None,
        dtype: torch.dtype | None = None,
    ) -> DeferredLogits:
        """Store the layer; nothing is computed."""
        self: DeferredLogits = _compat.make_wrapper(
            cls,
            (*inputs.shape[:-1], len(weight)),
            dtype or torch.promote_types(inputs.dtype, weight.dtype),
            inputs.device,
        )
        self.inputs, self.weight, self.bias = inputs, weight, bias
        self.factor, self.cap = factor, cap
        self.computed, self.uses = None, []
        self.grad_mode = torch.is_grad_enabled()
        self.versions = _versions(inputs, weight, bias)
        return self

    def __init__(self, *arguments: Any) -> None:
        del arguments

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        """The shape and dtype, without computing the logits."""
        del tensor_contents
        state = "not computed" if self.computed is None else f"computed for {self.uses[-1]}"
        return f"DeferredLogits({tuple(self.shape)}, {self.dtype}, {state})"

    def compute(self, used_by: str = "compute") -> Tensor:
        """The logits, with the same gradient as if computed in the forward pass."""
        if self.computed is None:
            if self.versions != _versions(self.inputs, self.weight, self.bias):
                msg = "These logits were not computed in the forward pass, and the weights have "
                msg += f"changed since, so {used_by} would get different ones. Use them before the "
                raise RuntimeError(msg + "optimizer's step.")
            with torch.set_grad_enabled(self.grad_mode):
                self.computed = self._logits()
            self.uses.append(used_by)
        return self.computed

    def layer(self) -> tuple[Tensor, Tensor, Tensor | None, float | None]:
        """Inputs, weight, bias and cap of a layer that has the same logits without a factor."""
        # The loss applies cap * tanh(z / cap), these logits cap * tanh(factor * z).
        scale = self.factor if self.cap is None else self.factor * self.cap
        x, b = self.inputs, self.bias
        if abs(scale - 1) > 1e-12:  # z / 30 * 30 is z
            kind = torch.promote_types(x.dtype, torch.float32)
            x, b = x.to(kind) * scale, None if b is None else b.to(kind) * scale
        return x, self.weight, b, self.cap

    def _logits(self) -> Tensor:
        kind = torch.promote_types(self.inputs.dtype, self.weight.dtype)
        bias = None if self.bias is None else self.bias.to(kind)
        z = torch.nn.functional.linear(self.inputs.to(kind), self.weight.to(kind), bias)
        if self.factor != 1:
            z = z * self.factor
        if self.cap is not None:
            z = torch.tanh(z) * self.cap
        return z.to(self.dtype)

    def _with(self, **changes: Any) -> DeferredLogits:
        now = {"factor": self.factor, "cap": self.cap, "dtype": self.dtype} | changes
        new = DeferredLogits(
            self.inputs, self.weight, self.bias, now["factor"], now["cap"], now["dtype"]
        )
        new.uses = self.uses
        return new

    def defer(self, func: Any, args: tuple[Any, ...], kwargs: Any) -> DeferredLogits | None:
        """The deferred result of an operation; None if it cannot be deferred."""
        if self.computed is not None or kwargs:
            return None
        match args:
            case (_,) if func in CASTS:
                return self._with(dtype=torch.float32) if func is Tensor.float else self
            case (_,) if func in TANH and self.cap is None:
                return self._with(cap=1.0)
            case (_, torch.dtype() as dtype) if func is Tensor.to and dtype.is_floating_point:
                return self._with(dtype=dtype)
            case (_, (int() | float()) as number) if func in OVER and number > 0:
                return self._times(1 / number)
            case (_, (int() | float()) as number) if func in TIMES and number > 0:
                return self._times(number)
        return None

    def _times(self, number: float) -> DeferredLogits:
        if self.cap is None:
            return self._with(factor=self.factor * number)
        return self._with(cap=self.cap * number)

    @classmethod
    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Defer the operation, or compute the logits for it."""
        kwargs = kwargs or {}
        if func in METADATA:
            return super().__torch_function__(func, types, args, kwargs)
        if args and isinstance(args[0], cls):
            deferred = args[0].defer(func, args, kwargs)
            if deferred is not None:
                return deferred
        name = getattr(func, "__name__", str(func))
        return func(*_with_logits(args, name), **_with_logits(kwargs, name))

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Refuse uses that bypass Python: they would lose the gradient."""
        del types, args, kwargs
        msg = f"{func} reached logits that are not computed. Pass it logits.compute()."
        raise RuntimeError(msg)


def _with_logits(value: Any, used_by: str) -> Any:
    """Arguments of a function with computed logits in place of deferred ones."""
    if isinstance(value, DeferredLogits):
        return value.compute(used_by)
    if isinstance(value, dict):
        return {key: _with_logits(each, used_by) for key, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_with_logits(each, used_by) for each in value)
    return value


def _versions(*tensors: Tensor | None) -> list[Any]:
    """How often each was written to; 0 for inference tensors, which have no count."""
    return [0 if t is None or t.is_inference() else _compat.version(t) for t in tensors]
