"""Results as tidy data frames."""

from typing import TYPE_CHECKING

import pandas as pd

from argen._bridge.slots import read_result

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["edges", "genes", "held", "pairs", "qc", "targets"]

_Z_95 = 1.959963984540054


def edges(adata: "AnnData", *, key: str = "argen_dag", selected: bool = True) -> pd.DataFrame:
    """Edges of the network, strongest evidence first.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_dag`.
    key
        Name of the result.
    selected
        Only the edges of the network; ``False`` gives every candidate that was tested.

    Returns
    -------
    One row per edge: ``source``, ``target``, ``coef`` (change of the child's log-expression per unit log-expression
    of the parent), ``se``, ``ci_low``, ``ci_high`` (95 %), ``z``, ``p``, ``batch``, ``alpha`` (BatchBH's level of the
    batch), ``threshold`` (the one applied to the p-values), ``selected``, ``F`` (strength of the instruments), ``weak``
    (below 10), ``p_robust``, ``ci_low_robust``, ``ci_high_robust``, ``robust_set`` (test and 95 % confidence set that
    stay valid with weak instruments, and the shape of the set, which may be unbounded), ``required`` (by prior
    knowledge), ``direction`` (``"one way"``, or what decided between both: ``"evidence"``, ``"order"``, ``"tie"``,
    ``"prior"``), ``flags``. Edges of genes that `adata` no
    longer holds are left out.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, target_key="target", covariates=["L"], depth="depth")
    >>> edges = ag.get.edges(adata)
    >>> edges[["source", "target"]].iloc[0].tolist()
    ['X1', 'X2']
    """
    table = read_result(adata, key, "ag.tl.argen_dag", "edges")["edges"]
    table = table[held(adata, table["source"]) & held(adata, table["target"])]
    if selected:
        table = table[table["selected"]]
    table = table.assign(
        source=table["source"].astype(str),
        target=table["target"].astype(str),
        ci_low=table["coef"] - _Z_95 * table["se"],
        ci_high=table["coef"] + _Z_95 * table["se"],
    )
    first = ["source", "target", "coef", "se", "ci_low", "ci_high"]
    table = table[[*first, *(c for c in table.columns if c not in first)]]
    strength = table["z"].abs().fillna(-1.0)
    return table.iloc[strength.argsort(kind="stable")[::-1]].reset_index(drop=True)


def genes(adata: "AnnData", *, key: str = "argen_descendants") -> pd.DataFrame:
    r"""How over-dispersed each gene is among the control cells, and which family it calls for.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_descendants`.
    key
        Name of the result.

    Returns
    -------
    One row per gene of the network: ``gene``, ``mean_control`` (counts per control cell), ``dispersion`` (variance
    :math:`\mu + \varphi\mu^2`), ``overdispersion_z``, ``overdispersion_p``, ``overdispersion_padj`` (one-sided score
    test of no over-dispersion), ``recommended`` (``"negative_binomial"`` where it is significant and the variance at
    least 1.5 times the mean), ``family`` (the one that was used) and ``flags`` (``"no over-dispersion"``,
    ``"no control counts"``, ``"dispersion at its bound"``).

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_descendants(adata, target_key="target", covariates=["L"], depth="depth")
    >>> ag.get.genes(adata)["recommended"].unique().tolist()
    ['negative_binomial']
    """
    table = read_result(adata, key, "ag.tl.argen_descendants", "genes")["genes"]
    return table[held(adata, table["gene"])].assign(gene=lambda t: t["gene"].astype(str)).reset_index(drop=True)


def pairs(adata: "AnnData", *, key: str = "argen_descendants", descendants: bool = False) -> pd.DataFrame:
    """Total effects of every target on every other gene.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_descendants`.
    key
        Name of the result.
    descendants
        Only the pairs of the descendant relation.

    Returns
    -------
    One row per ordered pair: ``target``, ``gene``, ``effect`` (log fold change), ``se``, ``z``, ``p``, ``test``,
    ``padj``, ``significant``, ``descendant``, ``n_perturbed``, ``n_control``, ``count``, ``expected_count``, ``flags``.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_descendants(adata, target_key="target", covariates=["L"], depth="depth")
    >>> len(ag.get.pairs(adata))
    56
    """
    table = read_result(adata, key, "ag.tl.argen_descendants", "pairs")["pairs"]
    table = table[held(adata, table["target"]) & held(adata, table["gene"])]
    if descendants:
        table = table[table["descendant"]]
    return table.assign(target=table["target"].astype(str), gene=table["gene"].astype(str)).reset_index(drop=True)


def targets(adata: "AnnData", *, key: str = "argen_descendants") -> pd.DataFrame:
    """Targets with their knock-down; the dropped ones with the reason.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_descendants`.
    key
        Name of the result.

    Returns
    -------
    One row per target: ``target``, ``status`` (kept, dropped), ``reason``, ``n_cells``, the on-target ``effect`` (log
    fold change of the target itself) with ``se``, ``z``, ``p``, ``test``, ``flags``, and ``n_descendants``.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_descendants(adata, target_key="target", covariates=["L"], depth="depth")
    >>> ag.get.targets(adata)["target"].tolist()
    ['X1', 'X2', 'X3', 'X4', 'X5', 'X6', 'X7', 'X8']
    """
    return read_result(adata, key, "ag.tl.argen_descendants", "targets")["targets"].reset_index(drop=True)


def qc(adata: "AnnData", *, key: str = "argen_qc") -> pd.DataFrame:
    """Cells and targets that each rule of quality control removed.

    Parameters
    ----------
    adata
        After :func:`argen.pp.argen_qc`; of a MuData the RNA modality.
    key
        Name of the result.

    Returns
    -------
    One row per rule, in the order in which they were applied, and one for what is kept: ``rule``, ``limit``,
    ``n_cells`` (that fail it), ``n_cells_first`` (that fail no rule before), ``n_targets``, ``why``, ``targets``.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.pp.argen_guides(adata, labels="target")
    >>> ag.pp.argen_qc(adata, min_depth=1)
    >>> ag.get.qc(adata)["rule"].tolist()
    ['min_depth', 'no target', 'multiple targets', 'kept']
    """
    return read_result(adata, key, "ag.pp.argen_qc", "rules")["rules"].reset_index(drop=True)


def held(adata: "AnnData", names: pd.Series) -> pd.Series:
    return names.astype(str).isin(adata.var_names)
