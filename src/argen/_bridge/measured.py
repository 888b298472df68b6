"""AnnData → a screen of all measured genes and all perturbations, those without a gene of their own included."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge.counts import depth_of, read_counts
from argen._bridge.design import build_covariates, complete_cells, parse_covariates
from argen._bridge.features import genes_of
from argen._bridge.labels import NO_PERTURBATION, are_among, read_labels
from argen._bridge.object_counts import ObjectCounts
from argen._bridge.settings import DescendantSettings
from argen._core.screen import CONTROL, Design, Screen, build_design

if TYPE_CHECKING:
    from anndata import AnnData

# Fewer counts than this in all cells are no log ratio of any group.
LEAST_COUNTS = 20.0

__all__ = ["LEAST_COUNTS", "MeasuredCells", "MeasuredScreen", "own_genes", "read_cells", "read_measured"]


@dataclass(frozen=True, slots=True)
class MeasuredScreen:
    """All measured genes under all perturbations.

    Attributes
    ----------
    screen
        Its genes are the measured ones with counts, in the order of ``var_names``; its groups the perturbations.
    perturbations
        Names of the groups, sorted.
    own
        Position among the genes of each perturbation, −1 where it is not measured; shape (P,).
    """

    screen: Screen
    perturbations: tuple[str, ...]
    own: np.ndarray


@dataclass(frozen=True, slots=True)
class MeasuredCells:
    """The cells of all perturbations and of the controls, and the counts of all genes.

    Attributes
    ----------
    design, cell, covariate_names
        As those of a :class:`~argen._core.screen.Screen`; its groups are the perturbations.
    perturbations
        Names of the groups, sorted.
    counts
        Those of the object, all of its cells × all of its genes.
    """

    design: Design
    cell: np.ndarray
    perturbations: tuple[str, ...]
    covariate_names: tuple[str, ...]
    counts: ObjectCounts


def read_cells(adata: "AnnData", params: DescendantSettings, depth_genes: np.ndarray | None = None) -> MeasuredCells:
    """The cells of every perturbation with enough of them, whether its gene is measured or not, and of the controls.

    Cells that the analysis of the network could not use, without depth or without a covariate, are left out here as
    there. `params` were used to read the screen of the network before, so that they are known to be right.
    """
    read = read_labels(adata, params)
    labels, params = read.of_cell, read.settings
    spec = parse_covariates(params.covariates, adata.obs)
    counts = read_counts(adata, params.layer)
    depth = depth_of(adata, params.depth, counts, depth_genes)
    complete = complete_cells(spec, adata.obs) & (depth > 0)
    names, sizes = np.unique(labels[complete], return_counts=True)
    left_out = {"", *NO_PERTURBATION, *params.control}
    perturbations = [str(name) for name, n in zip(names, sizes, strict=True) if n >= params.min_cells]
    perturbations = [name for name in perturbations if name not in left_out]
    if params.perturbations is not None:
        perturbations = [name for name in perturbations if name in params.perturbations]
    wanted = complete & (are_among(labels, perturbations) | are_among(labels, params.control))
    while True:
        cells = np.flatnonzero(wanted)
        covariates, alone = build_covariates(spec, adata.obs.iloc[cells])
        if not alone.any():
            break
        wanted[cells[alone]] = False
    position = {name: j for j, name in enumerate(perturbations)}
    group = np.array([position.get(label, CONTROL) for label in labels[cells]], dtype=np.int64)
    design, order = build_design(group, depth[cells] / depth[cells].mean(), covariates, len(perturbations))
    return MeasuredCells(design, cells[order], tuple(perturbations), covariates.names, counts)


def read_measured(
    adata: "AnnData",
    params: DescendantSettings,
    depth_genes: np.ndarray | None = None,
    *,
    most: int | None = None,
) -> MeasuredScreen:
    """The cells of every perturbation with enough of them, whether its gene is measured or not, and of the controls.

    Genes with few counts are left out; with `most` only so many are read, those that are perturbed and those with most
    counts. Cells as in :func:`read_cells`.
    """
    cells = read_cells(adata, params, depth_genes)
    used = np.zeros((1, adata.n_obs))
    used[0, cells.cell] = 1.0
    measured = genes_of(adata)
    at = measured.get_indexer(list(cells.perturbations))
    genes = _enough(cells.counts.gene_sums(used)[0], measured, at, most)
    screen = Screen(
        tuple(measured[genes]),
        cells.counts.of(genes, cells.cell),
        cells.design,
        cells.cell,
        cells.covariate_names,
    )
    own = np.full(len(measured) + 1, -1)
    own[genes] = np.arange(len(genes))
    return MeasuredScreen(screen, cells.perturbations, own[at])


def _enough(total: np.ndarray, names: pd.Index, own: np.ndarray, most: int | None) -> np.ndarray:
    """Genes with enough counts for an effect, in the order of the matrix; `most` of them, those with most counts."""
    total[own[own >= 0]] = np.inf  # whatever they have
    genes = np.flatnonzero(total >= LEAST_COUNTS)
    if most is None or len(genes) <= most:
        return genes
    # Names break the ties, so that the order of the columns decides nothing.
    best = genes[np.lexsort((names[genes].to_numpy(dtype=str), -total[genes]))]
    return np.sort(best[: max(most, int(np.isinf(total).sum()))])


def own_genes(measured: MeasuredScreen) -> MeasuredScreen:
    """The same cells with the genes that are perturbed themselves alone."""
    genes = np.unique(measured.own[measured.own >= 0])
    screen = measured.screen
    names = tuple(screen.genes[j] for j in genes)
    place = np.full(screen.n_genes + 1, -1)
    place[genes] = np.arange(len(genes))
    some = replace(screen, genes=names, counts=screen.counts.of_genes(genes))
    return MeasuredScreen(some, measured.perturbations, place[measured.own])
