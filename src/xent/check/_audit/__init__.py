"""`audit`: how accurate is a cross-entropy, and what does it do in special cases?"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

import numpy as np

from xent._format import plain
from xent._report import Block, Finding, Table, Text
from xent.check._audit.calling import implementation
from xent.check._audit.explaining import problem_of
from xent.check._audit.implementation import Implementation
from xent.check._audit.questions import RIGHT, WRONG, Answer, answers
from xent.check._audit.vectors import Group, vectors
from xent.check._gradient.checking import checked
from xent.check._gradient.progress import Progress
from xent.check.arguments import Task
from xent.check.methods import told
from xent.check.mistakes import found
from xent.check.report import CheckReport
from xent.check.ulps import Errors, errors

LEGEND = (
    "Largest error and, in parentheses, the median, in units in the last place (ULP) of the dtype, "
    "against 50-digit answers; a rounded exact value is off by at most 0.5. Answers of 0, infinity "
    "or NaN are counted separately if the exact value is another number. The margin is that of the "
    "true class. A loss of probabilities is held against the exact loss of the rounded ones that "
    "it gets."
)
SIGNS = {RIGHT: "right", WRONG: "WRONG"}


@dataclass(frozen=True)
class Accuracy:
    """Errors of losses and gradients in one dtype at one range of margins."""

    dtype: str
    margin: str
    loss: Errors | str
    """A string if an exception was raised."""
    gradient: Errors | str


@dataclass(frozen=True, repr=False, eq=False)
class ScoreCard(CheckReport):
    """What an audit found. It is true if nothing is wrong with the loss.

    It prints as text; `findings`, `answers` and `accuracy` hold the details.
    """

    name: str
    task: Task
    called: str
    findings: tuple[Finding, ...]
    accuracy: tuple[Accuracy, ...]
    answers: tuple[Answer, ...]

    def __bool__(self) -> bool:
        return not (self.mistakes or self.wrong)

    def _failed(self) -> str:
        wrong = [f"{answer.question}: {answer.answer}" for answer in self.wrong]
        return ", ".join(self.mistakes) or f"wrong: {'; '.join(wrong)}"

    @property
    def wrong(self) -> list[Answer]:
        """Questions answered incorrectly."""
        return [answer for answer in self.answers if answer.verdict == WRONG]

    @property
    def right(self) -> list[Answer]:
        """Questions answered correctly."""
        return [answer for answer in self.answers if answer.verdict == RIGHT]

    def blocks(self) -> Iterator[Block]:
        """The card as text and tables."""
        yield Text(f"Audit of {self.name}", "title")
        loss = "binary cross-entropy" if self.task == "binary" else "softmax cross-entropy"
        yield Text(f"Called as {loss}, with {self.called}.")
        yield from self.findings
        yield Text("Accuracy", "section")
        yield Text(LEGEND)
        rows = tuple(
            (a.dtype, a.margin.removeprefix("margin "), str(a.loss), str(a.gradient))
            for a in self.accuracy
        )
        yield Table(("dtype", "margin", "loss", "gradient"), rows, left=(0, 1, 2, 3))
        yield Text("Edges, options, bad input", "section")
        counts = f"{len(self.right)} right, {len(self.wrong)} wrong"
        others = len(self.answers) - len(self.right) - len(self.wrong)
        yield Text(f"{counts}, {others} noted.", "bad" if self.wrong else "good")
        answers = tuple((a.question, SIGNS.get(a.verdict, ""), a.answer) for a in self.answers)
        yield Table(("question", "", "answer"), answers, left=(0, 1, 2))

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON: infinities as "inf", what is undefined as null."""
        return {
            "name": self.name,
            "task": self.task,
            "called": self.called,
            "passed": bool(self),
            "mistakes": self.mistakes,
            "findings": [finding.to_dict() for finding in self.findings],
            "accuracy": [
                {
                    "dtype": one.dtype,
                    "margin": one.margin,
                    "loss": _plain(one.loss),
                    "gradient": _plain(one.gradient),
                }
                for one in self.accuracy
            ],
            "answers": [asdict(answer) for answer in self.answers],
        }

    def __repr__(self) -> str:
        return f"<ScoreCard: {self.name}; {len(self.right)} right, {len(self.wrong)} wrong>"


def _plain(errors: Errors | str) -> dict[str, Any] | str:
    if isinstance(errors, str):
        return errors
    return {name: plain(value) for name, value in asdict(errors).items()}


def audit(
    function: Any,
    task: Task | None = None,
    *,
    grad: Callable[..., Any] | None = None,
    name: str | None = None,
) -> ScoreCard:
    r"""Compare an implementation of cross-entropy with exact answers, and print a score card.

    .. math:: \text{error in ULP} = \frac{|\text{answer} - \text{exact}|}{\text{spacing of the
        dtype's numbers at the exact value}}

    Parameters
    ----------
    function : callable, class, or str
        A loss of scores and labels: a function of PyTorch, JAX, optax, scikit-learn, SciPy,
        Keras or your own, a PyTorch module or its class, an object (or its class) with methods
        forward and backward or loss and gradient, or "package.module:name". How to call it (array
        library, labels or one-hot rows, scores first or last, logits or probabilities, names of
        options) is found by trial, and where nothing is right, by what is simplest to explain.
    task : {"classes", "binary"}, optional
        Softmax or binary cross-entropy; taken from the name (binary, sigmoid, bce) if not given.
    grad : callable, optional
        ``grad(logits, targets)`` of a NumPy function, to check its accuracy too; autograd of
        PyTorch and JAX is used automatically.
    name : str, optional
        The name on the score card.

    Returns
    -------
    ScoreCard
        Errors in ULP by dtype and margin; answers on masks, infinities, reductions, weights,
        smoothing, ignored rows, bad input and long means, each right, wrong or noted; and the
        mistake by name if the loss is wrong on ordinary rows. All in nats. It is true if nothing is
        wrong; ``raise_if_failed()`` raises an AssertionError with the report if something is.

    Raises
    ------
    TypeError
        If no way to call it was found.
    ValueError
        If the name is none, or importing its module raises an exception.
    ModuleNotFoundError
        If the module is not found, or mpmath is not installed (``pip install mpmath``, or xent with
        its extra check).

    Notes
    -----
    Exact answers come from the test vectors that ship with xent (docs/test-vectors.md), computed
    by mpmath at 256 bits. At the edges, the contract of `xent.cross_entropy` says what is right: a
    mean over no rows is 0, a label on a masked class costs infinity, nothing is broadcast.

    Examples
    --------
    >>> import numpy as np, xent
    >>> def loss(z, y):
    ...     p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    ...     return -np.log(p[np.arange(len(y)), y])
    >>> card = xent.check.audit(loss, name="naive")
    >>> card
    <ScoreCard: naive; 9 right, 7 wrong>
    >>> print(card.wrong[0].question, "->", card.wrong[0].answer)
    huge logits, float64 -> nan for 0.693147, nan for 1.60944

    References
    ----------
    Muller et al. (2018), Handbook of Floating-Point Arithmetic, section 2.6, for ULP.
    """
    if isinstance(function, str):
        name = name or function
        function = imported(function)
    with warnings.catch_warnings():
        # At the edges a function may warn; what it warns of on ordinary rows is a finding.
        warnings.simplefilter("ignore")
        one = implementation(function, task, name=name, grad=grad)
        groups = [group for group in vectors() if group.task == one.task and group.has_margin]
        findings, accuracy = _mistakes(one), tuple(_accuracy(one, group) for group in groups)
        called = str(one.convention)
        if one.classes is not None:
            called += f", of {one.classes} classes only"
        return ScoreCard(one.name, one.task, called, findings, accuracy, tuple(answers(one)))


def imported(path: str) -> Any:
    """The object that `package.module:name` names."""
    module, _, attribute = path.partition(":")
    if not attribute:
        msg = f"{path!r} names no function; expected package.module:name."
        raise ValueError(msg)
    try:
        found = import_module(module)
    except ModuleNotFoundError:
        raise
    except Exception as error:
        msg = f"Importing {module} raised {told(error)}."
        raise ValueError(msg) from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            msg = f"{module} has no {attribute!r}."
            raise ValueError(msg)
        found = getattr(found, part)
    return found


def _accuracy(one: Implementation, group: Group) -> Accuracy:
    """Errors of one group, or the exception that was raised instead."""

    def compared(what: str) -> Errors | str:
        try:
            return errors(*one.compared(group, what), group.dtype)
        except Exception as error:
            return f"raises {type(error).__name__}"

    gradient = compared("gradients") if one.has_gradient else "-"
    return Accuracy(group.dtype, group.name, compared("losses"), gradient)


def _other_scores(one: Implementation) -> Finding:
    """It takes other scores than the name of its parameter says."""
    link = "sigmoid" if one.task == "binary" else "softmax"
    takes = one.convention.takes
    if takes == "logits":
        seen = f"The parameter is called {one.says}, and the loss applies its {link} to it."
        return found(f"{link} applied twice", seen)
    seen = f"The parameter is called {one.says}, but the loss fits only if it gets {takes}."
    fix = f"Apply the {link} inside, or call the parameter by what it takes."
    return found(f"takes {takes}", seen, fix=fix, level="mistake")


def _mistakes(one: Implementation) -> tuple[Finding, ...]:
    """What is wrong with its loss on ordinary rows, by name."""
    named = []
    if one.misnamed:
        seen = "By their names the arguments are the other way round, but the loss was called as "
        seen += f"{one.convention.plain.call(one.task == 'binary')}."
        named.append(found("arguments named the wrong way round", seen))
    if one.says:
        named.append(_other_scores(one))
    try:
        problem = problem_of(one)
        with closing(Progress(False)) as bar, np.errstate(all="ignore"):
            report = checked(problem, [], ("central", None), {}, None, "cross-entropy", 0, bar)
    except (TypeError, ValueError) as error:
        return (found("not cross-entropy", f"It gives no loss for a row: {error}"), *named)
    # Only the loss is checked here: its gradient of zeros is ignored.
    return (*(f for f in report.findings if f.name != "gradient is zero"), *named)
