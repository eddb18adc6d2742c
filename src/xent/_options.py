"""The options of a loss: one record, in which each has its default, its check and its meaning.

The public signatures, the schemas of the tensor operations and the docstrings are held against this
record by a test, so a new option begins here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, get_type_hints

import numpy as np

from xent._validation import (
    NAMES,
    Names,
    Reduction,
    check_not_by_name,
    check_number,
    check_reduction,
)

CLASSES = ("cross_entropy", "linear_cross_entropy")
ALL = ("cross_entropy", "binary_cross_entropy", "linear_cross_entropy")


WEIGHTS = ("class_weight", "sample_weight", "pos_weight")
"""The options that are arrays."""


class Option(NamedTuple):
    """What is known of an option beside its default."""

    schema: str
    """Its type, as PyTorch's dispatcher writes it."""
    meaning: str
    check: Callable[[Any], Any] | None = None
    """Returns the value, or raises; None where the check needs the logits' shape (`_targets`)."""
    losses: tuple[str, ...] = ()
    """The public losses that take it; none, if only xent sets it."""


def _smoothing(value: Any) -> float:
    return check_number(value, "label_smoothing", 0, 1)


def _softcap(value: Any) -> float | None:
    return None if value is None else check_number(value, "softcap", 0, math.inf, above=True)


def _z_loss(value: Any) -> float:
    return check_number(value, "z_loss", 0, math.inf)


def _ignore_index(value: Any) -> Any:
    # By __index__, which symbolic integers of a trace have too; a compiler knows those as int.
    is_integer = isinstance(value, int) or hasattr(value, "__index__")
    if isinstance(value, (bool, np.bool_)) or not (value is None or is_integer):
        msg = f"ignore_index is {value!r}; expected an integer."
        raise TypeError(msg)
    return value


def _reduction(value: Any) -> Any:
    check_reduction(value)
    return value


class LossOptions(NamedTuple):
    """The options of a loss, as every layer passes them on."""

    axis: Annotated[int, Option("SymInt", "the class axis", None, ("cross_entropy",))] = -1
    class_weight: Annotated[Any, Option("Tensor?", "weight of each class", None, ALL)] = None
    sample_weight: Annotated[Any, Option("Tensor?", "weight of each row", None, ALL)] = None
    pos_weight: Annotated[
        Any, Option("Tensor?", "weight of label 1", None, ("binary_cross_entropy",))
    ] = None
    ignore_index: Annotated[
        int | None, Option("SymInt?", "the label of rows that do not count", _ignore_index, ALL)
    ] = None
    label_smoothing: Annotated[
        float, Option("float", "share of the uniform target", _smoothing, ALL)
    ] = 0.0
    softcap: Annotated[
        float | None, Option("float?", "bound of the logits, by tanh", _softcap, ALL)
    ] = None
    z_loss: Annotated[float, Option("float", "factor of the squared log-sum-exp", _z_loss, ALL)] = (
        0.0
    )
    reduction: Annotated[
        Reduction, Option("str", "what is returned of the row losses", _reduction, ALL)
    ] = "mean"
    divisor: Annotated[
        float | None, Option("Scalar?", "what a mean divides by, if not the total weight")
    ] = None
    check_sums: Annotated[bool, Option("bool", "whether probabilities must sum to 1")] = True
    caller: Annotated[str, Option("str", "whose argument names errors use: a key of NAMES")] = (
        "xent"
    )
    engine: Annotated[
        str, Option("str", "for tensors: the engine, where it is not the one of the CPU's kernels")
    ] = ""
    needs_grad: Annotated[
        int, Option("SymInt", "for tensors: the gradients made with the loss, a bit for each")
    ] = 0
    keep_logits: Annotated[
        bool, Option("bool", "for tensors: whether log-sum-exp may be differentiated")
    ] = False

    @property
    def names(self) -> Names:
        """The argument names that errors use."""
        return NAMES[self.caller]

    @property
    def label_only(self) -> bool:
        """Does nothing but labels and weights enter the loss?"""
        return self.softcap is None and not (self.label_smoothing or self.z_loss)

    @property
    def has_z_term(self) -> bool:
        """Is there a z-loss, whose mean has a divisor of its own?"""
        return bool(self.z_loss)

    def replace(self, **changes: Any) -> LossOptions:
        """The record with other values; `_replace` cannot be traced by PyTorch 2.8."""
        return LossOptions(**{**dict(zip(OPTIONS, self, strict=True)), **changes})

    def with_z_factor(self, factor: Any) -> LossOptions:
        """The record with z-loss times a factor."""
        return self.replace(z_loss=self.z_loss * factor) if self.z_loss else self

    def with_needs_grad(self, bits: int) -> LossOptions:
        """The record with other gradients to make, in fewer steps than `_replace`.

        `needs_grad` and `keep_logits` are the last two fields.
        """
        values: list[Any] = [*self]  # PyTorch 2.8 cannot trace a slice of the record
        values[-2] = bits
        return LossOptions(*values)

    def map_weights(self, convert: Callable[[Any, str], Any]) -> LossOptions:
        """The record with each weight that is given as `convert(weight, its name)` makes it."""
        if self.class_weight is self.sample_weight is self.pos_weight is None:
            return self
        made: dict[str, Any] = {}
        for option in WEIGHTS:
            if (weight := getattr(self, option)) is not None:
                name = getattr(self.names, option)
                check_not_by_name(weight, name)
                made[option] = convert(weight, name)
        return self.replace(**made)

    def checked(self) -> LossOptions:
        """The record with every value checked that can be without the arrays."""
        if (
            self.softcap is None
            and type(self.label_smoothing) is type(self.z_loss) is float
            and not (self.label_smoothing or self.z_loss)
        ):  # most calls; the general way costs as much as a small loss
            _ignore_index(self.ignore_index)
            check_reduction(self.reduction)
            return self
        values = {
            name: option.check(getattr(self, name))
            for name, option in OPTIONS.items()
            if option.check is not None
        }
        return self.replace(**values)


OPTIONS: dict[str, Option] = {
    name: hint.__metadata__[0]
    for name, hint in get_type_hints(LossOptions, include_extras=True).items()
}
"""Each option's `Option`, in the order of the record."""

SCHEMA = ", ".join(f"{option.schema} {name}" for name, option in OPTIONS.items())
"""The record as arguments of an operation of PyTorch's dispatcher."""
