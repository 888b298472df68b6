"""Which genes reach which: transitive closure, and the components of genes that reach each other."""

import numpy as np

__all__ = ["strong_components", "transitive_closure"]


def strong_components(significant: np.ndarray) -> list[np.ndarray]:
    """Components of two genes or more, the largest first (ties: by first gene), each sorted."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    _, label = connected_components(csr_array(significant), directed=True, connection="strong")
    members = [np.flatnonzero(label == one) for one in np.flatnonzero(np.bincount(label) > 1)]
    return sorted(members, key=lambda genes: (-len(genes), genes[0]))


def transitive_closure(relation: np.ndarray) -> np.ndarray:
    """Pairs joined by a path, each node itself excluded; shape (p, p)."""
    reach = relation.copy()
    for k in range(len(reach)):
        reach[reach[:, k]] |= reach[k]
    np.fill_diagonal(reach, val=False)
    return reach
