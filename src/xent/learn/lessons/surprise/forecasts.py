"""What a forecast costs where outcomes follow a target: the numbers as formulas.

truth_j, forecast_j    numbers that sum to 1, or else are made to:
y_j, p_j               the target and the forecast
h_j, s_j               surprises -log y_j and -log p_j
H, L, D                entropy of y, cross-entropy of y and p, and KL divergence of p from y
back                   the KL divergence of y from p
Y_j                    the sum of y over the outcomes before j
"""

from __future__ import annotations

from xent._live.program import Definition, Program, define
from xent._report.expression import Expression, Number, Symbol, Total, call, case, exp, log, same

J, TO = Symbol("j"), Symbol("to")
Y, P, H, S = (Symbol(name, "j") for name in ("y", "p", "h", "s"))


def of_outcomes(count: int) -> Program:
    """The program for so many outcomes."""
    return Program(
        [
            *_shares("y", "truth", count),
            *_shares("p", "forecast", count),
            define("h_j", -log(Y), count),
            define("s_j", -log(P), count),
            define("H", Total("j", weighted(Y, H), count)),
            define("L", Total("j", weighted(Y, S), count)),
            # The terms of KL may be negative; their sum is not, but for its rounding.
            define("D", _not_negative(Total("j", weighted(Y, S - H), count))),
            define("back", _not_negative(Total("j", weighted(P, H - S), count))),
            define("Y_j", Total("i", case(Symbol("i") < J, Symbol("y", "i"), 0), count), count),
            define("perplexity", exp(Symbol("L"))),
            define("bits", Symbol("L") / log(2)),
        ]
    )


def weighted(share: Expression, cost: Expression) -> Expression:
    """What an outcome adds to a mean: 0 if it never happens, even where its cost is infinite."""
    return case(same(share, 0), 0, share * cost)


def moved(name: str, which: int, count: int) -> Expression:
    """Element j of a distribution when its element `which` is moved to `to`.

    The others keep their ratios. Where they were all 0, they share the rest equally.
    """
    share, rest = Symbol(name, "j"), Total(f"i≠{which}", Symbol(name, "i"), count)
    others = case(rest > 0, share * (1 - TO) / rest, (1 - TO) / Number(str(count - 1)))
    return case(same(J, which), TO, others)


def _shares(name: str, given: str, count: int) -> list[Definition]:
    """Numbers over their sum; all the same where the sum is 0."""
    number, whole = call("max", Symbol(given, "j"), 0), Symbol(f"{given}sum")
    # Where the sum is off by its rounding alone, 0.4 stays 0.4.
    share = case(call("abs", whole - 1) < 1e-8, number, number / whole)
    equal = Number(repr(1 / count))
    return [
        define(whole.name, Total("j", number, count)),
        define(f"{name}_j", case(whole > 0, share, equal), count),
    ]


def _not_negative(tree: Expression) -> Expression:
    return case(tree < 0, 0, tree)
