"""How often an edge comes back when the cells are drawn again."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge import log
from argen._bridge.diagnostics.responder_stability import (
    responders_to_draw,
    stability_of_responders,
    stability_table,
)
from argen._bridge.modality import takes_mudata
from argen._bridge.responders.stored import asked_responders
from argen._bridge.results.entries import write_entry
from argen._bridge.results.searched import SearchedNetwork, open_network
from argen._bridge.runtime import progress_bars, resolve_n_jobs
from argen._bridge.validate import check_count, counted, read_seed
from argen._core.dag.covariance import COVARIANCES
from argen._core.diagnostics.drawn_network import SearchOptions
from argen._core.diagnostics.stability import Draws, Stability, draw_networks, saturated_forms
from argen._core.glm.sandwich import HC
from argen._core.parallel import worker_pool

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["argen_stability"]


@takes_mudata
def argen_stability(
    adata: "AnnData | MuData",
    *,
    key: str = "argen_dag",
    n_draws: int = 200,
    responders: bool | str = False,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    key_added: str = "argen_stability",
    copy: bool = False,
) -> "AnnData | MuData | None":
    r"""See how often each edge, and its direction, comes back when the cells are drawn again.

    In every draw cell :math:`i` has a random weight :math:`w_i \sim \mathrm{Exp}(1)`, the same for all genes. To first
    order this moves the coefficients of the perturbations in the reduced form of gene :math:`k` by
    :math:`\sum_i (w_i - 1) \mathrm{IF}_{k,i}`, IF the influence of a cell, so nothing is fitted again; descendants,
    order, equations and FDR control are run again on the moved numbers. It reproduces the bootstrap over cells.

    A bootstrap adds the noise of the data once more: null z-scores of draws have a variance of 2, and null edges come
    back several times as often as nulls of fresh data would be found. ``stability`` therefore puts
    :math:`z^*/\sqrt{2}` into both rounds of FDR control, as selection on half-samples does: nulls come back as often as
    in fresh data, true edges as often as with half of the cells. ``bootstrap_frequency`` does not, is inflated for
    nulls, and is there for comparison with other methods only.

    *Edges to responders*, if they are asked for, are drawn with the cells of all perturbations: the relation of the
    network, the family of total effects, candidates, and :math:`\theta^* = M_A^{*-1} \xi^*_{t,A}` with the saturated
    regressions and the options of the stored result, every z-score divided by :math:`\sqrt{2}`.

    Parameters
    ----------
    adata
        After :func:`argen_dag`, whose options are used again.
    key
        Name of the network.
    n_draws
        Number of draws; the Monte-Carlo error of a share s is :math:`\sqrt{s(1-s)/n}`, at most .035 with 200.
    responders
        ``True``: edges to responders, too, those of the result of :func:`argen_responders` that was made from this
        network; a text names another one that was. No number of the network depends on it.
    rng
        Seed, or a generator that one is drawn from.
    n_jobs
        Threads; default all that the process may use. No number depends on it.
    key_added
        Name of the result.
    copy
        Return a changed copy instead of changing `adata`.

    Returns
    -------
    Returns `None` if `copy=False`, else an `AnnData`. Sets `adata.uns[key_added]`, with the ``tables``

    ``edges``
        One row per candidate edge of the network and per edge that a draw selected: ``source``, ``target``,
        ``selected`` (in the network), ``stability``, ``bootstrap_frequency``, ``candidate_frequency`` (draws in which
        the source is a candidate parent), ``order_frequency`` (draws in which it comes before the target; arbitrary
        between genes that are not related), ``ci_low``, ``ci_high`` (95 % interval of the effect from the draws, for
        candidates and order as they are).
    ``responders``
        If they were asked for, one row per candidate edge to a responder and per pair that a draw selected: ``source``,
        ``target``, ``selected``, ``stability``, ``candidate_frequency``, ``ci_low``, ``ci_high``.

    and ``settings``, ``made_from`` (ids of data, descendant step, network and, if they were asked for,
    responders); ``settings["seed"]`` repeats it.

    Raises
    ------
    argen.errors.MissingResultError
        No network of :func:`argen_dag` under `key`, or no result for responders.
    argen.errors.StaleResultError
        The data or the descendant step have changed since, or the result for responders was made from another network
        or other total effects.
    argen.errors.InputError
        A number of draws that is no integer of at least 2; a result for responders that was made from a joint network,
        or more draws times perturbations times responders than fit into memory (2e8; the message has what fits).

    See Also
    --------
    argen.get.stability : the table of edges.

    Notes
    -----
    Standard errors of total effects are fixed. Variances in the draws are Murphy and Topel's, also for a network with
    the stacked covariance. Where ``closure`` leaves cycles in a large network a draw takes as long as a search.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> ag.tl.argen_stability(adata, n_draws=50)
    >>> bool(ag.get.stability(adata)["stability"].iloc[0] > 0.9)
    True
    """
    n_draws = check_count("n_draws", n_draws, 2)
    seed = read_seed(rng)
    threads = resolve_n_jobs(n_jobs)
    network = open_network(adata, argen_stability, key, key_added=key_added, kind="stability")
    edges = asked_responders(adata, network, responders)
    drawn = None if edges is None else responders_to_draw(adata, network, edges, n_draws)
    start = log.info("drawing the cells again")
    draws = Draws(n_draws, seed, hc3=HC[network.settings.edges_hc].hc3)
    with worker_pool(threads) as map_, progress_bars() as bar:
        network = network.whole(map_)
        step = network.step
        usable = np.isfinite(np.diag(step.tests.effect))
        forms = saturated_forms(step.screen, usable, hc3=draws.hc3, phi=step.phi, map_=map_)
        found = draw_networks(
            step.screen,
            step.tests,
            network.relation,
            network.dag,
            forms,
            _options(network),
            draws,
            map_=map_,
            track=bar("stability, draws", n_draws),
        )
        beside = None if drawn is None else stability_of_responders(adata, network, drawn, draws, map_, bar)
    tables, settings = {"edges": _table(network, found)}, {"n_draws": n_draws, "seed": seed}
    if beside is not None:
        tables["responders"] = stability_table(network, edges, beside)
    adata = adata.copy() if copy else adata
    of_responders = None if edges is None else edges.entry
    write_entry(adata, network.diagnostic(key_added, "stability", settings, tables, responders=of_responders))
    log.info("    finished", time=start, deep=_summary(tables))
    return adata if copy else None


def _summary(tables: Mapping[str, pd.DataFrame]) -> str:
    parts = []
    for name, table in tables.items():
        stable = int((table["selected"] & (table["stability"] >= 0.5)).sum())
        n = int(table["selected"].sum())
        to = " to responders" if name == "responders" else ""
        parts.append(f"{stable} of {counted(n, 'edge')}{to} in half of the draws or more")
    return "\n    ".join(parts)


def _options(network: SearchedNetwork) -> SearchOptions:
    settings, made = network.settings, network.step.settings
    return SearchOptions(
        closure=made.closure,
        descendants_alpha=made.alpha,
        first_stage=settings.first_stage,
        alpha=settings.alpha,
        fdr=settings.fdr,
        with_first_stage_variance=COVARIANCES[settings.covariance].counts_first_stage,
        prior=network.prior,
    )


def _table(network: SearchedNetwork, found: Stability) -> pd.DataFrame:
    dag, genes = network.dag, np.array(network.step.screen.genes, dtype=object)
    place = np.full(found.stability.shape, -1)
    place[dag.source, dag.target] = np.arange(len(dag.source))
    source, target = np.nonzero((place >= 0) | (found.bootstrap > 0) | (found.stability > 0))
    at = place[source, target]
    known = at >= 0

    def of_candidates(values: np.ndarray, otherwise: object) -> np.ndarray:
        result = np.full(len(at), otherwise, dtype=values.dtype)
        result[known] = values[at[known]]
        return result

    table = pd.DataFrame(
        {
            "source": genes[source],
            "target": genes[target],
            "selected": of_candidates(dag.selected, otherwise=False),
            "stability": found.stability[source, target],
            "bootstrap_frequency": found.bootstrap[source, target],
            "candidate_frequency": found.candidate[source, target],
            "order_frequency": found.before[source, target],
            "ci_low": of_candidates(found.low, np.nan),
            "ci_high": of_candidates(found.high, np.nan),
        }
    )
    order = np.lexsort((-table["bootstrap_frequency"], -table["stability"], ~table["selected"]))
    return table.iloc[order].reset_index(drop=True)
