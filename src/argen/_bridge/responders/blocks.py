"""All measured genes under all perturbations, read a block of genes at a time."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge.features import genes_of
from argen._bridge.measured import read_cells
from argen._bridge.results.tables import SHIFTED
from argen._bridge.settings import DescendantSettings
from argen._core.screen import Screen, with_shifts

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["GENES_PER_BLOCK", "GeneReader"]

GENES_PER_BLOCK = 128  # bounds the memory of their counts


class GeneReader:
    """Screens of any genes, all with the same cells and groups.

    Parameters
    ----------
    adata, settings, depth_genes
        As for :func:`~argen._bridge.measured.read_cells`.
    shifts
        The step's table of shifts; those that were taken out are taken out here too.

    Attributes
    ----------
    cells
        Design, cells and counts.
    genes
        Names of all genes of the object, which columns are positions in.
    """

    def __init__(
        self,
        adata: "AnnData",
        settings: DescendantSettings,
        depth_genes: np.ndarray | None,
        shifts: pd.DataFrame,
    ) -> None:
        cells = read_cells(adata, settings, depth_genes)
        self.cells = cells
        self.genes = genes_of(adata)
        out = shifts[shifts["taken_out"].astype(bool)]
        self._shift_of = {kind: out.loc[out["of"].astype(str) == kind].set_index("name")["shift"] for kind in SHIFTED}

    @property
    def perturbations(self) -> tuple[str, ...]:
        """Names of the groups, sorted."""
        return self.cells.perturbations

    def totals(self) -> tuple[np.ndarray, np.ndarray]:
        """Counts of every gene in the control cells and in the perturbed ones, shape (genes,) each."""
        design = self.cells.design
        first_control = design.seg_start[design.group_seg[-2]]
        parts = self.cells.cell[first_control:], self.cells.cell[:first_control]
        masks = np.zeros((2, self.cells.counts.shape[0]))
        for mask, cells in zip(masks, parts, strict=True):
            mask[cells] = 1.0
        control, perturbed = self.cells.counts.gene_sums(masks)
        return control, perturbed

    def screen(self, columns: Sequence[int]) -> Screen:
        """Screen of some genes by their columns; −1 gives a gene without counts."""
        columns = np.asarray(columns, dtype=np.int64)
        screen = Screen(
            genes=tuple(self.genes[c] if c >= 0 else "" for c in columns),
            counts=self.cells.counts.of(columns, self.cells.cell),
            design=self.cells.design,
            cell=self.cells.cell,
            covariate_names=self.cells.covariate_names,
        )
        of_perturbation, of_gene = (
            self._shift_of[kind].reindex(names).fillna(0.0).to_numpy()
            for kind, names in zip(SHIFTED, (self.perturbations, screen.genes), strict=True)
        )
        return with_shifts(screen, of_perturbation, of_gene)

    def blocks(self, columns: np.ndarray) -> Iterator[tuple[np.ndarray, Screen]]:
        """Columns of each block of genes, and their screen."""
        for lo in range(0, len(columns), GENES_PER_BLOCK):
            block = columns[lo : lo + GENES_PER_BLOCK]
            yield block, self.screen(block)
