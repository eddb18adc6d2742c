"""`check.audit`: its measure, its test vectors, how it calls, what it asks, and what it says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import make_vectors
import mpmath
import numpy as np
import planted
import pytest
from commands import Output
from helpers import import_torch, short

import xent
from xent._report.page import focusable
from xent.check._audit import ScoreCard, audit, imported, questions
from xent.check._audit.calling import UncallableError, implementation
from xent.check._audit.explaining import ordinary_rows
from xent.check._audit.vectors import vectors
from xent.check.ulps import errors, matches, unit


@pytest.fixture(scope="module", autouse=True)
def shorter() -> Any:
    """A million rows are for the page; the sums show as much with fewer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(questions, "LONG", 1 << 17)
        yield


# The measure.


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("value", [1.0, 1.5, 0.75, 3e-3, 5.0, 1000.0])
def test_a_unit_is_the_spacing_of_numbers(dtype: str, value: float) -> None:
    assert float(unit(mpmath.mpf(value), dtype)) == float(np.spacing(np.dtype(dtype).type(value)))


def test_a_unit_of_bfloat16() -> None:
    assert float(unit(mpmath.mpf(1), "bfloat16")) == 2.0**-7
    assert float(unit(mpmath.mpf(0.99), "bfloat16")) == 2.0**-8


def test_errors_are_counted_in_units_and_the_rest_apart() -> None:
    exact = ["1", "1", "3", "1", "1", "1e-320", "Infinity"]
    answers = np.array([1 + 2.0**-52, 1 - 2.0**-53, 3, 0, np.nan, 0, 5])
    found = errors(answers, exact, "float64")
    assert found.largest == 1
    assert found.median == 0.5
    assert (found.compared, found.zeros, found.not_finite) == (5, 1, 1)
    assert str(found) == "1 (0.5), 1 zero, 1 inf or NaN"
    assert str(errors(np.zeros(2), ["1", "2"], "float64")) == "2 zero"
    assert str(errors(np.zeros(1), ["1e-320"], "float64")) == "-"


def test_matches_knows_infinity_and_nothing() -> None:
    assert matches(np.inf, "Infinity", 1e-6)
    assert not matches(1e300, "Infinity", 1e-6)
    assert not matches(np.nan, "1", 1e-6)
    assert not matches(np.inf, "1", 1e-6)
    assert matches(0.0, "1e-60", 1e-6)
    assert not matches(1e-30, "1e-60", 1e-6)
    assert matches(1 + 1e-7, "1", 1e-6)
    assert not matches(1 + 1e-5, "1", 1e-6)


# The test vectors.


def test_the_file_is_what_the_script_makes() -> None:
    assert make_vectors.FILE.read_text(encoding="utf-8") == make_vectors.dump(
        make_vectors.vectors()
    )


def test_answers_by_another_way() -> None:
    """The plain definition, at a precision where its cancellation does not matter."""
    with mpmath.workdps(1000):
        for group in vectors():
            if group.task != "classes" or not group.has_margin:
                continue
            for z, y, loss, grad in zip(
                group.logits, group.labels, group.losses, group.gradients, strict=True
            ):
                e = [mpmath.exp(mpmath.mpf(v)) for v in z.tolist()]
                p = [v / mpmath.fsum(e) for v in e]
                assert mpmath.almosteq(-mpmath.log(p[y]), mpmath.mpf(loss), 1e-45)
                for j, text in enumerate(grad):
                    assert mpmath.almosteq(p[j] - (j == y), mpmath.mpf(text), 1e-45)


def test_inputs_are_numbers_of_their_dtype() -> None:
    seen = set()
    for group in vectors():
        seen.add((group.task, group.dtype))
        if group.dtype != "bfloat16":
            assert (group.logits.astype(group.dtype) == group.logits).all()
        else:
            assert not (group.logits.astype(np.float32).view(np.uint32) & 0xFFFF).any()
    assert len(seen) == 8


# How functions are called.


def scipy_made(z: Any, y: Any) -> Any:
    from scipy.special import log_softmax

    return -log_softmax(z, axis=-1)[np.arange(len(y)), y]


def turned(y_true: Any, y_pred: Any) -> Any:
    return scipy_made(y_pred, y_true)


def of_one_hot(z: Any, y: Any) -> Any:
    if y.shape != z.shape:
        raise ValueError
    return -(y * np.log(planted.softmax(z))).sum(axis=-1)


def of_probabilities(y: Any, p: Any) -> Any:
    return -np.log(p[np.arange(len(y)), y]).mean()


def in_torch(z: Any, y: Any) -> Any:
    return -z.log_softmax(1).gather(1, y[:, None])[:, 0]


def in_jax(z: Any, y: Any) -> Any:
    import jax

    return -jax.nn.log_softmax(z)[jax.numpy.arange(len(y)), y]


NUMPY, TORCH, JAX = "as NumPy arrays", "as PyTorch arrays", "as JAX arrays"
CALLS = [
    (scipy_made, None, f"(logits, labels) {NUMPY}"),
    (turned, None, f"(labels, logits) {NUMPY}"),
    (of_one_hot, None, f"(logits, one-hot targets) {NUMPY}"),
    (of_probabilities, None, f"(labels, probabilities) {NUMPY}"),
    (in_torch, None, f"(logits, labels) {TORCH}"),
    (in_jax, None, f"(logits, labels) {JAX}"),
    (planted.binary, "binary", f"(logits, labels) {NUMPY}"),
    ("xent:cross_entropy", None, f"(logits, labels) {NUMPY}"),
    ("xent:log_loss", None, f"(labels, probabilities) {NUMPY}"),
    ("torch.nn.functional:cross_entropy", None, f"(logits, labels) {TORCH}"),
    ("torch.nn.functional:nll_loss", None, f"(log-probabilities, labels) {TORCH}"),
    ("torch.nn:CrossEntropyLoss", None, f"(logits, labels) {TORCH}"),
    ("torch.nn:BCEWithLogitsLoss", None, f"(logits, float targets) {TORCH}"),
    ("torch.nn.functional:binary_cross_entropy", None, f"(probabilities, float targets) {TORCH}"),
    ("optax:softmax_cross_entropy", None, f"(logits, one-hot targets) {JAX}"),
    ("optax:softmax_cross_entropy_with_integer_labels", None, f"(logits, labels) {JAX}"),
    ("optax:sigmoid_binary_cross_entropy", None, f"(logits, labels) {JAX}"),
    ("sklearn.metrics:log_loss", None, f"(labels, probabilities) {NUMPY}"),
    ("sklearn.metrics:log_loss", "binary", f"(labels, probabilities) {NUMPY}"),
    ("keras.losses:sparse_categorical_crossentropy", None, f"(labels, logits) {TORCH}"),
    ("keras.losses:SparseCategoricalCrossentropy", None, f"(labels, logits) {TORCH}"),
]


@pytest.mark.parametrize(("function", "task", "how"), CALLS, ids=short)
def test_the_way_of_calling_is_found(
    function: Any, task: Any, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    if how.endswith(TORCH):
        import_torch()
    found = implementation(imported(function) if isinstance(function, str) else function, task)
    assert str(found.convention) == how
    z, y = ordinary_rows(found.task)
    loss = xent.binary_cross_entropy if found.task == "binary" else xent.cross_entropy
    got = found.losses(z, y, "float64")
    np.testing.assert_allclose(got, loss(z, y, reduction="none"), rtol=1e-5)


def test_gradients_pass_through_what_it_takes() -> None:
    for path in ("torch.nn.functional:nll_loss", "torch.nn.functional:binary_cross_entropy"):
        found = implementation(imported(path))
        z, y = ordinary_rows(found.task)
        loss = xent.binary_cross_entropy if found.task == "binary" else xent.cross_entropy
        grad = loss(z, y, reduction="sum", return_grad=True)[1]
        np.testing.assert_allclose(found.gradients(z, y, "float64"), grad, atol=1e-12)


def test_an_object_keeps_its_settings() -> None:
    import torch

    card = audit(torch.nn.CrossEntropyLoss())
    assert card.name == "torch.nn.modules.loss:CrossEntropyLoss"
    assert "reduction 'sum'" in [answer.question for answer in card.right]


# What it says of right ones.


@pytest.fixture(scope="module", params=["cross_entropy", "binary_cross_entropy"])
def own(request: pytest.FixtureRequest) -> ScoreCard:
    return audit(f"xent:{request.param}")


def test_xent_has_no_wrong_answer(own: ScoreCard) -> None:
    assert [answer.question for answer in own.wrong] == []
    assert len(own.right) == len(own.answers) >= 24
    assert own.findings == ()


def test_xent_is_within_its_bounds(own: ScoreCard) -> None:
    assert len(own.accuracy) == 18
    for part in own.accuracy:
        assert not isinstance(part.loss, str)
        assert not isinstance(part.gradient, str)
        assert part.loss.largest <= 2
        assert part.gradient.largest <= 3
        assert part.loss.compared
        assert not part.loss.zeros + part.loss.not_finite
        assert not part.gradient.zeros + part.gradient.not_finite


def test_what_the_peers_are_known_for() -> None:
    """Each of these has been complained of for years."""
    torch = audit("torch.nn.functional:cross_entropy")
    wrong = {answer.question: answer.answer for answer in torch.wrong}
    assert wrong["all rows ignored"] == "nan, which breaks training"
    assert wrong["logit +inf at the label"] == "loss nan"
    saturated = next(a for a in torch.accuracy if a.margin == "margin above 36")
    assert str(saturated.loss) == "12 zero"
    assert torch.findings == ()
    optax = audit("optax:sigmoid_binary_cross_entropy")
    wrong = {answer.question: answer.answer for answer in optax.wrong}
    assert wrong["targets of shape (3, 1) for 3 rows"] == "accepted silently: shape (3, 3)"
    assert wrong["label 2 of 2 classes"] == "accepted silently: shape (3,)"
    sklearn = audit("sklearn.metrics:log_loss")
    wrong = {answer.question: answer.answer for answer in sklearn.wrong}
    assert wrong["label on a masked class, float64"] == "36.0437 for inf"


# What it says of wrong ones: each question can be answered wrongly.


def rowwise(z: Any, y: Any) -> Any:
    """A right loss that says no word about bad input."""
    with np.errstate(all="ignore"):
        return xent.logsumexp(z) - z[np.arange(len(y)), y]


def reduced(losses: Any, reduction: str, total: float) -> Any:
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.sum() / total


def over_rows(z: Any, y: Any, class_weight: Any = None, reduction: str = "mean") -> Any:
    weights = np.ones(z.shape[1]) if class_weight is None else class_weight
    return reduced(weights[y] * rowwise(z, y), reduction, len(y))


def counting_ignored(
    z: Any, y: Any, reduction: str = "mean", class_weight: Any = None, ignore_index: int = -100
) -> Any:
    kept = y != ignore_index
    weights = np.ones(z.shape[1]) if class_weight is None else class_weight
    known = np.where(kept, y, 0)
    return reduced(np.where(kept, weights[known] * rowwise(z, known), 0), reduction, len(y))


def spreading(z: Any, y: Any) -> Any:
    return rowwise(z - z.max(), y)


def overwriting(z: Any, y: Any) -> Any:
    z -= z.max(axis=-1, keepdims=True)
    return rowwise(z, y)


def in_float16(z: Any, y: Any) -> Any:
    total = np.float32(0)
    for part in np.split(rowwise(z, y).astype(np.float32), max(len(y) // 256, 1)):
        total = np.float16(total + part.sum())  # a sum that is kept in half precision
    return np.float64(total) / len(y)


def doubled(z: Any, y: Any, reduction: str = "mean") -> Any:
    return reduced(rowwise(z, y), "mean" if reduction == "sum" else reduction, len(y))


BAD: list[tuple[Callable[..., Any], str, str]] = [
    (over_rows, "mean: class weights",
     r".*, expected .*: it divides by the number of all rows, not by their weight"),
    (counting_ignored, "mean: ignored rows", r".*, expected .*"),
    (spreading, "NaN in one row", "spreads"),
    (overwriting, "its arguments", "changed"),
    (in_float16, "mean of 131,072 rows, float32", r"inf, .*|relative error .*"),
    (doubled, "reduction 'sum'", r".*, expected .*"),
    (rowwise, "logit +inf at the label", "loss nan"),
    (rowwise, "label -1", r"accepted silently: shape \(3,\)"),
    (rowwise, "one target for all rows", r"accepted silently: shape \(3,\)"),
    (lambda z, y: rowwise(z, y).clip(0, 30), "label on a masked class, float64", "30 for inf"),
    (lambda z, y: np.log(np.exp(z).sum(-1)) - z[np.arange(len(y)), y], "huge logits, float64",
     r"(inf|nan) for 0.693147, .*"),
    (lambda z, y: rowwise(np.where(np.isinf(z), 0, z), y), "masked classes, float32",
     r".* for 1.56378, .*"),
    (lambda z, y: rowwise(z, y)[:, None], "it returns", r"shape \(3, 1\), none of rows, mean .*"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "question", "answer"), BAD, ids=short)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_wrong_answer_is_seen(function: Any, question: str, answer: str) -> None:
    wrong = {a.question: a.answer for a in audit(function, "classes").wrong}
    assert question in wrong
    assert re.fullmatch(answer, wrong[question])


def test_a_wrong_gradient_is_seen() -> None:
    card = audit(scipy_made, grad=lambda z, y: np.nan_to_num(planted.softmax(z)))
    assert "masked classes, float64: gradient" in [answer.question for answer in card.wrong]
    part = card.accuracy[0].gradient
    assert not isinstance(part, str)
    assert part.largest > 1e10


@pytest.mark.parametrize(
    ("function", "task", "name"),
    [
        (planted.twice, "classes", "softmax applied twice"),
        (lambda z, y: planted.rows(z, y) / np.log(2), "classes", "bits for nats"),
        (lambda z, y: planted.rows(z, y - 1), "classes", "labels off by one"),
        (lambda z, y: -planted.rows(z, y), "classes", "wrong sign"),
        (lambda z, t: planted.binary(z, 1 - t), "binary", "labels flipped"),
        (lambda z, t: planted.binary(planted.sigmoid(z), t), "binary", "sigmoid applied twice"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_mistake_in_ordinary_rows_is_named(function: Any, task: Any, name: str) -> None:
    card = audit(function, task, name="mine")
    assert [finding.name for finding in card.findings] == [name]
    assert f"MISTAKE: {name}" in str(card)


def test_what_is_raised_is_noted() -> None:
    def picky(z: Any, y: Any) -> Any:
        if not np.isfinite(z).all():
            message = "only finite logits"
            raise ValueError(message)
        return planted.rows(z, y)

    card = audit(picky)
    noted = {a.question: a.answer for a in card.answers if a.verdict == questions.NOTED}
    assert noted["masked classes, float64"] == "raises ValueError: only finite logits"


def test_a_dtype_that_is_refused_is_said() -> None:
    def wide(z: Any, y: Any) -> Any:
        if z.dtype != np.float64:
            raise TypeError
        return planted.rows(z, y)

    rows = {a.dtype: a.loss for a in audit(wide).accuracy}
    assert rows["float16"] == "raises TypeError"
    assert not isinstance(rows["float64"], str)


# Forms.


def test_the_forms(own: ScoreCard) -> None:
    text, marked, page = own.to_text(), own.to_markdown(), own.to_html()
    assert text == str(own)
    assert text.startswith(f"Audit of {own.name}\n====")
    for form in (text, marked, page, own._repr_html_(), own._repr_markdown_()):
        for word in ("ULP", "margin", "float16", "label -1", "refused: ValueError"):
            assert word in " ".join(form.split())
    assert marked.count("| float64 |") == 5
    assert page.count("<table>") == page.count("</table>") == 2
    data = json.loads(json.dumps(own.to_dict()))
    assert data["task"] == own.task
    assert len(data["accuracy"]) == 18
    assert data["accuracy"][0]["loss"]["compared"] > 10
    assert repr(own) == f"<ScoreCard: {own.name}; {len(own.right)} right, 0 wrong>"


# Errors.


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        ("xent", ValueError, "'xent' names no function; expected package.module:name."),
        ("xent:nothing", ValueError, "xent has no 'nothing'."),
        (3, UncallableError, "int is int, which cannot be called."),
    ],
)
def test_what_cannot_be_audited(function: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        audit(function)
    assert str(caught.value) == message


def test_no_way_to_call_is_said_with_the_first_reason() -> None:
    def hopeless(_: Any, __: Any) -> Any:
        message = "I want a dictionary"
        raise KeyError(message)

    with pytest.raises(UncallableError) as caught:
        audit(hopeless, name="hopeless")
    assert str(caught.value) == (
        "hopeless: no way was found to call it on logits and labels. The first call raised "
        "KeyError: 'I want a dictionary'. Wrap it in a function of (logits, labels); "
        "task='binary' is for one logit per row."
    )


def test_without_mpmath_the_gradient_check_still_works() -> None:
    code = (
        "import sys; sys.modules['mpmath'] = None; import xent, numpy as np; "
        "f = xent.binary_cross_entropy; "
        "g = lambda z, y: f(z, y, return_grad=True)[1]; "
        "print(bool(xent.check.gradient(f, g, np.array([1.0, 2.0]), np.array([0, 1])))); "
        "xent.check.audit(f)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.stdout == "True\n"
    assert "an audit needs mpmath: pip install mpmath, or xent with its extra check" in done.stderr


# The command line.


@pytest.mark.parametrize("form", ["text", "markdown", "html", "json"])
def test_the_command_prints_the_card(form: str, run: Callable[..., Output]) -> None:
    output = run("audit", "xent:binary_cross_entropy", "--format", form)
    assert (output.code, output.err) == (0, "")
    card = audit("xent:binary_cross_entropy")
    if form == "json":
        assert json.loads(output.out) == json.loads(json.dumps(card.to_dict()))
    elif form == "html":
        assert output.out.startswith('<!doctype html>\n<html lang="en">\n<meta charset="utf-8">')
        assert focusable(card.to_html()) in output.out
    elif form == "markdown":
        assert output.out == card.to_markdown()
    else:
        assert [line.rstrip() for line in output.out.splitlines()] == str(card).splitlines()


def test_a_function_of_ones_own(
    run: Callable[..., Output], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_losses.py").write_text(
        "import numpy as np\ndef mine(z, y):\n    return np.logaddexp(0, z) - (1 - y) * z\n"
    )
    monkeypatch.chdir(tmp_path)
    output = run("audit", "my_losses:mine", "--task", "binary")
    assert output.code == 1
    assert "MISTAKE: labels flipped" in output.out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("nothing_here:loss",), 2, "No module named 'nothing_here'"),
        (("xent:nothing",), 2, "xent has no 'nothing'."),
        (("xent",), 2, "'xent' names no function; expected package.module:name."),
        (("xent:__version__",), 2, "xent:__version__ is str, which cannot be called."),
    ],
)  # fmt: skip
def test_what_the_command_cannot_audit(
    arguments: tuple[str, ...], code: int, message: str, run: Callable[..., Output]
) -> None:
    assert run("audit", *arguments) == (code, "", f"xent: {message}\n")


def test_a_sum_is_held_against_a_sum() -> None:
    import torch

    card = audit(torch.nn.CrossEntropyLoss(reduction="sum"))
    assert not [a for a in card.wrong if a.question.startswith("mean of")]


def test_what_gives_no_loss_of_a_row_is_said() -> None:
    card = audit(lambda z, _: z[:2, 0], "classes", name="first")
    assert [finding.name for finding in card.findings] == ["not cross-entropy"]
    assert "It gives no loss for a row" in str(card)
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        audit("xent:cross_entropy", "multi")  # type: ignore[arg-type]
    assert str(caught.value) == "task is 'multi'; expected 'classes' or 'binary'."


def test_a_squared_error_is_known() -> None:
    card = audit("torch.nn:MSELoss")
    assert card.called == "(probabilities, one-hot targets) as PyTorch arrays"
    assert [finding.name for finding in card.findings] == ["squared error"]
