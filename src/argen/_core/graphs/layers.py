"""Where the genes stand in a network that may hold cycles."""

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

__all__ = ["layers_with_cycles"]


def layers_with_cycles(edges: np.ndarray) -> np.ndarray:
    """Longest path from a root to each gene, the genes of one cycle counted as one; `edges` boolean, shape (p, p)."""
    _, component = connected_components(sparse.csr_array(edges), connection="strong")
    source, target = component[np.nonzero(edges)[0]], component[np.nonzero(edges)[1]]
    between = source != target
    source, target = source[between], target[between]
    layer = np.zeros(component.max() + 1, dtype=np.int64)
    while True:
        longer = layer.copy()
        np.maximum.at(longer, target, layer[source] + 1)
        if np.array_equal(longer, layer):
            return layer[component]
        layer = longer
