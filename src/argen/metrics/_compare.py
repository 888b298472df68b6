"""Two networks, neither of which is the truth."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge.validate import check_count, read_seed
from argen._core.graphs.metrics import hamming_distance
from argen._core.graphs.overlap import contrary, overlap_by_numbers, same_order
from argen._core.graphs.reach import transitive_closure
from argen._core.graphs.rewired import shared_by_chance

from ._pair import Pair, read_pair

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import ArrayLike

__all__ = ["compare"]

_FEWEST = 3  # values of which a correlation says something


def compare(
    a: "AnnData | pd.DataFrame | ArrayLike",
    b: "AnnData | pd.DataFrame | ArrayLike | None" = None,
    *,
    key: str = "argen_dag",
    other_key: str | None = None,
    genes: Iterable[str] | None = None,
    n_permutations: int = 1000,
    rng: int | np.random.Generator = 0,
) -> pd.Series:
    r"""Compare two networks, neither of which is the truth: two searches, two screens, a search and a database.

    Everything is about the genes that both networks know, and is the same if `a` and `b` change places. With n and K
    edges among p shared genes, k of them in both, and N = p (p − 1) ordered pairs:

    ======================== ==========================================================================================
    ``n_shared``             k; ``n_reversed``: pairs of genes with an edge in one direction in `a` alone and in the
                             other in `b` alone; ``n_only_a``, ``n_only_b``: the edges that are left
    ``jaccard``              k / (n + K − k); ``shd``: unordered pairs of genes on which the networks differ
    ``expected``             n K / N, what chance would give two networks with so many edges; ``odds_ratio`` =
                             k (N − n − K + k) / ((n − k)(K − k)); ``p``: hypergeometric P(at least k)
    ``expected_degrees``     mean number of shared edges after rewiring both, every gene keeping its number of parents
                             and of children; ``p_degrees`` = (1 + draws with at least k) / (1 + draws). Hubs of one
                             network that are hubs of the other share edges by chance: this is the harder question
    ``coef_correlation``     Pearson, ``coef_rank_correlation``: Spearman, of the effects of the shared edges (of
                             three or more); ``sign_agreement``: share of them with the same sign
    ``order_agreement``      of the ``n_ordered`` pairs of genes that a path joins in either network, and that both put
                             in an order: share in the same one. The order is the causal order of a search of argen; of
                             other networks the longest path from a root, by which not all pairs are ordered
    ``ancestor_jaccard``     of the pairs (ancestor, descendant): in both over in either
    ``…_correlation``        of ``out_degree`` and ``in_degree``: Spearman over the genes
    ======================== ==========================================================================================

    ``p``, ``expected`` and ``odds_ratio`` take every ordered pair to be possible: of two networks with the same causal
    order, such as two searches of one screen, half of the pairs are not, and ``p_degrees`` is the one to quote.

    A figure that cannot be computed (no edges, no effects, all degrees alike) is NaN.

    Parameters
    ----------
    a, b
        The networks: an AnnData with a result, a table of edges or a matrix, as for :func:`evaluate`. Without `b` both
        are in the AnnData `a`. With edges to responders: tables, of :func:`argen.get.edges` with ``responders=True``.
    key, other_key
        Names of the results if they are AnnData, `other_key` that of `b` (default: the same as `key`).
    genes
        Genes to compare on. Default: those of an AnnData or a labelled matrix, and of a table those with an edge, as
        far as both have them. A table does not tell which genes it found no edge of: name them here. Also the names for
        a matrix without labels.
    n_permutations
        Number of pairs of rewired networks; 0 leaves the two figures out.
    rng
        Seed or generator for them.

    Returns
    -------
    The figures by name, all of type float, preceded by ``n_genes`` (shared), ``n_genes_only_a``, ``n_genes_only_b``,
    ``n_edges_a``, ``n_edges_b`` (among the shared genes), ``n_outside_a`` and ``n_outside_b`` (edges with a gene that
    the other network does not know, which are in no figure).

    Raises
    ------
    argen.errors.InputError
        No gene in common, genes that a network does not have, no second network, an edge twice, a missing column.
    argen.errors.MissingResultError
        An AnnData without the network that is named.

    See Also
    --------
    compared_edges : the same edge by edge.
    evaluate : against the true network.

    Examples
    --------
    >>> import argen as ag
    >>> import pandas as pd
    >>> ours = pd.DataFrame({"source": ["A", "B", "C"], "target": ["B", "C", "D"], "coef": [0.5, -0.3, 0.2]})
    >>> theirs = pd.DataFrame({"source": ["A", "C", "C"], "target": ["B", "B", "D"], "coef": [0.4, -0.2, 0.3]})
    >>> figures = ag.metrics.compare(ours, theirs)
    >>> figures[["n_shared", "n_reversed", "shd", "sign_agreement"]].tolist()
    [2.0, 1.0, 1.0, 1.0]
    """
    n_draws, seed = check_count("n_permutations", n_permutations, 0), read_seed(rng)
    pair = read_pair(a, b, key, other_key, genes)
    figures = _counts(pair) | _by_chance(pair, n_draws, seed) | _effects(pair) | _structure(pair)
    return pd.Series(figures, dtype=np.float64)


def _counts(pair: Pair) -> dict[str, float]:
    a, b = pair.a, pair.b
    n_a, n_b, n_shared = (int(edges.sum()) for edges in (a.edges, b.edges, a.edges & b.edges))
    n_reversed = int(contrary(a.edges, b.edges).sum())
    known = [{*(side.network.genes or side.network.named)} for side in (a, b)]
    n_either = n_a + n_b - n_shared
    return {
        "n_genes": len(pair.genes),
        "n_genes_only_a": len(known[0] - {*pair.genes}),
        "n_genes_only_b": len(known[1] - {*pair.genes}),
        "n_edges_a": n_a,
        "n_edges_b": n_b,
        "n_outside_a": a.n_outside,
        "n_outside_b": b.n_outside,
        "n_shared": n_shared,
        "n_reversed": n_reversed,
        "n_only_a": n_a - n_shared - n_reversed,
        "n_only_b": n_b - n_shared - n_reversed,
        "jaccard": n_shared / n_either if n_either else np.nan,
        "shd": hamming_distance(a.edges, b.edges),
    }


def _by_chance(pair: Pair, n_draws: int, seed: int) -> dict[str, float]:
    a, b, p = pair.a.edges, pair.b.edges, len(pair.genes)
    n_shared = int((a & b).sum())
    expected, odds, p_value = overlap_by_numbers(int(a.sum()), int(b.sum()), n_shared, p * (p - 1))
    figures = {"expected": expected, "odds_ratio": odds, "p": p_value, "expected_degrees": np.nan, "p_degrees": np.nan}
    if n_draws and a.any() and b.any():
        left, right = sorted((a, b), key=lambda edges: edges.tobytes())  # the same figures if they change places
        draws = shared_by_chance(left, right, n_draws, tuple(np.random.default_rng(seed).spawn(2)))
        figures |= {"expected_degrees": draws.mean(), "p_degrees": (1 + (draws >= n_shared).sum()) / (1 + n_draws)}
    return figures


def _effects(pair: Pair) -> dict[str, float]:
    both = pair.a.edges & pair.b.edges
    left, right = pair.a.coef[both], pair.b.coef[both]
    known = np.isfinite(left) & np.isfinite(right)
    left, right = left[known], right[known]
    signs = (np.sign(left) * np.sign(right))[(left != 0) & (right != 0)]
    return {
        "coef_correlation": _correlation(left, right),
        "coef_rank_correlation": _rank_correlation(left, right),
        "sign_agreement": (signs > 0).mean() if signs.size else np.nan,
    }


def _structure(pair: Pair) -> dict[str, float]:
    a, b = pair.a, pair.b
    above, other = transitive_closure(a.edges), transitive_closure(b.edges)
    n_ordered, n_same = same_order(a.position, b.position, above | other)
    n_a, n_b, n_both = int(above.sum()), int(other.sum()), int((above & other).sum())
    n_either = n_a + n_b - n_both
    return {
        "n_ordered": n_ordered,
        "order_agreement": n_same / n_ordered if n_ordered else np.nan,
        "n_ancestor_pairs_a": n_a,
        "n_ancestor_pairs_b": n_b,
        "n_ancestor_pairs_shared": n_both,
        "ancestor_jaccard": n_both / n_either if n_either else np.nan,
        "out_degree_correlation": _rank_correlation(a.edges.sum(axis=1), b.edges.sum(axis=1)),
        "in_degree_correlation": _rank_correlation(a.edges.sum(axis=0), b.edges.sum(axis=0)),
    }


def _correlation(left: np.ndarray, right: np.ndarray) -> float:
    if len(left) < _FEWEST or np.ptp(left) == 0 or np.ptp(right) == 0:
        return np.nan
    return float(np.corrcoef(left, right)[0, 1])


def _rank_correlation(left: np.ndarray, right: np.ndarray) -> float:
    from scipy.stats import rankdata

    return _correlation(rankdata(left), rankdata(right))
