"""docs/score-calibration.md from the simulated figures, and from nothing else."""

from __future__ import annotations

from typing import TypedDict

from machine import MADE, measured


class Null(TypedDict):
    """A figure of calibrated models: mean, mean of the draws beside it, share above their 95 %."""

    figure: str
    n: int
    runs: int
    value: float
    drawn: float
    exceeds: float


class Level(TypedDict):
    """How often Z is called significant though the model is calibrated."""

    kind: str
    n: int
    runs: int
    refused: float
    below: float


class Covered(TypedDict):
    """How often the slope's interval holds the truth, and a gain is claimed."""

    kind: str
    n: int
    over: float
    runs: int
    refused: float
    covered: float
    claimed: float


class Bands(TypedDict):
    """How often the band holds the whole curve, its mean width, how often it excludes p."""

    kind: str
    n: int
    over: float
    runs: int
    covered: float
    width: float
    rejected: float


class Binned(TypedDict):
    """A figure of rows and of bins, means, and the largest difference."""

    figure: str
    over: float
    rows: float
    bins: float
    error: float


class Report(TypedDict):
    """What score_calibration.json holds."""

    date: str
    versions: dict[str, str]
    nulls: list[Null]
    levels: list[Level]
    covered: list[Covered]
    bands: list[Bands]
    binned: list[Binned]


HEAD = """\
# Calibration figures under test

{finding}

Models are made whose true probabilities are known. Logits are normal: **balanced** (mean 0,
standard deviation 2), **rare** (−4, 1.5: 4 % of label 1) and **confident** (0, 6); with 10 classes
each logit has standard deviation 2. The over-confident model multiplies the true logits by 1.5.

## Figures of a perfectly calibrated model

No figure is 0 for a perfectly calibrated model. The mean of draws stands beside each figure in a
report; the last column says how often a calibrated model exceeds their 95 % quantile: it should be
5 %, and 6 % with the 100 draws of this table. Where there are more than 4,096 distinct predictions,
figure and draws are of 4,096 bins.

{nulls}

## Level of Z

How often p < 0.05 for calibrated models. The p-value is refused where Z has a skewness above 1.

{levels}

## Interval of the slope, and claims of a gain

Coverage of the 95 % interval of the slope (of the temperature's inverse with 10 classes). A gain is
claimed where the whole interval of what Platt's scaling or a temperature would gain is above 0. The
slope is refused where a label, or a wrong class, has fewer than 10 rows.

{covered}

## Bands of the reliability curve

How often the 95 % band holds the whole true curve, its mean width over the rows, and how often it
shows that predictions are wrong (that it excludes p somewhere).

{bands}

## From 4,096 bins

What is computed from a state's histogram beside what the rows give: means of {n:,} rows, and the
largest difference in any run. Bins leave isotonic regression less noise to fit, so the
miscalibration is lower; its draws are of the same bins, and lower by as much.

{binned}
"""

END = """
{made}

{measured} Every figure is a simulation with fixed seeds. A share near 95 % has a
standard error of 0.3 points in 4,000 runs, 0.7 in 1,000 and 1.5 in 200.

`python benchmarks/score_calibration.py` writes this page and `benchmarks/score_calibration.json`.
"""


def percent(share: float) -> str:
    """A share in percent; a dash where there is none."""
    return "–" if share != share else f"{100 * share:.1f} %"


def table(heads: tuple[str, ...], rows: list[list[str]]) -> str:
    """A table in Markdown, with numbers on the right."""
    left = "|---" + "|---:" * (len(heads) - 1) + "|"
    lines = [f"| {' | '.join(each)} |" for each in [list(heads), *rows]]
    return "\n".join([lines[0], left, *lines[1:]])


def model(kind: str, over: float) -> str:
    """A kind of model in words."""
    return kind if over == 1 else f"{kind}, over-confident"


def finding(report: Report) -> str:
    """What the page opens with."""
    shown = [each for each in report["covered"] if each["refused"] < 0.5]
    covers = [each["covered"] for each in shown]
    holds = [each["covered"] for each in report["bands"]]
    below = [each["below"] for each in report["levels"] if each["below"] == each["below"]]
    first = next(each for each in report["nulls"] if each["figure"] == "ECE15")
    exceeds = [each["exceeds"] for each in report["nulls"]]
    return (
        f"A perfectly calibrated model has an ECE of {first['value']:.3f} on {first['n']} rows, so "
        f"figures stand beside their value under perfect calibration, whose 95 % quantile a "
        f"calibrated model exceeds in {percent(min(exceeds))} to {percent(max(exceeds))} of runs. "
        f"The 95 % interval of the "
        f"slope holds the truth in {percent(min(covers))} to {percent(max(covers))} of runs "
        f"(100 to 10,000 rows), the bands of the reliability curve in at least "
        f"{percent(min(holds))}, and Z rejects "
        f"{percent(min(below))} to {percent(max(below))} of calibrated models at the 5 % level."
    )


def page(report: Report) -> str:
    """The page of a report."""
    return (
        HEAD.format(
            finding=finding(report),
            n=100_000,
            nulls=table(
                ("figure", "rows", "runs", "mean", "mean of its draws", "exceeds 95 %"),
                [
                    [
                        each["figure"],
                        f"{each['n']:,}",
                        f"{each['runs']:,}",
                        f"{each['value']:.3g}",
                        f"{each['drawn']:.3g}",
                        percent(each["exceeds"]),
                    ]
                    for each in report["nulls"]
                ],
            ),
            levels=table(
                ("model", "rows", "runs", "refused", "p < 0.05"),
                [
                    [
                        each["kind"],
                        f"{each['n']:,}",
                        f"{each['runs']:,}",
                        percent(each["refused"]),
                        percent(each["below"]),
                    ]
                    for each in report["levels"]
                ],
            ),
            covered=table(
                ("model", "rows", "runs", "refused", "covered", "gain claimed"),
                [
                    [
                        model(each["kind"], each["over"]),
                        f"{each['n']:,}",
                        f"{each['runs']:,}",
                        percent(each["refused"]),
                        percent(each["covered"]),
                        percent(each["claimed"]),
                    ]
                    for each in report["covered"]
                ],
            ),
            bands=table(
                ("model", "rows", "runs", "covered", "mean width", "excludes p"),
                [
                    [
                        model(each["kind"], each["over"]),
                        f"{each['n']:,}",
                        f"{each['runs']:,}",
                        percent(each["covered"]),
                        f"{each['width']:.3f}",
                        percent(each["rejected"]),
                    ]
                    for each in report["bands"]
                ],
            ),
            binned=table(
                ("figure", "model", "rows", "bins", "largest difference"),
                [
                    [
                        each["figure"],
                        model("balanced", each["over"]),
                        f"{each['rows']:.5g}",
                        f"{each['bins']:.5g}",
                        f"{each['error']:.1e}",
                    ]
                    for each in report["binned"]
                ],
            ),
        )
        + END.format(made=MADE, measured=measured(report)).rstrip()
        + "\n"
    )
