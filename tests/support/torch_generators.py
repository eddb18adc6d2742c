"""PyTorch's own generators of samples, loaded without what their import does to a process."""

from __future__ import annotations

import inspect
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple
from unittest import mock

import torch
from older_torch import HAS_LAYER

import xent
import xent.torch as twins

Tensor = torch.Tensor


class Case(NamedTuple):
    """One sample: two functions, and the arguments that both are called with."""

    name: str
    ours: Callable[..., Any]
    theirs: Callable[..., Any]
    """Of modules the one that takes float64."""
    arguments: dict[str, Any]
    """By name; of modules their parameters too."""
    options: dict[str, Any]
    """What else enters the loss: the attributes of a module."""

    @property
    def wanted(self) -> list[str]:
        """The arguments that require a gradient."""
        values = self.arguments.items()
        return [name for name, v in values if isinstance(v, Tensor) and v.requires_grad]

    def get(self, name: str, default: Any = None) -> Any:
        """An argument or an option."""
        return self.arguments.get(name, self.options.get(name, default))

    def of(self, function: Callable[..., Any]) -> tuple[Callable[..., Any], list[Tensor]]:
        """A function of the tensors that require a gradient, and these as new leaves."""
        names = self.wanted
        leaves = [self.arguments[name].detach().clone().requires_grad_() for name in names]

        def call(*given: Tensor) -> Any:
            return function(**self.arguments | dict(zip(names, given, strict=True)))

        return call, leaves


class Generators(NamedTuple):
    """What PyTorch tests its own operators and modules with, by their names."""

    operators: dict[str, Any]
    modules: dict[str, Any]


LOSSES = {
    "nn.functional.cross_entropy": twins.cross_entropy,
    "nn.functional.binary_cross_entropy_with_logits": twins.binary_cross_entropy_with_logits,
    "nn.functional.linear_cross_entropy": twins.linear_cross_entropy,
    "nn.functional.linear_cross_entropy chunked": twins.linear_cross_entropy,
    "nn.functional.linear_cross_entropy chunked_none": twins.linear_cross_entropy,
}
FUNCTIONS = {
    "sigmoid": xent.sigmoid,
    "nn.functional.logsigmoid": xent.log_sigmoid,
    "softmax": xent.softmax,
    "log_softmax": xent.log_softmax,
    "logsumexp": xent.logsumexp,
}
MODULES = {
    "nn.CrossEntropyLoss": twins.CrossEntropyLoss,
    "nn.BCEWithLogitsLoss": twins.BCEWithLogitsLoss,
    "nn.LinearCrossEntropyLoss": twins.LinearCrossEntropyLoss,
}
ALL = [
    name for name in (*LOSSES, *FUNCTIONS, *MODULES) if HAS_LAYER or "linear" not in name.lower()
]
"""What this version of PyTorch has samples for."""


@cache
def generators() -> Generators:
    """Loaded once, and only by a test that needs them: it takes seconds."""
    calls = torch._C.ScriptFunction.__call__, torch._C.ScriptMethod.__call__
    with mock.patch.object(sys, "argv", sys.argv[:1]):  # which would be parsed
        from torch.testing._internal.common_methods_invocations import op_db
        from torch.testing._internal.common_modules import module_db
    torch._C.ScriptFunction.__call__, torch._C.ScriptMethod.__call__ = calls
    torch.backends.__allow_nonbracketed_mutation_flag = True
    return Generators(
        {f"{op.name} {op.variant_test_name}".strip(): op for op in op_db},
        {module.name: module for module in module_db},
    )


@contextmanager
def seeded() -> Iterator[None]:
    """The same samples whatever ran before, and as if they had not been made for what comes."""
    state = random.getstate()
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own arguments
        random.seed(0)
        torch.manual_seed(0)
        yield
    random.setstate(state)


def dtypes(name: str) -> list[torch.dtype]:
    """Those that torch generates samples in, of the ones that xent computes."""
    ours = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
    made = generators()
    info = made.modules.get(name)
    theirs = made.operators[name].supported_dtypes("cpu") if info is None else info.dtypes
    return [dtype for dtype in ours if dtype in theirs]


def cases(name: str, dtype: torch.dtype) -> list[Case]:
    """Torch's samples for an operator or a module; without those whose arguments xent lacks."""
    made = generators()
    with seeded():
        if name in MODULES:
            info = made.modules[name]
            inputs = info.module_inputs_func(info, "cpu", dtype, True, True)
            return [_of_module(f"{name} {i}", MODULES[name], made) for i, made in enumerate(inputs)]
        samples = list(made.operators[name].sample_inputs("cpu", dtype, requires_grad=True))
    found = [_of_operator(f"{name} {i}", name, sample) for i, sample in enumerate(samples)]
    return [case for case in found if case is not None]


def error_cases(name: str) -> list[Case]:
    """Torch's samples that raise."""
    made = generators()
    with seeded():
        if name in MODULES:
            info = made.modules[name]
            if info.module_error_inputs_func is None:
                return []
            inputs = info.module_error_inputs_func(info, "cpu", torch.float32, False, True)
            return [
                _constructed_late(f"{name} {i}", MODULES[name], one.module_error_input)
                for i, one in enumerate(inputs)
            ]
        operator = made.operators[name]
        if operator.error_inputs_func is None:
            return []
        samples = [one.sample_input for one in operator.error_inputs("cpu")]
    return [
        case
        for i, sample in enumerate(samples)
        if (case := _of_operator(f"{name} {i}", name, sample)) is not None
    ]


def own_case(name: str, function: str, *args: Any, **kwargs: Any) -> Case:
    """A sample that is not torch's, for a function of xent.torch."""
    ours = getattr(twins, function)
    theirs = getattr(torch.nn.functional, function)
    return Case(name, ours, theirs, _named(ours, args, kwargs), {})


def _of_operator(case: str, name: str, sample: Any) -> Case | None:
    """None where xent's function has no such argument."""
    given = (sample.input, *sample.args)
    if name in FUNCTIONS:
        return _of_function(case, name, *given)
    return own_case(case, LOSSES[name].__name__, *given, **sample.kwargs)


def _of_function(case: str, name: str, z: Tensor, *args: Any) -> Case | None:
    ours, theirs = FUNCTIONS[name], generators().operators[name].op
    if not args:
        return Case(case, lambda z: ours(z), lambda z: theirs(z), {"z": z}, {})
    dim, *keepdim = args
    (axis,) = dim if isinstance(dim, tuple) and len(dim) == 1 else (dim,)
    if isinstance(axis, tuple) or any(keepdim) or not z.ndim:
        return None  # one axis of an array, and it goes
    return Case(case, lambda z: ours(z, axis=axis), lambda z: theirs(z, dim), {"z": z}, {})


def _named(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    return dict(inspect.signature(function).bind(*args, **kwargs).arguments)


def _of_module(case: str, ours: Any, given: Any) -> Case:
    """A module as a function of its parameters, and of what it is called with."""
    made, forward = given.constructor_input, given.forward_input
    own = ours(*made.args, **made.kwargs)
    theirs = type(own).__bases__[1](*made.args, **made.kwargs)
    if hasattr(theirs, "options"):
        theirs.options = None  # its choice of chunks
    parameters = {name: p.detach().requires_grad_() for name, p in own.named_parameters()}
    options = ("weight", "pos_weight", "reduction", "ignore_index", "label_smoothing")

    def calling(module: Any) -> Callable[..., Any]:
        def call(input: Tensor, target: Tensor, **parameters: Tensor) -> Any:  # noqa: A002
            return torch.func.functional_call(module, parameters, (input, target))

        return call

    return Case(
        case,
        calling(own),
        calling(theirs.double()),
        {**_named(own.forward, forward.args, forward.kwargs), **parameters},
        {name: getattr(own, name) for name in options if hasattr(own, name)},
    )


def _constructed_late(case: str, ours: Any, given: Any) -> Case:
    """A module that may raise when it is made."""
    made, forward = given.constructor_input, given.forward_input

    def calling(module: Any) -> Callable[..., Any]:
        return lambda: module(*made.args, **made.kwargs)(*forward.args, **forward.kwargs)

    return Case(case, calling(ours), calling(ours.__mro__[2]), {}, made.kwargs)
