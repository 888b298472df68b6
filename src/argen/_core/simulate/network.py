"""Directed acyclic graphs as sparse matrices of direct effects: row = parent, column = child."""

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from argen.errors import InputError

__all__ = ["causal_order", "find_cycle", "marginal_effects", "random_dag", "random_pairs", "total_effects"]


def random_dag(
    n_genes: int,
    rng: np.random.Generator,
    *,
    n_parents: tuple[int, int] = (1, 3),
    n_edges: int | None = None,
    effect: tuple[float, float] = (0.25, 0.5),
) -> sparse.csr_matrix:
    """Draw a graph in a random causal order; |θ| is uniform, its sign a fair coin."""
    order = rng.permutation(n_genes)
    if n_edges is None:
        early, late = _parents_per_gene(n_genes, n_parents, rng)
    else:
        early, late = random_pairs(n_genes, n_edges, rng)
    size = rng.uniform(*effect, size=early.size)
    sign = np.where(rng.random(early.size) < 0.5, 1.0, -1.0)
    shape = (n_genes, n_genes)
    return sparse.csr_matrix((size * sign, (order[early], order[late])), shape=shape)


def _parents_per_gene(
    n_genes: int, n_parents: tuple[int, int], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Each position of the order takes parents among the earlier ones, as far as there are any."""
    wanted = rng.integers(n_parents[0], n_parents[1] + 1, size=n_genes)
    numbers = np.minimum(wanted, np.arange(n_genes))
    parents = [rng.choice(child, size=number, replace=False) for child, number in enumerate(numbers) if number]
    early = np.concatenate(parents) if parents else np.empty(0, dtype=np.int64)
    return early, np.repeat(np.arange(n_genes), numbers)


def random_pairs(n_genes: int, n_edges: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw distinct pairs early < late; pair number r of column `late` starts at late (late − 1) / 2."""
    index = rng.choice(n_genes * (n_genes - 1) // 2, size=n_edges, replace=False)
    starts = np.arange(n_genes) * (np.arange(n_genes) - 1) // 2
    late = np.searchsorted(starts, index, side="right") - 1
    return index - starts[late], late


def causal_order(theta: sparse.csr_matrix) -> np.ndarray:
    """Order genes from roots to sinks; raises :class:`~argen.errors.InputError` when there is a cycle."""
    order, stuck = _peel(theta)
    if stuck.any():
        msg = f"The direct effects hold a cycle: {int(stuck.sum())} genes are on one or follow from one."
        raise InputError(msg)
    return order


def find_cycle(theta: sparse.csr_matrix) -> list[int]:
    """Find one cycle as a list of genes, first and last the same; empty when there is none."""
    _, stuck = _peel(theta)
    if not stuck.any():
        return []
    parents = sparse.csc_matrix(theta)
    path = [int(np.flatnonzero(stuck)[0])]
    while path[-1] not in path[:-1]:  # every gene that is stuck has a parent that is stuck
        above = parents.indices[parents.indptr[path[-1]] : parents.indptr[path[-1] + 1]]
        path.append(int(above[stuck[above]][0]))
    return path[path.index(path[-1]) :][::-1]


def _peel(theta: sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """Take genes away once all their parents are gone (Kahn); return their order and who is never free."""
    theta = sparse.csr_matrix(theta)
    waiting = np.bincount(theta.indices, minlength=theta.shape[0])
    order = list(np.flatnonzero(waiting == 0))
    for gene in order:  # grows while it is walked through
        children = theta.indices[theta.indptr[gene] : theta.indptr[gene + 1]]
        waiting[children] -= 1
        order.extend(children[waiting[children] == 0])
    return np.array(order, dtype=np.int64), waiting > 0


def _inverse(theta: sparse.spmatrix) -> np.ndarray:
    """(I − Θ)⁻¹, dense: entry [j, k] sums the products of effects along all paths from j to k."""
    identity = sparse.identity(theta.shape[0], format="csc")
    return splu(sparse.csc_matrix(identity - theta)).solve(identity.toarray())


def total_effects(theta: sparse.spmatrix, knockdown: np.ndarray) -> np.ndarray:
    """τ*_jk = τ_j [(I − Θ)⁻¹]_jk: natural log fold change of gene k when gene j is perturbed."""
    return knockdown[:, None] * _inverse(theta)


def marginal_effects(theta: sparse.csr_matrix, kept: np.ndarray) -> sparse.csr_matrix:
    """Θ_kk + Θ_ko (I − Θ_oo)⁻¹ Θ_ok: direct effects among the genes kept when the others are hidden."""
    theta = sparse.csr_matrix(theta)
    kept, hidden = np.flatnonzero(kept), np.flatnonzero(~kept)
    direct = theta[kept][:, kept]
    if hidden.size:
        through = sparse.csr_matrix(_inverse(theta[hidden][:, hidden]))
        direct = direct + theta[kept][:, hidden] @ through @ theta[hidden][:, kept]
    direct = sparse.csr_matrix(direct)
    direct.eliminate_zeros()
    direct.sort_indices()
    return direct
