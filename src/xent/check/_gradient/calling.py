"""How a loss is to be called: as given, or through a softmax, with its arguments exchanged, ..."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from xent._report import Finding
from xent._validation import Array
from xent.check._gradient.composition.explanation import explain, is_right
from xent.check._gradient.composition.search import Probes, enough_rows
from xent.check._gradient.factors import Counts
from xent.check._gradient.problem import CallError, Problem, task_of
from xent.check._gradient.reference import Reference
from xent.check.arguments import Task
from xent.check.conventions import (
    PLAIN_NAMES,
    Convention,
    as_logits,
    conventions,
    for_logits,
    names_contradict,
    names_speak_for,
    one_hot,
    scores_named,
)
from xent.check.dtypes import rounded
from xent.check.frameworks import framework_of
from xent.check.mistakes import found

AS_GIVEN = Convention()


@dataclass(frozen=True)
class Functions:
    """The functions under test, and all that is known before they are called."""

    loss: Callable[..., Any]
    grad: Callable[..., Any] | None
    logits: Any
    targets: Any
    axis: int
    task: Task | None
    dtype: str
    on_call: Callable[[], None]
    options: Mapping[str, Any]
    reduction: str | None
    definition: str | None

    def as_given(self) -> Problem:
        """The problem with functions of (logits, targets)."""
        return self._problem(self.loss, self.grad, self.logits)

    def _problem(self, loss: Any, grad: Any, logits: Any) -> Problem:
        return Problem(
            loss, grad, logits, self.targets, self.axis, self.task, self.dtype, self.on_call
        )

    def called(self, how: Convention, grad_for_logits: bool = False) -> Problem:
        """The problem with functions that are called by a convention."""
        library = framework_of(self.logits)
        scores = library.to_numpy(self.logits).astype(np.float64)
        given = framework_of(self.targets).to_numpy(self.targets)
        binary = (self.task or task_of(scores, given)) == "binary"
        logits = as_logits(scores, how.takes, binary, self.axis)

        def arguments(z: Any, t: Any) -> tuple[Any, Any]:
            if how.one_hot:
                labels = library.to_numpy(t)
                if not binary:
                    labels = one_hot(labels, scores.shape[self.axis], self.axis)
                t = library.from_numpy(labels.astype(np.float64), self.dtype)
            s = library.link(z, how.takes, binary, self.axis)
            return (t, s) if how.targets_first else (s, t)

        def loss(z: Any, t: Any) -> Any:
            return self.loss(*arguments(z, t))

        def grad(z: Any, t: Any) -> Any:
            assert self.grad is not None
            slopes = self.grad(*arguments(z, t))
            p = np.asarray(library.to_numpy(library.link(z, "probabilities", binary, self.axis)))
            if grad_for_logits or np.shape(slopes) != p.shape:
                return slopes
            return for_logits(library.to_numpy(slopes), p, how.takes, binary, self.axis)

        as_array = library.from_numpy(logits, "float64")
        return self._problem(loss, None if self.grad is None else grad, as_array)

    def reference(self, problem: Problem) -> Reference:
        """The intended loss."""
        return Reference.of(problem, self.options, self.reduction)


def problem_of(functions: Functions) -> tuple[Problem, list[Finding]]:
    """The problem as it has to be called, and what is to be said about that."""
    plain, error = None, None
    try:
        plain = functions.as_given()
    except CallError as raised:
        error = raised
    if functions.targets is None or (plain is not None and _is_plausible(functions, plain)):
        if plain is None:
            assert error is not None
            raise error
        return plain, []
    how = _best(*_at_some_rows(functions, plain))
    if how is None:
        if plain is None:
            assert error is not None
            raise error
        return plain, []
    problem, findings = functions.called(how), list(_told(functions, how))
    if functions.grad is not None and how.takes != "logits":
        for_scores = functions.called(how, grad_for_logits=True)
        right = functions.reference(problem).gradient()
        if _follows(for_scores, right) and not _follows(problem, right):
            seen = f"The gradient is that for the logits, though the loss takes {how.takes}."
            return for_scores, [*findings, found("gradient for the logits", seen)]
    return problem, findings


def _is_plausible(functions: Functions, problem: Problem) -> bool:
    """Are the losses those that are expected, or is nothing known to compare them with?"""
    try:
        reference = functions.reference(problem)
        expected = reference.losses()
    except (TypeError, ValueError):
        return True
    if not problem.per_row and not reference.total:
        return True  # a mean over no rows
    if _may_be_probabilities(problem):
        # As logits they may give nearly the same loss: other logits tell.
        other = rounded(np.random.default_rng(0).normal(size=problem.logits.shape), problem.dtype)
        reference = reference.changed(logits=other)
        expected = reference.losses()
    try:
        got = np.asarray(problem.losses(reference.logits))
    except CallError:
        return False
    if problem.per_row:
        known = ~reference.ignored
        return bool(np.allclose(got[known], expected[known], rtol=1e-3, atol=1e-6))
    summed = reference.summed()
    scales = Counts.of(reference).expected(functions.reduction, per_row=False)
    return any(bool(np.isclose(got, summed * scale, rtol=1e-3, atol=1e-6)) for scale in scales)


def _may_be_probabilities(problem: Problem) -> bool:
    """Are the given scores probabilities, or logarithms of probabilities?"""
    z = problem.logits
    if problem.task == "binary":
        return bool(((z >= 0) & (z <= 1)).all())
    sums = z.sum(axis=1), np.exp(z).sum(axis=1)
    return any(bool(np.allclose(one, 1, atol=1e-3)) for one in sums)


def _at_some_rows(functions: Functions, plain: Problem | None) -> tuple[Functions, Problem | None]:
    """Those rows of a large batch that are enough to tell ways of calling apart."""
    shape = tuple(getattr(functions.logits, "shape", ()))
    if len(shape) not in (1, 2) or functions.axis % len(shape) != len(shape) - 1:
        return functions, plain
    step = shape[0] // enough_rows(shape[1] if len(shape) == 2 else 1)
    of_entries = np.size(functions.options.get("pos_weight", 1)) > 1
    if step < 8 or of_entries:
        return functions, plain
    if "sample_weight" in functions.options or np.shape(functions.targets)[:1] != shape[:1]:
        return functions, plain
    few = replace(functions, logits=functions.logits[::step], targets=functions.targets[::step])
    try:
        return few, few.as_given()
    except CallError:
        # A loss may need the rows that it was made for.
        return (few, None) if plain is None else (functions, plain)


def _best(functions: Functions, plain: Problem | None) -> Convention | None:
    """The way of calling in which the loss is right, or simplest to explain; None for as given."""
    given = framework_of(functions.targets).to_numpy(functions.targets)
    scores = framework_of(functions.logits).to_numpy(functions.logits)
    task = functions.task or task_of(np.asarray(scores), given)
    others = [how for how in conventions(task, given.dtype.kind in "iub") if how != AS_GIVEN]
    others.sort(key=lambda how: -names_speak_for(functions.loss, how))
    usual = names_speak_for(functions.loss, AS_GIVEN)
    named = {how for how in others if names_speak_for(functions.loss, how) > usual}
    for how, reference, probes in _tried(functions, [how for how in others if how in named]):
        if is_right(reference, probes, functions.reduction):
            return how
    # As given, a loss of probabilities raises an exception or gives NaN.
    fails = plain is None
    if plain is not None:
        try:
            probes = Probes.of(plain)
            fails = not np.isfinite(probes.losses).all()
            reference = functions.reference(plain)
            if explain(reference, probes, functions.dtype, functions.reduction) is not None:
                return None
            if functions.definition is None and not fails:
                return None
        except CallError:
            fails = True
    tried = list(_tried(functions, others))
    normalised = plain is not None and _may_be_probabilities(plain)
    given_as = "log-probabilities" if normalised else ""
    for how, reference, probes in tried:
        # Many losses take one-hot rows too, or log-probabilities: no reason to prefer them.
        likely = fails or how.takes == "probabilities" or how.takes == given_as
        if likely and is_right(reference, probes, functions.reduction):
            return how
    best, cost = None, np.inf
    for how, reference, probes in tried:
        if fails or how in named:
            one = explain(reference, probes, functions.dtype, functions.reduction)
            if one is not None and one.cost < cost:
                best, cost = how, one.cost
    if best is None and fails:
        # Nothing fits: only the names are left, and the values have to be numbers.
        finite = [how for how, _, probes in tried if np.isfinite(probes.losses).all()]
        best = next((how for how in finite if plain is None or how in named), None)
    return best


def _tried(
    functions: Functions, ways: list[Convention]
) -> Iterator[tuple[Convention, Reference, Probes]]:
    """The ways of calling that give losses."""
    for how in ways:
        try:
            problem = functions.called(how)
            yield how, functions.reference(problem), Probes.of(problem)
        except (TypeError, ValueError):
            continue


def _told(functions: Functions, how: Convention) -> Iterator[Finding]:
    given = framework_of(functions.logits).to_numpy(functions.logits)
    targets = framework_of(functions.targets).to_numpy(functions.targets)
    binary = (functions.task or task_of(np.asarray(given), targets)) == "binary"
    call = how.call(binary)
    if how.takes == "logits":
        yield found("called otherwise", f"The loss was checked as {call}.")
    else:
        through = how.link(binary)
        seen = f"The loss takes {how.takes}, so it was checked through the {through}."
        fix = f"Pass lambda z, y: {call} to check it as it is trained, from the logits."
        name = scores_named(functions.loss)
        wrong = PLAIN_NAMES.get(name) == "logits"
        if wrong:
            seen += f" But its parameter is called {name}: the {through} is missing, or misnamed."
            fix = f"Apply the {through} inside, or call the parameter by what it takes."
        yield found(f"takes {how.takes}", seen, fix=fix, level="mistake" if wrong else None)
    if names_contradict(functions.loss, how):
        seen = "By their names the arguments are the other way round, but the loss is "
        yield found("arguments named the wrong way round", f"{seen}right only as {call}.")


def _follows(problem: Problem, right: Array) -> bool:
    """Is the gradient a multiple of the right one?"""
    got = problem.gradient(problem.logits)
    square = float((right * right).sum())
    if not square or not np.isfinite(got).all():
        return False
    scale = float((got * right).sum()) / square
    size = abs(scale) * np.abs(right).max()
    return bool(size > 0 and np.abs(got - scale * right).max() <= 1e-6 * size)
