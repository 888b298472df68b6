"""Two networks of any form, read and brought onto the genes that both know."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge.results.entries import find_entry
from argen._bridge.validate import name_some
from argen._core.graphs.layers import layers_with_cycles
from argen.errors import InputError

from ._networks import Network, by_names_of, given_names, read_network

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import ArrayLike

__all__ = ["Pair", "read_pair"]

# Methods whose order of the genes means something where no path of edges does.
_WITH_ORDER = ("argen", "naive", "joint")


@dataclass(frozen=True, slots=True)
class Side:
    """One of two networks, among the p genes that both know.

    Attributes
    ----------
    network
        As read.
    edges
        Boolean, [parent, child], shape (p, p).
    coef
        Effects of the edges, NaN where there is no edge or no effect is known, shape (p, p).
    position
        Place of each gene in the causal order of the search; without one its layer, which several genes may share.
    n_outside
        Edges with a gene that the other network does not know.
    """

    network: Network
    edges: np.ndarray
    coef: np.ndarray
    position: np.ndarray
    n_outside: int


@dataclass(frozen=True, slots=True)
class Pair:
    """Two networks on the same genes.

    Attributes
    ----------
    genes
        Those that both know, sorted.
    a, b
        The networks.
    """

    genes: pd.Index
    a: Side
    b: Side


def read_pair(
    a: "AnnData | pd.DataFrame | ArrayLike",
    b: "AnnData | pd.DataFrame | ArrayLike | None",
    key: str,
    other_key: str | None,
    genes: Iterable[str] | None,
) -> Pair:
    """Read both; see :func:`argen.metrics.compare` for the arguments."""
    b, other_key = _second(a, b, key, other_key)
    genes = None if genes is None else _texts(genes)
    first, second = _read_both(a, b, key, other_key, genes)
    wanted = None if genes is None else list(given_names(genes, first, second))
    shared = _shared(first, second, wanted)
    return Pair(shared, _side(first, shared, a, key), _side(second, shared, b, other_key))


def _second(a: object, b: object, key: str, other_key: str | None) -> tuple[object, str]:
    """The second network, and its name if it is in an AnnData."""
    if b is not None:
        return b, key if other_key is None else other_key
    if not hasattr(a, "varp"):
        msg = "b is missing: give the network to compare with, or an AnnData and the names of two networks in it."
        raise InputError(msg)
    if other_key is None or other_key == key:
        msg = f"other_key={other_key!r}: name another network of the AnnData than key={key!r}, or give b."
        raise InputError(msg)
    return a, other_key


def _texts(genes: Iterable[str]) -> list[str]:
    if isinstance(genes, str):
        msg = f"genes={genes!r}: give several names of genes, as a list."
        raise InputError(msg)
    names = list(map(str, genes))
    if not names:
        msg = "genes is empty: name the genes to compare on, or leave it out for all that both networks know."
        raise InputError(msg)
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        msg = f"genes= names genes more than once: {name_some(repeated)}."
        raise InputError(msg)
    return names


def _read_both(a: object, b: object, key: str, other_key: str, genes: list[str] | None) -> tuple[Network, Network]:
    """Read both; rows of a matrix without labels are `genes`, else the genes of the other network."""
    if isinstance(a, pd.DataFrame) or hasattr(a, "varp"):
        first = read_network("a", a, key)
        second = read_network("b", b, other_key, genes if genes is not None else first.genes)
    else:
        second = read_network("b", b, other_key, genes)
        first = read_network("a", a, key, genes if genes is not None else second.genes)
    return by_names_of(first, second), by_names_of(second, first)


def _known(network: Network) -> set[str]:
    return network.named if network.genes is None else {*network.genes}


def _shared(a: Network, b: Network, wanted: list[str] | None) -> pd.Index:
    if wanted is not None:
        for network in (a, b):
            if network.genes is not None and (missing := sorted({*wanted} - {*network.genes})):
                msg = f"genes= names genes that network {network.name} does not have: {name_some(missing)}."
                raise InputError(msg)
        return pd.Index(sorted(wanted), dtype=object)
    shared = _known(a) & _known(b)
    if not shared:
        some = [name_some(sorted(_known(network)), 3) for network in (a, b)]
        msg = (
            f"The networks have no gene in common: a is about {some[0]}, b about {some[1]}. Are their genes named "
            "alike? ag.io.read_network(adata, ..., gene_symbols=...) reads other names."
        )
        raise InputError(msg)
    return pd.Index(sorted(shared), dtype=object)


def _side(network: Network, genes: pd.Index, where: object, key: str) -> Side:
    table = network.selected
    at = np.stack([genes.get_indexer(table[end]) for end in ("source", "target")])
    inside = (at >= 0).all(axis=0)
    edges, coef = np.zeros((len(genes),) * 2, dtype=bool), np.full((len(genes),) * 2, np.nan)
    edges[tuple(at[:, inside])] = True
    coef[tuple(at[:, inside])] = table["coef"].to_numpy()[inside]
    return Side(network, edges, coef, _position(network, genes, edges, where, key), int((~inside).sum()))


def _position(network: Network, genes: pd.Index, edges: np.ndarray, where: object, key: str) -> np.ndarray:
    if network.order is not None and _is_searched(where, key):
        return pd.Index(network.order).get_indexer(genes)
    return layers_with_cycles(edges)


def _is_searched(where: object, key: str) -> bool:
    entry = find_entry(where, key)
    return entry is not None and entry.settings.get("method") in _WITH_ORDER
