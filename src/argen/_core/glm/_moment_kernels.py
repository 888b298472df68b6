"""Control cells as moment tables: exact sums at a shifted γ without touching the cells again.

For a stratum and cell weight v,  Σ v e^{m'Δ} m^c = Σ_e Δ^e / e! · Σ v m^{c+e}: one table of monomials per stratum
serves every shift Δ of the numeric coefficients that is small enough for the series.
"""

from itertools import combinations_with_replacement
from math import factorial
from typing import NamedTuple

import numpy as np

from argen._core.glm._jit import kernel

__all__ = ["Monomials", "moment_table", "monomials", "powers", "shifted_components"]

# Truncation order by number of numeric covariates; the tables grow as binomial(order + 2 + r, r).
_ORDER = {0: 0, 1: 8, 2: 6, 3: 5}
_TRUNCATION_ERROR = 1e-10


class Monomials(NamedTuple):
    """Which monomials a table holds and how a shifted component reads them.

    A monomial is its parent times one covariate; the first `n_series` have a degree within the series' order.
    """

    parent: np.ndarray  # (n_mono,)
    variable: np.ndarray  # (n_mono,)
    divisor: np.ndarray  # (n_mono,) exponent of `variable`: Δ^e / e! by recursion
    column: np.ndarray  # (K, n_series) where the monomial c + e lies
    n_series: int
    reach: float  # largest Σ_a |Δ_a| max|m_a| at which the series is exact to 1e-10


def monomials(r: int) -> Monomials:
    """Monomials of r covariates up to the truncation order plus the two degrees of the components."""
    order = _ORDER.get(r, 0)
    exponents = _exponents(r, order + 2)
    position = {e: i for i, e in enumerate(exponents)}
    parent, variable, divisor = (np.zeros(len(exponents), dtype=np.int64) for _ in range(3))
    for i, e in enumerate(exponents):
        if sum(e):
            a = max(k for k in range(r) if e[k])
            parent[i], variable[i], divisor[i] = position[_add(e, a, -1)], a, e[a]
    n_series = sum(1 for e in exponents if sum(e) <= order)
    zero = (0,) * r
    components = [zero, *(_add(zero, a) for a in range(r))]
    components += [_add(_add(zero, a), b) for a in range(r) for b in range(a + 1)]
    column = np.array(
        [[position[tuple(x + y for x, y in zip(c, e, strict=True))] for e in exponents[:n_series]] for c in components],
        dtype=np.int64,
    )
    reach = (_TRUNCATION_ERROR * factorial(order + 1)) ** (1 / (order + 1)) if order else 0.0
    return Monomials(parent, variable, divisor, column, n_series, reach)


def _exponents(r: int, degree: int) -> list[tuple[int, ...]]:
    chosen = (c for d in range(degree + 1) for c in combinations_with_replacement(range(r), d))
    return [tuple(c.count(a) for a in range(r)) for c in chosen] if r else [()]


def _add(exponent: tuple[int, ...], a: int, by: int = 1) -> tuple[int, ...]:
    return tuple(x + by * (k == a) for k, x in enumerate(exponent))


@kernel
def moment_table(weight, numeric, start, first, last, seg_stratum, mono):
    """Σ weight · m^e by stratum over the cells of the segments first … last-1; shape (S, n_mono)."""
    n_mono = len(mono.parent)
    out = np.zeros((np.max(seg_stratum) + 1, n_mono))
    value = np.ones(n_mono)
    for seg in range(first, last):
        s = seg_stratum[seg]
        for i in range(start[seg], start[seg + 1]):
            v = weight[i - start[first]]
            if v == 0.0:
                continue
            out[s, 0] += v
            for e in range(1, n_mono):
                value[e] = value[mono.parent[e]] * numeric[i, mono.variable[e]]
                out[s, e] += v * value[e]
    return out


@kernel
def powers(mono, shift, scale, out):
    """out[e] = (scale · Δ)^e / e! for the monomials of the series."""
    out[0] = 1.0
    for e in range(1, mono.n_series):
        out[e] = out[mono.parent[e]] * scale * shift[mono.variable[e]] / mono.divisor[e]


@kernel
def shifted_components(table, mono, power, out):
    """Components of every stratum at the shift whose powers are given."""
    n_components = mono.column.shape[0]
    for s in range(table.shape[0]):
        if table[s, 0] == 0.0:
            for c in range(n_components):
                out[s, c] = 0.0
            continue
        for c in range(n_components):
            value = 0.0
            for e in range(mono.n_series):
                value += power[e] * table[s, mono.column[c, e]]
            out[s, c] = value
