"""Networks in any of their forms, read into one table of edges; two of them brought onto the same genes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from argen._bridge.features import gene_columns, genes_of
from argen._bridge.gene_names import GeneNames
from argen._bridge.results.entries import read_entry
from argen._bridge.results.names import ShownNames, shown_names
from argen._bridge.validate import check_anndata, name_some
from argen._core.simulate import find_cycle, marginal_effects
from argen.errors import InputError, MissingResultError

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import ArrayLike

__all__ = [
    "Network",
    "NetworkTable",
    "by_names_of",
    "check_acyclic",
    "given_names",
    "on_genes",
    "read_network",
    "shared_genes",
]

NetworkTable = pd.DataFrame  # source, target, selected and the numeric columns coef, se, z, p (NaN where not known)

_ALIASES = {"source": ("source", "parent", "from"), "target": ("target", "child", "to"), "coef": ("coef", "weight")}
_NUMBERS = ("coef", "se", "z", "p")


@dataclass(frozen=True, slots=True)
class Network:
    """A network as read.

    Attributes
    ----------
    name
        What messages call it.
    edges
        One row per edge or tested candidate: ``source``, ``target``, ``coef``, ``se``, ``z``, ``p``, ``selected`` and
        whatever else the table had.
    genes
        All genes, those without an edge included; `None` if the source cannot tell.
    order
        Causal order, roots to sinks, if there is one.
    names
        Names of the genes of the AnnData that it is from.
    """

    name: str
    edges: NetworkTable
    genes: tuple[str, ...] | None = None
    order: tuple[str, ...] | None = None
    names: GeneNames | None = None

    @property
    def named(self) -> set[str]:
        """Genes that have an edge or a candidate."""
        return {*self.edges["source"], *self.edges["target"]}

    @property
    def selected(self) -> NetworkTable:
        """The edges proper."""
        return self.edges[self.edges["selected"]]


def read_network(
    name: str,
    network: "AnnData | pd.DataFrame | ArrayLike",
    key: str,
    genes: Sequence[str] | None = None,
    gene_symbols: str | None = None,
) -> Network:
    """Read an AnnData (result or varp matrix under `key`), a table of edges, or a matrix [parent, child].

    `genes` names the rows of a matrix without labels. Genes of an AnnData have the names of its column `gene_symbols`,
    by default of the one that the descendant step was given.
    """
    if isinstance(network, pd.DataFrame):
        if not _is_labelled_matrix(network):
            return Network(name, _read_table(name, network))
        labels = [str(gene) for gene in network.index]
        aligned = network.set_axis(labels, axis=0).set_axis(network.columns.astype(str), axis=1)[labels]
        return _read_matrix(name, aligned.to_numpy(), labels)
    if hasattr(network, "varp"):
        return _read_anndata(name, network, key, gene_symbols)
    return _read_matrix(name, network, genes)


def _is_labelled_matrix(table: pd.DataFrame) -> bool:
    return table.shape[0] == table.shape[1] and set(table.index.astype(str)) == set(table.columns.astype(str))


def _read_anndata(name: str, adata: "AnnData", key: str, gene_symbols: str | None) -> Network:
    """Take ``uns[key]`` if it is a result with edges, else ``varp[key]``; edges of genes that are gone are left out."""
    check_anndata(adata)
    there = genes_of(adata)
    if not there.is_unique:
        msg = f"{name}: var_names holds duplicates. Call adata.var_names_make_unique() first."
        raise InputError(msg)
    if key not in adata.uns and key in adata.varp:
        names, matrix, genes = shown_names(adata, gene_symbols), adata.varp[key], gene_columns(adata)
        matrix = matrix if genes is None else matrix[genes][:, genes]
        return replace(_read_matrix(name, matrix, list(map(names.show, there))), names=names)
    if key not in adata.uns:
        found = sorted({*adata.uns, *adata.varp})
        msg = f"{name} has no network {key!r} in uns or varp. Run ag.tl.argen_dag, or name one of {name_some(found)}."
        raise MissingResultError(msg)
    entry = read_entry(adata, key, "network")
    shown = ShownNames(adata, entry, gene_symbols)
    stored = np.array(list(map(str, entry.tables["order"])), dtype=object)
    order = tuple(map(shown.names.show, stored[shown.held(stored)]))
    edges = _read_table(name, shown.table(entry.tables["edges"]))
    return Network(name, edges, order or tuple(map(shown.names.show, adata.var_names)), order, shown.names)


def by_names_of(network: Network, other: Network) -> Network:
    """A table or matrix by the names that the other network, of an AnnData, shows: it may use either of its names."""
    if network.names is not None or other.names is None or not other.names.shown:
        return network
    edges = network.edges.assign(**{end: given_names(network.edges[end], other) for end in ("source", "target")})
    genes, order = (
        None if names is None else tuple(given_names(names, other)) for names in (network.genes, network.order)
    )
    return replace(network, edges=edges, genes=genes, order=order)


def given_names(names: Sequence[str] | None, *networks: Network) -> Sequence[str] | None:
    """Names that a user gives as the network of an AnnData shows them."""
    known = next((network.names for network in networks if network.names is not None), None)
    if names is None or known is None or not known.shown:
        return names
    return [known.show(known.gene(str(name))) for name in names]


def _read_table(name: str, table: pd.DataFrame) -> NetworkTable:
    """Standard names and types; every pair once, none of a gene with itself."""
    renamed = {}
    for role, names in _ALIASES.items():
        found = next((column for column in names if column in table.columns), None)
        if found is not None:
            renamed[found] = role
        elif role != "coef":
            msg = (
                f"{name} has no column {role!r} (nor {name_some(names[1:])}); its columns: {name_some(table.columns)}."
            )
            raise InputError(msg)
    table = table.rename(columns=renamed).reset_index(drop=True)
    if table[["source", "target"]].isna().any(axis=None):
        msg = f"{name} holds edges without a source or a target: fill them in, or drop the rows."
        raise InputError(msg)
    table = table.assign(source=table["source"].astype(str), target=table["target"].astype(str))
    _check_pairs(name, table)
    for column in _NUMBERS:
        table[column] = _numbers(name, table, column)
    return table.assign(selected=_selected(name, table))


def _selected(name: str, table: pd.DataFrame) -> np.ndarray:
    """Whether each row is an edge: the column says so, else an effect that is not 0."""
    if "selected" not in table:
        return (table["coef"] != 0).to_numpy(dtype=bool)
    if not table["selected"].isin((True, False)).all():
        msg = f"{name}: the column 'selected' holds values that are neither True nor False."
        raise InputError(msg)
    return table["selected"].to_numpy(dtype=bool)


def _check_pairs(name: str, table: pd.DataFrame) -> None:
    arrows = table["source"] + " → " + table["target"]
    if (repeated := arrows[table.duplicated(["source", "target"])]).size:
        msg = f"{name} holds edges more than once: {name_some(repeated.unique())}. Give each edge once."
        raise InputError(msg)
    if (own := table["source"] == table["target"]).any():
        msg = f"{name} holds effects of genes on themselves: {name_some(table['source'][own])}. Take them out."
        raise InputError(msg)


def _numbers(name: str, table: pd.DataFrame, column: str) -> np.ndarray:
    if column not in table:
        return np.full(len(table), np.nan)
    try:
        return pd.to_numeric(table[column]).to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        msg = f"{name}: the column {column!r} holds values that are not numbers."
        raise InputError(msg) from error


def _read_matrix(name: str, matrix: "ArrayLike", genes: Sequence[str] | None) -> Network:
    """Entries that are not zero; boolean and 0/1 integer matrices give edges without coefficients."""
    try:
        values = sparse.coo_array(matrix if sparse.issparse(matrix) else np.atleast_2d(matrix))
        rows, columns, data = values.row, values.col, values.data.astype(np.float64)
    except (TypeError, ValueError) as error:
        msg = (
            f"{name} is none of these: an AnnData, a table with the columns source and target, a gene × gene matrix "
            "of numbers (row = parent, column = child)."
        )
        raise InputError(msg) from error
    genes = [str(gene) for gene in (range(values.shape[0]) if genes is None else genes)]
    if values.shape != (len(genes), len(genes)):
        msg = f"{name} has shape {values.shape}, expected {(len(genes), len(genes))}: one row and column per gene."
        raise InputError(msg)
    if len(set(genes)) < len(genes):
        msg = f"{name} names genes more than once: {name_some({gene for gene in genes if genes.count(gene) > 1})}."
        raise InputError(msg)
    if not np.isfinite(data).all():
        msg = f"{name} holds entries that are NaN or infinite: give 0 where there is no edge."
        raise InputError(msg)
    is_structure = values.dtype.kind in "bui" and np.isin(data, (0, 1)).all()
    coef = np.full(data.size, np.nan) if is_structure else data
    names = np.array(genes, dtype=object)
    table = pd.DataFrame({"source": names[rows], "target": names[columns], "coef": coef})
    return Network(name, _read_table(name, table[data != 0]), tuple(genes))


def shared_genes(estimate: Network, truth: Network, genes: Sequence[str] | None) -> list[str]:
    """Genes to compare on: `genes`, else those that both have; raises where the sets differ."""
    if genes is not None:
        wanted = [str(gene) for gene in genes]
        _check_same({estimate.name: estimate.genes or wanted, "genes=": wanted})
        _within(estimate, wanted)
        if truth.genes is not None and (missing := sorted(set(wanted) - set(truth.genes))):
            msg = f"genes= names genes that the {truth.name} does not have: {name_some(missing)}."
            raise InputError(msg)
        return wanted
    if estimate.genes is not None and truth.genes is not None:
        _check_same({estimate.name: estimate.genes, truth.name: truth.genes})
    common = list(truth.genes or estimate.genes or sorted(estimate.named | truth.named))
    _within(estimate, common)
    _within(truth, common)
    return common


def _check_same(sets: Mapping[str, Iterable[str]]) -> None:
    """Raise unless two named sets of genes are the same."""
    (left, some), (right, others) = ((name, set(genes)) for name, genes in sets.items())
    differences = {left: some - others, right: others - some}
    parts = [f"only {name} has {name_some(sorted(own))}" for name, own in differences.items() if own]
    if not parts:
        return
    msg = f"{left} and {right} are about different genes: {'; '.join(parts)}."
    if some < others and right == "truth":
        msg += " Give the genes of the estimate as genes=: the others are then hidden genes of the truth."
    raise InputError(msg)


def _within(network: Network, genes: Sequence[str]) -> None:
    if unknown := sorted(network.named - set(genes)):
        msg = f"{network.name} names genes that are not among those compared: {name_some(unknown)}."
        raise InputError(msg)


def on_genes(network: Network, genes: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Edges (bool) and effects (0 without an edge, NaN where not known) as arrays [parent, child] over `genes`.

    Genes of the network beyond `genes` are hidden: a path that runs through them only becomes a direct effect.
    """
    index = pd.Index([*genes, *sorted(network.named - set(genes))])
    edges = network.selected
    at = index.get_indexer(edges["source"]), index.get_indexer(edges["target"])
    known = bool(edges["coef"].notna().all())
    # Without coefficients every path counts 1, so that no two paths cancel.
    weight = edges["coef"].to_numpy() if known else np.ones(len(edges))
    theta = sparse.csr_matrix((weight, at), shape=(index.size, index.size))
    if index.size == len(genes):  # an effect of exactly 0 that was selected is an edge all the same
        joined = np.zeros(theta.shape, dtype=bool)
        joined[at] = True
        effects = np.zeros(theta.shape)
        effects[at] = edges["coef"]
        return joined, effects
    check_acyclic(network.name, theta, index)
    effects = marginal_effects(theta, np.arange(index.size) < len(genes)).toarray()
    joined = effects != 0
    return joined, effects if known else np.where(joined, np.nan, 0.0)


def check_acyclic(name: str, edges: "np.ndarray | sparse.spmatrix", genes: Sequence[str], cure: str = "") -> None:
    """Raise :class:`~argen.errors.InputError` that names a cycle, if there is one."""
    if cycle := find_cycle(sparse.csr_matrix(edges)):
        path = " → ".join(genes[gene] for gene in cycle)
        msg = f"{name} is not acyclic: {path}. {cure or 'Take one of these edges out.'}"
        raise InputError(msg)
