"""The numbers of the lesson on the gradient: a walk downhill, and differences of the loss.

The walk has the logit u_i before step i, and its loss l_i; `now` is where it ends, with probability
p, gradient g and loss L. One more step at the present rate leads to `then`, whose loss is `after`.
If the target is 1/2, a step of a rate above `limit` raises the loss.

For each h_n, at_i,n and loss_i,n are z, z + h and z - h and their losses. The quotients one_n and
two_n are one-sided and two-sided, and far_n and near_n their errors. Of these, bend_n and wave_n
are truncation, as the second and the third derivative have it, and grain_n is the most that
rounding adds.

A row of two features has the logit `score` and the probability `chance`; `miss` is its p - y, and
d_j the gradient for its weights.
"""

from __future__ import annotations

from xent._live.basic import decay, log_of_1_plus
from xent._live.page import MOST
from xent._live.program import Definition, Loop, Program, Table, define
from xent._report.expression import (
    Expression,
    Number,
    Symbol,
    call,
    case,
    plus,
    same,
    sigmoid,
    softplus,
)

STEPS = [10 ** -(1 + n / 4) for n in range(45)]
"""The h of the check: 1e-1 to 1e-12, four for each power of ten."""
Z, P, G, L, SHARE, NOW, THEN = (
    Symbol(name) for name in ("z", "p", "g", "L", "share", "now", "then")
)
TRUE = Symbol("true")
ROUNDING = Number(repr(2.0**-51))
"""Four times the relative error of a rounded sum: what two losses may be off by, and their h."""


def loss(z: Expression) -> Expression:
    """Of a logit, for the share of label 1."""
    return SHARE * softplus(-z) + (1 - SHARE) * softplus(z)


def walk() -> list[Definition | Loop]:
    """Steps taken, each with its own rate, and one more."""
    u, i = Symbol("u", "i"), Symbol("i")
    step = u - Symbol("rates", "i") * (sigmoid(u) - SHARE)
    # If half of the labels are 1, L(z) = L(-z): a step from z to -z leaves the loss as it is.
    across = 4 * NOW / call("tanh", NOW / 2)
    return [
        define("u_0", Z),
        Loop("i", MOST, (define("u_i+1", case(i < Symbol("rates_count"), step, u)),)),
        define("l_i", loss(u), MOST + 1),
        define("now", Symbol("u", str(MOST))),
        define("p", sigmoid(NOW)),
        define("g", P - SHARE),
        define("L", loss(NOW)),
        define("then", NOW - Symbol("rate") * G),
        define("after", loss(THEN)),
        define("limit", case(call("abs", NOW) < Number("1e-9"), 8, across)),
    ]


def differences() -> list[Definition | Loop | Table]:
    """Quotients at z for each h. Rounding errors are shown, so only exact operations are used."""
    i, h, count = Symbol("i"), Symbol("h", "n"), len(STEPS)
    at, e, more = Symbol("at", "i,n"), Symbol("E", "i,n"), Symbol("M", "i,n")
    here, above, below = (Symbol("loss", f"{side},n") for side in "012")
    e0, p, size = Symbol("E", "0,0"), Symbol("q"), (3, count)
    up, down = call("max", at, 0) + more, call("max", -at, 0) + more
    bend = p * (1 - p)
    return [
        Table("h", STEPS),
        define("at_i,n", case(same(i, 0), Z, case(same(i, 1), Z + h, Z - h)), *size),
        *decay("E", call("abs", at), "i,n", *size),
        *log_of_1_plus("M", e, "i,n", *size),
        define("loss_i,n", SHARE * down + (1 - SHARE) * up, *size),
        define("q", case(Z >= 0, 1 / (1 + e0), e0 / (1 + e0))),
        define("true", p - SHARE),
        define("one_n", (above - here) / h, count),
        define("two_n", (above - below) / (2 * h), count),
        define("far_n", call("abs", Symbol("one", "n") - TRUE), count),
        define("near_n", call("abs", Symbol("two", "n") - TRUE), count),
        define("bend_n", h / 2 * bend, count),
        define("wave_n", h * h / 6 * bend * call("abs", 1 - 2 * p), count),
        define("grain_n", ROUNDING * (here + call("abs", Z * TRUE)) / h, count),
        define("n", (Symbol("k") - 1) * 4),
    ]


def weights() -> list[Definition]:
    """A row of two features: the gradient goes on from the logit to the weights."""
    terms = (Symbol("w", str(j)) * Symbol("x", str(j)) for j in range(2))
    return [
        define("score", call("exact", plus(*terms, Symbol("b")))),
        define("chance", sigmoid(Symbol("score"))),
        define("miss", Symbol("chance") - SHARE),
        define("d_j", Symbol("miss") * Symbol("x", "j"), 2),
    ]


PROGRAM = Program([*walk(), *differences(), *weights()])
