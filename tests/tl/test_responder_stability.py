"""Stability of the edges to responders, as a user sees it."""

import io

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import responder_screens
from toy import KWARGS, assert_equal, assert_same, toy

import argen as ag
from argen._bridge.diagnostics import responder_stability
from argen.errors import ArgenWarning, InputError, MissingResultError, StaleResultError

COLUMNS = ["source", "target", "selected", "stability", "candidate_frequency", "ci_low", "ci_high"]
PAIR = ["source", "target"]


def stable(adata, **options):
    table = ag.get.stability(adata, responders=True, **options)
    return table[table["kind"] == "responder"].reset_index(drop=True)[COLUMNS]


def log_of(run):
    """What a call writes into the log."""
    from scanpy import settings

    before, stream = settings.logfile, io.StringIO()
    settings.logfile = stream
    try:
        run()
    finally:
        settings.logfile = before
    return stream.getvalue()


@pytest.fixture(scope="module")
def done():
    adata = responder_screens.analysed().copy()
    ag.tl.argen_stability(adata, n_draws=30, responders=True)
    return adata


@pytest.fixture
def simulated():
    return responder_screens.simulated().copy()


def test_table(done):
    assert list(done.uns["argen_stability"]["tables"]["responders"]) == COLUMNS
    both = ag.get.stability(done, responders=True, selected=False)
    network = both[both["kind"] == "network"].drop(columns="kind")
    assert_equal(network, ag.get.stability(done, selected=False), "network")
    table, edges = stable(done, selected=False), ag.get.responders(done, selected=False)
    edges = edges[edges["tested"]].set_index(PAIR)
    of_candidates = table.set_index(PAIR).loc[edges.index]
    pd.testing.assert_series_equal(of_candidates["selected"], edges["selected"])
    assert ((of_candidates["ci_low"] < edges["coef"]) & (edges["coef"] < of_candidates["ci_high"])).all()
    others = table.set_index(PAIR).drop(edges.index)
    assert (others["stability"] > 0).all()
    assert others[["ci_low", "ci_high"]].isna().all(axis=None)
    assert (table["stability"] <= table["candidate_frequency"]).all()
    np.testing.assert_allclose(table["stability"] * 30, np.round(table["stability"] * 30), atol=1e-9)
    assert stable(done)["selected"].all()


def test_no_number_of_the_network_depends_on_it(done):
    without = done.copy()
    ag.tl.argen_stability(without, n_draws=30)
    assert_equal(
        done.uns["argen_stability"]["tables"]["edges"], without.uns["argen_stability"]["tables"]["edges"], "edges"
    )
    assert set(without.uns["argen_stability"]["tables"]) == {"edges"}
    assert "responders" not in without.uns["argen_stability"]["settings"]
    with pytest.raises(MissingResultError, match=r"no edges to responders\. Run ag\.tl\.argen_stability\(responders"):
        ag.get.stability(without, responders=True)


@pytest.mark.parametrize("covariance", ["murphy-topel", "naive"])
@pytest.mark.parametrize("first_stage", ["ancestors", "shared", "shrunk"])
def test_draws_that_move_nothing_are_the_stored_result(simulated, first_stage, covariance, monkeypatch):
    """With z-scores as they are: candidates, selection and coefficients of the result."""
    adata = simulated
    ag.tl.argen_dag(adata, covariance=covariance)
    ag.tl.argen_responders(adata, first_stage=first_stage)
    draw = responder_stability.draw_responders
    monkeypatch.setattr(responder_stability, "fill_moves", lambda *_: None)
    monkeypatch.setattr(responder_stability, "draw_responders", lambda *args, **how: draw(*args, **how, scale=1.0))
    ag.tl.argen_stability(adata, n_draws=2, responders=True)
    edges = ag.get.responders(adata, selected=False)
    edges = edges[edges["tested"]].sort_values(PAIR)
    table = stable(adata, selected=False).sort_values(PAIR)
    assert edges["selected"].sum() > 20
    assert table[PAIR].to_numpy().tolist() == edges[PAIR].to_numpy().tolist()
    assert (table["stability"].to_numpy() == edges["selected"].to_numpy()).all()
    assert (table["candidate_frequency"] == 1).all()
    np.testing.assert_allclose(table["ci_low"], edges["coef"])
    np.testing.assert_allclose(table["ci_high"], edges["coef"])


def test_perturbations_that_are_no_nodes_are_in_the_family(monkeypatch):
    """Without a measured A the family holds its effects on B and C, and the same is found."""
    adata = toy(n_others=responder_screens.N_OTHERS)
    adata.obs["gene"] = adata.obs["gene"].where(adata.obs["gene"] != "D", "unassigned")
    adata = adata[:, adata.var_names != "A"].copy()
    with pytest.warns(ag.errors.ArgenWarning, match="not measured: A"):
        ag.tl.argen_dag(adata, **KWARGS, depth="depth")
    ag.tl.argen_responders(adata)
    draw = responder_stability.draw_responders
    monkeypatch.setattr(responder_stability, "fill_moves", lambda *_: None)
    monkeypatch.setattr(responder_stability, "draw_responders", lambda *args, **how: draw(*args, **how, scale=1.0))
    ag.tl.argen_stability(adata, n_draws=2, responders=True)
    edges = ag.get.responders(adata, selected=False).query("tested")
    table = stable(adata, selected=False)
    assert len(table) == len(edges) > 0
    assert table["stability"].sum() == edges["selected"].sum() > 0


def test_nulls_come_back_rarely_and_strong_edges_nearly_always(simulated):
    """A null is found by fresh data in .05 of the discoveries; a strong edge has z far beyond the noise of a draw."""
    adata = simulated
    ag.tl.argen_stability(adata, n_draws=60, responders=True)
    table = stable(adata, selected=False)
    truth, nodes = adata.varm["truth"].toarray(), adata.var_names[adata.var["perturbed"]]
    at = adata.var_names.get_indexer(table["target"]), nodes.get_indexer(table["source"])
    is_true = truth[at] != 0
    n_null = int((truth[~adata.var["perturbed"]] == 0).sum())
    # Fresh data of this kind find .1 × .05 of the nulls at most; an error of three standard errors over pairs.
    assert table.loc[~is_true, "stability"].sum() / n_null < 0.015
    strong = table.merge(ag.get.responders(adata)[[*PAIR, "z"]], on=PAIR).query("abs(z) > 6")
    assert len(strong) > 20
    assert strong["stability"].mean() > 0.95
    assert table.loc[is_true & table["selected"], "stability"].mean() > 0.6


@pytest.mark.parametrize(
    "options", [{"covariance": "stacked", "edges_hc": "HC3"}, {"family": "negative_binomial"}], ids=str
)
def test_whatever_the_options(options):
    adata = responder_screens.analysed().copy()
    ag.tl.argen_descendants(adata, **KWARGS, family=options.pop("family", "poisson"))
    ag.tl.argen_dag(adata, **options)
    ag.tl.argen_responders(adata)
    ag.tl.argen_stability(adata, n_draws=10, responders="argen_responders")
    assert stable(adata)["stability"].max() > 0.8


def test_threads_blocks_and_order_of_genes_change_nothing(done, monkeypatch):
    from argen._bridge.responders import blocks

    monkeypatch.setattr(blocks, "GENES_PER_BLOCK", 7)
    again = ag.tl.argen_stability(done, n_draws=30, responders=True, n_jobs=2, copy=True)
    assert_equal(stable(again, selected=False), stable(done, selected=False), "table")
    shuffled = done[:, np.random.default_rng(0).permutation(done.n_vars)].copy()
    ag.tl.argen_responders(shuffled)
    ag.tl.argen_stability(shuffled, n_draws=30, responders=True)
    pd.testing.assert_frame_equal(stable(shuffled, selected=False), stable(done, selected=False))


@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_files_keep_everything(done, kind, tmp_path):
    getattr(done, f"write_{kind}")(tmp_path / "x")
    again = getattr(ad, f"read_{kind}")(tmp_path / "x")
    pd.testing.assert_frame_equal(stable(again, selected=False), stable(done, selected=False))
    ag.tl.argen_stability(again, n_draws=30, responders=True)
    assert_equal(done.uns["argen_stability"], again.uns["argen_stability"], "uns")


def test_what_does_not_fit_is_said_before_the_work(done, monkeypatch):
    n_responders = len(done.uns["argen_responders"]["tables"]["genes"])
    size = 3 * (3 + n_responders)  # moves of one draw
    monkeypatch.setattr(responder_stability, "MOST_MOVES", 40 * size)
    before = done.copy()
    fit = 40 * size // (3 * 50) - 3
    words = rf"50 draws of {n_responders} responders .* fits: n_draws=40, or {fit} responders \(responders="
    with pytest.raises(InputError, match=words):
        ag.tl.argen_stability(done, n_draws=50, responders=True)
    assert_same(before, done)
    ag.tl.argen_stability(done.copy(), n_draws=40, responders=True)
    monkeypatch.setattr(responder_stability, "MOST_MOVES", 10)
    with pytest.raises(InputError, match="What fits: nothing of this size"):
        ag.tl.argen_stability(done, n_draws=50, responders=True)


def test_results_that_cannot_be_used():
    adata = responder_screens.analysed().copy()
    ag.tl.argen_joint(adata)
    ag.tl.argen_responders(adata, network="argen_joint", key_added="of_joint")
    before = adata.copy()
    with pytest.raises(InputError, match="was made from a joint network, which has no equations"):
        ag.tl.argen_stability(adata, responders="of_joint")
    with pytest.raises(InputError, match="responders=None: give True, False"):
        ag.tl.argen_stability(adata, responders=None)
    assert_same(before, adata)
    ag.tl.argen_responders(adata, responders=["D", "other1"], key_added="few")  # replaces the total effects
    with pytest.raises(StaleResultError, match=r"total effects on other genes.*Run ag\.tl\.argen_responders"):
        ag.tl.argen_stability(adata, responders="argen_responders")
    ag.tl.argen_stability(adata, n_draws=5, responders="few")
    assert set(stable(adata, selected=False)["target"]) <= {"D", "other1"}


def test_without_candidates_the_table_is_empty():
    adata = responder_screens.analysed().copy()
    ag.tl.argen_descendants(adata, **KWARGS, alpha=1e-200)
    ag.tl.argen_dag(adata)
    ag.tl.argen_responders(adata)
    ag.tl.argen_stability(adata, n_draws=5, responders=True)
    assert list(stable(adata, selected=False)) == COLUMNS
    assert len(stable(adata)) == 0


def test_it_names_the_result_that_it_was_made_from(done):
    made, network = done.uns["argen_stability"]["made_from"], done.uns["argen_dag"]
    of_network = {**network["made_from"], "network": network["id"]}
    assert made == {**of_network, "responders": done.uns["argen_responders"]["id"]}
    without = ag.tl.argen_stability(done, n_draws=5, copy=True)
    assert without.uns["argen_stability"]["made_from"] == of_network
    assert set(without.uns["argen_stability"]["settings"]) == {"key", "n_draws", "seed"}


def test_reading_what_is_of_an_older_result_warns(done):
    adata = done.copy()
    ag.tl.argen_responders(adata, key_added="other")
    assert adata.uns["other"]["id"] == adata.uns["argen_responders"]["id"]
    del adata.uns["argen_responders"]
    stable(adata)  # what it was made from is there under another name
    del adata.uns["other"]
    words = r"for responders that is gone or was replaced \(adata\.uns\['argen_responders'\]\): "
    with pytest.warns(
        ArgenWarning, match=words + r"run ag\.tl\.argen_stability\(responders='argen_responders'\) again"
    ):
        stable(adata)
    ag.get.stability(adata)  # edges of the network hang on no result for responders
    del adata.varm["argen_responders"]
    ag.tl.argen_responders(adata, alpha=1e-12)
    with pytest.warns(ArgenWarning, match=words):
        stable(adata)
    ag.tl.argen_stability(adata, n_draws=5, responders=True)
    stable(adata)
    ag.tl.argen_dag(adata, alpha=1e-9)
    ag.tl.argen_responders(adata)
    with pytest.warns(ArgenWarning, match="from an older network") as record:
        stable(adata)
    assert len(record) == 1


def test_the_cure_names_a_network_of_another_name(done):
    adata = done.copy()
    ag.tl.argen_dag(adata, key_added="mine")
    ag.tl.argen_responders(adata, network="mine", key_added="leaves")
    ag.tl.argen_stability(adata, key="mine", n_draws=5, responders="leaves", key_added="draws")
    del adata.uns["leaves"], adata.uns["argen_responders"]
    with pytest.warns(ArgenWarning, match=r"run ag\.tl\.argen_stability\(key='mine', responders='leaves'\) again"):
        stable(adata, key="draws")


@pytest.mark.parametrize("responders", ["argen_responders", "nonsense", None, 1])
def test_the_table_takes_no_names(done, responders):
    with pytest.raises(InputError, match=rf"responders={responders!r} is not one of True, False"):
        ag.get.stability(done, responders=responders)


def test_replacing_a_result_names_what_was_made_from_it(done):
    adata = done.copy()
    ag.tl.argen_stability(adata, n_draws=5, key_added="without")
    ag.tl.argen_calibration(adata, n_splits=2, responders=True)
    replaced = "made from the result that is replaced now"
    assert replaced not in log_of(lambda: ag.tl.argen_responders(adata, alpha=0.01, key_added="other"))
    assert replaced not in log_of(lambda: ag.tl.argen_responders(adata))  # by the same
    text = log_of(lambda: ag.tl.argen_responders(adata, alpha=1e-12))
    assert f"{replaced}, run them again: argen_stability, argen_calibration (adata.uns)" in text
    ag.tl.argen_stability(adata, n_draws=5, responders=True)
    text = log_of(lambda: ag.tl.argen_responders(adata, alpha=1e-12))
    assert f"{replaced}, run them again: argen_calibration (adata.uns)" in text


@pytest.mark.slow
def test_without_the_scale_frequencies_are_those_of_the_bootstrap_over_cells(monkeypatch):
    """Cells drawn with replacement, and network, total effects and responders made again."""
    adata = ag.datasets.simulate(
        genes=6, responders=20, n_controls=600, cells_per_perturbation=80, intercept=(0.0, 1.5), rng=21,
        edge_effect=(0.2, 0.6), knockdown=(-1.5, -0.8),
    )  # fmt: skip

    def edges_of(data):
        ag.tl.argen_dag(data, perturbation_key="perturbation", depth="depth")
        ag.tl.argen_responders(data, robust=False)
        return list(zip(*ag.get.responders(data)[PAIR].to_numpy().T, strict=True))

    names, rng, n = adata.var_names, np.random.default_rng(0), 60
    is_node = adata.var["perturbed"].to_numpy(dtype=bool)
    counts = pd.Series(0.0, pd.MultiIndex.from_product([names[is_node], names[~is_node]]))
    plain = ad.AnnData(adata.X, obs=adata.obs, var=adata.var)
    for _ in range(n):
        cells = rng.integers(0, adata.n_obs, adata.n_obs)
        again = ad.AnnData(plain.X[cells], obs=plain.obs.iloc[cells].reset_index(drop=True).rename(index=str))
        again.var_names = names
        for pair in edges_of(again):
            counts[pair] += 1
    edges_of(adata)
    draw = responder_stability.draw_responders
    monkeypatch.setattr(responder_stability, "draw_responders", lambda *args, **how: draw(*args, **how, scale=1.0))
    ag.tl.argen_stability(adata, n_draws=200, responders=True)
    drawn = stable(adata, selected=False).set_index(PAIR)["stability"].reindex(counts.index).fillna(0.0)
    bootstrap = counts / n
    assert np.corrcoef(drawn, bootstrap)[0, 1] > 0.97
    error = np.sqrt(np.clip(drawn * (1 - drawn) / 200 + bootstrap * (1 - bootstrap) / n, 1e-3, None))
    assert np.square((drawn - bootstrap) / error).mean() < 1.5
    assert drawn.sum() == pytest.approx(bootstrap.sum(), rel=0.15)
