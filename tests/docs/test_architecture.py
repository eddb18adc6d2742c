"""The import graph is the one that ARCHITECTURE.md draws, and has no cycle.

Every import counts: at the top of a file, inside a function, and under TYPE_CHECKING.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest
from console import ROOT

SOURCES = ROOT / "src"
PAGE = ROOT / "ARCHITECTURE.md"
BY_NAME = {
    *("xent._engine", "xent.check._audit", "xent.cli", "xent.learn.pages", "xent.torch._compat")
}
"""May import by name: engines, what a user asks to audit, commands, lessons, torch's own."""
PLAIN = sys.stdlib_module_names | {"numpy", "xent"}
"""Packages that any module may import (xent's own are held against the arrows)."""


class Import(NamedTuple):
    """A module, and the full name of what it imports."""

    module: str
    name: str


@cache
def modules() -> dict[str, Path]:
    """The files of xent by the names of their modules."""
    found = {}
    for path in sorted((SOURCES / "xent").rglob("*.py")):
        parts = path.relative_to(SOURCES).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(module: str, source: str) -> Iterator[Import]:
    """Everything that a source imports, wherever the import stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (Import(module, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            yield from (Import(module, f"{node.module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and called(node) in ("import_module", "__import__"):
            name = node.args[0]
            if module not in BY_NAME:
                assert isinstance(name, ast.Constant), (
                    f"{module} imports by a name made at run time"
                )
                yield Import(module, str(name.value))


def called(call: ast.Call) -> str:
    """The last part of the name of the called function."""
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


@cache
def imports() -> list[Import]:
    return [each for name, path in modules().items() for each in imports_of(name, path.read_text())]


def prefix(name: str, known: set[str]) -> str | None:
    """The longest beginning of a dotted name that is known."""
    while name not in known:
        name = name.rpartition(".")[0]
        if not name:
            return None
    return name


# What ARCHITECTURE.md draws.


def block(kind: str) -> dict[str, set[str]]:
    """The lines `names: names` of a fenced block of the page."""
    found = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(found) == 1, f"ARCHITECTURE.md has one block of {kind}"
    drawn: dict[str, set[str]] = {}
    for line in found[0].splitlines():
        left, _, right = line.partition(":")
        for name in names(left):
            assert name not in drawn, f"{name} has two lines"
            drawn[name] = set(names(right))
    return drawn


def names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


ARROWS = block("arrows")
PLACES = block("packages")


def layer(module: str) -> str | None:
    """The layer of a module: the longest of the page's names that it begins with."""
    if module == "xent":
        return "xent"
    return prefix(module.removeprefix("xent."), set(ARROWS))


@cache
def crossings() -> dict[tuple[str | None, str | None], set[str]]:
    """Imports from one layer to another, as "module imports name"."""
    found: dict[tuple[str | None, str | None], set[str]] = {}
    for each in imports():
        target = prefix(each.name, set(modules()))
        if target:
            ends = layer(each.module), layer(target)
            if ends[0] != ends[1]:
                found.setdefault(ends, set()).add(f"{each.module} imports {each.name}")
    return found


def against() -> dict[tuple[str | None, str | None], set[str]]:
    """Imports that no arrow allows."""
    return {
        (start, end): found
        for (start, end), found in crossings().items()
        if end not in ARROWS.get(str(start), ())
    }


def test_every_module_is_in_a_layer() -> None:
    assert [name for name in modules() if layer(name) is None] == []


def test_every_layer_is_in_the_sources() -> None:
    there = {layer(name) for name in modules()}
    assert set(ARROWS) == there
    assert set().union(*ARROWS.values()) <= there


def test_modules_import_only_along_the_arrows() -> None:
    assert against() == {}


def test_every_arrow_is_taken() -> None:
    drawn = {(start, end) for start, ends in ARROWS.items() for end in ends}
    assert drawn - set(crossings()) == set()


def test_the_arrows_have_no_cycle() -> None:
    TopologicalSorter(ARROWS).prepare()


def test_the_modules_have_no_cycle() -> None:
    graph: dict[str, set[str]] = {name: set() for name in modules()}
    for each in imports():
        target = prefix(each.name, set(modules()))
        if target and target != each.module:
            graph[each.module].add(target)
    TopologicalSorter(graph).prepare()


# Other packages.


def packages() -> set[tuple[str, str]]:
    """Each module, without "xent.", and each package that it imports."""
    found = {(each.module, each.name.partition(".")[0]) for each in imports()}
    return {(name.removeprefix("xent."), package) for name, package in found}


def test_a_package_is_imported_only_in_its_place() -> None:
    wrong = [
        f"{module} imports {package}"
        for module, package in sorted(packages())
        if package not in PLAIN and prefix(module, PLACES.get(package, set())) is None
    ]
    assert wrong == []


def test_every_place_of_a_package_imports_it() -> None:
    drawn = {(place, package) for package, places in PLACES.items() for place in places}
    taken = {
        (prefix(module, PLACES[package]), package)
        for module, package in packages()
        if package in PLACES
    }
    assert drawn - taken == set()


def test_these_checks_see_every_kind_of_import() -> None:
    source = """if True:
    import a.b, c
    from typing import TYPE_CHECKING
    if TYPE_CHECKING:
        from d import e
    def f():
        from g.h import i as j
        importlib.import_module("k")
        return __import__("l")
"""
    seen = {each.name for each in imports_of("xent.losses", source)}
    assert seen == {"a.b", "c", "typing.TYPE_CHECKING", "d.e", "g.h.i", "k", "l"}
    with pytest.raises(AssertionError, match="by a name made at run time"):
        list(imports_of("xent.losses", "import_module(name)"))
    with pytest.raises(AssertionError, match="imports are absolute"):
        list(imports_of("xent.losses", "from . import a"))
