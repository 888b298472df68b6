"""Counts of all genes: sums without a copy of the matrix, and the matrix laid out by genes in small integers."""

import numpy as np
import pytest
from scipy import sparse

from argen._bridge.measured import gene_sums
from argen._bridge.responders.blocks import _by_gene

FORMATS = {"csr": sparse.csr_array, "csc": sparse.csc_array, "dense": np.asarray}


@pytest.fixture(scope="module")
def counts():
    rng = np.random.default_rng(0)
    return rng.poisson(0.3, (2500, 1300)).astype(np.float32)  # more than a part of rows, and of columns


@pytest.mark.parametrize("form", FORMATS)
def test_sums_are_those_of_the_dense_product(counts, form):
    weights = np.random.default_rng(1).integers(0, 2, (2, 2500)).astype(float)
    np.testing.assert_array_equal(gene_sums(FORMATS[form](counts), weights), weights @ counts.astype(float))


@pytest.mark.parametrize(("largest", "dtype"), [(7, np.uint8), (300, np.uint16), (70_000, np.uint32)])
def test_by_gene_is_the_same_in_the_smallest_integers(counts, largest, dtype):
    counts = counts.copy()
    counts[3, 5] = largest
    laid_out = _by_gene(sparse.csr_array(counts))
    assert laid_out.format == "csc"
    assert laid_out.dtype == dtype
    np.testing.assert_array_equal(laid_out.toarray(), counts)
    by_column = sparse.csc_array(counts)
    assert _by_gene(by_column) is by_column
