"""Standard errors and intervals of predictions: from the cells, from the draws of a joint network, or none."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from argen._bridge.intervals import interval_95
from argen._bridge.prediction.given import Given
from argen._bridge.prediction.network import Leaves, StoredNetwork
from argen._bridge.responders.saturated import SaturatedScreen
from argen._bridge.responders.stored import asked_responders
from argen._bridge.results.prior import stored_prior
from argen._bridge.results.searched import SearchedNetwork
from argen._bridge.results.steps import DescendantStep
from argen._core.dag.influence import CellInfluence
from argen._core.joint.search import LARGE_RESIDUAL
from argen._core.joint.sums import group_sums
from argen._core.joint.table import effect_table
from argen._core.joint.testing import share_without_outliers
from argen._core.parallel import Map
from argen._core.predict.delta import HC3, PredictionInfluence, influence_of_predictions
from argen._core.predict.draws import draw_networks, predictions_of_draws
from argen._core.predict.effects import Effects
from argen._core.predict.leaves import LeafEquation, se_on_leaves

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["Estimates", "by_cells", "by_draws", "without_errors"]


# Effects of draws with intervals within this are none: what the shrinkage of candidates leaves of them.
_NOTHING = 1e-6


@dataclass(frozen=True, slots=True)
class Estimates:
    """Predictions of some genes with their errors; shape (genes,) each, NaN where there is none."""

    effect: np.ndarray
    se: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def normal(cls, effect: np.ndarray, se: np.ndarray) -> "Estimates":
        """With the intervals of the normal distribution."""
        return cls(effect, se, *interval_95(effect, se))

    def without_traces(self) -> "Estimates":
        """With 0, and no interval, where an effect and both ends of its interval are nothing but traces."""
        trace = np.abs(self.effect) < _NOTHING
        for end in (self.low, self.high):
            trace &= ~(np.abs(end) >= _NOTHING)
        effect = np.where(trace, 0.0, self.effect)
        return Estimates(effect, *(np.where(trace, np.nan, part) for part in (self.se, self.low, self.high)))


def without_errors(effects: Effects, leaves: Leaves | None) -> tuple[Estimates, Estimates | None]:
    """Predictions on nodes and responders alone."""
    nodes = Estimates.normal(effects.effect, np.full(len(effects.effect), np.nan))
    if leaves is None:
        return nodes, None
    on_leaves = effects.effect @ leaves.theta
    return nodes, Estimates.normal(on_leaves, np.full(len(on_leaves), np.nan))


def by_cells(
    adata: "AnnData",
    searched: SearchedNetwork,
    given: Given,
    effects: Effects,
    leaves: Leaves | None,
    map_: Map,
    bar: Callable,
) -> tuple[Estimates, Estimates | None]:
    """With standard errors from the influence of the cells; of a network of :func:`~argen.tl.argen_dag`.

    The genes of a screen are sorted, as those of `effects` are.
    """
    step = searched.step
    influence = influence_of_predictions(
        step.screen,
        searched.dag,
        searched.relation,
        np.isfinite(np.diag(step.tests.effect)),
        effects,
        given.observed,
        prior=searched.prior,
        first_stage=searched.settings.first_stage,
        phi=step.phi,
        pooled=step.settings.pooled,
        map_=map_,
        track=bar("prediction, equations", step.screen.n_genes),
    )
    se = np.full(step.screen.n_genes, np.nan)
    se[effects.reached] = influence.se
    se = np.where((se == 0) & ~np.isin(np.arange(len(se)), given.position), np.nan, se)
    nodes = Estimates.normal(effects.effect, se)
    if leaves is None:
        return nodes, None
    on_leaves = effects.effect @ leaves.theta
    return nodes, Estimates.normal(on_leaves, _se_on_leaves(adata, searched, effects, influence, leaves, map_, bar))


def _se_on_leaves(
    adata: "AnnData",
    searched: SearchedNetwork,
    effects: Effects,
    influence: PredictionInfluence,
    leaves: Leaves,
    map_: Map,
    bar: Callable,
) -> np.ndarray:
    """Standard errors of the effects on responders that are reached, NaN for others; shape (R,)."""
    edges = asked_responders(adata, searched, leaves.entry.key)
    inside = edges.inside(tested=False)
    is_reached = np.zeros(len(effects.effect), dtype=bool)
    is_reached[effects.reached] = True
    wanted = np.flatnonzero(((leaves.theta != 0) & is_reached[:, None]).any(axis=0))
    se = np.full(len(leaves.genes), np.nan)
    if not len(wanted):
        return se
    saturated = SaturatedScreen(adata, searched)
    first = saturated.first_stages(leaves.entry.settings["first_stage"], hc3=HC3, map_=map_)
    on_nodes = _on_other_cells(influence.cells, searched.step.screen.cell, saturated.of_nodes().cell, adata.n_obs)
    track = bar("prediction, blocks of responders", saturated.n_blocks(len(wanted)))
    names = np.array(leaves.genes, dtype=object)
    for block in track(saturated.blocks(names, wanted, map_, with_nodes=True)):
        cells = CellInfluence(block.screen, hc3=HC3)
        equations = []
        for gene, r in zip(block.genes, block.responders, strict=True):
            A = np.flatnonzero(inside[:, r])
            row = np.where(leaves.theta[A, r] != 0, effects.effect[A], 0.0)
            parents = np.flatnonzero((leaves.theta[:, r] != 0) & is_reached)
            at = np.searchsorted(effects.reached, parents)
            on = (at, leaves.theta[parents, r])
            equations.append(LeafEquation(int(gene), saturated.nodes[A], row, *on, float(block.phi[gene])))
        se[block.responders] = se_on_leaves(cells, equations, first, on_nodes, influence.separated, map_)
    return se


def _on_other_cells(values: np.ndarray, cell: np.ndarray, other: np.ndarray, n_obs: int) -> np.ndarray:
    """Values of the cells of one screen, in the order of another one's, 0 for cells that the first has not."""
    place = np.full(n_obs, -1)
    place[cell] = np.arange(len(cell))
    at = place[other]
    return np.where(at >= 0, values[:, at], 0.0)


def by_draws(
    network: StoredNetwork,
    step: DescendantStep,
    given: Given,
    leaves: Leaves | None,
    map_: Map,
    bar: Callable,
) -> tuple[Estimates, Estimates | None]:
    """Posterior means and intervals over the networks that the chains of a joint search went through."""
    settings = network.entry.settings
    chains = int(settings["chains"])
    draws = draw_networks(
        effect_table(group_sums(step.screen, map_)),
        stored_prior(network.entry, step.screen.genes),
        chains=chains,
        seed=int(settings["seed"]),
        shifts=bool(settings["shifts"]),
        map_=map_,
        track=bar("prediction, chains", chains),
    )
    held, spread = given.position[given.held], _spread_of_errors(network)
    found = predictions_of_draws(draws, given.position, given.alone, given.observed, held, spread)
    effect = found.mean
    # What no network of any draw reaches has no interval, as with other networks.
    unreached = (found.values == 0.0).all(axis=0)
    se, low, high = (np.where(unreached, np.nan, part) for part in (found.se, *found.interval()))
    nodes = Estimates(effect, se, low, high).without_traces()
    if leaves is None:
        return nodes, None
    # Coefficients of a responder are taken to be independent of the network and of each other.
    covariance = found.covariance(np.arange(len(effect)))
    square = effect**2 + np.diag(covariance)
    variance = np.einsum("kr,kl,lr->r", leaves.theta, covariance, leaves.theta) + square @ leaves.se**2
    se = np.where(variance > 0, np.sqrt(variance), np.nan)
    return nodes, Estimates.normal(effect @ leaves.theta, se).without_traces()


def _spread_of_errors(network: StoredNetwork) -> float:
    """What the search enlarged its standard errors by."""
    chi2 = float(network.entry.tables["search"]["misfit"].iloc[0])
    residual = network.entry.tables["fit"]["residual"].to_numpy(float)
    return float(np.sqrt(max(1.0, chi2 * share_without_outliers(residual, LARGE_RESIDUAL))))
