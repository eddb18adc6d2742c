"""Classes divided over real process groups of 2 and 4, against the loss of all classes in one."""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ranks
from commands import HANGS
from console import ROOT
from helpers import NUMPYDOC_CODES

import xent

CASES = ranks.cases()
INF, NAN = np.inf, np.nan
EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
LABELS_ALONE = [
    "plain", "sum", "none", "float32", "ignored", "ignored, none", "confident", "confident float32",
    "wrong", "far", "ties", "first ranks masked", "first ranks masked, labels there",
    "last rank masked", "odd", "3-d", "one row", "even", "all on the last",
    "wide", "wide, mean", "wide, masked",
]  # fmt: skip
"""Cases whose every gradient entry keeps its digits."""

Found = list[dict[str, Any]]


@pytest.fixture(params=[2, 4], ids=["2 ranks", "4 ranks"])
def found(request: pytest.FixtureRequest) -> Found:
    """What each rank of a group computed; one group for all tests, in whatever order they run."""
    pytest.importorskip("torch", exc_type=ModuleNotFoundError)
    return computed_by(request.param)


@cache
def computed_by(size: int) -> Found:
    """A fixture of the module would start a group anew at each change of its size."""
    with tempfile.TemporaryDirectory() as folder:
        return run_group(size, folder)


def run_group(size: int, folder: str) -> Found:
    """Start a process for each rank, and read what it wrote to the folder."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "GLOO_SOCKET_IFNAME": "lo"}
    script = ROOT / "tests" / "support" / "ranks.py"
    command = [sys.executable, "-W", "error", str(script)]
    with contextlib.ExitStack() as stack:
        running = [
            stack.enter_context(
                subprocess.Popen(
                    [*command, str(rank), str(size), str(folder)],
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )
            for rank in range(size)
        ]
        try:
            said = [process.communicate(timeout=HANGS)[0] for process in running]
        finally:
            for process in running:
                process.kill()
    assert [process.returncode for process in running] == [0] * size, "\n".join(said)
    return [pickle.loads((Path(folder) / f"{rank}.pickle").read_bytes()) for rank in range(size)]


def rounded(value: Any, dtype: str) -> Any:
    """As the tensors of the case hold it, in float64."""
    import torch

    return torch.tensor(np.asarray(value)).to(getattr(torch, dtype)).double().numpy()


def expected(case: ranks.Case) -> tuple[Any, list[Any]]:
    """Loss and gradients of all classes, in float64; row losses pulled by 1, 2, 3 ..."""
    options = dict(case.options)
    if case.layer is None:
        z = rounded(case.logits, case.dtype)
        loss, grad = xent.cross_entropy(z, case.targets, return_grad=True, **options)
        if options.get("reduction") == "none":
            grad = grad * pulls(loss)[..., None]
        return loss, [grad]
    arguments = [None if a is None else rounded(a, case.dtype) for a in case.layer]
    x, weight, bias = arguments
    loss = xent.linear_cross_entropy(x, weight, case.targets, bias, **options)
    if options.get("reduction") == "none":
        given = options.get("sample_weight", 1.0)
        options |= {"reduction": "sum", "sample_weight": given * pulls(loss)}
    _, grads = xent.linear_cross_entropy(x, weight, case.targets, bias, return_grad=True, **options)
    return loss, [grad for grad in grads if grad is not None]


def pulls(loss: Any) -> Any:
    return np.arange(1.0, 1 + np.size(loss)).reshape(np.shape(loss))


def agrees(got: Any, truth: Any, epsilon: float, *, floor: float = 0.0, ulps: float = 4) -> None:
    """Equal to rounding: of the entry, or of `floor`; NaN and infinities in the same places."""
    assert got.shape == truth.shape
    np.testing.assert_array_equal(np.isnan(got), np.isnan(truth))
    np.testing.assert_array_equal(got == np.inf, truth == np.inf)
    known = np.isfinite(truth)
    got, truth = got[known], truth[known]
    error = np.abs(got - truth)
    assert (error <= epsilon * ulps * np.maximum(np.abs(truth), floor)).all()


def own(truth: Any, widths: list[int], rank: int, axis: int) -> Any:
    """The part of a rank."""
    start = sum(widths[:rank])
    return truth.take(range(start, start + widths[rank]), axis)


def check(case: ranks.Case, rank: int, size: int, got: dict[str, Any], *, strict: bool) -> None:
    """A rank's loss and gradients against those of all classes."""
    loss, grads = expected(case)
    epsilon = EPSILON[case.dtype]
    wide = min(epsilon, EPSILON["float32"])
    assert got["dtype"] == f"torch.{'float64' if case.dtype == 'float64' else 'float32'}"
    assert set(got["kinds"]) == {f"torch.{case.dtype}"}
    agrees(got["loss"], np.asarray(loss), wide)
    for place, (grad, truth) in enumerate(zip(got["grads"], grads, strict=True)):
        if case.layer is None:
            truth = own(truth, case.widths[size], rank, -1)
        elif place:
            truth = own(truth, case.widths[size], rank, 0)
        largest = np.abs(grads[place][np.isfinite(grads[place])]).max(initial=0)
        floor = 1e-300 if strict and case.dtype == "float64" else 1e-30
        ulps = 4 if case.layer is None else 8  # products round, too
        agrees(grad, truth, epsilon, floor=floor if strict else largest, ulps=ulps)


@pytest.mark.parametrize("name", CASES)
def test_as_all_classes_in_one_process(found: Found, name: str) -> None:
    for rank, results in enumerate(found):
        check(CASES[name], rank, len(found), results[name], strict=name in LABELS_ALONE)


@pytest.mark.parametrize("name", CASES)
def test_every_rank_has_the_same_loss(found: Found, name: str) -> None:
    for results in found[1:]:
        np.testing.assert_array_equal(results[name]["loss"], found[0][name]["loss"])


@pytest.mark.parametrize("name", ["confident", "confident float32", "confident bfloat16"])
def test_a_confident_right_row_keeps_its_digits(found: Found, name: str) -> None:
    loss = found[0][name]["loss"]
    assert (loss > 1e-24).all()
    assert (loss < 1e-18).all()


def test_three_small_all_reduces_and_no_gather(found: Found) -> None:
    size, rows = len(found), ranks.ROWS
    for name in ("plain", "smoothing", "float16", "everything", "probabilities", "ties"):
        for results in found:
            numbers = 5 + (name == "probabilities")
            scalar = name == "everything"
            assert results[name]["forward"] == [
                ("all_reduce", "SUM", size * 7 * 8),
                ("all_reduce", "MAX", rows * 8),
                ("all_reduce", "SUM", (rows * numbers + scalar) * 8),
            ]
            assert results[name]["backward"] == []


def test_collectives_of_a_layer(found: Found) -> None:
    size, rows, features = len(found), ranks.ROWS, 6
    for results in found:
        merge = [("all_reduce", "MAX", rows * 8), ("all_reduce", "SUM", rows * 40)]
        table = [("all_reduce", "SUM", size * 7 * 8)]
        for name in ("linear, mean", "linear, none"):
            assert results[name]["forward"] == table + merge
            assert results[name]["backward"] == [("all_reduce", "SUM", rows * features * 8)]
        weights = [("all_reduce", "SUM", 8)]
        assert results["linear, mean, everything"]["forward"] == table + weights + merge
        # Half-precision gradients are summed in float32.
        assert results["linear, bfloat16"]["backward"] == [
            ("all_reduce", "SUM", rows * features * 4)
        ]


def test_no_rows_need_no_more_than_the_ranks_agreement(found: Found) -> None:
    for name in ("no rows", "no rows, none"):
        assert [len(results[name]["forward"]) for results in found] == [1] * len(found)


def test_other_forms_of_the_call(found: Found) -> None:
    loss, grads = expected(CASES["plain"])
    probabilities = xent.cross_entropy(
        CASES["probabilities"].logits, CASES["probabilities"].targets
    )
    widths = ranks.WIDTHS[len(found)]
    for rank, results in enumerate(found):
        got = results["extras"]
        for name in ("given", "axis", "no grad", "subgroup", "DTensor, axis", "by hand"):
            assert got[name] == pytest.approx(loss, rel=1e-15), name
        assert [call[:2] for call in got["given calls"]] == [
            ("all_reduce", "MAX"),
            ("all_reduce", "SUM"),
        ]
        assert got["no grad calls"] == results["plain"]["forward"]
        for name in ("axis, probabilities", "DTensor, probabilities"):
            assert got[name] == pytest.approx(probabilities, rel=1e-15), name
        value, turned = got["axis, wide"]
        assert value == results["wide, mean"]["loss"]
        np.testing.assert_array_equal(turned.T, results["wide, mean"]["grads"][0])
        truth = own(grads[0] * 4, widths, rank, -1)
        np.testing.assert_allclose(got["thrice and once"], truth, rtol=1e-14)
        for i, of_all in enumerate(expected(CASES["linear, mean"])[1]):
            truth = of_all * 4 if i == 0 else own(of_all * 4, widths, rank, 0)
            again = got["linear, thrice and once"][i]
            np.testing.assert_allclose(again, truth, rtol=1e-11, atol=1e-15)


def test_dtensors(found: Found) -> None:
    loss, (grad,) = expected(CASES["plain"])
    weighted = xent.cross_entropy(
        CASES["plain"].logits, CASES["plain"].targets, **CASES["class weights"].options
    )
    of_layer, grads = expected(CASES["linear, mean"])
    for results in found:
        got = results["extras"]
        value, kind, whole = got["DTensor"]
        assert (value, kind) == (pytest.approx(loss, rel=1e-15), "Tensor")
        np.testing.assert_allclose(whole, grad, rtol=1e-14)
        assert got["DTensor, others"] == pytest.approx(weighted, rel=1e-15)
        assert got["made a DTensor"] == pytest.approx(2 * loss, rel=1e-15)
        value, parts = got["DTensor, linear"]
        assert value == pytest.approx(of_layer, rel=1e-15)
        for part, truth in zip(parts, grads, strict=True):
            np.testing.assert_allclose(part, truth, rtol=1e-11, atol=1e-16)


@pytest.mark.parametrize("name", ranks.IN_BLOCKS)
def test_in_many_blocks(found: Found, name: str) -> None:
    for rank, results in enumerate(found):
        got = results["extras"][f"blocks of {name}"]
        check(CASES[name], rank, len(found), got, strict=False)
        linear = name.startswith("linear")
        assert (len(got["forward"]) > 7) is linear
        assert len(got["backward"]) == linear


HEARD = {
    "label too large": "ValueError: targets[1] is {K}, but the logits have {K} classes",
    "label negative": "ValueError: targets[0] is -1, but the logits have {K} classes",
    "rows": "ValueError: the ranks do not agree: the shape of the logits less the class axis "
    "differs between rank 0 and rank {last} of the group; this is rank {rank}.",
    "dtype": "ValueError: the ranks do not agree: the dtype differs between rank 0 and rank {last}",
    "options": "ValueError: the ranks do not agree: the options differ between rank 0",
    "other targets": "ValueError: the ranks do not agree: targets or sample_weight differ between",
    "other weights": "ValueError: the ranks do not agree: targets or sample_weight differ between",
    "weights on some ranks": "ValueError: the ranks do not agree: the options differ",
    "shape of targets": "ValueError: targets has shape (4, 1), expected (4,): one class index per",
    "kind of targets": "TypeError: targets has dtype torch.bool; expected integers",
    "swapped": "TypeError: logits has dtype torch.int64; expected one of torch.float16, "
    "torch.bfloat16, torch.float32, torch.float64. Are logits and targets swapped?",
    "class weight": "ValueError: class_weight has shape ({K},), expected (3,): one weight per own",
    "bad weight": "ValueError: sample_weight[1] is -1.0; weights must be finite and not negative.",
    "sums": "ValueError: targets[0, :] sums to 2 over the ranks; each row of probabilities must",
    "negative": "ValueError: targets[0, 0] is -0.",
    "ignored": "ValueError: ignore_index marks class indices, but targets holds probabilities.",
    "targets learn": "ValueError: targets requires a gradient, but the parallel losses give",
    "no classes": "ValueError: no rank of the group has any classes.",
    "reduction": "ValueError: reduction is 'avg'; expected 'mean', 'sum' or 'none'.",
    "offset alone": "ValueError: num_classes is not given: offset and num_classes go together.",
    "offset": "ValueError: offset is 2 and the logits have 3 classes on this rank, but num_classes",
    "axis": "ValueError: axis is 2, but logits has shape",
    "group": "TypeError: group is int; expected a process group.",
    "second": "NotImplementedError: the parallel cross_entropy has no second derivative.",
    "second, linear": "NotImplementedError: the parallel linear_cross_entropy has no second",
    "second, rows": "NotImplementedError: the parallel linear_cross_entropy has no second",
    "layer": "ValueError: inputs has shape (4, 2) and weight (2, 3); expected (..., D) and (K, D)",
    "bias": "ValueError: bias has shape ({K},), expected (3,): one offset per own class.",
    "wanted": "ValueError: the ranks do not agree: the options differ",
    "other inputs": "ValueError: the ranks do not agree: the inputs differ between rank 0 and rank "
    "{last} of the group; this is rank {rank}. Only the classes are divided over the ranks.",
    "inputs in another order": "ValueError: the ranks do not agree: the inputs differ between rank",
    "inputs off by a bit": "ValueError: the ranks do not agree: the inputs differ between rank 0",
}


@pytest.mark.parametrize("name", HEARD)
def test_wrong_arguments_are_heard_of_on_every_rank(found: Found, name: str) -> None:
    last = len(found) - 1
    for rank, results in enumerate(found):
        words = HEARD[name].format(K=3 * len(found), last=last, rank=rank)
        assert results["errors"][name].startswith(words)


def test_an_error_on_one_rank_does_not_leave_the_others_waiting(found: Found) -> None:
    *others, odd = [results["errors"] for results in found]
    assert odd["one rank's error"].startswith("TypeError: logits has dtype torch.int64;")
    assert (
        odd["no tensor"]
        == "TypeError: logits is ndarray; expected a torch tensor, like the others."
    )
    for rank, heard in enumerate(others):
        words = f"ValueError: rank {len(others)} of the group has an error in its arguments, and "
        words += f"reports it; this is rank {rank}."
        assert heard["one rank's error"] == heard["no tensor"] == words


def test_only_members_call_the_loss(found: Found) -> None:
    for results in found[1:]:
        assert "only its members may call the loss" in results["errors"]["not a member"]


PLACED = {
    "rows": "logits is a DTensor placed as S(0); expected Shard(1), the axis of the classes. "
    "Pass logits.redistribute(placements=[Shard(1)]).",
    "replicated": "logits is a DTensor placed as R; expected Shard(1), the axis of the classes. "
    "Pass logits.redistribute(placements=[Shard(1)]), or logits.to_local() to xent.cross_entropy.",
    "mesh": "logits is a DTensor on a mesh of 2 dimensions; expected one. Pass logits.to_local() "
    "and group=mesh.get_group(NAME OF THE CLASSES' DIMENSION).",
    "group too": "logits is a DTensor, whose mesh says which ranks hold the classes. "
    "Pass no group, or logits.to_local().",
    "group is a mesh": "group is DeviceMesh; expected a process group. Pass group.get_group().",
    "targets": "targets is a DTensor placed as S(0); expected Replicate(). "
    "Pass targets.redistribute(placements=[Replicate()]).",
    "targets only": "targets is a DTensor, but logits is not. Pass targets.to_local().",
    "other mesh": "targets is a DTensor on a different mesh from logits.",
    "linear": "weight is a DTensor placed as R; expected Shard(0), the axis of the classes. Pass "
    "weight.redistribute(placements=[Shard(0)]), or weight.to_local() to "
    "xent.linear_cross_entropy.",
}


@pytest.mark.parametrize("name", PLACED)
def test_dtensors_of_other_placements(found: Found, name: str) -> None:
    for results in found:
        assert results["extras"]["errors"][name].partition(": ")[2] == PLACED[name]


@pytest.mark.parametrize("width", [2048, 2049, 2111, 4095, 5000])
def test_the_largest_of_a_wide_row(width: int) -> None:
    """Wherever it is, beside infinities and NaN, which is larger than any number."""
    torch = pytest.importorskip("torch", exc_type=ModuleNotFoundError)
    from xent.torch._sharded.rows import largest

    places = [0, 1, 63, 64, width // 2, width - 65, width - 64, width - 2, width - 1]
    z = torch.randn(7, len(places), width, generator=torch.Generator().manual_seed(0))
    z[4] = -INF
    z[5, :, 70] = INF
    z[6, :, 70] = NAN
    for row, place in enumerate(places):
        for kind, value in enumerate([9, INF, NAN, 9, -INF, NAN, INF]):
            z[kind, row, place] = value
    z = z.flatten(0, 1)
    m, k = largest(z)
    np.testing.assert_array_equal(m, z.amax(1))
    np.testing.assert_array_equal(z.gather(1, k[:, None])[:, 0], m)
    assert [len(each) for each in largest(z[:0])] == [0, 0]


@pytest.fixture
def alone() -> Iterator[Any]:
    """A group of this process only."""
    torch = pytest.importorskip("torch", exc_type=ModuleNotFoundError)
    dist = torch.distributed
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield torch
    dist.destroy_process_group()


@pytest.mark.parametrize("linear", [False, True], ids=["logits", "layer"])
def test_saved_tensors_that_hooks_have_seen_are_not_written_over(alone: Any, linear: bool) -> None:
    from xent.torch import parallel

    torch, held = alone, []

    def pack(tensor: Any) -> Any:
        held.append(tensor)
        return tensor

    scores, labels = torch.randn(5, 4, requires_grad=True), torch.arange(5) % 4
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        if linear:
            loss = parallel.linear_cross_entropy(scores, torch.eye(4), labels)
        else:
            loss = parallel.cross_entropy(scores, labels)
    before = [tensor.clone() for tensor in held]
    (3 * loss).backward()
    torch.testing.assert_close(
        scores.grad, 3 * (scores.detach().softmax(1) - torch.eye(4)[labels]) / 5
    )
    assert all(map(torch.equal, held, before))


def test_who_does_not_ask_for_it_does_not_load_it() -> None:
    pytest.importorskip("torch", exc_type=ModuleNotFoundError)
    code = "import sys, xent.torch; print([m for m in sys.modules if m.endswith('sharded')]); "
    code += "from xent.torch import parallel; print(parallel.__name__)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["[]", "xent.torch.parallel"]


def test_without_a_group() -> None:
    torch = pytest.importorskip("torch", exc_type=ModuleNotFoundError)
    from xent.torch import parallel

    with pytest.raises(RuntimeError, match="there is no process group"):
        parallel.cross_entropy(torch.zeros(2, 3), torch.tensor([0, 1]))


def test_the_document_strings_match_the_signatures() -> None:
    pytest.importorskip("torch", exc_type=ModuleNotFoundError)
    from numpydoc.validate import validate

    for name in ("cross_entropy", "linear_cross_entropy"):
        errors = validate(f"xent.torch.parallel.{name}")["errors"]
        assert [error for error in errors if error[0] in NUMPYDOC_CODES] == []
