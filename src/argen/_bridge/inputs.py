"""AnnData → Screen: which cells and perturbations take part, and what was left out and why."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge.counts import depth_of, read_counts
from argen._bridge.design import CovariateSpec, build_covariates, factor_levels, parse_covariates
from argen._bridge.design_hints import DesignHints, crowded_cure, design_hints, supported_cells, unsupported_words
from argen._bridge.features import check_gene_names, genes_of
from argen._bridge.gene_names import GeneNames
from argen._bridge.labels import NO_PERTURBATION, are_among, read_labels
from argen._bridge.settings import DescendantSettings
from argen._bridge.spelling import Asked, cure_of, cure_of_most
from argen._bridge.validate import check_anndata, counted, name_some
from argen._core.screen import CONTROL, Covariates, Screen, build_screen
from argen.errors import DesignError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = [
    "ScreenReport",
    "read_screen",
]

_NO_CONTROLS = "no control cells in its covariate levels"
NOT_MEASURED = "not measured"


@dataclass(slots=True)
class ScreenReport:
    """What was used and what was left out.

    Attributes
    ----------
    dropped
        Reason by perturbation that is out of the network.
    cells
        Number of cells by what became of them.
    perturbation_cells
        Number of cells with positive depth by perturbation, dropped ones included.
    hints
        What looks like a mistake in the input although it can be computed, and what is said about columns.
    unsupported
        How many perturbed cells are in covariate levels without control cells, and which; empty if none are.
    """

    dropped: dict[str, str] = field(default_factory=dict)
    cells: dict[str, int] = field(default_factory=dict)
    perturbation_cells: dict[str, int] = field(default_factory=dict)
    hints: DesignHints = field(default_factory=DesignHints)
    unsupported: str = ""


def read_screen(
    adata: "AnnData", params: DescendantSettings, depth_genes: np.ndarray | None = None
) -> tuple[Screen, ScreenReport]:
    """Check the input and build the core's view of it; `adata` is not touched.

    `depth_genes` are the genes whose counts make up the depth with ``depth="unaffected"``.
    """
    check_anndata(adata)
    check_gene_names(adata)
    read = read_labels(adata, params)
    labels, params, names = read.of_cell, read.settings, read.names
    spec = parse_covariates(params.covariates, adata.obs)
    counts = read_counts(adata, params.layer)
    depth = depth_of(adata, params.depth, counts, depth_genes)
    cells, genes, covariates, report = _select(adata, params, spec, labels, names, counts, depth)
    position = {gene: j for j, gene in enumerate(genes)}
    perturbation = np.array([position.get(label, CONTROL) for label in labels[cells]], dtype=np.int64)
    used_depth = depth[cells]
    # A depth computed here is relative to its mean over the cells of the analysis; a given column is taken as it is.
    if params.depth is None or depth_genes is not None:
        used_depth = used_depth / used_depth.mean()
    own = counts.of(genes_of(adata).get_indexer(genes), cells)
    screen = build_screen(own, perturbation, used_depth, covariates, genes)
    report.hints = _hints(adata, params, report, spec, labels, depth)
    if spelling := cure_of_most(_unmeasured(adata, params, names, report)):
        report.hints.guesses.insert(0, spelling)
    return replace(screen, cell=cells[screen.cell]), report


def _unmeasured(adata: "AnnData", params: DescendantSettings, names: GeneNames, report: ScreenReport) -> Asked:
    """The labels that are no gene, and where they come from."""
    unmeasured = sorted(name for name, reason in report.dropped.items() if reason == NOT_MEASURED)
    others = {*report.perturbation_cells, *params.control}.difference(unmeasured)
    return Asked(unmeasured, adata, names, params.perturbation_key, others)


def _hints(
    adata: "AnnData",
    params: DescendantSettings,
    report: ScreenReport,
    spec: CovariateSpec,
    labels: np.ndarray,
    depth: np.ndarray,
) -> DesignHints:
    """Types, levels and support of the covariates."""
    taking_part = are_among(labels, [*params.control, *set(report.perturbation_cells) - set(report.dropped)])
    columns = {*spec.columns.values(), *({params.depth} & set(adata.obs.columns))}
    hints = design_hints(spec, adata.obs.loc[taking_part & (depth > 0), sorted(columns)], params.depth)
    if report.unsupported:
        hints.guesses.append(
            f"{report.unsupported} and tell nothing: n_supported of ag.get.perturbations counts the others. Leave the "
            "covariate out if its levels do not matter, or add control cells"
        )
    return hints


def _select(
    adata: "AnnData",
    params: DescendantSettings,
    spec: CovariateSpec,
    labels: np.ndarray,
    names: GeneNames,
    counts,
    depth: np.ndarray,
) -> tuple[np.ndarray, list[str], Covariates, ScreenReport]:
    """Cells (rows), genes (sorted names) and covariates of the analysis.

    Dropping cells can leave a perturbation with too few, a level with one cell or a gene without counts, so the rules
    are applied until nothing changes.
    """
    report = ScreenReport()
    control = are_among(labels, params.control)
    _screen_perturbations(names, params, labels, depth, report)
    alone = np.zeros(len(labels), dtype=bool)
    candidates = sorted(set(report.perturbation_cells) - set(report.dropped))
    own = counts.of(genes_of(adata).get_indexer(candidates))
    while True:
        kept = sorted(set(report.perturbation_cells) - set(report.dropped))
        cells = np.flatnonzero((control | are_among(labels, kept)) & (depth > 0) & ~alone)
        lost = _lost(spec, adata.obs, alone, params)
        _check_enough(control[cells].sum(), lost, kept, params, report, adata, names)
        covariates, lonely = _covariates(spec, adata.obs.iloc[cells], report)
        if lonely.any():
            alone[cells[lonely]] = True
            continue
        silent = {name for name, seen in zip(candidates, own.of_cells(cells).is_seen(), strict=True) if not seen}
        supported = supported_cells(covariates, control[cells])
        reasons = _unusable(kept, silent, labels[cells], supported, params)
        if not reasons:
            break
        report.dropped |= reasons
    if not supported.all():
        report.unsupported = unsupported_words(spec, adata.obs.iloc[cells], control[cells], supported)
    report.cells = _cell_report(labels, control, depth, alone, kept, report)
    return cells, kept, covariates, report


def _covariates(spec: CovariateSpec, obs: pd.DataFrame, report: ScreenReport) -> tuple[Covariates, np.ndarray]:
    """:func:`build_covariates`; its errors tell which perturbations are already out because of the covariates."""
    try:
        return build_covariates(spec, obs)
    except DesignError as error:
        out = sorted(name for name, reason in report.dropped.items() if reason == _NO_CONTROLS)
        if not out:
            raise
        msg = f"{error} (Perturbations left out before, {_NO_CONTROLS}: {name_some(out)}.)"
        raise DesignError(msg) from error


def _screen_perturbations(
    genes: GeneNames, params: DescendantSettings, labels: np.ndarray, depth: np.ndarray, report: ScreenReport
) -> None:
    """Perturbations out by what is known before the analysis: not asked for, not measured, too few cells."""
    ignored = {"", *NO_PERTURBATION, *params.control}
    names, sizes = np.unique(labels[depth > 0].astype(str), return_counts=True)
    report.perturbation_cells = {str(n): int(s) for n, s in zip(names, sizes, strict=True) if n not in ignored}
    for label in set(labels) - ignored:
        report.perturbation_cells.setdefault(label, 0)
    for name, size in report.perturbation_cells.items():
        if params.perturbations is not None and name not in params.perturbations:
            report.dropped[name] = "not among perturbations"
        elif name in genes.var_names:
            if size < params.min_cells:
                report.dropped[name] = f"fewer than {params.min_cells} cells"
        elif name in genes.shared:
            report.dropped[name] = f"symbol of several genes: {name_some(genes.shared[name])}"
        else:
            report.dropped[name] = NOT_MEASURED


def _lost(spec: CovariateSpec, obs: pd.DataFrame, alone: np.ndarray, params: DescendantSettings) -> str:
    """Of the cells that are alone in a level, and what helps, to be added to an error; empty if there are none."""
    if not alone.any():
        return ""
    factors = factor_levels(spec, obs).items()
    cures = {name: crowded_cure(name, levels) for name, levels in factors if (levels.value_counts() == 1).any()}
    words = " ".join(f"{name!r}: {cure}." for name, cure in cures.items())
    return (
        f" {counted(int(alone.sum()), 'cell')} left out because each is alone in a level of {params.covariates!r}. "
        f"{words}"
    )


def _check_enough(
    n_control: int,
    lost: str,
    kept: Sequence[str],
    params: DescendantSettings,
    report: ScreenReport,
    adata: "AnnData",
    names: GeneNames,
) -> None:
    if n_control < params.min_cells:
        msg = (
            f"{n_control} control cells ({name_some(params.control)}) with positive depth, fewer than "
            f"min_cells={params.min_cells}. Name further control labels or lower min_cells.{lost}"
        )
        raise DesignError(msg)
    if len(kept) < 2:
        by_reason: dict[str, list[str]] = {}
        for name, reason in sorted(report.dropped.items()):
            by_reason.setdefault(reason, []).append(repr(names.show(name)))
        dropped = "; ".join(f"{reason}: {name_some(some)}" for reason, some in by_reason.items())
        left = name_some(repr(names.show(name)) for name in kept)
        msg = f"Perturbations left: {left or 'none'}; a network needs two. Dropped: {dropped or 'none'}.{lost}"
        if NOT_MEASURED in by_reason:
            msg += f" {_why_not_measured(_unmeasured(adata, params, names, report))}"
        raise DesignError(msg)


def _why_not_measured(unmeasured: Asked) -> str:
    """The pattern of the labels that are no gene, or what genes look like here."""
    if cure := cure_of(unmeasured):
        return f"{cure[0].upper()}{cure[1:]}."
    genes = name_some(map(repr, genes_of(unmeasured.adata)[:3]))
    return f"Measured are the genes of adata.var_names, such as {genes}: compare the spelling."


def _unusable(
    kept: list[str],
    silent: Collection[str],
    labels: np.ndarray,
    supported: np.ndarray,
    params: DescendantSettings,
) -> dict[str, str]:
    """Reasons for perturbations that cannot take part in the analysis of the cells at hand."""
    reasons = {name: "no counts in the cells of the analysis" for name in kept if name in silent}
    group = pd.Index(kept).get_indexer(labels)
    n_cells, n_supported = (np.bincount(group[mask & (group >= 0)], minlength=len(kept)) for mask in (True, supported))
    for name, n, n_informative in zip(kept, n_cells, n_supported, strict=True):
        if n < params.min_cells:
            reasons[name] = f"fewer than {params.min_cells} cells"
        elif n_informative == 0:
            reasons[name] = _NO_CONTROLS
    return reasons


def _cell_report(
    labels: np.ndarray, control: np.ndarray, depth: np.ndarray, alone: np.ndarray, kept: list[str], report: ScreenReport
) -> dict[str, int]:
    """Every cell under exactly one heading."""
    in_network = are_among(labels, kept)
    headings = {
        "zero depth": (control | in_network) & (depth <= 0),
        "alone in a covariate level": alone & (control | in_network),
        "control": control,
        "perturbed": in_network,
        "no single perturbation": are_among(labels, ["", *NO_PERTURBATION]),
        "perturbation dropped": are_among(labels, list(report.dropped)),
    }
    left = np.ones(len(labels), dtype=bool)
    result = {}
    for name, mask in headings.items():
        result[name] = int((mask & left).sum())
        left &= ~mask
    return result
