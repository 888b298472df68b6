"""The maximum rule against a slow reading of its sentence, cell by cell."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from argen._core.guides import CallOptions, Reason, call_maximum


def slow_call(umis, targets, min_umi, min_fraction):
    """Guide called in one cell (or None), and why."""
    total, top = sum(umis), max(umis, default=0)
    if total == 0:
        return None, Reason.NO_UMI
    if top < min_umi:
        return None, Reason.FEW_UMI
    best = [g for g, x in enumerate(umis) if x == top]
    present = [g for g, x in enumerate(umis) if x >= min_umi]
    several = len({targets[g] for g in present}) > 1
    if top / total >= min_fraction:
        if len(best) == 1:
            return best[0], Reason.ONE_GUIDE
        return None, Reason.TIED_TARGETS if several else Reason.TIED_GUIDES
    if several:
        return None, Reason.SEVERAL_TARGETS
    return None, Reason.DILUTED if len(present) == 1 else Reason.SPLIT


@st.composite
def screens(draw):
    n_cells, n_guides = draw(st.integers(1, 8)), draw(st.integers(1, 6))
    counts = draw(hnp.arrays(np.int64, (n_cells, n_guides), elements=st.sampled_from([0, 0, 0, 1, 2, 4, 5, 6, 8, 20])))
    targets = draw(hnp.arrays(np.int64, n_guides, elements=st.integers(-1, 2)))
    return counts, targets, draw(st.integers(1, 6)), draw(st.sampled_from([0.0, 0.3, 0.5, 0.55, 0.8, 1.0]))


@settings(deadline=None)
@given(screens())
def test_agrees_with_a_slow_reading_of_the_rule(screen):
    counts, targets, min_umi, min_fraction = screen
    calls = call_maximum(sparse.csr_array(counts), CallOptions(targets, min_umi, min_fraction))
    expected = [slow_call(row.tolist(), targets, min_umi, min_fraction) for row in counts]
    np.testing.assert_array_equal(calls.reason, [reason for _, reason in expected])
    called = [
        np.eye(counts.shape[1])[guide] if guide is not None else np.zeros(counts.shape[1]) for guide, _ in expected
    ]
    np.testing.assert_array_equal(calls.assignment.toarray(), called)
    assert calls.assignment.dtype == np.int8


@pytest.mark.parametrize(("percent", "total"), [(55, 20), (80, 5), (70, 10), (7, 100), (29, 100), (57, 100)])
def test_boundary_of_the_fraction_is_inclusive(percent, total):
    top = percent * total // 100
    rest = np.full(total - top, 1)  # many guides with one UMI, so that the first is the top one
    counts = sparse.csr_array(np.concatenate([[top], rest])[None, :])
    calls = call_maximum(counts, CallOptions(np.zeros(counts.shape[1], int), 1, percent / 100))
    assert calls.reason[0] == Reason.ONE_GUIDE


def test_inputs_may_be_read_only():
    counts = sparse.csr_array(np.array([[5, 0], [5, 5]]))
    targets = np.array([0, -1])
    for array in (counts.data, counts.indices, counts.indptr, targets):
        array.flags.writeable = False
    calls = call_maximum(counts, CallOptions(targets))
    assert [Reason(code).name for code in calls.reason] == ["ONE_GUIDE", "SEVERAL_TARGETS"]


def test_order_of_cells_and_guides_does_not_matter():
    rng = np.random.default_rng(3)
    counts, targets = rng.poisson(1.5, (200, 12)) * rng.integers(1, 9, (200, 12)), rng.integers(-1, 4, 12)
    cells, guides = rng.permutation(200), rng.permutation(12)
    first = call_maximum(sparse.csr_array(counts), CallOptions(targets, 5, 0.3))
    second = call_maximum(sparse.csr_array(counts[cells][:, guides]), CallOptions(targets[guides], 5, 0.3))
    np.testing.assert_array_equal(first.reason[cells], second.reason)
    np.testing.assert_array_equal(first.assignment.toarray()[cells][:, guides], second.assignment.toarray())


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_no_cells_or_no_guides(shape):
    calls = call_maximum(sparse.csr_array(np.zeros(shape, int)), CallOptions(np.zeros(shape[1], int)))
    assert calls.assignment.shape == shape
    assert (calls.reason == Reason.NO_UMI).all()
