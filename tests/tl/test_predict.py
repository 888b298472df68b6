"""`tl.argen_predict`: numbers against refits without a cell, posterior draws, coverage; and what it refuses."""

import numpy as np
import pandas as pd
import pytest

import argen as ag
from argen._bridge.gene_names import gene_names
from argen._bridge.prediction.given import read_given
from argen._bridge.prediction.network import read_network
from argen._bridge.results.searched import open_network
from argen._core.predict.delta import influence_of_predictions
from argen._core.predict.effects import predicted_effects

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


def influence(adata, asked, data) -> np.ndarray:
    """[gene, cell of the object] what a cell does to a prediction."""
    step = open_network(adata, ag.tl.argen_predict, "argen_dag", key_added="x", kind="prediction")
    network = read_network(adata, "argen_dag")
    given = read_given(asked, False, network, gene_names(adata, None))
    effects = predicted_effects(network.theta, given.position, given.alone, given.position[given.held])
    found = influence_of_predictions(
        step.step.screen, step.dag, step.relation, np.ones(4, dtype=bool), effects, given.observed,
        prior=step.prior, first_stage=data.get("first_stage", "shrunk"), phi=step.step.phi,
    )  # fmt: skip
    by_cell = np.zeros((4, adata.n_obs))
    by_cell[np.ix_(effects.reached, step.step.screen.cell)] = found.cells
    return by_cell, found.se


def _ends(adata, *, selected: bool) -> set:
    edges = ag.get.edges(adata, selected=selected)
    return set(zip(edges["source"], edges["target"], strict=True))


FORBIDDEN = pd.DataFrame({"source": ["A", "B"], "target": ["D", "D"], "rule": "forbidden"})


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"first_stage": "shared", "closure": True, "edges_hc": "HC3"},
        {"first_stage": "ancestors", "prior": FORBIDDEN},  # over-identified
    ],
)
@pytest.mark.parametrize("asked", [["A"], {"A": 0.3, "B": "observed"}])
def test_influences_are_what_leaving_cells_out_changes(kwargs, asked):
    """A prediction without some cells is, to first order, what it was less the influence of these cells."""
    adata, data = simulated(3), DATA | kwargs
    ag.tl.argen_dag(adata, **data)
    assert adata.uns["argen_dag"]["tables"]["equations"]["over_identified"].any() == ("prior" in kwargs)
    whole = predicted(adata, asked)
    by_cell, se = influence(adata, asked, data)
    np.testing.assert_allclose(whole.loc[GENES, "se"], se)
    np.testing.assert_allclose(np.sqrt((by_cell**2).sum(axis=1)), se)
    n_groups, rng = 20, np.random.default_rng(0)
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
    assert len(changes) >= 10
    changes, expected = np.array(changes), np.array(expected)
    for j in range(1, 4):
        slope = (changes[:, j] @ expected[:, j]) / (expected[:, j] @ expected[:, j])
        assert np.corrcoef(changes[:, j], expected[:, j])[0, 1] > 0.99
        # A twentieth of the cells is left out: what remains weighs 20/19, and influences of residuals over 1 − leverage
        # are larger by about 1/80.
        assert slope == pytest.approx(20 / 19, abs=0.08)
