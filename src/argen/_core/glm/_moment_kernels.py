"""Cells as moment tables: exact sums at a shifted γ without touching the cells again.

For a stratum and cell weight v,  Σ v e^{m'Δ} m^c = Σ_e Δ^e / e! · Σ v m^{c+e}: one table of monomials per stratum
serves every shift Δ of the numeric coefficients that is small enough for the series.
"""

import functools
from itertools import combinations_with_replacement
from math import factorial
from typing import NamedTuple

import numpy as np

from argen._core._jit import kernel, lean_inlined, lean_kernel
from argen._core.glm._segment_kernels import cells_between

__all__ = [
    "Monomials",
    "Tables",
    "add_cells",
    "empty_tables",
    "monomials",
    "powers",
    "residual_totals",
    "shifted_components",
    "within_reach",
]

# Truncation order by number of numeric covariates; the tables grow as binomial(order + 2 + r, r).
_ORDER = {0: 0, 1: 8, 2: 6, 3: 7, 4: 6}
_TRUNCATION_ERROR = 1e-10
# Powers of one covariate, 0 … order + 2.
_N_POWERS = 11


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


@functools.cache
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


class Tables(NamedTuple):
    """Moments by stratum of cells that share one role, at the reference γ.

    A table holds Σ v m^e for the monomials e of :class:`Monomials`, `squares` the components for the weight a y². The
    factor a inflates squared residuals: 1 for HC0, 1 / (1 − h)² with the leverage h for HC3. Strata are innermost, so
    that a series runs over many of them at once.
    """

    plain: np.ndarray  # (n_mono, S), v = w
    with_y: np.ndarray  # (n_mono, S), v = a y w
    squared: np.ndarray  # (n_mono, S), v = a w²
    squares: np.ndarray  # (K, S)
    gamma: np.ndarray  # (r,)


@kernel
def empty_tables(design, mono, gamma):
    """Tables without cells at the reference `gamma`."""
    S, n_mono = len(design.stratum_level), len(mono.parent)
    squares = np.zeros((mono.column.shape[0], S))
    return Tables(np.zeros((n_mono, S)), np.zeros((n_mono, S)), np.zeros((n_mono, S)), squares, gamma.copy())


@kernel
def add_cells(y, w, inflation, design, mono, first, last, sign, tables):
    """Add the cells of the segments first … last-1, or take them out (`sign` −1).

    Their weights w = ℓ exp(m'γ) are at the tables' γ; a is their `inflation`, 1 if that has no entries.
    """
    n_mono, K = len(mono.parent), mono.column.shape[0]
    if design.numeric.shape[0] == 1:
        sums = np.zeros((len(design.stratum_level), 4, _N_POWERS))
        add_powers(y, w, inflation, design, first, last, sums)
        for s in range(len(sums)):
            for e in range(n_mono):
                tables.plain[e, s] += sign * sums[s, 0, e]
                tables.with_y[e, s] += sign * sums[s, 1, e]
                tables.squared[e, s] += sign * sums[s, 2, e]
            for c in range(K):
                tables.squares[c, s] += sign * sums[s, 3, c]
        return
    value, sums, squares = np.ones(n_mono), np.empty((3, n_mono)), np.empty(K)
    for seg in range(first, last):
        add_segment(y, w, inflation, design, mono, seg, value, sums, squares)
        s = design.seg_stratum[seg]
        for e in range(n_mono):
            tables.plain[e, s] += sign * sums[0, e]
            tables.with_y[e, s] += sign * sums[1, e]
            tables.squared[e, s] += sign * sums[2, e]
        for c in range(K):
            tables.squares[c, s] += sign * squares[c]


@lean_kernel
def add_powers(y, w, inflation, design, first, last, sums):
    """Σ v m^e of one covariate by stratum, (S, 4, powers), for v = w, ayw, aw² and, up to e = 2, ay².

    Without a branch, and with a number of powers that is known when it is compiled.
    """
    inflated = len(inflation) > 0
    for seg in range(first, last):
        s = design.seg_stratum[seg]
        for i in cells_between(design.seg_start[seg], design.seg_start[seg + 1]):
            a = inflation[i] if inflated else 1.0
            m, ay, aw = design.numeric[0, i], a * y[i], a * w[i]
            plain, with_y, squared, square = w[i], ay * w[i], aw * w[i], ay * y[i]
            for e in range(_N_POWERS):
                sums[s, 0, e] += plain
                sums[s, 1, e] += with_y
                sums[s, 2, e] += squared
                plain *= m
                with_y *= m
                squared *= m
            sums[s, 3, 0] += square
            sums[s, 3, 1] += square * m
            sums[s, 3, 2] += square * m * m


@lean_kernel
def add_segment(y, w, inflation, design, mono, seg, value, sums, squares):
    """Moments of one segment for the weights w, ayw and aw², and the components for ay²; `value` begins with 1."""
    sums[:] = 0.0
    squares[:] = 0.0
    for i in cells_between(design.seg_start[seg], design.seg_start[seg + 1]):
        for e in range(1, len(value)):
            value[e] = value[mono.parent[e]] * design.numeric[mono.variable[e], i]
        a = inflation[i] if len(inflation) > 0 else 1.0
        aw, ay = a * w[i], a * y[i]
        for e in range(len(value)):
            v = w[i] * value[e]
            sums[0, e] += v
            sums[1, e] += ay * v
            sums[2, e] += aw * v
        if y[i] != 0.0:
            for c in range(len(squares)):
                squares[c] += ay * y[i] * value[mono.column[c, 0]]


@lean_inlined
def within_reach(design, mono, shift):
    """Whether the series is exact to 1e-10 at this shift of γ."""
    reach = 0.0
    for a in range(len(shift)):
        reach += design.numeric_bound[a] * abs(shift[a])
    return reach <= mono.reach


@lean_kernel
def residual_totals(tables, mono, shift, kappa, power, ww, out):
    """Components (K, S) for the weight a (y − μ)² at γ + shift, μ = κ ℓ exp(m'γ); `power` and `ww` are buffers."""
    powers(mono, shift, 1.0, power)
    shifted_components(tables.with_y, mono, power, out)
    powers(mono, shift, 2.0, power)
    shifted_components(tables.squared, mono, power, ww)
    for c in range(out.shape[0]):
        for s in range(len(kappa)):
            k = kappa[s]
            out[c, s] = tables.squares[c, s] - 2.0 * k * out[c, s] + k * k * ww[c, s]


@lean_kernel
def powers(mono, shift, scale, out):
    """out[e] = (scale · Δ)^e / e! for the monomials of the series."""
    out[0] = 1.0
    for e in range(1, mono.n_series):
        out[e] = out[mono.parent[e]] * scale * shift[mono.variable[e]] / mono.divisor[e]


@lean_kernel
def shifted_components(table, mono, power, out):
    """Components (K, S) of every stratum at the shift whose powers are given."""
    for c in range(out.shape[0]):
        for s in range(out.shape[1]):
            out[c, s] = 0.0
        for e in range(mono.n_series):
            add_row(out, c, power[e], table, mono.column[c, e])


@lean_inlined
def add_row(out, c, factor, table, row):
    """out[c] += factor · table[row]."""
    if factor != 0.0:
        for s in range(out.shape[1]):
            out[c, s] += factor * table[row, s]
