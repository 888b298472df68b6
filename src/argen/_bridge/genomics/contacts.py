"""Contacts between places of one chromosome, from a cooler."""

from pathlib import Path

import numpy as np

from argen._bridge import log
from argen._bridge.genomics.chromosomes import Assembly, bare_names, in_names_of
from argen._bridge.genomics.extra import genomics_package
from argen._bridge.genomics.positions import Positions
from argen.errors import InputError

__all__ = ["contacts_of_pairs"]

_WEIGHT = "weight"  # the column that cooler's balancing writes


def contacts_of_pairs(
    uri: object, what: str, positions: Positions, assembly: Assembly, source: np.ndarray, target: np.ndarray
) -> np.ndarray:
    """Contact frequency between the bins in which the genes of each pair start; NaN on different chromosomes.

    Balanced where the file has weights (NaN in bins that the balancing masked), else counts. Pairs in one bin have the
    contacts of the bin with itself.
    """
    cooler = genomics_package("cooler")
    path = str(uri) if isinstance(uri, str | Path) else None
    if path is None or not Path(path.split("::")[0]).is_file():
        msg = f"{what}={uri!r} is not a file: give the path of a .cool file, or 'x.mcool::/resolutions/10000'."
        raise InputError(msg)
    matrix = _opened(cooler, path, what)
    stated = str(matrix.info.get("genome-assembly") or "")
    assembly.check_name(stated if stated.lower() not in ("", "unknown") else None, f"{what}={path!r}")
    names = matrix.chromsizes.index.to_series().astype(str)
    stored = dict(zip(in_names_of(names, positions.written, what), names, strict=True))
    sizes = dict(zip(bare_names(names), matrix.chromsizes.to_numpy(), strict=True))
    table = positions.table
    chromosome, tss = table["chrom"].to_numpy(dtype=object), table["tss"].to_numpy(dtype=float)
    _check_inside(chromosome, tss, sizes, what)
    balanced = _WEIGHT in matrix.bins().columns
    if not balanced:
        log.info(f"    {what}: the file is not balanced, so that contacts are counts")
    value = np.full(len(source), np.nan)
    same = (chromosome[source] == chromosome[target]) & np.isfinite(tss[source]) & np.isfinite(tss[target])
    for name in {chromosome[i] for i in source[same]} & stored.keys():
        rows = np.flatnonzero(same & (chromosome[source] == name))
        value[rows] = _of_chromosome(matrix, stored[name], tss[source[rows]], tss[target[rows]], balanced)
    return value


def _opened(cooler, path: str, what: str):
    try:
        return cooler.Cooler(path)
    except (KeyError, OSError, ValueError) as error:
        more = ""
        if path.lower().endswith(".mcool"):
            more = f" It holds {', '.join(cooler.fileops.list_coolers(path)[:5])}: give '{path}::' and one of them."
        msg = f"{what}={path!r} cannot be read as a cooler: {error}.{more}"
        raise InputError(msg) from error


def _of_chromosome(matrix, name: str, one: np.ndarray, other: np.ndarray, balanced: bool) -> np.ndarray:  # noqa: FBT001
    bins = matrix.bins().fetch(name)
    ends = bins["end"].to_numpy()
    at, to = (np.searchsorted(ends, places, "right") for places in (one, other))
    contacts = matrix.matrix(balance=False, sparse=True).fetch(name).tocsr()
    found = np.asarray(contacts[at, to], dtype=float).ravel()
    if balanced:
        weight = bins[_WEIGHT].to_numpy(dtype=float)
        found = found * weight[at] * weight[to]
    return found


def _check_inside(chromosome: np.ndarray, tss: np.ndarray, sizes: dict, what: str) -> None:
    """Raise if a gene starts behind the end of its chromosome in the file."""
    size = np.array([sizes.get(name, np.inf) for name in chromosome], dtype=float)
    if beyond := int((tss >= size).sum()):
        msg = (
            f"{what}: {beyond} genes start behind the ends of their chromosomes in the file. It is of another assembly "
            "than the positions: bring both into one (liftOver)."
        )
        raise InputError(msg)
