"""Expression by cell, and the signs of edges beside those of interventions."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import pandas as pd

from argen._bridge.diagnostics.expression import expression_table
from argen._bridge.diagnostics.sign_check import sign_table, summary_table
from argen._bridge.modality import takes_mudata
from argen._bridge.results.entries import read_entry
from argen._bridge.results.names import ShownNames
from argen._bridge.results.network import step_key_of_network
from argen._bridge.results.steps import read_step
from argen._bridge.runtime import announce_compilation
from argen._bridge.validate import check_option
from argen.get._tables import edges, pairs

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["expression", "sign_check"]


@takes_mudata
def expression(
    adata: "AnnData | MuData",
    *,
    genes: str | Sequence[str],
    perturbations: str | Sequence[str] | None = None,
    key: str = "argen_descendants",
    gene_symbols: str | None = None,
) -> pd.DataFrame:
    r"""Expression of genes in control and in perturbed cells, beside what a control cell would have.

    What a count :math:`y_i` of a cell says depends on the depth and the covariates of the cell. The descendant step has
    fitted both: for a cell of perturbation :math:`j` it expects, had the cell not been perturbed,

    .. math:: \mu^0_i = \ell_i \exp(\hat\alpha + \hat\beta' X_i)

    counts of gene :math:`k`, with the coefficients of the regression of the pair :math:`(j, k)`; for a control cell
    with those of the regression on the controls alone (with ``pooled=True`` all are those of the one regression). The
    family is that of the step. With Poisson the total effect of :func:`pairs` is the log ratio of sums over the cells
    of the perturbation, :math:`\hat\tau^*_{jk} = \log(\sum_i y_i / \sum_i \mu^0_i)`, and that ratio is 1 over the
    controls.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_descendants`, with the cells and counts that it was run on.
    genes
        Measured genes whose expression is wanted.
    perturbations
        Perturbed genes, measured or not, whose cells are wanted beside the control cells; default those of the network.
    key
        Name of the descendant step.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    One row per gene and cell: ``cell`` (name in ``.obs_names``), ``gene``, ``group`` (``"control"`` or the perturbed
    gene), ``count`` (raw), ``expected`` (:math:`\mu^0_i`, counts), ``relative`` (:math:`y_i / \mu^0_i`, 1 is the level
    of the controls) and ``adjusted`` (``relative`` times the mean of ``expected`` over the controls: counts that
    the cell would have with the depth and covariates of an average control cell). Genes as they are named, then groups,
    controls first, then cells in the order of `adata`. ``expected`` is missing for cells with a level of a covariate
    that no control cell has, and where the fit has no estimate; ``relative`` and ``adjusted`` also where 0 counts are
    expected, since no cell of the level has any.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.
    argen.errors.StaleResultError
        The cells, counts, perturbations, depths or covariates are not those that the step was made from.
    argen.errors.InputError
        A gene is not measured or a perturbation has not enough cells, a perturbed gene is called ``"control"`` as the
        controls are, or the counts are not in memory.

    See Also
    --------
    argen.pl.argen_effects : the same as a picture, with the effects and their tests.

    Examples
    --------
    >>> import argen as ag
    >>> import numpy as np
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_descendants(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> table = ag.get.expression(adata, genes="X3", perturbations="X1")
    >>> sums = table.groupby("group")[["count", "expected"]].sum()
    >>> effect = ag.get.pairs(adata).set_index(["source", "target"]).loc[("X1", "X3"), "effect"]
    >>> np.allclose(np.log(sums["count"] / sums["expected"]), [effect, 0.0])
    True
    """
    names = ShownNames(adata, read_entry(adata, key, "descendants"), gene_symbols)
    step = read_step(adata, key)
    announce_compilation()
    table = expression_table(adata, step, names.stored(genes), names.stored(perturbations))
    return names.rename(table)


@takes_mudata
def sign_check(
    adata: "AnnData | MuData",
    *,
    key: str = "argen_dag",
    descendants: str | None = None,
    table: Literal["edges", "summary"] = "edges",
    gene_symbols: str | None = None,
) -> pd.DataFrame:
    r"""Compare the signs of the edges with the effects of the interventions they should explain.

    A knock-down lowers the source of an edge. If the source activates the target (positive coefficient), the target
    falls in the cells where the source is perturbed, so that the signs of the coefficient and of minus the total effect
    match. In the other direction perturbing the target should do nothing to the source: the sign of what is left is
    noise, and about half of the signs match.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_dag`.
    key
        Name of the network.
    descendants
        Name of the descendant step with the effects; default the one that the network was made from.
    table
        ``"edges"``, or ``"summary"`` with the counts.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    ``"edges"``: one row per selected edge, strongest evidence first: ``source``, ``target``, ``coef``, ``se``; the
    effect of perturbing the source on the target, ``effect`` (natural log fold change), ``effect_se``, ``effect_p``,
    ``significant`` (adjusted p below the level of the step), ``flags``; that of perturbing the target on the source,
    ``reverse_effect``, ``reverse_effect_se``, ``reverse_effect_p``, ``reverse_significant``, ``reverse_flags``;
    ``agrees`` and ``reverse_agrees``: whether the sign of minus that effect is the sign of ``coef``, missing (``NA``)
    where there is no effect.

    ``"summary"``: per ``direction`` (``forward``, ``reverse``) ``n_edges``, ``n_tested`` (with a sign on both sides),
    ``n_agree``, ``share`` = ``n_agree / n_tested`` with its 95 % Wilson interval ``ci_low``, ``ci_high``, and
    ``n_significant``, ``n_significant_agree`` among edges whose effect is significant.

    Raises
    ------
    argen.errors.MissingResultError
        No network under `key`, or no descendant step.
    argen.errors.StaleResultError
        The descendant step was run again since the network was made.
    argen.errors.InputError
        There is no such table.

    See Also
    --------
    argen.pl.argen_sign_check : the same as a picture.

    Notes
    -----
    The forward comparison is no independent evidence: coefficient and effect come from the same cells. It fails where
    the parts of an equation contradict each other. With `descendants` the effects can be those of other cells.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> summary = ag.get.sign_check(adata, table="summary").set_index("direction")
    >>> float(summary.loc["forward", "share"])
    1.0
    """
    check_option("table", table, ("edges", "summary"))
    network = edges(adata, key=key, gene_symbols=gene_symbols)
    step = step_key_of_network(adata, key, can_name=True) if descendants is None else descendants
    signs = sign_table(network, pairs(adata, key=step, gene_symbols=gene_symbols))
    return signs if table == "edges" else summary_table(signs)
