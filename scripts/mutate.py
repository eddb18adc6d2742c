"""Mutation test: make one mistake at a time in a copy of the sources, and see that tests fail.

    python scripts/mutate.py            # every mutation
    python scripts/mutate.py state      # those whose file or description contains "state"

Exits with 1 if a mutation is missed, or if its text is no longer in the file exactly once.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", ".*_cache", ".hypothesis", "site", "dist", "build", "output"
)
"""Not copied. `__pycache__` is: it holds the compiled kernels."""


class Mutation(NamedTuple):
    """A mistake, and the tests of which one at least must fail."""

    file: str
    right: str
    wrong: str
    tests: str
    why: str


FORMULA = "tests/core/test_formula.py"
STATE = "tests/scoring/test_state.py"
LOSSES = "tests/core/test_contract.py tests/core/test_edges.py tests/core/test_properties.py"
EXPLAIN = "tests/explanation"
Z_LOSS = "tests/core/test_z_loss.py"
ROUNDING = "tests/engine/test_rows.py"
ENGINES = "tests/engine/test_engines.py"
HIGHER = "tests/torch/test_torch_higher_derivatives.py"

MUTATIONS = [
    Mutation(
        "formula.py",
        "(1 - label_smoothing) * one_hot + label_smoothing / classes",
        "(1 - label_smoothing) * one_hot + label_smoothing / (classes - 1)",
        FORMULA,
        "label smoothing spread over the other classes only",
    ),
    Mutation(
        "formula.py",
        "extra = 2 * z_loss * log_z\n    off_k",
        "extra = z_loss * log_z\n    off_k",
        FORMULA,
        "half the gradient of the z-loss",
    ),
    Mutation(
        "formula.py",
        "grad = (b * p - a * q + 2 * z_loss * log_z * p)",
        "grad = (b * p - a * p + 2 * z_loss * log_z * p)",
        FORMULA,
        "binary gradient of the positive part with p for 1 - p",
    ),
    Mutation(
        "formula.py",
        "xp.cosh(z / softcap) ** -2.0",
        "xp.cosh(z / softcap) ** -1.0",
        FORMULA,
        "slope of the soft cap",
    ),
    Mutation(
        "_engine/rows.py",
        "grad[rows, labels] = -factor * q",
        "grad[rows, labels] = factor / (1 + q) - scale",
        "tests/core/test_accuracy.py",
        "label's gradient by a subtraction that cancels",
    ),
    Mutation(
        "_engine/rows.py",
        "e_low *= e\n",
        "e_low *= 0 * e\n",
        "tests/core/test_accuracy.py",
        "rounding error of z - m dropped",
    ),
    Mutation(
        "_engine/rows.py",
        "return s, (s_high - s) + s_low",
        "return e.sum(axis=1), 0 * s_low",
        ROUNDING,
        "rounding error of the sum S dropped",
    ),
    Mutation(
        "_engine/rows.py",
        "    return product, error",
        "    return product, 0 * error",
        ROUNDING,
        "rounding error of a product dropped",
    ),
    Mutation(
        "_engine/rows.py",
        "np.where((coefficient == 0) & np.isinf(value), 0.0, product)",
        "product",
        LOSSES,
        "0 * infinity is NaN",
    ),
    Mutation(
        "_engine/rows.py",
        "s = e.sum(axis=1)\n    else:\n        s, s_low = _exact_sum(e, e_low)",
        "s = e.sum(axis=1)\n    else:\n        s, s_low = e.sum(axis=1) + 1e-16, e_low.sum(axis=1)",
        "tests/core/test_accuracy.py",
        "a small sum of exponentials is lost beside a constant",
    ),
    Mutation(
        "_engine/rows.py",
        "np.abs(np.log1p(-np.minimum(p, 1.0)))",
        "_surprise(1 - p)",
        "tests/core/test_accuracy.py tests/core/test_log_loss.py",
        "log(1 - p) by a subtraction that loses digits",
    ),
    Mutation(
        "_engine/rows.py",
        "grad[weight == 0] = 0.0",
        "grad[weight == 0] *= 0.0",
        LOSSES,
        "gradient of NaN in a row of weight 0",
    ),
    Mutation(
        "_targets.py",
        "(smoothing / classes) * ones if smoothing",
        "(smoothing / classes) if smoothing",
        LOSSES,
        "label smoothing without class weights",
    ),
    Mutation(
        "_targets.py",
        "weight = xp.where(ignored, xp.zeros_like(one), one)",
        "weight = one",
        LOSSES,
        "ignored rows count",
    ),
    Mutation(
        "_target_checks.py",
        "if low >= 0 and high < classes:",
        "if high < classes:",
        "tests/core/test_errors.py",
        "a negative label is accepted",
    ),
    Mutation(
        "_engine/compute.py",
        "                gradient *= row_factors[index]\n",
        "                pass\n",
        "tests/torch/test_torch_losses.py tests/torch/test_torch_transforms.py",
        "row losses of a linear layer without their upstream gradients",
    ),
    Mutation(
        "_engine/array.py",
        "(off_k + extra - on * s) / (1 + s)",
        "(mass + extra) / (1 + s) - on",
        "tests/engine/test_engines.py",
        "gradient at the largest logit by a subtraction that cancels",
    ),
    Mutation(
        "torch/_plain_calls.py",
        "        or _compat.is_held_by_others(gradient)\n",
        "",
        "tests/torch/test_torch_places.py tests/torch/test_torch_memory.py",
        "a gradient that somebody holds is scaled in place",
    ),
    Mutation(
        "torch/_plain_calls.py",
        "        or _compat.is_graph_kept()\n",
        "",
        "tests/torch/test_torch_losses.py tests/torch/test_torch_memory.py",
        "a kept graph gives its gradient away",
    ),
    Mutation(
        "check/_gradient/factors.py",
        'yield expected / divisor, "mean taken twice"',
        'yield expected / divisor, "mean missing"',
        "tests/check",
        "a mistake under another's name",
    ),
    Mutation(
        "_engine/cpu/pool.py",
        "            while sem_wait(pool + DONE) != 0:  # a signal may interrupt it\n"
        "                pass\n",
        "",
        "tests/engine/test_threads.py tests/engine/test_pool.py",
        "compiled threads still at work are not waited for",
    ),
    Mutation(
        "_engine/cpu/label_row.py",
        "        counts = (label != ignored) | (ignored == NO_LABEL)\n",
        "        counts = label != ignored\n",
        "tests/engine tests/torch/test_torch_memory.py",
        "the label that stands for no ignored label is ignored",
    ),
    Mutation(
        "_engine/cpu/launch.py",
        "        _complete(plan)  # the logits of a first attempt would be lost\n",
        "        pass\n",
        "tests/engine/test_pool.py",
        "logits that the gradient overwrote are computed again",
    ),
    Mutation(
        "threads.py",
        "        if busy:\n            self._all_left.wait()\n",
        "",
        "tests/engine/test_threads.py",
        "threads still at work are not waited for",
    ),
    Mutation(
        "scoring/state/__init__.py",
        "kept = weight > 0",
        "kept = weight >= 0",
        STATE,
        "rows of weight 0 are counted",
    ),
    Mutation(
        "scoring/state/worst.py",
        "rows = rows[losses[rows] >= top]",
        "rows = rows[:keep]",
        STATE,
        "rows are kept that are not the worst",
    ),
    Mutation(
        "scoring/state/exact.py",
        "whole & ((1 << 27) - 1)",
        "whole & ((1 << 26) - 1)",
        STATE,
        "a bit of every loss is lost",
    ),
    Mutation(
        "_engine/cpu/exact_sums.py",
        "_add_exactly(c, limbs)\n    if left != 0:",
        "_add_exactly(c, limbs)\n    if left > 1:",
        "tests/scoring/test_state.py tests/scoring/test_compare_state.py",
        "what is cut off from a number is lost",
    ),
    Mutation(
        "scoring/intervals/paired.py",
        "8 * c * difference",
        "8 * b * difference",
        "tests/scoring/test_intervals.py",
        "interval of paired accuracies",
    ),
    Mutation(
        "scoring/comparing/estimates.py",
        "freedom = min(freedom, m.error_freedom)",
        "freedom = min(freedom, 2 * m.error_freedom)",
        "tests/scoring/test_compare.py",
        "degrees of freedom of a difference",
    ),
    Mutation(
        "scoring/products.py",
        "fourths += 6 * l1 * l1",
        "fourths += 4 * l1 * l1",
        "tests/scoring/test_compare.py",
        "fourth moment of a difference",
    ),
    Mutation(
        "scoring/comparing/recalibrated.py",
        ">= MOST * difference",
        ">= 0",
        "tests/scoring/test_compare_page.py",
        "any difference is one of calibration",
    ),
    Mutation(
        "scoring/comparing/finding.py",
        "and not naming.WEIGHT.fullmatch(name.strip())",
        "",
        "tests/scoring/test_compare_sources.py",
        "weights are a model",
    ),
    Mutation(
        "plots/dots.py",
        "far = FAR * float",
        "far = 1e9 * float",
        "tests/plots/test_score_plots.py",
        "one far slice squeezes the others",
    ),
    Mutation(
        "scoring/state/worst.py",
        "sorted([*self.rows, *other.rows])[: self.schema.keep]",
        "self.rows",
        STATE,
        "merging forgets the other's worst rows",
    ),
    Mutation(
        "explanation/row.py",
        "every = target.total * p - target.masses",
        "every = target.total * p - p * target.masses",
        EXPLAIN,
        "gradient of the label",
    ),
    Mutation(
        "explanation/row.py",
        "np.argsort(-of, kind",
        "np.argsort(of, kind",
        EXPLAIN,
        "the unlikeliest classes are shown",
    ),
    Mutation(
        "explanation/row.py",
        "shift = m if",
        "shift = 0.0 if",
        EXPLAIN,
        "exponentials that overflow",
    ),
    Mutation(
        "explanation/quantities.py",
        "STEP = 1e-5",
        "STEP = 1.0",
        EXPLAIN,
        "step of the numerical derivative far too large",
    ),
    Mutation(
        "_targets.py",
        "return (divisor, divisor / z_divisor) if divisor else (z_divisor, 1.0)",
        "return (divisor, 1.0) if divisor else (z_divisor, 1.0)",
        Z_LOSS,
        "class weights rescale the z-loss",
    ),
    Mutation(
        "_targets.py",
        "weight = xp.where(ignored, xp.zeros_like(one), one)",
        "weight = one",
        "tests/core/test_contract.py",
        "ignored rows count",
    ),
    Mutation(
        "_target_checks.py",
        "if low >= 0 and high < classes:",
        "if low >= 0 and high <= classes:",
        "tests/core/test_errors.py",
        "a label one too large is accepted",
    ),
    Mutation(
        "_target_checks.py",
        "if (off > tolerance).any():",
        "if (off > 1).any():",
        "tests/core/test_errors.py",
        "rows of probabilities may sum to anything below 2",
    ),
    Mutation(
        "_targets.py",
        "product = row_weight if weight is None else weight * row_weight",
        "product = row_weight if weight is None else weight",
        "tests/core/test_edges.py tests/core/test_properties.py",
        "the mean forgets class weights beside sample weights",
    ),
    Mutation(
        "_options.py",
        'return check_number(value, "label_smoothing", 0, 1)',
        'return check_number(value, "label_smoothing", 0, 2)',
        "tests/core/test_options.py",
        "label smoothing above 1",
    ),
    Mutation(
        "_validation.py",
        "if array.shape == expected:",
        "if array.size == math.prod(expected):",
        "tests/core/test_errors.py",
        "another shape of the same size is accepted",
    ),
    Mutation(
        "_engine/compute.py",
        "defer_label_check=engine.finds_wrong_targets() and not in_place(grad, z),",
        "defer_label_check=engine.finds_wrong_targets(),",
        "tests/engine/test_kernels.py tests/core/test_contract.py",
        "logits are lost in place before a wrong label is found",
    ),
    Mutation(
        "_engine/compute.py",
        "gradient *= row_factors[index]",
        "gradient *= row_factors[:1]",
        "tests/torch/test_torch_losses.py",
        "row losses of a linear layer with the upstream gradient of the first row",
    ),
    Mutation(
        "_engine/linear.py",
        "x = self.products.zero_rows(x, weight)",
        "pass",
        "tests/core/test_edges.py tests/core/test_contract.py",
        "NaN of an absent row reaches the weight's gradient",
    ),
    Mutation(
        "_engine/array.py",
        "elsewhere = xp.where(k_is_label, xp.zeros_like(on), on)",
        "elsewhere = on",
        ENGINES,
        "the mass at the label counted as mass elsewhere",
    ),
    Mutation(
        "_engine/array.py",
        "return z if z.dtype == xp.float64 else cast(xp, z, xp.float32)",
        "return cast(xp, z, xp.float32)",
        ENGINES,
        "float64 logits computed in float32",
    ),
    Mutation(
        "_engine/__init__.py",
        "if engine.accepts(logits):",
        "if True:",
        ENGINES,
        "the first engine takes everything",
    ),
    Mutation(
        "torch/_derivatives.py",
        "result = result - (loss - self.z_term) * self.c * w",
        "result = result - loss * self.c * w",
        Z_LOSS,
        "the mean of z-loss in the gradient for soft targets",
    ),
    Mutation(
        "torch/_derivatives.py",
        "return apart - mean, mean + at_likeliest",
        "return of_u, mean + at_likeliest",
        "tests/torch/test_torch_losses.py",
        "second derivative without its outer product",
    ),
    Mutation(
        "torch/_functions.py",
        "return p * (upstream - (p * upstream).sum(axis, keepdim=True))",
        "return p * upstream",
        "tests/torch/test_torch_functions.py",
        "derivative of the softmax without its outer product",
    ),
    Mutation(
        "torch/_operation.py",
        "duals = tensors if any(has_tangent) else None",
        "duals = None",
        HIGHER,
        "a gradient without its tangent where one level has both modes",
    ),
    Mutation(
        "torch/_operation.py",
        "_compat.set_forward_mode(forward_mode):",
        "_compat.set_forward_mode(False):",
        HIGHER,
        "forward over reverse mode is 0 in silence",
    ),
    Mutation(
        "torch/_derivatives.py",
        "change = self.slope * change + self.bend * v * self._of_u()",
        "change = self.slope * change",
        HIGHER,
        "second derivatives of softcap without its own",
    ),
    Mutation(
        "torch/_derivatives.py",
        "change = change - self._without_z_loss() * (self.c * w * dt).sum()",
        "change = change - 0.0 * (self.c * w * dt).sum()",
        HIGHER,
        "the mean's divisor does not move with soft targets",
    ),
    Mutation(
        "torch/_linear_recomputed.py",
        "part = part + gradient.T @ chunk.dx",
        "pass",
        HIGHER,
        "second derivatives of a layer without the mixed part",
    ),
    Mutation(
        "torch/_binary_derivatives.py",
        "result = result - self.c_by_target * loss",
        "pass",
        HIGHER,
        "binary targets do not enter the mean's divisor",
    ),
    Mutation(
        "torch/_positions.py",
        "self.grads.inputs[rows] += layer.grads.inputs[rows]",
        "self.grads.inputs[rows] = layer.grads.inputs[rows]",
        "tests/torch/test_torch_positions.py",
        "the gradient of the inputs is that of the last position",
    ),
    Mutation(
        "_engine/cpu/general.py",
        "others[lane] += 0.0 if j == k else y[j]",
        "others[lane] += y[j]",
        "tests/core/test_accuracy.py",
        "the target mass of the likeliest class counts twice",
    ),
    Mutation(
        "_target_checks.py",
        "if xp.any(weights != 0):",
        "if False:",
        "tests/torch/test_torch_complaints.py",
        "a mean over weights that cancel",
    ),
]


def main() -> int:
    """Run the mutations that are asked for, and say which are caught."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("words", nargs="*", help="only mutations with one of these words")
    words = parser.parse_args().words
    chosen = [m for m in MUTATIONS if not words or any(w in f"{m.file} {m.why}" for w in words)]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "xent"
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
        tests = sorted({test for mutation in chosen for test in mutation.tests.split()})
        code, said = run(copy, tests)
        if code:
            print(f"without any mutation, tests fail:\n{said}")
            return 1
        caught = [apply(copy, mutation) for mutation in chosen]
    print(f"{sum(caught)} of {len(chosen)} mutations caught")
    return int(not all(caught))


def apply(copy: Path, mutation: Mutation) -> bool:
    """Make a mistake in the copy, run its tests, and mend it."""
    path = copy / "src" / "xent" / mutation.file
    text = path.read_text("utf-8")
    if text.count(mutation.right) != 1:
        print(f"STALE   {mutation.file}: {mutation.right!r} is not there exactly once", flush=True)
        return False
    path.write_text(text.replace(mutation.right, mutation.wrong), "utf-8")
    try:
        code, said = run(copy, mutation.tests.split())
    finally:
        path.write_text(text, "utf-8")
    failed = [line for line in said.splitlines() if line.startswith("FAILED ")]
    caught = code == 1 and bool(failed)
    by = failed[0].removeprefix("FAILED ").split(" - ")[0] if failed else f"exit code {code}"
    print(f"{'caught' if caught else 'MISSED'}  {mutation.file}: {mutation.why} ({by})", flush=True)
    return caught


def run(copy: Path, tests: list[str]) -> tuple[int, str]:
    """Run test files in the copy until one fails: the exit code and the output."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=copy, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(main())
