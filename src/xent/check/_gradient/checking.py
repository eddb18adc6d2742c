"""A gradient check from beginning to end: observe, difference, compare, diagnose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from xent.check._gradient.behaviour import observe
from xent.check._gradient.case import Case
from xent.check._gradient.comparison import FAIL, along_directions, compare
from xent.check._gradient.derivatives import TINY_STEP, Method, Steps, derivatives
from xent.check._gradient.diagnosis import findings
from xent.check._gradient.entries import choose_entries
from xent.check._gradient.problem import Problem
from xent.check._gradient.progress import Progress
from xent.check._gradient.reference import Reference
from xent.check._gradient.report import GradientReport
from xent.check.mistakes import found


@dataclass(frozen=True)
class Request:
    """What was asked of a check, apart from the functions and their arguments."""

    method: Method
    h: float | None
    reduction: str | None
    definition: str | None
    options: Mapping[str, Any]
    """Options that the loss is meant to have, by xent's names; those that are given."""
    seed: int


def run(problem: Problem, request: Request, progress: Progress) -> GradientReport:
    """Check the gradient of a problem."""
    # Before anything is called often: the options may be at odds with the targets.
    reference, why_not = _reference(problem, request)
    behaviour = observe(problem, np.random.default_rng(request.seed))
    steps = Steps.of(request.method, request.h, behaviour.precision)
    entries = choose_entries(problem, behaviour, np.random.default_rng(request.seed))
    progress.expect(len(entries) * steps.evaluations)
    numeric = derivatives(problem, entries, steps, behaviour)

    given = problem.gradient(problem.logits)
    if problem.per_row and request.reduction == "mean":
        # Row losses have the derivatives of their sum; the given gradient is that of their mean.
        total = reference.total if reference is not None else float(len(problem.logits))
        given = given * (total or 1.0)
    analytic = given[numeric.row, numeric.column]
    allowed, verdicts = compare(problem, numeric, analytic, behaviour)
    directions = None
    if len(numeric.row) < problem.logits.size:
        rng = np.random.default_rng(request.seed + 1)
        directions = along_directions(problem, given, steps.h, behaviour, rng)

    failed = verdicts == FAIL
    elsewhere = directions is not None and directions.failed and not failed.any()
    asked = request.reduction
    case = Case(problem, behaviour, reference, asked, numeric, given, failed, elsewhere)
    named = findings(case)
    if why_not:
        seen = f"The loss was not compared with cross-entropy, which says: {why_not}"
        named.append(found("not compared", seen))
    return GradientReport(
        problem=problem,
        numeric=numeric,
        analytic=analytic,
        allowed=allowed,
        verdicts=verdicts,
        directions=directions,
        findings=tuple(named),
        method=request.method,
        h=TINY_STEP if request.method == "complex" else steps.h,
        precision=behaviour.precision,
        grad_precision=behaviour.grad_precision,
        independent=behaviour.independent,
        definition=request.definition if reference is not None else None,
    )


def _reference(problem: Problem, request: Request) -> tuple[Reference | None, str]:
    """The loss to compare with; or None, and what xent's own loss says of the arguments."""
    if request.definition is None or problem.targets is None:
        if request.options:
            without = "definition=None" if request.definition is None else "no targets"
            name = next(iter(request.options))
            msg = f"{name} is given, but with {without} the loss is compared with nothing."
            raise ValueError(msg)
        return None, ""
    try:
        reference = Reference.of(problem, request.options, request.reduction)
        reference.losses()
    except (TypeError, ValueError) as error:
        if request.options:
            raise
        return None, str(error)
    return reference, ""
