"""A hook on a PyTorch model that finds the layer and the rows where a number is not finite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from xent._format import counted
from xent._validation import Array
from xent.check._watch.run import Fault
from xent.check.naming import MOST, Names, figure

if TYPE_CHECKING:
    import torch

MOST_CALLS = 64
"""Calls of the model in a step that are kept."""

PROBED = 1024
"""Entries of a parameter that are looked at to see whether it changes."""


class Layers:
    """One forward hook, on the model itself; layers get theirs only where a NaN is looked for.

    The hook only keeps what the model was called with: even one operation on its output would cost
    a small model's step a percent.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        import torch

        self.model = model
        self._learns = torch.is_grad_enabled
        self._calls: list[tuple[Any, Any]] = []
        """Arguments of the calls since the last step."""
        self._hook = model.register_forward_hook(self._keep, with_kwargs=True)
        self._probes: list[torch.Tensor] = []
        self._unchanged_since: int | None = None

    def remove(self) -> None:
        """Take the hook off the model."""
        self._hook.remove()
        self._calls.clear()

    def forget(self) -> None:
        """Begin another step."""
        self._calls.clear()

    def unchanged_since(self, step: int) -> int | None:
        """The first sampled step since which no parameter has changed; None if one has."""
        import torch

        found = []
        for parameter in self.model.parameters():
            flat = parameter.detach().reshape(-1)
            found.append(flat[:: max(1, len(flat) // PROBED)].clone())
        same = len(found) == len(self._probes) and all(map(torch.equal, found, self._probes))
        if not same:
            self._unchanged_since = step if not self._probes else None
            self._probes = found
        return self._unchanged_since

    def search(self, step: int) -> Fault | None:
        """Where a number arose in this step that is not finite; None if all outputs are finite."""
        inner = getattr(self.model, "_orig_mod", self.model)
        calls, self._calls = self._calls, []
        fault = _in_parameters(step, inner) if calls else None
        for args, kwargs in calls:
            fault = (
                fault or _in_inputs(step, (args, kwargs)) or _in_layers(step, inner, args, kwargs)
            )
        return fault

    def _keep(self, _: Any, args: Any, kwargs: Any, output: Any) -> None:  # noqa: ARG002
        if self._learns() and len(self._calls) < MOST_CALLS:
            self._calls.append((args, kwargs))


def tensors(value: Any) -> Iterator[torch.Tensor]:
    """The floating tensors in nested tuples, lists and mappings, in order."""
    if hasattr(value, "is_floating_point"):
        if value.is_floating_point():
            yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from tensors(part)
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from tensors(part)


def is_sound(tensor: torch.Tensor) -> bool:
    """Is no entry NaN or +inf? -inf is a mask."""
    import torch

    tensor = tensor.detach()
    # A sum is one pass, and not finite if an entry is not; it may also overflow.
    return bool(torch.isfinite(tensor.sum())) or not bool(_wrong(tensor).any())


def _wrong(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.isnan() | tensor.isposinf()


def _rows(tensor: torch.Tensor) -> str:
    """The rows with an entry that is not finite, and what it is."""
    import torch

    wrong = ~torch.isfinite(tensor.detach())
    first = "NaN" if bool(tensor.isnan().any()) else "infinite"
    if tensor.ndim == 0:
        return first
    bad: Array = wrong.reshape(len(wrong), -1).any(dim=1).cpu().numpy()
    return f"{first} in {Names((len(bad),)).rows(np.flatnonzero(bad), len(bad))}"


def _in_parameters(step: int, model: torch.nn.Module) -> Fault | None:
    """Not in buffers: a batch norm has changed its own by the time that the output is seen."""
    names = [name for name, _ in model.named_parameters()]
    bad = [name for name, p in model.named_parameters() if not is_sound(p)]
    if not bad:
        return None
    listed = ", ".join(bad[:MOST]) + (f" and {len(bad) - MOST} more" if len(bad) > MOST else "")
    seen = (
        f"Before step {step}, {len(bad)} of the model's {counted(len(names), 'parameter')} held "
        f"NaN or inf: {listed}."
    )
    sound = names[names.index(bad[-1]) + 1 :]
    if sound and step:
        seen += (
            f" {sound[0]} and all after it were finite, so the gradient of step {step - 1} was "
            "not finite from there backwards."
        )
    return Fault(step, "NaN in the parameters", seen)


def _in_inputs(step: int, given: Any) -> Fault | None:
    for position, tensor in enumerate(tensors(given)):
        # Masks hold -inf, but they are not what comes first.
        if not is_sound(tensor) or (not position and bool(tensor.isinf().any())):
            seen = f"In step {step} the input of the model is {_rows(tensor)}."
            return Fault(step, "NaN in the inputs", seen)
    return None


def _in_layers(step: int, model: torch.nn.Module, args: Any, kwargs: Any) -> Fault | None:
    """Run the batch once more, with a hook on each layer."""
    import torch

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return None  # a rank that runs the model alone would wait for the others
    first: list[str] = []
    sound: list[str] = []

    def hook(layer: str) -> Callable[..., None]:
        def look(module: Any, inputs: Any, output: Any) -> None:
            bad = next((t for t in tensors(output) if not is_sound(t)), None)
            if bad is None:
                sound.append(layer)
            elif not first:
                first.append(_arose(step, layer, module, inputs, bad, sound))

        return look

    hooks = [m.register_forward_hook(hook(name)) for name, m in model.named_modules()]
    buffers = [(b, b.clone()) for b in model.buffers()]
    try:
        with torch.no_grad(), torch.random.fork_rng():
            model(*args, **kwargs)
            for buffer, before in buffers:
                buffer.copy_(before)
    finally:
        for each in hooks:
            each.remove()
    return Fault(step, "NaN in a layer", first[0]) if first else None


def _arose(
    step: int, layer: str, module: Any, inputs: Any, bad: torch.Tensor, sound: list[str]
) -> str:
    kind = type(module).__name__
    name = f"layer {layer} ({kind})" if layer else f"the model's own code ({kind}.forward)"
    seen = f"In step {step} the output of {name} is the first that is not finite: {_rows(bad)}."
    given = next(tensors(inputs), None)
    if given is not None and given.numel() and is_sound(given):
        seen += f" Its input lies between {figure(float(given.min()))} and "
        seen += f"{figure(float(given.max()))}."
    if sound and (not layer or sound[-1].startswith(f"{layer}.")):
        seen += f" The last layer before it with a finite output is {sound[-1]}."
    return seen
