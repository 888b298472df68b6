r"""Direct effects on responders given a joint network: its total effects as regressors (METHOD 12).

With T the total effects of P perturbations on the p nodes as the network has them, a responder t has

    log(E[S_l] / E_l) = c + Σ_k T_lk θ_k,    var S_l = λ_l (μ_l + κ_l μ_l²) + drift_l μ_l²,    c ~ N(0, v0)

over the rows l, an edge k → t with probability π and θ ~ N(0, σ²), π ~ Beta(1, p). All rows speak, also those of
perturbations that are no candidates. Chains draw one edge at a time, and exchange one edge for another; the working
response is renewed during the first sweeps. Tests are efficient scores given the edges with an inclusion above .25.

T knows nothing of a path that the network missed, so the tests of edges adjust for possible mediators
(:mod:`.mediators`), with the observed total effects where T has none. Nodes that do not move their own gene have no
part in T, and their rows are left out; as mediators they stand there as observed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np

from argen._core.fdr import adjusted
from argen._core.joint.table import Noise
from argen._core.normal import log_p_two_sided
from argen._core.parallel import BlockTask, Map, single_threaded
from argen._core.responders.mediators import Observed

__all__ = [
    "CONSENSUS",
    "GivenNetwork",
    "JointEdges",
    "Responders",
    "edges_given_network",
    "edges_of_blocks",
    "select_joint",
]

BURN_IN, KEPT, CHAINS = 40, 60, 2
CONSENSUS, SELECTED = 0.25, 0.5
LEAST_INFORMATION = 1e-8
# α₀ of possible mediators. *Measured* FDR and recall of edges without mediators, with α₀ = .2, .1, .05: few counts
# .08/.46, .04/.35, .04/.39, .07/.43 (six screens), cascades .01/.89, .01/.82, .01/.85, .01/.86, random .06/.36,
# .05/.30, .05/.34, .06/.35 (four each).
POSSIBLE = 0.1
_SCORINGS = 6
# A column whose entries are all smaller says nothing.
NEGLIGIBLE = 1e-6


@dataclass(frozen=True, slots=True)
class JointEdges:
    """What a network's genes do to a block of responders; [node, responder], shape (p, R) unless said otherwise.

    Attributes
    ----------
    inclusion
        Posterior probability of the edge.
    coef, se
        In the consensus graph the mean over the draws that hold the edge, and the larger one of its standard deviation
        over these and its standard error at the fit, or with mediators the fit that adjusts for them; elsewhere what
        one step of the fit says; the error of the node's own effect included, by which T is known up to a factor. NaN
        without information.
    z
        Efficient score at θ = 0 (with mediators: given these), not yet divided by the misfit.
    misfit, df
        χ² of the fitted rows and its degrees of freedom, shape (R,).
    """

    inclusion: np.ndarray
    coef: np.ndarray
    se: np.ndarray
    z: np.ndarray
    misfit: np.ndarray
    df: np.ndarray


@dataclass(frozen=True, slots=True)
class GivenNetwork:
    """What all responders share, see :func:`edges_given_network`; `among_nodes` and `below` are those of `Observed`."""

    T: np.ndarray
    error: np.ndarray
    relative: np.ndarray
    used: np.ndarray
    among_nodes: tuple[np.ndarray, np.ndarray, np.ndarray]
    below: np.ndarray


@dataclass(frozen=True, slots=True)
class Responders:
    """A block of responders: their noise, names, and total effects on them with errors and p-values, (p, R) each."""

    noise: Noise
    names: list[str]
    observed: tuple[np.ndarray, np.ndarray, np.ndarray]


def edges_of_blocks(
    network: GivenNetwork, blocks: Sequence[Responders], *, sigma: float, seed: int, map_: Map
) -> Iterable[JointEdges]:
    """Edges to the responders of each block, in parallel over blocks.

    A block is one task, never less: sums over its responders are products of matrices, whose last digits may hang on
    how many columns there are.
    """
    return map_(BlockTask(_edges_of_block, network, {"sigma": sigma, "seed": seed}, per_block=1), blocks)


def _edges_of_block(network: GivenNetwork, block: Responders, *, sigma: float, seed: int) -> JointEdges:
    observed = Observed(*network.among_nodes, *block.observed, network.below)
    shared = network.T, network.error, network.relative
    how = {"sigma": sigma, "seed": seed, "used": network.used, "observed": observed}
    return edges_given_network(*shared, block.noise, block.names, **how)


def edges_given_network(
    T: np.ndarray,
    error: np.ndarray,
    relative: np.ndarray,
    noise: Noise,
    names: list[str],
    *,
    sigma: float,
    seed: int,
    used: np.ndarray | None = None,
    observed: Observed | None = None,
) -> JointEdges:
    """Edges from the nodes to a block of responders.

    Parameters
    ----------
    T
        Total effects, [perturbation, node], shape (P, p).
    error
        Variance of T, shape (P, p); a row's noise grows by Σ_k θ_k² of it.
    relative
        Standard error of each node's own effect in units of the effect: all of its coefficients share it, shape (p,).
    noise
        Counts of the responders with their noise, [perturbation, responder], shape (P, R).
    names
        Of the responders: each draws from a stream of its own, whatever block it is in.
    sigma, seed
        Scale of the coefficients, and seed.
    used
        Rows of T that speak, shape (P,); None: all.
    observed
        Where possible mediators are found; None: the tests adjust for none. Its nodes are the rows of T.
    """
    used = np.ones(len(T), dtype=bool) if used is None else used
    with single_threaded():
        rngs = [np.random.default_rng([seed, crc32(name.encode())]) for name in names]
        shown = _shown(noise, used)
        chains = [_Chain(T, error, shown, sigma, rngs).run() for _ in range(CHAINS)]
        inclusion, mean, square = (np.mean(parts, axis=0) for parts in zip(*chains, strict=True))
        held = inclusion > CONSENSUS
        fits = [_fit(T, error, noise, r, held[:, r], used) for r in range(len(names))]
        given_mediators = {} if observed is None else _given_mediators(T, error, noise, held, used, observed)
    coef, se, z = (np.stack([fit[i] for fit in fits], axis=1) for i in range(3))
    presence = np.maximum(inclusion, 1e-9)
    given = mean / presence
    spread = np.sqrt(np.maximum(square / presence - given**2, 0.0))
    coef, se = np.where(held, given, coef), np.where(held, np.fmax(spread, se), se)
    for r, fit in given_mediators.items():
        for values, of_fit in zip((coef, se, z), fit[:3], strict=True):
            values[held[:, r], r] = of_fit[held[:, r]]
    return JointEdges(
        inclusion=inclusion,
        coef=coef,
        se=np.hypot(se, coef * relative[:, None]),
        z=z,
        misfit=np.array([fit[3] for fit in fits]),
        df=np.array([fit[4] for fit in fits]),
    )


def _shown(noise: Noise, rows: np.ndarray) -> Noise:
    """The noise in which all other rows hold nothing."""
    return replace(noise, S=np.where(rows[:, None], noise.S, 0.0), E=np.where(rows[:, None], noise.E, 0.0))


def _given_mediators(
    T: np.ndarray, error: np.ndarray, noise: Noise, held: np.ndarray, used: np.ndarray, observed: Observed
) -> dict[int, tuple]:
    """The fit of each responder with parents, with the possible mediators among them and the T that they may have."""
    fits, mediators = {}, observed.mediators(held, POSSIBLE)
    for r in np.flatnonzero(held.any(axis=0)):
        support = held[:, r] | mediators[:, r]
        lacking = _lacking(T, support, used, observed)
        if support.sum() > held[:, r].sum() or lacking.any():
            completed = np.where(lacking, observed.effect, T)
            uncertain = np.where(lacking, observed.se**2, error)
            fits[r] = _fit(completed, uncertain, noise, r, support, used | mediators[:, r])
    return fits


def _lacking(T: np.ndarray, nodes: np.ndarray, used: np.ndarray, observed: Observed) -> np.ndarray:
    """What T lacks among some nodes: effects that cannot be excluded, and own ones of nodes that it has no part of."""
    own = np.eye(len(T), dtype=bool)
    lacking = (np.abs(T) < NEGLIGIBLE) & (observed.p < POSSIBLE) & ~own
    lacking |= own & ~used
    return lacking & nodes[:, None] & nodes & np.isfinite(observed.effect) & np.isfinite(observed.se)


class _Chain:
    """One chain for each responder of a block, all of them a sweep at a time."""

    def __init__(
        self, T: np.ndarray, error: np.ndarray, noise: Noise, sigma: float, rngs: list[np.random.Generator]
    ) -> None:
        self._T, self._square, self._error, self._noise, self._rngs = T, T**2, error, noise, rngs
        self._precision = sigma**-2.0
        (_, p), R = T.shape, noise.S.shape[1]
        self._theta, self._offset = np.zeros((p, R)), np.zeros(R)
        self._odds = np.full(R, -np.log(p))
        self._moves = np.flatnonzero(np.abs(T).max(axis=0, initial=0.0) > NEGLIGIBLE)
        self._sums = [np.zeros((p, R)) for _ in range(3)]

    def run(self) -> list[np.ndarray]:
        """Inclusion, mean of θ and of θ² over the draws that are kept, each of shape (p, R)."""
        for sweep in range(BURN_IN + KEPT):
            if sweep < BURN_IN:
                eta = self._T @ self._theta + self._offset
                self._weight, response = working(self._noise, eta, self._error @ self._theta**2)
                self._residual = response - eta
            self._sweep(cooling=1.0 - min(1.0, 2.0 * sweep / BURN_IN), keep=sweep >= BURN_IN)
        return [total / KEPT for total in self._sums]

    def _draws(self, draw: str, n: int) -> np.ndarray:
        """`n` numbers of each responder's own stream, shape (n, R)."""
        return np.stack([getattr(rng, draw)(size=n) for rng in self._rngs], axis=1)

    def _sweep(self, *, cooling: float, keep: bool) -> None:
        p = len(self._theta)
        uniform, normal = self._draws("random", p + 2), self._draws("standard_normal", p + 2)
        for k in self._moves:
            column = self._T[:, k]
            information = self._square[:, k] @ self._weight
            g = column @ (self._weight * self._residual) + information * self._theta[k]
            total = information + self._precision
            odds = self._odds + 0.5 * g**2 / total - 0.5 * np.log(total / self._precision) - 10.0 * cooling
            presence = 1.0 / (1.0 + np.exp(-np.clip(odds, -500.0, 500.0)))
            new = np.where(uniform[k] < presence, g / total + normal[k] / np.sqrt(total), 0.0)
            self._set(k, new)
            if keep:
                for sums, value in zip(self._sums, (1.0, g / total, (g / total) ** 2 + 1.0 / total), strict=True):
                    sums[k] += presence * value
        self._exchange(uniform[p:], normal[p])
        precision = self._weight.sum(axis=0) + 1.0 / self._noise.offset_variance
        mean = ((self._weight * (self._residual + self._offset)).sum(axis=0)) / precision
        offset = mean + normal[p + 1] / np.sqrt(precision)
        self._residual += self._offset - offset
        self._offset = offset
        n = (self._theta != 0).sum(axis=0)
        draw = np.array([rng.beta(1.0 + m, 2.0 * p - m) for rng, m in zip(self._rngs, n, strict=True)])
        self._odds = np.log(draw) - np.log1p(-draw)

    def _set(self, k: int, new: np.ndarray) -> None:
        self._residual -= self._T[:, [k]] * (new - self._theta[k])
        self._theta[k] = new

    def _exchange(self, uniform: np.ndarray, normal: np.ndarray) -> None:
        """Take one edge of each responder out, and put it, or another one, in its place."""
        n = (self._theta != 0).sum(axis=0)
        some = np.flatnonzero(n > 0)
        if len(some) == 0:
            return
        # The edge that is taken out: number ⌊u n⌋ of those that are present.
        order = np.cumsum(self._theta[:, some] != 0, axis=0)
        out = (order > np.floor(uniform[0, some] * n[some])).argmax(axis=0)
        old = self._theta[out, some]
        self._theta[out, some] = 0.0
        self._residual[:, some] += self._T[:, out] * old
        weight = self._weight[:, some]
        information, g = self._square.T @ weight, self._T.T @ (weight * self._residual[:, some])
        total = information + self._precision
        evidence = 0.5 * g**2 / total - 0.5 * np.log(total / self._precision)
        evidence[self._theta[:, some] != 0] = -np.inf
        share = np.exp(evidence - evidence.max(axis=0))
        cumulated = np.cumsum(share / share.sum(axis=0), axis=0)
        into = np.minimum((cumulated < uniform[1, some]).sum(axis=0), len(self._theta) - 1)
        at = np.arange(len(some))
        new = g[into, at] / total[into, at] + normal[some] / np.sqrt(total[into, at])
        self._theta[into, some] = new
        self._residual[:, some] -= self._T[:, into] * new


def working(
    noise: Noise, eta: np.ndarray, error: np.ndarray, at: object = slice(None)
) -> tuple[np.ndarray, np.ndarray]:
    """Weights and working response of the rows, of the responders `at`; `error` is the variance of η."""
    mean = noise.E[:, at] * np.exp(eta)
    known = mean > 0
    safe = np.where(known, mean, 1.0)
    variance = noise.inflation[:, at] * (1.0 / safe + noise.kappa[:, at]) + noise.drift[:, at] + error
    response = eta + np.clip((noise.S[:, at] - safe) / safe, -1.0, 3.0)
    return np.where(known, 1.0 / variance, 0.0), np.where(known, response, eta)


def _fit(T: np.ndarray, error: np.ndarray, noise: Noise, r: int, support: np.ndarray, rows: np.ndarray) -> tuple:
    """Scoring on the supported edges and the offset, by `rows`; coef, se and score of every node; χ², df."""
    held = np.flatnonzero(support)
    X = np.column_stack([np.ones(len(T)), T[:, held]])
    ridge = np.zeros(X.shape[1])
    ridge[0] = 1.0 / noise.offset_variance[r]
    beta = np.zeros(X.shape[1])
    for _ in range(_SCORINGS):
        weight, response = working(noise, X @ beta, error[:, held] @ beta[1:] ** 2, r)
        weight = np.where(rows, weight, 0.0)
        inverse = np.linalg.pinv((X * weight[:, None]).T @ X + np.diag(ridge), hermitian=True)
        beta = inverse @ (X.T @ (weight * response))
    weight, response = working(noise, X @ beta, error[:, held] @ beta[1:] ** 2, r)
    weight = np.where(rows, weight, 0.0)
    residual = weight * (response - X @ beta)
    cross = (X * weight[:, None]).T @ T
    g = T.T @ residual - cross.T @ (inverse @ (X.T @ residual - ridge * beta))
    information = (T**2).T @ weight - (cross * (inverse @ cross)).sum(axis=0)
    known = information > LEAST_INFORMATION
    safe = np.where(known, information, 1.0)
    coef, se = np.where(known, g / safe, np.nan), np.where(known, 1.0 / np.sqrt(safe), np.nan)
    coef[held], se[held] = beta[1:], np.sqrt(np.diag(inverse)[1:])
    rows = int((weight > 0).sum())
    return coef, se, coef / se, float(residual @ (response - X @ beta)), max(rows - len(held), 0)


def select_joint(z: np.ndarray, inclusion: np.ndarray, spread: float, alpha: float) -> tuple[np.ndarray, ...]:
    """p-values, adjusted ones, and the edges: rejected by Benjamini and Hochberg and more likely than not.

    `spread` divides the scores: √max(1, χ²) of all responders, as in the joint search.
    """
    p = np.exp(log_p_two_sided(z / spread))
    padj = adjusted(p)
    return p, padj, (np.nan_to_num(padj, nan=1.0) <= alpha) & (inclusion > SELECTED)
