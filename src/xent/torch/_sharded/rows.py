"""The arithmetic of a block of rows whose classes are divided over the ranks.

A rank sees a row from its own largest logit m_r, at k. It knows s_r, the sum of exp(z_j - m_r)
over its other classes, and the cost of its targets, the sum of y_j (m_r - z_j). Then m is the
largest m_r, and everything else is sums over the ranks, of terms that are never negative:

    f_r = exp(m_r - m)
    S = sum over r of (s_r where m_r = m, else (1 + s_r) f_r), and 1 for each further m_r = m
    loss = (sum y) log1p(S) + sum over r of cost_r + (m - m_r) mass_r

The largest term is left out of S, not subtracted from it, so a confident right row keeps its
digits; the ranks need not settle which of several equal ones is the largest. The gradient at a
largest logit is (mass elsewhere - y S) / (1 + S), where the mass elsewhere is a sum over the ranks
too.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from xent.torch._sharded.group import Team
from xent.torch._sharded.shard import Shard, check_sums

Tensor = torch.Tensor
Asked = tuple[Tensor, Tensor, Tensor, Tensor]
INFINITY = float("inf")
WIDE = 2048
"""Classes from which on the largest is looked for in parts."""


class Local(NamedTuple):
    """Rows seen from the largest of a rank's own logits; float64, but for k."""

    m: Tensor  # the largest; -inf where the row holds NaN, where s is NaN
    k: Tensor  # its class
    s: Tensor  # sum of exp(z - m) over the others
    cost: Tensor  # sum of y (m - z)
    top: Tensor  # y at k
    off: Tensor  # sum of y elsewhere, not as a difference
    mass: Tensor  # sum of the probabilities as they were given; 0 for labels
    unit: Tensor  # exp(z - m) is the exponentials at hand times this


class Merged(NamedTuple):
    """Rows as all ranks see them, and what a rank's exponentials are worth in them."""

    m: Tensor
    s: Tensor
    cost: Tensor
    top: Tensor  # y at the largest logit, on all ranks that have it
    off: Tensor
    own: Tensor  # does this rank have the largest?
    share: Tensor  # exp of its largest less the largest


def look(
    z: Tensor, part: Shard, out: Tensor | None = None, room: Tensor | None = None
) -> tuple[Local, Tensor]:
    """A rank's rows, and exp(z - m) of them, which is 0 at k.

    With room for them, (2, rows, classes), the rounding errors of z - m are carried, which exp
    would turn into relative errors.
    """
    if not part.width:
        return _nothing(z), z
    m, k = largest(z)
    poisoned = m.isnan()
    m = m.masked_fill(poisoned, -INFINITY)
    masked = m == -INFINITY
    top = m.masked_fill(masked, 0).unsqueeze(1)
    column = k.unsqueeze(1)
    d = torch.sub(z, top, out=out)
    low = None
    if room is not None:
        back, low = room[:, : len(z)]
        torch.sub(z, d, out=back)
        torch.sub(z, torch.add(d, back, out=low), out=low)
        low.add_(back.sub_(top)).nan_to_num_(0, 0, 0)
    d.scatter_(1, column, torch.where(masked, -INFINITY, 0.0).to(d.dtype).unsqueeze(1))
    asked = _asked(z, d, k, top, part)
    e = d.exp_()
    if low is not None:
        e.addcmul_(e, low)
    e.scatter_(1, column, 0)
    s = e.sum(1, dtype=torch.float64).masked_fill(poisoned, float("nan"))
    return Local(m.double(), k, s, *asked, torch.ones_like(s)), e


def largest(z: Tensor) -> tuple[Tensor, Tensor]:
    """The largest entry of each row, and a place of it.

    PyTorch finds places slowly on the CPU, and largest entries fast: so first which part of the
    row holds it, the last part counted back from the row's end. NaN is larger than any number.
    """
    width = z.shape[1]
    if z.device.type != "cpu" or width < WIDE:
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


def again(z: Tensor, local: Local) -> tuple[Local, Tensor]:
    """The exponentials of `look` a second time, without the rounding errors."""
    local = local._replace(unit=torch.ones_like(local.unit))
    if not z.shape[1]:
        return local, z
    top = local.m.masked_fill(local.m == -INFINITY, 0).to(z.dtype).unsqueeze(1)
    return local, (z - top).exp_().scatter_(1, local.k.unsqueeze(1), 0)


def merge(
    local: Local, part: Shard, team: Team, total: Tensor | None = None
) -> tuple[Merged, Tensor | None]:
    """The rows of all ranks by two reductions: the largest logit, and sums.

    `total` is a number to be summed with them.
    """
    m = team.max(local.m.clone())
    own = (local.m == m) & (m > -INFINITY)
    absent = own | (local.m == -INFINITY)
    gap = torch.where(absent, 0.0, m - local.m)
    share = torch.where(absent, 0.0, _exp_of_difference(local.m, m)).masked_fill(own, 1)
    mass = local.top + local.off
    sums = [
        torch.where(own, local.s, (1 + local.s) * share),
        own.double(),
        local.cost + torch.where(mass == 0, 0.0, gap * mass),
        torch.where(own, local.top, 0.0),
        torch.where(own, local.off, mass),
    ]
    if part.probabilities is not None:
        sums.append(local.mass)
    packed = torch.cat([*sums, *([] if total is None else [total.reshape(1)])])
    team.sum(packed)
    s, count, cost, top, off, *given = packed[: len(sums) * len(m)].reshape(len(sums), -1)
    s = s + (count - 1).clamp(min=0)
    # Two infinite logits are no certainty, but inf - inf.
    s = s.masked_fill((m == INFINITY) & (count > 1), float("nan"))
    if given:
        check_sums(part, given[0])
    return Merged(m, s, cost, top, off, own, share), None if total is None else packed[-1]


def losses(rows: Merged, part: Shard) -> Tensor:
    """Weighted losses."""
    log_s = torch.log1p(rows.s)
    loss = (rows.top + rows.off) * log_s + rows.cost
    if part.options.z_loss:
        log_z = rows.m + log_s
        loss = loss + part.options.z_loss * log_z * log_z
    if part.weight is not None:
        loss = torch.where(part.weight == 0, 0.0, part.weight * loss)
    return loss


def slope(e: Tensor, local: Local, rows: Merged, part: Shard, scale: float, raw: Tensor) -> Tensor:
    """Make the exponentials the gradient times `scale`, in place.

    `raw` are the logits before the softcap.
    """
    if not part.width:
        return e
    special = not bool(raw.sum().isfinite())  # the cheapest look for NaN and infinities
    options = part.options
    factor = torch.full_like(rows.s, scale) if part.weight is None else part.weight * scale
    of_p, off = rows.top + rows.off, rows.off
    if options.z_loss:
        extra = 2 * options.z_loss * (rows.m + torch.log1p(rows.s))
        of_p, off = of_p + extra, off + extra
    per = of_p * factor * (rows.share / (1 + rows.s))
    per = per.masked_fill((rows.share == 0) & ~rows.s.isnan(), 0)
    times = (per * local.unit).to(e.dtype).unsqueeze(1)
    if special:
        none = (e == 0) & times.isinf()
        e.mul_(times).masked_fill_(none, 0)
    else:
        e.mul_(times)
    _less_targets(e, part, factor)
    # What other ranks with as large a logit are asked there is elsewhere for this one.
    off = off + (rows.top - local.top)
    at_k = torch.where(
        rows.own, (off - local.top * rows.s) * factor / (1 + rows.s), per - local.top * factor
    )
    e.scatter_(1, local.k.unsqueeze(1), at_k.to(e.dtype).unsqueeze(1))
    if options.softcap is not None:
        e.div_(torch.cosh(raw / options.softcap).square_())
    if special:
        e.masked_fill_(raw == -INFINITY, 0)
    if part.weight is not None:
        e.masked_fill_((part.weight == 0).unsqueeze(1), 0)
    return e


def capped(z: Tensor, softcap: float | None) -> Tensor:
    """softcap * tanh(z / softcap); a masked class stays masked."""
    if softcap is None:
        return z
    return torch.where(z == -INFINITY, z, softcap * torch.tanh(z / softcap))


def joined(parts: list[Any]) -> Any:
    """The rows of several blocks."""
    if len(parts) == 1:
        return parts[0]
    return type(parts[0])(*(torch.cat(fields) for fields in zip(*parts, strict=True)))


def taken(rows: Any, index: slice) -> Any:
    """Some of the rows."""
    return type(rows)(*(field[index] for field in rows))


def _nothing(z: Tensor) -> Local:
    """Rows of a rank without classes."""
    zero = z.new_zeros(len(z), dtype=torch.float64)
    return Local(zero - INFINITY, zero.long(), zero, zero, zero, zero, zero, zero + 1)


def _asked(z: Tensor, d: Tensor, k: Tensor, top: Tensor, part: Shard) -> Asked:
    """Cost, mass at k, mass elsewhere, and the sum of probabilities as given."""
    options = part.options
    column = k.unsqueeze(1)
    if part.labels is None:
        y = part.dense(d.dtype)
        cost = _times(y, -d).sum(1, dtype=torch.float64)
        at_k = y.gather(1, column).squeeze(1).double()
        others = y.scatter(1, column, 0).sum(1, dtype=torch.float64)
        assert part.probabilities is not None
        return cost, at_k, others, part.probabilities.sum(1, dtype=torch.float64)
    cost, at_k, others, mass = asked_of_labels(z, k, top, part)
    if options.label_smoothing:
        shift = part.shift
        if shift is None:
            each = options.label_smoothing / part.classes
            cost = cost - each * d.sum(1, dtype=torch.float64)
            at_k, others = at_k + each, others + each * (part.width - 1)
        else:
            cost = cost + _times(shift.to(d.dtype), -d).sum(1, dtype=torch.float64)
            at_k, others = at_k + shift[k], others + part.other_shifts[k]
    return cost, at_k, others, mass


def asked_of_labels(z: Tensor, k: Tensor, top: Tensor, part: Shard) -> Asked:
    """The same of labels, without what smoothing adds."""
    on, local = _at_labels(part)
    gap = (top - z.gather(1, local.unsqueeze(1)).double()).squeeze(1)
    largest = local == k
    # The largest logit is no distance from itself, also where it is infinite; a mask is.
    gap = gap.masked_fill(largest & (gap != INFINITY), 0)
    cost = _times(on, gap)
    at_k = torch.where(largest, on, 0.0)
    return cost, at_k, on - at_k, torch.zeros_like(cost)


def _at_labels(part: Shard) -> tuple[Tensor, Tensor]:
    """Target mass at each row's label, 0 where another rank has it; and the label's place."""
    assert part.labels is not None
    own, local = part.here(part.labels)
    on = own.double() * (1 - part.options.label_smoothing)
    if part.class_weight is not None:
        on = on * part.class_weight[local]
    return on, local


def _less_targets(e: Tensor, part: Shard, factor: Tensor) -> None:
    """Subtract the target rows times the factor."""
    if part.labels is None:
        e.sub_(part.dense(e.dtype).mul_(factor.to(e.dtype).unsqueeze(1)))
        return
    on, local = _at_labels(part)
    e.scatter_add_(1, local.unsqueeze(1), -(on * factor).to(e.dtype).unsqueeze(1))
    if part.options.label_smoothing:
        shift: Any = part.shift
        if shift is None:
            shift = part.options.label_smoothing / part.classes
            e.sub_((shift * factor).to(e.dtype).unsqueeze(1))
        else:
            e.sub_(torch.outer(factor, shift).to(e.dtype))


def _times(coefficient: Tensor, value: Tensor) -> Tensor:
    """Product where 0 times anything is 0: a class without target mass costs nothing."""
    return torch.where(coefficient == 0, 0.0, coefficient * value)


def _exp_of_difference(a: Tensor, b: Tensor) -> Tensor:
    """exp(a - b), with the rounding error of the difference."""
    d = a - b
    back = a - d
    low = ((a - (d + back)) + (back - b)).nan_to_num(0, 0, 0)
    return torch.exp(d) * (1 + low)
