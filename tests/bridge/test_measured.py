"""Counts of an object laid out by genes: sums, any genes in any cells, small integers, the same for every format."""

import numpy as np
import pytest
from scipy import sparse

from argen._bridge.object_counts import ObjectCounts, by_gene
from argen._core import counts as core_counts

FORMATS = {"csr": sparse.csr_array, "csc": sparse.csc_array, "dense": np.asarray, "fortran": np.asfortranarray}


@pytest.fixture(scope="module")
def counts():
    rng = np.random.default_rng(0)
    return rng.poisson(0.3, (500, 300)).astype(np.float32)


@pytest.fixture(params=FORMATS)
def laid_out(request, counts, monkeypatch):
    monkeypatch.setattr(core_counts, "_PART", 1000)  # many parts
    return ObjectCounts(by_gene(FORMATS[request.param](counts)))


def test_sums_are_those_of_the_dense_matrix(laid_out, counts):
    assert len(list(laid_out.store.parts())) > 3
    weights = np.random.default_rng(1).integers(0, 2, (2, 500)).astype(float)
    np.testing.assert_array_equal(laid_out.gene_sums(weights), weights @ counts.astype(float))
    np.testing.assert_array_equal(laid_out.cell_totals(), counts.sum(axis=1))
    some = np.arange(300) % 3 == 0
    np.testing.assert_array_equal(laid_out.cell_totals(some), counts[:, some].sum(axis=1))
    np.testing.assert_array_equal(laid_out.cell_totals(np.flatnonzero(some)), counts[:, some].sum(axis=1))
    np.testing.assert_array_equal(laid_out.genes_per_cell(), (counts > 0).sum(axis=1))


def test_any_genes_in_any_cells(laid_out, counts):
    rows = np.random.default_rng(2).permutation(500)[:200]
    some = laid_out.of([7, -1, 3], rows)
    expected = np.column_stack([counts[rows, 7], np.zeros(200), counts[rows, 3]])
    np.testing.assert_array_equal(np.column_stack([some.dense(j) for j in range(3)]), expected)
    np.testing.assert_array_equal(some.matrix().toarray(), expected)
    np.testing.assert_array_equal(some.is_seen(), expected.any(axis=0))
    np.testing.assert_array_equal(some.of_cells(np.array([5, 1])).of_genes([2]).dense(0), counts[rows[[5, 1]], 3])


def test_a_gene_whose_counts_are_in_other_cells_is_not_seen():
    matrix = sparse.csc_array(np.array([[0, 1], [2, 0], [0, 3]]))
    np.testing.assert_array_equal(core_counts.GeneCounts.of_matrix(matrix).of_cells([0, 2]).is_seen(), [False, True])


@pytest.mark.parametrize(("largest", "dtype"), [(7, np.uint8), (300, np.uint16), (70_000, np.uint32)])
def test_a_copy_is_in_the_smallest_integers(counts, largest, dtype):
    counts = counts.copy()
    counts[3, 5] = largest
    for form in (sparse.csr_array, np.asarray):
        store = by_gene(form(counts))
        assert store.data.dtype == dtype
        np.testing.assert_array_equal(ObjectCounts(store).of(range(300)).matrix().toarray(), counts)
    by_column = sparse.csc_array(counts)
    assert by_gene(by_column).data is by_column.data


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csc_array])
def test_duplicates_add_up_and_stay_in_the_object(kind):
    """250 + 250 is more than the type that holds either."""
    rows, columns, values = np.array([0, 0, 1]), np.array([1, 1, 0]), np.array([250, 250, 3], dtype=np.uint8)
    matrix = kind(sparse.coo_array((values, (rows, columns)), shape=(2, 2)))
    twice = kind((np.array([250, 250, 3], np.uint8), np.array([1, 1, 0]), np.array([0, 2, 3])), shape=(2, 2))
    for some, expected in ((matrix, None), (twice, twice.toarray().astype(int))):
        before = some.data.copy()
        found = ObjectCounts(by_gene(some)).of(range(2)).matrix().toarray()
        np.testing.assert_array_equal(some.data, before)
        if expected is not None and kind is sparse.csr_array:
            np.testing.assert_array_equal(found, [[0, 500], [3, 0]])
