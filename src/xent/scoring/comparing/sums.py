"""What a comparison sums: powers of differences up to the fourth, and powers of weights."""

from __future__ import annotations

from xent._validation import Array
from xent.scoring import products as of
from xent.scoring.comparing.schema import Schema


def names(schema: Schema) -> tuple[str, ...]:
    """The products of a value and the weight of its row."""
    if schema.weighted:
        return (*of.WEIGHTED, *of.FOURTH_WEIGHTED)
    return (*of.PLAIN, *of.FOURTH)


def weights(schema: Schema) -> tuple[str, ...]:
    """The powers of the weights."""
    return (*of.WEIGHTS, "wwww") if schema.weighted else ()


def products(values: Array, weight: Array | None) -> dict[str, Array]:
    """The products by name, those of four factors included."""
    return of.products(values, weight) | of.fourth_products(values, weight)


def powers(weight: Array) -> dict[str, Array]:
    """The powers of weights by name."""
    return of.powers(weight) | of.fourth_power(weight)
