"""Counts in whatever type and place: read where they are counts, else refused with what would do."""

import io

import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from anndata import AnnData
from scipy import sparse
from toy import KWARGS, assert_same, set_count, toy

import argen as ag
from argen._bridge.count_values import as_counts, find_rounding, numbers_of_table
from argen._bridge.counts import read_counts
from argen._bridge.counts_elsewhere import counts_elsewhere
from argen.errors import ArgenWarning, CountsError

STORAGES = {"dense": np.asarray, "csr": sparse.csr_matrix, "csc": sparse.csc_array}
NOISE = {
    "expm1 of log1p": lambda x: np.expm1(np.log1p(x.astype(np.float32))),
    "scaled to 10,000 and back": lambda x: (
        np.expm1(np.log1p(x.astype(np.float32) / np.float32(7321) * np.float32(1e4)))
        * np.float32(7321)
        / np.float32(1e4)
    ),
    "1e-9": lambda x: x * (1 + 1e-9),
    "1e-9 less": lambda x: x * (1 - 1e-9) - 1e-12,
}


@pytest.fixture
def log():
    before, text = (sc.settings.logfile, sc.settings.verbosity), io.StringIO()
    sc.settings.logfile, sc.settings.verbosity = text, "warning"
    yield text
    sc.settings.logfile, sc.settings.verbosity = before


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("storage", STORAGES)
def test_rounding_noise_is_rounded(noise, storage):
    counts = np.random.default_rng(0).negative_binomial(0.2, 0.001, (40, 30)).astype(float)
    assert counts.max() > 3000
    found = as_counts(STORAGES[storage](NOISE[noise](counts)), "adata.X", "")
    assert find_rounding(found) is None
    found = found.toarray() if sparse.issparse(found) else found
    np.testing.assert_array_equal(found, counts)


@pytest.mark.parametrize("noise", ["expm1 of log1p", "1e-9 less"])
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("layer", [None, "counts"])
def test_results_are_those_of_the_integers(noise, storage, layer, log):
    exact, noisy = toy(), toy()
    values = STORAGES[storage](NOISE[noise](noisy.X.toarray()))
    if layer is None:
        noisy.X = values
    else:
        noisy.layers[layer] = values
    before = values.copy()
    ag.tl.argen_dag(exact, **KWARGS)
    ag.tl.argen_dag(noisy, **KWARGS, layer=layer)
    for key in ("argen_descendants", "argen_dag"):
        assert noisy.uns[key]["made_from"]["data"] == exact.uns[key]["made_from"]["data"]
        assert noisy.uns[key]["id"] == exact.uns[key]["id"]
    kept = noisy.X if layer is None else noisy.layers[layer]
    np.testing.assert_array_equal(*(m.toarray() if sparse.issparse(m) else m for m in (kept, before)))
    where = "adata.X" if layer is None else "adata.layers['counts']"
    assert log.getvalue().count(f"{where}: ") == 1
    assert "values are off their integers by up to" in log.getvalue()
    noisy.X = exact.X.copy()
    if layer is None:  # the step is current for the integers, too
        ag.tl.argen_dag(noisy, **KWARGS)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (2.0001, "2.0001"),
        (3.00004, "3.00004"),
        (1e-4, "0.0001"),
        (1e4 + 0.2, "10000.2"),
        (np.float32(5.0002), "5.0002"),
    ],
)
def test_what_is_off_by_more_is_shown_with_its_digits(value, shown):
    with pytest.raises(CountsError, match=rf"not integers \(such as {shown}\)"):
        as_counts(np.array([[0, 1, 2], [3, 4, value]], dtype=np.asarray(value).dtype), "adata.X", "")


def test_probabilities_close_to_zero_are_no_counts():
    with pytest.raises(CountsError, match="such as 1e-06"):
        as_counts(np.full((2, 2), 1e-6), "adata.X", "")


@pytest.mark.parametrize("place", ["X", "layer"])
def test_half_precision_is_read(place):
    exact, half = toy(), toy()
    values = half.X.toarray().astype(np.float16)
    if place == "X":
        half.X = values
    else:
        half.layers["counts"] = values
    ag.tl.argen_dag(exact, **KWARGS)
    ag.tl.argen_dag(half, **KWARGS, layer=None if place == "X" else "counts")
    assert half.uns["argen_dag"]["id"] == exact.uns["argen_dag"]["id"]
    ag.tl.argen_check(half, n_jobs=1)
    assert np.isfinite(
        ag.metrics.causalbench(half, half, perturbation_key="gene", control="ctrl", normalize=False).iloc[0]
    )


@pytest.mark.parametrize(
    ("value", "words"),
    [(2048, "from 2048 on that type rounds integers"), (70000, "infinite values .float16"), (2.5, "such as 2.5")],
)
def test_half_precision_that_lost_counts_is_refused(value, words):
    adata = toy()
    set_count(adata, adata.obs_names == "cell0", "A", value)
    with np.errstate(over="ignore"):
        adata.X = adata.X.toarray().astype(np.float16)
    before = adata.copy()
    with pytest.raises(CountsError, match=words):
        ag.tl.argen_descendants(adata, **KWARGS)
    assert_same(before, adata)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint16, np.int64, np.float64])
def test_every_type_of_number_is_read(dtype):
    counts = np.random.default_rng(0).integers(0, 2, (30, 5))
    for storage in STORAGES.values():
        found = read_counts(AnnData(storage(counts.astype(dtype))), None)
        np.testing.assert_array_equal(found.of(range(5)).matrix().toarray(), counts)


def normalised():
    adata = toy()
    adata.layers["lognorm"] = np.log1p(adata.X.toarray())
    counts, adata.X = adata.X.copy(), np.log1p(adata.X.toarray())
    return adata, counts


RAW = "adata.raw holds counts, write adata.layers['counts'] = adata.raw[:, adata.var_names].X and give layer='counts'"


def test_counts_in_raw_are_named_with_what_to_write():
    adata, counts = normalised()
    full = AnnData(sparse.hstack([counts, counts[:, :1]], format="csr"), obs=adata.obs[[]])
    full.var_names = [*adata.var_names, "left_out"]
    adata.raw = full
    before = adata.copy()
    with pytest.raises(CountsError) as caught:
        ag.tl.argen_descendants(adata, **KWARGS)
    assert RAW in str(caught.value)
    assert_same(before, adata)
    adata.layers["counts"] = adata.raw[:, adata.var_names].X
    ag.tl.argen_descendants(adata, **KWARGS, layer="counts")
    plain = toy()
    ag.tl.argen_descendants(plain, **KWARGS)
    assert adata.uns["argen_descendants"]["id"] == plain.uns["argen_descendants"]["id"]


def test_raw_without_some_of_the_genes_is_to_be_taken_whole():
    adata, counts = normalised()
    adata.raw = AnnData(counts[:, 1:], var=adata.var.iloc[1:])
    lost = adata.var_names[0]
    words = rf"adata.raw holds counts but not of 1 feature \(such as '{lost}'\), so take adata.raw.to_adata\(\)\."
    with pytest.raises(CountsError, match=words):
        ag.tl.argen_descendants(adata, **KWARGS)


@pytest.mark.parametrize(
    ("prepare", "layer", "words"),
    [
        (lambda a, c: a.layers.update(umis=c), None, "adata.layers['umis'] holds counts, layer='umis' takes them"),
        (lambda a, c: setattr(a, "X", c), "lognorm", "adata.X holds counts, which are taken without layer='lognorm'"),
        (lambda a, c: None, None, "and adata.layers['lognorm'] holds none either"),
        (lambda a, c: setattr(a, "raw", a.copy()), None, "and adata.layers['lognorm'], adata.raw hold none either"),
        (lambda a, c: a.layers.update(on=(c.toarray() > 0) * 1), None, "adata.layers['on'] hold none either"),
        (
            lambda a, c: a.layers.pop("lognorm"),
            None,
            "argen needs raw UMI counts, and the object holds none: take them from",
        ),
    ],
    ids=["layer", "X", "none", "raw without", "0 and 1", "nothing else"],
)
def test_the_message_says_where_counts_are(prepare, layer, words):
    adata, counts = normalised()
    prepare(adata, counts)
    for function in (ag.tl.argen_dag, ag.pp.argen_qc):
        how = KWARGS if function is ag.tl.argen_dag else {"min_depth": 1, "one_perturbation": False}
        with pytest.raises(CountsError) as caught:
            function(adata, layer=layer, **how)
        assert words in str(caught.value)
    assert not adata.uns


def test_an_empty_matrix_names_the_layer_with_counts():
    adata = toy()
    adata.layers["umis"] = adata.X
    adata.X = None
    with pytest.raises(ag.errors.InputError, match=r"adata\.X is empty\. .*layer='umis' takes them"):
        ag.tl.argen_descendants(adata, **KWARGS)


def test_a_layer_called_counts_is_not_overwritten():
    adata, counts = normalised()
    adata.layers["counts"], adata.raw = adata.X, AnnData(counts, var=adata.var)
    assert "adata.layers['raw_counts'] = adata.raw" in counts_elsewhere(adata, None)


def test_scaled_counts_are_warned_of_once():
    adata = toy(n_others=40)
    values = adata.X.toarray()
    adata.X = np.rint(values / values.sum(axis=1, keepdims=True) * 1e6)
    with pytest.warns(ArgenWarning, match=r"adata\.X holds integers, but .* scaled to a common total") as caught:
        ag.tl.argen_descendants(adata, **KWARGS)
    assert sum("scaled to a common total" in str(w.message) for w in caught) == 1
    assert "argen_descendants" in adata.uns


TABLES = {
    "Int64": lambda t: t.astype("Int64"),
    "UInt16": lambda t: t.astype("UInt16"),
    "Float64": lambda t: t.astype("Float64"),
    "float16": lambda t: t.astype(np.float16),
    "mixed": lambda t: t.astype({"a": "Int64", "b": float, "c": np.uint8}),
    "sparse": lambda t: t.astype(pd.SparseDtype(np.int64, 0)),
    "sparse with another fill": lambda t: t.astype(pd.SparseDtype(np.int64, 1)),
    "sparse beside dense": lambda t: t.astype({"a": pd.SparseDtype(np.int64, 0)}),
}


@pytest.mark.parametrize("kind", TABLES)
def test_tables_of_every_type_of_number_are_read(kind):
    table = pd.DataFrame({"a": [0, 3, 0], "b": [1, 0, 7], "c": [0, 0, 2]})
    found = numbers_of_table(TABLES[kind](table), "t")
    np.testing.assert_array_equal(found.toarray() if sparse.issparse(found) else found, table)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pd.array([1, None, 2], dtype="Int64"), r"t has missing values in 'b'"),
        ([1.0, np.nan, 2.0], r"t has missing values in 'b'"),
        (["1", "2", "3"], r"in column 'b'\. Make them numbers: t = t\.astype\(float\)"),
        (pd.Categorical(["1", "2", "3"]), r"Make them numbers: t = t\.astype\(float\)"),
        (["1", "x", "3"], r"in column 'b' \(such as 'x'\)\. Leave columns out that are no counts"),
    ],
)
def test_tables_that_are_no_numbers_name_the_column_and_the_cure(column, words):
    table = pd.DataFrame({"a": [0, 3, 0], "b": column})
    with pytest.raises(CountsError, match=words):
        numbers_of_table(table, "t")
