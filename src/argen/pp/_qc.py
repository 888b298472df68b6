"""Quality control of cells and perturbations."""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING

from argen._bridge import log
from argen._bridge.guides.knockdown import read_design
from argen._bridge.guides.qc import QcLimits, QcResult, apply_rules, write_qc
from argen._bridge.modality import find_analysed, modality
from argen._bridge.mudatas import columns_stay, copied, naming_columns
from argen._bridge.remembered import REMEMBERED
from argen._bridge.storage import check_takes_results
from argen._bridge.validate import check_key
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["argen_qc"]


def argen_qc(  # noqa: PLR0913
    data: "AnnData | MuData",
    *,
    rna: str | None = None,
    min_depth: float | None = None,
    max_depth: float | None = None,
    min_genes: float | None = None,
    max_genes: float | None = None,
    max_percent_mito: float | None = None,
    one_perturbation: bool = True,
    min_cells: int | None = None,
    min_knockdown_z: float | None = None,
    depth: str | None = None,
    n_genes: str | None = None,
    percent_mito: str | None = None,
    covariates: str | Sequence[str] | None = None,
    layer: str | None = None,
    measured_as: Mapping[str, str] | None = None,
    gene_symbols: str | None = None,
    guides: str = "argen_guides",
    subset: bool = True,
    key_added: str = "argen_qc",
    copy: bool = False,
) -> "AnnData | MuData | None":
    r"""Remove cells and perturbations by rules, and tell how many each rule removed and why.

    Rules on cells come first, those on perturbations look at the cells that are left. There is no rule on the
    expression of the perturbed gene in single cells, on purpose: cells chosen because it is low in them were chosen by
    the exposure, and every effect of that gene on others would be biased. Knock-down is judged for a perturbation as a
    whole.

    Parameters
    ----------
    data
        Cells with raw counts; of a MuData the RNA modality is used. Features that are no genes by
        ``var["feature_types"]`` are left out, as in :func:`argen.tl.argen_descendants`.
    rna
        Modality of a MuData with the RNA. `None` takes the one that holds results of argen, else looks for it as
        :func:`argen.pp.argen_guides` does.
    min_depth, max_depth
        Limits of the sequencing depth, both included.
    min_genes, max_genes
        Limits of the number of genes with a count, both included.
    max_percent_mito
        Largest percentage of mitochondrial counts, from 0 to 100.
    one_perturbation
        Remove cells without a perturbation (*unassigned*) and with several (*multiple*); control cells stay.
    min_cells
        Remove perturbations with fewer cells.
    min_knockdown_z
        Remove perturbations whose on-target effect, as in :func:`argen.get.guides` by target, has :math:`z >` minus
        this (3 keeps perturbations with :math:`z \le -3`). Perturbations that are not measured stay and are counted.
    depth
        obs column with the sequencing depth; `None` takes that of an earlier step, else the sums of the counts.
    n_genes
        obs column with the number of genes; `None` counts them.
    percent_mito
        obs column with the percentage of mitochondrial counts; `None` takes ``percent_mito`` if there is one, else
        computes it from the genes whose names start with ``MT-``.
    covariates, layer, measured_as
        For the knock-downs and the counts, as in :func:`argen.get.guides`. Layer, depth and covariates are kept:
        later steps take them unless they are given others.
    gene_symbols
        Column of ``var`` with further names of the genes, such as ``"gene_name"`` where ``var_names`` are Ensembl
        identifiers: targets may have either, and mitochondrial genes are found by it. Kept as those are.
    guides
        Key of :func:`argen.pp.argen_guides`; needed for the rules on perturbations.
    subset
        Keep only the cells that pass; ``False`` only marks them.
    key_added
        Key of the results in ``obs`` and ``uns``.
    copy
        Whether to return a changed copy instead of changing `data`.

    Returns
    -------
    Returns `None` if `copy=False`, else a copy of `data`. Sets the following fields (of the RNA modality):

    `.obs['argen_qc' | key_added]` : :class:`pandas.Series` (dtype ``bool``)
        Whether the cell passes every rule.
    `.obs['argen_qc_reason' | f'{key_added}_reason']` : :class:`pandas.Series` (dtype ``category``)
        The first rule that the cell fails, missing if it passes.
    `.uns['argen_qc' | key_added]` : :class:`dict`
        In ``tables`` ``rules``: DataFrame with a row per rule and one for what is kept: ``rule``, ``limit``,
        ``n_cells`` (that fail it), ``n_cells_first`` (that fail no rule before), ``n_perturbations`` (removed),
        ``why``, ``perturbations`` (their names); beside them ``settings`` and what every entry has.

    Raises
    ------
    argen.errors.InputError
        An argument or a column cannot be used.
    argen.errors.MissingResultError
        A rule needs perturbations, and no guides were called.
    argen.errors.CountsError
        The counts are not counts.
    argen.errors.DesignError
        No cell would be left, or no control cell for the knock-downs.

    Examples
    --------
    >>> import argen as ag
    >>> mdata = ag.datasets.simulate(genes=5, guides_per_target=2, guide_counts=True)
    >>> ag.pp.argen_guides(mdata)
    >>> adata = mdata["rna"].copy()
    >>> ag.pp.argen_qc(adata, min_depth=1, min_cells=20, min_knockdown_z=3)
    >>> adata.uns["argen_qc"]["tables"]["rules"]["rule"].tolist()
    ['min_depth', 'no perturbation', 'multiple perturbations', 'min_cells', 'min_knockdown_z', 'kept']
    """
    check_key("key_added", key_added)
    limits = QcLimits(
        min_depth=min_depth,
        max_depth=max_depth,
        min_genes=min_genes,
        max_genes=max_genes,
        max_percent_mito=max_percent_mito,
        one_perturbation=bool(one_perturbation),
        min_cells=min_cells,
        min_knockdown_z=min_knockdown_z,
    )
    _check_limits(limits)
    start = log.info("quality control")
    rna = find_analysed(data, rna)
    check_takes_results(modality(data, rna), copy=copy, name="data" if rna is None else f"data.mod[{rna!r}]")
    columns = {"n_genes": n_genes, "percent_mito": percent_mito}
    with naming_columns(data, rna):
        design = read_design(modality(data, rna), covariates, depth, layer, measured_as, gene_symbols=gene_symbols)
        result = apply_rules(modality(data, rna), limits, guides, columns, design)
    _report(result)
    given = {name: getattr(limits, name) for name in QcLimits.__slots__}
    used = {name: getattr(design, name) for name in REMEMBERED}
    params = {name: value for name, value in {**given, **used, **columns}.items() if value is not None}
    data = copied(data) if copy else data
    write_qc(modality(data, rna), key_added, result, params | {"subset": bool(subset)}, subset=subset)
    if rna is not None and subset:
        _update(data)
    log.info("    finished", time=start, deep=f"added\n    {key_added!r}, whether the cells pass (.obs), rules (.uns)")
    return data if copy else None


def _check_limits(limits: QcLimits) -> None:
    for name in QcLimits.__slots__:
        value = getattr(limits, name)
        if name == "one_perturbation" or value is None:
            continue
        if not isinstance(value, Real) or isinstance(value, bool) or not value >= 0:
            msg = f"{name}={value!r} has to be a number of at least 0, or None to leave the rule out."
            raise InputError(msg)
    for low, high in (("min_depth", "max_depth"), ("min_genes", "max_genes")):
        lowest, highest = getattr(limits, low), getattr(limits, high)
        if lowest is not None and highest is not None and lowest > highest:
            msg = f"{low}={lowest:g} is above {high}={highest:g}: no cell could pass."
            raise InputError(msg)
    if limits.max_percent_mito is not None and limits.max_percent_mito > 100:
        msg = f"max_percent_mito={limits.max_percent_mito:g} is a percentage, from 0 to 100."
        raise InputError(msg)


def _report(result: QcResult) -> None:
    for row in result.rules.itertuples():
        perturbations = (
            f", {row.n_perturbations} perturbations ({row.perturbations})"
            if row.rule != "kept" and row.n_perturbations
            else ""
        )
        verb = "pass every rule" if row.rule == "kept" else f"fail {row.rule} ({row.why})"
        log.info(f"    {row.n_cells} cells {verb}{perturbations}")


def _update(data: "MuData") -> None:
    """Let the MuData know that its RNA modality lost cells."""
    with columns_stay():
        data.update()
