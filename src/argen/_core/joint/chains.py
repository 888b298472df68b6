"""Chains over graphs: annealed start, Gibbs sweeps, averages (:mod:`._chain_kernels`, :mod:`._offset_kernels`).

Prior: the number of edges out of a source is beta-binomial, so that a source with many edges gets further ones more
easily: log odds of k → t given n others out of k are log (n + a) / (p − 2 − n + b), a = 2, b = a (1 − π)/π. The share
of pairs that are edges, π, and the scale σ of the coefficients θ ~ N(0, σ²) are drawn along.

A chain starts from the empty graph with edges that cost up to 49 log odds more, and lets them in from strong to weak.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from argen._core.descendants.prior import Prior
from argen._core.joint._chain_kernels import sweep_edges, sweep_reversals
from argen._core.joint._offset_kernels import sweep_offsets, sweep_strengths
from argen._core.joint._state_kernels import Chain, Model
from argen._core.joint.noise import Factors, log_likelihood, working_response
from argen._core.joint.table import EffectTable

__all__ = [
    "DEFAULT_SCHEDULE",
    "SHIFT_SD",
    "Constraints",
    "Draws",
    "Schedule",
    "constraints",
    "run_chain",
    "start_tau",
    "used_cells",
]

# Concentration of the out-degrees: a → ∞ is a common probability for all sources.
DEGREE_CONCENTRATION = 2.0
START_SIGMA, START_PARENTS = 0.35, 1.5
LEAST_SIGMA2, MOST_SIGMA2 = 0.02, 1.0
ANNEALING, COLDEST = 50.0, 0.02
START_STRENGTH = 0.05
RENEW_EVERY = 10
SHIFT_SD = 0.3
SHIFT_CHANCE = 0.02


@dataclass(frozen=True, slots=True)
class Schedule:
    """Sweeps of a chain: annealed, burnt in, kept; every how many of them all pairs are looked at."""

    anneal: int = 20
    burn_in: int = 15
    keep: int = 30
    scan_every: int = 3


DEFAULT_SCHEDULE = Schedule()


@dataclass(frozen=True, slots=True)
class Constraints:
    """Pairs [source, target]: may be edges, are reported, must be edges, are known to be in this order; (p, p)."""

    allowed: np.ndarray
    reported: np.ndarray
    required: np.ndarray
    before: np.ndarray


@dataclass(frozen=True, slots=True)
class Draws:
    """Averages over the kept sweeps of a chain.

    Attributes
    ----------
    inclusion
        Posterior probability of each edge, averaged over its conditionals, [source, target], shape (p, p).
    coef, square
        Posterior mean of each coefficient and of its square, absent counted as 0, shape (p, p).
    tau, row, column
        Means of knock-downs and offsets, shape (p,).
    row_shift, column_shift
        Probability that an offset is more than the controls' error, shape (p,).
    sigma, edges
        Mean scale of the coefficients, and number of edges.
    log_posterior
        Mean log likelihood and log prior of the number of edges.
    """

    inclusion: np.ndarray
    coef: np.ndarray
    square: np.ndarray
    tau: np.ndarray
    row: np.ndarray
    column: np.ndarray
    row_shift: np.ndarray
    column_shift: np.ndarray
    sigma: float
    edges: float
    log_posterior: float


def constraints(table: EffectTable, prior: Prior) -> Constraints:
    """What prior knowledge and the gate for weak instruments leave open.

    A source whose own knock-down does not show stays in the graph as what passes others' effects on, so that these are
    not taken for direct ones; but its row says nothing, and no edge out of it is reported: the others' effects through
    it do not measure it, not even its sign. A required edge out of one is dropped; a gene without counts has no edges.
    """
    measured = (table.E > 0).any(axis=0)
    allowed = ~np.eye(table.n_genes, dtype=bool) & measured[:, None] & measured
    allowed &= ~prior.forbidden & ~prior.before.T
    reported = allowed & table.instrument[:, None]
    return Constraints(allowed, reported, prior.required & reported, prior.before.copy())


def used_cells(table: EffectTable) -> np.ndarray:
    """Cells of the table that the model is to explain: known, in rows of instruments."""
    return (table.E > 0) & table.instrument[:, None]


def start_tau(table: EffectTable) -> np.ndarray:
    """Log ratio of each perturbation on its own gene, at least .05 away from 0 on its side."""
    ratio = np.log((np.diag(table.S) + 0.5) / (np.diag(table.E) + 0.5))
    ratio = np.where(table.tau_precision > 0, table.tau_mean, ratio)
    return np.where(ratio > 0, np.maximum(ratio, START_STRENGTH), np.minimum(ratio, -START_STRENGTH))


def run_chain(
    table: EffectTable,
    factors: Factors,
    limits: Constraints,
    seed: np.random.SeedSequence,
    *,
    schedule: Schedule = DEFAULT_SCHEDULE,
    shifts: bool = True,
    concentration: float = DEGREE_CONCENTRATION,
    watch: Callable[["_Running"], None] | None = None,
) -> Draws:
    """One chain, whose numbers depend on its seed alone.

    Parameters
    ----------
    table, factors, limits
        What is explained, the noise that genes share, and what is known beforehand.
    shifts
        Let whole rows and columns be shifted by more than the controls' error.
    concentration
        a of the prior of the out-degrees.
    watch
        Called after every sweep, for tests.
    """
    running = _Running(table, factors, limits, seed, shifts=shifts, concentration=concentration)
    first_kept = schedule.anneal + schedule.burn_in
    for sweep in range(first_kept + schedule.keep):
        keep = sweep >= first_kept
        warmth = max(0.0, 1.0 - sweep / max(schedule.anneal, 1))
        cost = ANNEALING * (COLDEST ** (1.0 - warmth) - COLDEST) if sweep < schedule.anneal else 0.0
        if not keep or sweep % RENEW_EVERY == 0:
            running.renew(weights=not keep)
        everything = sweep % schedule.scan_every == 0 or sweep == schedule.anneal
        running.sweep(cost, everything=everything, keep=keep)
        if sweep >= schedule.anneal:
            running.draw_prior()
        if watch is not None:
            watch(running)
    return running.averages(schedule.keep)


class _Running:
    """State of a chain between its sweeps."""

    def __init__(
        self,
        table: EffectTable,
        factors: Factors,
        limits: Constraints,
        seed: np.random.SeedSequence,
        *,
        shifts: bool,
        concentration: float,
    ) -> None:
        p = table.n_genes
        self._table, self._factors, self._limits, self._shifts = table, factors, limits, shifts
        # Kernels are compiled anew for arrays that are read-only: copies are not.
        self._tau_prior = tuple(x.copy() for x in (table.instrument, table.tau_mean, table.tau_precision))
        self._offset_variance = table.offset_variance.copy()
        self._used, self._concentration = used_cells(table), concentration
        self._rng = np.random.Generator(np.random.PCG64(seed))
        self._root = np.linalg.cholesky(factors.P) if len(factors.P) else factors.P
        self._pi, self.sigma = min(START_PARENTS / p, 0.5), START_SIGMA
        tau = start_tau(table)
        # A sweep goes through the sources of one target: what is [source, target] lies in memory in that order.
        self._limits_by_target = tuple(x.copy(order="F") for x in (limits.allowed, limits.required, limits.before))
        self.chain = Chain(
            theta=np.zeros((p, p), order="F"),
            above=limits.before.copy(),
            out_degree=np.zeros(p, dtype=np.int64),
            tau=tau,
            T=np.diag(tau),
            B=np.eye(p),
            R=np.zeros((p, p)),
            log_odds=np.zeros((p, p), order="F"),
            candidate=np.ones((p, p), dtype=bool, order="F"),
            row=np.zeros(p),
            column=np.zeros(p),
        )
        self._inclusion, self._coef, self._square = (np.zeros((p, p), order="F") for _ in range(3))
        self._sums = {name: np.zeros(p) for name in ("tau", "row", "column", "row_shift", "column_shift")}
        self._sigmas, self._edges, self._log_posteriors = [], [], []

    def renew(self, *, weights: bool) -> None:
        """Compute T and B afresh; with `weights` the working response and its weights, too."""
        chain, p = self.chain, self._table.n_genes
        chain.B[:] = np.linalg.inv(np.eye(p) - chain.theta).T
        chain.T[:] = chain.tau * chain.B
        if weights:
            eta = chain.T.T + chain.row[:, None] + chain.column
            response, weight = working_response(self._table, self._used, eta)
            self._Y, self._W = np.ascontiguousarray(response.T), np.ascontiguousarray(weight.T)
            self._root_W = np.sqrt(self._W)

    def sweep(self, cost: float, *, everything: bool, keep: bool) -> None:
        """Factors, edges, reversals, knock-downs, offsets."""
        chain = self.chain
        self._draw_factors()
        model = self._model(cost)
        sweep_edges(chain, model, self._rng, everything, keep, self._inclusion, self._coef, self._square)
        sweep_reversals(chain, model, self._rng)
        sweep_strengths(chain, model, self._rng, *self._tau_prior)
        shift = SHIFT_SD**2 if self._shifts else 0.0
        chances = [np.zeros(len(chain.tau)) for _ in range(2)]
        log_odds = np.log(SHIFT_CHANCE / (1.0 - SHIFT_CHANCE))
        sweep_offsets(chain, model, self._rng, self._offset_variance, shift, log_odds, *chances)
        if keep:
            values = (chain.tau, chain.row, chain.column, *chances)
            for name, value in zip(self._sums, values, strict=True):
                self._sums[name] += value
            self._sigmas.append(self.sigma)
            self._edges.append(np.count_nonzero(chain.theta))
            self._log_posteriors.append(self._log_posterior())

    def _model(self, cost: float) -> Model:
        p, a = len(self.chain.tau), self._concentration
        n, b = np.arange(p), a * (1.0 - self._pi) / self._pi
        prior = np.log((n + a) / (np.maximum(p - 2 - n, 0) + b)) - 0.5 * cost
        weight = self._W / self._factors.psi[:, None]
        return Model(weight, *self._limits_by_target, prior, 1.0 / self.sigma**2)

    def _draw_factors(self) -> None:
        """Residuals without a draw of the factors of every row, f_l ~ N(P H'Ψ⁻¹ z_l, P), z = √W (Y − T − offsets)."""
        chain, factors = self.chain, self._factors
        chain.R[:] = self._Y - chain.T - chain.row - chain.column[:, None]
        if factors.H.shape[1]:
            z = self._root_W * chain.R
            f = (z.T @ factors.scaled) @ factors.P + self._rng.standard_normal(
                z.T.shape[:1] + factors.P.shape[:1]
            ) @ self._root.T
            root = np.where(self._root_W > 0, self._root_W, 1.0)
            chain.R[:] -= (factors.H @ f.T) / root

    def _log_posterior(self) -> float:
        chain = self.chain
        eta = chain.T.T + chain.row[:, None] + chain.column
        prior = np.count_nonzero(chain.theta) * np.log(self._pi / (1.0 - self._pi))
        return log_likelihood(self._table, self._factors, self._used, eta) + prior

    def draw_prior(self) -> None:
        """π ~ Beta(n + 1, p(p−1)/2 − n + p/2) and σ² = (Σθ² + .2) / χ²_{n+2}, in [.02, 1]."""
        p, theta = len(self.chain.tau), self.chain.theta
        n = np.count_nonzero(theta)
        self._pi = min(self._rng.beta(n + 1.0, max(p * (p - 1) / 2 - n, 0.0) + p / 2), 0.5)
        variance = ((theta**2).sum() + 0.2) / self._rng.chisquare(n + 2)
        self.sigma = float(np.sqrt(np.clip(variance, LEAST_SIGMA2, MOST_SIGMA2)))

    def averages(self, n: int) -> Draws:
        """Means over the `n` kept sweeps."""
        sums = {name: total / n for name, total in self._sums.items()}
        inclusion, coef, square = (np.ascontiguousarray(x) / n for x in (self._inclusion, self._coef, self._square))
        return Draws(
            np.where(self._limits.required, 1.0, inclusion),
            coef,
            square,
            **sums,
            sigma=float(np.mean(self._sigmas)),
            edges=float(np.mean(self._edges)),
            log_posterior=float(np.mean(self._log_posteriors)),
        )
