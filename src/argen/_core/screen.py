"""The one object that the core takes: counts, perturbations, depth and covariates as plain arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy import sparse

from argen._core.counts import GeneCounts

__all__ = ["CONTROL", "Covariates", "Design", "Screen", "build_design", "build_screen", "regroup", "with_shifts"]

CONTROL = -1


@dataclass(frozen=True, slots=True)
class Covariates:
    """Covariates without intercept, split by how they enter the kernels.

    Attributes
    ----------
    level
        Level of the main factor, shape (n,), 0 … G-1; all zeros when there is no categorical covariate.
        Its one-hot columns span the intercept.
    dummies
        0/1 columns of the other categorical terms, shape (n, O).
    numeric
        Numeric columns, standardised, shape (n, r).
    names
        Names of all columns but the intercept, for messages and the record.
    """

    level: np.ndarray
    dummies: np.ndarray
    numeric: np.ndarray
    names: tuple[str, ...] = ()


class Design(NamedTuple):
    """The sorted design, as the compiled kernels read it.

    Cells are sorted by (group, stratum): group j < p holds the cells that perturb gene j, group p the controls.
    A *stratum* is one combination of all categorical covariates, a *segment* a run of cells of one group and stratum.
    """

    depth: np.ndarray  # (n,)
    numeric: np.ndarray  # (r, n), so that loops over cells are vectorised
    seg_start: np.ndarray  # (n_seg + 1,) first cell of each segment
    seg_stratum: np.ndarray  # (n_seg,)
    group_seg: np.ndarray  # (p + 2,) first segment of each group
    stratum_level: np.ndarray  # (S,) level of the main factor
    stratum_dummies: np.ndarray  # (S, O)
    stratum_supported: np.ndarray  # (S,) every one of its levels holds a control cell
    numeric_bound: np.ndarray  # (r,) largest |value| of each numeric covariate
    n_levels: int  # G

    @property
    def n_nuisance(self) -> int:
        """Number of nuisance coefficients q = G + O + r."""
        return self.n_levels + self.stratum_dummies.shape[1] + self.numeric.shape[0]


@dataclass(frozen=True, slots=True)
class Screen:
    """Counts and design of one analysis.

    Attributes
    ----------
    genes
        Names of the p genes of the network, sorted by code point, so that the order of the columns of the
        input changes nothing; gene j is also perturbation j, unless the groups were split by guides
        (:func:`regroup`).
    counts
        Counts of the genes over the cells in the order of `design`.
    design
        Groups, strata, depth and covariates.
    cell
        Row of each cell in the input, shape (n,).
    covariate_names
        Names of the nuisance columns but the intercept.
    gene_shift
        Log offset of each gene in the `shifted` cells, shape (p,), see :func:`with_shifts`.
    shifted
        Cells that the offsets of the genes apply to, shape (n,).
    """

    genes: tuple[str, ...]
    counts: GeneCounts
    design: Design
    cell: np.ndarray
    covariate_names: tuple[str, ...]
    gene_shift: np.ndarray | None = None
    shifted: np.ndarray | None = None

    @property
    def n_genes(self) -> int:
        """Number of genes (= perturbations) of the network."""
        return len(self.genes)

    @property
    def n_groups(self) -> int:
        """Number of groups beside the controls: the perturbations, or their guides."""
        return len(self.design.group_seg) - 2

    @property
    def n_cells(self) -> int:
        """Number of cells of the analysis."""
        return len(self.cell)

    @property
    def group(self) -> np.ndarray:
        """Group of each sorted cell, `n_groups` for a control."""
        return np.repeat(np.arange(self.n_groups + 1), self.n_per_group)

    @property
    def stratum(self) -> np.ndarray:
        """Stratum of each sorted cell."""
        return np.repeat(self.design.seg_stratum, np.diff(self.design.seg_start))

    @property
    def n_per_group(self) -> np.ndarray:
        """Cells of each group, then of the controls; shape (n_groups + 1,)."""
        return np.diff(self.design.seg_start[self.design.group_seg])

    @property
    def n_supported(self) -> np.ndarray:
        """Cells of each group in strata that hold control cells in each of their levels; shape (n_groups + 1,)."""
        supported = self.design.stratum_supported[self.stratum]
        return np.bincount(self.group, weights=supported, minlength=self.n_groups + 1).astype(np.int64)

    def design_of(self, gene: int) -> Design:
        """The design of one gene's regressions: that of the screen, with the gene's own offset in the depth."""
        if self.gene_shift is None or self.gene_shift[gene] == 0.0:
            return self.design
        depth = np.where(self.shifted, self.design.depth * np.exp(self.gene_shift[gene]), self.design.depth)
        return self.design._replace(depth=depth)

    def counts_of(self, gene: int) -> np.ndarray:
        """Dense counts of one gene over the sorted cells, float64."""
        return self.counts.dense(gene)


def build_screen(
    counts: sparse.csc_array | sparse.csc_matrix | GeneCounts,
    perturbation: np.ndarray,
    depth: np.ndarray,
    covariates: Covariates,
    genes: Sequence[str],
) -> Screen:
    """Sort the cells by (perturbation, stratum) and arrange counts and design for the kernels.

    Parameters
    ----------
    counts
        Cells × genes, CSC or read by genes; column j holds the counts of ``genes[j]``.
    perturbation
        Index into `genes` of the perturbed gene, :data:`CONTROL` for control cells; shape (n,).
    depth
        Sequencing depth, positive; shape (n,).
    covariates
        Covariates of the same cells.
    genes
        Names, sorted by code point.
    """
    design, order = build_design(perturbation, depth, covariates, len(genes))
    if not isinstance(counts, GeneCounts):
        counts = GeneCounts.of_matrix(counts)
    return Screen(tuple(genes), counts.of_cells(order), design, order, covariates.names)


def regroup(screen: Screen, group: np.ndarray, n_groups: int, keep: np.ndarray | None = None) -> Screen:
    """The same counts, depth and covariates with other groups of cells, such as guides in place of perturbations.

    Parameters
    ----------
    screen
        Counts and design.
    group
        New group of each sorted cell of `screen`, 0 … `n_groups` − 1 or :data:`CONTROL`; shape (n,).
    n_groups
        Number of new groups.
    keep
        Cells to keep, a mask of shape (n,); default all. Covariate levels that no kept cell has are left out.

    Returns
    -------
    Screen with ``cell`` = position of each of its cells among the sorted cells of `screen`. Its group g is no longer
    gene g.
    """
    rows = np.arange(screen.n_cells) if keep is None else np.flatnonzero(keep)
    old = screen.design
    stratum = screen.stratum[rows]
    _, level = np.unique(old.stratum_level[stratum], return_inverse=True)
    covariates = Covariates(level.ravel(), old.stratum_dummies[stratum], old.numeric[:, rows].T, screen.covariate_names)
    design, order = build_design(group[rows], old.depth[rows], covariates, n_groups)
    cells = rows[order]
    shifted = None if screen.shifted is None else screen.shifted[cells]
    counts = screen.counts.of_cells(cells)
    return Screen(screen.genes, counts, design, cells, screen.covariate_names, screen.gene_shift, shifted)


def with_shifts(screen: Screen, of_perturbation: np.ndarray, of_gene: np.ndarray) -> Screen:
    """The screen with offsets that every regression takes out of the effects.

    The effect of perturbation l on gene j becomes that beyond ``of_perturbation[l] + of_gene[j]``: the former is a
    factor of the depth of its cells, the latter one of the gene's mean in all perturbed cells. They stay with the cells
    where these are grouped anew: a control cell that plays a perturbed one has none.

    Parameters
    ----------
    screen
        Counts and design, its groups those of the perturbations.
    of_perturbation, of_gene
        Log offsets, shapes (n_groups,) and (p,).
    """
    if not (of_perturbation.any() or of_gene.any()):
        return screen
    depth = screen.design.depth * np.exp(np.append(of_perturbation, 0.0))[screen.group]
    shifted = screen.group < screen.n_groups
    return replace(screen, design=screen.design._replace(depth=depth), gene_shift=of_gene, shifted=shifted)


def build_design(
    perturbation: np.ndarray, depth: np.ndarray, covariates: Covariates, n_groups: int
) -> tuple[Design, np.ndarray]:
    """Design of cells sorted by (group, stratum), and the row of each sorted cell in the input.

    Parameters
    ----------
    perturbation
        Group of each cell, 0 … `n_groups` − 1 or :data:`CONTROL`; shape (n,).
    depth, covariates
        Of the same cells.
    n_groups
        Groups beside the controls.
    """
    p = n_groups
    group = np.where(perturbation == CONTROL, p, perturbation).astype(np.int64)
    strata, stratum = _strata(covariates)
    # Depth and covariates break the ties, so that the order of the input's cells matters to rounding error only.
    order = np.lexsort((*covariates.numeric.T, depth, stratum, group))
    group, stratum = group[order], stratum[order]
    new_segment = np.flatnonzero(np.diff(group, prepend=-1) | np.diff(stratum, prepend=-1))
    stratum_level = np.ascontiguousarray(strata[:, 0])
    dummies = np.ascontiguousarray(strata[:, 1:], dtype=np.float64)
    design = Design(
        depth=np.ascontiguousarray(depth[order], dtype=np.float64),
        numeric=np.ascontiguousarray(covariates.numeric[order].T, dtype=np.float64),
        seg_start=np.append(new_segment, len(order)).astype(np.int64),
        seg_stratum=stratum[new_segment].astype(np.int64),
        group_seg=np.searchsorted(group[new_segment], np.arange(p + 2)).astype(np.int64),
        stratum_level=stratum_level.astype(np.int64),
        stratum_dummies=dummies,
        stratum_supported=_supported(stratum_level, dummies, np.unique(stratum[group == p])),
        numeric_bound=np.abs(covariates.numeric).max(axis=0, initial=0.0),
        n_levels=int(covariates.level.max()) + 1,
    )
    return design, order.astype(np.int64)


def _strata(covariates: Covariates) -> tuple[np.ndarray, np.ndarray]:
    """Distinct combinations of the categorical covariates, and the one that each cell has."""
    table = np.column_stack([covariates.level, covariates.dummies.astype(np.int64)])
    strata, stratum = np.unique(table, axis=0, return_inverse=True)
    return strata, stratum.ravel().astype(np.int64)


def _supported(level: np.ndarray, dummies: np.ndarray, control_strata: np.ndarray) -> np.ndarray:
    """Whether each stratum has its main level, and each of its dummies, present among the controls."""
    has_level = np.isin(level, level[control_strata])
    dummy_seen = dummies[control_strata].any(axis=0)
    return has_level & ~(dummies[:, ~dummy_seen] > 0).any(axis=1)
