"""`diagnose` finds no mistake in batches with nothing wrong, however hard."""

from __future__ import annotations

from collections import Counter

import pytest
from batches import good
from good_batches import good_batch

from xent.check import diagnose


def false_alarms(seeds: range) -> Counter[str]:
    """Mistakes found in good batches, and the batches."""
    found: Counter[str] = Counter()
    for seed in seeds:
        what, (scores, labels, options) = good_batch(seed)
        found.update(f"{name} ({what})" for name in diagnose(scores, labels, **options).mistakes)
    return found


@pytest.mark.parametrize("seed", range(60))
def test_no_alarm_about_a_good_batch(seed: int) -> None:
    for name, (scores, labels, options) in good(seed).items():
        assert diagnose(scores, labels, **options).mistakes == [], name


@pytest.mark.parametrize("part", range(4))
def test_no_alarm_about_a_hard_batch(part: int) -> None:
    assert false_alarms(range(500 * part, 500 * (part + 1))) == {}


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_no_alarm_about_100_000_batches(part: int) -> None:
    assert false_alarms(range(10_000 * part, 10_000 * (part + 1))) == {}
