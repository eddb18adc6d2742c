"""Causal language models from `transformers`, with a loss that does not need their logits."""

from __future__ import annotations

import functools
import inspect
import types
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from xent._options import LossOptions
from xent._validation import check_number
from xent.torch._deferred_logits import DeferredLogits
from xent.torch._losses import cross_entropy, linear_cross_entropy
from xent.torch._tokens import next_token_labels

__all__ = ["fuse", "unfuse"]

Model = TypeVar("Model", bound=torch.nn.Module)
STATE = "_xent_fusion"
LOSS_ATTRIBUTE = "_loss_function"
"""Where `transformers` keeps a loss function that was set on a model."""


@dataclass
class Fusion:
    """State that a fused model and its output layer share."""

    label_smoothing: float
    labels_index: int
    """Position of `labels` among the positional arguments of forward."""
    previous_forward: Any
    """A forward that was already set on the model; the fused forward calls it."""
    active: bool = False
    """Is a forward pass with labels in progress?"""
    deferred: DeferredLogits | None = None
    """The output layer's logits of this pass."""
    losses: int = 0
    """How many losses were computed from deferred logits in this pass."""


def fuse(model: Model, *, label_smoothing: float = 0.0) -> Model:
    r"""Make a causal language model compute its loss without holding its logits.

    .. math:: \ell = \frac{1}{n} \sum_{i:\, y_i \ne -100} \bigl(A(W h_i) - (W h_i)_{y_i}\bigr)

    When called with labels, the model passes its last hidden states :math:`h` and the weight of its
    output layer to `xent.linear_cross_entropy`. A call without labels works as before, and so does
    ``generate``.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        A model whose loss is that of a causal language model and whose output layer is a
        `torch.nn.Linear`, tied to the embeddings or not, with or without a bias. Scale factors on
        the logits and a softcap (Gemma 2) become part of the loss. Changed in place.
    label_smoothing : float in [0, 1], default 0
        As for `xent.cross_entropy`. Pass it here rather than to the Trainer, whose own
        ``label_smoothing_factor`` works from logits.

    Returns
    -------
    model : transformers.PreTrainedModel
        The same object.

    Raises
    ------
    TypeError
        If the model has no such loss or output layer; the message says which. The model is not
        changed.
    RuntimeError
        In the first forward pass with labels, if the model does more to its logits before the loss
        than scale and cap them.

    Notes
    -----
    The model's loss shifts the labels and ignores -100. ``shift_labels`` and
    ``num_items_in_batch`` work as in the stock loss: the sum of the losses is divided by the
    latter, so accumulated gradients equal those of one large batch. A batch without labels has loss
    0 and gradient 0, not NaN. Logits and loss are computed in at least float32, so for a
    half-precision model the loss is more accurate than the stock loss.

    A pass with labels does not compute ``outputs.logits``. Their first use computes them, at the
    cost of the stock model, so predictions and accuracy in the Trainer's evaluation work unchanged.
    Using them after the optimizer has changed the weights is an error.

    Examples
    --------
    >>> import torch
    >>> from transformers import LlamaConfig, LlamaForCausalLM
    >>> from xent.torch import huggingface
    >>> config = LlamaConfig(
    ...     vocab_size=100, hidden_size=16, intermediate_size=32,
    ...     num_hidden_layers=1, num_attention_heads=2,
    ... )
    >>> model = huggingface.fuse(LlamaForCausalLM(config))
    >>> ids = torch.arange(12).reshape(2, 6)
    >>> outputs = model(input_ids=ids, labels=ids)
    >>> outputs.loss.backward()
    >>> outputs.logits
    DeferredLogits((2, 6, 100), torch.float32, not computed)
    """
    check_number(label_smoothing, "label_smoothing", 0, 1)
    unfuse(model)
    inner = _unwrapped(model)
    head = _output_layer(inner)
    fusion = Fusion(float(label_smoothing), _labels_index(inner), inner.__dict__.get("forward"))
    for module, make_forward in ((inner, _model_forward), (head, _head_forward)):
        setattr(module, STATE, fusion)
        # With the name and the signature of the stock forward, because the Trainer reads them.
        forward = functools.wraps(type(module).forward)(make_forward())
        module.forward = types.MethodType(forward, module)
    setattr(inner, LOSS_ATTRIBUTE, functools.partial(_loss, fusion))
    return model


def unfuse(model: Model) -> Model:
    """Restore a model's own loss; a model that is not fused is left unchanged.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        Changed in place.

    Returns
    -------
    model : transformers.PreTrainedModel
        The same object.

    Examples
    --------
    >>> from transformers import GPT2Config, GPT2LMHeadModel
    >>> from xent.torch import huggingface
    >>> config = GPT2Config(vocab_size=100, n_embd=16, n_layer=1, n_head=2)
    >>> model = huggingface.fuse(GPT2LMHeadModel(config))
    >>> huggingface.unfuse(model) is model
    True
    """
    inner = _unwrapped(model)
    fusion = inner.__dict__.get(STATE)
    if fusion is None:
        return model
    for module in (inner, inner.get_output_embeddings()):
        if module.__dict__.pop(STATE, None) is not None:
            module.__dict__.pop("forward", None)
    if fusion.previous_forward is not None:
        inner.forward = fusion.previous_forward
    inner.__dict__.pop(LOSS_ATTRIBUTE, None)
    return model


def _unwrapped(model: Any) -> Any:
    """The `transformers` model inside a PEFT model, which calls its forward."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _model_forward() -> Any:
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        fusion: Fusion = getattr(self, STATE)
        # The instance's forward is this function. A deep copy of a model has its own `self`.
        stock = fusion.previous_forward or functools.partial(type(self).forward, self)
        labels = kwargs.get("labels", dict(enumerate(args)).get(fusion.labels_index))
        if labels is None:
            return stock(*args, **kwargs)
        fusion.active, fusion.deferred, fusion.losses = True, None, 0
        try:
            outputs = stock(*args, **kwargs)
            if not fusion.losses:
                raise RuntimeError(_unfused(self, fusion))
        finally:  # generate also calls the output layer, outside such a pass
            fusion.active, fusion.deferred = False, None
        return outputs

    return forward


def _head_forward() -> Any:
    # Not compiled: deferred logits decide while they run whether to be computed.
    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def forward(self: Any, inputs: torch.Tensor) -> torch.Tensor:
        fusion: Fusion = getattr(self, STATE)
        if not fusion.active:
            return type(self).forward(self, inputs)  # type: ignore[no-any-return]
        fusion.deferred = DeferredLogits(inputs, self.weight, self.bias)
        return fusion.deferred

    return forward


@torch.compiler.disable  # type: ignore[untyped-decorator]
def _loss(
    fusion: Fusion,
    logits: torch.Tensor,
    labels: torch.Tensor,
    vocab_size: int | None = None,
    num_items_in_batch: torch.Tensor | float | None = None,
    ignore_index: int = -100,
    shift_labels: torch.Tensor | None = None,
    **kwargs: Any,
) -> Any:
    """The function that `transformers` calls as the model's loss."""
    del vocab_size, kwargs  # as in the stock loss
    if shift_labels is None:
        shift_labels = next_token_labels(labels, ignore_index=ignore_index)
    options = LossOptions(
        ignore_index=ignore_index,
        label_smoothing=fusion.label_smoothing,
        # A mean with its divisor given: in half precision, gradients of a sum may overflow.
        divisor=None if num_items_in_batch is None else float(num_items_in_batch),
    )
    if isinstance(logits, DeferredLogits) and logits.computed is not None:
        logits = logits.computed
    if not isinstance(logits, DeferredLogits):
        return cross_entropy(logits, shift_labels.to(logits.device), options)
    fusion.losses += 1
    inputs, weight, bias, softcap = logits.layer()
    targets = shift_labels.to(inputs.device)
    options = options.replace(softcap=softcap)
    return linear_cross_entropy(inputs, weight, targets, bias, options)


def _output_layer(model: Any) -> Any:
    """The layer that makes the logits; raises if it or the loss cannot be fused."""
    name = type(model).__name__
    if not hasattr(model, "loss_function") or not hasattr(model, "get_output_embeddings"):
        msg = f"model is {name}, which has no loss_function or no get_output_embeddings; "
        raise TypeError(msg + "expected a causal language model from transformers.")
    loss = getattr(model.loss_function, "__name__", repr(model.loss_function))
    if loss != "ForCausalLMLoss":
        msg = f"The loss of {name} is {loss}; expected ForCausalLMLoss, the loss of causal "
        raise TypeError(msg + "language models.")
    head = model.get_output_embeddings()
    if head is None:
        msg = f"{name} has no output layer: get_output_embeddings() is None; expected a "
        raise TypeError(msg + "torch.nn.Linear, such as lm_head.")
    stock = isinstance(head, torch.nn.Linear) and type(head).forward is torch.nn.Linear.forward
    if not stock or not head.weight.is_floating_point():
        kind = f"{type(head).__module__}.{type(head).__qualname__}"
        msg = f"The output layer of {name} is {kind}; expected torch.nn.Linear, since the loss is "
        raise TypeError(msg + "computed from its weight and bias.")
    if "forward" in head.__dict__:
        msg = f"The output layer of {name} has a forward of its own, set by {_origin(head)}; "
        raise TypeError(msg + "expected that of torch.nn.Linear. Fuse the model first.")
    return head


def _origin(head: Any) -> str:
    forward = head.__dict__["forward"]
    return str(getattr(getattr(forward, "func", forward), "__module__", "someone"))


def _labels_index(model: Any) -> int:
    names = list(inspect.signature(type(model).forward).parameters)
    if "labels" not in names:
        msg = f"forward of {type(model).__name__} takes no labels, so it computes no loss."
        raise TypeError(msg)
    return names.index("labels") - 1


def _unfused(model: Any, fusion: Fusion) -> str:
    msg = f"{type(model).__name__} computed no loss from deferred logits: "
    if fusion.deferred is None:
        msg += "its forward did not call the output layer."
    elif fusion.deferred.uses:
        msg += f"its forward used them in {fusion.deferred.uses[0]}, which xent cannot include in "
        msg += "the loss (it can include factors and a tanh softcap)."
    else:
        msg += "its forward did not pass them to model.loss_function."
    return msg + " Call xent.torch.huggingface.unfuse(model)."
