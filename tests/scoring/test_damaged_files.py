"""Files with random damage: each is scored or refused, and nothing else happens."""

from __future__ import annotations

import contextlib
import random
import warnings
from pathlib import Path

import pytest
from prediction_files import FORMATS

from xent.scoring import FileError, score

SCRAPS = [b'"', b"\n", b",", b"\0", b"\xff", b"nan", b"null", b"[", b"{}", b"-"]


def damage(data: bytes, chance: random.Random) -> bytes:
    """The data with a few bytes changed, removed or added, or its end cut off."""
    for _ in range(chance.choice([1, 1, 2, 5])):
        place = chance.randrange(len(data) or 1)
        kind = chance.randrange(4)
        if kind == 0:
            data = data[:place] + bytes([chance.randrange(256)]) + data[place + 1 :]
        elif kind == 1:
            data = data[:place] + data[place + chance.randrange(1, 20) :]
        elif kind == 2:
            data = data[:place] + chance.choice(SCRAPS) + data[place:]
        else:
            data = data[: chance.randrange(len(data) + 1)]
    return data


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_is_scored_or_refused(name: str, tmp_path: Path) -> None:
    options = FORMATS[name](tmp_path / name) or {}
    whole = (tmp_path / name).read_bytes()
    chance = random.Random(name)
    for i in range(60):
        path = tmp_path / f"{i} {name}"
        path.write_bytes(damage(whole, chance))
        with warnings.catch_warnings(), contextlib.suppress(FileError):
            warnings.filterwarnings("ignore", "Reading .* additional header parsing")
            assert score(path, **options).rows > 0
