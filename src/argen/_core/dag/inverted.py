r"""Confidence sets {θ₀ : AR(θ₀) ≤ χ²} of the test of :mod:`.robust`, in δ = θ̂ − θ₀, several at a time.

AR = δ²V² / |Rc|² with V = V_kk(δ) quadratic and c = (V, δ, δ², δ³): the set is where the polynomial δ²V² − χ²|Rc|² of
degree six is not positive. Polynomials are arrays of their coefficients, the constant one first.
"""

from dataclasses import dataclass

import numpy as np

from argen._core.results import ConfidenceSet

__all__ = ["CHI2_95", "Quadratics", "confidence_sets", "root_statistics"]

CHI2_95 = 3.841458820694124
_CRITICAL = np.sqrt(CHI2_95)


@dataclass(frozen=True, slots=True)
class Quadratics:
    """What the test of each of b candidates rests on.

    Attributes
    ----------
    variance
        Coefficients of V_kk(δ), shape (b, 3).
    root
        R, shape (b, 4, 4).
    """

    variance: np.ndarray
    root: np.ndarray


def root_statistics(delta: np.ndarray, found: Quadratics) -> np.ndarray:
    """√AR at θ₀ = θ̂ − δ for some δ of each candidate, shape (b, points)."""
    V = _values(found.variance, delta)
    c = np.stack([np.ones_like(delta), *(delta**j / V for j in (1, 2, 3))], axis=1)
    return np.abs(delta) / np.linalg.norm(found.root @ c, axis=1)


def confidence_sets(theta: np.ndarray, found: Quadratics) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hull in δ and shape of the sets, shape (b,) each.

    The roots are sought in standard errors from θ̂ and again in units of one from θ₀ = 0: with a very weak instrument
    the standard error is so large that what the data exclude round zero would be lost.
    """
    scale = np.sqrt(found.variance[:, 0])
    in_errors = _roots(np.zeros_like(theta), scale, found)
    from_zero = _roots(theta, -np.ones_like(theta), found)
    edges = np.hstack([scale[:, None] * in_errors, theta[:, None] - from_zero])
    edges.sort(axis=1)  # NaN, which is no root, comes last
    low, high, shape = np.empty(len(theta)), np.empty(len(theta)), np.empty(len(theta), dtype=np.int64)
    inside = root_statistics(_between(edges, scale), found) <= _CRITICAL
    for i, row in enumerate(edges):
        n = int((~np.isnan(row)).sum())
        low[i], high[i], shape[i] = _hull(row[:n], inside[i, : n + 1])
    return low, high, shape


def _hull(edges: np.ndarray, inside: np.ndarray) -> tuple[float, float, int]:
    """Hull and shape of the set, of whose n + 1 pieces between the edges some are `inside`."""
    if not inside.any():  # rounding at a set that is a point
        return 0.0, 0.0, int(ConfidenceSet.INTERVAL)
    ends = np.concatenate([[-np.inf], edges, [np.inf]])
    at = np.flatnonzero(inside)
    low, high = ends[at[0]], ends[at[-1] + 1]
    pieces = 1 + int((np.diff(at) > 1).sum())
    return low, high, int(_shape_of(pieces, int(np.isinf(low)), int(np.isinf(high))))


def _shape_of(pieces: int, below: int, above: int) -> ConfidenceSet:
    if pieces == 1:
        return (ConfidenceSet.INTERVAL, ConfidenceSet.RAY, ConfidenceSet.LINE)[below + above]
    return ConfidenceSet.TWO_RAYS if pieces == 2 and below and above else ConfidenceSet.PIECES


def _between(edges: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """A point below, between each two, and above the sorted edges of each row; 0 if there are none."""
    n = (~np.isnan(edges)).sum(axis=1)
    points = np.full((len(edges), edges.shape[1] + 1), np.nan)
    points[:, 1:-1] = (edges[:, 1:] + edges[:, :-1]) / 2.0
    points[:, 0] = np.where(n > 0, edges[:, 0] - scale, 0.0)
    rows = np.flatnonzero(n > 0)
    points[rows, n[rows]] = edges[rows, n[rows] - 1] + scale[rows]
    return points


def _roots(start: np.ndarray, slope: np.ndarray, found: Quadratics) -> np.ndarray:
    """Real x at which δ²V² − χ²|Rc|² = 0 for δ = start + slope x; shape (b, 6), NaN beyond their number."""
    delta = np.stack([start, slope], axis=1)
    square = _product(delta, delta)
    cube = _product(square, delta)
    v = found.variance
    V = v[:, :1] * [1.0, 0.0, 0.0] + v[:, 1:2] * np.pad(delta, ((0, 0), (0, 1))) + v[:, 2:] * square
    c = np.stack([np.pad(term, ((0, 0), (0, 4 - term.shape[1]))) for term in (V, delta, square, cube)], axis=1)
    polynomial = _product(*[_product(delta, V)] * 2)
    for row in np.moveaxis(found.root @ c, 1, 0):
        polynomial -= CHI2_95 * _product(row, row)
    polynomial /= np.abs(polynomial).max(axis=1, keepdims=True)
    roots = np.full((len(start), 6), np.nan, dtype=complex)
    full = polynomial[:, -1] != 0.0
    roots[full] = np.linalg.eigvals(_companions(polynomial[full]))
    for i in np.flatnonzero(~full):
        some = np.polynomial.polynomial.polyroots(np.trim_zeros(polynomial[i], "b"))
        roots[i, : len(some)] = some
    real = np.abs(roots.imag) <= 1e-7 * np.maximum(np.abs(roots), 1e-3)
    return np.where(real, roots.real, np.nan)


def _companions(polynomials: np.ndarray) -> np.ndarray:
    """Matrices whose eigenvalues are the roots, the large coefficients' rows first."""
    degree = polynomials.shape[1] - 1
    matrices = np.zeros((len(polynomials), degree, degree))
    matrices[:, np.arange(degree - 1), np.arange(1, degree)] = 1.0
    matrices[:, :, 0] = -polynomials[:, -2::-1] / polynomials[:, -1:]
    return matrices


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Products of polynomials, row by row."""
    result = np.zeros((len(a), a.shape[1] + b.shape[1] - 1))
    for i in range(a.shape[1]):
        result[:, i : i + b.shape[1]] += a[:, [i]] * b
    return result


def _values(polynomials: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Values of each polynomial at some points, shape (b, points)."""
    return sum(polynomials[:, [i]] * x**i for i in range(polynomials.shape[1]))
