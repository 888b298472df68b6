"""Tables about pairs of genes: members, signed priors, numbers."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from argen._bridge import log
from argen._bridge.gene_names import GeneNames
from argen._bridge.outside.sources import Source
from argen._bridge.validate import counted, name_some
from argen.errors import InputError

__all__ = ["pair_sources"]

_WEIGHTS, _VALUES = ("weight", "mor"), ("value",)


def pair_sources(pairs: object, genes: Sequence[str], names: GeneNames) -> list[Source]:
    """What the tables of `pairs` say, by name: see :func:`argen.tl.argen_evidence`."""
    if pairs is None:
        return []
    if not isinstance(pairs, Mapping) or not pairs:
        what = "empty" if isinstance(pairs, Mapping) else f"a {type(pairs).__name__}"
        msg = (
            f"pairs is {what}: give a mapping from names to tables with the columns source, target "
            "and, if they have one, weight or value, such as {'CollecTRI': table}."
        )
        raise InputError(msg)
    return [_source(str(name), table, genes, names) for name, table in pairs.items()]


def _source(name: str, table: object, genes: Sequence[str], names: GeneNames) -> Source:
    table = _read(name, table)
    index = pd.Index(genes)
    ends = [index.get_indexer(names.genes(table[end])) for end in ("source", "target")]
    inside = (ends[0] >= 0) & (ends[1] >= 0) & (ends[0] != ends[1])
    if not inside.any():
        msg = (
            f"pairs[{name!r}] has no pair of two genes of the network: it names "
            f"{name_some(table['source'].astype(str).unique()[:3])} …, the network {name_some(genes[:3])} …. Are they "
            "of one species, and names of one kind?"
        )
        raise InputError(msg)
    log.info(f"    {name}: {counted(int(inside.sum()), 'pair')} of {len(table):,} between genes of the network")
    known = table.loc[inside, ["number"]].assign(key=ends[0][inside].astype(np.int64) * len(genes) + ends[1][inside])
    repeated = known["key"].duplicated(keep=False)
    if repeated.any() and (known[repeated].groupby("key")["number"].nunique(dropna=False) > 1).any():
        msg = f"pairs[{name!r}] has pairs twice with different numbers. Keep one row for each."
        raise InputError(msg)
    known = known.drop_duplicates("key").set_index("key")["number"]
    is_source, is_target = (np.zeros(len(genes), dtype=bool) for _ in range(2))
    # Who regulates nothing in the table is not known to be no regulator: pairs of such genes say nothing.
    is_source[ends[0][ends[0] >= 0]], is_target[ends[1][ends[1] >= 0]] = True, True

    def number(source: np.ndarray, target: np.ndarray) -> np.ndarray:
        return known.reindex(source.astype(np.int64) * len(genes) + target).to_numpy(dtype=float)

    def member(source: np.ndarray, target: np.ndarray) -> np.ndarray:
        found = np.isin(source.astype(np.int64) * len(genes) + target, known.index.to_numpy()).astype(float)
        return np.where(is_source[source] & is_target[target], found, np.nan)

    kind = table.attrs["kind"]
    ours = table.loc[inside]
    named = " and ".join(f"the {end}s {name_some(ours[end].unique(), 3)}" for end in ("source", "target"))
    if kind == "number":
        return Source(name, "number", number, names=named)
    return Source(name, "share", member, weight=number if kind == "sign" else None, names=named)


def _read(name: str, table: object) -> pd.DataFrame:
    if isinstance(table, str | Path):
        if not Path(table).is_file():
            msg = f"pairs[{name!r}]={str(table)!r} is not a file. Give a table, or the path of a csv file."
            raise InputError(msg)
        table = pd.read_csv(table, sep="\t" if ".tsv" in Path(table).suffixes else ",")
    if not isinstance(table, pd.DataFrame):
        msg = f"pairs[{name!r}] is a {type(table).__name__}: give a table with the columns source and target."
        raise InputError(msg)
    if missing := [end for end in ("source", "target") if end not in table]:
        msg = f"pairs[{name!r}] has no column {name_some(map(repr, missing))}; it has {name_some(table.columns)}."
        raise InputError(msg)
    weight, value = (next((c for c in names if c in table), None) for names in (_WEIGHTS, _VALUES))
    if weight and value:
        msg = f"pairs[{name!r}] has both {weight!r} (signs) and {value!r} (numbers): leave one of them out."
        raise InputError(msg)
    column = weight or value
    found = pd.DataFrame({end: table[end].astype(str).to_numpy(dtype=object) for end in ("source", "target")})
    numbers = np.nan if column is None else pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float)
    if column is not None and not np.isfinite(numbers).any():
        msg = f"pairs[{name!r}]: no {column!r} is a number."
        raise InputError(msg)
    found["number"] = np.sign(numbers) if weight else numbers
    if weight:
        found["number"] = found["number"].replace(0.0, np.nan)
    found.attrs["kind"] = "number" if value else "sign" if weight else "share"
    return found
