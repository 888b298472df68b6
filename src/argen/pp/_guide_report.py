"""What a run of guide calling tells its user."""

from collections.abc import Collection

import numpy as np

from argen._bridge import log
from argen._bridge.guides.calls import GuideCounts
from argen._bridge.guides.combinations import find_joined
from argen._bridge.guides.names import GuideTargets
from argen._bridge.guides.slots import n_guides, perturbation_key, posterior_key
from argen._bridge.runtime import warn_user
from argen._bridge.validate import counted, name_quoted
from argen._core.guides import CONTROL, MULTIPLE, UNASSIGNED, CellTargets, Fallback, GuideFits, Misfit, Reason
from argen.errors import DesignError, InputError

__all__ = ["describe", "hint_separator", "report_fallbacks", "report_misfit", "report_mismatches", "report_targets"]

# Fewer cells with one perturbation than this share of all: more likely a high-MOI screen than a low-MOI one.
_FEW_SINGLE = 0.5


def report_targets(targets: GuideTargets, cells: CellTargets, *, detected: bool) -> None:
    """Log what was decided; raise if no cell is a control."""
    n_cells = np.bincount(cells.target[cells.target >= 0], minlength=len(targets.targets))
    n_control, n_multiple, n_unassigned = (
        int(np.sum(cells.target == code)) for code in (CONTROL, MULTIPLE, UNASSIGNED)
    )
    how = "detected by their spelling" if detected else "as given"
    log.info(f"    controls, {how}: {name_quoted(targets.control)}")
    if targets.control_like:
        log.warning(f"spelled like controls, but taken as perturbations: {name_quoted(targets.control_like)}")
    n_perturbations = counted(int(np.sum(n_cells > 0)), "perturbation")
    counts = f"{n_cells.sum()} cells with one of {n_perturbations}, {n_control} control"
    counts += f", {n_multiple} multiple, {n_unassigned} unassigned"
    if n_control == 0:
        msg = (
            f"No cell is a control ({counts}); the controls are {name_quoted(targets.control)}. Name others in control."
        )
        raise DesignError(msg)
    log.info(f"    {counts}")
    beside = int(np.sum((cells.reason == Reason.BESIDE_CONTROL) & (cells.target >= 0)))
    if beside:
        log.info(
            f"    {beside} of them carry control guides too; in a low-MOI screen most are doublets with half the "
            "knock-down, which ignore_control_partner=False leaves out"
        )
    n_single = n_cells.sum() + n_control
    if n_single < _FEW_SINGLE * (n_single + n_multiple + n_unassigned):
        log.warning(
            f"only {n_single} of {n_single + n_multiple + n_unassigned} cells have one perturbation or a control guide "
            f"({n_multiple} multiple, {n_unassigned} unassigned). In a screen with several guides per cell (high MOI) "
            "the cells called control may carry guides against other genes: argen needs one perturbation per cell."
        )
    if empty := [name for name, n in zip(targets.targets, n_cells, strict=True) if n == 0]:
        log.info(f"    perturbations without a cell: {name_quoted(empty)}")


def report_fallbacks(fits: GuideFits | None, guides: list[str], min_umi: int) -> None:
    """Log the guides that were called by a threshold instead of their own fit, by reason."""
    if fits is None:
        return
    for reason in sorted(set(fits.fallback.tolist()) - {int(Fallback.NONE)}):
        names = [guides[g] for g in np.flatnonzero(fits.fallback == reason)]
        log.warning(
            f"{counted(len(names), 'guide')} called from {min_umi} UMIs on instead of a fit "
            f"({Fallback(reason).text}): {name_quoted(names)}"
        )


def report_misfit(misfit: Misfit | None, guides: list[str]) -> None:
    """Log the guides whose counts are not what their fit expects, the worst first."""
    if misfit is None or not misfit.flag.any():
        return
    flagged = np.flatnonzero(misfit.flag)
    worst = flagged[np.argsort(-misfit.share[flagged], kind="stable")]
    n_fits = int(np.isfinite(misfit.p).sum())
    named = name_quoted([guides[g] for g in worst], 3)
    log.warning(
        f"the fit does not expect the UMI counts of {len(flagged)} of {counted(n_fits, 'guide')}, in a median of "
        f"{np.median(misfit.share[flagged]):.0%} of their cells: {named}. Calls of "
        "few UMIs are less certain than their posterior; misfit in the table of guides and pl.argen_guides show more"
    )


def hint_separator(
    labels: Collection[str], genes: Collection[str], separator: str | None, *, strict: bool = False
) -> None:
    """Log that labels, of cells or of guides, look like combinations; if `strict`, of names that are known only."""
    others, known = [label for label in labels if label not in genes], {*labels, *genes}
    joined = find_joined(others, known) or find_joined(others, known, strict=strict)
    if joined is None or joined.separator == separator:
        return
    if joined.n_labels == 1:
        taken, them = f"label {joined.label!r} is taken as one perturbation", "it"
    else:
        taken, them = f"{joined.n_labels} labels such as {joined.label!r} are taken as one perturbation each", "them"
    log.warning(f"{taken}; separator={joined.separator!r} splits {them}")


def report_mismatches(found: GuideCounts, on_mismatch: str) -> None:
    """Raise for what does not fit together, or warn of it."""
    if not found.mismatches:
        return
    if on_mismatch == "warn":
        for text in found.mismatches:
            warn_user(f"{text}.")
        return
    msg = (
        f"Guides and cells do not match: {'; '.join(found.mismatches)}. Correct or leave them out, or pass "
        "on_mismatch='warn' to go on: such cells are then unassigned, such guides have no cells."
    )
    raise InputError(msg)


def describe(key_added: str, *, has_posterior: bool) -> str:
    """List the slots that were written."""
    posterior = f"    {posterior_key(key_added)!r}, posterior probabilities (.obsm)\n" if has_posterior else ""
    return (
        f"added\n    {key_added!r}, guides of the cells (.obsm)\n"
        f"{posterior}"
        f"    {perturbation_key(key_added)!r}, perturbation of the cells (.obs)\n"
        f"    {n_guides(key_added)!r}, number of guides of the cells (.obs)\n"
        f"    {key_added!r}, guides, counts of cells and parameters (.uns)"
    )
