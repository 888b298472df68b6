"""Noise of the table that the genes of a row share: hidden confounders as a few factors.

The correlation C of the cells' residuals is split as C ≈ HH' + Ψ; a row of the table then has the covariance
Σ_l = W_l^−½ (HH' + Ψ) W_l^−½, W_l the weights of its cells, with the inverse by Woodbury's formula:
(HH' + Ψ)⁻¹ = Ψ⁻¹ − Ψ⁻¹H P H'Ψ⁻¹,  P = (I + H'Ψ⁻¹H)⁻¹.
"""

from dataclasses import dataclass

import numpy as np

from argen._core.joint.table import EffectTable, signed_deviance

__all__ = ["Factors", "RowPrecision", "common_factors", "log_likelihood", "working_response"]

# A factor's eigenvalue exceeds that of chance; more than ten factors are never worth their noise.
LEAST_EIGENVALUE = 1.4
MOST_FACTORS = 10
GENES_PER_FACTOR = 8
ITERATIONS = 30
LEAST_UNIQUE = 0.2
# A working response is taken from at most this far above the fit: (S − μ)/μ has no upper bound.
FARTHEST_ABOVE = 3.0
LARGEST_EFFECT = 6.0


@dataclass(frozen=True, slots=True)
class Factors:
    """Loadings H (p, r), unique variances ψ (p,), H'Ψ⁻¹ as `scaled` (p, r), and P (r, r)."""

    H: np.ndarray
    psi: np.ndarray
    scaled: np.ndarray
    P: np.ndarray


def common_factors(correlation: np.ndarray) -> Factors:
    """Principal-axis factors of the correlation matrix: as many as eigenvalues above 1.4, ψ in [.2, 1]."""
    p = len(correlation)
    values = np.linalg.eigvalsh(correlation)
    r = int(min((values > LEAST_EIGENVALUE).sum(), MOST_FACTORS, p // GENES_PER_FACTOR))
    H, psi = np.zeros((p, r)), np.ones(p)
    if r:
        psi[:] = 0.8
        for _ in range(ITERATIONS):
            values, vectors = np.linalg.eigh(correlation - np.diag(psi))
            H = vectors[:, -r:] * np.sqrt(np.maximum(values[-r:], 0.0))
            psi = np.clip(1.0 - (H**2).sum(axis=1), LEAST_UNIQUE, 1.0)
    scaled = H / psi[:, None]
    return Factors(np.ascontiguousarray(H), psi, scaled, np.linalg.inv(np.eye(r) + H.T @ scaled))


def working_response(table: EffectTable, used: np.ndarray, eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Response Y = η + (S − μ)/μ, the last term in [−1, 3], and weights W = 1 / (λ(1/μ + κ) + drift), μ = E e^η.

    W = 0 in the cells that are not `used`; all arrays [perturbation, gene].
    """
    mean = np.maximum(table.E, 1e-9) * np.exp(np.clip(eta, -LARGEST_EFFECT, LARGEST_EFFECT))
    weight = np.where(used, 1.0 / (table.inflation * (1.0 / mean + table.kappa) + table.drift), 0.0)
    return eta + np.clip((table.S - mean) / mean, -1.0, FARTHEST_ABOVE), weight


def log_likelihood(table: EffectTable, factors: Factors, used: np.ndarray, eta: np.ndarray) -> float:
    """−½ Σ_l d_l'(HH' + Ψ)⁻¹d_l, d the signed roots of the deviances at mean E e^η: comparable between any two fits."""
    mean = np.maximum(table.E, 1e-9) * np.exp(np.clip(eta, -LARGEST_EFFECT, LARGEST_EFFECT))
    squared_cv = table.inflation * table.kappa + table.drift
    d = np.where(used, signed_deviance(table.S, mean, squared_cv, table.inflation), 0.0)
    scaled = d @ factors.scaled
    return float(-0.5 * ((d * d / factors.psi).sum() - ((scaled @ factors.P) * scaled).sum()))


class RowPrecision:
    """Inverse covariances of the rows of the table, as an operator.

    A row that is shifted as a whole, by r_l ~ N(0, ω²), has its shift integrated out:
    Σ_l⁻¹ − a_l a_l' / (1'a_l + ω⁻²),  a_l = Σ_l⁻¹ 1.
    """

    def __init__(self, weight: np.ndarray, factors: Factors, shifted: np.ndarray, shift: float) -> None:
        self._root, self._factors = np.sqrt(weight), factors
        self._shifted = np.flatnonzero(shifted)
        self._a = self._inverse(np.ones((1, weight.shape[1])))[self._shifted]
        self._total = self._a.sum(axis=1, keepdims=True) + 1.0 / shift

    def _inverse(self, x: np.ndarray) -> np.ndarray:
        f, z = self._factors, x * self._root
        return (z / f.psi - ((z @ f.scaled) @ f.P) @ f.scaled.T) * self._root

    def times(self, x: np.ndarray) -> np.ndarray:
        """Row l of the result is the precision of row l times row l of x, shape (p, p) or (1, p)."""
        y = self._inverse(x)
        if len(self._shifted):
            rows = x[self._shifted] if len(x) > 1 else x
            y[self._shifted] -= self._a * ((self._a * rows).sum(axis=1, keepdims=True) / self._total)
        return y

    def total(self) -> np.ndarray:
        """Sum of the precisions of all rows, shape (p, p)."""
        f = self._factors
        total = -(self._root.T @ self._root) * (f.scaled @ f.P @ f.scaled.T)
        total[np.diag_indices_from(total)] += (self._root**2).sum(axis=0) / f.psi
        return total - (self._a / self._total).T @ self._a

    def row(self, l: int) -> np.ndarray:
        """The precision of row l, dense, shape (p, p)."""
        f, root = self._factors, self._root[l]
        scaled = root[:, None] * f.scaled
        precision = np.diag(root**2 / f.psi) - (scaled @ f.P) @ scaled.T
        at = np.searchsorted(self._shifted, l)
        if at < len(self._shifted) and self._shifted[at] == l:
            precision -= np.outer(self._a[at], self._a[at]) / self._total[at]
        return precision
