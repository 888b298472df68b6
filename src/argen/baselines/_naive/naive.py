"""The naive proxy regression: a baseline."""

from typing import TYPE_CHECKING, Literal, Unpack

from argen._bridge import log
from argen._bridge.modality import takes_mudata
from argen._bridge.results import slots
from argen._bridge.results.steps import open_step, write_step
from argen._bridge.runtime import progress_bars, resolve_n_jobs, warn_user
from argen._bridge.settings import DescendantOptions, with_level
from argen._bridge.validate import check_anndata, check_level, check_option, counted, name_some
from argen._core.fdr import FDR
from argen._core.parallel import worker_pool
from argen._core.results import Dag, EdgeStatus
from argen._core.screen import Screen
from argen.baselines._naive.search import search_naive

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["argen_naive"]


@takes_mudata
def argen_naive(
    adata: "AnnData | MuData",
    *,
    descendants: str = "argen_descendants",
    alpha: float = 0.05,
    fdr: Literal["batch-bh", "bh"] = "batch-bh",
    descendants_alpha: float | None = None,
    n_jobs: int | None = None,
    key_added: str = "argen_naive",
    copy: bool = False,
    **descendants_kwargs: Unpack[DescendantOptions],
) -> "AnnData | MuData | None":
    r"""Find a network as :func:`argen_dag` does, but with *observed* expression as regressors: a baseline.

    Order, candidates :math:`A` and online FDR control are those of :func:`argen_dag`. The equation of gene :math:`t`
    has the observed instead of the predicted log-expression of the candidates,

    .. math:: \log E[Y_t] = \log \ell + \alpha + \tau_t D_t
              + \sum_{k \in A} \theta_{kt} \log(Y_k / \ell + 1) + \beta' X,

    fitted by quasi-Poisson likelihood with HC0 covariance :math:`A^{-1}BA^{-1}`, :math:`A = \sum \mu x x'`,
    :math:`B = \sum (y-\mu)^2 x x'`. Unmeasured causes that two genes share enter :math:`\theta` here, and the noise of
    counts in the regressors draws it towards 0: the p-values do not test what they seem to. It is the baseline of
    :cite:t:`ParkLi2026`, to be compared with, not to be used.

    Parameters
    ----------
    adata
        Cells × genes. If ``uns[descendants]`` is missing, :func:`argen_descendants` runs first.
    descendants
        Descendant step whose design (cells, covariates, depth …) and relation are used.
    alpha
        Level of FDR control over all edges.
    fdr
        ``"batch-bh"``: BatchBH over the genes in the order of the search, the paper's online procedure. ``"bh"``:
        Benjamini–Hochberg over all candidates at once; as the order does not depend on the edges, all p-values are
        there when it decides. It selects more, most of all in large networks, where BatchBH spreads its level thin.
    descendants_alpha
        Level of the descendant step if that has to run; default that of :func:`argen_descendants`.
    n_jobs
        Threads; default all that the process may use. No number depends on it.
    key_added
        Name of the result.
    copy
        Return a changed copy instead of changing `adata`.
    **descendants_kwargs
        Arguments of :func:`argen_descendants` for when it has to run. If its result is there, arguments that differ
        from those that made it are an error.

    Returns
    -------
    Returns `None` if `copy=False`, else an `AnnData`. Sets the fields that :func:`argen_dag` sets, under this name:

    `adata.varp[key_added]` : :class:`scipy.sparse.csr_matrix` (dtype `float`)
        [parent, child]: coefficients of the selected edges.
    `adata.var[f'{key_added}_order']`, `adata.var[f'{key_added}_layer']` : :class:`pandas.Series` (dtype `int`)
        Position in the causal order and longest path from a root; -1 outside the network.
    `adata.uns[key_added]` : :class:`dict`
        In ``tables``: ``edges`` (every candidate, selected or not), ``order``, ``nodes``, ``prior`` (empty),
        ``cycles``, ``equations``; beside them ``settings``, ``made_from`` and what every entry has.

    Raises
    ------
    argen.errors.StaleResultError
        The stored descendant step was made from other cells, genes, counts or perturbations.
    argen.errors.InputError
        Unknown option, or `descendants_kwargs` that contradict the stored step; and all errors of
        :func:`argen_descendants`.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_naive(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> len(ag.get.edges(adata, key="argen_naive")) > 8
    True
    """
    check_anndata(adata)
    check_level("alpha", alpha)
    check_option("fdr", fdr, tuple(FDR))
    threads = resolve_n_jobs(n_jobs)
    given = with_level(descendants_kwargs, descendants_alpha)
    names = {"descendants": descendants, "key_added": key_added, "kind": "network"}
    step = open_step(adata, argen_naive, given, **names, n_jobs=n_jobs)
    start = log.info("searching a network with observed expression")
    with worker_pool(threads) as map_, progress_bars() as bar:
        track = bar("naive network, genes", step.screen.n_genes)
        dag = search_naive(step.screen, step.tests, step.relation, alpha=alpha, fdr=fdr, map_=map_, track=track)
    _warn_lost(step.screen, dag)
    settings = {"descendants": descendants, "method": "naive", "alpha": alpha, "fdr": fdr}
    entry = slots.network_entry(key_added, settings, step, dag, step.relation)
    adata = adata.copy() if copy else adata
    write_step(adata, step)
    slots.write_network(adata, entry, step, dag)
    deep = f"{int(dag.selected.sum())} edges selected of {len(dag.selected)} candidates\nadded\n    {key_added!r}"
    log.info("    finished", time=start, deep=f"{deep} (adata.uns, adata.varp)")
    return adata if copy else None


def _warn_lost(screen: Screen, dag: Dag) -> None:
    """One warning for equations without an estimate or without convergence."""
    for status, what in _LOST.items():
        lost = [screen.genes[e.target] for e in dag.equations if (e.status == status).any()]
        if lost:
            warn_user(f"{counted(len(lost), 'equation')} {what}: {name_some(lost)}. See the flags of the edges.")


_LOST = {
    EdgeStatus.SINGULAR: "without estimates, their regressors are collinear",
    EdgeStatus.NOT_CONVERGED: "did not converge",
}
