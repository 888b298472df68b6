"""Whether the guides of a perturbation agree with each other."""

from typing import TYPE_CHECKING

from argen._bridge import log
from argen._bridge.diagnostics.overidentification import carried_guides, check_split, estimable_equations, tables_of
from argen._bridge.modality import takes_mudata
from argen._bridge.results.entries import write_entry
from argen._bridge.results.searched import open_network
from argen._bridge.runtime import progress_bars, resolve_n_jobs
from argen._bridge.validate import check_count, check_key, check_level, counted
from argen._core.diagnostics.guide_split import split_by_guides
from argen._core.diagnostics.overidentification import n_blocks, pair_tests, saturated_forms
from argen._core.diagnostics.overidentified_equations import equation_tests
from argen._core.parallel import worker_pool
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["argen_overidentification"]

# Valid guides of unequal strength with 30 cells each: rejected in .10 of the pairs at .05 with HC0, in .08 with HC3.
HC3 = True


@takes_mudata
def argen_overidentification(
    adata: "AnnData | MuData",
    *,
    key: str = "argen_dag",
    guides: str = "argen_guides",
    min_cells: int = 30,
    alpha: float = 0.05,
    n_jobs: int | None = None,
    key_added: str = "argen_overidentification",
    copy: bool = False,
) -> "AnnData | MuData | None":
    r"""Test whether the guides of each perturbation agree with each other (Hansen's J).

    Guides of one gene may differ in strength, but if they act through it alone, then everything that they change
    moves along with it. For the perturbed gene :math:`k` with the guides :math:`g`, let :math:`m_g` be the natural log
    fold change of :math:`k` under guide :math:`g` and :math:`\xi_g` that of another gene. Then :math:`\xi_g = b\,m_g`
    with one :math:`b` for all guides, and

    .. math:: J = \min_b\, (\hat\xi - b\hat m)'\,\hat\Omega(\hat b)^{-1}\,(\hat\xi - b\hat m) \;\sim\; \chi^2_{G-1},
        \qquad \Omega(b) = \sum_i u_i u_i', \quad u_i = IF_{\xi,i} - b\,IF_{m,i},

    :math:`IF_i` the influence of cell :math:`i`. A small p-value tells of a guide with an off-target effect, or of
    guides that act in different ways (isoforms, an essential gene's toxicity). For an edge :math:`k \to t` the same is
    asked of the equation of :math:`t`: :math:`\xi = E\theta` for the guides of :math:`k` beside the other candidates,
    and for an equation for the guides of all candidates at once. The tests of pairs do not need the network; those of
    edges take its ancestors for right, as its effects do.

    A cell belongs to a guide if it carries no other guide of its gene. Guides with at least `min_cells` such cells
    become instruments of their own; the other cells of a perturbation with two of them stay in the regressions as a
    group, but are not part of the tests. Coefficients are those of regressions on all groups at once, with the
    likelihood, depth and covariates of the descendant step; residuals are divided by 1 − leverage (HC3).

    Parameters
    ----------
    adata
        After :func:`argen_dag`, with the guide of each cell.
    key
        Name of the network.
    guides
        Name of the guide calls of :func:`argen.pp.argen_guides`, or a column of `obs` with the guide of each cell.
    min_cells
        Fewest cells of a guide.
    alpha
        Level of the adjusted p-values below which the guide that disagrees is named.
    n_jobs
        Threads; default all that the process may use. No number depends on it.
    key_added
        Name of the result.
    copy
        Return a changed copy instead of changing `adata`.

    Returns
    -------
    Returns `None` if `copy=False`, else an `AnnData`. Sets `adata.uns[key_added]`, with the ``tables``

    ``perturbations``
        One row per perturbation of the network: ``perturbation``, ``n_guides``, ``n_guides_used``, ``status``
        (``"tested"``, ``"not tested"``), ``reason``, ``n_pairs``, ``n_disagreeing`` (pairs with ``padj`` below
        `alpha`), and of the pair with the smallest p: ``target``, ``p``, ``padj``, ``disagrees``.
    ``guides``
        One row per guide against a gene of the network: ``guide``, ``target``, ``n_cells``, ``used``.
    ``pairs``
        One row per tested perturbation and other gene: ``source``, ``target``, ``n_guides`` (those with counts of
        both), ``ratio`` (b), ``J``, ``df``, ``p``, ``padj`` (Benjamini–Hochberg over the pairs), ``disagrees``,
        ``flags`` (``"fewer than two guides with counts"``, ``"singular"``, ``"not converged"``).
    ``edges``
        One row per candidate edge: ``source``, ``target``, ``selected``, then as above (``padj`` over the edges);
        ``flags`` also ``"not split"`` (the source has not two guides), ``"not estimable"``, ``"untestable"``.
    ``equations``
        One row per gene with candidates: ``target``, ``n_candidates``, ``J``, ``df``, ``p``, ``padj``, ``flags``.

    and ``settings``, ``made_from`` (ids of data, descendant step and network).

    ``disagrees`` is empty unless ``padj`` is below `alpha`. With three guides or more it names the one without which J
    is smallest, with two it is ``"disagree"``, since nothing tells which of them is wrong.

    Raises
    ------
    argen.errors.MissingResultError
        No network of :func:`argen_dag` under `key`, or no guide calls under `guides`.
    argen.errors.StaleResultError
        The data have changed since.
    argen.errors.InputError
        No perturbation has two guides with enough cells, no guide is against a gene of the network, or an argument
        cannot be used.

    See Also
    --------
    argen.get.overidentification : the tables.

    Examples
    --------
    >>> import argen as ag
    >>> mdata = ag.datasets.simulate("paper_fig2", n_cells=3000, guides_per_target=2, guide_counts=True)
    >>> ag.pp.argen_guides(mdata)
    >>> adata = mdata["rna"]
    >>> ag.tl.argen_dag(adata, covariates=["L"], depth="depth")
    >>> ag.tl.argen_overidentification(adata)
    >>> ag.get.overidentification(adata)["n_guides_used"].unique().tolist()
    [2]
    """
    min_cells = check_count("min_cells", min_cells, 2)
    check_level("alpha", alpha)
    check_key("guides", guides)
    if key_added == guides:
        msg = f"key_added={key_added!r} would overwrite the guide calls of that name. Choose another name."
        raise InputError(msg)
    threads = resolve_n_jobs(n_jobs)
    network = open_network(adata, argen_overidentification, key, key_added=key_added, kind="overidentification")
    step = network.step
    carried = carried_guides(adata, guides, step.screen, step.settings.gene_symbols)
    split = split_by_guides(step.screen, carried.of_cell, min_cells)
    check_split(split, carried, min_cells)
    equations = estimable_equations(network.dag)
    # A shared first stage lets every candidate's perturbation move every other candidate. A shrunk one does, too; the
    # test weighs every moment by its own error and takes the estimates unshrunk.
    shared = network.settings.first_stage != "ancestors"
    reach = network.relation.descendant | shared
    n_split = len(split.split_perturbations)
    start = log.info(f"comparing the guides of {counted(n_split, 'perturbation')}")
    with worker_pool(threads) as map_, progress_bars() as bar:
        track = bar("guides, reduced forms", step.screen.n_genes)
        forms = saturated_forms(split, hc3=HC3, phi=step.phi, map_=map_, track=track)
        track = bar("guides, pairs", n_blocks(step.screen.n_genes, n_split))
        pairs = pair_tests(split, forms, hc3=HC3, alpha=alpha, map_=map_, track=track)
        track = bar("guides, equations", len(equations))
        tests = equation_tests(split, forms, equations, reach, hc3=HC3, alpha=alpha, map_=map_, track=track)
    tables = tables_of(step.screen, split, carried, network.dag, pairs, tests, min_cells=min_cells, alpha=alpha)
    settings = {"guides": guides, "min_cells": min_cells, "alpha": alpha}
    adata = adata.copy() if copy else adata
    write_entry(adata, network.diagnostic(key_added, "overidentification", settings, tables))
    found = {name: int((tables[name]["padj"] < alpha).sum()) for name in ("pairs", "edges")}
    log.info(
        "    finished",
        time=start,
        deep=f"guides disagree in {found['pairs']} of {counted(len(tables['pairs']), 'pair')} and "
        f"{found['edges']} of {counted(len(tables['edges']), 'candidate edge')}; "
        f"{counted(step.screen.n_genes - n_split, 'perturbation')} without two guides",
    )
    return adata if copy else None
