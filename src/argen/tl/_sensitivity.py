"""On what the edges of a network hang: levels, ties, loops, the first stage, guides, replicates, control guides."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from argen._bridge import log
from argen._bridge.diagnostics.sensitivity import sensitivity_tables
from argen._bridge.diagnostics.variations import KINDS, planned_searches
from argen._bridge.modality import takes_mudata
from argen._bridge.results.entries import write_entry
from argen._bridge.results.searched import open_network
from argen._bridge.runtime import progress_bars, resolve_n_jobs
from argen._bridge.validate import check_key, check_level, check_option, counted
from argen._core.parallel import worker_pool
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["argen_sensitivity"]


@takes_mudata
def argen_sensitivity(
    adata: "AnnData | MuData",
    *,
    key: str = "argen_dag",
    vary: Sequence[str] | None = None,
    alphas: Sequence[float] = (0.2, 0.1, 0.05, 0.01, 0.001),
    guides: str = "argen_guides",
    replicate: str | None = None,
    n_jobs: int | None = None,
    key_added: str = "argen_sensitivity",
    copy: bool = False,
) -> "AnnData | MuData | None":
    """See on what the edges of a network hang.

    The network is searched again with one thing done differently at a time:

    ====================  =================================================================================
    `vary`                what is different
    ====================  =================================================================================
    ``"ties"``            ties of the causal order are broken the other way round
    ``"alphas"``          every level of `alphas`, for the edges and for the descendant step
    ``"loops"``           one loop is cut elsewhere (``loop`` in :func:`argen.get.edges`)
    ``"first_stage"``     each of the other two first stages of :func:`argen_dag`
    ``"shifts"``          shifts that `adjust` took out are left in the effects
    ``"guides"``          the cells of one guide are left out
    ``"replicates"``      the cells of one replicate are left out
    ``"control_guides"``  the control cells of one control guide are left out
    ====================  =================================================================================

    A loop is a pair of genes that the data lead both ways. To cut it elsewhere, the later gene of the pair is made to
    come before the earlier one and the descendant relation is closed anew: an acyclic closure then keeps the pair that
    it had skipped. Pairs whose order is known beforehand stay.

    Without some cells everything is fitted again, as :func:`argen_dag` would without them: shifts, dispersions, total
    effects, descendants, order and edges. Perturbations with fewer than `min_cells` cells left are not in that network,
    and a guide or control guide whose cells are needed for `min_cells` stays. For the other variations total effects
    are not fitted again, and p-values of edges serve every level.

    Parameters
    ----------
    adata
        After :func:`argen_dag`, whose options are used again.
    key
        Name of the network.
    vary
        What to vary, see above. Default: all that the data allow, but no kind that would take more than 100 searches;
        the log and the table ``skipped`` say which were not possible, and why. Of a kind that is named here all
        variations are made.
    alphas
        Levels to try.
    guides
        Name of the guide calls (:func:`argen.pp.argen_guides`), or a column of `obs` with the guide of each cell.
    replicate
        Column of `obs` with the replicate of each cell (donor, library, day); a replicate is what could have been left
        undone as a whole. Perturbations in one replicate alone leave the network with it, as the log says; it is an
        error if all of them are. A covariate that does not vary any more without one of them is left out.
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
        ``"descendants alpha"``, ``"loop reversed"``, ``"first stage"``, ``"without guide"``, ``"without replicate"``,
        ``"without control guide"``), ``alpha``, ``n_cells``, ``n_candidates``, ``n_edges``, ``n_added`` and ``n_lost``
        against the network as it is, ``jaccard`` (shared edges over all edges of both), ``without`` (genes that are not
        in that network, since too few cells are left).
    ``edges``
        One row per edge of any variation: ``source``, ``target``, ``selected`` (in the network as it is), ``share`` (of
        the other variations that have it, each counted once), ``stable`` (every one has it; where a loop is reversed,
        the other way round will do), ``coef`` (in the network as it is) and its range ``coef_low``, ``coef_high`` over
        all in which the edge is a candidate, ``lost_in`` (of an edge of the network the variations without it),
        ``found_in`` (of another edge those with it), in words.
    ``searches``
        One row per variation and such edge: ``variation``, ``source``, ``target``, ``selected``, ``coef`` (missing
        where it is no candidate).
    ``skipped``
        What was not varied: ``what``, ``reason``, ``n``.

    and ``settings``, ``made_from`` (ids of data, descendant step and network).

    Raises
    ------
    argen.errors.MissingResultError
        No network of :func:`argen_dag` under `key`.
    argen.errors.StaleResultError
        The data have changed since.
    argen.errors.InputError
        A level outside (0, 1), or none; `vary` names something that there is not, or that is not possible; `guides` or
        `replicate` are not in `adata`.

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
    14
    """
    levels = _levels(alphas)
    kinds = _kinds(vary, replicate)
    check_key("guides", guides)
    threads = resolve_n_jobs(n_jobs)
    network = open_network(adata, argen_sensitivity, key, key_added=key_added, kind="sensitivity")
    start = log.info("searching the network with other choices")
    with worker_pool(threads) as map_, progress_bars() as bar:
        plan = planned_searches(
            adata, network.whole(map_), kinds, levels, guides, replicate, ask_for_all=vary is not None, map_=map_
        )
        found = plan.run(bar("sensitivity, searches", len(plan)))
    tables = sensitivity_tables(found) | {"skipped": plan.notes.table()}
    settings = {"alphas": levels, "vary": kinds, "guides": guides, "replicate": replicate}
    adata = adata.copy() if copy else adata
    write_entry(adata, network.diagnostic(key_added, "sensitivity", settings, tables))
    edges = tables["edges"]
    stable, n_edges = int(edges["stable"].sum()), int(edges["selected"].sum())
    log.info(
        "    finished",
        time=start,
        deep=f"{stable} of {counted(n_edges, 'edge')} stable in {counted(len(found) - 1, 'variation')}",
    )
    return adata if copy else None


def _kinds(vary: Sequence[str] | None, replicate: str | None) -> tuple[str, ...]:
    """What is to be varied, in the order of :data:`KINDS`."""
    if vary is None:
        return KINDS
    asked = (vary,) if isinstance(vary, str) else tuple(vary)
    if not asked:
        msg = f"vary is empty: name at least one of {', '.join(map(repr, KINDS))}."
        raise InputError(msg)
    for kind in asked:
        check_option("vary", kind, KINDS)
    if (replicate is None) == ("replicates" in asked):
        msg = (
            "vary names 'replicates': name their column by replicate=."
            if replicate is None
            else f"replicate={replicate!r}, but vary leaves out 'replicates'."
        )
        raise InputError(msg)
    return tuple(kind for kind in KINDS if kind in asked)


def _levels(alphas: Sequence[float]) -> tuple[float, ...]:
    values = tuple(np.atleast_1d(np.asarray(alphas, dtype=object)).tolist())
    if not values:
        msg = "alphas is empty: give at least one level."
        raise InputError(msg)
    for value in values:
        check_level("alphas", value)
    return tuple(dict.fromkeys(float(value) for value in values))
