"""The figures of a comparison by the names that conditions have for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

OF_MODELS = {"log_loss_nats": "loss"}
"""Figures of a model that have a shorter name."""

OF_PAIRS = {
    "difference": ("difference_nats", "interval"),
    "p": ("p_holm", ""),
    "detectable": ("detectable_nats", ""),
    "accuracy_difference": ("accuracy_difference", "accuracy_difference_interval"),
    "mcnemar_p": ("mcnemar_p", ""),
    "worse_by_at_most": ("worse_by_at_most_nats", ""),
    "p_worse_by_margin": ("p_worse_by_margin", ""),
}

SIGNED = ("difference", "accuracy_difference")
"""Figures of the first model less those of the second."""


class Figure(NamedTuple):
    """A value, and what stands beside it."""

    value: Any
    interval: Mapping[str, Any] | None = None
    reason: str = ""
    """Why it is not known."""


def compared_figures(data: Mapping[str, Any]) -> dict[str, Any]:
    """The plain data of a comparison, arranged as ``loss.A``, ``difference.A.B`` and so on.

    Examples
    --------
    >>> models = [{"model": "A", "log_loss_nats": 0.5}, {"model": "B", "log_loss_nats": 0.7}]
    >>> pairs = [{"first": "A", "second": "B", "difference_nats": -0.2}]
    >>> found = compared_figures({"models": models, "pairs": pairs})
    >>> found["loss"]["B"], found["difference"], found["intervals"]["difference"]["B"]["A"]
    (0.7, -0.2, 0.2)
    """
    found: dict[str, Any] = {n: data[n] for n in ("rows", "rows_left_out") if n in data}
    found |= _of_models(data["models"])
    slices = data.get("slices", {}).items()
    by_value = {column: _of_values(cells) for column, cells in slices}
    return {**found, **_of_pairs(data["pairs"]), "slices": by_value}


def _of_models(models: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Each figure by the names of the models, and `calibration` by model."""
    found: dict[str, Any] = {}
    for key in models[0]:
        if all(_is_figure(each[key]) for each in models):
            figures = {m["model"]: Figure(m[key], m.get("intervals", {}).get(key)) for m in models}
            found[OF_MODELS.get(key, key)] = _by_name(figures)
    if "calibration" in models[0]:
        found["calibration"] = {m["model"]: m["calibration"] for m in models}
    return found


def _is_figure(value: Any) -> bool:
    """A number, infinity as text, or None where it is not known."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value is None or number or value in ("inf", "-inf")


def _of_values(cells: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A record for each value of a column, which has a cell for each pair."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for each in cells:
        found.setdefault(each["value"], []).append(each)
    return [
        {"value": value, "rows": pairs[0]["rows"], **_of_pairs(pairs)}
        for value, pairs in found.items()
    ]


def _of_pairs(pairs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Figures by both models, in either order; those of a single pair also without models."""
    alone: dict[str, Figure] = {}
    found: dict[str, Any] = {}
    for name, (key, interval) in OF_PAIRS.items():
        by_models: dict[str, dict[str, Figure]] = {}
        for pair in pairs:
            if key in pair:
                a, b = pair["first"], pair["second"]
                first, second = _either_way(name, pair, key, pair.get(interval))
                by_models.setdefault(a, {})[b] = first
                by_models.setdefault(b, {})[a] = second
                alone[name] = first
        if by_models:
            found[name] = {model: _by_name(others) for model, others in by_models.items()}
    if len(pairs) > 1:
        return found
    # What a name goes on with after a figure is looked for in its interval.
    return _by_name(
        {n: each._replace(interval=found[n] | {**(each.interval or {})})
         for n, each in alone.items()}
    )  # fmt: skip


def _either_way(
    name: str, pair: Mapping[str, Any], key: str, interval: Mapping[str, Any] | None
) -> tuple[Figure, Figure]:
    """A figure of the first model beside the second, and of the second beside the first."""
    value = pair[key]
    reason = pair.get(f"{key}_reason") or (pair.get("interval") or {}).get("reason", "")
    if isinstance(value, list):  # one for each
        return Figure(value[0], None, reason), Figure(value[1], None, reason)
    first = Figure(value, interval, reason)
    if name not in SIGNED:
        return first, first
    turned = interval and {
        **interval, "low": _negative(interval["high"]), "high": _negative(interval["low"]),
    }  # fmt: skip
    return first, Figure(_negative(value), turned, reason)


def _negative(value: Any) -> Any:
    return None if value is None else -float(value)


def _by_name(figures: Mapping[str, Figure]) -> dict[str, Any]:
    """Figures with their intervals and reasons where conditions look for them."""
    values = {name: each.value for name, each in figures.items()}
    reasons = {f"{n}_reason": each.reason for n, each in figures.items() if each.value is None}
    return {**reasons, **values, "intervals": {n: each.interval for n, each in figures.items()}}
