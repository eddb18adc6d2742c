"""The validation rows as formulas: how they stand at an epoch, and at a temperature.

logit_t,i, y_i   logit of row i at checkpoint t, and its label
m_i              the logit in favour of the truth at this checkpoint: z, or -z for the label 0
l_i, r_i         its loss, and 1 if the row is right
A, L, W          accuracy, mean loss, and the part of it that wrong rows add
acc_t, mean_t    accuracy and mean loss at each checkpoint; `best` has the lowest loss
q_i, c_i, bin_i  at temperature T: the probability of the truth, that of the prediction, its bin
LT, sure         mean loss and mean confidence at T
count_b          how many rows a bin has
hit_b, share_b   how many of them are right, and which share
sum_b, trust_b   the sum and the mean of their confidence
gap              mean difference of confidence and accuracy, over bins
fitted, least    the temperature of the lowest loss, and this loss
"""

from __future__ import annotations

from xent._live.program import Definition, Loop, Program, define
from xent._report.expression import (
    Expression,
    Extreme,
    Number,
    Symbol,
    Total,
    call,
    case,
    exp,
    log1p,
    same,
    sigmoid,
)
from xent.learn.lessons.accuracy.training import EPOCHS, ROWS

BINS = 5
HALVINGS = 50
"""After so many, an interval of inverse temperatures has no other double in it, or nearly none."""
COLDEST, HOTTEST = 0.05, 20
T, M, LOSS, RIGHT, C = Symbol("T"), *(Symbol(name, "i") for name in "mlrc")


def of_rows() -> Program:
    """The rows at the chosen checkpoint, and the means at all of them."""
    each = in_favour(Symbol("logit", "t,i"))
    checkpoints = len(EPOCHS)
    return Program(
        [
            define("epoch", Number("2") ** Symbol("checkpoint")),
            define("m_i", in_favour(Symbol("logit", "checkpoint,i")), ROWS),
            define("l_i", softplus(-M), ROWS),
            define("r_i", case(M > 0, 1, 0), ROWS),
            define("hits", _over_rows(RIGHT)),
            define("A", Symbol("hits") / ROWS),
            define("L", _over_rows(LOSS) / ROWS),
            define("W", _over_rows((1 - RIGHT) * LOSS) / ROWS),
            define("acc_t", _over_rows(case(each > 0, 1, 0)) / ROWS, checkpoints),
            define("mean_t", _over_rows(softplus(-each)) / ROWS, checkpoints),
            define("best", Extreme("argmax", "t", -Symbol("mean", "t"), checkpoints)),
        ]
    )


def of_temperature() -> Program:
    """The same rows with their logits divided by T, and the T that fits them best."""
    here = same(Symbol("bin", "i"), Symbol("b"))
    apart = call("abs", Symbol("hit", "b") - Symbol("sum", "b"))
    return Program(
        [
            define("q_i", sigmoid(M / T), ROWS),
            define("c_i", sigmoid(call("abs", M) / T), ROWS),
            define("bin_i", call("min", BINS - 1, call("floor", (C - 0.5) * 2 * BINS)), ROWS),
            define("LT", mean_at(1 / T)),
            define("sure", _over_rows(C) / ROWS),
            define("count_b", _over_rows(case(here, 1, 0)), BINS),
            define("hit_b", _over_rows(case(here, RIGHT, 0)), BINS),
            define("sum_b", _over_rows(case(here, C, 0)), BINS),
            define("share_b", _share("hit"), BINS),
            define("trust_b", _share("sum"), BINS),
            define("gap", Total("b", apart, BINS) / ROWS),
            *_fit(),
        ]
    )


def _share(part: str) -> Expression:
    """A part of a bin's rows; 0 if it has none."""
    count = Symbol("count", "b")
    return case(count > 0, Symbol(part, "b") / count, 0)


def softplus(x: Expression) -> Expression:
    """log(1 + e^x) without overflow: the loss of a row whose logit for the truth is -x."""
    return call("max", x, 0) + log1p(exp(-call("abs", x)))


def mean_at(inverse: Expression) -> Expression:
    """The mean loss where all logits are multiplied by 1 / T."""
    return _over_rows(softplus(-(M * inverse))) / ROWS


def _fit() -> list[Definition | Loop]:
    """Bisection: the loss is convex in 1 / T, so its slope changes sign once."""
    middle, low, high = (Symbol(name, "k") for name in ("middle", "low", "high"))
    slope = Symbol("slope", "k")
    last = f"{HALVINGS}"
    return [
        define("low_0", 1 / HOTTEST),
        define("high_0", 1 / COLDEST),
        Loop(
            "k",
            HALVINGS,
            (
                define("middle_k", (low + high) / 2),
                define("slope_k", -_over_rows(M * sigmoid(-(M * middle)))),
                define("low_k+1", case(slope < 0, middle, low)),
                define("high_k+1", case(slope < 0, high, middle)),
            ),
        ),
        define("fitted", 2 / (Symbol("low", last) + Symbol("high", last))),
        define("least", mean_at(1 / Symbol("fitted"))),
    ]


def in_favour(z: Expression) -> Expression:
    """The logit in favour of the truth of a row i whose logit for label 1 is z."""
    return case(same(Symbol("y", "i"), 1), z, -z)


def _over_rows(tree: Expression) -> Expression:
    return Total("i", tree, ROWS)
