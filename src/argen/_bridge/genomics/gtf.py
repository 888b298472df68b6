"""Genes of a GTF file: their positions, and the assembly that its head states."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from argen._bridge.genomics.extra import opened
from argen.errors import InputError

__all__ = ["read_gtf"]

_COLUMNS = ["chrom", "feature", "start", "end", "strand", "attributes"]
_HEAD = re.compile(r"genome-(?:build|version)\s+(\S+)")
_DESCRIPTION = re.compile(r"assembly|genome", re.IGNORECASE)
_KNOWN = re.compile(r"\b(GRC[hm]\d+|hg\d+|mm\d+)", re.IGNORECASE)


def read_gtf(path: Path) -> tuple[pd.DataFrame, str | None]:
    """Columns ``name``, ``id``, ``chrom``, ``start`` (from 0), ``end``, ``strand``; and the assembly, if it is stated.

    Rows are the ``gene`` features; where a file has none, the genes of its other features from end to end.
    """
    try:
        table = pd.read_csv(
            path, sep="\t", comment="#", header=None, usecols=[0, 2, 3, 4, 6, 8], names=list(range(9)),
            dtype={0: str, 2: "category", 6: str, 8: str}, quoting=3, compression="infer",
        )  # fmt: skip
    except (ValueError, OSError) as error:
        msg = f"positions={str(path)!r} cannot be read as a GTF file, which has nine columns: {error}."
        raise InputError(msg) from error
    table.columns = _COLUMNS
    genes = table[table["feature"] == "gene"]
    whole = genes if len(genes) else table
    text = whole["attributes"].astype(str)
    found = whole.assign(
        name=text.str.extract(r'gene_name[ =]"?([^";]+)', expand=False),
        id=text.str.extract(r'gene_id[ =]"?([^";]+)', expand=False).str.replace(r"\.\d+$", "", regex=True),
        start=pd.to_numeric(whole["start"], errors="coerce") - 1,
        end=pd.to_numeric(whole["end"], errors="coerce"),
    )
    found = found.dropna(subset=["start", "end", "id"])
    if found.empty:
        msg = f"positions={str(path)!r} has no rows with positions and a gene_id: it is no GTF file of genes."
        raise InputError(msg)
    if not len(genes):
        by = found.groupby(["id", "chrom"], sort=False, observed=True)
        found = by.agg(name=("name", "first"), start=("start", "min"), end=("end", "max"), strand=("strand", "first"))
        found = found.reset_index()
    found = found[["name", "id", "chrom", "start", "end", "strand"]].reset_index(drop=True)
    return found.astype({"start": np.float64, "end": np.float64}), _stated_assembly(path)


def _stated_assembly(path: Path) -> str | None:
    """What lines such as ``#!genome-build GRCh38.p13`` or ``##description: ... (GRCh38)`` say."""
    with opened(path) as lines:
        for line in lines:
            if not line.startswith("#"):
                return None
            if (found := _HEAD.search(line)) or (_DESCRIPTION.search(line) and (found := _KNOWN.search(line))):
                return found[1]
    return None
