"""The measures of geneRNIB that need nothing but perturbed cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge.labels import label_texts
from argen._bridge.results.names import shown_names
from argen._bridge.validate import check_count, read_column, read_seed
from argen._core.graphs.rewired import rewired_graphs
from argen._core.held_out.activity import activity_ranks, target_auroc
from argen._core.held_out.regression import held_out_r2, strongest_parents
from argen._core.held_out.replicates import rank_agreement, sign_consistency
from argen._core.held_out.responses import Responses, means_of_groups, responses, wasserstein_distances

from ._causalbench import HeldOut, held_out_cells, network_on
from ._networks import given_names, read_network

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import ArrayLike

__all__ = ["gene_rnib"]

_PENALTY = 1.0
Figures = dict[str, tuple[float, int]]  # value, and number of things that it is a mean of


@dataclass(frozen=True, slots=True)
class Cells:
    """What the cells say about every ordered pair of p genes, whatever the network.

    Attributes
    ----------
    distance
        Wasserstein distances [source, target].
    rank
        Rank of each distance among those of its source, from 0 to 1.
    response
        Effects in all cells.
    of_replicates
        Mean effects in each replicate, shape (replicates, p, p).
    profiles, own
        Mean expression under every perturbation and among controls, and whose perturbation it is.
    fold
        Fold of each profile.
    """

    distance: np.ndarray
    rank: np.ndarray
    response: Responses
    of_replicates: np.ndarray
    profiles: np.ndarray
    own: np.ndarray
    fold: np.ndarray


def gene_rnib(  # noqa: PLR0913
    adata: "AnnData",
    network: "AnnData | pd.DataFrame | ArrayLike",
    *,
    key: str = "argen_dag",
    perturbation_key: str = "argen_perturbation",
    control: str | Sequence[str] = "control",
    replicate: str | None = None,
    genes: Sequence[str] | None = None,
    layer: str | None = None,
    gene_symbols: str | None = None,
    normalize: bool = True,
    min_targets: int = 2,
    folds: int = 5,
    n_shuffled: int = 100,
    rng: int | np.random.Generator = 0,
) -> pd.DataFrame:
    r"""Measure a network on held-out cells as geneRNIB does, beside the same of shuffled networks.

    geneRNIB is the benchmark of gene regulatory networks of Open Problems (``task_grn_inference``). These are those of
    its measures that need no download, with arithmetic of their own: compare the figures with each other and with the
    shuffled networks, not with a published table. A shuffled network gives every gene as many parents and children as
    it has, see :func:`compare`.

    ======================== ==========================================================================================
    ``wasserstein``          mean over the edges of the distance between the target's expression in the cells in which
                             the source is perturbed and in control cells; ``wasserstein_weighted``: weighted by
                             \|effect\| of the edge; ``wasserstein_rank``: mean of the rank of the distance among all
                             genes under the same perturbation, from 0 to 1, by chance 1/2
    ``regression``           mean over the genes with parents of the R² with which these predict the gene (ridge
                             regression on mean expression per perturbation, whole perturbations held out, without that
                             of the gene itself); ``regression_median``: by so many of the strongest parents as the
                             median gene has; ``regression_min``: by the strongest alone
    ``target_recovery``      mean over the perturbed sources of the area under the ROC curve: targets against other
                             genes by the size of Welch's t under the perturbation; by chance 1/2
    ``activity_recovery``    mean over the perturbed sources of the rank of their own activity among all sources, from 0
                             to 1, by chance 1/2; activity: t-value of the response on the weights of the source's
                             edges (decoupler's ``ulm``)
    ``replicate_signs``      share of the edges whose effect (difference of means) has one sign in all replicates
    ``replicate_ranks``      mean over pairs of replicates of Spearman's correlation of the effects of the edges
    ======================== ==========================================================================================

    An edge is direct and the effects of perturbations are total: the transitive closure of a good network does well in
    all but ``regression``, and so would a list of significant pairs. Sources without perturbed cells cannot be judged;
    their edges are left out of all but ``regression``. ``n`` says on how many edges, genes, sources or pairs of
    replicates each figure rests. R² is negative where parents predict worse than the mean of the other perturbations:
    with few perturbations that is usual, and the shuffled networks say what it means.

    Parameters
    ----------
    adata
        The held-out cells, such as ``adata[held_out]`` after :func:`hold_out`. On the cells that made the network
        every measure flatters it.
    network
        An AnnData with a result, a table of edges, or a matrix (see :func:`evaluate`).
    key
        Name of the result if `network` is an AnnData.
    perturbation_key, control
        Column of ``obs`` with the perturbation of each cell, and its label or labels for control cells, or prefixes
        with ``*``.
    replicate
        Column of ``obs`` with the replicate of each cell; without it the last two rows are left out.
    genes
        Genes to measure on: those of the network by default. Further ones of `adata` are a background of genes without
        an edge. Also the names for a matrix without labels.
    layer
        Counts to use; ``X`` by default.
    gene_symbols
        Column of ``var`` with further names of the genes, which labels and network may have. Default: that of the
        descendant step of `network`, or of `adata`.
    normalize
        Scale every cell to the median total count over all genes and take log(1 + x); cells without counts are left
        out. ``False``: the values are taken as they are.
    min_targets
        Number of targets from which a source has an activity.
    folds
        Number of parts that the perturbations are split into for ``regression``.
    n_shuffled
        Number of shuffled networks.
    rng
        Seed or generator for the folds and the shuffled networks.

    Returns
    -------
    One row per measure, index ``measure``: ``value``, ``n``, ``shuffled`` and ``shuffled_sd`` (mean and standard
    deviation over the shuffled networks), ``p`` = (1 + shuffled networks with at least the value) / (1 + shuffled
    networks). Measures of nothing are NaN.

    Raises
    ------
    argen.errors.InputError
        Genes of the network that `adata` does not have, an unknown column or layer, values that are no counts although
        `normalize`.
    argen.errors.DesignError
        No control cells.
    argen.errors.MissingResultError
        `network` is an AnnData without `key`.

    See Also
    --------
    causalbench : the measures of CausalBench on such cells.
    hold_out : to choose the cells.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2", n_cells=4000)
    >>> held_out = ag.metrics.hold_out(adata, perturbation_key="perturbation", fraction=0.5)
    >>> truth = adata.uns["simulation"]["tables"]["edges"]
    >>> table = ag.metrics.gene_rnib(adata[held_out], truth, perturbation_key="perturbation", n_shuffled=20)
    >>> bool(table.loc["wasserstein", "value"] > table.loc["wasserstein", "shuffled"])
    True
    """
    least, n_folds = check_count("min_targets", min_targets, 1), check_count("folds", folds, 2)
    n_draws, seed = check_count("n_shuffled", n_shuffled, 0), read_seed(rng)
    net = read_network("network", network, key, genes, gene_symbols)
    names = sorted(given_names(genes, net) or net.genes or net.named)  # so that the draws do not hang on their order
    edges, effects = network_on(net, names)
    known = shown_names(adata, gene_symbols or (None if net.names is None else net.names.column))
    held_out = held_out_cells(adata, known, names, perturbation_key, control, layer, normalize=normalize)
    if replicate is not None:
        read_column(adata.obs, replicate, f"replicate={replicate!r}")
    groups = None if replicate is None else label_texts(adata.obs, replicate).astype(str)
    generator = np.random.default_rng(seed)
    cells = _cells(held_out, groups, n_folds, generator)
    weights = np.where(edges, np.where(np.isfinite(effects), effects, 1.0), 0.0)
    found = _figures(cells, edges, weights, least)
    draws = [_figures(cells, *drawn, least) for drawn in _shuffled(edges, weights, n_draws, generator)]
    return _table(found, draws)


def _cells(held_out: HeldOut, groups: np.ndarray | None, n_folds: int, rng: np.random.Generator) -> Cells:
    """Everything that is the same for every network."""
    expression, control, perturbed = held_out.expression, held_out.control, held_out.perturbed
    distance = wasserstein_distances(expression, control, perturbed)
    profiles, _ = means_of_groups(expression, {-1: control, **perturbed})
    own = np.array([-1, *perturbed])
    fold = rng.permutation(np.arange(len(own)) % n_folds)
    p = expression.shape[1]
    of_replicates = np.empty((0, p, p))
    if groups is not None:
        of_replicates = np.array([
            responses(expression, *_of_replicate(control, perturbed, groups == name)).mean
            for name in np.unique(groups) if name != ""
        ])  # fmt: skip
    response = responses(expression, control, perturbed)
    return Cells(distance, _ranks(distance), response, of_replicates.reshape(-1, p, p), profiles, own, fold)


def _of_replicate(
    control: np.ndarray, perturbed: Mapping[int, np.ndarray], inside: np.ndarray
) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    parts = {source: cells[inside[cells]] for source, cells in perturbed.items()}
    return control[inside[control]], {source: cells for source, cells in parts.items() if cells.size}


def _ranks(distance: np.ndarray) -> np.ndarray:
    """Share of the other genes under the same perturbation that move less; ties count half."""
    from scipy.stats import rankdata

    n = np.isfinite(distance).sum(axis=1, keepdims=True)
    return (rankdata(distance, axis=1, nan_policy="omit") - 1.0) / np.maximum(n - 1, 1)


def _shuffled(edges: np.ndarray, weights: np.ndarray, n_draws: int, rng: np.random.Generator):
    """Rewired networks, with the weights of the edges dealt out anew."""
    values = weights[edges]
    for joined in rewired_graphs(edges, n_draws, rng):
        dealt = np.zeros_like(weights)
        dealt[joined] = rng.permutation(values)
        yield joined, dealt


def _figures(cells: Cells, edges: np.ndarray, weights: np.ndarray, least: int) -> Figures:
    """Every measure of one network, with what it is a mean of."""
    judged = edges & np.isfinite(cells.distance)
    size = np.abs(weights[judged])
    n_parents = edges.sum(axis=0)
    median = int(np.median(n_parents[n_parents > 0])) if edges.any() else 0
    sources = np.flatnonzero(edges.sum(axis=1) >= least)
    figures = {
        "wasserstein": _mean(cells.distance[judged]),
        "wasserstein_weighted": _mean(cells.distance[judged], size),
        "wasserstein_rank": _mean(cells.rank[judged]),
    }
    for name, most in (("regression", len(edges)), ("regression_median", median), ("regression_min", 1)):
        parents = strongest_parents(edges, np.abs(weights), most)
        figures[name] = _mean(held_out_r2(cells.profiles, cells.own, parents, cells.fold, _PENALTY))
    figures["target_recovery"] = _mean(target_auroc(np.abs(cells.response.t), edges))
    figures["activity_recovery"] = _mean(activity_ranks(cells.response.mean, weights, sources))
    if len(cells.of_replicates):
        effects = cells.of_replicates[:, judged]
        figures |= {"replicate_signs": sign_consistency(effects), "replicate_ranks": rank_agreement(effects)}
    return figures


def _mean(values: np.ndarray, weights: np.ndarray | None = None) -> tuple[float, int]:
    """Mean of the known values, and their number."""
    known = np.isfinite(values)
    if not known.any() or (weights is not None and weights[known].sum() == 0):
        return np.nan, int(known.sum())
    return float(np.average(values[known], weights=None if weights is None else weights[known])), int(known.sum())


def _table(found: Figures, draws: list[Figures]) -> pd.DataFrame:
    rows = {}
    for name, (value, n) in found.items():
        shuffled = np.array([draw[name][0] for draw in draws], dtype=np.float64)
        shuffled = shuffled[np.isfinite(shuffled)]
        p = (1 + (shuffled >= value).sum()) / (1 + len(shuffled)) if np.isfinite(value) and len(shuffled) else np.nan
        mean, sd = (shuffled.mean(), shuffled.std(ddof=1)) if len(shuffled) > 1 else (np.nan, np.nan)
        rows[name] = {"value": value, "n": n, "shuffled": mean, "shuffled_sd": sd, "p": p}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("measure")
