"""Models of transformers whose loss does not need their logits, held against the stock ones."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from causal_models import MODELS, apart, batch, fused, loss_and_gradients, stock

pytestmark = pytest.mark.usefixtures("quiet_transformers")


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


def test_no_tensor_is_as_large_as_the_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch.utils._python_dispatch import TorchDispatchMode

    from xent._engine import linear as chunked

    monkeypatch.setattr(chunked, "CHUNK", 50 * 8)

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
    assert compiled(**inputs).logits.computed is None
    compiled_loss, compiled_gradients = loss_and_gradients(compiled, **inputs)
    assert apart(compiled_loss, loss) < 1e-6
    assert apart(compiled_gradients, gradients) < 1e-5
    torch._dynamo.reset()
