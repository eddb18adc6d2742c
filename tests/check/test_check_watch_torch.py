"""`watch` on PyTorch models and on devices: its hook, and values that are read late."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from training_runs import PLANTED, X, Y, network, put, softmax_regression

import xent
from xent.check import Finding
from xent.check._watch import reading, watching


def steps_of(model: Any, x: Any, y: Any, number: int = 3, **told: Any) -> tuple[Finding, ...]:
    """Findings of some steps of SGD on the same rows."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with xent.check.watch(model, **told) as watch:
        for _ in range(number):
            logits = model(x)
            loss = nn.functional.cross_entropy(logits, y)
            watch.step(loss, logits, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return watch.report().findings


def hooks(model: Any) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def test_the_hook_is_one_and_is_taken_off() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    with xent.check.watch(model):
        assert hooks(model) == 1
    assert hooks(model) == 0
    watch = xent.check.watch(model)
    watch.close()
    watch.close()
    assert hooks(model) == 0
    with pytest.raises(KeyError), xent.check.watch(model):
        raise KeyError
    assert hooks(model) == 0


@pytest.mark.parametrize("late", [False, True])
def test_training_is_the_same_to_the_last_bit(monkeypatch: Any, late: bool) -> None:
    """With dropout, whose random numbers would show any that were drawn."""
    if late:
        monkeypatch.setattr(watching, "is_immediate", lambda value: False)
    x, y = torch.tensor(X[:64], dtype=torch.float32), torch.tensor(Y[:64])
    found = []
    for watched in (False, True):
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Linear(64, 32), nn.BatchNorm1d(32), nn.Dropout(0.5), nn.Linear(32, 10)
        )
        if watched:
            assert steps_of(model, x, y, 50) == ()
        else:
            optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
            for _ in range(50):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x), y).backward()
                optimizer.step()
        found.append({name: value.clone() for name, value in model.state_dict().items()})
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


class OwnCode(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(64, 8), nn.Linear(8, 10)

    def forward(self, x: Any, scale: Any = None) -> Any:
        hidden = self.first(x)
        return {"logits": self.last(hidden / scale)}


def test_a_nan_in_the_models_own_code_is_placed_after_a_layer() -> None:
    x, y = torch.tensor(X[:4], dtype=torch.float32), torch.tensor(Y[:4])
    torch.manual_seed(0)
    model = OwnCode()
    with xent.check.watch(model) as watch:
        for _ in range(3):
            scale = torch.tensor([[1.0], [1.0], [0.0], [1.0]])
            logits = model(x, scale=scale)["logits"]
            watch.step(nn.functional.cross_entropy(logits, y), logits, y)
    (finding,) = watch.report().findings
    assert finding.name == "NaN in a layer"
    assert finding.seen.startswith(
        "In step 0 the output of layer last (Linear) is the first that is not finite: NaN in row 2."
    )


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 10)

    def forward(self, x: Any) -> Any:
        return self.layer(x) / 0


def test_the_models_own_code_is_named_where_all_layers_are_finite() -> None:
    torch.manual_seed(0)
    x, y = torch.tensor(X[:4], dtype=torch.float32), torch.tensor(Y[:4])
    (finding,) = steps_of(Outer(), x, y, 1)
    assert "the output of the model's own code (Outer.forward)" in finding.seen
    assert finding.seen.endswith("The last layer before it with a finite output is layer.")


def test_parameters_that_were_nan_from_the_beginning() -> None:
    model = nn.Sequential(nn.Linear(64, 10))
    with torch.no_grad():
        model[0].bias[3] = torch.nan
    x, y = torch.tensor(X[:4], dtype=torch.float32), torch.tensor(Y[:4])
    (finding,) = steps_of(model, x, y, 1)
    assert finding.seen == "Before step 0, 1 of the model's 2 parameters held NaN or inf: 0.bias."


def test_the_statistics_of_a_batch_norm_are_not_blamed_for_its_input() -> None:
    model = nn.Sequential(nn.Linear(64, 8), nn.BatchNorm1d(8), nn.Linear(8, 10))
    x, y = torch.tensor(put(X, 2, np.nan)[:32], dtype=torch.float32), torch.tensor(Y[:32])
    (finding,) = steps_of(model, x, y, 1)
    assert (finding.name, finding.seen) == (
        "NaN in the inputs", "In step 0 the input of the model is NaN in row 2."
    )  # fmt: skip


def test_evaluations_without_a_gradient_are_not_looked_at() -> None:
    model = nn.Sequential(nn.Linear(64, 10))
    with xent.check.watch(model) as watch, torch.no_grad():
        model(torch.full((2, 64), torch.nan))
    assert watch.report().findings == ()


def test_masked_logits_are_no_mistake() -> None:
    class Masked(nn.Linear):
        def forward(self, x: Any) -> Any:
            return super().forward(x).masked_fill(torch.arange(10) == 9, -torch.inf)

    x, y = torch.tensor(X[:60], dtype=torch.float32), torch.tensor(Y[:60] % 9)
    (note,) = steps_of(nn.Sequential(Masked(64, 10)), x, y, 20)
    assert note.name == "class never in the labels"


def test_what_does_not_arise_again_is_told_by_the_logits() -> None:
    class Once(nn.Module):
        called = 0

        def forward(self, x: Any) -> Any:
            self.called += 1
            return x * (torch.nan if self.called == 2 else 1)

    x, y = torch.tensor(X[:60], dtype=torch.float32), torch.tensor(Y[:60])
    (finding,) = steps_of(nn.Sequential(nn.Linear(64, 10), Once()), x, y, 2)
    assert finding.name == "NaN in the logits"
    assert finding.seen.endswith("In its batch, a logit is NaN in all 60 rows.")


def test_layers_are_left_alone_where_several_processes_train(monkeypatch: Any) -> None:
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    x, y = torch.tensor(X[:4], dtype=torch.float32), torch.tensor(Y[:4])
    (finding,) = steps_of(Outer(), x, y, 1)
    assert finding.name == "NaN in the logits"


def test_parameters_that_change_late_are_not_frozen() -> None:
    assert network(frozen=True, steps=9).findings == ()

    def nudge(model: Any, step: int) -> None:
        if step > 40:
            with torch.no_grad():
                model[0].bias += 0.01

    report = network(frozen=True, change=nudge, steps=99)
    assert "parameters do not change" not in report.mistakes


# Values on a device, which are read in the sampled steps.


LATE = [
    "learning rate 5 in a network", "softmax before the loss", "NaN in a row, network",
    "NaN in a row, plain loop", "root of what may be negative", "log of 0",
]  # fmt: skip


@pytest.mark.parametrize("case", LATE)
def test_what_is_read_late_is_told_the_same(monkeypatch: Any, case: str) -> None:
    at_once = PLANTED[case].run()
    monkeypatch.setattr(watching, "is_immediate", lambda value: False)
    assert PLANTED[case].run().to_dict() == at_once.to_dict()


def test_only_sampled_steps_read_values(monkeypatch: Any) -> None:
    read: list[int] = []
    steps = 0

    def to_numpy(value: Any) -> Any:
        read.append(steps)
        return converted(value)

    converted = reading.to_numpy
    monkeypatch.setattr(reading, "to_numpy", to_numpy)
    number = watching.number
    monkeypatch.setattr(watching, "number", lambda loss: (read.append(steps), number(loss))[1])
    monkeypatch.setattr(watching, "is_immediate", lambda value: False)
    watch = xent.check.watch(every=25)
    z, y = torch.randn(8, 3, requires_grad=True), torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    for _ in range(101):
        loss = nn.functional.cross_entropy(z * (1 + steps / 100), y)
        watch.step(loss, z, y)
        steps += 1
    assert sorted(set(read)) == [*range(10), 25, 50, 75, 100]
    assert watch.report().steps == 101


def test_a_loss_that_is_changed_in_place_afterwards(monkeypatch: Any) -> None:
    monkeypatch.setattr(watching, "is_immediate", lambda value: False)
    watch = xent.check.watch()
    for _ in range(12):
        loss = torch.tensor(2.0, requires_grad=True) * 1
        watch.step(loss)
        loss.detach().div_(4)
    assert watch.report().last_loss == 2.0


def test_a_tensor_keeps_its_graph() -> None:
    z = torch.randn(4, 3, requires_grad=True)
    loss = nn.functional.cross_entropy(z, torch.tensor([0, 1, 2, 0]))
    xent.check.watch().step(loss, z, torch.tensor([0, 1, 2, 0]))
    loss.backward()
    assert z.grad is not None


def test_arrays_of_jax() -> None:
    jax = pytest.importorskip("jax")

    def loss(z: Any, y: Any, _: float) -> Any:
        return jax.numpy.float32(xent.cross_entropy(z, y))

    assert softmax_regression(steps=40, loss_of=loss).findings == ()
    watch = xent.check.watch()
    z, y = jax.numpy.zeros((6, 3)), jax.numpy.array([0, 1, 2, 0, 1, 2])
    for step in range(20):
        watch.step(jax.numpy.log(3.0) if step != 13 else jax.numpy.nan * z[0, 0], z + step, y)
    (finding,) = watch.report().findings
    assert finding.seen.startswith("The loss of step 13 is NaN, though its logits are numbers")
