"""How the figures of calibration behave where the truth is known, by simulation.

python benchmarks/score_calibration.py           simulate; write score_calibration.json and its page
python benchmarks/score_calibration.py --quick   a twentieth of the runs; write nothing
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import machine
import numpy as np
import numpy.typing as npt
import score_calibration_page
from score_calibration_page import Bands, Binned, Covered, Level, Null, Report

from xent.scoring.calibration.bands import bands_of
from xent.scoring.calibration.corp import corp
from xent.scoring.calibration.ece import ece
from xent.scoring.calibration.errors import errors_of
from xent.scoring.calibration.gain import gain_of_classes, gains
from xent.scoring.calibration.outcomes import Outcomes, bins_of, expit
from xent.scoring.calibration.scores import shifted
from xent.scoring.calibration.slope import slope_of
from xent.scoring.calibration.smooth_ece import smooth_ece
from xent.scoring.calibration.temperature import temperature_of
from xent.scoring.calibration.z_test import z_of, z_of_classes

HERE = Path(__file__).parent
RESULTS = HERE / "score_calibration.json"
PAGE = HERE.parent / "docs" / "score-calibration.md"

Array = npt.NDArray[np.float64]
LOGITS = {"balanced": (0.0, 2.0), "rare": (-4.0, 1.5), "confident": (0.0, 6.0)}
"""Mean and standard deviation of the true logits."""
OVER = 1.5
"""What the logits of the over-confident model are multiplied by; its slope is 1/1.5."""
CLASSES = 10
FIGURES: dict[str, Callable[[Outcomes], float]] = {
    "CORP miscalibration, log loss": lambda o: corp(o, "log", 0).miscalibration.value,
    "CORP discrimination, log loss": lambda o: corp(o, "log", 0).discrimination,
    "smooth ECE": smooth_ece,
    "ECE15": lambda o: float(ece(o)),
    "Z": lambda o: z_of(o).z,
    "slope": lambda o: slope_of(o).slope.value,
}
"""What is computed from bins, too."""


def binary(kind: str, n: int, runs: int, over: float = 1.0) -> Iterator[Outcomes]:
    """Outcomes of a model whose logits are `over` times the true ones."""
    rng = np.random.Generator(np.random.PCG64([n, int(10 * over), *kind.encode()]))
    mean, deviation = LOGITS[kind]
    for _ in range(runs):
        z = rng.normal(mean, deviation, n)
        yield Outcomes.of_rows(over * z, rng.random(n) < expit(z))


def classes(n: int, runs: int, over: float = 1.0) -> Iterator[tuple[Array, npt.NDArray[np.intp]]]:
    """Shifted logits and labels of 10 classes."""
    rng = np.random.Generator(np.random.PCG64([n, int(10 * over)]))
    for _ in range(runs):
        z = rng.normal(0, 2, (n, CLASSES))
        labels = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
        yield shifted(over * z, "logits"), labels


def nulls(part: float) -> Iterator[Null]:
    """Figures of perfectly calibrated models, and how often they exceed their 95 % quantile."""
    for n, runs in ((300, 1000), (2000, 600), (100_000, 200)):
        found: dict[str, list[tuple[float, float, bool]]] = {}
        for each in binary("balanced", n, max(4, int(runs * part))):
            outcomes = each.coarse()
            errors = errors_of(outcomes, 100)
            figures = {
                "CORP miscalibration, log loss": corp(outcomes, "log", 100).miscalibration,
                "CORP miscalibration, Brier": corp(outcomes, "Brier", 100).miscalibration,
                "smooth ECE": errors.smooth_ece,
                "ECE15": errors.ece15,
                "largest error of 15 bins": errors.largest,
            }
            for name, figure in figures.items():
                found.setdefault(name, []).append((figure.value, figure.mean, figure.exceeds))
        for name, values in found.items():
            value, mean, exceeds = np.mean(np.array(values, dtype=float), axis=0).tolist()
            yield {
                "figure": name,
                "n": n,
                "runs": len(values),
                "value": value,
                "drawn": mean,
                "exceeds": exceeds,
            }


def levels(part: float) -> Iterator[Level]:
    """How often Z's p-value is below 0.05 though the model is calibrated."""
    for n, runs in ((300, 10_000), (2000, 5000), (100_000, 1000)):
        several = max(4, int(runs * part))
        for kind in LOGITS:
            tests = [z_of(each) for each in binary(kind, n, several)]
            yield level(kind, n, [each.p_value for each in tests])
        if n <= 2000:
            tests = [z_of_classes(*each) for each in classes(n, several // 2)]
            yield level(f"{CLASSES} classes", n, [each.p_value for each in tests])


def level(kind: str, n: int, p_values: list[float]) -> Level:
    """Shares of small p-values among those that are given."""
    p = np.array(p_values)
    given = p[~np.isnan(p)]
    return {
        "kind": kind,
        "n": n,
        "runs": len(p),
        "refused": float(np.isnan(p).mean()),
        "below": float((given < 0.05).mean()) if len(given) else float("nan"),
    }


def covered(part: float) -> Iterator[Covered]:
    """Coverage of the intervals of the slope, and how often a gain is claimed."""
    for over in (1.0, OVER):
        for n, runs in ((100, 4000), (1000, 2000), (10_000, 1000)):
            several = max(4, int(runs * part))
            for kind in LOGITS:
                slopes, claims = [], []
                for i, outcomes in enumerate(binary(kind, n, several, over)):
                    slopes.append(slope_of(outcomes).slope)
                    if i < several // 8:
                        claims.append(gains(outcomes)[0].gain.low)
                bounds = np.array([(each.low, each.high) for each in slopes])
                yield coverage(kind, n, over, bounds, claims)
            slopes, claims = [], []
            for u, labels in classes(n, several // 2, over):
                slopes.append(temperature_of(u, labels).slope)
                claims.append(gain_of_classes(u, labels).gain.low)
            bounds = np.array([(each.low, each.high) for each in slopes])
            yield coverage(f"{CLASSES} classes", n, over, bounds, claims)


def coverage(kind: str, n: int, over: float, bounds: Array, claims: list[float]) -> Covered:
    """Share of the intervals that hold the true slope, among those that are given."""
    given = bounds[~np.isnan(bounds[:, 0])]
    hold = (given[:, 0] <= 1 / over) & (1 / over <= given[:, 1])
    gained = np.array(claims)
    gained = gained[~np.isnan(gained)]
    return {
        "kind": kind,
        "n": n,
        "over": over,
        "runs": len(bounds),
        "refused": 1 - len(given) / len(bounds),
        "covered": float(hold.mean()) if len(given) else float("nan"),
        "claimed": float((gained > 0).mean()) if len(gained) else float("nan"),
    }


def bands(part: float) -> Iterator[Bands]:
    """How often the band holds the whole curve, and how wide it is."""
    for over in (1.0, OVER):
        for n, runs in ((100, 2000), (1000, 2000), (10_000, 1000)):
            for kind in LOGITS:
                held, widths, rejected = [], [], []
                for outcomes in binary(kind, n, max(4, int(runs * part)), over):
                    found = bands_of(outcomes)
                    low, high = found.at(outcomes.p)
                    truth = expit(outcomes.logits / over)
                    held.append(bool(((low <= truth) & (truth <= high)).all()))
                    widths.append(float((high - low).mean()))
                    rejected.append(bool(found.excluded()))
                yield {
                    "kind": kind,
                    "n": n,
                    "over": over,
                    "runs": len(held),
                    "covered": float(np.mean(held)),
                    "width": float(np.mean(widths)),
                    "rejected": float(np.mean(rejected)),
                }


def binned(part: float) -> Iterator[Binned]:
    """Figures from the 4,096 bins beside those from the rows."""
    for over in (1.0, OVER):
        pairs: dict[str, list[tuple[float, float]]] = {}
        for exact in binary("balanced", 100_000, max(2, int(10 * part)), over):
            bins = bins_of(exact.logits)
            true = np.bincount(bins, exact.true, 4096)
            rough = Outcomes.of_histogram(np.bincount(bins, exact.rows, 4096) - true, true)
            for name, figure in FIGURES.items():
                pairs.setdefault(name, []).append((figure(exact), figure(rough)))
        for name, values in pairs.items():
            of_rows, of_bins = np.array(values).T
            yield {
                "figure": name,
                "over": over,
                "rows": float(of_rows.mean()),
                "bins": float(of_bins.mean()),
                "error": float(np.abs(of_bins - of_rows).max()),
            }


def main() -> None:
    """Simulate, and write the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    part = 0.05 if quick else 1.0
    report: Report = {
        "date": machine.today(),
        "versions": machine.versions("numpy", "scipy", "xent"),
        "nulls": list(nulls(part)),
        "levels": list(levels(part)),
        "covered": list(covered(part)),
        "bands": list(bands(part)),
        "binned": list(binned(part)),
    }
    page = score_calibration_page.page(report)
    if quick:
        print(page)
        return
    RESULTS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
