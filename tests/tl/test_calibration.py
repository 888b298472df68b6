"""Null tests on the controls: guides and splits, edges, what happens with little data, files."""

import io

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from toy import assert_equal, assert_same, toy

import argen as ag
from argen.errors import DesignError, InputError, MissingResultError, StaleResultError

KWARGS = {"covariates": ["batch", "mito"], "depth": "depth", "n_jobs": 1}
TABLES = ("summary", "pseudo_perturbations", "equations", "qq", "positive_controls", "skipped")


def screen(*, n_guides=4, guides=True, chances=None, seed=0, **options):
    """A toy screen whose control cells carry one of several non-targeting guides, the last cell two."""
    adata = toy(seed=seed, **options)
    rng = np.random.default_rng(seed)
    control = (adata.obs["gene"] == "ctrl").to_numpy()
    chances = np.ones((adata.n_obs, n_guides)) if chances is None else chances(adata.obs)
    edges = np.cumsum(chances, axis=1) / chances.sum(axis=1, keepdims=True)
    number = (rng.random(adata.n_obs)[:, None] > edges).sum(axis=1)
    names = [f"non-targeting_{i}" for i in range(n_guides)]
    perturbations = sorted(set(adata.obs["gene"]) - {"ctrl"})
    label = np.where(control, np.array(names)[number], adata.obs["gene"].astype(str) + "_1")
    columns = [*names, *(f"{t}_1" for t in perturbations)]
    values = (np.array(columns)[None, :] == label[:, None]) * 20
    values[np.flatnonzero(control)[-1], :2] = 20
    adata.obsm["umi"] = pd.DataFrame(values, index=adata.obs_names, columns=columns)
    adata.obs["argen_perturbation"] = pd.Categorical(np.where(control, "control", adata.obs["gene"]))
    if guides:
        mapping = dict.fromkeys(names, "non-targeting") | {f"{t}_1": t for t in perturbations}
        ag.pp.argen_guides(adata, guides="umi", guide_target=mapping, control="non-targeting", method="threshold")
    return adata


def analysed(adata, **options):
    ag.tl.argen_dag(adata, **{**KWARGS, **options})
    return adata


@pytest.fixture(scope="module")
def done():
    adata = analysed(screen())
    ag.tl.argen_calibration(adata)
    return adata


def table(adata, name="summary", **options):
    return ag.get.calibration(adata, table=name, **options)


def row(adata, nulls):
    return table(adata).set_index("nulls").loc[nulls]


def alone(adata, guide):
    carried = adata.obsm["argen_guides"].toarray()
    at = adata.uns["argen_guides"]["tables"]["guides"]["guide"].astype(str).tolist().index(guide)
    return (carried[:, at] == 1) & (carried.sum(axis=1) == 1)


@pytest.mark.parametrize(
    "options",
    [{}, {"test": "wald", "hc": "HC0"}, {"test": "score"}, {"pooled": True}, {"covariates": None, "hc": "HC1"}],
    ids=str,
)
def test_a_guide_is_tested_as_a_target_with_its_cells_is(options):
    """Labelled by hand as a target whose gene is measured, its cells give the same p-values in the descendant step."""
    adata = analysed(screen(), **options)
    ag.tl.argen_calibration(adata, n_splits=2)
    p = []
    for guide in [f"non-targeting_{i}" for i in range(4)]:
        other = screen()
        label = np.where(alone(other, guide), "other0", other.obs["argen_perturbation"].astype(str))
        other.obs["by_hand"] = pd.Categorical(label)
        ag.tl.argen_descendants(other, perturbation_key="by_hand", control="control", **{**KWARGS, **options})
        pairs = ag.get.pairs(other)
        p.append(pairs[(pairs["source"] == "other0") & pairs["target"].isin(list("ABCD"))]["p"].to_numpy())
    qq, pseudo = table(adata, "qq"), table(adata, "pseudo_perturbations")
    observed = qq.loc[qq["nulls"] == "guides", "observed"]
    np.testing.assert_allclose(observed, -np.log10(np.sort(np.concatenate(p))), rtol=1e-6, atol=1e-9)
    pseudo = pseudo[pseudo["nulls"] == "guides"]
    np.testing.assert_allclose(pseudo["min_p"], np.min(p, axis=1), rtol=1e-6)
    np.testing.assert_allclose(pseudo["rate_05"], np.mean(np.array(p) <= 0.05, axis=1))
    assert pseudo["n_cells"].tolist() == [alone(adata, name).sum() for name in pseudo["name"]]


def test_numbers_follow_from_each_other(done):
    summary, pseudo = table(done), table(done, "pseudo_perturbations")
    assert summary["nulls"].tolist() == ["guides", "splits", "edges"]
    pairs, edges = ag.get.pairs(done), ag.get.edges(done, selected=False)
    level = pairs["mde_level"].iloc[0]
    for nulls in ("guides", "splits"):
        found, own = row(done, nulls), pseudo[pseudo["nulls"] == nulls]
        assert found["level"] == pytest.approx(level, rel=1e-6)
        assert found["n_pseudo"] == len(own) == {"guides": 4, "splits": 20}[nulls]
        assert found["n_tests"] == own["n_tests"].sum() == 4 * len(own)
        assert found["rate_05"] == pytest.approx(np.average(own["rate_05"], weights=own["n_tests"]))
        assert found["rate_level"] == pytest.approx(own["n_below_level"].sum() / own["n_tests"].sum())
        assert (found["n_real"], found["n_discoveries"]) == (len(pairs), pairs["significant"].sum())
    equations, placebo = table(done, "equations"), row(done, "edges")
    assert placebo["n_tests"] == equations["n_tests"].sum() == 20 * len(edges)
    assert placebo["rate_level"] == pytest.approx(equations["n_below_threshold"].sum() / placebo["n_tests"])
    assert (placebo["n_real"], placebo["n_discoveries"]) == (len(edges), edges["selected"].sum())
    assert placebo["level"] == pytest.approx(edges["threshold"].mean())
    np.testing.assert_allclose(summary["expected_false"], summary["rate_level"] * summary["n_real"])
    assert (summary["expected_false_high"] > summary["expected_false"]).all()
    sizes = ag.get.perturbations(done).set_index("perturbation")["n_cells"]
    assert set(pseudo.loc[pseudo["nulls"] == "splits", "n_cells_wanted"]) <= set(sizes)
    for equation in equations.itertuples():
        parents = edges.loc[edges["target"] == equation.target, "source"]
        assert equation.size_factor == pytest.approx(min(1.0, 100 / sizes[parents].sum()))


def test_positive_controls(done):
    controls, perturbations = table(done, "positive_controls"), ag.get.perturbations(done)
    assert controls["detected"].all()
    np.testing.assert_allclose(controls["effect"], perturbations["effect"])
    np.testing.assert_allclose(controls["p"], perturbations["p"], rtol=1e-6)
    rising = screen()
    counts = rising.X.toarray()
    own = (rising.obs["gene"] == "B").to_numpy()
    counts[own, rising.var_names.get_loc("B")] += 30
    rising.X = type(rising.X)(counts)
    ag.tl.argen_dag(rising, **KWARGS)
    ag.tl.argen_calibration(rising, n_splits=2)
    found = table(rising, "positive_controls").set_index("perturbation")
    assert found["falls"].tolist() == [True, False, True, True]
    assert not found.loc["B", "detected"]
    assert found.loc["B", "p"] < 1e-6


def test_batches_that_were_left_out_are_found():
    """Non-targeting guides that differ between batches: fine with the batch in the model, inflated without."""

    def chances(obs):
        first = (obs["batch"] == "b2").to_numpy()[:, None]
        return np.where(first, [6.0, 1, 6, 1, 6, 1], [1.0, 6, 1, 6, 1, 6])

    def run(seed, covariates):
        adata = screen(n_guides=6, chances=chances, seed=seed, n_control=900, n_per_target=80)
        counts = adata.X.toarray()
        hit = (adata.obs["batch"] == "b2").to_numpy()
        rng = np.random.default_rng(seed)
        counts[hit] += rng.poisson(counts[hit])
        adata.X = type(adata.X)(counts)
        ag.tl.argen_dag(adata, covariates=covariates, depth="depth", n_jobs=1)
        ag.tl.argen_calibration(adata, n_splits=20)
        return adata

    good, bad = run(0, ["batch", "mito"]), run(0, ["mito"])
    assert row(good, "guides")["rate_05"] < 0.25
    assert row(bad, "guides")["rate_05"] > 0.6
    assert row(bad, "guides")["inflation"] > 3 * row(good, "guides")["inflation"]
    for adata in (good, bad):  # random splits are balanced: they cannot tell
        assert row(adata, "splits")["rate_05"] < 0.15
        assert row(adata, "edges")["rate_05"] < 0.15


def test_error_rates_on_a_simulated_screen():
    rates = []
    for seed in range(3):
        mdata = ag.datasets.simulate(
            genes=10, n_controls=1500, control_guides=10, cells_per_perturbation=150, intercept=1.0, guide_counts=True,
            rng=seed,
        )  # fmt: skip
        ag.pp.argen_guides(mdata)
        adata = mdata["rna"]
        ag.tl.argen_dag(adata, depth="depth")
        ag.tl.argen_calibration(adata, n_splits=40, rng=seed)
        rates.append(table(adata).set_index("nulls"))
    for nulls in ("guides", "splits", "edges"):
        mean = np.mean([t.loc[nulls, "rate_05"] for t in rates])
        se = np.sqrt(np.mean([t.loc[nulls, "rate_05_se"] ** 2 for t in rates]) / len(rates))
        assert mean == pytest.approx(0.05, abs=3.5 * se + 0.01), nulls


def test_without_guides_there_are_splits():
    stream = io.StringIO()
    import scanpy as sc

    before = sc.settings.logfile, sc.settings.verbosity
    sc.settings.logfile, sc.settings.verbosity = stream, 3
    try:
        adata = screen(guides=False)
        ag.tl.argen_dag(adata, **KWARGS)
        ag.tl.argen_calibration(adata)
    finally:
        sc.settings.logfile, sc.settings.verbosity = before
    log = stream.getvalue()
    assert "no guides in uns['argen_guides']: random splits alone" in log
    assert "4 of 4 on-target effects detected" in log
    assert table(adata)["nulls"].tolist() == ["splits", "edges"]
    assert "no guides in uns['argen_guides']: random splits alone" in table(adata, "skipped")["reason"].tolist()


def test_one_guide_or_small_ones():
    def mostly_first(obs):
        return np.tile([40.0, 1, 1], (len(obs), 1))

    adata = analysed(screen(n_guides=3, chances=mostly_first))
    ag.tl.argen_calibration(adata)
    assert table(adata)["nulls"].tolist() == ["splits", "edges"]
    skipped = table(adata, "skipped").set_index("reason")["n"]
    assert skipped["fewer than 10 control cells with this guide alone"] == 2
    assert skipped["fewer than two non-targeting guides to use: random splits alone"] <= 1


def test_few_controls():
    adata = analysed(screen(n_control=18))
    before = adata.copy()
    with pytest.raises(DesignError, match=r"18 control cells: .* need min_cells=10 each. Name further control labels"):
        ag.tl.argen_calibration(adata)
    assert_same(before, adata)
    adata = analysed(screen(n_control=40))
    ag.tl.argen_calibration(adata)
    skipped = table(adata, "skipped").set_index("what")
    assert skipped.loc["splits", "n"] == 20  # 60 cells per perturbation, 20 in half of the controls
    assert (table(adata, "pseudo_perturbations").query("nulls == 'splits'")["n_cells"] == 20).all()
    reasons = table(adata, "equations")["reason"]
    assert (reasons == "too few controls for placebo groups of 10 cells").any()
    assert (reasons == "").any()


def test_a_network_without_candidates():
    adata = screen()
    rng = np.random.default_rng(0)
    counts = rng.poisson(4.0, adata.shape)
    adata.X = type(adata.X)(counts)
    analysed(adata, alpha=0.05, descendants_alpha=1e-9)
    ag.tl.argen_calibration(adata)
    assert row(adata, "edges")["n_tests"] == 0
    assert np.isnan(row(adata, "edges")["rate_05"])
    assert row(adata, "splits")["level"] == pytest.approx(1e-9 / 12)
    assert "the network has no candidate edges, hence no equation to test" in set(table(adata, "skipped")["reason"])


@pytest.mark.parametrize(
    "options",
    [{"covariance": "stacked", "edges_hc": "HC3"}, {"closure": False}, {"family": "negative_binomial"},
     {"covariance": "naive", "first_stage": "shared", "closure": True}, {"first_stage": "shrunk"}],
    ids=str,
)  # fmt: skip
def test_whatever_the_options(options):
    adata = analysed(screen(), **options)
    ag.tl.argen_calibration(adata, n_splits=5)
    assert np.isfinite(table(adata)["rate_05"]).all()
    stacked = options.get("covariance") == "stacked"
    assert any("Murphy–Topel" in reason for reason in table(adata, "skipped")["reason"]) == stacked


def test_seeds_threads_copies_and_order_of_cells(done):
    before = done.copy()
    again = ag.tl.argen_calibration(done, n_jobs=3, key_added="again", copy=True)
    assert_same(before, done)
    other = ag.tl.argen_calibration(done, rng=1, copy=True)
    for name in TABLES:
        assert_equal(table(done, name), table(again, name, key="again"), name)
    assert not table(done, "qq").equals(table(other, "qq"))
    generators = [table(ag.tl.argen_calibration(done, rng=np.random.default_rng(5), copy=True), "qq") for _ in range(2)]
    pd.testing.assert_frame_equal(*generators)
    shuffled = done[np.random.default_rng(0).permutation(done.n_obs)].copy()
    ag.tl.argen_calibration(shuffled, key_added="again")
    for name in TABLES:
        pd.testing.assert_frame_equal(table(done, name), table(shuffled, name, key="again"), rtol=1e-6)


@pytest.mark.parametrize("fmt", ["h5ad", "zarr"])
def test_files_keep_everything(done, fmt, tmp_path):
    getattr(done, f"write_{fmt}")(tmp_path / "x")
    again = getattr(ad, f"read_{fmt}")(tmp_path / "x")
    for name in TABLES:
        pd.testing.assert_frame_equal(table(done, name), table(again, name))
    ag.tl.argen_calibration(again)
    assert_equal(done.uns["argen_calibration"], again.uns["argen_calibration"], "uns")


@pytest.mark.parametrize(
    ("kwargs", "error", "word"),
    [
        ({"n_splits": 1}, InputError, "n_splits=1: give an integer of at least 2"),
        ({"n_splits": 2.5}, InputError, r"n_splits=2\.5"),
        ({"rng": -1}, InputError, "rng=-1"),
        ({"rng": "x"}, InputError, "rng='x'"),
        ({"n_jobs": 0}, InputError, "n_jobs=0"),
        ({"key": "nope"}, MissingResultError, "'nope'"),
        ({"key_added": "argen_dag"}, InputError, "overwrite"),
        ({"key_added": "argen_guides"}, InputError, "overwrite the guides"),
        ({"guides": "argen_dag"}, MissingResultError, "not a result of"),
    ],
)
def test_bad_input(done, kwargs, error, word):
    before = done.copy()
    with pytest.raises(error, match=word):
        ag.tl.argen_calibration(done, **kwargs)
    assert_same(before, done)


def test_stale_and_missing(done):
    with pytest.raises(StaleResultError):
        ag.tl.argen_calibration(done[:-5].copy())
    adata = done.copy()
    del adata.obsm["argen_guides"]
    before = adata.copy()
    with pytest.raises(InputError, match="missing or changed"):
        ag.tl.argen_calibration(adata)
    assert_same(before, adata)
    with pytest.raises(MissingResultError, match=r"Run ag.tl.argen_calibration first"):
        ag.get.calibration(screen())
    with pytest.raises(InputError, match="table='nope' is not one of 'summary'"):
        table(done, "nope")
