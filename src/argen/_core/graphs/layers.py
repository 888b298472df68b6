"""Where the genes stand in a network that may hold cycles."""

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

__all__ = ["layers_with_cycles"]


def layers_with_cycles(edges: np.ndarray | sparse.csr_array) -> np.ndarray:
    """Longest path from a root to each gene, the genes of one cycle counted as one; `edges` boolean, shape (p, p)."""
    edges = sparse.csr_array(edges)
    _, component = connected_components(edges, connection="strong")
    source, target = (component[end] for end in edges.nonzero())
    between = source != target
    source, target = source[between], target[between]
    layer = np.zeros(component.max() + 1, dtype=np.int64)
    while True:
        longer = layer.copy()
        np.maximum.at(longer, target, layer[source] + 1)
        if np.array_equal(longer, layer):
            return layer[component]
        layer = longer
