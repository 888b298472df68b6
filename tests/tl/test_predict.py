"""`tl.argen_predict`: numbers against refits without cells, posterior draws, coverage; and what it refuses."""

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import argen as ag
from argen._bridge.gene_names import gene_names
from argen._bridge.prediction.given import read_given
from argen._bridge.prediction.network import read_network
from argen._bridge.prediction.uncertainty import Estimates
from argen._bridge.results.searched import open_network
from argen._core.predict.delta import influence_of_predictions
from argen._core.predict.effects import predicted_effects
from argen.errors import ArgenWarning, InputError, MissingResultError, StaleResultError

DATA = {"perturbation_key": "perturbation", "depth": "depth", "n_jobs": 1}
GENES = ["A", "B", "C", "D"]
DIAMOND = pd.DataFrame(
    {"source": ["A", "B", "C", "A"], "target": ["B", "C", "D", "C"], "weight": [0.8, 0.7, -0.8, 0.5]}
)


def simulated(rng: int = 0, dag=DIAMOND, genes=GENES, **kwargs):
    """A → B → C → D and A → C, with strong knock-downs and effects."""
    sizes = {"n_controls": 400, "cells_per_perturbation": 120, "intercept": 1.8, "knockdown": -1.3, "noise_sd": 0.3}
    return ag.datasets.simulate(dag=dag, genes=genes, rng=rng, **sizes | kwargs)


@pytest.fixture(scope="module")
def screen():
    """The same with results."""
    adata = simulated()
    ag.tl.argen_dag(adata, **DATA)
    return adata


def predicted(adata, *args, **kwargs) -> pd.DataFrame:
    """Genes of a prediction, by name."""
    result = ag.tl.argen_predict(adata, *args, **kwargs, copy=True)
    return ag.get.prediction(result).set_index("gene")


def test_the_effect_is_that_of_the_matrix(screen):
    edges = ag.get.edges(screen)
    theta = pd.DataFrame(0.0, GENES, GENES)
    for edge in edges.itertuples():
        theta.loc[edge.source, edge.target] = edge.coef
    knock_down = ag.get.perturbations(screen).set_index("perturbation")["effect"]
    shift = pd.Series(0.0, GENES)
    shift["A"], shift["C"] = np.log(0.3), knock_down["C"]
    expected = shift.to_numpy() @ np.linalg.inv(np.eye(4) - theta.to_numpy())
    found = predicted(screen, {"A": 0.3, "C": "observed"}, intervals=False)
    np.testing.assert_allclose(found.loc[GENES, "effect"], expected, atol=1e-12)
    np.testing.assert_allclose(found["fold"], np.exp(found["effect"]))
    assert found["se"].isna().all()
    pairs = ag.get.pairs(screen).set_index(["source", "target"])["effect"]
    scale = np.log(0.3) / knock_down["A"]
    assert found.loc["D", "observed"] == pytest.approx(scale * pairs["A", "D"] + pairs["C", "D"])
    assert found.loc["A", "observed"] == pytest.approx(np.log(0.3) + pairs["C", "A"])


def test_the_knock_down_has_the_error_of_its_own_regression():
    """Batches that controls hardly have: the regression on all cells would be less variable than what is reported."""
    dag = pd.DataFrame({"source": ["A"], "target": ["B"], "weight": [0.8]})
    adata = simulated(5, dag, ["A", "B", "C", "D", "E"], n_controls=120, cells_per_perturbation=60)
    rng, is_control = np.random.default_rng(0), (adata.obs["perturbation"] == "control").to_numpy()
    assert is_control.sum() == 120
    adata.obs["batch"] = np.where(rng.random(adata.n_obs) < np.where(is_control, 0.1, 0.9), "x", "y")
    for pooled in (False, True):
        part = adata.copy()
        ag.tl.argen_dag(part, **DATA, covariates=["batch"], hc="HC3", pooled=pooled)
        found = predicted(part, ["A"]).loc["A"]
        # Of the pair the step takes leverages from the controls alone, a dozen in their rare batch.
        assert found["observed_se"] / found["se"] == pytest.approx(1.0, abs=1e-6 if pooled else 1 / 11)
        if not pooled:
            alone = found["se"]
    assert alone > 1.2 * found["se"]


def _influence_by_hand(adata, g: str, k: str) -> np.ndarray:
    """Of log(Y_g / L_g) − log(Y_0 / L_0), counts over depth: residuals over counts, and over 1 − leverage (HC3)."""
    y, depth = adata[:, k].X.toarray().ravel(), adata.obs["depth"].to_numpy()
    of_cells = np.zeros(adata.n_obs)
    for label, sign in ((g, 1.0), ("control", -1.0)):
        cells = (adata.obs["perturbation"] == label).to_numpy()
        mean = depth[cells] * y[cells].sum() / depth[cells].sum()
        of_cells[cells] = sign * (y[cells] - mean) / (1 - mean / y[cells].sum()) / y[cells].sum()
    return of_cells


@pytest.mark.parametrize(
    "asked", [{"A": "observed", "B": "observed"}, {"A": 0.3}, {"A": 0.3, "B": "observed"}, {"A": 0.2, "B": 2.0}]
)
def test_what_was_observed_has_the_error_of_a_sum_of_estimates(screen, asked):
    """Several perturbations, which share the controls, and folds, over an estimate: against influences by hand."""
    pairs = ag.get.pairs(screen).set_index(["source", "target"])["effect"]
    own = ag.get.perturbations(screen).set_index("perturbation")["effect"]
    found = predicted(screen, asked)["observed_se"]
    for k in GENES:
        total = np.zeros(screen.n_obs)
        for g, fold in asked.items():
            if fold == "observed":
                total += _influence_by_hand(screen, g, k)
            elif g != k:
                times = np.log(fold) / own[g]
                of_own = _influence_by_hand(screen, g, g)
                total += times * (_influence_by_hand(screen, g, k) - pairs[g, k] / own[g] * of_own)
        assert found[k] == pytest.approx(np.linalg.norm(total), rel=1e-6), k


def test_the_observed_of_a_joint_network_has_the_same_error(joint):
    asked = {"A": 0.3, "B": "observed"}
    found = predicted(joint, asked, network="argen_joint")["observed_se"]
    adata = joint.copy()
    ag.tl.argen_dag(adata)
    pd.testing.assert_series_equal(found[GENES], predicted(adata, asked)["observed_se"][GENES])


def test_without_the_cells_sums_have_no_error(screen):
    pairs = ag.get.pairs(screen).set_index(["source", "target"])
    own = ag.get.perturbations(screen).set_index("perturbation").loc["A"]
    one = predicted(screen, ["A"], intervals=False)["observed_se"]
    np.testing.assert_allclose(one[["B", "C", "D"]], pairs["se"]["A"][["B", "C", "D"]])
    assert one["A"] == own["se"]
    pd.testing.assert_series_equal(one, predicted(screen, ["A"])["observed_se"])
    fold, (effect, se) = (
        predicted(screen, {"A": 0.3}, intervals=False)["observed_se"],
        pairs.loc[("A", "B"), ["effect", "se"]],
    )
    assert fold["A"] == 0.0
    expected = abs(np.log(0.3) / own["effect"]) * np.hypot(se, effect / own["effect"] * own["se"])
    assert fold["B"] == pytest.approx(expected)
    several = predicted(screen, {"A": 0.3, "B": "observed"}, intervals=False)["observed_se"]
    assert several[["B", "C", "D"]].isna().all()
    assert several["A"] == pytest.approx(pairs.loc[("B", "A"), "se"])  # A itself is given


def influence(adata, asked, data) -> np.ndarray:
    """[gene, cell of the object] what a cell does to a prediction."""
    step = open_network(adata, ag.tl.argen_predict, "argen_dag", key_added="x", kind="prediction")
    network = read_network(adata, "argen_dag")
    given = read_given(asked, False, network, gene_names(adata, None))
    effects = predicted_effects(network.theta, given.position, given.alone, given.position[given.held])
    found = influence_of_predictions(
        step.step.screen, step.dag, step.relation, np.ones(4, dtype=bool), effects, given.observed,
        prior=step.prior, first_stage=data.get("first_stage", "shrunk"), phi=step.step.phi,
        pooled=step.step.settings.pooled,
    )  # fmt: skip
    by_cell = np.zeros((4, adata.n_obs))
    by_cell[np.ix_(effects.reached, step.step.screen.cell)] = found.cells
    return by_cell, found.se


def _ends(adata, *, selected: bool) -> set:
    edges = ag.get.edges(adata, selected=selected)
    return set(zip(edges["source"], edges["target"], strict=True))


FORBIDDEN = pd.DataFrame({"source": ["A", "B"], "target": ["D", "D"], "rule": "forbidden"})


@pytest.mark.parametrize(
    ("asked", "kwargs"),
    [
        (["A"], {}),
        ({"A": 0.3, "B": "observed"}, {"first_stage": "shared", "closure": True, "edges_hc": "HC3"}),
        (["A", "C"], {"first_stage": "ancestors", "prior": FORBIDDEN}),  # over-identified
        (["A", "C"], {"covariates": ["batch"]}),
    ],
)
def test_influences_are_what_leaving_cells_out_changes(asked, kwargs):
    """A prediction without some cells is, to first order, what it was less the influence of these cells."""
    adata, data = simulated(3), DATA | kwargs
    share = np.where(adata.obs["perturbation"] == "control", 0.2, 0.8)  # unbalanced: knock-downs see some cells alone
    adata.obs["batch"] = np.where(np.random.default_rng(1).random(adata.n_obs) < share, "x", "y")
    ag.tl.argen_dag(adata, **data)
    assert adata.uns["argen_dag"]["tables"]["equations"]["over_identified"].any() == ("prior" in kwargs)
    whole = predicted(adata, asked)
    by_cell, se = influence(adata, asked, data)
    np.testing.assert_allclose(whole.loc[GENES, "se"], se)
    np.testing.assert_allclose(np.sqrt((by_cell**2).sum(axis=1)), se)
    n_groups, rng = 12, np.random.default_rng(0)
    group = np.empty(adata.n_obs, dtype=int)
    for label in adata.obs["perturbation"].unique():  # every group loses the same share of every perturbation
        cells = np.flatnonzero(adata.obs["perturbation"] == label)
        group[cells] = rng.permutation(np.arange(len(cells)) % n_groups)
    changes, expected = [], []
    for g in range(n_groups):
        part = adata[group != g].copy()
        del part.uns["argen_dag"], part.uns["argen_descendants"]
        ag.tl.argen_dag(part, **data)
        if all(_ends(part, selected=chosen) == _ends(adata, selected=chosen) for chosen in (True, False)):
            found = predicted(part, asked, intervals=False)["effect"]
            changes.append((whole["effect"] - found)[GENES])
            expected.append(by_cell[:, group == g].sum(axis=1))
    assert len(changes) >= 8
    changes, expected = np.array(changes), np.array(expected)
    for j in range(1, 4):
        slope = (changes[:, j] @ expected[:, j]) / (expected[:, j] @ expected[:, j])
        assert np.corrcoef(changes[:, j], expected[:, j])[0, 1] > 0.99
        # A twelfth of the cells is left out: what remains weighs 12/11, and influences of residuals over 1 − leverage
        # are larger by about 1/80.
        assert slope == pytest.approx(12 / 11, abs=0.1)


def test_one_edge_has_its_own_error():
    """Through a single edge a fold f has the error |log f| times that of the edge, whatever else is a candidate."""
    dag = pd.concat([DIAMOND, pd.DataFrame({"source": ["B", "C"], "target": ["R", "R"], "weight": [0.6, -0.7]})])
    adata = simulated(5, dag, [*GENES, "R"], perturbations=GENES)
    ag.tl.argen_dag(adata, **DATA, covariance="stacked", edges_hc="HC3")
    ag.tl.argen_responders(adata)
    edges = ag.get.edges(adata, responders=True).set_index(["source", "target"])
    for source, target in (("A", "B"), ("B", "C"), ("C", "D"), ("C", "R")):
        found = predicted(adata, {source: 0.4})
        assert found.loc[target, "se"] == pytest.approx(abs(np.log(0.4)) * edges.loc[(source, target), "se"])
        assert found.loc[target, "direct"]
    assert found.loc["R", "kind"] == "responder"
    without = predicted(adata, {"C": 0.4}, responders=False)
    assert "R" not in without.index


@pytest.mark.slow
def test_responders_have_the_errors_of_all_stages():
    """Without a group of cells the prediction of a responder changes by the influence of these cells, to first order.

    Held against the whole: the jackknife over 24 groups has a relative error of 1 / √48.
    """
    dag = pd.concat([DIAMOND, pd.DataFrame({"source": ["B", "C"], "target": ["R", "R"], "weight": [0.6, -0.7]})])
    adata = simulated(5, dag, [*GENES, "R"], perturbations=GENES)
    adata.obs["batch"] = pd.Categorical(np.arange(adata.n_obs) % 3)
    data = DATA | {"covariates": ["batch"], "perturbations": GENES}

    def found(part, **kwargs):
        ag.tl.argen_dag(part, **data, alpha=0.5)
        ag.tl.argen_responders(part, alpha=0.5)
        assert len(ag.get.responders(part)) >= 2
        return predicted(part, {"A": "observed", "B": 0.5}, **kwargs)

    whole = found(adata)
    assert whole.loc["R", "kind"] == "responder"
    n_groups, rng = 24, np.random.default_rng(0)
    group = np.empty(adata.n_obs, dtype=int)
    for label in adata.obs["perturbation"].unique():
        cells = np.flatnonzero(adata.obs["perturbation"] == label)
        group[cells] = rng.permutation(np.arange(len(cells)) % n_groups)
    values = []
    for g in range(n_groups):
        part = adata[group != g].copy()
        for key in [key for key in part.uns if key.startswith("argen")]:
            del part.uns[key]
        del part.varm["argen_responders"]
        values.append(found(part, intervals=False).loc["R", "effect"])
    jackknife = np.sqrt((n_groups - 1) / n_groups * np.sum((np.array(values) - np.mean(values)) ** 2))
    assert whole.loc["R", "se"] == pytest.approx(jackknife, rel=3 / np.sqrt(2 * n_groups))


def test_paths_add_up_and_flags_speak(screen):
    result = ag.tl.argen_predict(screen, {"A": 0.01, "C": 3.0}, n_paths=1, copy=True)
    genes = ag.get.prediction(result).set_index("gene")
    paths = ag.get.prediction(result, table="paths")
    assert (paths["rank"] == 1).all()
    for path in paths.itertuples():
        assert path.contribution + path.others == pytest.approx(genes.loc[path.gene, "effect"])
        assert path.path.split(" → ")[0] == path.source
        assert path.path.split(" → ")[-1] == path.gene
        assert path.share == pytest.approx(path.contribution / genes.loc[path.gene, "effect"])
    assert genes.loc["D", "n_paths"] == 3  # A → B → C → D, A → C → D, C → D
    assert genes.loc["C", "direct"]
    assert not genes.loc["A", "direct"]
    asked = ag.get.prediction(result, table="perturbations").set_index("gene")
    assert asked.loc["A", "flags"] == "beyond what the screen saw; combination not used"
    assert asked.loc["C", "flags"] == "opposite to what the screen saw; combination not used"
    assert "beyond the effects seen" in genes.loc["B", "flags"]
    everything = ag.tl.argen_predict(screen, {"A": 0.013, "C": 3.0}, n_paths=9, copy=True)
    assert (ag.get.prediction(everything, table="paths")["others"] == 0).all()  # without what rounding leaves
    result = ag.tl.argen_predict(screen, {"C": 50.0}, copy=True)
    flags = ag.get.prediction(result, table="perturbations")["flags"].tolist()
    assert flags == ["opposite to what the screen saw; beyond what the screen saw"]
    result = ag.tl.argen_predict(screen, "D", copy=True)
    genes = ag.get.prediction(result).set_index("gene")
    assert genes.loc[["A", "B", "C"], "flags"].eq("no path").all()
    assert genes.loc[["A", "B", "C"], "effect"].eq(0).all()


def test_held_genes_do_not_follow_their_parents(screen):
    free, held = (predicted(screen, {"A": 0.5, "C": 0.5}, hold=h) for h in (False, ["C"]))
    assert held.loc["C", "effect"] == pytest.approx(np.log(0.5))
    assert held.loc["C", "se"] == 0
    coef = ag.get.edges(screen).set_index(["source", "target"])["coef"]
    assert held.loc["D", "effect"] == pytest.approx(np.log(0.5) * coef["C", "D"])
    assert free.loc["C", "effect"] < held.loc["C", "effect"]
    both = predicted(screen, {"A": 0.5, "C": 0.5}, hold=True)
    pd.testing.assert_frame_equal(both, held)
    blocked = predicted(screen, {"A": 0.5, "C": 1}, hold="C")
    assert blocked.loc["D", "effect"] == 0
    assert blocked.loc["B", "effect"] == pytest.approx(np.log(0.5) * coef["A", "B"])


@pytest.fixture(scope="module")
def joint():
    adata = simulated(1)
    ag.tl.argen_joint(adata, **DATA, chains=8)
    return adata


def test_a_joint_network_predicts_from_its_draws(joint):
    found = predicted(joint, {"A": "observed", "B": 0.5}, network="argen_joint")
    strengths = joint.uns["argen_joint"]["tables"]["strengths"].set_index("perturbation")
    # The knock-down's mean and standard error over the draws are near those of the full information: a quarter, for 240
    # draws that hang together.
    assert found.loc["A", "effect"] == pytest.approx(strengths.loc["A", "tau"], abs=strengths.loc["A", "tau_se"])
    assert found.loc["A", "se"] == pytest.approx(strengths.loc["A", "tau_se"], rel=0.25)
    # What was observed is what the descendant step saw, in both tables.
    result = ag.tl.argen_predict(joint, {"A": "observed", "B": 0.5}, network="argen_joint", intervals=False, copy=True)
    asked = ag.get.prediction(result, table="perturbations").set_index("gene")
    genes = ag.get.prediction(result).set_index("gene")
    own = ag.get.perturbations(joint).set_index("perturbation")
    pairs = ag.get.pairs(joint).set_index(["source", "target"])["effect"]
    np.testing.assert_allclose(asked["observed"], own.loc[asked.index, "effect"])
    np.testing.assert_allclose(asked["z_squared"], (own["effect"] / own["se"]).loc[asked.index] ** 2)
    times = np.log(0.5) / own.loc["B", "effect"]
    assert genes.loc["A", "observed"] == pytest.approx(own.loc["A", "effect"] + times * pairs["B", "A"])
    assert genes.loc["B", "observed"] == pytest.approx(np.log(0.5) + pairs["A", "B"])
    through = predicted(joint, {"A": "observed", "B": 0.5}, network="argen_joint", intervals=False)
    assert through["se"].isna().all()
    np.testing.assert_allclose(found["effect"], through["effect"].reindex(found.index), atol=0.15)
    again = predicted(joint, {"A": "observed", "B": 0.5}, network="argen_joint", n_jobs=2)
    pd.testing.assert_frame_equal(found, again)
    inside = (found["ci_low"] <= found["effect"]) & (found["effect"] <= found["ci_high"])
    assert inside[found["se"].notna()].all()


def test_draws_are_the_networks_that_the_search_averaged(joint):
    """Inclusion is the mean over conditionals, draws are what was drawn: near each other where it is 0 or 1."""
    from argen._bridge.results.steps import read_step
    from argen._core.descendants.prior import no_prior
    from argen._core.joint.sums import group_sums
    from argen._core.joint.table import effect_table
    from argen._core.predict.draws import draw_networks

    table = effect_table(group_sums(read_step(joint, "argen_descendants").screen))
    draws = draw_networks(table, no_prior(4), chains=8, seed=0, shifts=True)
    share = np.mean([[chain.theta(s) != 0 for s in range(len(chain.tau))] for chain in draws], axis=(0, 1))
    inclusion = ag.get.inclusion(joint).loc[GENES, GENES].to_numpy()
    certain = np.abs(inclusion - 0.5) > 0.45
    np.testing.assert_allclose(share[certain], inclusion[certain], atol=0.1)
    assert certain.sum() >= 10


def test_other_networks_have_no_errors(screen):
    adata = screen.copy()
    ag.tl.inspre(adata)
    found = predicted(adata, ["A"], network="inspre")
    assert found["se"].isna().all()
    assert np.isfinite(found["effect"]).all()
    theta = adata.varp["inspre"].toarray()
    order = [adata.var_names.get_loc(gene) for gene in GENES]
    theta = theta[np.ix_(order, order)]
    response = np.linalg.inv(np.eye(4) - theta)
    expected = found.loc["A", "effect"] * response[0] / response[0, 0]
    np.testing.assert_allclose(found.loc[GENES, "effect"], expected, atol=1e-12)
    ag.tl.argen_naive(adata)
    with pytest.raises(InputError, match=r"slopes of log\(counts / depth \+ 1\), which cannot be translated"):
        ag.tl.argen_predict(adata, ["A"], network="argen_naive")


def predicted_of_elsewhere(adata, *args, **kwargs) -> pd.DataFrame:
    """The same of an imported network, the units of whose weights nobody knows."""
    with pytest.warns(ArgenWarning, match="read from elsewhere, are taken for changes of log expression"):
        return predicted(adata, *args, **kwargs)


def test_an_imported_network_is_held_against_the_screen(screen):
    adata = screen.copy()
    ag.io.read_network(adata, DIAMOND, key_added="known")
    with pytest.warns(ArgenWarning, match="read from elsewhere"):
        ag.tl.argen_predict(adata, {"A": 0.01, "B": "observed"}, network="known")
    ag.tl.argen_predict(adata, {"A": 0.01, "B": "observed"}, key_added="own", intervals=False)
    for table, columns in (
        ("genes", ["observed", "observed_se"]),
        ("perturbations", ["observed", "z_squared", "flags"]),
    ):
        found, own = (ag.get.prediction(adata, table=table, key=key) for key in ("argen_predict", "own"))
        pd.testing.assert_frame_equal(
            found.set_index("gene")[columns].sort_index(), own.set_index("gene")[columns].sort_index()
        )
    assert adata.uns["argen_predict"]["settings"]["descendants"] == "argen_descendants"
    assert ag.get.prediction(adata).set_index("gene").loc["D", "effect"] != 0
    gone = adata.copy()
    del gone.uns["argen_descendants"]
    assert list(ag.get.prediction(gone)["gene"]) == list(ag.get.prediction(adata)["gene"])
    with pytest.raises(InputError, match="no descendant step"):
        ag.tl.argen_predict(adata, ["A"], network="known", descendants="elsewhere")


def test_groups_have_no_intervals(screen):
    adata = screen.copy()
    ag.tl.argen_dag(adata, groups={"A": "one", "B": "one", "C": "two", "D": "two"}, key_added="grouped")
    with pytest.raises(InputError, match=r"within groups of genes, .* give intervals=False"):
        ag.tl.argen_predict(adata, {"A": 0.5}, network="grouped")
    found = predicted(adata, {"A": 0.5}, network="grouped", intervals=False)
    coef = ag.get.edges(adata, key="grouped").set_index(["source", "target"])["coef"]
    assert found.loc["B", "effect"] == pytest.approx(np.log(0.5) * coef["A", "B"])


def test_a_perturbed_gene_that_is_not_measured_is_explained():
    adata = simulated()
    adata = adata[:, adata.var_names != "D"].copy()
    with pytest.warns(ArgenWarning, match="D"):
        ag.tl.argen_dag(adata, **DATA)
    with pytest.raises(InputError, match=r"D was perturbed in this screen: dropped, "):
        ag.tl.argen_predict(adata, {"D": 0.2})


def test_a_network_without_a_descendant_step(screen):
    """As one that was read from a file: folds alone can be asked for, and nothing was observed."""
    adata = screen.copy()
    ag.tl.inspre(adata)
    adata.uns["inspre"]["settings"] |= {"method": "imported", "descendants": ""}
    del adata.uns["inspre"]["made_from"]["descendants"]
    seen = predicted_of_elsewhere(adata, {"A": 0.5}, network="inspre")
    del adata.uns["argen_descendants"]
    found = predicted_of_elsewhere(adata, {"A": 0.5}, network="inspre")
    assert seen["observed"].notna().all()
    np.testing.assert_array_equal(seen["effect"], found["effect"])
    assert found.loc["A", "effect"] == pytest.approx(np.log(0.5))
    assert found[["se", "observed"]].isna().all(axis=None)
    with pytest.warns(ArgenWarning, match="read from elsewhere"):
        result = ag.tl.argen_predict(adata, {"A": 0.5}, network="inspre", copy=True)
    assert ag.get.prediction(result, table="perturbations")["flags"].tolist() == ["not perturbed in this screen"]
    assert ag.pl.argen_predict(result, show=False) is not None
    plt.close("all")
    with pytest.raises(InputError, match=r"no descendant step in this object\. Give a fold"):
        ag.tl.argen_predict(adata, ["A"], network="inspre")


def test_traces_of_draws_are_no_effects():
    effect = np.array([-7.4e-9, 0.0, 5e-7, -1e-9, 0.3])
    low, high = np.array([-7.4e-9, np.nan, -0.1, -1e-9, 0.1]), np.array([0.0, np.nan, 0.1, 2e-6, 0.5])
    found = Estimates(effect, np.full(5, 0.1), low, high).without_traces()
    np.testing.assert_array_equal(found.effect, [0.0, 0.0, 5e-7, -1e-9, 0.3])
    np.testing.assert_array_equal(np.isnan(found.se), [True, True, False, False, False])
    np.testing.assert_array_equal(found.low, np.where(np.isnan(found.se), np.nan, low))


def test_cycles_that_do_not_die_down_are_refused(screen):
    adata = screen.copy()
    ag.tl.inspre(adata)
    edges = adata.uns["inspre"]["tables"]["edges"]
    loop = ((edges["source"] == "A") & (edges["target"] == "B")) | ((edges["source"] == "B") & (edges["target"] == "A"))
    adata.uns["inspre"]["tables"]["edges"] = edges.assign(
        coef=edges["coef"].where(~loop, 1.1), selected=edges["selected"] | loop
    )
    with pytest.raises(InputError, match=r"cycles whose effects do not die down .spectral radius"):
        ag.tl.argen_predict(adata, ["A"], network="inspre")


@pytest.mark.parametrize(
    ("asked", "options", "words"),
    [
        ({}, {}, "perturbations is empty"),
        ({"Z": 0.2}, {}, "not in the network of .*'Z'.*Its genes are A, B, C, D"),
        ({"a": 0.2}, {}, "Did you mean 'A'"),
        ({"A": 1e-300}, {}, "is no fold that a gene's level can have: give one from 1e-06 to 1e\\+06"),
        ({"A": 2e6}, {}, "is no fold"),
        ({"A": 0}, {}, "A level of 0 has no logarithm"),
        ({"A": -1.0}, {}, "a number above 0"),
        ({"A": True}, {}, "a number above 0"),
        ({"A": np.inf}, {}, "a number above 0"),
        ({"A": "seen"}, {}, "or 'observed'"),
        ({"A": 1.0}, {}, "A fold of 1 changes nothing: A"),
        (3, {}, "give a mapping such as"),
        ([1, 2], {}, "give a mapping such as"),
        (["A"], {"hold": ["B"]}, "not among the perturbations: B"),
        (["A"], {"hold": 3}, "give True, False, or names"),
        (["A"], {"key_added": "argen_dag"}, "would overwrite the network"),
        (["A"], {"key_added": "argen_descendants"}, "holds a descendant step"),
        (["A"], {"n_paths": -1}, "n_paths"),
        (["A"], {"intervals": "yes"}, "intervals"),
    ],
)
def test_bad_input(screen, asked, options, words):
    before = dict(screen.uns)
    with pytest.raises(InputError, match=words):
        ag.tl.argen_predict(screen, asked, **options)
    assert dict(screen.uns) == before


def test_missing_and_stale(screen):
    with pytest.raises(MissingResultError, match="argen_dag"):
        ag.tl.argen_predict(simulated(), ["A"])
    with pytest.raises(MissingResultError, match="argen_predict"):
        ag.get.prediction(screen)
    adata = screen.copy()
    ag.tl.argen_predict(adata, ["A"])
    changed = adata.copy()
    changed.obs["depth"] *= np.linspace(1, 2, adata.n_obs)
    with pytest.raises(StaleResultError):
        ag.tl.argen_predict(changed, ["A"])
    ag.tl.argen_predict(changed, ["A"], intervals=False)  # coefficients alone
    ag.tl.argen_dag(adata, alpha=0.2)
    with pytest.warns(ArgenWarning, match="older network"):
        ag.get.prediction(adata)


def test_survives_files(screen, tmp_path):
    adata = ag.tl.argen_predict(screen, {"A": 0.5, "B": "observed"}, copy=True)
    for name, write, read in (("x.h5ad", "write_h5ad", ad.read_h5ad), ("x.zarr", "write_zarr", ad.read_zarr)):
        getattr(adata, write)(tmp_path / name)
        back = read(tmp_path / name)
        for table in ("genes", "paths", "perturbations"):
            pd.testing.assert_frame_equal(
                ag.get.prediction(adata, table=table), ag.get.prediction(back, table=table), check_dtype=False
            )
        assert ag.pl.argen_predict(back, show=False) is not None
        plt.close("all")


def test_names_and_modalities(screen):
    adata = screen.copy()
    adata.var["symbol"] = [f"sym{gene}" for gene in adata.var_names]
    asked = {"symA": 0.5, "B": "observed"}
    ag.tl.argen_predict(adata, asked, gene_symbols="symbol")
    shown = ag.get.prediction(adata, gene_symbols="symbol", table="paths")
    assert shown["path"].str.match(r"^sym[A-D]( → sym[A-D])*$").all()
    pd.testing.assert_frame_equal(
        predicted(screen, {"A": 0.5, "B": "observed"}), ag.get.prediction(adata).set_index("gene")
    )
    with pytest.raises(InputError, match="names 'A' twice"):
        ag.tl.argen_predict(adata, {"A": 0.5, "symA": 0.4}, gene_symbols="symbol")
    with pytest.warns(ArgenWarning, match="1 of the 4 genes"):
        assert "D" not in set(ag.get.prediction(adata[:, adata.var_names != "D"].copy())["gene"])


def test_the_fit_of_a_two_stage_network(screen):
    table = ag.get.fit(screen, key="argen_dag").set_index(["source", "target"])
    for gene in ("A", "B"):
        found = predicted(screen, [gene], intervals=False)
        np.testing.assert_allclose(table.loc[gene].loc[GENES, "predicted"], found.loc[GENES, "effect"], atol=1e-12)
        np.testing.assert_allclose(table.loc[gene].loc[GENES, "observed"], found.loc[GENES, "observed"], atol=1e-12)
    assert ag.pl.argen_fit(screen, key="argen_dag", show=False) is not None
    plt.close("all")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::argen.errors.ArgenWarning")  # of chains that disagree
def test_intervals_cover_the_truth():
    """95 % intervals of what is reached, in 40 screens: within three Monte-Carlo standard errors of .95."""
    rows = {"argen_dag": [], "argen_joint": []}
    true_edges = set(zip(DIAMOND["source"], DIAMOND["target"], strict=True))
    for seed in range(40):
        adata = simulated(100 + seed, n_confounders=1, confounder_effect=(-0.4, 0.4))
        truth = pd.DataFrame(adata.varp["truth"].toarray(), adata.var_names, adata.var_names).loc[GENES, GENES]
        reach = np.linalg.inv(np.eye(4) - truth.to_numpy())
        expected = pd.Series(np.array([-1.3, 0, np.log(1.5), 0]) @ reach, GENES)
        ag.tl.argen_dag(adata, **DATA)
        ag.tl.argen_joint(adata, chains=8)
        for key, covered in rows.items():
            edges = ag.get.edges(adata, key=key)
            if set(zip(edges["source"], edges["target"], strict=True)) != true_edges:
                continue  # the interval takes the edges for known
            found = predicted(adata, {"A": "observed", "C": 1.5}, network=key).loc[["B", "D"]]
            true = expected[["B", "D"]]
            covered.append(((found["ci_low"] <= true) & (true <= found["ci_high"])).mean())
    for key, covered in rows.items():
        assert len(covered) >= 20, key
        mc_error = max(np.std(covered), 0.1) / np.sqrt(len(covered))
        print(key, len(covered), np.mean(covered), mc_error)
        assert np.mean(covered) == pytest.approx(0.95, abs=3 * mc_error), key
