"""What must not matter: storage, types, threads, order of cells and genes, bystanders, read-only memory."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from toy import KWARGS, assert_equal, set_count, toy

import argen as ag


def screen():
    """With a separated pair and cycles."""
    adata = toy()
    set_count(adata, adata.obs["gene"] == "A", "D", 0)
    return adata


def run(adata, **kwargs):
    ag.tl.argen_dag(adata, **{**KWARGS, **kwargs})
    return adata


def tables(adata):
    step, dag = adata.uns["argen_descendants"], adata.uns["argen_dag"]
    return {
        **{name: step["tables"][name] for name in ("perturbations", "pairs", "dropped_pairs", "cells", "covariates")},
        **{name: dag["tables"][name] for name in ("edges", "equations", "nodes", "order", "cycles")},
    }


@pytest.fixture(scope="module")
def expected():
    return run(screen())


def convert(storage, dtype):
    adata = screen()
    counts = adata.X.toarray().astype(dtype)
    adata.X = storage(counts)
    return adata


STORAGE = {
    "dense": np.ascontiguousarray,
    "fortran": np.asfortranarray,
    "csr_matrix": sparse.csr_matrix,
    "csc_matrix": sparse.csc_matrix,
    "csr_array": sparse.csr_array,
    "csc_array": sparse.csc_array,
}


@pytest.mark.parametrize("storage", STORAGE.values(), ids=STORAGE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64, np.uint16])
def test_storage_and_type(expected, storage, dtype):
    adata = run(convert(storage, dtype))
    assert_equal(tables(expected), tables(adata), "")
    assert_equal(expected.varp, adata.varp, "varp")


def test_disorder_inside_a_sparse_matrix(expected):
    """Unsorted indices, stored zeros and duplicate entries."""
    adata = screen()
    counts = sparse.coo_array(adata.X)
    order = np.random.default_rng(0).permutation(counts.nnz)
    row, col = (np.append(np.append(a[order], a), [3, 4]) for a in counts.coords)
    half = np.floor(counts.data / 2)
    data = np.r_[half[order], counts.data - half, 0.0, 0.0]
    by_row = np.argsort(row, kind="stable")
    indptr = np.searchsorted(row[by_row], np.arange(adata.n_obs + 1))
    adata.X = sparse.csr_matrix((data[by_row].astype(np.float32), col[by_row], indptr), shape=adata.shape)
    stored = adata.X.nnz
    assert_equal(tables(expected), tables(run(adata)), "")
    assert adata.X.nnz == stored


def test_read_only_memory(expected):
    adata = screen()
    for array in (adata.X.data, adata.X.indices, adata.X.indptr, adata.obs["mito"].to_numpy()):
        array.flags.writeable = False
    assert_equal(tables(expected), tables(run(adata)), "")
    dense = screen()
    dense.X = dense.X.toarray()
    dense.X.flags.writeable = False
    assert_equal(tables(expected), tables(run(dense)), "")


@pytest.mark.parametrize("closure", [True, "acyclic", False])
@pytest.mark.parametrize("first_stage", ["ancestors", "shared", "shrunk"])
def test_threads(closure, first_stage):
    options = {"closure": closure, "first_stage": first_stage, "covariance": "stacked", "edges_hc": "HC3"}
    results = [run(screen(), n_jobs=n, **options) for n in (1, 2, np.int64(3), None, -1)]
    for other in results[1:]:
        assert_equal(tables(results[0]), tables(other), "")
        assert_equal(results[0].varp, other.varp, "varp")


@pytest.mark.parametrize("depth", [None, "depth"])
@pytest.mark.parametrize("closure", [True, "acyclic"])
def test_order_of_cells(closure, depth):
    one = run(screen(), closure=closure, depth=depth)
    other = run(screen()[np.random.default_rng(0).permutation(one.n_obs)].copy(), closure=closure, depth=depth)
    one, other = tables(one), tables(other)
    for name, table in one.items():
        if isinstance(table, pd.DataFrame):
            numbers = table.select_dtypes("float").columns
            np.testing.assert_allclose(table[numbers], other[name][numbers], rtol=1e-10, atol=1e-300, err_msg=name)
            pd.testing.assert_frame_equal(table.drop(columns=numbers), other[name].drop(columns=numbers))
    assert_equal(one["order"], other["order"], "order")


@pytest.mark.parametrize("closure", [True, "acyclic", False])
@pytest.mark.parametrize("first_stage", ["ancestors", "shrunk"])
def test_order_of_genes(closure, first_stage):
    options = {"closure": closure, "first_stage": first_stage}
    one = run(screen(), **options)
    other = run(screen()[:, np.random.default_rng(0).permutation(one.n_vars)].copy(), **options)
    assert_equal(tables(one), tables(other), "")
    back = [other.var_names.get_loc(gene) for gene in one.var_names]
    for key in one.varp:
        np.testing.assert_array_equal(one.varp[key].toarray(), other.varp[key].toarray()[np.ix_(back, back)])
    pd.testing.assert_frame_equal(one.var, other.var.loc[one.var_names])


def test_bystanders(expected):
    """Cells outside the analysis and, with a depth that is given, genes outside the network."""
    adata = toy(n_others=30)
    small = adata[:, [*"DBAC"]].copy()
    extra = toy(seed=5, n_others=30)[:50].copy()
    extra.obs["gene"] = "unassigned"
    extra.obs_names = [f"extra{i}" for i in range(50)]
    import anndata as ad

    big = ad.concat([extra, adata])
    left, right = tables(run(small, depth="depth")), tables(run(big, depth="depth"))
    for name in left:
        if name != "cells":
            assert_equal(left[name], right[name], name)


LABELS = {
    "object": lambda labels: labels.astype(object),
    "string": lambda labels: labels.astype("string"),
    "category": lambda labels: labels.astype("category"),
    "unused": lambda labels: labels.astype("category").cat.add_categories(["Z", "never"]),
    "reordered": lambda labels: pd.Categorical(labels, ["D", "ctrl", "C", "B", "A"]),
}


@pytest.mark.parametrize("change", LABELS.values(), ids=LABELS)
def test_type_of_the_labels(expected, change):
    adata = screen()
    adata.obs["gene"] = change(adata.obs["gene"])
    assert_equal(tables(expected), tables(run(adata)), "")


def test_scale_of_the_depth():
    adata = screen()
    adata.obs["deeper"] = 1000.0 * adata.obs["depth"]
    one, other = (run(adata.copy(), depth=depth) for depth in ("depth", "deeper"))
    pd.testing.assert_frame_equal(ag.get.edges(one), ag.get.edges(other), rtol=1e-9)
    pd.testing.assert_frame_equal(ag.get.pairs(one), ag.get.pairs(other), rtol=1e-9)


def test_default_depth_is_the_total_over_all_genes():
    adata = screen()
    adata.obs["total"] = np.asarray(adata.X.sum(axis=1)).ravel()
    one, other = run(adata.copy()), run(adata.copy(), depth="total")
    pd.testing.assert_frame_equal(ag.get.edges(one), ag.get.edges(other), rtol=1e-9)
