"""What fusing changes of a model of transformers, what it leaves alone, and what it refuses."""

from __future__ import annotations

import copy
import inspect
import io
from typing import Any

import pytest
from causal_models import LAYERS, apart, batch, fused, loss_and_gradients, stock

pytestmark = pytest.mark.usefixtures("quiet_transformers")


def test_without_labels_the_model_is_as_before() -> None:
    import torch

    model = stock("gemma2, softcap").eval()
    ours, ids = fused(model), batch()["input_ids"]
    logits = ours(ids).logits
    assert type(logits) is torch.Tensor
    assert torch.equal(logits, model(ids).logits)
    options = {"max_new_tokens": 6, "do_sample": False, "pad_token_id": 0}
    assert torch.equal(ours.generate(ids, **options), model.generate(ids, **options))
    assert str(inspect.signature(ours.forward)) == str(inspect.signature(model.forward))


@pytest.mark.parametrize("name", ["phi, bias", "gemma2, softcap", "granite, scaled"])
def test_logits_are_made_when_something_asks(name: str) -> None:
    import torch

    model, inputs = stock(name), batch()
    outputs, theirs = fused(model)(**inputs), model(**inputs).logits
    assert outputs.logits.shape == theirs.shape
    assert outputs.logits.dtype == theirs.dtype
    assert outputs.logits.device == theirs.device
    assert repr(outputs.logits) == "DeferredLogits((3, 9, 50), torch.float32, not computed)"
    assert torch.equal(outputs.logits.argmax(-1), theirs.argmax(-1))
    assert "computed for argmax" in repr(outputs.logits)
    made = outputs.logits.detach()
    assert type(made) is torch.Tensor
    torch.testing.assert_close(made, theirs.detach(), rtol=1e-6, atol=1e-6)
    assert outputs.logits.requires_grad
    stored = io.BytesIO()
    torch.save(outputs.logits.detach(), stored)


def test_made_logits_have_their_gradient() -> None:
    import torch

    model, inputs = stock("phi, bias"), batch()
    ours = fused(model)
    for one in (ours, model):
        outputs = one(**inputs)
        with torch.no_grad():
            outputs.logits.argmax(-1)
        (outputs.loss + outputs.logits.square().mean()).backward()
    for mine, theirs in zip(ours.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-6)


def test_logits_asked_for_after_the_step_are_refused() -> None:
    import torch

    model = fused(stock("llama"))
    outputs = model(**batch())
    outputs.loss.backward()
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    with pytest.raises(RuntimeError) as caught:
        outputs.logits.argmax(-1)
    assert str(caught.value) == (
        "These logits were not computed in the forward pass, and the weights have changed since, "
        "so argmax would get different ones. Use them before the optimizer's step."
    )


def test_a_tuple_is_returned_where_one_is_asked_for() -> None:
    model, inputs = stock("llama"), batch()
    loss, logits, *_ = fused(model)(**inputs, return_dict=False)
    assert apart(loss, model(**inputs).loss) < 1e-6
    assert logits.shape == (3, 9, 50)


def test_copies_are_fused_by_themselves_and_pickles_compute_the_stock_loss() -> None:
    import pickle

    model, inputs = fused(stock("gemma2, softcap")), batch()
    loss = model(**inputs).loss.detach()
    twin = copy.deepcopy(model)
    twin.lm_head.weight.data.mul_(2)
    outputs = twin(**inputs)
    assert outputs.logits.computed is None
    assert outputs.loss != loss
    assert model(**inputs).loss == loss
    assert apart(pickle.loads(pickle.dumps(model))(**inputs).loss, loss) < 1e-6


def test_unfuse_gives_everything_back() -> None:
    import torch

    from xent.torch import huggingface

    model, inputs = stock("llama"), batch()
    before = (set(model.__dict__), set(model.lm_head.__dict__), model.loss_function)
    assert huggingface.unfuse(model) is model
    assert huggingface.fuse(model) is model
    huggingface.fuse(model, label_smoothing=0.1)
    assert huggingface.unfuse(model) is model
    assert (set(model.__dict__), set(model.lm_head.__dict__), model.loss_function) == before
    assert type(model(**inputs).logits) is torch.Tensor


def test_a_forward_set_by_another_is_kept() -> None:
    from xent.torch import huggingface

    model = stock("llama")
    calls = []

    def forward(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        return type(model).forward(model, *args, **kwargs)

    model.forward = forward
    assert huggingface.fuse(model)(**batch()).logits.computed is None
    assert calls == [1]
    assert huggingface.unfuse(model).forward is forward


def test_a_wrapper_such_as_pefts_is_looked_into() -> None:
    """PEFT's models call forward of the one inside, not the module."""
    import torch

    from xent.torch import huggingface

    class Wrapper(torch.nn.Module):
        def __init__(self, model: Any) -> None:
            super().__init__()
            self.model = model

        def get_base_model(self) -> Any:
            return self.model

        def forward(self, *args: Any, **kwargs: Any) -> Any:
            return self.model.forward(*args, **kwargs)

    wrapper = Wrapper(stock("llama"))
    assert huggingface.fuse(wrapper) is wrapper
    assert wrapper(**batch()).logits.computed is None
    assert huggingface.unfuse(wrapper) is wrapper
    assert type(wrapper(**batch()).logits) is torch.Tensor


def unfusable(name: str) -> Any:
    import torch
    import transformers

    config = transformers.LlamaConfig(**LAYERS)
    match name:
        case "not a model":
            return torch.nn.Linear(2, 3)
        case "masked":
            return transformers.BertForMaskedLM(transformers.BertConfig(**LAYERS))
        case "no output layer":
            return transformers.LlamaModel(config)
    model = transformers.LlamaForCausalLM(config)
    if name == "another layer":
        model.lm_head = torch.nn.Sequential(model.lm_head)
    else:
        model.lm_head.forward = copy.copy
    return model


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "not a model",
            "model is Linear, which has no loss_function or no get_output_embeddings; expected a "
            "causal language model from transformers.",
        ),
        (
            "masked",
            "The loss of BertForMaskedLM is ForMaskedLMLoss; expected ForCausalLMLoss, the loss "
            "of causal language models.",
        ),
        (
            "no output layer",
            "LlamaModel has no output layer: get_output_embeddings() is None; expected a "
            "torch.nn.Linear, such as lm_head.",
        ),
        (
            "another layer",
            "The output layer of LlamaForCausalLM is torch.nn.modules.container.Sequential; "
            "expected torch.nn.Linear, since the loss is computed from its weight and bias.",
        ),
        (
            "forward",
            "The output layer of LlamaForCausalLM has a forward of its own, set by copy; "
            "expected that of torch.nn.Linear. Fuse the model first.",
        ),
    ],
)
def test_what_cannot_be_fused_is_named(name: str, message: str) -> None:
    from xent.torch import huggingface

    model = unfusable(name)
    before = set(model.__dict__)
    with pytest.raises(TypeError) as caught:
        huggingface.fuse(model)
    assert str(caught.value) == message
    assert set(model.__dict__) == before


def odd(kind: str) -> Any:
    """A model that does more to its logits than can be taken into the loss."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    class Odd(LlamaForCausalLM):
        def forward(self, input_ids: Any, labels: Any = None, **kwargs: Any) -> Any:
            logits = self.lm_head(self.model(input_ids).last_hidden_state)
            if kind == "bias":
                logits = logits / 3 + 1
                loss = self.loss_function(logits, labels, 50, **kwargs)
            elif kind == "other loss":
                loss = torch.tensor(0.0)
            return {"loss": loss, "logits": logits}

    return Odd(LlamaConfig(**LAYERS))


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (
            "bias",
            "its forward used them in add, which xent cannot include in the loss (it can include "
            "factors and a tanh softcap).",
        ),
        ("other loss", "its forward did not pass them to model.loss_function."),
    ],
)
def test_a_loss_that_was_not_fused_is_an_error(kind: str, reason: str) -> None:
    import torch

    from xent.torch import huggingface

    model = huggingface.fuse(odd(kind))
    with pytest.raises(RuntimeError) as caught:
        model(**batch())
    expected = f"Odd computed no loss from deferred logits: {reason} "
    assert str(caught.value) == expected + "Call xent.torch.huggingface.unfuse(model)."
    # The next call without labels is not in the middle of that pass.
    assert type(model.lm_head(torch.ones(1, 16))) is torch.Tensor


def test_bad_values_are_named() -> None:
    with pytest.raises(ValueError, match="label_smoothing"):
        fused(stock("llama"), label_smoothing=2.0)
    inputs = batch()
    inputs["labels"][2, 8] = 50
    with pytest.raises(ValueError, match="50"):
        fused(stock("llama"))(**inputs)


@pytest.mark.parametrize("name", ["llama", "gpt2, tied"])
def test_saved_weights_are_those_of_the_stock_model(name: str, tmp_path: Any) -> None:
    import torch

    model, inputs = stock(name), batch()
    ours = fused(model)
    assert list(ours.state_dict()) == list(model.state_dict())
    torch.optim.SGD(ours.parameters(), lr=0.1).step(lambda: loss_and_gradients(ours, **inputs)[0])
    loss = ours(**inputs).loss.detach()
    # Weights of one fit the other, both ways.
    model.load_state_dict(ours.state_dict())
    assert apart(model(**inputs).loss, loss) < 1e-6
    other = fused(stock(name, seed=1))
    other.load_state_dict(model.state_dict())
    assert other(**inputs).loss == loss
    # A folder holds a stock model, with nothing of ours in its configuration.
    ours.save_pretrained(tmp_path)
    loaded = type(model).from_pretrained(tmp_path)
    assert set(loaded.config.to_dict()) == set(model.config.to_dict()) | {"_name_or_path"}
    outputs = loaded(**inputs)
    assert type(outputs.logits) is torch.Tensor
    assert apart(outputs.loss, loss) < 1e-6
    assert fused(loaded)(**inputs).loss == loss


def test_sampling_after_a_step_is_the_stock_models() -> None:
    import torch

    model, ids = stock("gpt2, tied"), batch()["input_ids"]
    ours = fused(model)
    for one in (ours, model):
        one.train()(input_ids=ids, labels=ids).loss.backward()
        one.eval()
    options = {"max_new_tokens": 8, "do_sample": True, "top_k": 9, "pad_token_id": 0}
    torch.manual_seed(3)
    sampled = ours.generate(ids, **options)
    torch.manual_seed(3)
    assert torch.equal(sampled, model.generate(ids, **options))
