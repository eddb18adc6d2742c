"""Drop-in replacements for the losses of torch.nn: torch's own modules with a new forward pass."""

from __future__ import annotations

from typing import Any, ClassVar

import torch

from xent._validation import check_not_by_name
from xent.torch import _older, functional
from xent.torch._interop import as_tensor_like

Tensor = torch.Tensor
_Layer: Any = getattr(torch.nn, "LinearCrossEntropyLoss", _older.LinearCrossEntropyLoss)


def _as_buffer(value: Any, name: str) -> Any:
    """Copy weights given as a list or NumPy array into a tensor."""
    if value is None or isinstance(value, Tensor):
        return value
    check_not_by_name(value, name)
    like = torch.empty(0)  # on the default device, where modules are created
    return as_tensor_like(value, like, name).clone()


class _WithOptions:
    """What xent adds to torch's modules: more options, and weights as lists or NumPy arrays."""

    # Positions of the weights among the arguments. inspect.signature would give the same, but
    # cannot be traced if a compiled function creates a module.
    _weights: ClassVar[dict[int, str]] = {0: "weight"}

    def __init__(
        self, *args: Any, z_loss: float = 0.0, softcap: float | None = None, **kwargs: Any
    ) -> None:
        for name in ("weight", "pos_weight"):
            if name in kwargs:
                kwargs[name] = _as_buffer(kwargs[name], name)
        names = self._weights
        given = [_as_buffer(v, names[i]) if i in names else v for i, v in enumerate(args)]
        super().__init__(*given, **kwargs)
        self.z_loss, self.softcap = z_loss, softcap

    def _options(self, *others: str) -> dict[str, Any]:
        """The function's options, from the module's attributes."""
        names = ("weight", "reduction", "z_loss", "softcap", *others)
        return {name: getattr(self, name) for name in names}


class _OfClasses(_WithOptions):
    """The same for losses of classes, which may be those of a causal language model."""

    def __init__(
        self,
        *args: Any,
        shift: bool = False,
        z_loss: float = 0.0,
        softcap: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, z_loss=z_loss, softcap=softcap, **kwargs)
        self.shift = shift

    def _class_options(self) -> dict[str, Any]:
        return self._options("shift", "ignore_index", "label_smoothing")


class CrossEntropyLoss(_OfClasses, torch.nn.CrossEntropyLoss):
    """Softmax cross-entropy, as torch.nn.CrossEntropyLoss.

    Parameters
    ----------
    *args, **kwargs
        Those of torch.nn.CrossEntropyLoss. Weights may be lists or NumPy arrays too.
    shift, z_loss, softcap
        As for `xent.torch.cross_entropy`.

    Examples
    --------
    >>> import torch
    >>> from xent.torch import CrossEntropyLoss
    >>> loss = CrossEntropyLoss(label_smoothing=0.1)
    >>> print(f"{loss(torch.tensor([[2.0, 1.0, 0.1]]), torch.tensor([0])).item():.4f}")
    0.5137
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:  # noqa: A002 - torch's own name
        """The loss."""
        loss: Tensor = functional.cross_entropy(input, target, **self._class_options())
        return loss


class BCEWithLogitsLoss(_WithOptions, torch.nn.BCEWithLogitsLoss):
    """Binary cross-entropy of logits, as torch.nn.BCEWithLogitsLoss.

    Parameters
    ----------
    *args, **kwargs
        Those of torch.nn.BCEWithLogitsLoss. Weights may be lists or NumPy arrays too.
    z_loss, softcap
        As for `xent.torch.cross_entropy`.

    Examples
    --------
    >>> import torch
    >>> from xent.torch import BCEWithLogitsLoss
    >>> print(f"{BCEWithLogitsLoss()(torch.tensor([2.0]), torch.tensor([1.0])).item():.4f}")
    0.1269
    """

    _weights: ClassVar[dict[int, str]] = {0: "weight", 4: "pos_weight"}

    def forward(self, input: Tensor, target: Tensor) -> Tensor:  # noqa: A002 - torch's own name
        """The loss."""
        options = self._options("pos_weight")
        return functional.binary_cross_entropy_with_logits(input, target, **options)


class LinearCrossEntropyLoss(_OfClasses, _Layer):  # type: ignore[misc]
    """Cross-entropy of a linear layer that the module owns, as torch.nn.LinearCrossEntropyLoss.

    Parameters
    ----------
    *args, **kwargs
        Those of torch.nn.LinearCrossEntropyLoss. Weights may be lists or NumPy arrays too.
    shift, z_loss, softcap
        As for `xent.torch.cross_entropy`.

    Examples
    --------
    >>> import torch
    >>> from xent.torch import LinearCrossEntropyLoss
    >>> loss = LinearCrossEntropyLoss(4, 10)
    >>> loss(torch.zeros(2, 4), torch.tensor([1, 2])).item() == torch.tensor(10.0).log().item()
    True
    """

    _weights: ClassVar[dict[int, str]] = {}

    def forward(self, input: Tensor, target: Tensor) -> Tensor:  # noqa: A002 - torch's own name
        """The loss."""
        layer = self.linear
        shape = (self.num_classes, *self.out_features)
        loss: Tensor = functional.linear_cross_entropy(
            input,
            layer.weight.reshape(*shape, layer.weight.shape[-1]),
            target,
            linear_bias=None if layer.bias is None else layer.bias.reshape(shape),
            **self._class_options(),
        )
        return loss
