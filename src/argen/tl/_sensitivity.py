"""Which edges depend on a choice of level or on a tie."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge import log
from argen._bridge.modality import takes_mudata
from argen._bridge.results.entries import write_entry
from argen._bridge.results.searched import open_network
from argen._bridge.runtime import progress_bars, resolve_n_jobs
from argen._bridge.validate import check_level, counted
from argen._core.diagnostics.sensitivity import Variation, vary
from argen._core.parallel import worker_pool
from argen._core.results import Dag
from argen._core.screen import Screen
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["argen_sensitivity"]

ALPHAS = (0.2, 0.1, 0.05, 0.01, 0.001)


@takes_mudata
def argen_sensitivity(
    adata: "AnnData | MuData",
    *,
    key: str = "argen_dag",
    alphas: Sequence[float] = ALPHAS,
    n_jobs: int | None = None,
    key_added: str = "argen_sensitivity",
    copy: bool = False,
) -> "AnnData | MuData | None":
    """See which edges of a network stay when a choice is made differently.

    The network is searched again with ties of the causal order broken the other way round, with every level of `alphas`
    for the edges, and with every one of them for the descendant step. Descendants are not fitted again, p-values of
    edges serve every level, and a reduced form is fitted again only where a gene's ancestors have changed.

    Parameters
    ----------
    adata
        After :func:`argen_dag`, whose options are used again.
    key
        Name of the network.
    alphas
        Levels to try.
    n_jobs
        Threads; default all that the process may use. No number depends on it.
    key_added
        Name of the result.
    copy
        Return a changed copy instead of changing `adata`.

    Returns
    -------
    Returns `None` if `copy=False`, else an `AnnData`. Sets `adata.uns[key_added]`, with the ``tables``

    ``variations``
        One row per variation: ``name``, ``choice`` (``"none"``: the network as it is, ``"ties"``, ``"edges alpha"``,
        ``"descendants alpha"``), ``alpha``, ``n_candidates``, ``n_edges``, ``n_added`` and ``n_lost`` against the
        network as it is, ``jaccard`` (shared edges over all edges of both).
    ``edges``
        One row per edge of any variation: ``source``, ``target``, ``selected`` (in the network as it is), ``share``
        (of the other variations that have it), and one boolean column per variation.

    and ``settings``, ``made_from`` (ids of data, descendant step and network).

    Raises
    ------
    argen.errors.MissingResultError
        No network of :func:`argen_dag` under `key`.
    argen.errors.StaleResultError
        The data have changed since.
    argen.errors.InputError
        A level outside (0, 1), or none.

    See Also
    --------
    argen.get.sensitivity : the table of edges.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> ag.tl.argen_sensitivity(adata)
    >>> len(adata.uns["argen_sensitivity"]["tables"]["variations"])
    12
    """
    levels = _levels(alphas)
    threads = resolve_n_jobs(n_jobs)
    network = open_network(adata, argen_sensitivity, key, key_added=key_added, kind="sensitivity")
    step, settings = network.step, network.settings
    start = log.info("searching the network with other choices")
    with worker_pool(threads) as map_, progress_bars() as bar:
        found = vary(
            step.screen,
            step.tests,
            closure=step.settings.closure,
            descendants_alpha=step.settings.alpha,
            alphas=levels,
            first_stage=settings.first_stage,
            covariance=settings.covariance,
            hc=settings.edges_hc,
            alpha=settings.alpha,
            fdr=settings.fdr,
            phi=step.phi,
            prior=network.prior,
            map_=map_,
            track=bar("sensitivity, searches", 2 + len(levels)),
        )
    variations, edges = _tables(step.screen, found)
    tables = {"variations": variations, "edges": edges}
    adata = adata.copy() if copy else adata
    write_entry(adata, network.diagnostic(key_added, "sensitivity", {"alphas": levels}, tables))
    stable = int((edges["selected"] & (edges["share"] == 1.0)).sum())
    n_edges = int(edges["selected"].sum())
    log.info("    finished", time=start, deep=f"{stable} of {counted(n_edges, 'edge')} in every variation")
    return adata if copy else None


def _levels(alphas: Sequence[float]) -> tuple[float, ...]:
    values = tuple(np.atleast_1d(np.asarray(alphas, dtype=object)).tolist())
    if not values:
        msg = "alphas is empty: give at least one level."
        raise InputError(msg)
    for value in values:
        check_level("alphas", value)
    return tuple(dict.fromkeys(float(value) for value in values))


def _name(variation: Variation) -> str:
    return variation.choice if np.isnan(variation.alpha) else f"{variation.choice} {variation.alpha:g}"


def _edges_of(dag: Dag) -> set[tuple[int, int]]:
    return set(zip(dag.source[dag.selected].tolist(), dag.target[dag.selected].tolist(), strict=True))


def _tables(screen: Screen, found: Sequence[Variation]) -> tuple[pd.DataFrame, pd.DataFrame]:
    sets = {_name(variation): _edges_of(variation.dag) for variation in found}
    base = sets["none"]
    rows = [
        {
            "name": _name(variation),
            "choice": variation.choice,
            "alpha": variation.alpha,
            "n_candidates": len(variation.dag.selected),
            "n_edges": len(edges),
            "n_added": len(edges - base),
            "n_lost": len(base - edges),
            "jaccard": len(edges & base) / max(len(edges | base), 1),
        }
        for variation, edges in zip(found, sets.values(), strict=True)
    ]
    every = sorted(set().union(*sets.values()))
    columns = {name: np.array([edge in edges for edge in every], dtype=bool) for name, edges in sets.items()}
    selected = columns.pop("none")
    table = {end: np.array([screen.genes[edge[i]] for edge in every], dtype=object) for i, end in enumerate(_ENDS)}
    share = np.mean(list(columns.values()), axis=0) if every else np.empty(0)
    edges = pd.DataFrame({**table, "selected": selected, "share": share, **columns})
    order = np.lexsort((np.arange(len(edges)), -edges["share"], ~edges["selected"]))
    return pd.DataFrame(rows), edges.iloc[order].reset_index(drop=True)


_ENDS = ("source", "target")
