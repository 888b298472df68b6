"""Results as tidy data frames."""

from typing import TYPE_CHECKING, Literal

import pandas as pd

from argen._bridge.slots import read_result
from argen._bridge.validate import check_option

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["calibration", "edges", "genes", "pairs", "qc", "sensitivity", "stability", "targets"]

CALIBRATION_TABLES = ("summary", "pseudo_targets", "equations", "qq", "positive_controls", "skipped")
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
    table = table[_held(adata, table["source"]) & _held(adata, table["target"])]
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


def calibration(
    adata: "AnnData",
    *,
    table: Literal["summary", "pseudo_targets", "equations", "qq", "positive_controls", "skipped"] = "summary",
    key: str = "argen_calibration",
) -> pd.DataFrame:
    r"""Empirical error rates of the analysis, and what they rest on.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_calibration`.
    table
        Which of its tables.
    key
        Name of the result.

    Returns
    -------
    ``"summary"``: per kind of ``nulls`` the number of pseudo-targets or splits (``n_pseudo``) and of null tests
    (``n_tests``), the shares rejected at .05, .01 and .001 (``rate_05``, ``rate_01``, ``rate_001``, each with a
    standard error ``…_se`` over pseudo-targets or splits), ``level`` in force (the largest p that was called
    significant, alpha / m if none was; of edges the mean of the thresholds applied), the share rejected there
    (``rate_level``, ``rate_level_se``, ``rate_level_high``: one-sided 95 % limit; edges each at the threshold of its
    equation), tests and discoveries of the analysis (``n_real``, ``n_discoveries``), false ones to be expected if all
    nulls were true (``expected_false`` = ``rate_level`` × ``n_real``, ``expected_false_high``), and ``inflation``
    (:math:`\lambda`, median of the :math:`\chi^2_1` quantiles of p over .455).
    ``"pseudo_targets"``: ``nulls``, ``name``, ``n_cells``, ``n_cells_wanted``, ``n_tests``, ``rate_05``, ``min_p``,
    ``n_below_level``.
    ``"equations"``: ``target``, ``n_candidates``, ``size_factor`` (placebo groups over real ones), ``smallest_group``,
    ``n_tests``, ``rate_05``, ``n_below_threshold``, ``reason`` (why left out).
    ``"qq"``: ``nulls``, ``expected``, ``observed``, ``low``, ``high``.
    ``"positive_controls"``: ``target``, ``n_cells``, ``effect``, ``se``, ``p``, ``test``, ``falls``, ``detected``
    (falls with p at most the level in force).
    ``"skipped"``: ``what``, ``reason``, ``n``.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.
    argen.errors.InputError
        There is no such table.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, target_key="target", covariates=["L"], depth="depth")
    >>> ag.tl.argen_calibration(adata)
    >>> ag.get.calibration(adata, table="positive_controls")["detected"].all()
    np.True_
    """
    check_option("table", table, CALIBRATION_TABLES)
    return read_result(adata, key, "ag.tl.argen_calibration", "positive_controls")[table].reset_index(drop=True)


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
    return table[_held(adata, table["gene"])].assign(gene=lambda t: t["gene"].astype(str)).reset_index(drop=True)


def sensitivity(adata: "AnnData", *, key: str = "argen_sensitivity") -> pd.DataFrame:
    """Edges of a network with the variations of :func:`argen.tl.argen_sensitivity` that have them.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_sensitivity`.
    key
        Name of the result.

    Returns
    -------
    One row per edge of any variation: ``source``, ``target``, ``selected`` (in the network itself), ``share`` (of the
    variations that have it), one boolean column per variation; edges of the network first, the most stable first.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, target_key="target", covariates=["L"], depth="depth")
    >>> ag.tl.argen_sensitivity(adata, alphas=[0.001])
    >>> list(ag.get.sensitivity(adata))[4:]
    ['ties', 'edges alpha 0.001', 'descendants alpha 0.001']
    """
    table = read_result(adata, key, "ag.tl.argen_sensitivity", "variations")["edges"]
    table = table[_held(adata, table["source"]) & _held(adata, table["target"])]
    return table.assign(source=table["source"].astype(str), target=table["target"].astype(str)).reset_index(drop=True)


def stability(adata: "AnnData", *, key: str = "argen_stability", selected: bool = True) -> pd.DataFrame:
    """Edges of a network with how often draws of the cells find them again.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_stability`.
    key
        Name of the result.
    selected
        Only the edges of the network; ``False`` gives every candidate, and every edge that a draw selected.

    Returns
    -------
    One row per edge: ``source``, ``target``, ``selected``, ``stability`` (share of the draws, calibrated),
    ``bootstrap_frequency`` (not calibrated: inflated for nulls), ``candidate_frequency``, ``order_frequency``,
    ``ci_low``, ``ci_high`` (95 % interval of the effect from the draws); the most stable first.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, target_key="target", covariates=["L"], depth="depth")
    >>> ag.tl.argen_stability(adata, n_draws=20)
    >>> bool(ag.get.stability(adata)["stability"].is_monotonic_decreasing)
    True
    """
    table = read_result(adata, key, "ag.tl.argen_stability", "edges")["edges"]
    table = table[_held(adata, table["source"]) & _held(adata, table["target"])]
    if selected:
        table = table[table["selected"]]
    return table.assign(source=table["source"].astype(str), target=table["target"].astype(str)).reset_index(drop=True)


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
    table = table[_held(adata, table["target"]) & _held(adata, table["gene"])]
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


def _held(adata: "AnnData", names: pd.Series) -> pd.Series:
    return names.astype(str).isin(adata.var_names)
