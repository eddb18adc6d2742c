"""Checks of arguments; errors say what arrived, what was expected, and how to fix it."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Reduction = Literal["mean", "sum", "none"]
REDUCTIONS = get_args(Reduction)
FLOATS = ("float16", "bfloat16", "float32", "float64")


class Names(NamedTuple):
    """What the caller's function calls its arguments: errors are written in these names."""

    logits: str = "logits"
    targets: str = "targets"
    inputs: str = "inputs"
    weight: str = "weight"
    bias: str = "bias"
    class_weight: str = "class_weight"
    sample_weight: str = "sample_weight"
    pos_weight: str = "pos_weight"
    logits_have: str = "the logits have"
    of_logits: str = "the logits'"
    own_shape: str = "the logits' own shape"
    score: str = "logit"
    target: str = "target"
    binary_function: str = "binary_cross_entropy"
    one_column: str = "One logit per row goes to binary_cross_entropy, without the class axis."
    """The fix for scores of a single class beside labels of more."""
    more_classes: str = "use cross_entropy"
    several_labels: str = "use binary_cross_entropy"
    pass_axis: str | None = "pass axis={axis}"
    """The fix for a class axis in another place; None where the caller has no such choice."""
    ignore: str = "pass ignore_index={label}"
    ignore_soft: str = "Give the rows to ignore sample_weight 0."
    """The fix for an ignore_index beside probabilities."""
    negative_weights: bool = False
    """Does the caller take negative weights, as PyTorch does?"""
    tensors: bool = False
    """Are the caller's arrays PyTorch's? Its conversions and dtypes have other names."""

    def to_int(self, name: str) -> str:
        """The code that makes an argument integers."""
        return f"{name}.long()" if self.tensors else f"{name}.astype(int)"

    def to_float(self, name: str) -> str:
        """The code that makes an argument floats."""
        return f"{name}.float()" if self.tensors else f"{name}.astype(float)"

    def dtype(self, array: Any) -> str:
        """An array's dtype, as its library writes it."""
        text = str(array.dtype)
        return f"torch.{text}" if self.tensors and not text.startswith("torch.") else text


_TENSORS = Names(tensors=True)
_TWIN = _TENSORS._replace(
    targets="target",
    class_weight="weight",
    ignore_soft="Pass reduction='none' and average the losses of the rows that count.",
    negative_weights=True,
)
_TORCH = _TWIN._replace(
    logits="input",
    logits_have="input has",
    of_logits="input's",
    own_shape="input's own shape",
    binary_function="binary_cross_entropy_with_logits",
    one_column=(
        "One logit per row goes to binary_cross_entropy_with_logits, without the class axis."
    ),
    several_labels="use binary_cross_entropy_with_logits",
    pass_axis="pass input.movedim({axis}, 1)",
)
NAMES = {
    "xent": Names(),
    "xent tensors": _TENSORS,
    "torch": _TORCH,
    "torch binary": _TORCH._replace(sample_weight="weight", ignore="give them weight 0"),
    "torch linear": _TWIN._replace(
        inputs="input", weight="linear_weight", bias="linear_bias", pass_axis=None
    ),
    "log_loss": Names(
        logits="y_prob",
        targets="y_true",
        logits_have="y_prob has",
        of_logits="y_prob's",
        own_shape="y_prob's shape",
        score="probability",
        target="label",
        more_classes="pass one column of y_prob per class",
        several_labels="pass y_true.astype(int)",
        one_column="If these are probabilities of label 1, pass y_prob[:, 0].",
    ),
}
"""The names by caller: xent's own functions, the twins of torch's, the metric."""

_CONVERSIONS = {
    "torch": "{name}.detach().cpu().numpy()",
    "jax": "numpy.asarray({name})",
    "tensorflow": "{name}.numpy()",
    "cupy": "{name}.get()",
}


def _library(value: Any) -> str:
    """Name of the library that an array is of."""
    return type(value).__module__.partition(".")[0].replace("jaxlib", "jax")


def is_array_api(value: Any) -> bool:
    """Does it follow the array API, from a library that xent computes in?"""
    return (
        not isinstance(value, (np.ndarray, np.generic))
        and hasattr(value, "__array_namespace__")
        and _library(value) not in _CONVERSIONS
    )


def to_numpy(value: Any, name: str) -> Array:
    """Return `value` as a NumPy array; refuse other frameworks' arrays and ragged lists."""
    if type(value) is np.ndarray and value.dtype.isnative:
        return value  # at once, for small losses
    if isinstance(value, np.ma.MaskedArray):
        msg = f"{name} is a numpy masked array, whose mask would be lost. Pass {name}.filled() "
        msg += "and mark the masked rows with ignore_index= or sample_weight=0."
        raise TypeError(msg)
    framework = _library(value)
    if framework in _CONVERSIONS:
        # Converting in silence would cut the caller's autograd graph.
        how = _CONVERSIONS[framework].format(name=name)
        msg = f"{name} is a {framework} array, and xent computes on NumPy arrays. Pass {how}."
        raise TypeError(msg)
    try:
        array = np.asarray(value)  # np.matrix would stay two-dimensional for ever
    except ValueError as error:
        msg = f"{name} cannot be made an array: {error}"
        raise ValueError(msg) from None
    # Bytes in the other machine's order would not compare equal to a dtype, nor go to a kernel.
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def as_floats(value: Any, name: str, partner: str = "") -> Array:
    """Return `value` as a floating array. Python numbers may be integers, arrays may not.

    `partner` names the argument that integers are more likely meant for.
    """
    array = to_numpy(value, name)
    # By its letter first: `name` is made anew on each call.
    if array.dtype.char in "efd" or array.dtype.name in FLOATS:
        return array
    is_real = array.dtype.kind in "iub"
    numbers = is_real and type(value) is not bool
    if isinstance(value, (int, float, list, tuple)) and (numbers or not array.size):
        return array.astype(np.float64)
    msg = f"{name} has dtype {array.dtype}; expected one of {', '.join(FLOATS)}."
    if is_real:
        msg += f" Are {name} and {partner} swapped? If not, pass" if partner else " Pass"
        msg += f" {name}.astype(numpy.float64)."
    raise TypeError(msg)


def check_not_by_name(weight: Any, name: str) -> None:
    """Weights are numbers: not a dict as Keras takes, nor a word as scikit-learn does."""
    if isinstance(weight, dict):
        listed = f"[{name}[k] for k in range({len(weight)})]"
        msg = f"{name} is a dict; expected numbers, in the order of the classes. Pass {listed}."
        raise TypeError(msg)
    if isinstance(weight, str) and weight == "balanced":
        msg = (
            f"{name} is 'balanced'; expected numbers. Pass n / (K * counts), with the counts of "
            "the K classes among n labels."
        )
        raise TypeError(msg)


def class_axis(logits: Any, axis: int, names: Names = NAMES["xent"]) -> int:
    """Return `axis` counted from the front, or say why there is none."""
    name = names.logits
    if logits.ndim == 0:
        msg = f"{name} is a single number; expected an array with a class axis."
        if names.score == "logit":
            msg += f" For one logit per row use {names.binary_function}."
        raise ValueError(msg)
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        msg = f"axis is {axis!r}; expected an integer."
        raise TypeError(msg)
    if not -logits.ndim <= axis < logits.ndim:
        msg = (
            f"axis is {axis}, but {name} has shape {tuple(logits.shape)}: "
            f"expected {-logits.ndim} to {logits.ndim - 1}."
        )
        raise ValueError(msg)
    return int(axis) % int(logits.ndim)


def class_last(array: Any, axis: int) -> Any:
    """View with the class axis last; np.moveaxis is slow beside a small loss."""
    if axis == array.ndim - 1:
        return array
    xp = np if isinstance(array, np.ndarray) else array.__array_namespace__()
    return xp.moveaxis(array, axis, -1)


def check_shape(array: Any, expected: tuple[int, ...], name: str, why: str) -> None:
    """Exact shapes only: broadcasting (3, 1) against (3,) is the classic silent mistake."""
    if array.shape == expected:
        return
    shapes = f"{name} has shape {tuple(array.shape)}, expected {tuple(expected)}"
    msg = f"{shapes}: {why}. Nothing is broadcast."
    if [n for n in array.shape if n != 1] == [n for n in expected if n != 1]:
        msg += f" Pass {name}.reshape({tuple(expected)})."
    raise ValueError(msg)


def check_layer(
    inputs: tuple[int, ...], weight: tuple[int, ...], names: Names = NAMES["xent"]
) -> None:
    """Check the shapes of a linear layer: (..., D) and (K, D)."""
    if inputs and len(weight) == 2 and inputs[-1] == weight[1]:
        return
    msg = (
        f"{names.inputs} has shape {tuple(inputs)} and {names.weight} {tuple(weight)}; expected "
        "(..., D) and (K, D): one row of weights per class."
    )
    if inputs and len(weight) == 2 and inputs[-1] == weight[0]:
        msg += f" Pass {names.weight}.T."
    raise ValueError(msg)


def report_first(bad: Any, values: Any, name: str, rule: str) -> None:
    """Raise ValueError about the first bad entry, if there is one."""
    bad = np.asarray(bad)
    if bad.any():
        where = first(bad)
        more = int(bad.sum()) - 1
        also = f" ({more} more like it)" if more else ""
        msg = f"{entry(name, where)} is {np.asarray(values)[where]}{also}; {rule}."
        raise ValueError(msg)


def first(bad: Any) -> tuple[int, ...]:
    """Index of the first true entry."""
    bad = np.asarray(bad)
    return tuple(int(i) for i in np.unravel_index(int(bad.argmax()), bad.shape))


def entry(name: str, index: tuple[int, ...]) -> str:
    """`targets[2, 5]`, or just `targets` for a 0-d array."""
    return f"{name}[{', '.join(map(str, index))}]" if index else name


def check_number(value: Any, name: str, low: float, high: float, *, above: bool = False) -> float:
    """Return an option as a float in [low, high], or (low, high] with `above`."""
    if type(value) is float and low <= value < high and not above:
        return value  # at once, for small batches
    try:
        if isinstance(value, (str, bytes, bool, np.bool_)):
            raise TypeError  # "0.1" and True would pass for numbers
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        msg = f"{name} is {value!r}; expected a number."
        raise TypeError(msg) from None
    if not low <= number <= high or (above and number == low) or abs(number) == math.inf:
        bound = f"{'above' if above else 'at least'} {low:g}"
        if high == math.inf:
            expected = f"a finite number {bound}"
        elif above:
            expected = f"a number {bound} and at most {high:g}"
        else:
            expected = f"a number between {low:g} and {high:g}"
        msg = f"{name} is {value}; expected {expected}."
        raise ValueError(msg)
    return number


def class_names(names: Any, classes: int) -> list[str]:
    """The names of the classes, one each."""
    if isinstance(names, str) or len(names) != classes:
        msg = f"the classes' names are {names!r:.60}, but there are {classes} classes; expected a "
        raise ValueError(msg + "list of one name each.")
    return [str(name) for name in names]


def check_reduction(reduction: Any) -> None:
    """Accept the three reductions by name."""
    if not isinstance(reduction, str) or reduction not in REDUCTIONS:
        msg = f"reduction is {reduction!r}; expected 'mean', 'sum' or 'none'."
        raise ValueError(msg)


def check_out(out: Any, logits: Array, others: list[Array | None], *, return_grad: bool) -> Array:
    """Return `out`, to which the gradient goes; it may be the logits themselves."""
    if not return_grad:
        msg = "out= receives the gradient, but return_grad is False. Pass return_grad=True."
        raise ValueError(msg)
    if not isinstance(out, np.ndarray):
        msg = f"out is {type(out).__name__}; expected a NumPy array for the gradient."
        raise TypeError(msg)
    if problem := _problem_with_out(out, logits, others):
        raise ValueError(problem)
    return out


def _problem_with_out(out: Array, logits: Array, others: list[Array | None]) -> str | None:
    if out.shape != logits.shape or out.dtype != logits.dtype:
        return (
            f"out has shape {out.shape} and dtype {out.dtype}; the gradient has the logits' "
            f"shape {logits.shape} and dtype {logits.dtype}."
        )
    if not out.flags.writeable:
        return "out is read-only; pass a writable array for the gradient."
    if _overlaps_itself(out):
        return "out has entries that share memory, as a broadcast view has. Pass a fresh array."
    # Rows are read before they are written, so the very same memory is safe; a shifted view is not.
    same = out.ctypes.data == logits.ctypes.data and out.strides == logits.strides
    if not same and np.shares_memory(out, logits):
        return "out overlaps logits without being the same array. Pass out=logits or a fresh array."
    if any(other is not None and np.shares_memory(out, other) for other in others):
        return "out shares memory with targets or weights, which would be overwritten while in use."
    return None


def _overlaps_itself(array: Array) -> bool:
    """Could two entries share memory? (Some odd layouts that do not are refused with the rest.)"""
    steps = sorted((abs(s), n) for s, n in zip(array.strides, array.shape, strict=True) if n > 1)
    reach = array.itemsize
    for stride, n in steps:
        if stride < reach:
            return array.size > 0
        reach += stride * (n - 1)
    return False
