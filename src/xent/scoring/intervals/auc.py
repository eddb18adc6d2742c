from __future__ import annotations
import math
import numpy as np
from xent.scoring.intervals.interval import Interval, refused
from xent.scoring.intervals.quantiles import t_quantile, normal_quantile


def auc_error(neg, pos, eff=None):
    w0 = neg.sum()
    w1 = pos.sum()
    F = (np.cumsum(neg) - neg / 2) / w0
    G = 1 - (np.cumsum(pos) - pos / 2) / w1
    A = float(pos @ F / w1)
    n0, n1 = (w0, w1) if eff is None else eff
    v1 = float(pos @ (F - A) ** 2 / w1) / (n1 - 1)
    v0 = float(neg @ (G - A) ** 2 / w0) / (n0 - 1)
    return A, v0, v1, n0, n1, F, G


def auc_interval(neg, pos, level=0.95, eff=None, logit=True, t=True, hall=False):
    A, v0, v1, n0, n1, F, G = auc_error(neg, pos, eff)
    e = math.sqrt(v0 + v1)
    if not e > 0 or A in (0, 1):
        return refused("zero", "DeLong", e)
    q = (
        t_quantile(level, max(1, (v0 + v1) ** 2 / (v0 * v0 / (n0 - 1) + v1 * v1 / (n1 - 1))))
        if t
        else normal_quantile(level)
    )
    if hall:
        lam = (
            float(pos @ (F - A) ** 3 / pos.sum()) / n1**2
            + float(neg @ (G - A) ** 3 / neg.sum()) / n0**2
        ) / e**3
        from xent.scoring.intervals.skewed import hall_bounds

        if hall == "logit":
            l = math.log(A / (1 - A))
            el = e / (A * (1 - A))
            c = (2 * A - 1) * el / 2 * (1 / 1)
            # g(A)=logit: second-order: logit' ' / logit' = (2A-1)/(A(1-A)); T_l = T + terms
            k = (2 * A - 1) / (A * (1 - A)) * e / 2
            lo, hi = hall_bounds(l, el, q, lam / 3 + k, lam / 6)
            f = lambda x: 1 / (1 + math.exp(-x))
            return Interval(f(lo), f(hi), e, "x")
        return Interval(*hall_bounds(A, e, q, lam / 3, lam / 6), e, "Hall")
    if not logit:
        return Interval(A - q * e, A + q * e, e, "DeLong")
    l = math.log(A / (1 - A))
    h = q * e / (A * (1 - A))
    f = lambda x: 1 / (1 + math.exp(-x))
    return Interval(f(l - h), f(l + h), e, "DeLong")


def ap_interval(neg, pos, level=0.95, how="ij"):
    T = np.cumsum(pos[::-1])[::-1]
    Fp = np.cumsum(neg[::-1])[::-1]
    n1 = T[0]
    N = T + Fp
    N = np.where(N > 0, N, 1)
    P = T / N
    A = float(pos @ P / n1)
    if how == "boyd":
        e = math.sqrt(A * (1 - A) / n1)
    else:
        up = np.cumsum(pos * Fp / N**2) / n1  # bins at or below s
        dn = np.cumsum(pos * T / N**2) / n1
        ifp = (P - A) / n1 + up
        ifn = -dn
        V = float(pos @ ifp**2 + neg @ ifn**2)
        e = math.sqrt(V * n1 / (n1 - 1))
    if not 0 < A < 1 or not e > 0:
        return refused("zero", "AP", e)
    q = t_quantile(level, max(1, n1 - 1))
    l = math.log(A / (1 - A))
    h = q * e / (A * (1 - A))
    f = lambda x: 1 / (1 + math.exp(-x))
    return Interval(f(l - h), f(l + h), e, "DeLong")
