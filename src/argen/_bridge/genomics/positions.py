"""Where the genes of a network are: from a GTF file, a table, or the columns of var."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge import log
from argen._bridge.features import gene_columns
from argen._bridge.gene_names import GeneNames
from argen._bridge.genomics.chromosomes import Assembly, bare_names
from argen._bridge.genomics.gtf import read_gtf
from argen._bridge.runtime import warn_user
from argen._bridge.validate import counted, name_some
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["Positions", "read_positions"]

# Names of columns in tables of pyranges, bioframe, Ensembl and UCSC.
_CHROMOSOMES = ("chrom", "chromosome", "chr", "Chromosome", "seqnames", "seqname", "chromosome_name")
_STARTS = ("start", "Start", "gene_start", "start_position", "chromStart", "tss")
_ENDS = ("end", "End", "gene_end", "end_position", "chromEnd")
_STRANDS = ("strand", "Strand")
_GENES = ("gene", "gene_name", "gene_symbol", "symbol", "name", "gene_id")
_PLUS, _MINUS = ("+", "1", "1.0", "+1"), ("-", "-1", "-1.0")


@dataclass(frozen=True, slots=True)
class Positions:
    """Places of genes.

    Attributes
    ----------
    table
        A row per gene, in their order: ``gene``, ``chrom`` (without ``chr``), ``start``, ``end``, ``strand`` (1, −1, 0
        where it is unknown), ``tss`` (end of the gene where transcription starts; its middle where the strand is
        unknown); missing where the place is.
    written
        Names of the chromosomes as they were given, of those genes that have a place.
    """

    table: pd.DataFrame
    written: pd.Series

    @property
    def known(self) -> np.ndarray:
        """Which genes have a place."""
        return self.table["tss"].notna().to_numpy()


def read_positions(
    adata: "AnnData", genes: Sequence[str], positions: object, names: GeneNames, assembly: Assembly
) -> Positions | None:
    """Places of `genes`; None where nothing was given and var has no columns with them."""
    stated = None
    if positions is None:
        table = _of_var(adata)
        if table is None:
            return None
        what = "adata.var"
    elif isinstance(positions, str | Path):
        what = f"positions={str(positions)!r}"
        table, stated = _of_file(Path(positions), genes, names)
    elif isinstance(positions, pd.DataFrame):
        table, what = _of_table(positions, names, "positions"), "positions"
        stated = positions.attrs.get("assembly")
    else:
        msg = (
            f"positions is a {type(positions).__name__}: give the path of a GTF file, or a table with the columns "
            "gene, chrom, start, end and strand."
        )
        raise InputError(msg)
    assembly.check_name(stated, what)
    return _placed(table, genes, what, assembly)


def _of_var(adata: "AnnData") -> pd.DataFrame | None:
    mask = gene_columns(adata)
    var = adata.var if mask is None else adata.var[mask]
    if _first(var, _CHROMOSOMES) is None or _first(var, _STARTS) is None:
        return None
    return _columns(var, var.index)


def _of_table(table: pd.DataFrame, names: GeneNames, what: str) -> pd.DataFrame:
    for wanted, called in ((_CHROMOSOMES, "the chromosome"), (_STARTS, "the start")):
        if _first(table, wanted) is None:
            msg = f"{what} needs a column with {called} ({', '.join(wanted)}); it has {name_some(table.columns)}."
            raise InputError(msg)
    gene = _first(table, _GENES)
    called = table.index if gene is None else table[gene]
    return _columns(table, names.genes(called))


def _of_file(path: Path, genes: Sequence[str], names: GeneNames) -> tuple[pd.DataFrame, str | None]:
    if not path.is_file():
        msg = f"positions={str(path)!r} is not a file. Give the path of a GTF file, or a table."
        raise InputError(msg)
    ending = path.name.lower().removesuffix(".gz")
    if ending.endswith((".csv", ".tsv", ".txt")):
        table = pd.read_csv(path, sep=None, engine="python")
        return _of_table(table, names, f"positions={str(path)!r}"), None
    table, stated = read_gtf(path)
    wanted = set(genes)
    by = {column: names.genes(table[column].fillna("")) for column in ("name", "id")}
    # The kind of name of which more genes are found: symbols, or identifiers without their versions.
    bare = {gene.rsplit(".", 1)[0]: gene for gene in genes if gene.startswith("ENS")}
    by["id"] = np.array([name if name in wanted else bare.get(name, name) for name in by["id"]], dtype=object)
    best = max(by, key=lambda column: len(wanted.intersection(by[column])))
    return _columns(table, by[best]), stated


def _columns(table: pd.DataFrame, gene: object) -> pd.DataFrame:
    """Chromosome, start, end and strand by gene, as they are called here."""
    start = pd.to_numeric(table[_first(table, _STARTS)], errors="coerce").to_numpy(dtype=float)
    end_column, strand_column = _first(table, _ENDS), _first(table, _STRANDS)
    end = start + 1 if end_column is None else pd.to_numeric(table[end_column], errors="coerce").to_numpy(dtype=float)
    strand = np.zeros(len(table), dtype=np.int64)
    if strand_column is not None:
        text = table[strand_column].astype(str)
        strand = text.isin(_PLUS).to_numpy().astype(np.int64) - text.isin(_MINUS).to_numpy()
    chrom = table[_first(table, _CHROMOSOMES)].astype(object)
    chrom = chrom.where(chrom.notna(), None).map(lambda name: name if name is None else _text(name))
    return pd.DataFrame(
        {"gene": np.asarray(gene, dtype=object).astype(str), "chrom": chrom.to_numpy(dtype=object), "start": start,
         "end": end, "strand": strand}
    )  # fmt: skip


def _text(name: object) -> str:
    """A name of a chromosome: numbers that became floats because one was missing are whole again."""
    return str(int(name)) if isinstance(name, float) and name.is_integer() else str(name)


def _placed(table: pd.DataFrame, genes: Sequence[str], what: str, assembly: Assembly) -> Positions:
    mine = table[table["gene"].isin(set(genes))]
    if mine.empty:
        msg = (
            f"{what} has none of the {len(genes)} genes of the network, such as {name_some(map(repr, genes[:3]))}, but "
            f"{name_some(map(repr, table['gene'][:3]))}. If the names are symbols, name their column of var by "
            "gene_symbols= in the descendant step."
        )
        raise InputError(msg)
    whole = mine.dropna(subset=["chrom", "start", "end"])
    if bad := whole.loc[(whole["end"] < whole["start"]) | (whole["start"] < 0), "gene"].tolist():
        msg = f"{what}: the end lies before the start, or the start below 0, of {name_some(bad)}."
        raise InputError(msg)
    if whole.empty:
        msg = f"{what} has no chromosome with numbers as start and end for any gene of the network."
        raise InputError(msg)
    several = whole["gene"].duplicated()
    if several.any():
        _tell_further_places(whole, several, what)
    whole = whole[~several].set_index("gene").reindex(list(genes))
    chrom = whole["chrom"]
    there = chrom.notna().to_numpy()
    bare = np.full(len(genes), None, dtype=object)
    bare[there] = bare_names(chrom[there])
    assembly.check_ends(bare[there], whole["end"].to_numpy()[there], what)
    strand = whole["strand"].fillna(0).to_numpy(dtype=np.int64)
    start, end = whole["start"].to_numpy(dtype=float), whole["end"].to_numpy(dtype=float)
    tss = np.where(strand > 0, start, np.where(strand < 0, end - 1, np.floor((start + end - 1) / 2)))
    placed = pd.DataFrame(
        {"gene": np.array(genes, dtype=object), "chrom": bare, "start": start, "end": end, "strand": strand, "tss": tss}
    )
    return Positions(placed, chrom[there].reset_index(drop=True))


def _tell_further_places(whole: pd.DataFrame, several: pd.Series, what: str) -> None:
    """Genes with several places: a warning where these are on different chromosomes, else a line of the log."""
    called = name_some(whole.loc[several, "gene"].unique())
    log.info(f"    {what}: {counted(int(several.sum()), 'further place')} of a gene left out: {called}")
    chrom = pd.Series(bare_names(whole["chrom"]), index=whole.index).groupby(whole["gene"], sort=False).unique()
    apart = chrom[chrom.map(len) > 1]
    if len(apart):
        named = name_some(f"{gene} ({', '.join(on)})" for gene, on in apart.items())
        warn_user(f"{what}: {counted(len(apart), 'gene')} on several chromosomes; the first is taken: {named}.")


def _first(table: pd.DataFrame, names: Sequence[str]) -> str | None:
    return next((name for name in names if name in table), None)
