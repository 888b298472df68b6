"""Every artefact is seen by the check that it is for, a clean screen by none, and what can be cured is."""

import anndata as ad
import artefacts
import numpy as np
import pandas as pd
import pytest
from common import scores
from toy import KWARGS, assert_equal, toy

import argen as ag
from argen.errors import ArgenWarning, DesignError, InputError, MissingResultError

GUIDES = {"guides": "guide"}


def checked(case, seed=0, **changes):
    adata = artefacts.CASES[case](seed)
    ag.tl.argen_descendants(adata, **(artefacts.settings(case) | changes))
    ag.tl.argen_check(adata, **GUIDES)
    return adata


def finding(adata, check):
    table = ag.get.check(adata)
    return table[table["check"] == check].iloc[0]


@pytest.fixture(scope="module")
def composed():
    return checked("two perturbed genes carry 30 % of the UMIs")


@pytest.mark.parametrize(
    ("case", "check"),
    [
        ("two perturbed genes carry 30 % of the UMIs", "composition"),
        ("fixed reads per cell", "composition"),
        ("total of a panel", "composition"),
        ("total of a panel, all genes measured", "composition"),
        ("every targeting guide raises the same genes", "common response"),
        ("an active control guide", "common response"),
        ("an active control guide", "controls"),
        ("controls with unguided cells", "controls"),
        ("unbalanced batches with controls missing in some", "controls"),
        ("six perturbations raise one programme", "shared programme"),
        ("a batch is left out", "batch"),
        ("survivors", "survivors"),
        ("neighbours share the knock-down", "neighbours"),
        ("half the cells escape", "guides"),
        ("depth on a log scale", "depth scale"),
    ],
)
@pytest.mark.filterwarnings("ignore:.* without control cells .* and tell nothing")  # which the step says, too
def test_the_check_speaks(case, check):
    found = finding(checked(case), check)
    assert np.isfinite(found["strength"])
    assert found["what"]
    assert found["advice"].endswith(".")


@pytest.mark.slow
def test_power():
    """Over five further screens each: four fifths of them, with the errors of five."""
    for case, check in (
        ("fixed reads per cell", "composition"),
        ("every targeting guide raises the same genes", "common response"),
        ("six perturbations raise one programme", "shared programme"),
        ("a batch is left out", "batch"),
        ("survivors", "survivors"),
    ):
        seen = [check in set(ag.get.check(checked(case, seed))["check"]) for seed in range(1, 6)]
        assert np.mean(seen) >= 0.8, case


@pytest.mark.slow
def test_a_clean_screen_is_left_in_peace():
    """Each check speaks in at most 5 % of clean screens (four standard errors of 40), all its genes and guides seen."""
    found = []
    for seed in range(100, 140):
        # A depth that the perturbed genes are no part of: the total of 165 genes is composed of them, and shows it.
        found.append(set(ag.get.check(checked("clean", seed, depth="capture"))["check"]))
    for check in set().union(*found):
        assert np.mean([check in one for one in found]) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 40), check


def test_findings_name_what_they_are_about(composed):
    found = finding(composed, "composition")
    truth = composed.uns["argen_check"]["tables"]["perturbations"].set_index("perturbation")
    assert found["perturbations"].split(", ")[0] == truth["median_effect"].abs().idxmax()
    batch = finding(checked("a batch is left out"), "batch")
    assert "obs['batch']" in batch["what"]
    unguided = finding(checked("controls with unguided cells"), "controls")
    assert unguided["what"].startswith("200 control cells of 600")
    pairs = checked("neighbours share the knock-down").uns["argen_check"]["tables"]["neighbours"]
    assert pairs["distance"].le(100_000).all()


def test_the_descendant_step_runs_the_cheap_ones():
    adata = artefacts.CASES["a batch is left out"](0)
    with pytest.raises(MissingResultError):
        ag.get.check(adata)
    ag.tl.argen_descendants(adata, **artefacts.settings("a batch is left out"))
    quick = ag.get.check(adata)
    ag.tl.argen_check(adata, **GUIDES)
    full = ag.get.check(adata)
    assert "batch" in set(quick["check"])
    pd.testing.assert_frame_equal(full[full["check"].isin(quick["check"])].reset_index(drop=True), quick)
    with pytest.raises(InputError, match=r"one of 'findings', 'perturbations'"):
        ag.get.check(adata, table="nothing")
    del adata.uns["argen_check"]
    with pytest.raises(InputError, match=r"Run ag\.tl\.argen_check first"):
        ag.get.check(adata, table="genes")


def edges(adata, case, **options):
    found = adata.copy()
    ag.tl.argen_dag(found, **(artefacts.settings(case) | options))
    return set(map(tuple, np.argwhere(found.varp["argen_dag"].toarray() != 0).tolist())), found


def truth_of(adata):
    return set(map(tuple, np.argwhere(adata.varp["truth"].toarray() != 0).tolist()))


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        "fixed reads per cell",
        "total of a panel",
        "every targeting guide raises the same genes",
        "an active control guide",
    ],
)
def test_what_is_taken_out_makes_no_edges(case):
    """Three screens each: false edges fall to a third or less of what they were, no more than one true edge is lost."""
    before, after = [], []
    for seed in range(300, 303):
        adata = artefacts.CASES[case](seed)
        for options, counts in (({"adjust": None}, before), ({}, after)):
            found, _ = edges(adata, case, **options)
            counts.append((len(found - truth_of(adata)), len(found & truth_of(adata))))
    (false, true), (false_after, true_after) = (np.sum(counts, axis=0) for counts in (before, after))
    assert false >= 6
    assert false_after <= false / 3
    assert true_after >= true - 1


@pytest.mark.slow
def test_a_clean_network_stays_as_it_is():
    scored = []
    for seed in range(300, 304):
        adata = artefacts.CASES["clean"](seed)
        for options in ({"adjust": None, "depth": "capture"}, {"depth": "capture"}):
            found, _ = edges(adata, "clean", **options)
            scored.append(scores(found, truth_of(adata))["f1"])
    assert np.mean(scored[1::2]) >= np.mean(scored[::2]) - 0.02


@pytest.mark.slow
def test_depth_from_unaffected_genes():
    """The case of METHOD 14 has no false edge left, and no shift that would have to be taken out."""
    case = "two perturbed genes carry 30 % of the UMIs"
    false = 0
    for seed in range(300, 303):
        adata = artefacts.CASES[case](seed)
        found, step = edges(adata, case, depth="unaffected", adjust=None)
        false += len(found - truth_of(adata))
        genes = step.uns["argen_descendants"]["tables"]["depth_genes"]
        assert not set(genes) & set(adata.obs["perturbation"])
        shifts = ag.get.shifts(step, taken_out=False)
        assert shifts.loc[shifts["of"] == "perturbation", "shift"].abs().max() < 0.1
    assert false <= 1


def test_depth_from_unaffected_genes_is_read_again(composed, tmp_path):
    adata = composed.copy()
    kwargs = artefacts.settings("two perturbed genes carry 30 % of the UMIs") | {"depth": "unaffected"}
    ag.tl.argen_descendants(adata, **kwargs)
    adata.write_h5ad(tmp_path / "a.h5ad")
    again = ad.read_h5ad(tmp_path / "a.h5ad")
    ag.tl.argen_dag(again)
    ag.tl.argen_dag(adata)
    assert_equal(again.uns["argen_dag"]["tables"]["edges"], adata.uns["argen_dag"]["tables"]["edges"], "edges")
    few = artefacts.CASES["total of a panel"](0)
    with pytest.raises(DesignError, match=r"depth='unaffected' finds 0 genes .* rely on adjust='auto'"):
        ag.tl.argen_descendants(few, **kwargs)
    assert not few.uns
    gone = adata[:, ~adata.var_names.isin(adata.uns["argen_descendants"]["tables"]["depth_genes"][:3])].copy()
    with pytest.raises(Exception, match=r"genes that are not in this object any more"):
        ag.tl.argen_check(gone)
    own = composed.copy()
    own.obs["unaffected"] = own.obs["depth"]
    ag.tl.argen_descendants(own, **kwargs)
    assert "depth_genes" not in own.uns["argen_descendants"]["tables"]


def test_shifts_are_stored_and_used_again(composed, tmp_path):
    table = ag.get.shifts(composed)
    assert table["taken_out"].all()
    assert len(table) < len(ag.get.shifts(composed, taken_out=False))
    for fmt, read in (("h5ad", ad.read_h5ad), ("zarr", ad.read_zarr)):
        getattr(composed, f"write_{fmt}")(tmp_path / f"a.{fmt}")
        again = read(tmp_path / f"a.{fmt}")
        pd.testing.assert_frame_equal(ag.get.shifts(again), table)
        pd.testing.assert_frame_equal(ag.get.check(again), ag.get.check(composed))
        ag.tl.argen_dag(again)
        fresh = artefacts.CASES["two perturbed genes carry 30 % of the UMIs"](0)
        ag.tl.argen_dag(fresh, **artefacts.settings("two perturbed genes carry 30 % of the UMIs"))
        assert_equal(again.uns["argen_dag"]["tables"]["edges"], fresh.uns["argen_dag"]["tables"]["edges"], "edges")


def test_numbers_do_not_depend_on_threads_or_order(composed):
    case = "two perturbed genes carry 30 % of the UMIs"
    other = artefacts.CASES[case](0)
    order = np.random.default_rng(1).permutation(other.n_vars)
    other = other[:, order].copy()
    ag.tl.argen_descendants(other, **artefacts.settings(case), n_jobs=1)
    ag.tl.argen_check(other, **GUIDES, n_jobs=1)
    columns = ["check", "what", "perturbations"]
    pd.testing.assert_frame_equal(ag.get.check(other)[columns], ag.get.check(composed)[columns])
    first, second = (
        ag.get.shifts(adata).set_index(["of", "name"])["shift"].sort_index() for adata in (composed, other)
    )
    pd.testing.assert_series_equal(first, second, rtol=1e-9)


def test_covariates_that_hold_the_perturbation():
    """A score of the genes below a perturbed one takes away what the perturbation does; a technical one does not."""
    adata = artefacts.CASES["clean"](1)
    own = adata.X.toarray()[:, :15] / adata.obs["capture"].to_numpy()[:, None]
    rng = np.random.default_rng(0)
    kwargs = artefacts.settings("clean") | {"depth": "capture"}
    for j in range(15):
        adata.obs[f"score{j}"] = np.log1p(own[:, j])
    adata.obs["noise"] = rng.normal(size=adata.n_obs)
    for covariates, speaks in (([f"score{j}" for j in range(15)], True), (["batch", "noise"], False)):
        ag.tl.argen_descendants(adata, **(kwargs | {"covariates": covariates}))
        ag.tl.argen_check(adata, **GUIDES)
        assert ("covariates" in set(ag.get.check(adata)["check"])) is speaks


def test_positions(composed):
    adata = composed.copy()
    adata.var = adata.var.drop(columns=["chromosome", "start"], errors="ignore")
    ag.tl.argen_check(adata, **GUIDES)
    assert "neighbours" in set(ag.get.check(adata, table="not_checked")["check"])
    table = pd.DataFrame({"gene": adata.var_names, "chrom": "1", "start": 1000 * np.arange(adata.n_vars)})
    ag.tl.argen_check(adata, **GUIDES, positions=table, distance=1500)
    pairs = ag.get.check(adata, table="neighbours")
    assert (pairs["distance"] == 1000).all()
    assert len(pairs) == 29  # 15 perturbed genes come first, the very first has one neighbour
    for bad, message in (
        (table.drop(columns="start"), "needs a column with the chromosome"),
        (table.assign(gene="x"), "names none of the genes"),
        ({"a": 1}, "is a dict"),
    ):
        before = dict(adata.uns)
        with pytest.raises(InputError, match=message):
            ag.tl.argen_check(adata, positions=bad)
        assert adata.uns.keys() == before.keys()


def test_errors_and_copies(composed):
    adata = composed.copy()
    with pytest.raises(InputError, match="would overwrite the descendant step"):
        ag.tl.argen_check(adata, key_added="argen_descendants")
    with pytest.raises(InputError, match="guides='who'"):
        ag.tl.argen_check(adata, guides="who")
    with pytest.raises(MissingResultError, match="other"):
        ag.tl.argen_check(adata, descendants="other")
    with pytest.raises(InputError, match="adjust='all'"):
        ag.tl.argen_descendants(adata, **artefacts.settings("clean"), adjust="all")
    again = ag.tl.argen_check(adata, key_added="mine", copy=True)
    assert "mine" not in adata.uns
    assert len(ag.get.check(again, key="mine"))
    ag.tl.argen_descendants(adata, **artefacts.settings("clean"), adjust=None)
    with pytest.warns(ArgenWarning, match="another descendant step"):
        ag.get.check(adata)


def test_without_guides_it_says_so(composed):
    adata = composed.copy()
    ag.tl.argen_check(adata)
    table = ag.get.check(adata, table="not_checked")
    assert set(table["check"]) >= {"controls", "guides"}


def test_later_steps_take_that_depth(composed):
    """Knock-downs of guides with the depth that the step chose; without such a step the cure is named."""
    mdata = ag.datasets.simulate(genes=30, n_cells=3000, guides_per_target=2, guide_counts=True)
    ag.pp.argen_guides(mdata)
    adata = mdata["rna"]
    adata.X = adata.X * 5
    with pytest.raises(InputError, match=r"run that first"):
        ag.get.guides(adata, by="target", depth="unaffected")
    others = ad.AnnData(np.random.default_rng(0).poisson(4.0, (adata.n_obs, 40)).astype("float32"), obs=adata.obs)
    others.var_names = [f"other{i}" for i in range(40)]
    both = ad.concat([adata, others], axis=1, merge="same", uns_merge="same")
    both.uns["argen_guides"], both.obsm["argen_guides"] = adata.uns["argen_guides"], adata.obsm["argen_guides"]
    ag.tl.argen_descendants(both, depth="unaffected", adjust=None)
    genes = both.uns["argen_descendants"]["tables"]["depth_genes"]
    assert set(genes) <= set(others.var_names)
    table = ag.get.guides(both, by="target").set_index("target")
    step = ag.get.perturbations(both).set_index("perturbation")
    np.testing.assert_allclose(table.loc[step.index, "effect"], step["effect"], rtol=1e-5)


def test_cells_without_controls_are_counted():
    adata = artefacts.CASES["unbalanced batches with controls missing in some"](0)
    words = (
        r"^537 of 1222 perturbed cells are in levels of 'batch' without control cells \('b5', 'b6'\) and tell nothing"
    )
    with pytest.warns(ArgenWarning, match=words):
        ag.tl.argen_descendants(adata, **artefacts.settings("clean"))
    table = ag.get.perturbations(adata).set_index("perturbation")
    assert (table["n_cells"] - table["n_supported"]).sum() == 537
    obs = adata.obs.astype({"batch": str, "perturbation": str})
    with_controls = set(obs.loc[obs["perturbation"] == "control", "batch"])
    supported = obs[obs["batch"].isin(with_controls)].groupby("perturbation").size()
    assert (table["n_supported"] == supported.reindex(table.index)).all()
    assert (table["n_supported"] < table["n_cells"]).any()


def test_of_many_genes_those_with_most_counts():
    """The step reads no more genes than it needs, and the same ones in any order of the columns."""
    from argen._bridge.measured import read_measured
    from argen._bridge.settings import DescendantSettings

    adata = artefacts.CASES["clean"](0)
    settings = DescendantSettings.read(artefacts.settings("clean"))
    total = pd.Series(np.asarray(adata.X.sum(axis=0)).ravel(), adata.var_names)
    perturbed = set(adata.obs["perturbation"]) - {"control"}
    for some in (adata, adata[:, ::-1].copy()):
        genes = set(read_measured(some, settings, most=40).screen.genes)
        assert len(genes) == 40
        assert perturbed <= genes
        assert total[[*(genes - perturbed)]].min() >= total[[*(set(total.index) - genes)]].max()
    assert read_measured(adata, settings, most=3).screen.n_genes == 15
    assert read_measured(adata, settings).screen.n_genes == (total >= 20).sum()


@pytest.mark.parametrize("case", ["pathway", "regulator"])
def test_true_effects_that_look_like_shifts_stay(case):
    """Most perturbations in one pathway, and a regulator of four fifths of the genes: the very edges of adjust=None."""
    import adjusted

    if case == "pathway":
        adata = adjusted.pathway(8, 3, 0)
    else:
        dag = pd.DataFrame([("M", f"T{j}", -0.4) for j in range(32)], columns=["parent", "child", "coef"])
        genes = ["M", "X", *(f"T{j}" for j in range(40))]
        how = {"cells_per_perturbation": 200, "n_controls": 600, "intercept": 1.0, "knockdown": -1.2, "noise_sd": 0.3}
        adata = ag.datasets.simulate(rng=0, dag=dag, genes=genes, perturbations=["M", "X", "T0", "T2", "T4"], **how)
    kwargs = {"perturbation_key": "perturbation", "depth": "depth"}
    ag.tl.argen_dag(adata, **kwargs)
    assert ag.get.shifts(adata).empty
    truth = adata.varp["truth"].toarray() != 0
    perturbed = adata.var_names.isin(adata.obs["perturbation"])
    found = adata.varp["argen_dag"].toarray() != 0
    assert (found & truth).sum() == (truth & np.outer(perturbed, perturbed)).sum()
    assert not (found & ~truth).any()


def test_batches_in_any_type_are_seen(composed):
    """Codes as integers or floats, with gaps, and a column that is the same in all cells of each perturbation."""
    adata = composed.copy()
    rng = np.random.default_rng(0)
    label = adata.obs["perturbation"].astype(str).to_numpy()
    some = np.isin(label, ["G01", "G02", "G03", "G04", "G05", "G06"])
    codes = rng.random(adata.n_obs) < np.where(some, 0.8, 0.3)
    adata.obs["as_int"], adata.obs["as_float"] = codes.astype(int), codes.astype(float)
    adata.obs.loc[adata.obs_names[:5], "as_float"] = np.nan
    adata.obs["confounded"] = some.astype(int)
    adata.obs["measured"] = rng.normal(size=adata.n_obs)
    adata.obs["lists"] = [[1, 2]] * adata.n_obs
    adata.obs["even"] = rng.integers(0, 3, adata.n_obs)
    ag.tl.argen_check(adata, **GUIDES)
    table = ag.get.check(adata, table="columns").set_index("column")
    assert {"as_int", "as_float", "confounded", "even"} <= set(table.index)
    assert not {"measured", "lists", "guide", "perturbation"} & set(table.index)
    assert table["confounded"].to_dict()["confounded"]
    assert not table.loc["as_int", "confounded"]
    found = ag.get.check(adata)
    what = " ".join(found.loc[found["check"] == "batch", "what"])
    assert "confounded with the 2 levels of obs['confounded']" in what
    assert "unbalanced over the 2 levels of obs['as_int']" in what
    assert "obs['even']" not in what


def test_shares_are_those_of_the_whole_matrix():
    """However few genes are read, the perturbed ones carry the same share of the counts of the control cells."""
    from argen._bridge.checks.effects import check_shares
    from argen._bridge.measured import read_measured
    from argen._bridge.settings import DescendantSettings
    from argen._core.measured.sums import measured_sums

    adata = artefacts.CASES["fixed reads per cell"](0)
    settings = DescendantSettings.read(artefacts.settings("fixed reads per cell"))
    controls = adata.X[(adata.obs["perturbation"] == "control").to_numpy()].toarray()
    perturbed = adata.var_names.isin(adata.obs["perturbation"])
    for most in (None, 20):
        measured = read_measured(adata, settings, most=most)
        total = np.asarray(adata.X.sum(axis=1)).ravel()
        (found,) = check_shares(measured, measured_sums(measured.screen), total)
        assert found.strength == pytest.approx(controls[:, perturbed].sum() / controls.sum())


def test_depth_of_unaffected_genes_beside_numeric_covariates():
    """The comparison without the covariates has the same depth."""
    adata = toy(n_others=60)
    ag.tl.argen_descendants(adata, **KWARGS, depth="unaffected")
    ag.tl.argen_check(adata)
    assert "covariates" not in set(ag.get.check(adata)["check"])
