"""Networks and results as files: Cytoscape, igraph, R, anything that writes or reads tables."""

from ._cyjs import write_cyjs
from ._graphml import write_graphml
from ._read_network import read_network
from ._tables import write_table, write_tables

__all__ = ["read_network", "write_cyjs", "write_graphml", "write_table", "write_tables"]
