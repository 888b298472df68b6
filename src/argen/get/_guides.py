"""Guides and targets of a screen, with their knock-downs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import pandas as pd

from argen._bridge.gene_names import gene_names
from argen._bridge.guides.knockdown import KnockdownDesign, knockdown_tables, read_design, read_guides
from argen._bridge.modality import takes_mudata
from argen._bridge.results.names import renamed, shown_names
from argen._bridge.validate import check_option

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["by_symbols", "guides"]


@takes_mudata
def guides(
    adata: "AnnData | MuData",
    *,
    key: str = "argen_guides",
    by: Literal["guide", "target"] = "guide",
    knockdown: bool = True,
    covariates: str | Sequence[str] | None = None,
    depth: str | None = None,
    layer: str | None = None,
    measured_as: Mapping[str, str] | None = None,
    gene_symbols: str | None = None,
    n_jobs: int | None = None,
) -> pd.DataFrame:
    r"""Guides, how they were called, and the knock-down that each achieves.

    The knock-down of a guide :math:`g` against gene :math:`k` is :math:`\tau_g` in the quasi-Poisson regression

    .. math:: \log E[Y_k] = \log \ell + \alpha + \tau_g D_g + \beta' X

    on the control cells and the cells that carry :math:`g` as their only targeting guide, with the HC3 sandwich
    variance; that of a target takes all its cells. Below 50 expected counts the p-value is that of the score test (as
    with ``test="auto"`` in :func:`argen.tl.argen_descendants`). Each guide is also compared with the cells of the other
    guides of its target: ``difference`` is the natural log ratio, and a guide is ``discordant`` if that is at least
    log 1.25 in size with a Benjamini–Hochberg adjusted p below 0.05. Guides of one target may differ in efficacy; a
    discordant one that raises its gene, or leaves it unchanged beside others that work, is one to look at.

    Parameters
    ----------
    adata
        After :func:`argen.pp.argen_guides`, with raw counts; of a MuData the RNA modality.
    key
        Name of the result.
    by
        One row per guide or per target.
    knockdown
        Whether to compute the knock-downs; ``False`` only reads the table of guides.
    covariates
        Columns of ``.obs``, or a formula, as in :func:`argen.tl.argen_descendants`. Covariates, depth and layer that
        an earlier step was given (descendants, quality control) are taken for `None`; ``covariates=[]`` is none.
    depth
        obs column with the sequencing depth; `None` takes the sums of the counts.
    layer
        Layer with the raw counts; `None` takes ``.X``.
    measured_as
        Gene to look at for targets that are no gene of ``.var_names``, such as ``{"GATA1-enh": "GATA1"}``.
    gene_symbols
        Column of ``.var`` with further names of the genes, which targets may have and which are shown. Default: that of
        an earlier step, else ``.var_names``.
    n_jobs
        Threads. `None` uses all that this process may run on; results do not depend on it.

    Returns
    -------
    By guide: ``guide``, ``target``, ``target_label``, ``is_control``, ``n_cells`` (called); from counts ``n_umi``,
    ``n_cells_min_umi``, ``min_called_umi`` (smallest count that was called), ``mean_background`` and ``mean_signal``
    (mean UMIs of cells without and with the guide), and from a fit ``threshold`` (UMIs from which the guide is called),
    ``probability`` (posterior cut, else NaN), ``beta_z``, ``share`` (π), ``converged``, ``fallback`` (why the threshold
    was used instead), ``misfit`` (share of the cells with the guide at counts where the fit does not expect them; see
    :func:`argen.pp.argen_guides`), ``misfit_p``, ``misfit_flag`` (beyond chance and .1 or more), and of the mixture
    ``background_dispersion``, ``signal_dispersion`` (α, 0 for a Poisson component).
    With knock-downs: ``gene``, ``n_cells_alone`` (cells with this targeting guide only), ``effect``
    (natural log fold change), ``se``, ``ci_low``, ``ci_high`` (95 %), ``z``, ``p``, ``test``, ``count``,
    ``expected_count``, ``flags`` (``not measured``, ``no cells``, or as in :func:`argen.get.pairs`), ``difference``,
    ``difference_se``, ``difference_p``, ``difference_padj``, ``discordant``, ``target_effect``, ``target_se``,
    ``target_p``.

    By target: ``target``, ``gene``, ``n_guides``, ``n_cells``, then as above from ``effect`` to ``flags``, ``padj``
    (Benjamini–Hochberg over the targets) and ``n_discordant``. Without knock-downs ``target``, ``n_guides``,
    ``n_cells``.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.
    argen.errors.InputError
        An argument cannot be used, or the slots of the result were changed.
    argen.errors.CountsError
        The counts are not counts.
    argen.errors.DesignError
        A covariate cannot be used, or no control cell is left.

    Examples
    --------
    >>> import argen as ag
    >>> mdata = ag.datasets.simulate(genes=5, guides_per_target=2, guide_efficacy=[1.0, 0.5], guide_counts=True)
    >>> ag.pp.argen_guides(mdata)
    >>> table = ag.get.guides(mdata["rna"], depth="depth")
    >>> table[["guide", "target"]].iloc[0].tolist()
    ['G1_g1', 'G1']
    >>> bool((ag.get.guides(mdata["rna"], by="target", depth="depth")["effect"] < 0).all())
    True
    """
    check_option("by", by, ["guide", "target"])
    if knockdown:
        design = read_design(adata, covariates, depth, layer, measured_as, n_jobs, gene_symbols)
        return by_symbols(adata, design, knockdown_tables(adata, key, design))[by == "target"]
    names = shown_names(adata, gene_symbols)
    result = read_guides(adata, key)
    table = result.tables["guides"].assign(target=lambda t: t["target"].astype(str))
    if by == "guide":
        return renamed(table, names).reset_index(drop=True)
    cells = adata.obs[result.settings["perturbation_key"]].value_counts()
    targets = table[~table["is_control"].astype(bool)].groupby("target").size().rename("n_guides").reset_index()
    table = targets.assign(n_cells=cells.reindex(targets["target"]).fillna(0).astype(int).to_numpy())
    return renamed(table, names)


def by_symbols(adata: "AnnData", design: KnockdownDesign, tables: Sequence[pd.DataFrame]) -> tuple[pd.DataFrame, ...]:
    """Tables of knock-downs with the names of genes that their design has for them."""
    names = gene_names(adata, design.gene_symbols)
    return tuple(renamed(table, names) for table in tables)
