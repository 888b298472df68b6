"""Input that cannot be used: the error names the thing and the cure, and the object stays as it was."""

import mudata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from toy import KWARGS, assert_same, set_count, toy

import argen as ag
from argen._bridge.mudatas import columns_stay
from argen.errors import ArgenError, CountsError, DesignError, InputError, MissingResultError


def run(adata, **kwargs):
    return ag.tl.argen_descendants(adata, **{**KWARGS, **kwargs})


def run_dag(adata, **kwargs):
    return ag.tl.argen_dag(adata, **{**KWARGS, **kwargs})


@pytest.fixture(params=[run, run_dag], ids=["descendants", "dag"])
def function(request):
    return request.param


def check_refused(function, adata, error, words, **kwargs):
    """`function` raises exactly `error`, says all `words` and changes nothing."""
    before = adata.copy()
    with pytest.raises(ArgenError) as caught:
        function(adata, **kwargs)
    assert caught.type is error
    for word in words:
        assert word in str(caught.value)
    assert_same(before, adata)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (np.log1p, ["not integers", "needs raw UMI counts, and the object holds none"]),
        (lambda x: x - 1, ["negative", "-1", "raw UMI counts"]),
        (lambda x: np.where(np.arange(x.size).reshape(x.shape) == 7, np.nan, x), ["NaN", "raw UMI counts"]),
        (lambda x: np.where(np.arange(x.size).reshape(x.shape) == 7, np.inf, x), ["infinite"]),
        (lambda x: x / 2, ["not integers", "0.5"]),
    ],
    ids=["log", "negative", "nan", "inf", "half"],
)
@pytest.mark.parametrize("storage", [np.asarray, sparse.csr_matrix, sparse.csc_matrix], ids=["dense", "csr", "csc"])
def test_counts_must_be_raw(function, spoil, words, storage):
    adata = toy()
    set_count(adata, adata.obs_names == "cell0", "A", 1)
    adata.X = storage(spoil(adata.X.toarray()))
    check_refused(function, adata, CountsError, ["adata.X", *words])


def test_layer_is_named_when_its_counts_are_bad(function):
    adata = toy()
    adata.layers["lognorm"] = np.log1p(adata.X.toarray())
    check_refused(function, adata, CountsError, ["adata.layers['lognorm']"], layer="lognorm")


def test_empty_matrix(function):
    adata = toy()
    adata.layers["counts"] = adata.X
    adata.X = None
    check_refused(function, adata, InputError, ["adata.X is empty", "layer"])


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"perturbation_key": "nope"}, ["'nope'", "adata.obs", "argen_guides", "gene, batch"]),
        ({"covariates": ["batch", "nope"]}, ["'nope'", "adata.obs", "mito"]),
        ({"covariates": "nope"}, ["'nope'", "adata.obs"]),
        ({"covariates": "batch + mito"}, ["'batch + mito'", "'~'"]),
        ({"covariates": ["C(lane)"]}, ["'C(lane)'", "'~'"]),
        ({"covariates": "~ batch + nope"}, ["'nope'", "adata.obs"]),
        ({"covariates": 5}, ["'5'", "adata.obs"]),
        ({"depth": "nope"}, ["'nope'", "adata.obs", "mito"]),
        ({"depth": "batch"}, ["'batch'", "not numeric"]),
        ({"layer": "nope"}, ["'nope'", "adata.layers", "Layers: none"]),
        (
            {"control": "non-targeting"},
            ["'non-targeting'", "give control='ctrl'. Labels found: 'A', 'B', 'C', 'D', 'ctrl'"],
        ),
        ({"control": ["ctrl", "NT"]}, ["'NT'", "give control='ctrl'. Labels found: 'A', 'B', 'C', 'D', 'ctrl'"]),
        ({"control": []}, ["control"]),
        ({"control": None}, ["control"]),
        ({"perturbations": ["A", "B", "Z"]}, ["Z", "no cells", "'gene'"]),
        ({"perturbations": []}, ["perturbations"]),
    ],
)
def test_unknown_names(function, kwargs, words):
    check_refused(function, toy(), InputError, words, **kwargs)


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"closure": "cyclic"}, ["closure='cyclic'", "True", "False", "'acyclic'"]),
        ({"closure": 1}, ["closure=1", "'acyclic'"]),
        ({"family": "nb"}, ["family='nb'", "'poisson'", "'negative_binomial'"]),
        ({"test": "lrt"}, ["test='lrt'", "'auto'", "'wald'", "'score'"]),
        ({"pooled": "yes"}, ["pooled='yes'", "True", "False"]),
        ({"hc": "HC2"}, ["hc='HC2'", "'HC0'", "'HC1'", "'HC3'"]),
        ({"alpha": 0}, ["alpha=0", "between 0 and 1"]),
        ({"alpha": 1.0}, ["alpha=1.0"]),
        ({"alpha": np.nan}, ["alpha=nan"]),
        ({"alpha": "5%"}, ["alpha='5%'"]),
        ({"n_jobs": 0}, ["n_jobs=0", "positive"]),
        ({"n_jobs": 1.5}, ["n_jobs=1.5"]),
        ({"n_jobs": True}, ["n_jobs=True"]),
        ({"min_cells": 1}, ["min_cells=1", "at least 2"]),
        ({"min_cells": 2.5}, ["min_cells=2.5"]),
        ({"key_added": "a/b"}, ["key_added='a/b'", "'/'"]),
        ({"key_added": ""}, ["key_added=''"]),
    ],
)
def test_options(function, kwargs, words):
    check_refused(function, toy(), InputError, words, **kwargs)


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"first_stage": "all"}, ["first_stage='all'", "'ancestors'", "'shared'", "'shrunk'"]),
        ({"edges_hc": "HC1"}, ["edges_hc='HC1'", "'HC0'", "'HC3'"]),
        ({"fdr": "storey"}, ["fdr='storey'", "'batch-bh'", "'bh'"]),
        ({"descendants_alpha": 1}, ["descendants_alpha=1"]),
        ({"covariance": "hc0"}, ["covariance='hc0'", "'murphy-topel'", "'naive'"]),
        ({"descendants": "a/b"}, ["descendants='a/b'"]),
        ({"key_added": "argen_descendants"}, ["overwrite", "'argen_descendants'"]),
        ({"covariate": ["mito"]}, ["'covariate'", "covariates"]),
    ],
)
def test_options_of_the_dag(kwargs, words):
    check_refused(run_dag, toy(), InputError, words, **kwargs)


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("~ np.log(mito)", ["'np.log(mito)'", "no code", "obs column"]),
        ("~ log(mito)", ["'log(mito)'"]),
        ("~ batch + I(mito**2)", ["I(mito", "no code"]),
        ("~ {mito + 1}", ["mito + 1", "no code"]),
        ("~ __import__('os')", ["__import__", "no code"]),
        ("~ __import__('os').mkdir('made')", ["not a formula"]),
        ("~ `__import__('os').mkdir('made')`", ["not an obs column"]),
        ("~ C(__import__('os').mkdir('made'))", ["no code"]),
        ("~ C(batch, Treatment('b2'))", ["no code"]),
        ("~ 2:mito", ["'2'", "no code"]),
        ("~ 0 + batch", ["intercept"]),
        ("~ batch - 1", ["intercept"]),
        ("depth ~ batch", ["one side"]),
        ("~ batch | mito", ["one side"]),
        ("~ batch +", ["not a formula", "~ batch + percent_mito"]),
        ("~ batch mito", ["not a formula"]),
    ],
)
def test_formulas_hold_no_code(function, formula, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_refused(function, toy(), InputError, words, covariates=formula)
    assert list(tmp_path.iterdir()) == []


def test_too_few_controls(function):
    words = ["200 control cells", "ctrl", "min_cells=201"]
    check_refused(function, toy(), DesignError, words, min_cells=201)


def test_controls_without_depth_do_not_count(function):
    adata = toy()
    controls = np.flatnonzero(adata.obs["gene"] == "ctrl")
    adata.obs.iloc[controls[9:], adata.obs.columns.get_loc("depth")] = 0.0
    check_refused(function, adata, DesignError, ["9 control cells", "min_cells=10"], depth="depth")


def test_a_network_needs_two_targets(function):
    check_refused(
        function,
        toy(),
        DesignError,
        ["Perturbations left: 'A'", "not among perturbations: 'B', 'C', 'D'"],
        perturbations=["A"],
    )


def test_unmeasured_targets_show_what_is_measured(function):
    adata = toy()
    adata.var_names = [f"ENSG{i}" for i in range(adata.n_vars)]
    words = ["Perturbations left: none", "not measured: 'A', 'B', 'C', 'D'", "adata.var_names", "ENSG0"]
    check_refused(function, adata, DesignError, words)


def test_duplicated_genes(function):
    adata = toy()
    adata.var_names = ["A", *adata.var_names[1:-1], "A"]
    with pytest.raises(InputError, match=r"duplicates: A\. .*var_names_make_unique"):
        function(adata)
    assert list(adata.var_names[[0, -1]]) == ["A", "A"]
    assert not adata.uns
    assert not adata.varp


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (np.ones(440), ["'new'", "constant", "Leave it out"]),
        (np.repeat(0.1, 440), ["'new'", "constant"]),
        (["same"] * 440, ["'new'", "constant"]),
        (np.r_[np.nan, np.arange(439.0)], ["'new'", "NaN", "1 cell", "drop the cells"]),
        (pd.array([None, *["x", "y"] * 219, "y"], dtype=object), ["'new'", "NaN"]),
        (np.r_[np.inf, np.arange(439.0)], ["'new'", "infinite"]),
    ],
    ids=["ones", "tenth", "text", "nan", "missing text", "inf"],
)
def test_covariates_that_carry_nothing(function, column, words):
    adata = toy()
    adata.obs["new"] = column
    check_refused(function, adata, DesignError, words, covariates=["batch", "new"])


def test_covariate_that_is_constant_in_the_analysis_only(function):
    adata = toy()
    adata.obs["gene"] = adata.obs["gene"].replace("D", "unassigned")
    adata.obs["new"] = np.where(adata.obs["gene"] == "unassigned", "x", "y")
    check_refused(function, adata, DesignError, ["'new'", "constant"], covariates="~ new + mito")


@pytest.mark.parametrize(
    ("covariates", "dependent"),
    [
        (["mito", "copy"], "copy"),
        (["batch", "nested"], "nested[q]"),
        (["batch", "mito", "sum"], "sum"),
        ("~ C(lane) + lane", "lane"),
        ("~ batch*nested", "nested[q]"),
    ],
)
def test_collinear_covariates_are_named(function, covariates, dependent):
    adata = toy()
    adata.obs["copy"] = 3.0 - 2.0 * adata.obs["mito"]
    adata.obs["nested"] = np.where(adata.obs["batch"] == "b1", "p", "q")
    adata.obs["sum"] = 2.0 * adata.obs["mito"] + (adata.obs["batch"] == "b2")
    check_refused(function, adata, DesignError, ["collinear", dependent, "Leave one"], covariates=covariates)


def test_nan_in_depth(function):
    adata = toy()
    adata.obs.loc["cell3", "depth"] = np.nan
    check_refused(function, adata, InputError, ["'depth'", "NaN"], depth="depth")


def test_missing_covariates_of_cells_outside_the_analysis_do_no_harm():
    adata = toy()
    adata.obs["gene"] = adata.obs["gene"].replace("D", "unassigned")
    outside = adata.obs["gene"] == "unassigned"
    expected = adata[~outside].copy()
    adata.obs.loc[outside, "mito"] = np.nan
    run(adata)
    run(expected)
    pd.testing.assert_frame_equal(ag.get.pairs(adata), ag.get.pairs(expected), check_exact=True)


def test_a_mudata_whose_rna_cannot_be_told_is_refused_with_the_cure(function):
    with columns_stay():
        mdata = mudata.MuData({"one": toy()[:, :1].copy(), "other": toy()[:, 1:].copy()})
        for call in (function, ag.get.edges, ag.get.pairs, ag.get.perturbations, ag.get.graph):
            with pytest.raises(InputError, match=r"among 'one', 'other': pass it.* mdata\['one'\]"):
                call(mdata)


@pytest.mark.parametrize("data", [np.ones((3, 3)), pd.DataFrame(np.ones((3, 3))), None])
def test_other_objects_are_refused(function, data):
    with pytest.raises(InputError, match=f"AnnData, not a {type(data).__name__}"):
        function(data)


@pytest.mark.parametrize("get", [ag.get.edges, ag.get.pairs, ag.get.perturbations, ag.get.graph])
def test_missing_results_say_what_to_run(get):
    adata = toy()
    adata.uns["other"] = {"edges_of_something": 1}
    with pytest.raises(MissingResultError, match=r"^adata.uns\['argen_\w+'\] is missing. Run ag.tl.argen_"):
        get(adata)
    with pytest.raises(MissingResultError, match=r"not a result of ag\.tl\.argen_"):
        get(adata, key="other")
    with pytest.raises(KeyError):  # as a dict would
        get(adata)
