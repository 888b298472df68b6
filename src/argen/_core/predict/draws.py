"""Predictions of a joint network: the networks that its chains went through, each with its own prediction.

The chains are run again from the seed of the search, hence through the very same networks. Their sweeps that count give
draws of Θ and of the knock-downs τ; chains weigh as they do in the search. Errors that the search enlarges where the
table does not fit (√max(1, χ²)) are enlarged here too.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from argen._core.descendants.prior import Prior
from argen._core.joint.chains import DEFAULT_SCHEDULE, Constraints, Schedule, constraints, run_chain
from argen._core.joint.noise import Factors, common_factors
from argen._core.joint.search import ENOUGH_FOR_SHIFTS
from argen._core.joint.table import EffectTable
from argen._core.parallel import BlockTask, Map, single_threaded
from argen._core.predict.effects import without_edges_into

__all__ = ["DrawnPredictions", "NetworkDraws", "draw_networks", "predictions_of_draws"]

LEVEL = 0.95
_NOTHING = 1e-12  # rounding


@dataclass(frozen=True, slots=True)
class NetworkDraws:
    """Networks of one chain; edges of all its draws in one list.

    Attributes
    ----------
    draw, source, target, coef
        The edges: which draw, and θ; shape (m,) each.
    tau
        Knock-downs of each draw, shape (draws, p).
    log_posterior
        By which chains are weighed.
    """

    draw: np.ndarray
    source: np.ndarray
    target: np.ndarray
    coef: np.ndarray
    tau: np.ndarray
    log_posterior: float

    def theta(self, number: int) -> np.ndarray:
        """Θ of one draw, shape (p, p)."""
        p = self.tau.shape[1]
        theta, mine = np.zeros((p, p)), self.draw == number
        theta[self.source[mine], self.target[mine]] = self.coef[mine]
        return theta


def draw_networks(
    table: EffectTable,
    prior: Prior,
    *,
    chains: int,
    seed: int,
    shifts: bool,
    schedule: Schedule = DEFAULT_SCHEDULE,
    map_: Map = map,
    track: Callable[[Iterable], Iterable] = iter,
) -> list[NetworkDraws]:
    """The networks of every chain of :func:`~argen._core.joint.search.search_joint` with these arguments."""
    limits = constraints(table, prior)
    seeds = np.random.SeedSequence(seed).spawn(chains)
    options = {"schedule": schedule, "shifts": shifts and table.n_genes >= ENOUGH_FOR_SHIFTS}
    with single_threaded():
        shared = (table, common_factors(table.correlation), limits)
        return list(track(map_(BlockTask(_networks_of_chain, shared, options, per_block=1), seeds)))


def _networks_of_chain(
    shared: tuple[EffectTable, Factors, Constraints],
    child: np.random.SeedSequence,
    *,
    schedule: Schedule,
    shifts: bool,
) -> NetworkDraws:
    first = schedule.anneal + schedule.burn_in
    sweeps, edges, taus = [0], [], []

    def keep(running: object) -> None:
        chain = running.chain
        if sweeps[0] >= first:
            source, target = np.nonzero(chain.theta)
            number = np.full(len(source), sweeps[0] - first)
            edges.append((number, source, target, chain.theta[source, target]))
            taus.append(chain.tau.copy())
        sweeps[0] += 1

    averages = run_chain(*shared, child, schedule=schedule, shifts=shifts, watch=keep)
    columns = [np.concatenate(column) for column in zip(*edges, strict=True)]
    return NetworkDraws(*columns, np.array(taus), averages.log_posterior)


@dataclass(frozen=True, slots=True)
class DrawnPredictions:
    """Predictions of all draws.

    Attributes
    ----------
    values
        One row per draw, shape (draws, p).
    weight
        Of each draw; their sum is 1.
    spread
        By how much deviations from the mean are enlarged.
    """

    values: np.ndarray
    weight: np.ndarray
    spread: float

    @property
    def mean(self) -> np.ndarray:
        """Posterior means, shape (p,); exactly the value where all draws have the same."""
        same = (self.values == self.values[0]).all(axis=0)
        return np.where(same, self.values[0], self.weight @ self.values)

    @property
    def se(self) -> np.ndarray:
        """Posterior standard deviations, enlarged, shape (p,)."""
        return self.spread * np.sqrt(self.weight @ (self.values - self.mean) ** 2)

    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """Ends of the 95 % interval, shape (p,) each.

        Quantiles of the draws, their distance from the median enlarged; the mean of a rare effect, which the quantiles
        do not see, is inside.
        """
        tail, mean = (1.0 - LEVEL) / 2.0, self.mean
        order = np.argsort(self.values, axis=0, kind="stable")
        low, middle, high = (
            np.array([_quantile(self.values[o, j], self.weight[o], share) for j, o in enumerate(order.T)])
            for share in (tail, 0.5, 1.0 - tail)
        )
        low, high = (middle + self.spread * (end - middle) for end in (low, high))
        return np.minimum(low, mean), np.maximum(high, mean)

    def covariance(self, columns: np.ndarray) -> np.ndarray:
        """Of the predictions of some genes, enlarged; shape (columns, columns)."""
        off = self.values[:, columns] - self.mean[columns]
        return self.spread**2 * (off * self.weight[:, None]).T @ off


def _quantile(values: np.ndarray, weight: np.ndarray, share: float) -> float:
    """Of sorted values: linear between the middles of their weights."""
    return float(np.interp(share, np.cumsum(weight) - weight / 2.0, values))


def predictions_of_draws(
    draws: list[NetworkDraws],
    sources: np.ndarray,
    alone: np.ndarray,
    observed: np.ndarray,
    held: np.ndarray,
    spread: float,
) -> DrawnPredictions:
    """X = s (I − Θ)⁻¹ of every draw.

    Parameters
    ----------
    draws
        Of all chains.
    sources, alone, observed
        Perturbed genes, their shifts, and which of them are those that were observed: each draw has its own τ. Shape
        (m,) each.
    held
        Those of the sources into which no edge acts.
    spread
        By how much errors are enlarged.
    """
    p = draws[0].tau.shape[1]
    fit = np.array([chain.log_posterior for chain in draws])
    of_chain = np.exp((fit - fit.max()) / max(p, 1))
    values, weight = [], []
    for chain, w in zip(draws, of_chain, strict=True):
        for number, tau in enumerate(chain.tau):
            theta = without_edges_into(chain.theta(number), held)
            shift = np.zeros(p)
            shift[sources] = np.where(observed, tau[sources], alone)
            effect = np.linalg.solve(np.eye(p) - theta.T, shift)
            values.append(np.where(np.abs(effect) > _NOTHING, effect, 0.0))
            weight.append(w)
    total = np.array(weight)
    return DrawnPredictions(np.array(values), total / total.sum(), spread)
