"""Print pip constraints that pin every direct dependency to the lowest version allowed.

    python scripts/lowest.py > lowest.txt

Reads pyproject.toml; needs nothing but Python.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
NAMED = re.compile(r"([\w-]+)(?:\[.*\])?(.*)")
BOUND = re.compile(r"(?:>=|==)\s*([\w.]+)")


def lowest(project: dict[str, object]) -> dict[str, str]:
    """The lowest version of each dependency; the highest of its bounds where it has several."""
    found: dict[str, str] = {}
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    for requirement in (each for group in groups for each in group):
        name, bounds = NAMED.fullmatch(requirement).groups()
        if name == "xent":
            continue
        version = BOUND.search(bounds)
        if version is None:
            raise SystemExit(f"{requirement} has no lowest version")
        found[name] = max(found.get(name, "0"), version[1], key=parts)
    return found


def parts(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


if __name__ == "__main__":
    for name, version in sorted(lowest(tomllib.loads(PYPROJECT.read_text())["project"]).items()):
        print(f"{name}=={version}")
