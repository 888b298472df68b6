"""Evidence from outside of the screen, as tables."""

from typing import TYPE_CHECKING, Literal

import pandas as pd

from argen._bridge.modality import takes_mudata
from argen._bridge.results.entries import Entry, read_entry
from argen._bridge.results.names import ShownNames
from argen._bridge.results.network import warn_if_stale
from argen._bridge.validate import check_option

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["outside_evidence"]

_ENDS = {"candidates": ("source", "target"), "compared": ("source", "target"), "genes": ("gene",)}


@takes_mudata
def outside_evidence(
    adata: "AnnData | MuData",
    *,
    table: Literal["candidates", "tests", "compared", "genes"] = "candidates",
    selected: bool = False,
    key: str = "argen_evidence",
    gene_symbols: str | None = None,
) -> pd.DataFrame:
    """What is known from elsewhere of the pairs of a network, and how its edges compare with other pairs.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_evidence`.
    table
        Which of its tables.
    selected
        Of ``"candidates"`` only the edges of the network.
    key
        Name of the result.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    ``"candidates"``: one row per pair that was tested: ``source``, ``target``, ``kind`` (``"network"``,
    ``"responder"``), ``coef``, ``selected`` and a column per kind of evidence: shares are true, false or missing,
    numbers are missing where unknown, ``…_sign`` is 1, −1 or missing.
    ``"compared"``: the same of edges of other networks and of random pairs (``network`` says which).
    ``"tests"``: one row per kind of evidence and comparison: ``evidence``, ``kind`` (``"share"``, ``"number"``,
    ``"sign"``), ``comparison``; edges and others of which it is known (``n``, ``n_other``), ``n_shared`` (edges of both
    networks, left out); of shares ``n_with``, ``n_with_other``, ``share``, ``share_other``, ``odds_ratio``; of numbers
    ``median``, ``median_other``, ``auc`` (probability that an edge has the larger number); of signs ``share`` of the
    ``n`` edges with a known sign that agree; ``ci_low``, ``ci_high`` (95 %, of the odds ratio, or of the share that
    agrees), ``p`` of the ``test`` (``"Fisher"``, ``"Wilcoxon"``, ``"binomial"``), ``p_degree``, ``p_distance``,
    ``p_both`` (by permutations that keep degrees, classes of distance, both), ``expected_…`` (share among the permuted
    edges) and ``moved_…`` (share of the edges that a permutation replaces) of each of the three, and ``padj``,
    ``padj_degree``, ``padj_distance``, ``padj_both`` (Benjamini–Hochberg over the rows).
    ``"genes"``: ``gene``, ``chromosome``, ``start``, ``end``, ``strand``, ``tss``, as they were used.
    Genes that `adata` no longer holds are left out.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.
    argen.errors.InputError
        There is no such table, or `selected` is neither ``True`` nor ``False``.

    Warns
    -----
    argen.errors.ArgenWarning
        The network was searched again since.

    See Also
    --------
    evidence : grades of the edges by what the screen itself says for and against them.

    Examples
    --------
    >>> import argen as ag
    >>> import pandas as pd
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> known = pd.DataFrame({"source": ["X1", "X1", "X2"], "target": ["X2", "X3", "X5"]})
    >>> ag.tl.argen_evidence(adata, pairs={"literature": known}, n_permutations=100)
    >>> edges = ag.get.outside_evidence(adata, selected=True)
    >>> sorted(edges[edges["literature"].fillna(False)]["target"])
    ['X2', 'X3']
    """
    check_option("table", table, ("candidates", "tests", "compared", "genes"))
    check_option("selected", selected, (True, False))
    entry = read_entry(adata, key, "evidence")
    warn_if_stale(adata, entry, responders="responders" in entry.settings)
    names = ShownNames(adata, entry, gene_symbols, leaves_out=table in _ENDS)
    stored = entry.tables[table]
    if table not in _ENDS:
        return names.rename(stored).reset_index(drop=True)
    if selected and table == "candidates":
        stored = stored[stored["selected"].to_numpy(bool)]
    return _with_truth_values(names.table(stored, _ENDS[table]), entry)


def _with_truth_values(table: pd.DataFrame, entry: Entry) -> pd.DataFrame:
    """Shares, which are stored as 1 and 0, as true and false."""
    kinds = zip(entry.settings["evidence"], entry.settings["kinds"], strict=True)
    shares = {name: table[name].astype("boolean") for name, kind in kinds if kind == "share" and name in table}
    return table.assign(**shares)
