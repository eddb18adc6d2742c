"""The arithmetic of rows whose classes are divided over the ranks of a group.

A rank computes a row relative to its own largest logit m_r, at class k. It knows s_r, the sum of
exp(z_j - m_r) over its other classes, and the cost of its targets, the sum of y_j (m_r - z_j). Then
m is the largest m_r, and everything else is a sum over the ranks, of terms that are never negative:

    f_r = exp(m_r - m)
    S = sum over r of (s_r where m_r = m, else (1 + s_r) f_r), and 1 for each further m_r = m
    loss = (sum y) log1p(S) + sum over r of cost_r + (m - m_r) (sum of the rank's y)

The largest term is left out of S, not subtracted from it, so a confident, correct row keeps its
digits. The ranks need not agree on which of several equal logits is the largest. The gradient at a
largest logit is (sum of y elsewhere - y S) / (1 + S), where the sum elsewhere also runs over the
ranks.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from xent.formula import capped
from xent.torch._sharded.group import VocabGroup
from xent.torch._sharded.targets import LocalTargets, check_sums

Tensor = torch.Tensor
INFINITY = float("inf")
MANY_CLASSES = 2048
"""From this number of classes, the largest logit is searched for in parts."""


class LocalStats(NamedTuple):
    """Statistics of rows relative to the largest of a rank's own logits; all float64 except k."""

    m: Tensor  # the largest; -inf where the row holds NaN, where s is NaN
    k: Tensor  # its class
    s: Tensor  # sum of exp(z - m) over the other classes
    cost: Tensor  # sum of y (m - z)
    y_k: Tensor  # y at k
    y_rest: Tensor  # sum of y elsewhere, not as a difference
    given: Tensor  # sum of the probabilities as they were given; 0 for labels
    unit: Tensor  # exp(z - m) is what `exp` holds times this


class MergedStats(NamedTuple):
    """Statistics of rows over all ranks, and the scale of this rank's exponentials."""

    m: Tensor
    s: Tensor
    cost: Tensor
    y_k: Tensor  # y at the largest logit, on all ranks that have it
    y_rest: Tensor
    has_largest: Tensor  # does this rank have the largest logit?
    share: Tensor  # exp(its largest - m)


class TargetSums(NamedTuple):
    """Sums over a rank's targets: the fields of `LocalStats` that depend on y."""

    cost: Tensor
    y_k: Tensor
    y_rest: Tensor
    given: Tensor


def local_stats(
    raw: Tensor, targets: LocalTargets, out: Tensor | None = None, spare: Tensor | None = None
) -> tuple[LocalStats, Tensor]:
    """Statistics of a rank's rows, and their exp(z - m), which is 0 at k.

    If spare memory of shape (2, rows, classes) is given, the rounding errors of z - m are carried
    along; exp would turn them into relative errors.
    """
    z = capped(raw, targets.options.softcap)
    if not targets.width:
        return _stats_without_classes(z), z
    m, k = largest(z)
    has_nan = m.isnan()
    m = m.masked_fill(has_nan, -INFINITY)
    masked = m == -INFINITY
    top = m.masked_fill(masked, 0).unsqueeze(1)
    column = k.unsqueeze(1)
    d = torch.sub(z, top, out=out)
    low = None
    if spare is not None:
        # TwoDiff: low is exactly the rounding error of d. Infinities give NaN, which is not an
        # error to carry.
        back, low = spare[:, : len(z)]
        torch.sub(z, d, out=back)
        torch.sub(z, torch.add(d, back, out=low), out=low)
        low.add_(back.sub_(top)).nan_to_num_(0, 0, 0)
    # 0 even if the largest is infinite, where inf - inf would be NaN.
    d.scatter_(1, column, torch.where(masked, -INFINITY, 0.0).to(d.dtype).unsqueeze(1))
    sums = _target_sums(z, d, k, top, targets)
    e = d.exp_()
    if low is not None:
        e.addcmul_(e, low)  # exp(d + low), to first order
    e.scatter_(1, column, 0)
    s = e.sum(1, dtype=torch.float64).masked_fill(has_nan, float("nan"))
    return LocalStats(m.double(), k, s, *sums, torch.ones_like(s)), e


def is_label_at_logit(targets: LocalTargets) -> bool:
    """Is the target of a row at its label only, and are its logits uncapped?"""
    options = targets.options
    return targets.labels is not None and not options.label_smoothing and options.softcap is None


def largest(z: Tensor) -> tuple[Tensor, Tensor]:
    """The largest entry of each row, and its index.

    On the CPU, PyTorch finds indices slowly and largest entries fast. So the part of the row that
    holds the largest entry is found first; the last part is counted back from the row's end. NaN is
    larger than any number.
    """
    width = z.shape[1]
    if z.device.type != "cpu" or width < MANY_CLASSES:
        m, k = z.max(1)
        return m, k
    step = 1 << (width.bit_length() // 2)
    parts = width // step
    whole = z[:, : parts * step].unflatten(1, (parts, step)).amax(2)
    tops = torch.cat([whole, z[:, -step:].amax(1, keepdim=True)], 1)
    start = (tops.argmax(1, keepdim=True) * step).clamp(max=width - step)
    near = z.gather(1, start + torch.arange(step, device=z.device))
    m, k = near.max(1)
    return m, k + start.squeeze(1)


def recompute_exp(
    raw: Tensor, local: LocalStats, targets: LocalTargets
) -> tuple[LocalStats, Tensor]:
    """Compute the exponentials of `local_stats` again, without carrying rounding errors."""
    z = capped(raw, targets.options.softcap)
    local = local._replace(unit=torch.ones_like(local.unit))
    if not z.shape[1]:
        return local, z
    top = local.m.masked_fill(local.m == -INFINITY, 0).to(z.dtype).unsqueeze(1)
    return local, (z - top).exp_().scatter_(1, local.k.unsqueeze(1), 0)


def merge(
    local: LocalStats, targets: LocalTargets, group: VocabGroup, number: Tensor | None = None
) -> tuple[MergedStats, Tensor | None]:
    """Merge the rows of all ranks with two reductions: of the largest logit, and of sums.

    `number` is summed over the ranks with them, which saves a third reduction.
    """
    m = group.max(local.m.clone())
    has_largest = (local.m == m) & (m > -INFINITY)
    no_gap = has_largest | (local.m == -INFINITY)
    gap = torch.where(no_gap, 0.0, m - local.m)
    share = torch.where(no_gap, 0.0, _exp_of_difference(local.m, m)).masked_fill(has_largest, 1)
    y = local.y_k + local.y_rest
    sums = [
        torch.where(has_largest, local.s, (1 + local.s) * share),
        has_largest.double(),
        local.cost + torch.where(y == 0, 0.0, gap * y),
        torch.where(has_largest, local.y_k, 0.0),
        torch.where(has_largest, local.y_rest, y),
    ]
    if targets.probabilities is not None:
        sums.append(local.given)
    packed = torch.cat([*sums, *([] if number is None else [number.reshape(1)])])
    group.sum(packed)
    s, count, cost, y_k, y_rest, *given = packed[: len(sums) * len(m)].reshape(len(sums), -1)
    s = s + (count - 1).clamp(min=0)
    # Two infinite logits are not certainty but inf - inf.
    s = s.masked_fill((m == INFINITY) & (count > 1), float("nan"))
    if given:
        check_sums(targets, given[0])
    merged = MergedStats(m, s, cost, y_k, y_rest, has_largest, share)
    return merged, None if number is None else packed[-1]


def row_losses(rows: MergedStats, targets: LocalTargets) -> Tensor:
    """The weighted loss of each row."""
    log_s = torch.log1p(rows.s)
    loss = (rows.y_k + rows.y_rest) * log_s + rows.cost
    if targets.options.z_loss:
        log_z = rows.m + log_s
        loss = loss + targets.options.z_loss * log_z * log_z
    if targets.weight is not None:
        loss = torch.where(targets.weight == 0, 0.0, targets.weight * loss)
    return loss


def grad_inplace(
    e: Tensor,
    local: LocalStats,
    rows: MergedStats,
    targets: LocalTargets,
    scale: float,
    raw: Tensor,
) -> Tensor:
    """Turn a rank's exponentials into the gradient times `scale`, in place.

    `raw` are the logits before the softcap.
    """
    if not targets.width:
        return e
    special = not bool(raw.sum().isfinite())  # the cheapest test for NaN and infinities
    options, weight = targets.options, targets.weight
    factor = torch.full_like(rows.s, scale) if weight is None else weight * scale
    of_p, y_rest = rows.y_k + rows.y_rest, rows.y_rest
    if options.z_loss:
        of_z = 2 * options.z_loss * (rows.m + torch.log1p(rows.s))
        of_p, y_rest = of_p + of_z, y_rest + of_z
    per_e = of_p * factor * (rows.share / (1 + rows.s))
    per_e = per_e.masked_fill((rows.share == 0) & ~rows.s.isnan(), 0)
    times = (per_e * local.unit).to(e.dtype).unsqueeze(1)
    if special:
        none = (e == 0) & times.isinf()
        e.mul_(times).masked_fill_(none, 0)
    else:
        e.mul_(times)
    targets.subtract_from(e, factor)
    # At k the difference p - y would cancel where k is the label, so it is replaced by a quotient.
    # The y of other ranks' equally large logits counts as y elsewhere for this rank's.
    y_rest = y_rest + (rows.y_k - local.y_k)
    at_k = torch.where(
        rows.has_largest,
        (y_rest - local.y_k * rows.s) * factor / (1 + rows.s),
        per_e - local.y_k * factor,
    )
    e.scatter_(1, local.k.unsqueeze(1), at_k.to(e.dtype).unsqueeze(1))
    if options.softcap is not None:  # times the derivative of the softcap
        e.div_(torch.cosh(raw / options.softcap).square_())
    if special:
        e.masked_fill_(raw == -INFINITY, 0)
    if weight is not None:
        e.masked_fill_((weight == 0).unsqueeze(1), 0)
    return e


def concatenated(parts: list[Any]) -> Any:
    """The statistics of several blocks of rows as those of one."""
    if len(parts) == 1:
        return parts[0]
    return type(parts[0])(*(torch.cat(fields) for fields in zip(*parts, strict=True)))


def selected(rows: Any, index: slice) -> Any:
    """The statistics of some rows."""
    return type(rows)(*(field[index] for field in rows))


def _stats_without_classes(z: Tensor) -> LocalStats:
    zero = z.new_zeros(len(z), dtype=torch.float64)
    return LocalStats(zero - INFINITY, zero.long(), zero, zero, zero, zero, zero, zero + 1)


def _target_sums(z: Tensor, d: Tensor, k: Tensor, top: Tensor, targets: LocalTargets) -> TargetSums:
    if targets.labels is None:
        y = targets.of_probabilities(d.dtype)
        column = k.unsqueeze(1)
        assert targets.probabilities is not None
        return TargetSums(
            _times(y, -d).sum(1, dtype=torch.float64),
            y.gather(1, column).squeeze(1).double(),
            y.scatter(1, column, 0).sum(1, dtype=torch.float64),
            targets.probabilities.sum(1, dtype=torch.float64),
        )
    cost, y_k, y_rest, given = sums_at_labels(z, k, top, targets)
    if targets.options.label_smoothing:
        shift = targets.smoothing_shift
        if shift is None:
            each = targets.options.label_smoothing / targets.classes
            cost = cost - each * d.sum(1, dtype=torch.float64)
            y_k, y_rest = y_k + each, y_rest + each * (targets.width - 1)
        else:
            cost = cost + _times(shift.to(d.dtype), -d).sum(1, dtype=torch.float64)
            y_k, y_rest = y_k + shift[k], y_rest + targets.other_shifts[k]
    return TargetSums(cost, y_k, y_rest, given)


def sums_at_labels(z: Tensor, k: Tensor, top: Tensor, targets: LocalTargets) -> TargetSums:
    """The sums over targets at labels alone, without what smoothing adds."""
    y, place = targets.at_labels()
    gap = (top - z.gather(1, place.unsqueeze(1)).double()).squeeze(1)
    at_largest = place == k
    # The largest logit is at distance 0 from itself, even if it is +inf; one at -inf keeps inf.
    gap = gap.masked_fill(at_largest & (gap != INFINITY), 0)
    y_k = torch.where(at_largest, y, 0.0)
    cost = _times(y, gap)
    return TargetSums(cost, y_k, y - y_k, torch.zeros_like(cost))


def _times(coefficient: Tensor, value: Tensor) -> Tensor:
    """Product in which 0 times anything is 0: a class without target costs nothing."""
    return torch.where(coefficient == 0, 0.0, coefficient * value)


def _exp_of_difference(a: Tensor, b: Tensor) -> Tensor:
    """exp(a - b), corrected for the rounding error of the difference."""
    d = a - b
    back = a - d
    low = ((a - (d + back)) + (back - b)).nan_to_num(0, 0, 0)
    return torch.exp(d) * (1 + low)
