"""Models of transformers whose loss does not need their logits, held against the stock ones."""

from __future__ import annotations

import copy
import inspect
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from helpers import import_torch

LAYERS = {
    "vocab_size": 50, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2,
    "num_attention_heads": 2, "num_key_value_heads": 1, "initializer_range": 0.2,
}  # fmt: skip
GPT2 = {
    "vocab_size": 50, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32,
    "bos_token_id": 0, "eos_token_id": 1, "initializer_range": 0.2,
    "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0,
}  # fmt: skip
MODELS = {
    "llama": ("Llama", LAYERS),
    "llama, tied": ("Llama", {**LAYERS, "tie_word_embeddings": True}),
    "qwen2": ("Qwen2", LAYERS),
    "gpt2, tied": ("GPT2", GPT2),
    "gemma2, softcap": ("Gemma2", {**LAYERS, "head_dim": 8, "final_logit_softcapping": 3.0}),
    "granite, scaled": ("Granite", {**LAYERS, "logits_scaling": 0.3}),
    "phi, bias": ("Phi", {**LAYERS, "num_key_value_heads": 2}),
    "mixtral, auxiliary loss": (
        "Mixtral",
        {
            **LAYERS,
            "num_local_experts": 2,
            "output_router_logits": True,
            "experts_implementation": "eager",
        },
    ),
}


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is asked of the hub; one thread; transformers' log only reports errors."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import_torch()
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    yield
    logging.set_verbosity(verbosity)


def stock(name: str, dtype: str = "float32", seed: int = 0) -> Any:
    """A small model with random weights; a bias, if it has one, too."""
    import torch
    import transformers

    torch.manual_seed(seed)
    family, options = MODELS[name]
    suffix = "LMHeadModel" if family == "GPT2" else "ForCausalLM"
    config = getattr(transformers, f"{family}Config")(**options)
    model = getattr(transformers, f"{family}{suffix}")(config)
    for parameter in model.parameters():
        if parameter.ndim == 1:
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
    return model.to(getattr(torch, dtype))


def fused(model: Any, **options: Any) -> Any:
    from xent.torch import huggingface

    return huggingface.fuse(copy.deepcopy(model), **options)


def batch(rows: int = 3, length: int = 9, seed: int = 0) -> dict[str, Any]:
    """Tokens and labels; each row ignores its own number of places."""
    import torch

    ids = torch.from_numpy(np.random.default_rng(seed).integers(50, size=(rows, length)))
    labels = ids.clone()
    for row in range(rows):
        labels[row, : (2 * row) % (length - 1)] = -100
    return {"input_ids": ids, "labels": labels}


def loss_and_gradients(model: Any, **inputs: Any) -> tuple[Any, Any]:
    """The loss and all parameters' gradients as one vector."""
    import torch

    model.zero_grad()
    loss = model(**inputs).loss
    loss.backward()
    gradients = [p.grad.double().ravel() for p in model.parameters() if p.grad is not None]
    return loss.detach(), torch.cat(gradients)


def exact(model: Any, *, items: float | None = None, smoothing: float = 0.0, **inputs: Any) -> Any:
    """Loss and gradients in float64, from the stock model's logits; the stock loss is float32."""
    import torch

    twin = copy.deepcopy(model).double()
    labels = inputs["labels"][:, 1:].ravel()
    outputs = twin(**inputs)
    loss = torch.nn.functional.cross_entropy(
        outputs.logits[:, :-1].flatten(0, 1), labels, reduction="sum", label_smoothing=smoothing
    )
    loss = loss / ((labels != -100).sum() if items is None else items)
    if getattr(outputs, "aux_loss", None) is not None:
        loss = loss + twin.router_aux_loss_coef * outputs.aux_loss
    loss.backward()
    gradients = [p.grad.ravel() for p in twin.parameters() if p.grad is not None]
    return loss.detach(), torch.cat(gradients)


def apart(a: Any, b: Any) -> float:
    """The largest difference, relative to the largest entry."""
    a, b = a.detach().double(), b.detach().double()
    return float((a - b).abs().max() / b.abs().max())


@pytest.mark.parametrize("items", [None, 40], ids=["mean", "num_items_in_batch"])
@pytest.mark.parametrize("name", MODELS)
def test_loss_and_gradients_are_exact(name: str, items: int | None) -> None:
    model, inputs = stock(name), batch()
    given = inputs if items is None else {**inputs, "num_items_in_batch": items}
    loss, gradients = loss_and_gradients(fused(model), **given)
    true_loss, true_gradients = exact(model, items=items, **inputs)
    stock_loss, stock_gradients = loss_and_gradients(model, **given)
    assert apart(loss, true_loss) < 5e-7
    assert apart(gradients, true_gradients) < 2e-6
    assert apart(loss, stock_loss) < 1e-6
    assert apart(gradients, stock_gradients) < 4e-6


@pytest.mark.parametrize("name", MODELS)
def test_float64_is_exact_to_its_own_digits(name: str) -> None:
    model, inputs = stock(name, "float64"), batch()
    loss, gradients = loss_and_gradients(fused(model), **inputs)
    true_loss, true_gradients = exact(model, **inputs)
    # Normalisation and the router work in float32 even there, alike in both.
    assert loss.dtype == true_loss.dtype
    assert apart(loss, true_loss) < 1e-14
    assert apart(gradients, true_gradients) < 1e-12


@pytest.mark.parametrize("name", MODELS)
def test_half_precision_is_nearer_to_the_truth_than_the_stock(name: str) -> None:
    model, inputs = stock(name, "bfloat16"), batch()
    loss, gradients = loss_and_gradients(fused(model), **inputs)
    stock_loss, stock_gradients = loss_and_gradients(model, **inputs)
    assert loss.dtype == stock_loss.dtype
    # Alone, the last hidden states of either are off by what bfloat16 leaves of them.
    assert apart(loss, stock_loss) < 2e-2
    assert apart(gradients, stock_gradients) < 6e-2


def test_half_precision_loss_is_that_of_its_hidden_states() -> None:
    import torch

    model, inputs = stock("llama", "bfloat16"), batch()
    hidden = model.model(inputs["input_ids"]).last_hidden_state[:, :-1].double()
    logits = (hidden @ model.lm_head.weight.double().T).flatten(0, 1)
    truth = torch.nn.functional.cross_entropy(logits, inputs["labels"][:, 1:].ravel())
    ours = fused(model)(**inputs).loss
    theirs = model(**inputs).loss
    assert apart(ours, truth) < 1e-6
    assert apart(ours, truth) < apart(theirs, truth) / 100


def curve(model: Any, steps: int = 50) -> Any:
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    for step in range(steps):
        optimizer.zero_grad()
        loss = model(**batch(4, 12, seed=step % 5)).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses)


@pytest.mark.parametrize("name", MODELS)
def test_fifty_steps_of_training_follow_the_stock_curve(name: str) -> None:
    model = stock(name)
    ours, theirs = curve(fused(model)), curve(model)
    assert ours[-5:].mean() < ours[:5].mean() - 0.5
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


def test_accumulated_gradients_are_those_of_the_large_batch() -> None:
    """Micro-batches with unequal numbers of labels: the mean of their means would be wrong."""
    import torch

    model, inputs = stock("llama"), batch(4)
    items = (inputs["labels"][:, 1:] != -100).sum()
    one = fused(model)
    loss, gradients = loss_and_gradients(one, **inputs)
    many = fused(model)
    losses = []
    for row in range(4):
        part = {key: value[row : row + 1] for key, value in inputs.items()}
        losses.append(many(**part, num_items_in_batch=items).loss)
        losses[-1].backward()
    total = torch.cat([p.grad.double().ravel() for p in many.parameters()])
    assert apart(sum(losses), loss) < 1e-6
    assert apart(total, gradients) < 2e-6


def trained(model: Any, folder: Any, rows: int, steps: int, **options: Any) -> Any:
    from transformers import Trainer, TrainingArguments

    arguments = TrainingArguments(
        str(folder), per_device_train_batch_size=rows, gradient_accumulation_steps=8 // rows,
        max_steps=steps, learning_rate=3e-3, logging_steps=1, report_to=[], save_strategy="no",
        use_cpu=True, disable_tqdm=True, seed=0, **options,
    )  # fmt: skip
    columns = batch(16, 12)
    data = [{key: value[row] for key, value in columns.items()} for row in range(16)]
    trainer = Trainer(model=model, args=arguments, train_dataset=data, eval_dataset=data)
    trainer.train()
    return trainer


def losses_of(trainer: Any) -> Any:
    return np.array([entry["loss"] for entry in trainer.state.log_history if "loss" in entry])


def test_the_trainer_accumulates_as_with_the_stock_loss(tmp_path: Any) -> None:
    model = stock("gpt2, tied")
    theirs = losses_of(trained(copy.deepcopy(model), tmp_path, 2, 8))
    trainer = trained(fused(model), tmp_path, 2, 8)
    whole = losses_of(trained(fused(model), tmp_path, 8, 8))
    assert trainer.model_accepts_loss_kwargs
    np.testing.assert_allclose(losses_of(trainer), theirs, rtol=1e-5)
    np.testing.assert_allclose(losses_of(trainer), whole, rtol=1e-5)
    # Evaluation with predictions has logits, which are made for it.
    predicted = trainer.predict(trainer.eval_dataset)
    assert predicted.predictions.shape == (16, 12, 50)
    assert predicted.metrics["test_loss"] == pytest.approx(trainer.evaluate()["eval_loss"])


def test_label_smoothing_is_the_trainers(tmp_path: Any) -> None:
    model = stock("llama")
    theirs = losses_of(trained(copy.deepcopy(model), tmp_path, 2, 4, label_smoothing_factor=0.2))
    ours = losses_of(trained(fused(model, label_smoothing=0.2), tmp_path, 2, 4))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    # The Trainer's own takes the labels away from the model, and works from logits as before.
    plain = losses_of(trained(fused(model), tmp_path, 2, 4, label_smoothing_factor=0.2))
    np.testing.assert_allclose(plain, theirs, rtol=1e-5)


def test_label_smoothing_is_exact() -> None:
    model, inputs = stock("gemma2, softcap"), batch()
    loss, gradients = loss_and_gradients(fused(model, label_smoothing=0.1), **inputs)
    true_loss, true_gradients = exact(model, smoothing=0.1, **inputs)
    assert apart(loss, true_loss) < 1e-6
    assert apart(gradients, true_gradients) < 2e-6


def test_shifted_labels_and_another_ignored_label_are_taken() -> None:
    import torch

    model, inputs = stock("llama"), batch()
    ours = fused(model)
    shifted = torch.nn.functional.pad(inputs["labels"], (0, 1), value=-100)[:, 1:]
    loss = ours(**inputs).loss
    assert torch.equal(ours(**inputs, shift_labels=shifted.contiguous()).loss, loss)
    labels = torch.where(inputs["labels"] == -100, 7, inputs["labels"])
    seven = {"input_ids": inputs["input_ids"], "labels": labels, "ignore_index": 7}
    assert apart(ours(**seven).loss, model(**seven).loss) < 1e-6


@pytest.mark.parametrize("options", [{}, {"num_items_in_batch": 0}], ids=["mean", "items"])
def test_a_batch_without_labels_has_loss_0_and_gradient_0(options: dict[str, int]) -> None:
    inputs = batch()
    inputs["labels"] = inputs["labels"].new_full(inputs["labels"].shape, -100)
    loss, gradients = loss_and_gradients(fused(stock("llama")), **inputs, **options)
    assert loss == 0
    assert not gradients.any()


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
    assert repr(outputs.logits) == "DeferredLogits((3, 9, 50), torch.float32, not made)"
    assert torch.equal(outputs.logits.argmax(-1), theirs.argmax(-1))
    assert "made for argmax" in repr(outputs.logits)
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
        "These logits were not made in the forward pass, and weights have changed since, so "
        "argmax would see others. Use them before the optimizer's step."
    )


def test_no_tensor_is_as_large_as_the_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch.utils._python_dispatch import TorchDispatchMode

    from xent.backends.torch import linear

    monkeypatch.setattr(linear, "CHUNK", 50 * 8)

    class Sizes(TorchDispatchMode):
        largest = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None):
            del types
            result = func(*args, **(kwargs or {}))
            for one in result if isinstance(result, tuple | list) else [result]:
                if hasattr(one, "numel"):
                    self.largest = max(self.largest, one.numel())
            return result

    inputs = batch(8, 30)
    largest = {}
    for name, model in (("stock", stock("llama")), ("fused", fused(stock("llama")))):
        with Sizes() as sizes:
            model(**inputs).loss.backward()
        largest[name] = sizes.largest
    assert largest["stock"] == 8 * 30 * 50
    assert largest["fused"] < 8 * 30 * 50


def test_frozen_weights_get_no_gradient() -> None:
    model = fused(stock("llama"))
    model.lm_head.weight.requires_grad_(False)
    model(**batch()).loss.backward()
    assert model.lm_head.weight.grad is None
    assert model.model.embed_tokens.weight.grad.any()


def test_inputs_and_weights_are_not_overwritten() -> None:
    import torch

    model, inputs = fused(stock("gpt2, tied")), batch()
    before = copy.deepcopy((model.state_dict(), inputs))
    model(**inputs).loss.backward()
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[0][name]), name
    for name, value in inputs.items():
        assert torch.equal(value, before[1][name]), name


def test_a_tuple_is_returned_where_one_is_asked_for() -> None:
    model, inputs = stock("llama"), batch()
    loss, logits, *_ = fused(model)(**inputs, return_dict=False)
    assert apart(loss, model(**inputs).loss) < 1e-6
    assert logits.shape == (3, 9, 50)


def test_autocast_and_inference_mode() -> None:
    import torch

    model, inputs = stock("llama"), batch()
    ours = fused(model)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = ours(**inputs)
        assert apart(outputs.loss, model(**inputs).loss) < 2e-2
    assert outputs.logits.argmax(-1).shape == (3, 9)
    with torch.inference_mode():
        outputs = ours(**inputs)
        assert apart(outputs.loss, model(**inputs).loss) < 1e-6
        assert outputs.logits.argmax(-1).shape == (3, 9)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
def test_a_compiled_model_has_the_same_loss() -> None:
    import torch

    model, inputs = stock("gemma2, softcap"), batch()
    torch._dynamo.reset()
    ours = fused(model)
    compiled = torch.compile(ours, backend="aot_eager")
    loss, gradients = loss_and_gradients(ours, **inputs)
    assert compiled(**inputs).logits.made is None
    compiled_loss, compiled_gradients = loss_and_gradients(compiled, **inputs)
    assert apart(compiled_loss, loss) < 1e-6
    assert apart(compiled_gradients, gradients) < 1e-5
    torch._dynamo.reset()


def test_copies_are_fused_by_themselves_and_pickles_compute_the_stock_loss() -> None:
    import pickle

    model, inputs = fused(stock("gemma2, softcap")), batch()
    loss = model(**inputs).loss.detach()
    twin = copy.deepcopy(model)
    twin.lm_head.weight.data.mul_(2)
    outputs = twin(**inputs)
    assert outputs.logits.made is None
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
    assert huggingface.fuse(model)(**batch()).logits.made is None
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
    assert wrapper(**batch()).logits.made is None
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
            "model is Linear, which has no loss_function and no get_output_embeddings; expected a "
            "causal language model of transformers.",
        ),
        (
            "masked",
            "The loss of BertForMaskedLM is ForMaskedLMLoss; expected ForCausalLMLoss, that of "
            "causal language models.",
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
            "its forward used them in add, which xent cannot take into the loss (factors and a "
            "tanh softcap it can).",
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
