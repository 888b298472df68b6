"""A given network, as an edge table or a matrix, read into a tuple of edges."""

import numpy as np
import pandas as pd
from scipy import sparse

from argen._bridge.validate import name_some
from argen._core.simulate import Edge, find_cycle
from argen.errors import InputError

from ._arguments import refuse_unknown

__all__ = ["check_edges", "dag_names", "read_dag"]

_COLUMNS = {"parent": ("parent", "source", "from"), "child": ("child", "target", "to"), "coef": ("coef", "weight")}


def dag_names(dag: object) -> tuple[str, ...] | int:
    """Genes that a given network is about: names if it has them, else their number."""
    if isinstance(dag, pd.DataFrame) and not _is_square(dag):
        parents, children, _ = _table_columns(dag)
        return tuple(dict.fromkeys([*parents, *children]))
    if isinstance(dag, pd.DataFrame):
        return tuple(str(name) for name in dag.index)
    return _as_matrix(dag).shape[0]


def read_dag(dag: object, genes: tuple[str, ...]) -> tuple[Edge, ...]:
    """Read a table (parent, child, coef) or a matrix (row = parent, column = child) of direct effects."""
    if isinstance(dag, pd.DataFrame) and not _is_square(dag):
        parents, children, effects = _table_columns(dag)
    else:
        parents, children, effects = _matrix_entries(dag, genes)
    if not np.isfinite(effects).all():
        msg = "dag holds effects that are NaN or infinite: give a finite number for every edge."
        raise InputError(msg)
    pairs = list(zip(parents, children, strict=True))
    if len(set(pairs)) < len(pairs):
        repeated = sorted({f"{parent} → {child}" for parent, child in pairs if pairs.count((parent, child)) > 1})
        msg = f"dag holds edges more than once: {name_some(repeated)}. Give each edge once."
        raise InputError(msg)
    return tuple((*pair, float(effect)) for pair, effect in zip(pairs, effects, strict=True) if effect != 0)


def check_edges(edges: tuple[Edge, ...], genes: tuple[str, ...]) -> None:
    """Raise unless the edges join known genes and make a DAG; name one cycle if not."""
    named = {name for parent, child, _ in edges for name in (parent, child)}
    refuse_unknown("dag", named, genes, "gene; give genes= or dag= so that they match")
    place = {name: index for index, name in enumerate(genes)}
    rows = [place[parent] for parent, _, _ in edges]
    columns = [place[child] for _, child, _ in edges]
    graph = sparse.csr_matrix((np.ones(len(edges)), (rows, columns)), shape=(len(genes), len(genes)))
    if cycle := find_cycle(graph):
        path = " → ".join(genes[gene] for gene in cycle)
        msg = f"dag is not acyclic: {path}. Take one of these edges out."
        raise InputError(msg)


def _is_square(table: pd.DataFrame) -> bool:
    return table.shape[0] == table.shape[1] and list(table.index) == list(table.columns)


def _table_columns(table: pd.DataFrame) -> tuple[list[str], list[str], np.ndarray]:
    found = {}
    for role, names in _COLUMNS.items():
        found[role] = next((name for name in names if name in table.columns), None)
        if found[role] is None:
            msg = f"dag has no column {role!r} (nor {name_some(names[1:])}); its columns: {name_some(table.columns)}."
            raise InputError(msg)
    effects = pd.to_numeric(table[found["coef"]], errors="coerce").to_numpy(dtype=float)
    return [str(name) for name in table[found["parent"]]], [str(name) for name in table[found["child"]]], effects


def _matrix_entries(matrix: object, genes: tuple[str, ...]) -> tuple[list[str], list[str], np.ndarray]:
    """Entries that are not zero; a labelled matrix goes by its labels."""
    rows = columns = genes
    if isinstance(matrix, pd.DataFrame):
        rows = columns = tuple(str(name) for name in matrix.index)
        matrix = matrix.to_numpy()
    entries = _as_matrix(matrix)
    if entries.shape != (len(rows), len(columns)):
        msg = f"dag has shape {entries.shape}, expected {(len(rows), len(columns))}: one row and column per gene."
        raise InputError(msg)
    entries.sum_duplicates()
    return [rows[row] for row in entries.row], [columns[column] for column in entries.col], entries.data


def _as_matrix(matrix: object) -> sparse.coo_matrix:
    try:
        if not sparse.issparse(matrix):  # scipy would make a row or a single entry of fewer dimensions
            matrix = np.asarray(matrix, dtype=float).reshape(np.shape(matrix)[0], -1)
        return sparse.coo_matrix(matrix, dtype=float)
    except (TypeError, ValueError, IndexError) as error:
        msg = "dag is neither 'random', nor a table with the columns parent, child, coef, nor a square numeric matrix."
        raise InputError(msg) from error
