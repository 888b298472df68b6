"""Which guides each cell carries, and the one target that makes it usable as an instrument."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Literal

import numpy as np

from argen._bridge import guides as bridge
from argen._bridge.guide_names import GuideTargets, looks_like_control, name_targets, split_labels
from argen._bridge.validate import check_option, name_some
from argen._core.guides import (
    CONTROL,
    METHODS,
    MULTIPLE,
    UNASSIGNED,
    CallOptions,
    CellTargets,
    GuideCalls,
    call_labels,
    resolve_targets,
    spread_calls,
)
from argen.errors import DesignError, InputError

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from mudata import MuData

__all__ = ["argen_guides"]

# pertpy writes "Negative" for a cell without a guide; in a table of guides the word means a negative control.
_AMBIGUOUS_LABELS = ("negative", "neg")
# Fewer cells with one target than this share of all: more likely a high-MOI screen than a low-MOI one.
_FEW_SINGLE = 0.5


def argen_guides(  # noqa: PLR0913 - all but the first are keyword-only
    data: "AnnData | MuData",
    *,
    guides: str | None = None,
    guide_target: "str | Mapping[str, str] | pd.Series | pd.DataFrame | None" = None,
    labels: str | None = None,
    control: str | Iterable[str] | None = None,
    method: Literal["max"] = "max",
    min_umi: int = 5,
    min_fraction: float = 0.8,
    separator: str | None = None,
    key_added: str = "argen_guides",
    copy: bool = False,
) -> "AnnData | MuData | None":
    r"""Call the guides of each cell, and the one target they perturb.

    The guides come from UMI counts (`guides`: a modality of a MuData or an obsm entry of an AnnData) or are
    called already (`labels`: an obs column with one label per cell).

    With ``method="max"``, guide :math:`g` with :math:`x_{ig}` UMIs is called in cell :math:`i` if no other guide has
    as many, :math:`x_{ig} \ge` `min_umi` and :math:`x_{ig} / \sum_h x_{ih} \ge` `min_fraction` (the defaults are those
    of SCEPTRE's "maximum"). A cell without a called guide is

    * *multiple*, if guides of different targets reach `min_umi` (two cells, or two perturbations);
    * *unassigned* otherwise: no guide reaches `min_umi`, or the guides that do are of one target and none of them
      dominates. Such a cell is left out rather than given that target, because the background that hides
      its guide may hide a second one.

    Control guides count as one target here. If two top guides are tied (possible if `min_fraction` is at most 0.5),
    neither is called. The count of cells for each reason is in ``uns``.

    A called cell has the target of its guides: several guides of one target are that target, a target beside
    control guides is that target, two targets are *multiple*, control guides only are a *control*.

    Parameters
    ----------
    data
        Cells with counts. Of a MuData only the RNA modality is changed: the one called rna, gex or gene, else the
        only one that does not hold guides. Cells are matched by name; those without guide counts are unassigned.
    guides
        Modality (MuData) or obsm entry (AnnData) with guide UMI counts, cells × guides, sparse or dense. `None` takes
        the only modality called guide, guides, gdo, grna or crispr.
    guide_target
        Target of each guide: a column of the guide modality's var, or a dict, Series or DataFrame (indexed by
        guide, column ``target``, ``gene_target`` or ``target_gene``). `None` takes the first of these columns that
        the var of the modality has. An obsm entry needs a mapping; if it is no DataFrame, the mapping also names its
        columns, in their order. With `labels`, a mapping from label to target, or `None` if labels are targets.
    labels
        obs column with one label per cell, of the AnnData, the RNA modality or the MuData. NaN, an empty text and
        the text of a NaN mean unassigned.
    control
        Targets, guides or labels that are controls. `None` looks for the usual spellings (non-targeting, NT, NTC,
        control, ctrl, safe-targeting, negative, scrambled; any case, with or without a number) and reports them.
        A bare "negative" among `labels` has to be named, since some tools write it for cells without a guide.
    method
        How guides are called from counts; without effect on `labels`.
    min_umi
        UMIs that a guide needs in a cell, at least 1.
    min_fraction
        Share of the cell's guide UMIs that the top guide needs, from 0 to 1.
    separator
        Splits labels such as "A+B" into guides. A label that is a control, or a key of `guide_target`, stays whole.
    key_added
        Key of the results in ``obsm`` and ``uns``. The obs column is ``"argen_target"`` for the default key,
        else ``f"{key_added}_target"``.
    copy
        Whether to return a changed copy instead of changing `data`.

    Returns
    -------
    Returns `None` if `copy=False`, else a copy of `data`. Sets the following fields (of the RNA modality):

    `.obsm['argen_guides' | key_added]` : :class:`scipy.sparse.csr_matrix` (dtype ``int8``)
        1 where a guide is called, cells × guides.
    `.obs['argen_target' | f'{key_added}_target']` : :class:`pandas.Series` (dtype ``category``)
        Target of each cell, ``"control"``, ``"multiple"`` or ``"unassigned"``. The categories are all targets,
        sorted, also those without a cell, and then these three words.
    `.uns['argen_guides' | key_added]` : :class:`dict`
        ``guides``: DataFrame with a row for each column of the obsm entry (guide, target, target_label as it was given,
        is_control, n_cells, and from counts n_umi and n_cells_min_umi); ``cells``: DataFrame of the number of cells
        by status and reason; ``params``, with the controls found; ``provenance``; ``schema_version``.

    Raises
    ------
    argen.errors.InputError
        If an argument, a name or a label cannot be used, no control is found, a guide has no target, or a target is
        called like a status.
    argen.errors.CountsError
        If the guide counts are not counts.
    argen.errors.DesignError
        If no cell is a control.

    Examples
    --------
    >>> import anndata as ad
    >>> import argen as ag
    >>> import numpy as np
    >>> import pandas as pd
    >>> adata = ad.AnnData(np.ones((4, 1)))
    >>> adata.obsm["guide_counts"] = pd.DataFrame(
    ...     [[9, 0, 1], [0, 7, 0], [6, 0, 8], [1, 0, 12]],
    ...     index=adata.obs_names,
    ...     columns=["STAT1g1", "NTg1", "MYCg1"],
    ... )
    >>> targets = {"STAT1g1": "STAT1", "NTg1": "non-targeting", "MYCg1": "MYC"}
    >>> ag.pp.argen_guides(adata, guides="guide_counts", guide_target=targets)
    >>> adata.obs["argen_target"].tolist()
    ['STAT1', 'control', 'multiple', 'MYC']
    >>> adata.uns["argen_guides"]["cells"]["n_cells"].tolist()
    [2, 1, 1]
    """
    from scanpy import logging as logg

    _check_arguments(guides, labels, separator, key_added)
    _check_thresholds(min_umi, min_fraction)
    check_option("method", method, list(METHODS))
    controls = _control_names(control)

    start = logg.info("calling guides" if labels is None else f"reading guides from labels {labels!r}")
    rna = bridge.find_rna(data, guides)
    if labels is None:
        options = {"method": method, "min_umi": int(min_umi), "min_fraction": float(min_fraction)}
        called = _call_counts(data, rna, guides, guide_target, controls, options=options)
    else:
        called = _call_labels(data, rna, labels, guide_target, controls, separator=separator)
    targets, calls = called.targets, called.calls

    cells = resolve_targets(calls, targets.codes)
    _report(targets, cells, detected=controls is None)
    found = {
        "control": np.array(targets.control, dtype=object),
        "control_detected": controls is None,
        "target_key": bridge.target_key(key_added),
    }
    details = {
        "guides": targets.table.assign(n_cells=calls.assignment.sum(axis=0, dtype=np.int64), **called.umis),
        "params": called.params | found,
    }
    data = data.copy() if copy else data
    bridge.write_guides(bridge.modality(data, rna), key_added, calls, cells, targets, details=details)
    logg.info("    finished", time=start, deep=_describe(key_added))
    return data if copy else None


@dataclass(frozen=True, slots=True)
class _Called:
    """Calls from one source, with what the record says about it."""

    targets: GuideTargets
    calls: GuideCalls
    params: dict[str, object]
    umis: dict[str, np.ndarray]


def _call_counts(
    data: "AnnData | MuData",
    rna: str | None,
    guides: str | None,
    guide_target: bridge.GuideTargetMap,
    controls: list[str] | None,
    *,
    options: dict,
) -> _Called:
    found = bridge.read_guide_counts(data, rna, guides, guide_target)
    targets = name_targets(found.guides, found.labels, controls)
    call, min_umi = METHODS[options["method"]], options["min_umi"]
    calls = call(found.counts, CallOptions(targets.codes, min_umi, options["min_fraction"]))
    umis = {
        "n_umi": found.counts.sum(axis=0, dtype=np.int64),
        "n_cells_min_umi": np.bincount(found.counts.indices[found.counts.data >= min_umi], minlength=len(found.guides)),
    }
    return _Called(targets, spread_calls(calls, found.position), {"guides": found.source, **options}, umis)


def _call_labels(
    data: "AnnData | MuData",
    rna: str | None,
    labels: str,
    guide_target: bridge.GuideTargetMap,
    controls: list[str] | None,
    *,
    separator: str | None,
) -> _Called:
    cell_label, names = bridge.read_labels(data, rna, labels)
    named = split_labels(names, separator, _stays_whole(controls, guide_target))
    given = named.guides if guide_target is None else bridge.target_labels(named.guides, guide_target)
    targets = name_targets(named.guides, given, controls, _AMBIGUOUS_LABELS)
    params = {"method": "labels", "labels": labels} | ({} if separator is None else {"separator": separator})
    _hint_separator(names, separator)
    return _Called(targets, call_labels(cell_label, named.label_guides), params, {})


def _check_arguments(guides: str | None, labels: str | None, separator: str | None, key_added: str) -> None:
    if guides is not None and labels is not None:
        msg = f"guides={guides!r} and labels={labels!r} are two sources of guides: give one of them."
        raise InputError(msg)
    if separator is not None and (labels is None or not separator):
        msg = f"separator={separator!r} splits labels: give labels=... and a separator that is not empty."
        raise InputError(msg)
    if not key_added or "/" in key_added:
        msg = f"key_added={key_added!r} has to be a name without '/', which files take for a path."
        raise InputError(msg)


def _check_thresholds(min_umi: int, min_fraction: float) -> None:
    if not isinstance(min_umi, Integral) or isinstance(min_umi, bool) or min_umi < 1:
        msg = f"min_umi={min_umi!r} has to be an integer of at least 1."
        raise InputError(msg)
    if not isinstance(min_fraction, Real) or isinstance(min_fraction, bool) or not 0 <= min_fraction <= 1:
        msg = f"min_fraction={min_fraction!r} has to be a number from 0 to 1."
        raise InputError(msg)


def _control_names(control: str | Iterable[str] | None) -> list[str] | None:
    """Names as a list of texts, so that control=0 finds the label 0 of an integer column."""
    if control is None:
        return None
    names = list(control) if isinstance(control, Iterable) and not isinstance(control, str) else [control]
    if not names:
        msg = "control=[] names no control: give at least one, or None to look for the usual spellings."
        raise InputError(msg)
    return [str(name).strip() for name in names]


def _stays_whole(controls: list[str] | None, guide_target: object) -> Callable[[str], bool]:
    """Test of the labels that no separator splits: controls (as "non-targeting" at "-") and names of the mapping."""
    whole = {*(controls or []), *bridge.mapped_guides(guide_target)}
    return lambda label: label in whole or (controls is None and looks_like_control(label))


def _hint_separator(names: list[str], separator: str | None) -> None:
    from scanpy import logging as logg

    if separator is None and (joined := [name for name in names if "+" in name]):
        logg.warning(f"labels such as {joined[0]} are taken as one target each; separator='+' splits them")


def _report(targets: GuideTargets, cells: CellTargets, *, detected: bool) -> None:
    """Log what was decided; raise if no cell is a control."""
    from scanpy import logging as logg

    n_cells = np.bincount(cells.target[cells.target >= 0], minlength=len(targets.targets))
    n_control, n_multiple, n_unassigned = (
        int(np.sum(cells.target == code)) for code in (CONTROL, MULTIPLE, UNASSIGNED)
    )
    how = "detected by their spelling" if detected else "as given"
    logg.info(f"    controls, {how}: {name_some(targets.control)}")
    if targets.control_like:
        logg.warning(f"spelled like controls, but taken as targets: {name_some(targets.control_like)}")
    counts = f"{n_cells.sum()} cells with one of {np.sum(n_cells > 0)} targets, {n_control} control"
    counts += f", {n_multiple} multiple, {n_unassigned} unassigned"
    if n_control == 0:
        msg = f"No cell is a control ({counts}); the controls are {name_some(targets.control)}. Name others in control."
        raise DesignError(msg)
    logg.info(f"    {counts}")
    n_single = n_cells.sum() + n_control
    if n_single < _FEW_SINGLE * (n_single + n_multiple + n_unassigned):
        logg.warning(
            f"only {n_single} of {n_single + n_multiple + n_unassigned} cells have one target or a control guide "
            f"({n_multiple} multiple, {n_unassigned} unassigned). In a screen with several guides per cell (high MOI) "
            "the cells called control may carry guides against other targets: argen needs one target per cell."
        )
    if empty := [name for name, n in zip(targets.targets, n_cells, strict=True) if n == 0]:
        logg.info(f"    targets without a cell: {name_some(empty)}")


def _describe(key_added: str) -> str:
    return (
        f"added\n    {key_added!r}, guides of the cells (.obsm)\n"
        f"    {bridge.target_key(key_added)!r}, target of the cells (.obs)\n"
        f"    {key_added!r}, guides, counts of cells and parameters (.uns)"
    )
