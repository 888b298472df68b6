"""Networks in files, as argen and other programs write them: read into a table of edges."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from argen._bridge.text_tables import bare_suffix, read_text_table
from argen.errors import InputError

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["read_edge_file"]

_INSTALL = 'Parquet needs pyarrow: pip install "argen[parquet]"'


def read_edge_file(path: Path) -> tuple[pd.DataFrame, list[str] | None]:
    """The table of edges, one row each, and the genes where the file lists them, those without an edge included."""
    reader = _READERS.get(bare_suffix(path))
    if reader is None:
        msg = f"{str(path)!r} ends in none of {', '.join(_READERS)} (or one of them and .gz)."
        raise InputError(msg)
    if not path.is_file():
        msg = f"{str(path)!r} is not a file. Give the path of a network, such as 'edges.csv', or a table."
        raise InputError(msg)
    try:
        return reader(path)
    except (InputError, ImportError):
        raise
    except Exception as error:  # a damaged file makes its reader raise errors of any type
        msg = f"{str(path)!r} cannot be read as a network: {error}"
        raise InputError(msg) from error


def _text(path: Path) -> tuple[pd.DataFrame, None]:
    return read_text_table(path), None


def _parquet(path: Path) -> tuple[pd.DataFrame, None]:
    try:
        return pd.read_parquet(path, engine="pyarrow"), None
    except ImportError as error:
        error.add_note(_INSTALL)
        raise


def _graphml(path: Path) -> tuple[pd.DataFrame, list[str]]:
    import networkx as nx

    graph = nx.read_graphml(path)
    if not graph.is_directed():
        msg = f"{str(path)!r} holds a graph without directions: every edge has to lead from a source to a target."
        raise InputError(msg)
    return _of_graph(graph)


def _of_graph(graph: "nx.DiGraph") -> tuple[pd.DataFrame, list[str]]:
    # igraph calls its nodes n0, n1, … and keeps their names beside.
    name = {node: str(known.get("name", node)) for node, known in graph.nodes(data=True)}
    rows = [{**known, "source": name[u], "target": name[v]} for u, v, known in graph.edges(data=True)]
    return _table(rows), list(name.values())


def _cyjs(path: Path) -> tuple[pd.DataFrame, list[str]]:
    elements = json.loads(path.read_text(encoding="utf-8"))["elements"]
    nodes = [node["data"] for node in elements["nodes"]]
    name = {str(node["id"]): str(node.get("name", node["id"])) for node in nodes}
    edges = [edge["data"] for edge in elements["edges"]]
    ends = ({end: name[str(edge[end])] for end in ("source", "target")} for edge in edges)
    return _table([edge | named for edge, named in zip(edges, ends, strict=True)]), list(name.values())


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Edges of a graph under the names of a table of edges."""
    table = pd.DataFrame(rows) if rows else pd.DataFrame({"source": [], "target": []}, dtype=object)
    return table.rename(columns={"in_network": "selected"} if "selected" not in table else {})


_READERS = {
    ".csv": _text,
    ".tsv": _text,
    ".txt": _text,
    ".parquet": _parquet,
    ".graphml": _graphml,
    ".xml": _graphml,
    ".cyjs": _cyjs,
    ".json": _cyjs,
}
