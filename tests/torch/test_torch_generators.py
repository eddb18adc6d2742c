"""PyTorch's own samples over xent.torch, and over xent's functions: values, derivatives, errors.

Beside them stand a few samples of this file, for what differs on purpose and is in none of theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from helpers import import_torch

torch = import_torch()

import torch_generators as made  # noqa: E402
from torch.autograd import gradcheck, gradgradcheck  # noqa: E402
from torch_generators import ALL, FUNCTIONS, Case, own_case  # noqa: E402

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "pytorch.md"
HEADING = "## Where it differs from PyTorch, on purpose"

HALF = (torch.float16, torch.bfloat16)
INF = float("inf")
LAYER = "nn.LinearCrossEntropyLoss"


class Rule(NamedTuple):
    """A difference on purpose: in words, and how its samples are known."""

    sentence: str
    applies: Callable[[Case], bool]
    refused: str = ""
    """The error, where xent refuses the sample."""


def logits(case: Case) -> Any:
    return next(iter(case.arguments.values()))


def floats(case: Case) -> bool:
    return case.get("target").dtype.is_floating_point


def is_mean(case: Case) -> bool:
    return case.get("reduction", "mean") == "mean"


def is_binary(case: Case) -> bool:
    return "binary" in case.name or "BCE" in case.name


def counted_weights(case: Case) -> Any:
    """What a mean over labels divides by the sum of: 1 or the class weight, for rows that count."""
    target, weight = case.get("target"), case.get("weight")
    ignored = case.get("ignore_index")
    labels = target[target != (-100 if ignored is None else ignored)]
    return torch.ones(labels.shape) if weight is None else torch.as_tensor(weight)[labels]


def nothing_counts(case: Case) -> bool:
    if not is_loss(case) or not is_mean(case):
        return False
    if is_binary(case) or floats(case):
        return not case.get("target").numel()
    return not counted_weights(case).any()


def weights_cancel(case: Case) -> bool:
    if not is_loss(case) or not is_mean(case) or is_binary(case) or floats(case):
        return False
    weights = counted_weights(case)
    return bool(weights.any()) and weights.sum().item() == 0


def is_loss(case: Case) -> bool:
    return "target" in case.arguments


def loses_digits(case: Case) -> bool:
    """Is a row so sure that 1 + exp(-margin) is 1, even in float64?"""
    if not is_loss(case) or floats(case) or "linear" in case.name or logits(case).ndim != 2:
        return False
    return bool((logits(case).detach().double().softmax(1).amax(1) == 1).any())


DELIBERATE = {
    "nothing counts": Rule(
        "If no row counts (every row is ignored, there are no rows, or the labels' class weights "
        "are all 0), a mean is 0 and so is its gradient. PyTorch gives NaN.",
        nothing_counts,
    ),
    "cancelled weights": Rule(
        "A mean refuses positive and negative class weights that sum to 0 over the labels. "
        "PyTorch divides by 0.",
        weights_cancel,
        "weight sums to 0 over the labels that count, and a mean divides by that sum",
    ),
    "weights not finite": Rule(
        "Weights that are infinite or NaN are refused. PyTorch computes with them.",
        lambda case: any(
            not torch.as_tensor(case.get(name)).isfinite().all()
            for name in ("weight", "pos_weight")
            if is_loss(case) and case.get(name) is not None
        ),
        "weights must be finite",
    ),
    "learnable weights": Rule(
        "Weights get no gradient, and a weight that requires one is refused. PyTorch gives class "
        "weights a gradient if the targets are probabilities.",
        lambda case: getattr(case.get("weight"), "requires_grad", False),
        "weight requires a gradient, but weights get none",
    ),
    "binary targets": Rule(
        "Binary targets below 0 or above 1 are refused, unless they are off by rounding only: up "
        "to 4 units in the last place of 1, they count as 0 or 1. PyTorch returns a loss.",
        lambda case: (
            is_loss(case)
            and is_binary(case)
            and bool(((case.get("target") < 0) | (case.get("target") > 1)).any())
        ),
        "expected 0, 1, or a probability between them",
    ),
    "half precision": Rule(
        "The loss of float16 and bfloat16 logits is computed, summed and returned in float32. "
        "PyTorch returns it in the logits' dtype, where a mean of 70,000 float16 rows is NaN.",
        lambda case: is_loss(case) and logits(case).dtype in HALF,
    ),
    "infinite logits": Rule(
        "An infinite logit is treated as a limit: a masked class (−inf) whose target is 0 costs "
        "nothing, and an infinite binary logit means certainty. PyTorch gives NaN, from 0 · ∞.",
        lambda case: is_loss(case) and bool(logits(case).isinf().any()),
    ),
    "digits": Rule(
        "Confident rows keep their digits. In PyTorch, the loss of a confident, right row is 0 "
        "from a margin of 17 on in float32 and 37 in float64, and so is the gradient at the "
        "label.",
        loses_digits,
    ),
}
"""By which a sample may differ. The page on PyTorch has the same sentences."""


def edge(function: str, *args: Any, **kwargs: Any) -> Case:
    return own_case(f"edge of {function}", function, *args, **kwargs)


def edges(dtype: Any) -> list[Case]:
    """Samples for the differences that torch's generators do not reach."""
    with made.seeded():
        z = torch.randn(4, 3).to(dtype).requires_grad_()
        b = torch.randn(4, 3).to(dtype).requires_grad_()
        half = torch.full((4, 3), 0.5).to(dtype)
    y, none = torch.tensor([0, 1, 2, 0]), torch.full((4,), -100)
    class_loss, binary_loss = "cross_entropy", "binary_cross_entropy_with_logits"
    one, sure = torch.zeros(1, 3), torch.tensor([[60.0, 0, -1]])
    one[0, 0] = 1
    infinite = torch.tensor([[1.0, -INF, 0.5]]).to(dtype).requires_grad_()
    certain = torch.tensor([INF, -INF]).to(dtype).requires_grad_()
    return [
        edge(class_loss, z, none),
        edge(class_loss, z, none, label_smoothing=0.1),
        edge(class_loss, z[:0], y[:0]),
        edge(class_loss, z, y, torch.tensor([0.0, 0, 0])),
        edge(binary_loss, b[:0], half[:0]),
        edge(class_loss, z, y, torch.tensor([1.0, -3, 1])),
        edge(class_loss, z, y, torch.tensor([1.0, INF, 1])),
        edge(binary_loss, b, half, half * float("nan")),
        edge(class_loss, z, half, torch.ones(3).requires_grad_()),
        edge(binary_loss, b, half + 1),
        edge(binary_loss, b, half - 1),
        edge(class_loss, infinite, one.to(dtype)),
        edge(class_loss, infinite, one.to(dtype), reduction="none"),
        edge(binary_loss, certain, torch.tensor([1.0, 0]).to(dtype)),
        edge(class_loss, sure.to(dtype).requires_grad_(), torch.tensor([0])),
    ]


def all_cases(name: str, dtype: Any) -> list[Case]:
    return edges(dtype) if name == "edges" else made.cases(name, dtype)


def rules_of(case: Case) -> set[str]:
    """The rules by which a sample may differ."""
    return {name for name, rule in DELIBERATE.items() if rule.applies(case)}


def truth_of(case: Case) -> Case:
    """The sample in float64, with torch's own function; logits beyond any number as large ones."""
    arguments = {
        name: value.detach().double().nan_to_num(posinf=800, neginf=-800)
        .requires_grad_(value.requires_grad)
        if isinstance(value, torch.Tensor) and value.dtype.is_floating_point else value
        for name, value in case.arguments.items()
        if name != "options"  # torch's choice of chunks
    }  # fmt: skip
    return case._replace(arguments=arguments)


def tolerance(case: Case, dtype: Any) -> dict[str, float]:
    """For numbers of a dtype: some units in the last place, at the size of what is summed.

    A layer's logits are sums, whose rounding the loss inherits. Half precision is rounded once.
    """
    scale = 256.0 if "linear" in case.name.lower() else 32.0  # the factors of gradients reach 3
    factors = ("target", "weight", "pos_weight") if is_loss(case) else ("z",)
    for value in map(case.get, factors):
        if value is not None and value.dtype.is_floating_point and value.numel():
            scale *= max(1.0, value.detach().abs().max().item())
    computed = torch.finfo(torch.float64 if dtype == torch.float64 else torch.float32).eps
    if dtype in HALF:
        rtol = torch.finfo(dtype).eps
        return {"rtol": rtol, "atol": scale * computed + torch.finfo(dtype).smallest_normal * rtol}
    return {"rtol": scale * computed, "atol": scale * computed}


def with_gradients(case: Case, function: Callable[..., Any]) -> tuple[Any, tuple[Any, ...]]:
    """The value, and the gradients of its sum with a factor for each entry."""
    call, leaves = case.of(function)
    value = call(*leaves)
    if not leaves:
        return value.detach(), ()
    factors = (torch.arange(value.numel()) % 3 + 1.0).to(value.dtype).reshape(value.shape)
    return value.detach(), torch.autograd.grad((value * factors).sum(), leaves)


def compare(case: Case) -> set[str]:
    """Hold a sample to torch's answer in float64; returns the rules by which it differs."""
    rules = rules_of(case)
    refused = [DELIBERATE[name].refused for name in rules if DELIBERATE[name].refused]
    if refused:
        with pytest.raises(ValueError, match=refused[0]):
            case.ours(**case.arguments)
        return rules
    value, gradients = with_gradients(case, case.ours)
    truth, exact = with_gradients(truth_of(case), case.theirs)
    if "digits" in rules:
        assert truth == exact[0][0, 0] == 0
        others = logits(case).detach()[0, 1:].double() - logits(case)[0, 0].double()
        truth = others.exp().sum().log1p()
        exact = (torch.cat([-others.exp().sum()[None], others.exp()])[None],)
    if "nothing counts" in rules:
        assert truth.isnan()
        truth, exact = torch.zeros_like(truth), tuple(map(torch.zeros_like, exact))
    kind = logits(case).dtype
    wide = is_loss(case) and kind in HALF
    assert value.dtype == (torch.float32 if wide else kind)
    assert value.shape == truth.shape
    torch.testing.assert_close(value.double(), truth, **tolerance(case, value.dtype))
    for name, mine, other in zip(case.wanted, gradients, exact, strict=True):
        assert mine.dtype == case.arguments[name].dtype
        torch.testing.assert_close(mine.double(), other, **tolerance(case, mine.dtype))
    return rules


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("name", [*ALL, "edges"])
def test_values_and_gradients(name: str, dtype: str) -> None:
    if name != "edges" and getattr(torch, dtype) not in made.dtypes(name):
        assert name.startswith("nn.") and dtype in ("bfloat16", "float16")  # noqa: PT018
        return
    found = all_cases(name, getattr(torch, dtype))
    assert found
    for case in found:
        compare(case)


@pytest.mark.parametrize("name", [name for name in ALL if name not in FUNCTIONS])
def test_what_raises_in_torch_raises(name: str) -> None:
    for case in made.error_cases(name):
        for function in (case.theirs, case.ours):
            with pytest.raises((TypeError, ValueError, RuntimeError)):
                function(**case.arguments)


def test_every_difference_is_met_by_a_sample() -> None:
    met = set()
    for name in ("edges", "nn.functional.cross_entropy", "nn.CrossEntropyLoss"):
        for dtype in (torch.float64, torch.float16):
            met |= {rule for case in all_cases(name, dtype) for rule in rules_of(case)}
    assert met == DELIBERATE.keys()


def test_the_page_lists_the_differences_and_no_others() -> None:
    section = PAGE.read_text(encoding="utf-8").split(f"\n{HEADING}\n")[1].split("\n## ")[0]
    items = [" ".join(item.split("\n\n")[0].split()) for item in section.split("\n- ")[1:]]
    assert items == [rule.sentence for rule in DELIBERATE.values()]


# Derivatives, in float64, held to differences.


def some_cases(name: str) -> list[Case]:
    """At most about a hundred of the samples."""
    found = made.cases(name, torch.float64)
    return found[:: 1 + len(found) // 140]


def hold_to_differences(case: Case, checker: Callable[..., bool], **how: Any) -> None:
    call, leaves = case.of(case.ours)
    if leaves:
        size = sum(leaf.numel() for leaf in leaves)
        # Along one random direction where one for each entry takes long.
        assert checker(call, leaves, fast_mode=size > 40, **how), case.name


@pytest.mark.parametrize("name", ALL)
def test_first_derivatives(name: str) -> None:
    for case in some_cases(name):
        hold_to_differences(case, gradcheck)


@pytest.mark.parametrize("name", ALL)
def test_second_derivatives(name: str) -> None:
    for case in some_cases(name):
        hold_to_differences(case, gradgradcheck)


@pytest.mark.parametrize("name", ALL)
def test_forward_mode(name: str) -> None:
    for case in some_cases(name):
        hold_to_differences(
            case,
            gradcheck,
            check_forward_ad=True,
            check_backward_ad=False,
            check_undefined_grad=False,
            check_batched_grad=False,
        )


@pytest.mark.parametrize("name", ALL)
def test_forward_over_reverse(name: str) -> None:
    for case in some_cases(name):
        hold_to_differences(
            case,
            gradgradcheck,
            check_fwd_over_rev=True,
            check_rev_over_rev=False,
            check_undefined_grad=False,
        )
