"""Causal discovery by other packages: baselines."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Unpack

import numpy as np

from argen._bridge import log
from argen._bridge.modality import takes_mudata
from argen._bridge.results.other_networks import edge_table, other_network_entry, write_other_network
from argen._bridge.results.steps import open_step, write_step
from argen._bridge.settings import LevelledDescendantOptions
from argen._bridge.validate import check_anndata, check_option
from argen._core.parallel import worker_pool
from argen._core.screen import CONTROL
from argen.baselines._external.methods import METHODS, coefficients, discover
from argen.baselines._inspre.expression import z_scores
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["external_dag"]

CELLS = ("control", "all")


@takes_mudata
def external_dag(
    adata: "AnnData | MuData",
    *,
    method: Literal["pc", "ges", "gies", "notears"],
    cells: Literal["control", "all"] = "control",
    options: Mapping[str, Any] | None = None,
    descendants: str = "argen_descendants",
    n_jobs: int | None = None,
    key_added: str = "external_dag",
    copy: bool = False,
    **descendants_kwargs: Unpack[LevelledDescendantOptions],
) -> "AnnData | MuData | None":
    r"""Find a network with another package's method for causal discovery: a baseline.

    The methods see z-scored :math:`\log(Y/\ell + 1)` of the genes of the network, with means and standard deviations of
    the control cells of the same batch (combination of the categorical covariates). They know neither counts nor
    numeric covariates, and all of them assume that there are no unmeasured causes. Beyond some 30 genes the greedy
    searches take minutes to hours. Needs the extra ``baselines`` (``pip install argen[baselines]``).

    Parameters
    ----------
    adata
        Cells × genes. If ``uns[descendants]`` is missing, :func:`argen_descendants` runs first.
    method
        ``"pc"``: PC algorithm with Fisher's z test, of causal-learn; ``"ges"``, ``"gies"``: greedy (interventional)
        equivalence search with the Gaussian BIC, of gies; ``"notears"``: linear NOTEARS, of gCastle (which needs
        PyTorch).
    cells
        Cells that ``"pc"``, ``"ges"`` and ``"notears"``, which know no interventions, are given. ``"gies"`` always
        takes all cells and which gene each perturbs.
    options
        Further arguments of the package's function, such as ``{"alpha": 0.01}`` for ``"pc"`` or
        ``{"lambda1": 0.05, "w_threshold": 0.1}`` for ``"notears"``. For ``"gies"`` also ``{"center": "environment"}``:
        the package's own score, blind to the shifts of means that knock-downs are; without it, the cells that do not
        perturb a gene are centred together.
    descendants
        Descendant step whose design (cells, genes, batches, depth …) is used; nothing else of it is.
    n_jobs
        Threads of the descendant step, if that has to run. The methods themselves run on one.
    key_added
        Name of the result.
    copy
        Return a changed copy instead of changing `adata`.
    **descendants_kwargs
        Arguments of :func:`argen_descendants` for when it has to run. If its result is there, arguments that differ
        from those that made it are an error.

    Returns
    -------
    Returns `None` if `copy=False`, else an `AnnData`. Sets the following fields:

    `adata.varp[key_added]` : :class:`scipy.sparse.csr_matrix` (dtype `float`)
        [parent, child]: coefficients of the edges.
    `adata.uns[key_added]` : :class:`dict`
        In ``tables``: ``edges`` (every ordered pair: ``coef`` from least squares on all parents, ``se``, ``z``, ``p``
        missing, ``selected``, ``flags``; an edge whose direction the method leaves open is there both ways, flagged
        ``"undirected"``), ``nodes``, ``order``; beside them ``settings``, ``made_from`` and what every entry has.

    Raises
    ------
    ImportError
        The method's package is not installed; a note says how to get it.
    argen.errors.InputError
        Unknown option, or `descendants_kwargs` that contradict the stored step; and all errors of
        :func:`argen_descendants`.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2", n_cells=2000)
    >>> ag.tl.external_dag(adata, method="gies", perturbation_key="perturbation", depth="depth")
    >>> len(ag.get.edges(adata, key="external_dag")) > 0
    True
    """
    check_anndata(adata)
    check_option("method", method, tuple(METHODS))
    check_option("cells", cells, CELLS)
    if not isinstance(options, Mapping | None):
        msg = f"options={options!r}: give a mapping from names of arguments to values."
        raise InputError(msg)
    names = {"descendants": descendants, "key_added": key_added, "kind": "network"}
    step = open_step(adata, external_dag, descendants_kwargs, **names, n_jobs=n_jobs)
    start = log.info(f"searching a network with {method}")
    z, perturbation = z_scores(step.screen), step.screen.group
    perturbation = np.where(perturbation == step.screen.n_genes, CONTROL, perturbation)
    if method != "gies" and cells == "control":
        z, perturbation = z[perturbation == CONTROL], perturbation[perturbation == CONTROL]
    with worker_pool(1):
        found = discover(method, z, perturbation, options or {})
        coef = coefficients(z, perturbation, found)
    flags = np.where(found & found.T, "undirected", "").astype(object)
    params = {"method": method, "cells": "all" if method == "gies" else cells, "descendants": descendants}
    params["options"] = [f"{name}={value!r}" for name, value in (options or {}).items()]
    entry = other_network_entry(
        key_added, params, step.screen.genes, step.made_from, edge_table(step.screen, coef, found, flags)
    )
    adata = adata.copy() if copy else adata
    write_step(adata, step)
    write_other_network(adata, entry, step.screen.genes)
    log.info("    finished", time=start, deep=f"{found.sum()} edges\nadded\n    {key_added!r} (adata.uns, adata.varp)")
    return adata if copy else None
