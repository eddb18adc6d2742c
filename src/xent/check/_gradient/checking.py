"""A problem from its derivatives to its report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from xent._report import Finding
from xent.check._gradient.behaviour import observe
from xent.check._gradient.binary_targets import targets_outside
from xent.check._gradient.case import Case
from xent.check._gradient.comparison import FAIL, compare
from xent.check._gradient.derivatives import TINY_STEP, Method, Steps, derivatives
from xent.check._gradient.diagnosis import findings
from xent.check._gradient.directions import along_directions
from xent.check._gradient.entries import choose_entries
from xent.check._gradient.problem import Problem
from xent.check._gradient.progress import Progress
from xent.check._gradient.reference import Reference
from xent.check._gradient.report import GradientReport
from xent.check.mistakes import found

HALF = ("float16", "bfloat16")


def checked(
    problem: Problem,
    notes: list[Finding],
    how: tuple[Method, float | None],
    options: Mapping[str, Any],
    reduction: str | None,
    definition: str | None,
    seed: int,
    bar: Progress,
) -> GradientReport:
    """Compare a gradient with derivatives by a method and step, and name what is wrong."""
    method, h = how
    # Before anything is called many times: the options may not fit the targets.
    reference, why_not = _reference(problem, options, reduction, definition)
    behaviour = observe(problem, np.random.default_rng(seed))
    steps = Steps.of(method, h, behaviour.precision)
    entries = choose_entries(problem, behaviour, np.random.default_rng(seed))
    bar.expect(len(entries) * steps.evaluations)
    numeric = derivatives(problem, entries, steps, behaviour)

    given = problem.gradient(problem.logits)
    if problem.per_row and reduction == "mean":
        # Row losses have the derivatives of their sum; the given gradient is of their mean.
        total = reference.total if reference is not None else float(len(problem.logits))
        given = given * (total or 1.0)
    analytic = given[numeric.row, numeric.column]
    allowed, verdicts = compare(problem, numeric, analytic, behaviour)
    directions = None
    if len(numeric.row) < problem.logits.size:
        rng = np.random.default_rng(seed + 1)
        directions = along_directions(problem, given, steps.h, behaviour, rng)

    failed = verdicts == FAIL
    elsewhere = directions is not None and directions.failed and not failed.any()
    case = Case(problem, behaviour, reference, reduction, numeric, given, failed, elsewhere)
    named = [*findings(case), *notes]
    if problem.log_targets:
        seen = "The targets are logarithms of probabilities, by which the loss was compared."
        named.append(found("log-probabilities as targets", seen))
    if behaviour.precision in HALF and problem.dtype not in HALF:
        seen = f"The logits are {problem.dtype}, but the loss rounds like {behaviour.precision}."
        named.append(found("computed in half precision", seen))
    named += [found("warnings", text) for text in problem.warned]
    if why_not and (outside := targets_outside(problem)):
        named.insert(0, outside)
    elif why_not:
        seen = f"The loss could not be compared with cross-entropy: {why_not}"
        named.append(found("not compared", seen))
    return GradientReport(
        problem=problem,
        numeric=numeric,
        analytic=analytic,
        allowed=allowed,
        verdicts=verdicts,
        directions=directions,
        findings=tuple(named),
        method=method,
        h=TINY_STEP if method == "complex" else steps.h,
        precision=behaviour.precision,
        grad_precision=behaviour.grad_precision,
        independent=behaviour.independent,
        definition=definition if reference is not None else None,
    )


def _reference(
    problem: Problem, options: Mapping[str, Any], reduction: str | None, definition: str | None
) -> tuple[Reference | None, str]:
    """The loss to compare with; or None, and the error of xent's own loss about the arguments."""
    if definition is None or problem.targets is None:
        if options:
            without = "definition=None" if definition is None else "no targets"
            name = next(iter(options))
            msg = f"{name} is given, but with {without} the loss is not compared with anything."
            raise ValueError(msg)
        return None, ""
    try:
        reference = Reference.of(problem, options, reduction)
        reference.losses()
    except (TypeError, ValueError) as error:
        if options:
            raise
        return None, str(error)
    return reference, ""
