"""Intervals of BED and bedGraph files, or of tables, and which of them lie over places of genes."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from argen._bridge import log
from argen._bridge.genomics.chromosomes import Assembly, in_names_of
from argen._bridge.genomics.extra import genomics_package, opened
from argen._bridge.genomics.positions import Positions
from argen._bridge.validate import counted, name_some
from argen.errors import InputError

__all__ = ["boundaries_between", "members", "overlaps", "promoters", "read_intervals", "values_at"]

_CHROMOSOMES = ("chrom", "chromosome", "chr", "Chromosome", "seqnames")
_ENDS = (("start", "Start", "chromStart"), ("end", "End", "chromEnd"))
_VALUES = ("value", "E1", "score", "eigenvector")
_HEADS = ("#", "track", "browser")


def read_intervals(
    table: object, what: str, positions: Positions, assembly: Assembly, *, value: bool = False
) -> pd.DataFrame:
    """Columns ``chrom`` (without ``chr``), ``start``, ``end`` and, with `value`, ``value``; checked and sorted."""
    stated = table.attrs.get("assembly") if isinstance(table, pd.DataFrame) else None
    assembly.check_name(stated, what)
    found = _of_table(table, what, value=value) if isinstance(table, pd.DataFrame) else _of_file(table, what, value)
    if found.empty:
        msg = f"{what} has no intervals."
        raise InputError(msg)
    numbers = found[["start", "end"]].to_numpy(dtype=float)
    if not np.isfinite(numbers).all() or (numbers[:, 1] <= numbers[:, 0]).any() or (numbers < 0).any():
        msg = f"{what} has intervals whose start or end is missing or below 0, or whose end is not behind the start."
        raise InputError(msg)
    found = found.assign(chrom=in_names_of(found["chrom"], positions.written, what))
    assembly.check_ends(found["chrom"].to_numpy(), numbers[:, 1], what)
    found = found.astype({"start": np.int64, "end": np.int64})
    return found.sort_values(["chrom", "start", "end"], kind="stable", ignore_index=True)


def _of_table(table: pd.DataFrame, what: str, *, value: bool) -> pd.DataFrame:
    wanted = [_CHROMOSOMES, *_ENDS] + ([_VALUES] if value else [])
    columns = [next((name for name in names if name in table), None) for names in wanted]
    if None in columns:
        names = wanted[columns.index(None)]
        msg = f"{what} needs a column {names[0]!r} (or {', '.join(names[1:])}); it has {name_some(table.columns)}."
        raise InputError(msg)
    found = table[columns].set_axis(["chrom", "start", "end", "value"][: len(columns)], axis=1)
    numbers = {name: pd.to_numeric(found[name], errors="coerce") for name in found.columns[1:]}
    return found.assign(**numbers).reset_index(drop=True)


def _of_file(path: object, what: str, value: bool) -> pd.DataFrame:  # noqa: FBT001
    if not isinstance(path, str | Path):
        msg = f"{what} is a {type(path).__name__}: give the path of a BED file, or a table with chrom, start and end."
        raise InputError(msg)
    if not Path(path).is_file():
        msg = f"{what}: {str(path)!r} is not a file."
        raise InputError(msg)
    n = 4 if value else 3
    try:
        table = pd.read_csv(
            path, sep=r"\s+", header=None, usecols=range(n), skiprows=_head(Path(path)), dtype=object, comment="#"
        )
    except (ValueError, OSError) as error:
        msg = f"{what}: {str(path)!r} is no BED file of {n} columns or more: {error}."
        raise InputError(msg) from error
    table = table.set_axis(["chrom", "start", "end", "value"][:n], axis=1)
    numbers = {name: pd.to_numeric(table[name], errors="coerce") for name in table.columns[1:]}
    if numbers["start"].isna().any() or numbers["end"].isna().any():
        row = table[numbers["start"].isna() | numbers["end"].isna()].iloc[0].tolist()
        msg = (
            f"{what}: {str(path)!r} is no BED file, whose second and third columns are numbers: a row starts with "
            f"{' '.join(map(str, row[:3]))!r}. Read it, and give a table with chrom, start, end{', value' * value}."
        )
        raise InputError(msg)
    return table.assign(**numbers)


def _head(path: Path) -> int:
    """Lines before the first interval: comments, and lines for genome browsers."""
    n = 0
    with opened(path) as lines:
        for line in lines:
            if line.strip() and not line.startswith(_HEADS):
                break
            n += 1
    return n


def overlaps(places: pd.DataFrame, intervals: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the places (``chrom``, ``start``, ``end``) and of the intervals that overlap them, by bioframe."""
    bioframe = genomics_package("bioframe")
    left = places[["chrom", "start", "end"]].assign(at=np.arange(len(places)))
    left = left.dropna(subset=["chrom", "start", "end"]).astype({"start": np.int64, "end": np.int64})
    left["chrom"] = left["chrom"].astype(str)
    right = intervals[["chrom", "start", "end"]].assign(at=np.arange(len(intervals)))
    right["chrom"] = right["chrom"].astype(str)
    if left.empty:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    found = bioframe.overlap(left, right, how="inner", suffixes=("", "_of"))
    return found["at"].to_numpy(dtype=np.int64), found["at_of"].to_numpy(dtype=np.int64)


def _starts(positions: Positions) -> pd.DataFrame:
    """The base at which each gene starts."""
    table = positions.table
    return pd.DataFrame({"chrom": table["chrom"], "start": table["tss"], "end": table["tss"] + 1})


def members(positions: Positions, intervals: pd.DataFrame, what: str) -> sparse.csr_array:
    """[gene, interval]: 1 where the gene starts in the interval."""
    gene, interval = overlaps(_starts(positions), intervals)
    shape = (len(positions.table), len(intervals))
    inside = sparse.csr_array((np.ones(len(gene), dtype=np.float32), (gene, interval)), shape=shape)
    _log_outside(positions, int((np.diff(inside.indptr) > 0).sum()), what)
    return inside


def values_at(positions: Positions, intervals: pd.DataFrame, what: str) -> np.ndarray:
    """Value of the interval in which each gene starts, the first one where several overlap; NaN outside of all."""
    gene, interval = overlaps(_starts(positions), intervals)
    order = np.lexsort((interval, gene))[::-1]
    value = np.full(len(positions.table), np.nan)
    value[gene[order]] = intervals["value"].to_numpy(dtype=float)[interval[order]]
    _log_outside(positions, int(np.isfinite(value).sum()), what)
    return value


def _log_outside(positions: Positions, n_inside: int, what: str) -> None:
    """How many genes start in an interval; none at all is an error."""
    n = int(positions.known.sum())
    if not n_inside:
        msg = f"{what}: none of the {n} genes with a position starts in any interval. Are both of one assembly?"
        raise InputError(msg)
    if n_inside < n:
        log.info(f"    {what}: {n_inside} of {counted(n, 'gene')} with a position start in an interval")


def boundaries_between(
    chromosome: np.ndarray, low: np.ndarray, high: np.ndarray, intervals: pd.DataFrame
) -> np.ndarray:
    """How many intervals have their middle between two places of a chromosome, `low` < middle < `high`."""
    middle = (intervals["start"].to_numpy() + intervals["end"].to_numpy()) / 2
    count = np.full(len(low), np.nan)
    of = intervals["chrom"].to_numpy(dtype=object)
    for name in pd.unique(of):
        places = np.sort(middle[of == name])
        rows = chromosome == name
        count[rows] = np.searchsorted(places, high[rows], "left") - np.searchsorted(places, low[rows], "right")
    return count


def promoters(positions: Positions, upstream: int, downstream: int) -> pd.DataFrame:
    """From `upstream` bases before the start of each gene to `downstream` after it; missing without a strand."""
    table = positions.table
    plus = table["strand"].to_numpy() > 0
    before, after = np.where(plus, upstream, downstream), np.where(plus, downstream, upstream)
    start = np.maximum(table["tss"].to_numpy() - before, 0.0)
    known = (table["strand"] != 0).to_numpy()
    return pd.DataFrame(
        {
            "chrom": table["chrom"].where(known, None),
            "start": np.where(known, start, np.nan),
            "end": np.where(known, table["tss"].to_numpy() + after + 1, np.nan),
        }
    )
