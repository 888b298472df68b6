"""Direct effects of the genes of a network on every other measured gene."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from argen._bridge import log
from argen._bridge.modality import takes_mudata
from argen._bridge.responders.direct import ResponderScreen, direct_effects, edges_table, effects_matrix, genes_table
from argen._bridge.responders.total import compute_total_effects, read_total_effects, total_key, write_total_effects
from argen._bridge.results.entries import write_entry
from argen._bridge.results.searched import open_network
from argen._bridge.runtime import progress_bars, resolve_n_jobs
from argen._bridge.validate import check_level, check_option, counted
from argen._core.parallel import worker_pool
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["argen_responders"]

# Candidate edges up to which the robust tests are made without being asked: they look at every cell for each.
MOST_ROBUST = 2000


@takes_mudata
def argen_responders(
    adata: "AnnData | MuData",
    *,
    network: str = "argen_dag",
    responders: Literal["all"] | str | Sequence[str] | None = None,
    alpha: float = 0.05,
    robust: bool | None = None,
    n_jobs: int | None = None,
    key_added: str = "argen_responders",
    copy: bool = False,
) -> "AnnData | MuData | None":
    r"""Find which measured genes the genes of a network regulate directly.

    A *responder* is a gene that is measured but no node of the network. Nothing instruments it, so it is a leaf: edges
    lead from nodes to it, none from it. Its candidate parents :math:`A` are the nodes with a significant total effect
    on it and their ancestors in the relation of the network. With the reduced form of every gene on the indicators of
    all perturbations,

    .. math:: Y_k \sim \text{offset} + 1 + D_1 + \dots + D_P + X,

    :math:`\xi_t` the coefficients of responder t and M those of the nodes (row l, column k: :math:`D_l` in the form of
    k; entries outside the relation as the network's ``first_stage`` has it), the direct effects are

    .. math:: \hat\theta_t = M_{AA}^{-1} \, \xi_{t,A},

    which is the regression of t on the predicted expression of A and on the indicators of the other perturbations.
    Standard errors, F and the tests that weak instruments do not spoil are those of :func:`argen_dag`, by the
    covariance that the network was made with. The edges are selected by Benjamini and Hochberg over all candidate
    edges to responders: a family of its own.

    *Direct* means: not through another gene of the network. A path through genes that are no nodes is direct.

    Parameters
    ----------
    adata
        After :func:`argen_dag`.
    network
        Name of a network of :func:`argen_dag`.
    responders
        As in :func:`argen_descendants`, if total effects on responders were not computed with the descendant step, or
        others are wanted now: they are then computed first, and written. `None` takes those that are there.
    alpha
        False discovery rate of the edges to responders.
    robust
        Whether to make the tests that weak instruments do not spoil. Default: up to 2,000 candidate edges.
    n_jobs
        Threads; default all that the process may use. No number depends on it.
    key_added
        Name of the result.
    copy
        Return a changed copy instead of changing `adata`.

    Returns
    -------
    Returns `None` if `copy=False`, else an `AnnData`. Sets the following fields:

    `adata.varm[key_added]` : :class:`scipy.sparse.csr_matrix` (dtype `float`)
        [gene, node]: direct effects of the selected edges; the columns are in the order of the table ``nodes``.
    `adata.uns[key_added]` : :class:`dict`
        In ``tables``: ``edges`` (every candidate), ``genes`` (every responder), ``nodes``; beside them ``settings``,
        ``made_from`` and what every entry has.

    Raises
    ------
    argen.errors.MissingResultError
        No network under this name, or no total effects on responders and `responders` not given.
    argen.errors.StaleResultError
        The network, or the total effects, were made from another descendant step, or the data have changed.
    argen.errors.InputError
        Unknown genes or column; a network of another method; no responder with enough counts.

    See Also
    --------
    argen.get.responders : the table of edges.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate(genes=40, perturbations=10, rng=2)
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", depth="depth")
    >>> ag.tl.argen_responders(adata)
    >>> sorted(ag.get.responders(adata).columns)[:3]
    ['ci_high', 'ci_high_robust', 'ci_low']
    """
    check_level("alpha", alpha)
    check_option("robust", robust, (True, False, None))
    threads = resolve_n_jobs(n_jobs)
    found = open_network(adata, argen_responders, network, key_added=key_added, kind="responders")
    start = log.info("direct effects on responders")
    with worker_pool(threads) as map_, progress_bars() as bar:
        effects = None
        if responders is not None:
            effects = compute_total_effects(adata, found.step, map_, bar, responders)
        data = ResponderScreen.of(found, effects or read_total_effects(adata, found.step.entry))
        if len(data.responders) == 0:
            msg = (
                "No measured gene is a responder: all genes with enough counts are nodes of the network. Their numbers "
                f"are in adata.uns[{total_key(found.step.entry.key)!r}]['tables']['genes']."
            )
            raise InputError(msg)
        n_candidates = int(data.candidates.sum())
        robust = n_candidates <= MOST_ROBUST if robust is None else robust
        if not robust:
            log.info(
                f"    {n_candidates} candidate edges: without tests that weak instruments do not spoil (robust=True)"
            )
        options = {
            "covariance": found.settings.covariance,
            "hc": found.settings.edges_hc,
            "alpha": alpha,
            "robust": robust,
        }
        direct = direct_effects(adata, data, **options, map_=map_, bar=bar)
    tables = {
        "edges": edges_table(data, direct, alpha),
        "genes": genes_table(data, direct),
        "nodes": np.array(found.step.screen.genes, dtype=object),
    }
    settings = {"descendants": found.step.entry.key, **options}
    entry = found.diagnostic(key_added, "responders", settings, tables)
    adata = adata.copy() if copy else adata
    if effects is not None:
        write_total_effects(adata, found.step.entry.key, effects)
    adata.varm[key_added] = effects_matrix(adata, data, direct)
    write_entry(adata, entry)
    n_edges, n_reached = int(direct.selection.selected.sum()), int((tables["genes"]["n_edges"] > 0).sum())
    log.info(
        "    finished",
        time=start,
        deep=f"{counted(n_edges, 'edge')} to {n_reached} of {counted(len(data.responders), 'responder')} selected of "
        f"{n_candidates} candidates\nadded\n    {key_added!r}, direct effects (adata.varm)\n"
        f"    {key_added!r}, candidate edges and responders (adata.uns)",
    )
    return adata if copy else None
