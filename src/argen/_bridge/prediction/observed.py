"""What the screen itself saw under the perturbations that are asked for, scaled and added up, with its error."""

from collections.abc import Sequence

import numpy as np

from argen._bridge.prediction.given import Given
from argen._bridge.prediction.network import SeenEffects, StoredNetwork
from argen._bridge.results.steps import DescendantStep
from argen._core.parallel import Map
from argen._core.predict.observed import correlation_of_observed

__all__ = ["added_up", "correlation_of_seen"]


def correlation_of_seen(step: DescendantStep, given: Given, map_: Map) -> np.ndarray | None:
    """Correlations of the effects on the nodes that :func:`added_up` adds, None where it adds a single one as seen."""
    if len(given.genes) == 1 and given.observed.all():
        return None
    how = {"pooled": step.settings.pooled, "hc3": step.settings.hc == "HC3"}
    return correlation_of_observed(step.screen, given.position.tolist(), step.phi, map_=map_, **how)


def added_up(
    given: Given,
    network: StoredNetwork,
    seen: SeenEffects | None,
    genes: Sequence[str],
    correlation: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """What the screen saw under these perturbations, scaled to their sizes and added up, and its standard error.

    The sum on gene k is Σ_g c_g τ̂_gk, with c_g = 1 for what was observed and log(fold) / τ̂_g for a fold: the latter has
    the error of τ̂_g, too, −log(fold) τ̂_gk / τ̂_g² of it (delta method), and is log(fold) without error on its own gene.

    Parameters
    ----------
    given, network
        Perturbations, and the network with what they do to their own genes.
    seen, genes
        Effects that the screen saw, and the n genes that they are on.
    correlation
        Of the errors of τ̂_gk of all m perturbations, and of all τ̂_g, shape (n, 2m, 2m). Without it τ̂_gk and τ̂_g are
        taken to be independent, and a sum of several, which share the controls, has no standard error.
    """
    if seen is None:
        return np.full(len(genes), np.nan), np.full(len(genes), np.nan)
    effect, times = seen.effect[given.position], given.times_seen[:, None]
    parts = _parts_of_error(given, network, seen, genes)
    alone = np.eye(len(parts))[None]
    product = np.einsum("ak,bk->kab", parts, parts)
    with np.errstate(invalid="ignore"):
        terms = np.where(product == 0.0, 0.0, product * (alone if correlation is None else correlation))
    se = np.sqrt(np.maximum(terms.sum(axis=(1, 2)), 0.0))
    if correlation is None:
        uncertain = (parts.reshape(2, len(times), -1) != 0.0).any(axis=0)
        se[uncertain.sum(axis=0) > 1] = np.nan
    return given.times_seen @ effect, se


def _parts_of_error(given: Given, network: StoredNetwork, seen: SeenEffects, genes: Sequence[str]) -> np.ndarray:
    """What one standard error of each τ̂_gk, and of each τ̂_g, does to the sum; shape (2m, n)."""
    effect, se = seen.effect[given.position], seen.se[given.position]
    times, is_fold = given.times_seen[:, None], ~given.observed[:, None]
    own, own_se = (values[given.position][:, None] for values in network.own)
    exact = is_fold & (np.array(given.genes, dtype=object)[:, None] == np.array(genes, dtype=object))
    with np.errstate(divide="ignore", invalid="ignore"):
        of_own = np.where(is_fold, -times * effect / own * own_se, 0.0)
    return np.where(np.tile(exact, (2, 1)), 0.0, np.concatenate([times * se, of_own]))
