"""PyTorch's private names: in one file, and each with a fallback that gives the same numbers."""

from __future__ import annotations

import ast
import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from helpers import import_torch

import xent

torch = import_torch()

import torch.nn.functional as F  # noqa: E402, N812 - everyone's name for it

import xent.torch as twins  # noqa: E402
from xent.torch import _compat  # noqa: E402

SOURCES = Path(xent.__file__).parent
NAMED_TUPLE = {"_replace", "_fields", "_asdict", "_make"}


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def private_names_of_torch(path: Path) -> Iterator[str]:
    """Private names in what a file imports from torch, and in attributes of anything but `self`."""
    ours = set()
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            root, *rest = name.split(".")
            if root == "torch":
                yield from (f"{name}" for part in rest if private(part))
            elif root == "xent":
                ours.add(rest[-1] if rest else root)
    in_torch = path.is_relative_to(SOURCES / "torch")
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or not private(node.attr):
            continue
        root = node.value
        while isinstance(root, ast.Attribute):
            root = root.value
        of = root.id if isinstance(root, ast.Name) else ""
        elsewhere = of == "torch" or (in_torch and of not in {"self", "cls", *ours})
        if elsewhere and node.attr not in NAMED_TUPLE:
            yield f"{of}...{node.attr}"


def test_they_stand_in_one_file() -> None:
    found = {
        str(path.relative_to(SOURCES)): names
        for path in sorted(SOURCES.rglob("*.py"))
        if (names := list(private_names_of_torch(path)))
    }
    assert found.pop("torch/_compat.py")
    assert not found


def test_the_list_of_them_is_whole() -> None:
    """Attributes of objects are looked up by a name of their own, such as `Tensor._version`."""
    uses = {
        name.partition("...")[2] for name in private_names_of_torch(SOURCES / "torch/_compat.py")
    }
    listed = {part for _, name in _compat.PRIVATE_NAMES for part in name.split(".")}
    assert uses <= listed


# What is checked without a name: each of these uses some of them.


def gradients() -> list[Any]:
    """Losses and gradients, small and large, scaled and not, beside PyTorch's."""
    generator = torch.Generator().manual_seed(3)
    pairs = []
    for rows, classes in ((3, 5), (400, 700)):
        y = torch.randint(classes, (rows,), generator=generator)
        z, w = (torch.randn(n, classes, generator=generator) for n in (rows, 9))
        x = torch.randn(rows, 9, generator=generator)
        cases = [
            (twins.cross_entropy, F.cross_entropy, (z,), y),
            (
                twins.binary_cross_entropy_with_logits,
                F.binary_cross_entropy_with_logits,
                (z,),
                z.sigmoid(),
            ),
            (
                lambda x, w, y, **o: twins.linear_cross_entropy(x, w.T, y, **o),
                lambda x, w, y, **o: F.cross_entropy(x @ w, y, **o),
                (x, w),
                y,
            ),
        ]
        for ours, theirs, leaves, targets in cases:
            for reduction in ("mean", "none"):
                for factor in (1, 3):
                    both = []
                    for loss in (ours, theirs):
                        mine = [leaf.clone().requires_grad_() for leaf in leaves]
                        value = factor * loss(*mine, targets, reduction=reduction).sum()
                        value.backward(retain_graph=factor == 3)
                        if factor == 3:
                            value.backward()
                        both.append([value.detach(), *(leaf.grad for leaf in mine)])
                    pairs.append(both)
    return pairs


def transforms() -> list[Any]:
    z = torch.randn(4, 3, 5, generator=torch.Generator().manual_seed(4))
    y = torch.arange(12).reshape(4, 3) % 5
    pairs = []
    for loss in (twins.cross_entropy, F.cross_entropy):
        one = torch.func.grad(loss)(z[0], y[0])
        many = torch.vmap(torch.func.grad(loss))(z, y)
        curvature = torch.func.jacrev(torch.func.jacrev(lambda a, f=loss: f(a, y[0])))(z[0])
        half = torch.func.grad(lambda a, f=loss: f(a.half(), y[0]).float())(z[0])
        rows = z[0].clone().requires_grad_()
        each = torch.autograd.grad(
            loss(rows, y[0], reduction="none"), rows, torch.eye(3), is_grads_batched=True
        )[0]
        pairs.append([one, many, curvature, each, half.round(decimals=2)])
    return [tuple(pairs)]


def apply(loss: Any, z: Any, y: Any) -> Any:
    return loss(z, y)


def recorded() -> list[Any]:
    z = torch.randn(4, 5, generator=torch.Generator().manual_seed(5))
    y = torch.arange(4)
    pairs = []
    for loss in (twins.cross_entropy, F.cross_entropy):
        torch.compiler.reset()
        leaf = z.clone().requires_grad_()
        torch.compile(loss, backend="aot_eager")(leaf, y).backward()
        graph = torch.fx.experimental.proxy_tensor.make_fx(functools.partial(apply, loss))(z, y)
        pairs.append([leaf.grad, graph(2 * z, y.flip(0))])
    return [tuple(pairs)]


def deferred() -> str | None:
    """Compute deferred logits; an error where it is not known whether the weights have changed."""
    from xent.torch._deferred_logits import DeferredLogits

    x, w = torch.ones(2, 3), torch.arange(12.0).reshape(4, 3)
    logits = 2 * DeferredLogits(x, w, None)
    assert logits.shape == (2, 4)
    assert logits.dtype == torch.float32
    inputs, weight, _, _ = logits.layer()
    torch.testing.assert_close(F.linear(inputs, weight), 2 * x @ w.T)
    try:
        computed = logits + 0
    except RuntimeError as error:
        return str(error)
    torch.testing.assert_close(computed, 2 * x @ w.T)
    return None


SOURCE = Path(_compat.__file__).read_text()
NO_REDISPATCH = (
    "NotImplementedError: cross_entropy cannot be compiled or transformed with a gradient"
)
FROM_THE_START = {
    "_SingleLevelFunction": {
        "transforms": "RuntimeError: In order to use an autograd.Function with"
    },
    "Function._compiled_autograd_key": {},
    "_after_autograd_keyset": {"transforms": NO_REDISPATCH, "recorded": NO_REDISPATCH},
    "_AutoDispatchBelowAutograd": {"transforms": NO_REDISPATCH, "recorded": NO_REDISPATCH},
}
"""Names by which operations are registered, so that each takes a process of its own.

With the errors, where there is no fallback that computes.
"""


def without(name: str) -> CodeType:
    """The file that looks names up, by which one of them is not found."""
    assert SOURCE.count(f'"{name}"') == 1
    return compile(SOURCE.replace(f'"{name}"', '"_no_such_name"'), _compat.__file__, "exec")


@pytest.fixture(params=[name for _, name in _compat.PRIVATE_NAMES if name not in FROM_THE_START])
def missing(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of what is missing where xent looks; PyTorch itself has it."""
    exec(without(request.param), _compat.__dict__)
    yield request.param
    exec(compile(SOURCE, _compat.__file__, "exec"), _compat.__dict__)


def test_a_fallback_gives_the_same_numbers(missing: str) -> None:
    for found, expected in gradients():
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    error = deferred()
    if missing == "Tensor._version":
        assert error is not None
        assert "the weights have changed" in error
    else:
        assert error is None
    hessians = [
        lambda f=f: torch.func.hessian(lambda z: f(z, torch.arange(3)))(torch.eye(3))
        for f in (twins.cross_entropy, F.cross_entropy)
    ]
    refusals = {
        "enable_single_level_autograd_function": "cannot differentiate",
        "_set_fwd_grad_enabled": "has no forward-mode derivative .* in this version of PyTorch",
    }
    if missing in refusals:
        with pytest.raises(RuntimeError, match=refusals[missing]):
            hessians[0]()
    else:
        torch.testing.assert_close(*(hessian() for hessian in hessians))


def test_a_fallback_gives_the_same_derivatives_in_transforms(missing: str) -> None:
    if missing == "enable_single_level_autograd_function":
        with pytest.raises(RuntimeError, match="cannot differentiate"):
            transforms()
        return
    for found, expected in transforms():
        torch.testing.assert_close(found, expected)


def test_a_fallback_is_recorded_alike(missing: str) -> None:
    del missing
    for found, expected in recorded():
        torch.testing.assert_close(found, expected)


ALONE = """
import json, sys, types
name, path = sys.argv[1:]
module = types.ModuleType("xent.torch._compat")
module.__file__ = path
source = open(path).read()
exec(compile(source.replace(f'"{name}"', '"_no_such_name"'), path, "exec"), module.__dict__)
sys.modules["xent.torch._compat"] = module
import test_torch_compat as tests
outcomes = {}
for what in (tests.gradients, tests.transforms, tests.recorded):
    try:
        for one, other in what():
            tests.torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
        outcomes[what.__name__] = "right"
    except Exception as error:
        outcomes[what.__name__] = f"{type(error).__name__}: {error}"
print(json.dumps(outcomes))
"""


@pytest.mark.parametrize("name", FROM_THE_START)
def test_a_fallback_from_the_start(name: str) -> None:
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", ALONE, name, _compat.__file__],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    outcomes = json.loads(done.stdout)
    assert list(outcomes) == ["gradients", "transforms", "recorded"]
    for what, outcome in outcomes.items():
        assert outcome.startswith(FROM_THE_START[name].get(what, "right"))
