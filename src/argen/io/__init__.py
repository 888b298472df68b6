"""Results as files for other programs: Cytoscape, igraph, R, anything that reads tables."""

from ._cyjs import write_cyjs
from ._graphml import write_graphml
from ._tables import write_table, write_tables

__all__ = ["write_cyjs", "write_graphml", "write_table", "write_tables"]
