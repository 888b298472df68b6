"""Covariates and depths whose numbers are texts, categories or objects, through every function that takes them."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from toy import KWARGS, assert_same, toy

import argen as ag
from argen._bridge import log
from argen.errors import ArgenWarning, DesignError, InputError

TAKEN = r"Covariate 'mito' is stored as .* and holds 440 different numbers: it is taken as a number\. .*astype\(float\)"


def as_texts(values):
    return np.array([str(value) for value in values], dtype=object)


STORED = {
    "text": lambda values: as_texts(values),
    "category of texts": lambda values: pd.Categorical(as_texts(values)),
    "category of numbers": lambda values: pd.Categorical(values),
    "objects": lambda values: pd.array(list(values), dtype=object),
}


@pytest.fixture(autouse=True)
def _log_on_standard_error():
    """Whether or not another test loaded scanpy, whose log it would be."""
    with log.shown(1):
        yield


@pytest.fixture(scope="module")
def expected():
    return ag.tl.argen_dag(toy(), **KWARGS, copy=True)


@pytest.mark.parametrize("name", STORED)
@pytest.mark.parametrize("covariates", [["batch", "mito"], "~ batch + mito"])
def test_a_measurement_is_the_number_that_it_is(expected, name, covariates):
    adata = toy()
    adata.obs["mito"] = STORED[name](adata.obs["mito"])
    with pytest.warns(ArgenWarning, match=TAKEN):
        ag.tl.argen_dag(adata, **{**KWARGS, "covariates": covariates})
    pd.testing.assert_frame_equal(ag.get.edges(adata), ag.get.edges(expected), check_exact=True)
    pd.testing.assert_frame_equal(ag.get.pairs(adata), ag.get.pairs(expected), check_exact=True)
    ag.tl.argen_check(adata)  # reads the step again, without a word
    assert "mito" not in set(adata.uns["argen_check"]["tables"]["columns"]["column"])


def test_after_a_file_it_is_the_same(tmp_path):
    adata = toy()
    adata.obs["mito"] = as_texts(adata.obs["mito"])
    adata.write_h5ad(tmp_path / "x.h5ad")
    read = ad.read_h5ad(tmp_path / "x.h5ad")
    for some in (adata, read):
        with pytest.warns(ArgenWarning, match=TAKEN):
            ag.tl.argen_descendants(some, **KWARGS)
    pd.testing.assert_frame_equal(ag.get.pairs(adata), ag.get.pairs(read), check_exact=True)


def test_some_of_the_cells_are_read_as_all_of_them():
    """Without a replicate fewer values are left, which alone would look like names."""
    adata, plain = toy(), toy()
    for some in (adata, plain):
        some.obs["mito"] = some.obs["mito"].round(0)
        some.obs["mito"] += np.arange(some.n_obs) % 2 * 0.25 + (np.arange(some.n_obs) % 3 == 0) * 0.125
        some.obs["day"] = np.where(some.obs["mito"] % 1 == 0, "1", "2")
    assert plain.obs.loc[plain.obs["day"] == "1", "mito"].nunique() < 20 < plain.obs["mito"].nunique()
    adata.obs["mito"] = as_texts(adata.obs["mito"])
    with pytest.warns(ArgenWarning, match="is taken as a number"):
        ag.tl.argen_dag(adata, **KWARGS)
    ag.tl.argen_dag(plain, **KWARGS)
    for some in (adata, plain):
        ag.tl.argen_sensitivity(some, vary="replicates", replicate="day")
    pd.testing.assert_frame_equal(ag.get.sensitivity(adata), ag.get.sensitivity(plain), check_exact=True)


@pytest.mark.parametrize(
    "convert",
    [
        lambda batch: batch.str[1:],
        lambda batch: batch.str[1:].astype("category"),
        lambda batch: batch.str[1:].astype(int).astype("category"),
        lambda batch: batch.str[1:] + ".0",
        lambda batch: "2." + batch.str[1:],
    ],
    ids=["text", "category", "integers", "doubles", "donor.lane"],
)
def test_batches_stay_factors(expected, convert):
    adata = toy()
    adata.obs["batch"] = convert(adata.obs["batch"].astype(str))
    ag.tl.argen_dag(adata, **KWARGS)  # a warning would be an error here
    pd.testing.assert_frame_equal(ag.get.edges(adata), ag.get.edges(expected), check_exact=True)


def test_a_formula_makes_a_factor_of_numbers():
    adata = toy()
    adata.obs["mito"] = as_texts(adata.obs["mito"].clip(0, 6).round(1))
    with pytest.warns(ArgenWarning) as record:
        ag.tl.argen_descendants(adata, **{**KWARGS, "covariates": "~ C(mito)"})
    messages = [str(warning.message) for warning in record]
    assert not any("taken as a number" in message for message in messages)
    assert any(
        message.startswith("Covariate 'mito' is a factor of") and "alone in a level left out. If it is a me" in message
        for message in messages
    )
    assert any("dropped, alone in a covariate level ('" in message for message in messages)


def test_levels_of_names_are_too_many():
    adata = toy()
    adata.obs["well"] = [f"w{i % 100}" for i in range(adata.n_obs)]
    with pytest.warns(ArgenWarning) as record:
        ag.tl.argen_descendants(adata, **{**KWARGS, "covariates": ["well"]})
    words = "Covariate 'well' is a factor of 100 levels in 440 cells. Merge its small levels, or leave it out."
    assert words in [str(warning.message) for warning in record]


def test_decimal_commas_are_named():
    adata = toy()
    adata.obs["mito"] = [str(value).replace(".", ",") for value in adata.obs["mito"]]
    before = adata.copy()
    with pytest.raises(DesignError, match=r"alone in a level .* 'mito': Its numbers have decimal commas"):
        ag.tl.argen_descendants(adata, **KWARGS)
    assert_same(before, adata)


def test_whole_numbers_of_a_conversion_are_named_in_the_log(capsys):
    adata = toy()
    adata.obs["lane"] = adata.obs["lane"].astype(float)
    ag.tl.argen_descendants(adata, **{**KWARGS, "covariates": ["lane"]})
    assert "covariate 'lane' holds 4 different whole numbers, as type float64" in capsys.readouterr().err


@pytest.mark.parametrize("name", STORED)
def test_a_depth_is_read_and_said(name, capsys):
    adata, plain = toy(), toy()
    adata.obs["depth"] = STORED[name](adata.obs["depth"])
    for some in (adata, plain):
        ag.tl.argen_descendants(some, **KWARGS, depth="depth")
    assert f"depth='depth' is stored as {'a ' * name.startswith('cat')}{name.split()[0]}" in capsys.readouterr().err
    pd.testing.assert_frame_equal(ag.get.pairs(adata), ag.get.pairs(plain), check_exact=True)


@pytest.fixture
def called():
    adata = toy()
    ag.pp.argen_guides(adata, labels="gene", control="ctrl")
    return adata


# The same column, by whoever takes it: a function of the object and the name of the column.
TAKERS = {
    "descendants": lambda a, x: ag.tl.argen_descendants(a, **KWARGS, depth=x),
    "dag": lambda a, x: ag.tl.argen_dag(a, **KWARGS, depth=x),
    "joint": lambda a, x: ag.tl.argen_joint(a, **KWARGS, depth=x),
    "naive": lambda a, x: ag.tl.argen_naive(a, **KWARGS, depth=x),
    "get.guides": lambda a, x: ag.get.guides(a, depth=x),
    "pl.guides": lambda a, x: ag.pl.argen_guides(a, depth=x, show=False),
    "qc depth": lambda a, x: ag.pp.argen_qc(a, depth=x, min_depth=1),
    "qc n_genes": lambda a, x: ag.pp.argen_qc(a, n_genes=x, min_genes=1),
    "qc percent_mito": lambda a, x: ag.pp.argen_qc(a, percent_mito=x, max_percent_mito=50),
    "numeric covariate": lambda a, x: ag.tl.argen_descendants(a, **{**KWARGS, "covariates": [x, "batch"]}),
    "covariate of get.guides": lambda a, x: ag.get.guides(a, covariates=[x]),
}
FAULTS = {
    "text": (["high", *as_texts(range(1, 440))], r"is not numeric \(type .*'high'\)"),
    "missing": (pd.Series([None, None, *np.linspace(1, 9, 438)], dtype=object), r"is missing \(NaN\) in 2 cells"),
    "missing text": (["nan", *as_texts(np.linspace(1, 9, 439))], r"is missing \(NaN\) in 1 cell"),
}


# Texts are no fault of a covariate: they may be names of levels.
@pytest.mark.parametrize(
    ("taker", "fault"), [(t, f) for t in TAKERS for f in FAULTS if not (f == "text" and "covariate" in t)]
)
def test_the_same_fault_has_the_same_answer(called, taker, fault):
    values, words = FAULTS[fault]
    called.obs["x"] = np.array(values, dtype=object)
    before = called.copy()
    with pytest.raises(InputError, match=words):
        TAKERS[taker](called, "x")
    assert_same(before, called)


def test_qc_and_guides_say_what_they_read(called, capsys):
    called.obs["depth"] = as_texts(called.obs["depth"])
    called.obs["mito"] = as_texts(called.obs["mito"])
    ag.pp.argen_qc(called, depth="depth", min_depth=1, max_depth=1e9, percent_mito="mito", max_percent_mito=50)
    printed = capsys.readouterr().err
    assert printed.count("depth='depth' is stored as text, and read as numbers") == 1
    assert printed.count("percent_mito='mito' is stored as text, and read as numbers") == 1
    with pytest.warns(ArgenWarning, match="Covariate 'mito' is stored as text"):
        ag.get.guides(called, depth="depth", covariates=["mito"])


def test_batches_of_guide_calling_are_few():
    adata = toy()
    carried = pd.get_dummies(adata.obs["gene"]).astype(int) * 9
    adata.obsm["umi"] = carried
    options = {"guides": "umi", "guide_target": {name: name for name in carried}, "control": "ctrl"}
    with pytest.raises(InputError, match=r"batch='mito' has 440 levels in 440 cells\. Name a column of batches"):
        ag.pp.argen_guides(adata, **options, batch="mito")
