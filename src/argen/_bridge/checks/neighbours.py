"""Checks of gene positions: effects and edges between neighbours may be one knock-down that both share."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge.checks.findings import Finding
from argen._bridge.features import gene_columns, genes_of
from argen._bridge.measured import MeasuredScreen
from argen._bridge.validate import counted, name_some
from argen._core.fdr import adjusted
from argen._core.measured.sums import MeasuredSums
from argen._core.normal import log_p_two_sided
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["check_neighbours", "read_positions"]

CHROMOSOMES = ("chromosome", "chrom", "chr", "seqnames", "chromosome_name")
STARTS = ("start", "tss", "gene_start", "start_position", "chromStart")
LEVEL = 0.01


def read_positions(adata: "AnnData", positions: pd.DataFrame | None) -> pd.DataFrame | None:
    """Chromosome and start by gene, from a table or from the columns of var that hold them; None where none does."""
    genes = gene_columns(adata)
    table = positions if positions is not None else adata.var if genes is None else adata.var[genes]
    if not isinstance(table, pd.DataFrame):
        msg = (
            f"positions is a {type(positions).__name__}; give a data frame with the genes as index, chromosome, start."
        )
        raise InputError(msg)
    columns = [next((name for name in names if name in table), None) for names in (CHROMOSOMES, STARTS)]
    if None in columns:
        if positions is None:
            return None
        msg = (
            f"positions needs a column with the chromosome ({', '.join(CHROMOSOMES)}) and one with the start "
            f"({', '.join(STARTS)}); it has {name_some(table.columns)}."
        )
        raise InputError(msg)
    table = table[columns].set_axis(["chromosome", "start"], axis=1)
    if positions is not None and "gene" in positions:
        table.index = pd.Index(positions["gene"])
    table.index = table.index.astype(str)
    if positions is not None and not table.index.isin(genes_of(adata)).any():
        msg = f"positions names none of the genes of adata.var_names, but {name_some(table.index[:3])}."
        raise InputError(msg)
    table = table.assign(start=pd.to_numeric(table["start"], errors="coerce")).dropna()
    if positions is not None and table.empty:
        msg = f"positions has no chromosome with a number as start ({columns[1]!r}) in any row."
        raise InputError(msg)
    return table[~table.index.duplicated()]


def check_neighbours(
    measured: MeasuredScreen,
    sums: MeasuredSums,
    positions: pd.DataFrame,
    distance: int,
    edges: set[tuple[str, str]],
) -> tuple[list[Finding], pd.DataFrame]:
    """Measured genes within `distance` of a perturbed one that fall with it, and edges between such genes."""
    genes = np.array(measured.screen.genes, dtype=object)
    known = positions.reindex(genes)
    chromosome, start = known["chromosome"].to_numpy(dtype=object), known["start"].to_numpy(dtype=float)
    place = positions.reindex(list(measured.perturbations))
    rows = []
    padj = adjusted(np.exp(log_p_two_sided(sums.z)).ravel()).reshape(sums.z.shape)
    for i, name in enumerate(measured.perturbations):
        if not np.isfinite(place["start"].iloc[i]):
            continue
        apart = np.abs(start - place["start"].iloc[i])
        near = (chromosome == place["chromosome"].iloc[i]) & (apart <= distance) & (genes != name)
        for j in np.flatnonzero(near):
            falls = bool(padj[i, j] < LEVEL and sums.effect[i, j] < 0)
            is_edge = (name, str(genes[j])) in edges
            rows.append((name, genes[j], int(apart[j]), sums.effect[i, j], sums.z[i, j], falls, is_edge))
    table = pd.DataFrame(rows, columns=["perturbation", "gene", "distance", "effect", "z", "falls", "is_edge"])
    hits = table[table["falls"] | table["is_edge"]].sort_values("z", kind="stable")
    if hits.empty:
        return [], table
    pairs = [f"{row.perturbation} → {row.gene} ({row.distance:,} bp)" for row in hits.itertuples()]
    n_edges = int(hits["is_edge"].sum())
    return [
        Finding(
            "neighbours",
            f"{counted(len(hits), 'pair')} of a perturbed gene and a neighbour of it move together"
            f"{f', {n_edges} of them edges' if n_edges else ''}: {name_some(pairs, 5)}",
            float(len(hits)),
            "pairs",
            "CRISPRi silences what lies next to its guide: such an effect need not pass through the perturbed gene. "
            "Forbid these edges (prior=), or compare with knock-outs.",
            tuple(dict.fromkeys(hits["perturbation"])),
            tuple(dict.fromkeys(hits["gene"])),
        )
    ], table
