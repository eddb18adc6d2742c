"""How every test is run, those in docstrings and pages too: order, marks, random numbers, skips."""

from __future__ import annotations

import doctest
import os
import random
import re
import sys
from importlib.util import find_spec
from typing import Any

import hypothesis
import numpy as np
import pytest
from marks import marks_of

PAGES = r"README\.md|docs/.*\.md|tests/docs/test_readme\.py"
"""Files for one process: their examples write the same files."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Files whole, since their fixtures are shared, and the pages together."""
    from xdist.scheduler import LoadFileScheduling

    class Files(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return "pages" if re.fullmatch(PAGES, file) else file

    if getattr(config.option, "random_order_enabled", False):
        config.option.loadscopereorder = False  # else files go by their number of tests again
    return Files(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow, as `tests/support/marks.py` lists it, and note the generators' states."""
    for item in items:
        for name in marks_of(item.nodeid):
            item.add_marker(name)
        module = getattr(item, "module", None)
        if module is not None and module not in GENERATORS:
            GENERATORS[module] = [(each, state_of(each)) for each in generators(module)]


# Every test draws the same random numbers, whichever tests ran before it.

GENERATORS: dict[Any, list[tuple[Any, Any]]] = {}
"""The random generators of each test module, with their states after its import."""


def generators(module: Any) -> list[Any]:
    """The generators of NumPy and PyTorch that are module variables."""
    torch = sys.modules.get("torch")
    kinds = (np.random.Generator, torch.Generator) if torch else (np.random.Generator,)
    return [value for value in vars(module).values() if isinstance(value, kinds)]


def state_of(generator: Any) -> Any:
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return generator.get_state()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before fixtures are made."""
    rewind(item)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """And before the test, so that it draws the same whether or not a fixture was made for it."""
    rewind(item)


def rewind(item: pytest.Item) -> None:
    """Set the generators of the test's module, and the global ones, back to where they began."""
    for generator, state in GENERATORS.get(getattr(item, "module", None), ()):
        if isinstance(generator, np.random.Generator):
            generator.bit_generator.state = state
        else:
            generator.set_state(state)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - what a library under test may use
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


# No test waits for a clock, and none fails for being slow.

hypothesis.settings.register_profile(
    "same",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile(
    "search", hypothesis.settings.get_profile("same"), derandomize=False
)
hypothesis.settings.load_profile("same")


# What is not installed.

PEERS = {"torch", "transformers", "jax", "sklearn", "scipy", "numpydoc", "typer"}
"""What `make test-light` does without; CI, where nothing may be skipped, has them all."""


# Not even looked at without it: a module whose import failed would stay half there.
collect_ignore = ["tests/spark", *([] if find_spec("torch") else ["src/xent/torch"])]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Skip a test for want of a library that is only compared with."""
    report = yield
    missing = missing_peer(call.excinfo.value) if call.excinfo else None
    if missing:
        report.outcome = "skipped"
        report.longrepr = (str(item.path), 0, f"Skipped: {missing} is not installed")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Any:
    """Skip a file for want of a library that it imports."""
    report = yield
    found = re.search(r"ModuleNotFoundError: No module named '(\w+)", str(report.longrepr))
    if report.failed and found and found[1] in PEERS and not os.environ.get("CI"):
        report.outcome = "skipped"
        report.longrepr = (str(collector.path), 0, f"Skipped: {found[1]} is not installed")
    return report


def missing_peer(error: BaseException | None) -> str | None:
    """The library that an error is for want of, also where it was met in a doctest."""
    if isinstance(error, doctest.UnexpectedException):
        error = error.exc_info[1]
    if os.environ.get("CI") or not isinstance(error, ModuleNotFoundError):
        return None
    return error.name if error.name in PEERS else None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail CI on a skip, unless it is for want of a GPU."""
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    others = [report for report in skipped if "GPU" not in str(report.longrepr)]
    if os.environ.get("CI") and others:
        names = "\n".join(report.nodeid for report in others)
        print(f"\nskipped, though not for want of a GPU:\n{names}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
