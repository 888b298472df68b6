"""Which guides each cell carries, and the one perturbation that makes it usable as an instrument."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from argen._bridge import log
from argen._bridge.features import genes_of
from argen._bridge.guides import calls as bridge
from argen._bridge.guides.combinations import check_labels, counted_labels, parts_of, split_targets
from argen._bridge.guides.mapping import GuideTargetMap, as_pattern, mapped_guides, read_mapping
from argen._bridge.guides.names import GuideLabel, GuideTargets, control_names, name_targets, split_labels, stays_whole
from argen._bridge.guides.slots import fits_table, histogram_table, perturbation_key, write_guides
from argen._bridge.modality import find_rna, modality
from argen._bridge.mudatas import copied
from argen._bridge.runtime import progress_bars, resolve_n_jobs
from argen._bridge.storage import check_takes_results
from argen._bridge.validate import check_count, check_key, check_level, check_number, check_option
from argen._core.guides import (
    Caller,
    CallOptions,
    GuideCalls,
    call_labels,
    guide_histogram,
    guide_misfit,
    resolve_targets,
    spread_calls,
)
from argen._core.parallel import worker_pool
from argen.errors import InputError
from argen.pp._guide_method import caller_of, take_calls, used_by
from argen.pp._guide_report import (
    describe,
    hint_separator,
    report_fallbacks,
    report_misfit,
    report_mismatches,
    report_targets,
)

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from mudata import MuData

__all__ = ["argen_guides"]

# pertpy writes "Negative" for a cell without a guide; in a table of guides the word means a negative control.
_AMBIGUOUS_LABELS = ("negative", "neg")


def argen_guides(  # noqa: PLR0913 - all but the first are keyword-only
    data: "AnnData | MuData",
    *,
    rna: str | None = None,
    guides: str | None = None,
    guide_target: "str | Path | re.Pattern | Mapping[str, str] | pd.Series | pd.DataFrame | None" = None,
    guide_layer: str | None = None,
    labels: str | None = None,
    control: str | Iterable[str] | None = None,
    method: Literal["mixture", "gaussian", "poisson_gauss", "threshold", "max", "labels"] | None = None,
    probability: float = 0.8,
    min_umi: int = 5,
    min_fraction: float = 0.8,
    dispersion: Literal["none", "auto"] = "none",
    batch: str | Sequence[str] | None = None,
    guide_depth: str | None = None,
    ignore_control_partner: bool = True,
    separator: str | None = None,
    on_mismatch: Literal["raise", "warn"] = "raise",
    n_jobs: int | None = None,
    key_added: str = "argen_guides",
    copy: bool = False,
) -> "AnnData | MuData | None":
    r"""Call the guides of each cell, and the one perturbation that they make.

    The guides come from UMI counts (`guides`: a modality of a MuData, or an obsm entry or a type of features of an
    AnnData) or are called already (`labels`: an obs column with one label per cell; or a matrix of 0 and 1 in the place
    of the counts).

    ``method="mixture"`` fits to the UMIs :math:`x_{ig}` of each guide :math:`g` a mixture of two Poisson regressions,

    .. math:: \log E[x_{ig} \mid Z_{ig}] = \log \ell_i + \beta_{0g} + \beta_{zg} Z_{ig} + \gamma_g' w_i,
        \qquad Z_{ig} \sim \text{Bernoulli}(\pi_g),

    by EM from three starts, over all cells, with :math:`w` the batches and :math:`\ell_i = U_i + \text{median}(U) / 2`,
    :math:`U` the guide UMIs of a cell (shrunk, since a cell with three guide UMIs in all may as well have lost its
    guide). The guide is called where the posterior :math:`P(Z_{ig} = 1)` reaches `probability`. With
    ``dispersion="auto"`` signal, or signal and background, of a guide are negative binomial with variance
    :math:`\mu + \alpha \mu^2` where that mixture has the smallest Bayesian information criterion (not among the
    candidates: fits that do not converge, or whose posterior would fall with the count).

    How far the counts :math:`x \ge 1` of a guide are from its fit is reported with every fit. In bins :math:`b` with
    :math:`O_b` cells, posterior probabilities that add up to :math:`S_b`, and :math:`E_b = E_b^0 + E_b^1` cells
    expected in background and signal, joined until 5 are expected,

    .. math:: \text{misfit} = \frac{\sum_b \max(S_b - E_b^1, 0)}{\sum_b S_b}, \qquad
        \sum_b \frac{(O_b - E_b)^2}{E_b} \sim \chi^2_{\#b}

    are the share of the cells with the guide at counts where the fit does not expect them, and a conservative test
    (estimated parameters and the cells' own depths leave less variance than :math:`\chi^2` has). A guide is flagged,
    and the log says so, if the test rejects at .05 and the misfit is .1 or more.

    ``"poisson_gauss"`` fits a Poisson background and a Gaussian signal to :math:`\log_2` of the non-zero counts of a
    guide, as Replogle et al. (2020) and crispat do; ``"gaussian"`` two Gaussians of equal variance to
    :math:`\log_{10}(1 + x)` of all cells, as Cell Ranger does. The posterior then depends on the count alone.

    Guides with fewer than 10 cells with a UMI, whose signal is not apart from the background (mixture: less than
    5 times; the others: one UMI would do) or whose fit does not converge, are called from `min_umi` on; the log and
    ``fallback`` in the table of guides say which and why.

    ``"threshold"`` calls every guide from `min_umi` on. ``"max"`` calls a guide if no other has as many UMIs,
    :math:`x_{ig} \ge` `min_umi` and :math:`x_{ig} / \sum_h x_{ih} \ge` `min_fraction` (the defaults are those of
    SCEPTRE's "maximum"); a cell without a called guide is then *multiple* if guides of different targets reach
    `min_umi`, else *unassigned*, for the background that hides its guide may hide a second one.

    The perturbation of a cell is the target of its guides: several guides of one target are one perturbation, so are
    guides of one target beside control guides (unless `ignore_control_partner` is off), guides of two targets are
    *multiple*, only control guides are a *control*; without a guide it is *unassigned*. The number of cells by reason
    is in ``uns``.

    Parameters
    ----------
    data
        Cells with counts. Of a MuData only the RNA modality is changed. Cells are matched by name.
    rna
        Modality of a MuData with the RNA. `None` takes the one called so (rna, gex, gene, Gene Expression, ...), else
        the only one that neither is `guides` nor called like guides, antibodies, hashtags or peaks.
    guides
        Modality (MuData) or obsm entry (AnnData) with guide UMI counts, cells × guides, sparse or dense; or a type of
        features (AnnData), as ``var["feature_types"]`` has it beside ``"Gene Expression"``. `None` takes the only
        modality called so (guide, guides, gdo, grna, sgrna, crispr, CRISPR Guide Capture, ...), or the features of a
        type that says CRISPR or guide. A matrix of nothing but 0 and 1 holds calls, not counts: each 1 is a called
        guide. Counts that are off by rounding are rounded, with a line in the log.
    guide_target
        Target of each guide: a column of the guide modality's var; a dict, Series, DataFrame, CSV or Excel file, such
        as Cell Ranger's feature reference; or a regular expression on the guide's name with one group, compiled or as
        a text, such as ``r"^(.+)g\d+$"``. Columns are known by the names that programs give them (``target``,
        ``gene_target``, ``grna_target``, ``target_gene_name``, ``intended_target_name``, ...), see the page on guides;
        the log says which were taken. A guide with several targets, in several rows or in a list, makes its cells
        *multiple*. `None` takes such a column of the var of the modality, or of the features. An obsm entry needs one
        of the others; if it is no DataFrame, a mapping also names its columns, in their order. With `labels`, a mapping
        from label to target, or `None` if labels are targets.
    guide_layer
        Layer with the guide counts, of the modality or, for features, of the AnnData; `None` takes ``.X``.
    labels
        obs column with one label per cell, of the AnnData, the RNA modality or the MuData. NaN, an empty text and
        the text of a NaN mean unassigned.
    control
        Targets, guides or labels that are controls; a name that ends in ``*`` stands for all that start so. `None`
        looks for the usual spellings (non-targeting, NT, NTC, control, ctrl, safe-targeting, negative, scrambled; any
        case, with or without a number) among targets, names of guides without a target, and IGVF's columns
        ``targeting`` and ``type``, and reports them. A bare "negative" among `labels` has to be named, since some
        tools write it for cells without a guide.
    method
        How guides are called. `None` is ``"labels"`` if `labels` are given, ``"threshold"`` with ``min_umi=1`` for a
        matrix of 0 and 1, else ``"mixture"``.
    probability
        Posterior probability from which a guide is called, between 0 and 1.
    min_umi
        UMIs that a guide needs in a cell, at least 1: for ``"threshold"``, ``"max"``, and guides without a fit.
    min_fraction
        Share of the cell's guide UMIs that the top guide needs, from 0 to 1; for ``"max"``.
    dispersion
        Whether components of the mixture may be negative binomial (``"auto"``) or are Poisson (``"none"``). Wider
        components fit better and call more cells with few UMIs of a guide. Where the background is Poisson these calls
        are right; in real screens about half of them are not, though their posterior is high: see the page on guides.
    batch
        obs column or columns (of the RNA modality, the guide modality or the MuData), taken as categories, whose
        additive effects on the log mean enter the mixture; they have a normal prior with standard deviation 2.
    guide_depth
        Numeric obs column to take for :math:`U`, as needed where the guides are part of a larger library.
    ignore_control_partner
        Whether guides of one target beside control guides are that perturbation; else such a cell is *multiple*.
    separator
        Splits labels, targets, and names of guides under a regular expression, such as "A+B", "A|B" or "A_ctrl",
        before `guide_target` is applied. A label that is a control, or a key of `guide_target`, stays whole; a guide
        against several targets makes its cells *multiple*, one whose parts have the same target is of that target.
    on_mismatch
        What to do about guides without a UMI in any cell, RNA cells without guide counts, and targets of the mapping
        without a guide: ``"raise"`` an error, or ``"warn"`` and go on (such cells are unassigned).
    n_jobs
        Threads. `None` uses all that this process may run on; results do not depend on it.
    key_added
        Key of the results in ``obsm`` and ``uns``. The obs columns are ``"argen_perturbation"`` and
        ``"argen_n_guides"`` for the default key, else ``f"{key_added}_perturbation"`` and ``f"{key_added}_n_guides"``.
    copy
        Whether to return a changed copy instead of changing `data`.

    Returns
    -------
    Returns `None` if `copy=False`, else a copy of `data`. Sets the following fields (of the RNA modality):

    `.obsm['argen_guides' | key_added]` : :class:`scipy.sparse.csr_matrix` (dtype ``int8``)
        1 where a guide is called, cells × guides.
    `.obsm['argen_guides_posterior' | f'{key_added}_posterior']` : :class:`scipy.sparse.csr_matrix` (dtype ``float32``)
        Posterior probability of each guide where the cell has a UMI of it (guides without a fit have no entries);
        with the methods mixture, gaussian and poisson_gauss.
    `.obs['argen_perturbation' | f'{key_added}_perturbation']` : :class:`pandas.Series` (dtype ``category``)
        Perturbation of each cell, ``"control"``, ``"multiple"`` or ``"unassigned"``. The categories are all
        perturbations, sorted, also those without a cell, and then these three words.
    `.obs['argen_n_guides' | f'{key_added}_n_guides']` : :class:`pandas.Series` (dtype ``int64``)
        Number of guides called.
    `.uns['argen_guides' | key_added]` : :class:`dict`
        In ``tables`` ``guides``: DataFrame with a row for each column of the obsm entry, see :func:`argen.get.guides`;
        ``cells``: DataFrame of the number of cells by status and reason; ``histogram``: DataFrame of the number of
        cells by guide, UMIs and call, and what the fit expects. Beside them ``settings``, with the controls found, and
        what every entry has.

    Raises
    ------
    argen.errors.InputError
        If an argument, a name or a label cannot be used, no control is found, a guide has no target, a target is
        called like a status, or guides and cells do not match (see `on_mismatch`).
    argen.errors.CountsError
        If the guide counts are not counts; the message says which layer has some.
    argen.errors.DesignError
        If no cell is a control.

    Notes
    -----
    The fit of the mixture and its posterior use the same two log means :math:`\eta_0` and
    :math:`\eta_1 = \eta_0 + \beta_z`. Half a UMI is added to the background of every guide, so that a guide without
    background keeps a finite one. If the screen has more than 8192 different depths, they are rounded on a
    logarithmic grid of 8192 points.

    Examples
    --------
    >>> import argen as ag
    >>> mdata = ag.datasets.simulate(genes=5, guides_per_target=2, control_guides=3, guide_counts=True)
    >>> ag.pp.argen_guides(mdata)
    >>> rna = mdata["rna"]
    >>> bool((rna.obs["argen_perturbation"].astype(str) == rna.obs["perturbation"].astype(str)).mean() > 0.95)
    True
    >>> rna.uns["argen_guides"]["tables"]["cells"]["status"].astype(str).tolist()
    ['target', 'control', 'unassigned', 'unassigned']

    Labels that another tool has made:

    >>> import anndata as ad
    >>> import numpy as np
    >>> adata = ad.AnnData(np.ones((4, 1)))
    >>> adata.obs["guide"] = ["STAT1", "NT", "STAT1+MYC", "MYC+NT"]
    >>> ag.pp.argen_guides(adata, labels="guide", separator="+")
    >>> adata.obs["argen_perturbation"].tolist()
    ['STAT1', 'control', 'multiple', 'MYC']
    """
    caller = caller_of(method, labels)
    _check_arguments(guides, labels, guide_layer, separator, key_added)
    check_option("on_mismatch", on_mismatch, ["raise", "warn"])
    check_option("dispersion", dispersion, ["none", "auto"])
    check_level("probability", probability)
    options = {
        "min_umi": check_count("min_umi", min_umi, 1),
        "probability": float(probability),
        "min_fraction": check_number("min_fraction", min_fraction, 0.0, 1.0),
        "dispersion": dispersion,
        "batch": None if batch is None else [batch] if isinstance(batch, str) else list(batch),
        "guide_depth": guide_depth,
    }
    used_by(caller, options)
    controls = control_names(control)
    threads = resolve_n_jobs(n_jobs)

    start = log.info("calling guides" if labels is None else f"reading guides from labels {labels!r}")
    rna = find_rna(data, guides, rna)
    check_takes_results(modality(data, rna), copy=copy, name="data" if rna is None else f"data.mod[{rna!r}]")
    if labels is None:
        found = bridge.read_guide_counts(data, rna, guides, guide_target, guide_layer)
        if found.are_calls:
            caller, options = take_calls(found.source, method, options)
        report_mismatches(found, on_mismatch)
        genes, whole = set(genes_of(modality(data, rna))), stays_whole(controls)
        pattern = as_pattern(guide_target, modality(data, None if rna is None else found.source).var)
        given = counted_labels(found.guides, found.labels, pattern, genes, separator, whole)
        targets = name_targets(found.guides, given, controls, separator=separator)
        hint_separator(targets.targets, genes, separator)
        called = _call_counts(found, targets, caller, used_by(caller, options), threads)
    else:
        called = _call_labels(data, rna, labels, guide_target, controls, separator=separator)
    targets, calls = called.targets, called.calls
    cells = resolve_targets(calls, targets.codes, ignore_control_partner=ignore_control_partner)
    report_targets(targets, cells, detected=controls is None)
    record = {
        "ignore_control_partner": bool(ignore_control_partner),
        "control": np.array(targets.control, dtype=object),
        "control_detected": controls is None,
        "perturbation_key": perturbation_key(key_added),
    }
    if separator is not None:
        record["separator"] = separator
    if guide_layer is not None:
        record["guide_layer"] = guide_layer
    table = targets.table.assign(n_cells=calls.assignment.sum(axis=0, dtype=np.int64), **called.columns)
    details = {"settings": called.params | record, "tables": {"guides": table, **called.tables}}
    data = copied(data) if copy else data
    write_guides(modality(data, rna), key_added, calls, cells, targets, **details)
    log.info("    finished", time=start, deep=describe(key_added, has_posterior=calls.posterior is not None))
    return data if copy else None


@dataclass(frozen=True, slots=True)
class _Called:
    """Calls from one source, with what the record says about it."""

    targets: GuideTargets
    calls: GuideCalls
    params: dict[str, object]
    columns: dict[str, object]
    tables: "dict[str, pd.DataFrame]"


def _call_counts(
    found: bridge.GuideCounts, targets: GuideTargets, caller: Caller, params: dict, threads: int
) -> _Called:
    counts, min_umi = found.counts, params["min_umi"]
    cells = None
    if "guide_depth" in caller.uses:
        cells = bridge.read_cell_groups(found, params.get("batch"), params.get("guide_depth"))
    with worker_pool(threads) as map_, progress_bars() as bar:
        options = CallOptions(
            targets.codes,
            min_umi=min_umi,
            min_fraction=params.get("min_fraction", 0.0),
            probability=params.get("probability", 1.0),
            cells=cells,
            dispersion=params.get("dispersion", "none"),
            map_=map_,
            track=bar("guides", len(found.guides)),
        )
        calls = caller.call(counts, options)
    report_fallbacks(calls.fits, found.guides, min_umi)
    histogram = guide_histogram(counts, calls)
    misfit = None if calls.posterior is None else guide_misfit(histogram)
    report_misfit(misfit, found.guides)
    return _Called(
        targets,
        spread_calls(calls, found.position),
        {"guides": found.source, "method": caller.name, **params},
        fits_table(counts, calls, misfit, min_umi=min_umi, probability=options.probability),
        {"histogram": histogram_table(histogram, found.guides)},
    )


def _call_labels(
    data: "AnnData | MuData",
    rna: str | None,
    labels: str,
    guide_target: GuideTargetMap,
    controls: list[str] | None,
    *,
    separator: str | None,
) -> _Called:
    cell_label, names = bridge.read_labels(data, rna, labels)
    genes = set(genes_of(modality(data, rna)))
    mapped = mapped_guides(guide_target, parts_of(names, separator))
    named = split_labels(names, separator, stays_whole(controls, mapped))
    check_labels(named.guides, guide_target, mapped, genes)
    given = [GuideLabel((name,)) for name in named.guides]
    if guide_target is not None:
        given = split_targets(read_mapping(guide_target, named.guides, None, labels)[0], separator, genes)
    targets = name_targets(named.guides, given, controls, _AMBIGUOUS_LABELS)
    if as_pattern(guide_target) is None:
        hint_separator(targets.targets, genes, separator, strict=guide_target is not None)
    return _Called(targets, call_labels(cell_label, named.label_guides), {"method": "labels", "labels": labels}, {}, {})


def _check_arguments(
    guides: str | None, labels: str | None, guide_layer: str | None, separator: str | None, key_added: str
) -> None:
    if guides is not None and labels is not None:
        msg = f"guides={guides!r} and labels={labels!r} are two sources of guides: give one of them."
        raise InputError(msg)
    if guide_layer is not None and labels is not None:
        msg = f"guide_layer={guide_layer!r} is for guide counts, but labels={labels!r} is given: leave one of them out."
        raise InputError(msg)
    if separator is not None and not separator:
        msg = "separator='' splits nothing: give what stands between the perturbations in a label, such as '+'."
        raise InputError(msg)
    check_key("key_added", key_added)
