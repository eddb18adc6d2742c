"""Loading of the compiled kernels: when, from where, with which notice; and without kernels."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from helpers import printed

import xent
from xent._engine import cpu
from xent._engine.cpu import caching, compiling, decorators, job, launch, many_classes

DTYPES = [np.float16, ml_dtypes.bfloat16, np.float32, np.float64]

# When they are loaded, and from where.


NO_FOLDER = "from numba.core import caching; caching.CacheImpl._locator_classes = []"
LOADED = "import sys; print('numba' in sys.modules)"
LOSS = "import numpy as np, xent; xent.cross_entropy(np.zeros(({rows}, 4)), np.zeros({rows}, int))"


def test_small_arrays_never_load_numba():
    few = cpu.SMALLEST // 4 - 1
    assert printed(f"{LOSS.format(rows=few)}; {LOADED}") == "False"
    assert printed(f"{LOSS.format(rows=few + 1)}; {LOADED}") == "True"


def test_a_second_process_loads_from_disk():
    code = (
        "import xent; from xent._engine.cpu import decorators; misses = [];"
        "decorators.give_notice = lambda: misses.append(1);"
        "xent.warmup(['float32']); print(len(misses))"
    )
    printed(code)
    assert printed(code) == "0"


def test_where_nothing_can_be_written_kernels_are_compiled_all_the_same():
    code = (
        f"{NO_FOLDER}; {LOSS.format(rows=9000)};"
        "from xent._engine.cpu import decorators;"
        "print({type(kernel._cache).__name__ for kernel in decorators.compiled})"
    )
    assert printed(code) == "{'NoCache'}"


def test_a_change_of_any_source_invalidates_what_is_on_disk():
    xent.warmup("float32")
    stamps = {kernel._cache._cache_file._source_stamp for kernel in decorators.compiled}
    files = sorted(set(Path(many_classes.__file__).parent.glob("*.py")) - caching.NOT_COMPILED)
    assert stamps == {hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest()}
    for file in caching.NOT_COMPILED:
        made = r"^@(\w*kernel|inner|loop|intrinsic|overload|by_dtype)"
        assert not re.search(made, file.read_text("utf-8"), re.MULTILINE), file


def test_what_two_processes_compile_at_once_is_kept_apart(tmp_path):
    one, other = (caching._Files(str(tmp_path), "kernel", "sources") for _ in range(2))
    one.save("float32", 1)
    other.save("float64", 2)
    assert [one.load("float32"), one.load("float64"), one.load("int8")] == [1, 2, None]
    caching._Files(str(tmp_path), "kernel", "others").save("float32", 3)
    assert one.load("float32") is None
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("size", [0, 5])
def test_a_damaged_file_counts_as_none(tmp_path, size):
    files = caching._Files(str(tmp_path), "kernel", "sources")
    files.save("float32", list(range(100)))
    (path,) = tmp_path.iterdir()
    os.truncate(path, size)
    assert files.load("float32") is None


def test_a_full_disk_costs_a_compilation_and_no_more(tmp_path, monkeypatch):
    files = caching._Files(str(tmp_path), "kernel", "sources")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "_save_data", full)
    files.save("float32", 1)
    assert files.load("float32") is None


# The notice about compiling.


NOTICE_CODE = """if True:
    import logging, numpy as np
    heard = []
    logging.getLogger("xent").addFilter(lambda record: heard.append(record.getMessage()))
    {first}
    import xent
    from xent._engine.cpu import compiling
    for dtype in (np.float32, np.float64):
        xent.sigmoid(np.zeros(20000, dtype))
        xent.sigmoid(np.zeros((200, 100), dtype))
    print(heard == [compiling.NOTICE] * {times})"""


def test_the_notice_comes_once_if_nothing_is_on_disk(tmp_path):
    """NUMBA_CACHE_DIR is where Numba looks first, so its folder begins empty."""
    code = NOTICE_CODE.format(first="", times=1)
    assert printed(code, NUMBA_CACHE_DIR=str(tmp_path)) == "True"


def test_no_notice_comes_if_the_kernels_are_on_disk(tmp_path):
    printed(NOTICE_CODE.format(first="", times=1), NUMBA_CACHE_DIR=str(tmp_path))
    code = NOTICE_CODE.format(first="", times=0)
    assert printed(code, NUMBA_CACHE_DIR=str(tmp_path)) == "True"


def test_the_notice_comes_if_no_folder_can_be_written():
    assert printed(NOTICE_CODE.format(first=NO_FOLDER, times=1)) == "True"


def test_the_notice_says_what_to_do(monkeypatch, caplog):
    monkeypatch.setattr(compiling, "_notice_given", False)
    with caplog.at_level(logging.WARNING, "xent"):
        for _ in range(3):
            compiling.give_notice()
    assert caplog.messages == [
        "xent is compiling kernels for this machine and this kind of array. That takes some "
        "seconds, once if they can be kept on disk. To compile ahead, call xent.warmup()."
    ]


# Warming up.


def test_warmup_knows_its_dtypes():
    with pytest.raises(ValueError, match="dtype") as caught:
        xent.warmup(["float8"])
    assert str(caught.value) == (
        "dtype is 'float8'; expected one of float16, bfloat16, float32, float64."
    )


def test_warmup_compiles_what_common_calls_need():
    code = """if True:
        import numpy as np, xent
        from xent._engine.cpu import decorators
        xent.warmup("float32")
        before = len(decorators.compiled)
        for classes in (3, 10, 40):
            z, y = np.zeros((9000, classes), np.float32), np.zeros(9000, int)
            xent.cross_entropy(z, y)
            xent.cross_entropy(z, y, return_grad=True)
        xent.binary_cross_entropy(z, z)
        xent.binary_cross_entropy(z, z, return_grad=True)
        print(len(decorators.compiled) == before)"""
    assert printed(code) == "True"


# Without kernels.


WITHOUT = """if True:
    import sys, warnings
    {first}
    import numpy as np, xent
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for _ in range(2):
            loss = xent.cross_entropy(np.zeros((20000, 4)), np.zeros(20000, int))
        xent.warmup()
    print(loss, [str(w.message) for w in seen])"""
SLOW = "xent computes large arrays with NumPy alone, many times slower: "


def test_without_numba_numpy_computes_after_one_warning():
    got = printed(WITHOUT.format(first="sys.modules['numba'] = None"))
    assert got.startswith(f"{np.log(4)} ['{SLOW}Numba is not there (")
    assert got.endswith("). To install it: pip install numba']")


def test_with_numba_switched_off_numpy_computes_after_one_warning():
    got = printed(WITHOUT.format(first=""), NUMBA_DISABLE_JIT="1")
    reason = "Numba's compiler is switched off. Unset NUMBA_DISABLE_JIT."
    assert got == f'{np.log(4)} ["{SLOW}{reason}"]'


def test_without_torch_jax_and_the_rest_nothing_is_missing():
    names = ["torch", "jax", "scipy", "sklearn", "ml_dtypes", "pyarrow", "mpmath", "typer"]
    code = f"import sys; sys.modules.update(dict.fromkeys({names})); {LOSS.format(rows=9000)}"
    assert printed(code + "; print('fine')") == "fine"


# How many there are.


def test_any_mix_of_options_needs_few_kernels(monkeypatch):
    """Each is compiled once for a dtype of logits, whatever the options, and the whole are few."""
    made = set()

    def record(make, *dtypes):
        made.add((make.__qualname__, make.__module__, *map(str, dtypes)))
        return 1

    def run(_others, _parallel, plan, *call):
        return 0.0, job.ROWS_LEFT if plan in label_plans else 0, call[-1]

    def label_plan(*arguments):
        plan = original.__wrapped__(*arguments)
        label_plans[plan.address] = plan
        return plan

    label_plans, original = {}, launch.label_plan
    monkeypatch.setattr(launch, "_compiled", record)
    monkeypatch.setattr(launch, "_run", run)
    for name in ("general_plan", "binary_plan"):
        monkeypatch.setattr(launch, name, getattr(launch, name).__wrapped__)
    monkeypatch.setattr(launch, "label_plan", label_plan)
    rng = np.random.default_rng(0)
    for dtype in (np.float16, ml_dtypes.bfloat16, np.float32, np.float64):
        for classes in (3, 200):
            z = rng.normal(size=(8000, classes)).astype(dtype)
            y, p = rng.integers(classes, size=8000), np.full((8000, classes), 1 / classes)
            w, v = rng.random(8000), rng.random(classes)
            options = (
                {}, {"sample_weight": w}, {"class_weight": v}, {"ignore_index": 1},
                {"softcap": 3.0}, {"label_smoothing": 0.1}, {"z_loss": 0.1}, {"reduction": "none"},
                {"return_grad": True},
            )  # fmt: skip
            for chosen in options:
                xent.cross_entropy(z, y, **chosen)
                if "ignore_index" not in chosen:
                    for soft in (p, p.astype(np.float32), p.astype(dtype)):
                        xent.cross_entropy(z, soft, **chosen)
        for t in (z > 0, (z > 0).astype(int), *((z > 0).astype(d) for d in DTYPES)):
            for chosen in ({}, {"class_weight": [1, 2]}, {"pos_weight": v}, {"softcap": 3.0}):
                xent.binary_cross_entropy(z, t, **chosen)
        for function in (xent.softmax, xent.log_softmax, xent.logsumexp, xent.sigmoid):
            function(z)
        if dtype in (np.float32, np.float64):
            launch.flush_subnormals(z)
    called_from_python = [k for k in decorators.compiled if hasattr(k, "py_func")]
    others = len(called_from_python) + 1  # and the one that counts rows
    assert 30 < len(made) + others <= 45
