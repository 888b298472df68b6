"""An estimated network against a network from the literature."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from argen._bridge.prior_edges import read_prior_edges
from argen._bridge.validate import check_option
from argen.errors import InputError

from ._networks import Network, read_network

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["prior_overlap"]

_BACKGROUNDS = ("pairs", "candidates")


def prior_overlap(
    estimate: "AnnData | pd.DataFrame",
    prior: "pd.DataFrame | str | Path",
    *,
    key: str = "argen_dag",
    background: Literal["pairs", "candidates"] = "pairs",
    prior_genes: bool = False,
) -> pd.Series:
    r"""Count the edges that a prior network such as CollecTRI :cite:p:`MullerDott2023` knows, and test the overlap.

    Over the N pairs of the background, with n edges of which k are among its K pairs of the prior: the odds ratio is
    :math:`\frac{k (N - n - K + k)}{(n - k)(K - k)}`, and p = P(at least k) is Fisher's (hypergeometric). Loops of the
    prior are left out. A prior network is no truth: most of its edges were found in other cells.

    Parameters
    ----------
    estimate
        The network: an AnnData with a result, a table of edges, or a labelled matrix (see :func:`evaluate`).
    prior
        Table with the columns ``source``, ``target`` and, if it is signed, ``weight`` (> 0 activation, < 0 repression),
        or the path of one, as in :func:`argen.io.read_network`.
    key
        Name of the result if `estimate` is an AnnData.
    background
        ``"pairs"``: all ordered pairs of the network's genes, every one of which the descendant step has tested;
        ``"candidates"``: the pairs whose direct effect was tested, selected or not.
    prior_genes
        Restrict the background to pairs whose source is a source and whose target is a target in the prior; otherwise
        it counts as evidence that hubs of the prior are hubs here.

    Returns
    -------
    ``n_pairs`` (N), ``n_edges`` (n), ``n_prior`` (K), ``n_overlap`` (k), ``expected`` (n K / N), ``odds_ratio``, ``p``,
    ``n_signed`` (overlapping edges with a sign on both sides), ``sign_agreement`` (share of them with the same sign),
    and what could not be compared: ``n_prior_outside`` (edges of the prior with a gene that is not in the network),
    ``n_prior_sources_outside``, ``n_prior_targets_outside`` (genes).
    :func:`argen.get.prior_overlap` names them.

    Raises
    ------
    argen.errors.InputError
        A column or file that is missing, an edge twice, no gene in common.
    argen.errors.MissingResultError
        An AnnData without `key`.

    Examples
    --------
    >>> import argen as ag
    >>> import pandas as pd
    >>> estimate = pd.DataFrame({"source": ["A", "B", "C"], "target": ["B", "C", "D"], "coef": [0.5, -0.3, 0.2]})
    >>> prior = pd.DataFrame({"source": ["A", "B", "D", "A"], "target": ["B", "C", "A", "E"], "weight": [1, 1, -1, 1]})
    >>> ag.metrics.prior_overlap(estimate, prior)[["n_pairs", "n_overlap", "sign_agreement"]].tolist()
    [12.0, 2.0, 0.5]
    """
    check_option("background", background, _BACKGROUNDS)
    net = read_network("estimate", estimate, key)
    known = read_prior_edges(prior, net.names).assign(in_prior=True)
    genes = sorted(net.genes or net.named)
    pairs = _background(net, genes, background)
    if prior_genes:
        pairs = pairs[pairs["source"].isin(known["source"]) & pairs["target"].isin(known["target"])]
    if pairs.empty or not {*known["source"], *known["target"]} & set(genes):
        msg = "The prior knows none of the pairs tested: is it about the same species and kind of gene names?"
        raise InputError(msg)
    pairs = pairs.merge(known, how="left", on=["source", "target"])
    pairs = pairs.merge(net.selected[["source", "target", "coef"]], how="left", indicator="found")
    found, in_prior = pairs.pop("found") == "both", pairs["in_prior"].notna()
    return pd.concat([_overlap(pairs, found, in_prior), _outside(known, genes)])


def _background(network: Network, genes: list[str], background: str) -> pd.DataFrame:
    if background == "candidates":
        return network.edges[["source", "target"]]
    pairs = pd.MultiIndex.from_product([genes, genes], names=["source", "target"]).to_frame(index=False)
    return pairs[pairs["source"] != pairs["target"]]


def _overlap(pairs: pd.DataFrame, found: pd.Series, in_prior: pd.Series) -> pd.Series:
    table = [[(a & b).sum() for b in (in_prior, ~in_prior)] for a in (found, ~found)]
    from scipy.stats import fisher_exact

    odds_ratio, p = fisher_exact(table, alternative="greater")
    signs = (np.sign(pairs["coef"]) * np.sign(pairs["weight"]))[found & in_prior]
    signs = signs[signs.notna() & (signs != 0)]
    figures = {
        "n_pairs": len(pairs),
        "n_edges": found.sum(),
        "n_prior": in_prior.sum(),
        "n_overlap": (found & in_prior).sum(),
        "expected": found.mean() * in_prior.sum(),
        "odds_ratio": odds_ratio,
        "p": p,
        "n_signed": len(signs),
        "sign_agreement": (signs > 0).mean(),
    }
    return pd.Series(figures, dtype=np.float64)


def _outside(known: pd.DataFrame, genes: list[str]) -> pd.Series:
    source, target = (~known[end].isin(genes) for end in ("source", "target"))
    figures = {
        "n_prior_outside": (source | target).sum(),
        "n_prior_sources_outside": known["source"][source].nunique(),
        "n_prior_targets_outside": known["target"][target].nunique(),
    }
    return pd.Series(figures, dtype=np.float64)
