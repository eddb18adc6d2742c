"""Error texts of tests: a call, and indented under it all that it says."""

from __future__ import annotations

import re


def cases(text):
    for case in re.split(r"\n(?! )", text.strip()):
        call, *words = case.splitlines()
        yield call, " ".join(map(str.strip, words))
