"""The table that the joint search explains: total effects of all perturbations on all genes, with their noise.

From the sums of :mod:`.sums`, for perturbation l and gene j:

    var S_lj ≈ λ_lj (μ + κ_lj μ²) + drift_lj μ²,   μ = E_lj e^{T_lj},   κ_lj = φ_j Q_lj / E_lj²
    λ_lj = max(.85, Σ_{i∈l} r_ij² / (S + φ_j Q (S/E)²))   (but see :func:`usual_variance`)

and an offset of variance v0_j = 1 / S_0j + φ_j Q_0j / E_0j² + common drift that the controls' error gives to all rows
of a gene.
"""

from dataclasses import dataclass

import numpy as np

from argen._core.joint.sums import GroupSums
from argen._core.measured.gene_sums import ratio

__all__ = ["EffectTable", "Noise", "effect_table", "instruments", "noise_of", "signed_deviance", "usual_variance"]

# A group's own variance may lower the model's by this much: below it is chance.
LEAST_INFLATION = 0.85
# Counts from which a group's own variance says something.
ENOUGH_COUNTS = 5.0
# Groups from which their median is what is usual, and the median that only heavy tails make.
ENOUGH_GROUPS, HEAVY_TAILS = 10, 0.85
# z² of its own knock-down (or activation) from which a perturbation is an instrument whatever the others do.
STRONG = 10.0
# With fewer counts: chance of being silent, given what the others do, up to which it is one.
SILENT = 0.05
# A typical knock-down varies at least so much between perturbations.
LEAST_SPREAD = 0.3
# Perturbations that are counted for what is typical: enough expected counts to see a knock-down of one log unit.
SEEN_FROM = 30.0


@dataclass(frozen=True, slots=True)
class EffectTable:
    """What the chains read; all but the last four [perturbation, gene], shape (p, p).

    Attributes
    ----------
    S, E
        Counts and their expectation without any effect; both 0 where the data say nothing.
    kappa, inflation, drift
        var S = λ (μ + κ μ²) + drift μ².
    z
        Signed root of the deviance of "no effect", the controls' error included; the diagonal is the knock-down.
    offset_variance
        Variance of the log of the controls' mean v0, shape (p,).
    correlation
        Of the noise of the genes within a row, shape (p, p).
    instrument
        Perturbations that move their own gene, see :func:`instruments`; the others have no coefficients, shape (p,).
    tau_mean, tau_precision
        Prior of τ, shape (p,); precision 0 (flat) where the own gene says enough.
    tail
        Median over cells of the table of the groups' own variance over the model's. About 1 where the model
        holds; far below where rare large cells make up the variance: heavy tails.
    """

    S: np.ndarray
    E: np.ndarray
    kappa: np.ndarray
    inflation: np.ndarray
    drift: np.ndarray
    z: np.ndarray
    offset_variance: np.ndarray
    correlation: np.ndarray
    instrument: np.ndarray
    tau_mean: np.ndarray
    tau_precision: np.ndarray
    tail: float

    @property
    def n_genes(self) -> int:
        """Number of genes (= perturbations)."""
        return len(self.offset_variance)


@dataclass(frozen=True, slots=True)
class Noise:
    """Counts of a table with the variance of their noise, [perturbation, gene] for any genes; see the module's head.

    Attributes
    ----------
    S, E, kappa, inflation, drift, offset_variance
        As those of :class:`EffectTable`.
    usual
        Median over cells of the table of the groups' own variance over the model's.
    """

    S: np.ndarray
    E: np.ndarray
    kappa: np.ndarray
    inflation: np.ndarray
    drift: np.ndarray
    offset_variance: np.ndarray
    usual: float


def noise_of(sums: GroupSums) -> Noise:
    """Noise of the table from the group sums; the last row of the sums is the controls'."""
    S, E, Q = (x[:-1].astype(float) for x in (sums.S, sums.E, sums.Q))
    S0, E0, Q0 = (x[-1].astype(float) for x in (sums.S, sums.E, sums.Q))
    phi = np.asarray(sums.phi, dtype=float)
    known = (E > 0) & (S0 > 0)
    S, E = np.where(known, S, 0.0), np.where(known, E, 0.0)
    kappa = phi * np.where(known, Q, 0.0) / np.where(known, E, 1.0) ** 2
    offset = 1.0 / np.maximum(S0, 1.0) + phi * Q0 / np.maximum(E0, 1e-9) ** 2 + sums.drift[-1]
    model = S + phi * Q * ratio(S, E) ** 2
    enough = known & (S >= ENOUGH_COUNTS) & (model > 0)
    own = np.where(enough, sums.squares[:-1] / np.where(model > 0, model, 1.0), 1.0)
    usual = usual_variance(own, enough)
    inflation = np.where(enough, np.maximum(own, LEAST_INFLATION * usual), usual)
    drift = np.where(known, sums.drift[:-1], 0.0)
    return Noise(S, E, kappa, inflation, drift, offset, float(np.median(own[enough])) if enough.any() else 1.0)


def effect_table(sums: GroupSums) -> EffectTable:
    """Noise, strength and tails of the table from the group sums; the last row of the sums is the controls'."""
    noise = noise_of(sums)
    squared_cv = noise.inflation * noise.kappa + noise.drift + noise.offset_variance
    z = signed_deviance(noise.S, noise.E, squared_cv, noise.inflation)
    instrument, *prior = instruments(*(np.diag(x) for x in (noise.S, noise.E, squared_cv, noise.inflation, z)))
    return EffectTable(
        noise.S,
        noise.E,
        noise.kappa,
        noise.inflation,
        noise.drift,
        z,
        noise.offset_variance,
        np.asarray(sums.correlation, float),
        instrument,
        *prior,
        noise.usual,
    )


def usual_variance(own: np.ndarray, enough: np.ndarray) -> np.ndarray:
    """Median over the perturbations of a gene's own variance in units of the model's, 1 unless it is below .85; (p,).

    φ is a mean over the controls: where a few cells with very many counts make it (heavy tails), nearly all groups vary
    less. Such a gene's noise is what is usual among its groups, and the groups that hold such cells have a large own
    variance. *Measured* with a log-sd of 1.3 (six networks of 50 genes): recall .02 → .12.
    """
    usual = np.ones(own.shape[1])
    for j in np.flatnonzero(enough.sum(axis=0) >= ENOUGH_GROUPS):
        usual[j] = np.median(own[enough[:, j], j])
    return np.where(usual < HEAVY_TAILS, usual, 1.0)


def signed_deviance(S: np.ndarray, E: np.ndarray, kappa: np.ndarray, inflation: np.ndarray) -> np.ndarray:
    """Signed root of the negative binomial deviance of "mean E", divided by the inflation λ of its Poisson part.

    D = 2 [S log(S/E) − (S + 1/κ) log((1 + κS) / (1 + κE))] with κ the squared coefficient of variation in units of λ,
    so that an empty group counts as evidence too; 0 where E is 0.
    """
    k = np.maximum(kappa / inflation, 1e-12)
    mean = np.where(E > 0, E, 1.0)
    ratio = np.where(S > 0, S, 1.0) / mean
    deviance = 2.0 * (S * np.log(ratio) - (S + 1.0 / k) * (np.log1p(k * S) - np.log1p(k * mean)))
    return np.where(E > 0, np.sign(S - E) * np.sqrt(np.maximum(deviance, 0.0) / inflation), 0.0)


def instruments(
    S: np.ndarray, E: np.ndarray, squared_cv: np.ndarray, inflation: np.ndarray, z: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which perturbations move their own gene, and what is known of τ beforehand; all arrays of shape (p,).

    z² ≥ 10 says so by itself, and τ is free. A gene with few counts cannot say so, however strong the knock-down: it is
    judged by the others. With τ₀ and s the median and spread of the knock-downs that could be seen, and ρ the share of
    them that were silent, it counts if  ρ L(0) / (ρ L(0) + (1 − ρ) L(τ₀)) ≤ .05,  and τ ~ N(τ₀, s²). A gene with counts
    enough that does not move is silent, and none of its coefficients, not even a sign, is measured.

    Returns
    -------
    instrument, mean of τ, precision of τ.
    """
    strong, seen = z**2 >= STRONG, E >= SEEN_FROM
    typical = strong & seen if (strong & seen).any() else strong
    if not typical.any():
        return strong, np.zeros(len(z)), np.zeros(len(z))
    ratio = np.log((S[typical] + 0.5) / (E[typical] + 0.5))
    tau = float(np.median(ratio))
    spread = max(1.4826 * float(np.median(np.abs(ratio - tau))), LEAST_SPREAD)
    rho = ((seen & ~strong).sum() + 0.5) / (seen.sum() + 1.0)
    k = np.maximum(squared_cv / inflation, 1e-12)
    gain = S * tau - (S + 1.0 / k) * (np.log1p(k * E * np.exp(tau)) - np.log1p(k * E))
    silent = 1.0 / (1.0 + np.exp(np.clip(gain / inflation + np.log((1.0 - rho) / rho), -500.0, 500.0)))
    weak = ~strong & (E > 0) & (silent <= SILENT)
    return strong | weak, np.where(weak, tau, 0.0), np.where(weak, spread**-2.0, 0.0)
