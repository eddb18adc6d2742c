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

PROBED = 1024
"""Entries of a parameter that are looked at to see whether it changes."""


class Layers:
    """One forward hook, on the model itself; layers get theirs only where a NaN is looked for."""

    def __init__(self, model: torch.nn.Module, watched: Callable[[], tuple[int, bool]]) -> None:
        self.model = model
        self.fault: Fault | None = None
        self._watched = watched
        """The number of the current step, and whether it is sampled."""
        self._searching = False
        self._hook = model.register_forward_hook(self._look, with_kwargs=True)
        self._probes: list[torch.Tensor] = []
        self._unchanged_since: int | None = None

    def remove(self) -> None:
        """Take the hook off the model."""
        self._hook.remove()

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

    def _look(self, _: Any, args: Any, kwargs: Any, output: Any) -> None:
        """See whether the output is finite: on a GPU in sampled steps alone, since that waits."""
        import torch

        if self.fault or self._searching or not torch.is_grad_enabled():
            return
        tensor = next(tensors(output), None)
        step, sampled = self._watched()
        if tensor is None or not (tensor.device.type == "cpu" or sampled) or is_sound(tensor):
            return
        self._searching = True
        try:
            self.fault = self._search(step, args, kwargs)
        finally:
            self._searching = False

    def _search(self, step: int, args: Any, kwargs: Any) -> Fault | None:
        """Where the first number arose that is not finite."""
        inner = getattr(self.model, "_orig_mod", self.model)
        return (
            _in_parameters(step, inner)
            or _in_inputs(step, (args, kwargs))
            or _in_layers(step, inner, args, kwargs)
        )


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
        seen = (
            f"In step {step} the output of the model was not finite, but its inputs and parameters "
            "were. Layers are not looked at where several processes train together."
        )
        return Fault(step, "NaN in a layer", seen)
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
    if not first:
        first.append(
            f"In step {step} the output of the model was not finite, but its inputs and parameters "
            "were, and so were all layers when the batch was run again (dropout differs each time)."
        )
    return Fault(step, "NaN in a layer", first[0])


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
