"""An estimated network against the true one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import ndtri

from argen._bridge.validate import check_level, name_some
from argen._core.graphs.metrics import (
    average_precision,
    hamming_distance,
    order_agreement,
    precision_recall_f1,
    wrong_interventions,
)
from argen._core.normal import log_p_two_sided
from argen.errors import InputError

from ._networks import Network, by_names_of, check_acyclic, given_names, on_genes, read_network, shared_genes

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import ArrayLike

__all__ = ["evaluate"]


def evaluate(
    estimate: "AnnData | pd.DataFrame | ArrayLike",
    truth: "AnnData | pd.DataFrame | ArrayLike",
    *,
    key: str = "argen_dag",
    truth_key: str = "truth",
    genes: Sequence[str] | None = None,
    order: Sequence[str] | None = None,
    rank_by: str = "p",
    alpha: float = 0.05,
    level: float = 0.95,
    sid: bool = True,
) -> pd.Series:
    r"""Evaluate an estimated network against the true one.

    Both may be an AnnData, a table of edges (columns ``source``, ``target`` and, as far as known, ``coef`` or
    ``weight``, ``se``, ``p``, ``z``, ``selected``), or a gene × gene matrix (row = parent, column = child; dense,
    sparse or labelled; boolean or 0/1 integer entries are edges without coefficients). Rows of a table that are not
    ``selected`` are *candidates*: pairs that were tested and are not edges. A matrix has no candidates but its edges.

    With :math:`\hat θ, θ` the estimated and the true direct effect of a pair (0 where the truth has no edge):

    ======================== ==========================================================================================
    ``precision``            TP / edges, ``recall`` = TP / true edges, ``f1`` = 2 TP / (edges + true edges)
    ``shd``                  structural Hamming distance: unordered pairs of genes on which the graphs differ, so a
                             missing, an extra and a reversed edge count 1 each
    ``sid``                  structural intervention distance :cite:p:`Peters2015`: ordered pairs (i, j) for which
                             adjusting for the estimated parents of i does not give :math:`p(x_j \mid do(x_i))`
    ``order_agreement``      share of the true (ancestor, descendant) pairs that the causal order puts right
    ``sign_agreement``       share of the TP with the right sign
    ``bias``                 mean of :math:`\hat θ - θ`; ``magnitude_bias`` = mean of
                             :math:`\mathrm{sign}(θ)(\hat θ - θ)`, negative when effects are too small; ``rmse`` = root
                             of the mean of :math:`(\hat θ - θ)^2`; ``coverage`` = share with
                             :math:`|\hat θ - θ| \le z_{(1 + level)/2}\, se`. These four are over the **true edges that
                             were candidates**, selected or not
    ``rmse_candidates``      the same over **all candidates**, the true nulls (θ = 0) included;
                             ``coverage_candidates`` likewise
    ``null_rejection``       share of the candidates i → j that are no true edge and have p < `alpha`; those whose true
                             edge is j → i are among them
    ``auprc``                average precision over all ordered pairs, from the smallest p-value to the largest; pairs
                             without one come last, together. By chance: true edges / (p (p − 1))
    ======================== ==========================================================================================

    A figure that cannot be computed (no edges, no coefficients, standard errors, p-values or order) is NaN.

    Parameters
    ----------
    estimate, truth
        The networks.
    key, truth_key
        If they are AnnData: name of a result in ``uns``, or else of a matrix in ``varp``.
    genes
        Genes to compare on, which have to be those of `estimate`; also the names for a matrix without labels. Further
        genes of `truth` are taken for hidden: a path that runs through them only becomes a direct effect. By default
        both networks have to be about the same genes; if neither is known to hold more genes than have edges (two
        tables), these are the genes.
    order
        Causal order, roots to sinks; by default that of the result, if `estimate` is one.
    rank_by
        Column that ranks the pairs for ``auprc``: ``"p"`` (smallest first; ties at 0 by \|z\|), or another one (largest
        absolute value first, such as ``"coef"``).
    alpha
        Level of ``null_rejection``.
    level
        Level of the intervals.
    sid
        Whether to compute the structural intervention distance, for which `estimate` has to be acyclic.

    Returns
    -------
    The figures by name, all of type float, preceded by the numbers of genes, edges, true edges, candidates, candidates
    that are true edges, and true positives.

    Raises
    ------
    argen.errors.InputError
        Gene sets that differ, a missing column, an edge twice, a cycle in the truth, or with `sid` in the estimate.
    argen.errors.MissingResultError
        An AnnData without `key` or `truth_key`.

    See Also
    --------
    compare : two networks, neither of which is the truth.
    causalbench : without a known truth, by the effects of perturbations on held-out cells.
    prior_overlap : against a network from the literature.

    Examples
    --------
    >>> import argen as ag
    >>> import numpy as np
    >>> truth = np.array([[0, 0.5, 0], [0, 0, -0.5], [0, 0, 0]])  # A → B ⊣ C
    >>> estimate = np.array([[0, 0.4, 0], [0, 0, 0], [0, 0.3, 0]])  # A → B ← C
    >>> figures = ag.metrics.evaluate(estimate, truth, genes=["A", "B", "C"])
    >>> figures[["precision", "recall", "shd", "sid"]].tolist()
    [0.5, 0.5, 1.0, 3.0]
    """
    check_level("alpha", alpha)
    check_level("level", level)
    est, tru = _read_both(estimate, truth, key, truth_key, genes)
    genes, order = (given_names(names, est, tru) for names in (genes, order))
    names = shared_genes(est, tru, genes)
    true_edges, effects = on_genes(tru, names)
    edges, _ = on_genes(est, names)
    check_acyclic("truth", true_edges, names)
    position = _positions(est.order if order is None else order, names)
    candidates = _candidates(est, names, true_edges, effects)
    figures = _counts(edges, true_edges, candidates)
    figures |= dict(zip(("precision", "recall", "f1"), precision_recall_f1(edges, true_edges), strict=True))
    figures["shd"] = hamming_distance(edges, true_edges)
    figures["sid"] = _sid(edges, true_edges, names) if sid else np.nan
    figures["order_agreement"] = np.nan if position is None else order_agreement(position, true_edges)
    figures |= _effect_figures(candidates, ndtri((1 + level) / 2))
    figures["null_rejection"] = _share(candidates["p"] < alpha, ~candidates["true"] & candidates["p"].notna())
    figures["auprc"] = _auprc(candidates, names, true_edges, rank_by)
    return pd.Series(figures, dtype=np.float64)


def _read_both(
    estimate: object, truth: object, key: str, truth_key: str, genes: Sequence[str] | None
) -> tuple[Network, Network]:
    """Read both; rows of a matrix without labels are `genes`, else the genes of the other network."""
    if isinstance(estimate, pd.DataFrame) or hasattr(estimate, "varp"):
        est = read_network("estimate", estimate, key)
        tru = read_network("truth", truth, truth_key, genes if genes is not None else est.genes)
        return by_names_of(est, tru), by_names_of(tru, est)
    tru = read_network("truth", truth, truth_key, genes)
    est = read_network("estimate", estimate, key, genes if genes is not None else tru.genes)
    return by_names_of(est, tru), tru


def _positions(order: Sequence[str] | None, genes: Sequence[str]) -> np.ndarray | None:
    """Place of each gene in the order."""
    if order is None:
        return None
    order = [str(gene) for gene in order]
    if len(order) != len(genes) or set(order) != set(genes):
        wrong = sorted(set(order) ^ set(genes)) or sorted({gene for gene in order if order.count(gene) > 1})
        msg = f"order has to hold each gene once; missing, unknown or repeated: {name_some(wrong)}."
        raise InputError(msg)
    return pd.Index(order).get_indexer(list(genes))


def _candidates(estimate: Network, genes: Sequence[str], edges: np.ndarray, effects: np.ndarray) -> pd.DataFrame:
    """Rows of the estimate with their place among `genes`, whether the edge is true, and its true effect."""
    index = pd.Index(genes)
    row, column = (index.get_indexer(estimate.edges[end]) for end in ("source", "target"))
    return estimate.edges.assign(row=row, column=column, true=edges[row, column], effect=effects[row, column])


def _counts(edges: np.ndarray, true_edges: np.ndarray, candidates: pd.DataFrame) -> dict[str, float]:
    return {
        "n_genes": len(edges),
        "n_edges": edges.sum(),
        "n_true_edges": true_edges.sum(),
        "n_candidates": len(candidates),
        "n_true_candidates": candidates["true"].sum(),
        "true_positives": (edges & true_edges).sum(),
    }


def _sid(edges: np.ndarray, true_edges: np.ndarray, genes: Sequence[str]) -> int:
    cure = "The structural intervention distance is defined for DAGs: leave it out by sid=False."
    check_acyclic("estimate", edges, genes, cure)
    return int(wrong_interventions(edges, true_edges).sum())


def _share(hit: pd.Series, among: pd.Series) -> float:
    return float(hit[among].mean()) if among.any() else np.nan


def _effect_figures(candidates: pd.DataFrame, quantile: float) -> dict[str, float]:
    """Signs, bias and coverage of the coefficients; means over no row at all are NaN."""
    true, effect = candidates["true"], candidates["effect"]
    error = candidates["coef"] - effect
    covered, has_interval = error.abs() <= quantile * candidates["se"], error.notna() & candidates["se"].notna()
    right_sign = np.sign(candidates["coef"]) == np.sign(effect)
    return {
        "sign_agreement": _share(right_sign, candidates["selected"] & true & error.notna()),
        "bias": error[true].mean(),
        "magnitude_bias": (np.sign(effect) * error)[true].mean(),
        "rmse": np.sqrt((error[true] ** 2).mean()),
        "rmse_candidates": np.sqrt((error**2).mean()),
        "coverage": _share(covered, true & has_interval),
        "coverage_candidates": _share(covered, has_interval),
    }


def _auprc(candidates: pd.DataFrame, genes: Sequence[str], true_edges: np.ndarray, rank_by: str) -> float:
    """Average precision over all ordered pairs; those without a score come last."""
    if rank_by not in candidates.columns:
        msg = f"rank_by={rank_by!r} is not a column of the estimate: {name_some(candidates.columns)}."
        raise InputError(msg)
    values = candidates[rank_by]
    if values.isna().all():
        return np.nan
    strength = _evidence(candidates) if rank_by == "p" else values.abs()
    score = np.full(true_edges.shape, -1.0)  # below every score
    score[candidates["row"], candidates["column"]] = strength.fillna(-1.0)
    pairs = ~np.eye(len(genes), dtype=bool)
    return average_precision(score[pairs], true_edges[pairs])


def _evidence(candidates: pd.DataFrame) -> pd.Series:
    """−log p; from z where p has underflowed."""
    from_z = -log_p_two_sided(candidates["z"].abs().fillna(np.inf))
    with np.errstate(divide="ignore"):
        return (-np.log(candidates["p"])).where(candidates["p"] != 0, from_z)
