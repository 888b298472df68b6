"""Placebo edges to responders, as a user sees them."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import responder_screens
from toy import KWARGS, assert_equal, assert_same

import argen as ag
from argen._bridge.diagnostics import responder_calibration
from argen.errors import ArgenWarning, InputError, MissingResultError, StaleResultError

TABLES = ("summary", "pseudo_perturbations", "equations", "qq", "positive_controls", "skipped")


@pytest.fixture(scope="module")
def done():
    adata = responder_screens.analysed().copy()
    ag.tl.argen_calibration(adata, responders=True, n_splits=10)
    return adata


@pytest.fixture
def simulated():
    return responder_screens.simulated().copy()


def table(adata, name="summary", **options):
    return ag.get.calibration(adata, table=name, **options)


def test_numbers_follow_from_each_other(done):
    summary, edges = table(done).set_index("nulls"), ag.get.responders(done, selected=False)
    assert list(summary.index) == ["splits", "edges", "responders"]
    row, tested = summary.loc["responders"], edges[edges["tested"]]
    assert (row["n_pseudo"], row["n_tests"]) == (10, 10 * len(tested))
    assert (row["n_real"], row["n_discoveries"]) == (len(tested), tested["selected"].sum())
    assert row["level"] == pytest.approx(tested["threshold"].iloc[0])
    assert row["expected_false"] == pytest.approx(row["rate_level"] * row["n_real"])
    equations = table(done, "equations")
    own = equations[equations["kind"] == "responder"]
    assert set(own["target"]) == set(tested["target"])
    assert own["n_tests"].sum() == row["n_tests"]
    assert own["n_below_threshold"].sum() == pytest.approx(row["rate_level"] * row["n_tests"])
    n_candidates = tested["target"].astype(str).value_counts()
    assert own["n_candidates"].tolist() == n_candidates[own["target"].astype(str)].tolist()
    sizes = ag.get.perturbations(done).set_index("perturbation")["n_cells"]
    for equation in own.itertuples():  # what is adjusted for is replaced, too
        inside = edges.loc[edges["target"] == equation.target, "source"]
        assert equation.size_factor == pytest.approx(min(1.0, 100 / sizes[inside].sum()))
    qq = table(done, "qq")
    assert (qq["nulls"] == "responders").sum() == row["n_tests"]


def test_no_other_number_depends_on_it(done):
    without = done.copy()
    ag.tl.argen_calibration(without, n_splits=10)
    assert table(without)["nulls"].cat.categories.tolist() == ["guides", "splits", "edges"]
    assert "responders" not in without.uns["argen_calibration"]["settings"]
    for name in ("summary", "qq"):
        part = table(done, name).query("nulls != 'responders'")
        assert_equal(part.assign(nulls=part["nulls"].astype(str)), table(without, name).astype({"nulls": str}), name)
    network = table(done, "equations").query("kind == 'network'").drop(columns="kind")
    assert_equal(network.astype({"target": str}), table(without, "equations").astype({"target": str}), "equations")
    for name in ("pseudo_perturbations", "positive_controls"):
        assert_equal(table(done, name), table(without, name), name)


def test_a_responder_whose_group_is_known_has_uniform_p_values(simulated):
    """Within three standard errors over splits, which the tests of one split are not independent in."""
    adata = simulated
    ag.tl.argen_calibration(adata, responders=True, n_splits=60)
    row = table(adata).set_index("nulls").loc["responders"]
    assert row["n_tests"] > 3000
    for level in ("05", "01"):
        rate, se = row[f"rate_{level}"], row[f"rate_{level}_se"]
        assert rate == pytest.approx(float(f"0.{level}"), abs=3 * se + 0.005)
    assert row["inflation"] == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize(
    "options",
    [{"covariance": "stacked", "edges_hc": "HC3"}, {"family": "negative_binomial", "covariance": "naive"}],
    ids=str,
)
@pytest.mark.parametrize("first_stage", ["ancestors", "shared", "shrunk"])
def test_whatever_the_options(options, first_stage):
    adata = responder_screens.analysed().copy()
    ag.tl.argen_descendants(adata, **KWARGS, family=options.get("family", "poisson"))
    ag.tl.argen_dag(adata, **{name: value for name, value in options.items() if name != "family"})
    ag.tl.argen_responders(adata, first_stage=first_stage)
    ag.tl.argen_calibration(adata, responders=True, n_splits=4)
    assert np.isfinite(table(adata).set_index("nulls").loc["responders", "rate_05"])
    what = table(adata, "skipped")["what"].tolist()
    assert ("edges to responders" in what) == (options["covariance"] == "stacked")


def test_many_equations_are_sampled(simulated, monkeypatch):
    monkeypatch.setattr(responder_calibration, "MOST_EQUATIONS", 7)

    def drawn(adata, rng):
        ag.tl.argen_calibration(adata, responders=True, n_splits=2, rng=rng)
        skipped = table(adata, "skipped").set_index("what")
        return table(adata, "equations").query("kind == 'responder'")["target"].tolist(), skipped

    adata = simulated
    n = ag.get.responders(adata, selected=False).query("tested")["target"].nunique()
    chosen, skipped = drawn(adata, 0)
    assert len(chosen) == 7
    assert skipped.loc["equations of responders", "n"] == n - 7
    assert skipped.loc["equations of responders", "reason"] == f"left out: 7 of {n} were drawn at random"
    assert table(adata).set_index("nulls").loc["responders", "n_real"] > 7  # that of the whole analysis
    assert drawn(adata, 0)[0] == chosen
    assert drawn(adata, 1)[0] != chosen
    shuffled = adata[:, np.random.default_rng(0).permutation(adata.n_vars)].copy()
    ag.tl.argen_responders(shuffled)
    assert set(drawn(shuffled, 0)[0]) == set(chosen)


def test_threads_and_blocks_change_nothing(done, monkeypatch):
    from argen._bridge.responders import blocks

    monkeypatch.setattr(blocks, "GENES_PER_BLOCK", 1)
    again = ag.tl.argen_calibration(done, responders="argen_responders", n_splits=10, n_jobs=2, copy=True)
    for name in TABLES:
        assert_equal(table(done, name), table(again, name), name)


@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_files_keep_everything(done, kind, tmp_path):
    getattr(done, f"write_{kind}")(tmp_path / "x")
    again = getattr(ad, f"read_{kind}")(tmp_path / "x")
    for name in TABLES:
        pd.testing.assert_frame_equal(table(done, name), table(again, name))
    ag.tl.argen_calibration(again, responders=True, n_splits=10)
    assert_equal(done.uns["argen_calibration"], again.uns["argen_calibration"], "uns")


def test_results_that_cannot_be_used():
    adata = responder_screens.analysed().copy()
    ag.tl.argen_joint(adata)
    ag.tl.argen_responders(adata, network="argen_joint", key_added="of_joint")
    ag.tl.argen_dag(adata, alpha=1e-9, key_added="other")
    before = adata.copy()
    cure = (
        r"joint network, which has no equations.*Run ag\.tl\.argen_responders\(network='argen_dag', key_added=\.\.\.\)"
    )
    with pytest.raises(InputError, match=cure):
        ag.tl.argen_calibration(adata, responders="of_joint")
    with pytest.raises(StaleResultError, match=r"was not made from the network in adata\.uns\['other'\]"):
        ag.tl.argen_calibration(adata, key="other", responders=True)
    with pytest.raises(MissingResultError, match="nowhere"):
        ag.tl.argen_calibration(adata, responders="nowhere")
    with pytest.raises(InputError, match="responders=3: give True, False, or the name"):
        ag.tl.argen_calibration(adata, responders=3)
    assert_same(before, adata)
    del adata.uns["argen_responders"]
    with pytest.raises(MissingResultError, match=r"ag\.tl\.argen_responders"):
        ag.tl.argen_calibration(adata, responders=True)


def test_it_names_the_result_that_it_was_made_from(done):
    made, network = done.uns["argen_calibration"]["made_from"], done.uns["argen_dag"]
    of_network = {**network["made_from"], "network": network["id"]}
    assert made == {**of_network, "responders": done.uns["argen_responders"]["id"]}
    without = ag.tl.argen_calibration(done, n_splits=2, copy=True)
    assert without.uns["argen_calibration"]["made_from"] == of_network


def test_reading_what_is_of_an_older_result_warns(done):
    adata = done.copy()
    ag.tl.argen_responders(adata, alpha=1e-12)
    words = (
        r"'argen_calibration'\] was made from a result for responders that is gone or was replaced "
        r"\(adata\.uns\['argen_responders'\]\): run ag\.tl\.argen_calibration\(responders='argen_responders'\) again"
    )
    for name in ("summary", "equations", "qq", "skipped"):
        with pytest.warns(ArgenWarning, match=words):
            table(adata, name)
    for name in ("pseudo_perturbations", "positive_controls"):  # nothing in them is of responders
        table(adata, name)
    with pytest.warns(ArgenWarning, match=words):
        ag.pl.argen_calibration(adata, show=False)
    del adata.uns["argen_responders"]
    with pytest.warns(ArgenWarning, match=words):
        table(adata)
    ag.tl.argen_calibration(adata, n_splits=2)
    table(adata)
    ag.pl.argen_calibration(adata, show=False)


def test_without_candidates_there_is_a_note():
    adata = responder_screens.analysed().copy()
    ag.tl.argen_descendants(adata, **KWARGS, alpha=1e-200)
    ag.tl.argen_dag(adata)
    ag.tl.argen_responders(adata)
    ag.tl.argen_calibration(adata, responders=True, n_splits=2)
    assert table(adata).set_index("nulls").loc["responders", "n_tests"] == 0
    assert "no responder has a candidate edge, hence no equation to test" in table(adata, "skipped")["reason"].tolist()
