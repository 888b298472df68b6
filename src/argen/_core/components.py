"""Strongly connected components: genes that descend from each other by the significant pairs."""

import numpy as np

__all__ = ["strong_components"]


def strong_components(significant: np.ndarray) -> list[np.ndarray]:
    """Components of two genes or more, the largest first (ties: by first gene), each sorted."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    _, label = connected_components(csr_array(significant), directed=True, connection="strong")
    members = [np.flatnonzero(label == one) for one in np.flatnonzero(np.bincount(label) > 1)]
    return sorted(members, key=lambda genes: (-len(genes), genes[0]))
