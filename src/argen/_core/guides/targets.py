"""From the guides of a cell to its one perturbation, the target of all of them."""

from dataclasses import dataclass

import numpy as np

from .calls import GuideCalls, Reason, entry_rows, row_range

__all__ = ["CONTROL", "MULTIPLE", "UNASSIGNED", "CellTargets", "resolve_targets"]

CONTROL, MULTIPLE, UNASSIGNED = -1, -2, -3


@dataclass(frozen=True, slots=True)
class CellTargets:
    """The target of each cell.

    Attributes
    ----------
    target
        Code of the target, or CONTROL, MULTIPLE or UNASSIGNED, shape (n_cells,).
    reason
        :class:`~argen._core.guides.Reason` of each cell, int8, shape (n_cells,).
    """

    target: np.ndarray
    reason: np.ndarray


def resolve_targets(calls: GuideCalls, guide_target: np.ndarray, *, ignore_control_partner: bool = True) -> CellTargets:
    """Reduce the guides called in a cell to one target.

    Several guides of one target are that target, a target beside control guides is that target, only control
    guides are a control, two targets are MULTIPLE. Without a called guide the reason of the call decides.

    Parameters
    ----------
    calls
        Calls of any method.
    guide_target
        Code of the target of each guide, CONTROL for control guides, MULTIPLE for a guide against several targets,
        shape (n_guides,).
    ignore_control_partner
        Whether a target beside control guides is that target; else such a cell is MULTIPLE.
    """
    n_cells = calls.assignment.shape[0]
    rows = entry_rows(calls.assignment)
    codes = guide_target[calls.assignment.indices]
    targeting = codes >= 0
    lowest, highest = row_range(rows[targeting], codes[targeting], n_cells)
    n_guides = np.bincount(rows, minlength=n_cells)
    n_targeting = np.bincount(rows[codes != CONTROL], minlength=n_cells)
    several = (lowest < highest) | (np.bincount(rows[codes == MULTIPLE], minlength=n_cells) > 0)
    one = (lowest == highest) & ~several
    beside_control = one & (n_targeting < n_guides)
    mixed = beside_control & (not ignore_control_partner)

    undecided = np.isin(calls.reason, [Reason.SEVERAL_TARGETS, Reason.TIED_TARGETS])
    target = np.select(
        [mixed, one, several, n_guides > 0, undecided],
        [MULTIPLE, lowest, MULTIPLE, CONTROL, MULTIPLE],
        default=UNASSIGNED,
    )
    reason = np.select(
        [several, mixed, beside_control, n_guides > 1, n_guides == 1],
        [
            int(Reason.SEVERAL_TARGETS),
            int(Reason.TARGET_AND_CONTROL),
            int(Reason.BESIDE_CONTROL),
            int(Reason.ONE_TARGET),
            int(Reason.ONE_GUIDE),
        ],
        default=calls.reason,
    )
    return CellTargets(target, reason.astype(np.int8))
