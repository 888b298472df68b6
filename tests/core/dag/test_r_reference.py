"""The descendant step and the search against the authors' R output, computed with their shared first stage."""

import numpy as np
import pandas as pd
import pytest
from data_files import fixture
from screens import chr6like_screen, sim8_screen

from argen._core.dag.search import search_dag
from argen._core.descendants.closure import descendant_relation
from argen._core.descendants.tests import fit_descendants

SIM8 = [(seed, analysis) for seed in (1, 2) for analysis in ("Full", "Omitted")]


def run(screen):
    tests = fit_descendants(screen)
    relation = descendant_relation(tests, closure=True, alpha=0.05)
    dag = search_dag(screen, tests, relation, first_stage="shared", covariance="murphy-topel", alpha=0.05)
    return screen, tests, relation, dag


@pytest.fixture(scope="module", params=[*SIM8, "chr6like"], ids=str)
def case(request):
    if request.param == "chr6like":
        return fixture("chr6like"), *run(chr6like_screen())
    seed, analysis = request.param
    return fixture("sim8", f"seed{seed}", analysis), *run(sim8_screen(seed, analysis))


def edge_table(screen, dag):
    names = np.array(screen.genes)
    columns = {"coef": dag.coef, "se": dag.se, "p": dag.p, "selected": dag.selected}
    return pd.DataFrame({"from": names[dag.source], "to": names[dag.target], **columns}).set_index(["from", "to"])


def test_p_values(case):
    folder, _, tests, _, _ = case
    reference = pd.read_csv(folder / "P_raw.csv", index_col=0).to_numpy()
    comparable = reference > 0  # the diagonal is NA, two entries underflow in R
    assert comparable.sum() >= reference.size - len(reference) - 2
    theirs, ours = -np.log10(reference[comparable]), tests.neg_log10_p[comparable]
    assert np.all(np.abs(ours - theirs) <= np.maximum(0.01 * theirs, 1e-3))


def test_underflowed_p_values_are_finite_on_the_log_scale(case):
    folder, _, tests, _, _ = case
    reference = pd.read_csv(folder / "P_raw.csv", index_col=0).to_numpy()
    assert np.all(np.isfinite(tests.neg_log10_p[reference == 0]))
    assert np.all(tests.neg_log10_p[reference == 0] > 300)


def test_adjusted_p_values(case):
    folder, _, _, relation, _ = case
    reference = pd.read_csv(folder / "P_adj.csv", index_col=0).to_numpy()
    comparable = reference > 1e-290
    np.testing.assert_allclose(np.log(relation.padj[comparable]), np.log(reference[comparable]), rtol=0.01, atol=2e-3)


def test_descendant_sets(case):
    folder, screen, _, relation, _ = case
    table = pd.read_csv(folder / "descendant_set.csv")
    names = np.array(screen.genes)
    ours = {(names[i], names[j]) for i, j in np.argwhere(relation.significant)}
    assert ours == set(zip(table["node"], table["descendant"], strict=True))


def test_causal_order(case):
    folder, screen, _, _, dag = case
    reference = pd.read_csv(folder / "causal_order.csv").sort_values("position")["node"].tolist()
    assert [screen.genes[i] for i in dag.order] == reference


def test_every_candidate_edge(case):
    folder, screen, _, _, dag = case
    reference = pd.read_csv(folder / "edge_structure_all.csv").set_index(["from", "to"])
    ours = edge_table(screen, dag)
    assert set(ours.index) == set(reference.index)
    ours = ours.loc[reference.index]
    np.testing.assert_allclose(ours["coef"], reference["coef"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(ours["se"], reference["se"], rtol=1e-4)


def test_selected_edges(case):
    folder, screen, _, _, dag = case
    reference = pd.read_csv(folder / "edge_structure.csv")
    ours = edge_table(screen, dag)
    assert set(ours.index[ours["selected"]]) == set(zip(reference["from"], reference["to"], strict=True))


def test_the_hard_case_is_hard():
    screen, _, relation, _ = run(chr6like_screen())
    assert screen.n_cells == 17_724
    assert (relation.significant.sum(), relation.descendant.sum()) == (289, 1489)
    assert relation.mutual.sum() == 2 * 561
