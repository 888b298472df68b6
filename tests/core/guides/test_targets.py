"""From called guides to one target per cell, against sets."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from argen._core.guides import (
    CONTROL,
    MULTIPLE,
    UNASSIGNED,
    GuideCalls,
    Reason,
    call_labels,
    resolve_targets,
    spread_calls,
)


def slow_target(guides, targets, reason):
    """Target and reason of one cell from the set of targets of its guides."""
    named = {targets[g] for g in guides if targets[g] >= 0}
    if not guides:
        return (MULTIPLE if reason in {Reason.SEVERAL_TARGETS, Reason.TIED_TARGETS} else UNASSIGNED), reason
    if len(named) > 1:
        return MULTIPLE, Reason.SEVERAL_TARGETS
    alone = Reason.ONE_GUIDE if len(guides) == 1 else Reason.ONE_TARGET
    if not named:
        return CONTROL, alone
    return named.pop(), Reason.BESIDE_CONTROL if any(targets[g] < 0 for g in guides) else alone


@settings(deadline=None)
@given(
    hnp.arrays(np.int8, (12, 6), elements=st.sampled_from([0, 0, 0, 1])),
    hnp.arrays(np.int64, 6, elements=st.integers(-1, 2)),
    hnp.arrays(np.int8, 12, elements=st.integers(3, 11)),
)
def test_agrees_with_sets(assignment, targets, reasons):
    cells = resolve_targets(GuideCalls(sparse.csr_array(assignment), reasons), targets)
    expected = [
        slow_target(np.flatnonzero(row).tolist(), targets, reason)
        for row, reason in zip(assignment, reasons, strict=True)
    ]
    np.testing.assert_array_equal(cells.target, [target for target, _ in expected])
    np.testing.assert_array_equal(cells.reason, [reason for _, reason in expected])


def test_labels_give_the_rows_of_their_guides():
    label_guides = sparse.csr_array(np.array([[1, 0, 0], [0, 1, 1]]))
    calls = call_labels(np.array([1, -1, 0, 1]), label_guides)
    np.testing.assert_array_equal(calls.assignment.toarray(), [[0, 1, 1], [0, 0, 0], [1, 0, 0], [0, 1, 1]])
    assert calls.reason.tolist() == [Reason.ONE_GUIDE, Reason.NO_LABEL, Reason.ONE_GUIDE, Reason.ONE_GUIDE]


def test_cells_without_counts_are_not_measured():
    calls = GuideCalls(sparse.csr_array(np.array([[1, 0], [0, 0]], np.int8)), np.array([0, 8], np.int8))
    spread = spread_calls(calls, np.array([-1, 1, 0, -1]))
    np.testing.assert_array_equal(spread.assignment.toarray(), [[0, 0], [0, 0], [1, 0], [0, 0]])
    assert spread.reason.tolist() == [Reason.NOT_MEASURED, Reason.FEW_UMI, Reason.ONE_GUIDE, Reason.NOT_MEASURED]


def test_every_reason_has_its_own_words():
    assert len({reason.text for reason in Reason}) == len(Reason)
