"""CausalBench's statistical metrics: whether perturbing the parent moves the child in held-out cells."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from argen._bridge.counts import matrix_of, read_counts, tell_of_counts
from argen._bridge.counts_elsewhere import matrix_name
from argen._bridge.features import gene_positions, genes_of
from argen._bridge.gene_names import GeneNames
from argen._bridge.guides.names import is_named
from argen._bridge.labels import NO_PERTURBATION
from argen._bridge.results.names import shown_names
from argen._bridge.runtime import warn_user
from argen._bridge.spelling import Asked, cure_of
from argen._bridge.storage import check_in_memory
from argen._bridge.validate import check_level, name_some
from argen._core.graphs.reach import transitive_closure
from argen.errors import DesignError, InputError

from ._networks import Network, given_names, on_genes, read_network
from ._split import perturbation_labels

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import ArrayLike

__all__ = ["HeldOut", "causalbench", "held_out_cells", "network_on"]


class HeldOut(NamedTuple):
    """Expression of the network's genes (cells × genes, CSC), control cells, and the cells of each perturbed gene."""

    expression: sparse.csc_array
    control: np.ndarray
    perturbed: dict[int, np.ndarray]


def causalbench(  # noqa: PLR0913
    adata: "AnnData",
    network: "AnnData | pd.DataFrame | ArrayLike",
    *,
    key: str = "argen_dag",
    perturbation_key: str = "argen_perturbation",
    control: str | Sequence[str] = "control",
    genes: Sequence[str] | None = None,
    layer: str | None = None,
    gene_symbols: str | None = None,
    normalize: bool = True,
    alpha: float = 0.05,
    n_omitted: int | None = 1000,
    rng: int | np.random.Generator = 0,
) -> pd.Series:
    r"""Evaluate a network on held-out cells, without knowing the truth :cite:p:`Chevalley2025`.

    For an ordered pair (parent, child), let :math:`F` be the distribution of the child's expression in the held-out
    control cells and :math:`F_{do}` that in the held-out cells in which the parent is perturbed.

    * **Mean Wasserstein distance** :math:`\frac{1}{|E|}\sum_{E} \int |F(x) - F_{do}(x)|\,dx` over the edges E. The
      higher, the stronger the effects that the network names.
    * **False omission rate** FN / (FN + TN): share of the pairs that the network says have no effect (no directed path
      from parent to child) in which a two-sided Mann–Whitney test of :math:`F = F_{do}` has p < `alpha`. The lower, the
      less was overlooked. The p-values are not adjusted, so it stays near `alpha` even if nothing was.

    An edge is direct and these tests are not: they cannot tell a network from its transitive closure. Parents without
    held-out perturbed cells cannot be judged; their pairs are left out and counted.

    Parameters
    ----------
    adata
        The held-out cells, such as ``adata[held_out]`` after :func:`hold_out`.
    network
        The network, learned on other cells: an AnnData with a result, a table of edges, or a matrix (see
        :func:`evaluate`).
    key
        Name of the result if `network` is an AnnData.
    perturbation_key, control
        Column of ``obs`` with the perturbation of each cell, and its label or labels for control cells, or prefixes
        with ``*``.
    genes
        Genes of the network, if `network` is a table (by default its genes) or a matrix without labels.
    layer
        Counts to use; ``X`` by default.
    gene_symbols
        Column of ``var`` with further names of the genes, which labels and network may have. Default: that of the
        descendant step of `network`, or of `adata`.
    normalize
        Scale every cell to the median total count over all genes and take log(1 + x), as CausalBench does; cells
        without counts are left out. ``False``: the values are taken as they are.
    alpha
        Level of the Mann–Whitney tests.
    n_omitted
        How many pairs to draw for the false omission rate; `None` takes all.
    rng
        Seed or generator for that draw.

    Returns
    -------
    ``mean_wasserstein``, ``significant_edges`` (share of the edges with p < `alpha`), ``false_omission_rate``,
    ``mean_wasserstein_omitted``, ``n_edges``, ``n_edges_tested``, ``n_omitted``, ``n_omitted_tested``. Means over
    nothing are NaN.

    Raises
    ------
    argen.errors.InputError
        Genes of the network that `adata` does not have, an unknown column or layer, values that are no counts although
        `normalize`.
    argen.errors.DesignError
        No control cells.
    argen.errors.MissingResultError
        `network` is an AnnData without `key`.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2", n_cells=4000)
    >>> held_out = ag.metrics.hold_out(adata, perturbation_key="perturbation")
    >>> truth = adata.uns["simulation"]["tables"]["edges"]
    >>> figures = ag.metrics.causalbench(adata[held_out], truth, perturbation_key="perturbation")
    >>> bool(figures["mean_wasserstein"] > figures["mean_wasserstein_omitted"])
    True
    """
    check_level("alpha", alpha)
    net = read_network("network", network, key, genes, gene_symbols)
    names = list(given_names(genes, net) or net.genes or sorted(net.named))
    edges, _ = network_on(net, names)
    known = shown_names(adata, gene_symbols or (None if net.names is None else net.names.column))
    cells = held_out_cells(adata, known, names, perturbation_key, control, layer, normalize=normalize)
    omitted = np.argwhere(~transitive_closure(edges) & ~np.eye(len(edges), dtype=bool))
    testable = _testable(omitted, cells)
    if n_omitted is not None and n_omitted < len(testable):
        testable = np.random.default_rng(rng).choice(testable, n_omitted, replace=False)
    present = np.argwhere(edges)
    distance, significant = _test_pairs(_testable(present, cells), cells, alpha)
    distance_omitted, significant_omitted = _test_pairs(testable, cells, alpha)
    figures = {
        "mean_wasserstein": _mean(distance),
        "significant_edges": _mean(significant),
        "false_omission_rate": _mean(significant_omitted),
        "mean_wasserstein_omitted": _mean(distance_omitted),
        "n_edges": len(present),
        "n_edges_tested": len(distance),
        "n_omitted": len(omitted),
        "n_omitted_tested": len(testable),
    }
    return pd.Series(figures, dtype=np.float64)


def network_on(network: Network, genes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Edges and effects of a network as arrays over genes, which have to be all of its own."""
    if unknown := sorted(network.named - set(genes)):
        msg = f"network names genes that are not among genes=: {name_some(unknown)}."
        raise InputError(msg)
    return on_genes(network, genes)


def held_out_cells(
    adata: "AnnData",
    known: GeneNames,
    names: list[str],
    perturbation_key: str,
    control: str | Sequence[str],
    layer: str | None,
    *,
    normalize: bool,
) -> HeldOut:
    """Check and collect what the tests need."""
    labels = perturbation_labels(adata, perturbation_key)
    genes, there = known.genes(names), genes_of(adata)
    at = there.get_indexer(genes) if there.is_unique else None
    if at is None or (at < 0).any():
        wrong = there[there.duplicated()] if at is None else genes[at < 0]
        msg = f"adata.var_names has to hold each gene of the network once; look at {name_some(wrong)}."
        raise InputError(msg)
    expression, used = _expression(adata, genes, layer, normalize=normalize)
    found = np.unique(labels)
    are_controls = [label for label in found if is_named(label, [str(name) for name in np.atleast_1d(control)])]
    controls = np.flatnonzero(np.isin(labels, are_controls) & used)
    if not controls.size:
        some = name_some(map(repr, found.tolist()))
        msg = f"No held-out cell that can be used has control={control!r}; labels: {some}."
        raise DesignError(msg)
    perturbed_gene = known.genes(labels)
    perturbed = {j: np.flatnonzero((perturbed_gene == gene) & used) for j, gene in enumerate(genes)}
    kept = {j: cells for j, cells in perturbed.items() if cells.size}
    if not kept:
        _warn_unperturbed(adata, known, sorted({*found} - {*are_controls, *NO_PERTURBATION, ""}), perturbation_key)
    return HeldOut(expression, controls, kept)


def _warn_unperturbed(adata: "AnnData", known: GeneNames, labels: list[str], perturbation_key: str) -> None:
    """Labels that are no gene, if it can be told why: without a perturbed gene of the network there is no figure."""
    unknown = [label for label in map(str, labels) if known.gene(label) not in known.var_names]
    if cure := cure_of(Asked(unknown, adata, known, perturbation_key)):
        warn_user(f"No gene of the network is perturbed in a held-out cell: {cure}.")


def _expression(
    adata: "AnnData", genes: list[str], layer: str | None, *, normalize: bool
) -> tuple[sparse.csc_array, np.ndarray]:
    """Values of some genes, and which cells can be used."""
    if not normalize:
        return _values(adata, genes, layer), np.ones(adata.n_obs, dtype=bool)
    counts = read_counts(adata, layer, " If these are normalised values, give normalize=False.")
    tell_of_counts(adata, layer)
    total = counts.cell_totals()
    used = total > 0
    scale = np.divide(np.median(total[used]) if used.any() else 1.0, total, out=np.zeros_like(total), where=used)
    own = counts.of(genes_of(adata).get_indexer(genes)).matrix()
    return sparse.csc_array(sparse.diags_array(scale) @ own).log1p(), used


def _values(adata: "AnnData", genes: list[str], layer: str | None) -> sparse.csc_array:
    """Values as they are."""
    matrix = matrix_of(adata, layer)
    check_in_memory(matrix, matrix_name("adata", layer))
    own = matrix[:, gene_positions(adata, genes)]
    values = sparse.csc_array(own.astype(np.float64) if own.dtype == np.float16 else own)
    if not np.isfinite(values.data).all():
        msg = f"{matrix_name('adata', layer)} holds NaN or infinite values."
        raise InputError(msg)
    return values


def _testable(pairs: np.ndarray, cells: HeldOut) -> np.ndarray:
    """Pairs whose parent is perturbed in some held-out cell."""
    return pairs[np.isin(pairs[:, 0], list(cells.perturbed))]


def _test_pairs(pairs: np.ndarray, cells: HeldOut, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """Wasserstein distance of each (parent, child), and whether the Mann–Whitney test rejects."""
    from scipy import stats  # slow to import

    distance, significant = np.empty(len(pairs)), np.empty(len(pairs), dtype=bool)
    for child in np.unique(pairs[:, 1]):
        values = cells.expression[:, [child]].toarray().ravel()
        control = values[cells.control]
        for at in np.flatnonzero(pairs[:, 1] == child):
            perturbed = values[cells.perturbed[pairs[at, 0]]]
            distance[at] = stats.wasserstein_distance(control, perturbed)
            significant[at] = stats.mannwhitneyu(control, perturbed).pvalue < alpha
    return distance, significant


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else np.nan
